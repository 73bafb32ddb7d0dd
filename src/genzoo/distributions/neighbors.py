"""Entropy and KL of densities from samples alone, by the distance to the k-th nearest neighbor.

A ball around x that just holds k of n rows has a mass of about k/n, so its radius ρ tells the density there:

$$ \\hat H(p) = \\psi(n) - \\psi(k) + \\log c_D + \\tfrac{D}{n} \\textstyle\\sum_i \\log \\rho_k(x_i), $$

$$ \\hat D(p \\| q) = \\tfrac{D}{n} \\textstyle\\sum_i \\log \\frac{\\nu_k(x_i)}{\\rho_k(x_i)}
   + \\log \\frac{m}{n-1}, $$

with ν the radius of the ball that holds k of the m rows of q, ψ the digamma function and c_D the volume of the unit
ball. Where p has mass and q has none the divergence is ∞, but m rows of q cannot say so: their nearest neighbors are
merely far, and the formula gives some number that grows with log m. It gives itself away when half of the rows make
a smaller claim, and is refused.

Both formulas take the density for constant within a ball. n rows in D dimensions have balls that are about n^(−1/D)
of the whole across, which in ten dimensions is most of it; then a KL is off by a half and more, too low where q is as
wide as p and too high where it is wider, and its error does not know. `start="normal"` takes constant what is left
when the density is divided by a normal one g with the mean and covariance of its rows, as Hjort and Glad do for
kernels: the volume of a ball gives way to

$$ \\frac{1}{g(x)} \\int_{B(x, \\rho)} g, $$

a noncentral χ² probability where rows are white. For normal distributions that is right in any D; where they are like
none, such as evenly filled cubes, it is no better or worse. How far the two are apart says something of the bias.

References:
    Kozachenko & Leonenko, 1987, "Sample estimate of the entropy of a random vector"
    Wang, Kulkarni & Verdú, 2009, "Divergence estimation for multidimensional densities via k-nearest-neighbor
        distances"
    Hjort & Glad, 1995, "Nonparametric density estimation with a parametric start"
    McAllester & Stratos, 2020, "Formal limitations on the measurement of mutual information", arXiv:1811.04251
"""

import math
from typing import Literal

import torch
from scipy.spatial import cKDTree
from scipy.special import chndtr
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import Estimate, Unknowable
from genzoo.distributions.frechet import Moments
from genzoo.distributions.resampling import require_rows, subsample_error
from genzoo.distributions.samples import Samples, checked_rows

__all__ = ["Start", "neighbor_entropy", "neighbor_estimate", "neighbor_kl"]

Start = Literal["constant", "normal"]
LEAST = 100
FAINT = 1e-290
GROWTH = 0.05 * math.log(2)  # of the estimate with twice the rows, where q does not cover a twentieth of p


def neighbor_entropy(x: Samples, *, k: int = 3, start: Start = "constant") -> Estimate:
    """The differential entropy of the density that rows were drawn from, in nats, with its standard error.

    Args:
        x: The rows.
        k: Which neighbor, from 1.
        start: What the density is like within a ball: `constant`, or like a `normal` one.

    Raises:
        TooFew: If there are fewer than 100 rows.
        NotFinite: If a number is NaN or infinite.
        Unknowable: If more than k rows are equal: such rows have no density.

    Example:
        >>> neighbor_entropy(Noise(0).normal(2000, 1))  # log √(2πe) = 1.419
        Estimate(value=1.4..., error=0.02...)
    """
    (x,) = checked_rows(x, what="An entropy from nearest neighbors")
    require_rows(len(x), LEAST, "An entropy from nearest neighbors")
    terms = _log_volumes(x, x, k, start) + torch.digamma(torch.tensor([len(x), k]).double()).diff().neg()
    return Estimate(terms.mean().item(), (terms.var() / len(x)).sqrt().item())


def neighbor_kl(
    x: Samples,
    y: Samples,
    *,
    k: int = 3,
    start: Start = "constant",
    rounds: int = 20,
    seed: int = 0,
) -> Estimate:
    """KL(p ‖ q) between the densities that two sets of rows were drawn from, with its standard error.

    Args:
        x: Rows of p.
        y: Rows of q.
        k: Which neighbor, from 1.
        start: What the densities are like within a ball: `constant`, or like `normal` ones; then the error counts
            how far the two estimates are apart.
        rounds: Halves drawn for the error, and to see whether the estimate stands still as rows are added.
        seed: Names the halves.

    Raises:
        TooFew: If a set has fewer than 100 rows.
        NotFinite: If a number is NaN or infinite.
        Unknowable: If more than k rows are equal, or the estimate still grows with the number of rows, as it does
            where p has mass that q has not.

    Example:
        >>> x, y = Noise(0).normal(2000, 1), Noise(1).normal(2000, 1) + 1
        >>> neighbor_kl(x, y)  # ½
        Estimate(value=0.49..., error=0.05...)
    """
    what = "A KL divergence from nearest neighbors"
    p, q = checked_rows(x, y, what=what)
    require_rows(min(len(p), len(q)), LEAST, what)
    starts: tuple[Start, ...] = ("constant",) if start == "constant" else ("constant", start)
    halves = []

    def values(i: Tensor, j: Tensor) -> Tensor:
        return torch.tensor([neighbor_estimate(p[i], q[j], k=k, start=each) for each in starts], dtype=torch.float64)

    def half(i: Tensor, j: Tensor) -> Tensor:
        halves.append(values(i, j))
        return halves[-1]

    whole = values(torch.arange(len(p)), torch.arange(len(q)))
    error = subsample_error(half, len(p), len(q), noise=Noise(seed, "neighbors"), rounds=rounds)
    growth = whole - torch.stack(halves).mean(0)
    # The growth of the plain estimate decides: a normal density reaches everywhere, and would hide that q does not.
    if growth[0] > max(1.2 * error[0].item(), GROWTH):
        raise Unknowable(
            f"KL from nearest neighbors must not depend on the number of rows, but twice the rows raised it by "
            f"{growth[0]:.2f} to {whole[0]:.2f}: q may be zero, or too thin to be seen, where p is not, and the true "
            "value may be ∞. Use densities (`estimated`), or a distance that needs none (`energy_distance`, "
            "Wasserstein)."
        )
    doubts = torch.stack([error[-1], growth[-1], whole[-1] - whole[0]])
    return Estimate(whole[-1].item(), doubts.norm().item())


def neighbor_estimate(x: Samples, y: Samples, *, k: int = 3, start: Start = "constant") -> float:
    """Wang, Kulkarni and Verdú's estimate of KL(p ‖ q) alone, without an error, and whatever it is worth.

    Args:
        x: Rows of p.
        y: Rows of q.
        k: Which neighbor, from 1.
        start: What the densities are like within a ball.

    Example:
        >>> x, y = Noise(0).normal(2000, 1), Noise(1).normal(2000, 1) + 1
        >>> round(neighbor_estimate(x, y), 1)
        0.5
    """
    p, q = checked_rows(x, y, what="A KL divergence from nearest neighbors")
    require_rows(min(len(p) - 1, len(q)), k, f"A KL divergence from {k} neighbors")
    gaps = _log_volumes(p, q, k, start) - _log_volumes(p, p, k, start)
    return gaps.mean().item() + math.log(len(q) / (len(p) - 1))


def _log_volumes(x: Tensor, among: Tensor, k: int, start: Start) -> Tensor:
    """log V of each row, where the density of the others is about k / (n V)."""
    if start == "constant":
        return _log_ball(_radii(x, among, k), x.shape[1])
    if start != "normal":
        raise ValueError(f"`start` must be 'constant' or 'normal', got {start!r}.")
    return _normal_log_volumes(x, among, k)


def _normal_log_volumes(x: Tensor, among: Tensor, k: int) -> Tensor:
    """log ∫_B g / g(x), in units in which the normal density g of the others is a standard one."""
    shape, dims = Moments.of(among), x.shape[1]
    root, flaw = torch.linalg.cholesky_ex(shape.covariance)
    if flaw:
        raise Unknowable(
            f"Rows of a density must vary in every direction, but these lie on a plane of the {dims} dimensions. "
            "Leave out the entries that follow from others."
        )

    def white(rows: Tensor) -> Tensor:
        return torch.linalg.solve_triangular(root, (rows.double() - shape.mean).T, upper=False).T

    z = white(x)
    radii = _radii(z, z if among is x else white(among), k)
    square = z.square().sum(1)
    mass = torch.from_numpy(chndtr(radii.square().numpy(), dims, square.numpy()))
    log_g = -(square + dims * math.log(2 * math.pi)) / 2
    # So far out that the mass underflows, g is as good as nothing, and its shape no guide.
    volumes = torch.where(mass > FAINT, mass.log() - log_g, _log_ball(radii, dims))
    return volumes + root.diagonal().log().sum()


def _log_ball(radii: Tensor, dims: int) -> Tensor:
    return dims * radii.log() + dims / 2 * math.log(math.pi) - math.lgamma(dims / 2 + 1)


def _radii(x: Tensor, among: Tensor, k: int) -> Tensor:
    """The distance of each row to its k-th nearest of some rows; itself is no neighbor."""
    rank = k + 1 if among is x else k
    points = among.detach().double().cpu().numpy()
    distances, _ = cKDTree(points).query(x.detach().double().cpu().numpy(), k=[rank])
    radii = torch.from_numpy(distances[:, 0])
    if bool((radii == 0).any()):
        raise Unknowable(
            f"Rows of a density are all different, but more than {k} are equal: they have atoms, and no density tells "
            "how much. Compare their counts as probabilities, or add the noise that rounding took away."
        )
    return radii
