"""Entropy and KL of densities from samples alone, by the distance to the k-th nearest neighbor.

A ball around x that just holds k of n rows has a mass of about k/n, so its radius ρ tells the density there:

$$ \\hat H(p) = \\psi(n) - \\psi(k) + \\log c_D + \\tfrac{D}{n} \\textstyle\\sum_i \\log \\rho_k(x_i), $$

$$ \\hat D(p \\| q) = \\tfrac{D}{n} \\textstyle\\sum_i \\log \\frac{\\nu_k(x_i)}{\\rho_k(x_i)}
   + \\log \\frac{m}{n-1}, $$

with ν the radius of the ball that holds k of the m rows of q, ψ the digamma function and c_D the volume of the unit
ball. Where p has mass and q has none the divergence is ∞, but m rows of q cannot say so: their nearest neighbors are
merely far, and the formula gives some number that grows with log m. It gives itself away when half of the rows make
a smaller claim, and is refused. Where D is large, or p and q far apart, it is too low, for the radii grow over what
they should resolve; the error counts by how much the halves differ, which is not all.

References:
    Kozachenko & Leonenko, 1987, "Sample estimate of the entropy of a random vector"
    Wang, Kulkarni & Verdú, 2009, "Divergence estimation for multidimensional densities via k-nearest-neighbor
        distances"
    McAllester & Stratos, 2020, "Formal limitations on the measurement of mutual information", arXiv:1811.04251
"""

import math

import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.distributions.estimate import Estimate, Unknowable
from genzoo.distributions.resampling import require_rows, subsample_error

__all__ = ["neighbor_entropy", "neighbor_kl"]

LEAST = 100
GROWTH = 0.05 * math.log(2)  # of the estimate with twice the rows, where q does not cover a twentieth of p


def neighbor_entropy(x: Float[Tensor, "n D"], *, k: int = 3) -> Estimate:
    """The differential entropy of the density that rows were drawn from, in nats, with its standard error.

    Args:
        x: The rows.
        k: Which neighbor, from 1.

    Raises:
        TooFew: If there are fewer than 100 rows.
        Unknowable: If more than k rows are equal: such rows have no density.

    Example:
        >>> neighbor_entropy(Noise(0).normal(2000, 1))  # log √(2πe) = 1.419
        Estimate(value=1.4..., error=0.02...)
    """
    n, dims = x.shape
    require_rows(n, LEAST, "An entropy from nearest neighbors")
    terms = dims * _radii(x, x, k).log() + torch.digamma(torch.tensor([n, k]).double()).diff().neg()
    ball = dims / 2 * math.log(math.pi) - math.lgamma(dims / 2 + 1)
    return Estimate(terms.mean().item() + ball, (terms.var() / n).sqrt().item())


def neighbor_kl(
    x: Float[Tensor, "n D"], y: Float[Tensor, "m D"], *, k: int = 3, rounds: int = 20, seed: int = 0
) -> Estimate:
    """KL(p ‖ q) between the densities that two sets of rows were drawn from, with its standard error.

    Args:
        x: Rows of p.
        y: Rows of q.
        k: Which neighbor, from 1.
        rounds: Halves drawn for the error, and to see whether the estimate stands still as rows are added.
        seed: Names the halves.

    Raises:
        TooFew: If a set has fewer than 100 rows.
        Unknowable: If more than k rows are equal, or the estimate still grows with the number of rows, as it does
            where p has mass that q has not.

    Example:
        >>> x, y = Noise(0).normal(2000, 1), Noise(1).normal(2000, 1) + 1
        >>> neighbor_kl(x, y)  # ½
        Estimate(value=0.49..., error=0.05...)
    """
    require_rows(min(len(x), len(y)), LEAST, "A KL divergence from nearest neighbors")
    whole, halves = _wang(x, y, k), []

    def half(i: Tensor, j: Tensor) -> float:
        halves.append(_wang(x[i], y[j], k))
        return halves[-1]

    error = subsample_error(half, len(x), len(y), noise=Noise(seed, "neighbors"), rounds=rounds).item()
    growth = whole - sum(halves) / len(halves)
    if growth > max(1.2 * error, GROWTH):
        raise Unknowable(
            f"KL from nearest neighbors must not depend on the number of rows, but twice the rows raised it by "
            f"{growth:.2f} to {whole:.2f}: q may be zero, or too thin to be seen, where p is not, and the true value "
            "may be ∞. Use densities (`estimated`), or a distance that needs none (`energy_distance`, Wasserstein)."
        )
    return Estimate(whole, math.hypot(error, growth))


def _wang(x: Tensor, y: Tensor, k: int) -> float:
    """Wang, Kulkarni and Verdú's estimate."""
    gaps = _radii(x, y, k).log() - _radii(x, x, k).log()
    return x.shape[1] * gaps.mean().item() + math.log(len(y) / (len(x) - 1))


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
