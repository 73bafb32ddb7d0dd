"""Sparse codes: least squares with a price on every entry that is not zero.

$$ z^* = \\arg\\min_z F(z), \\qquad F(z) = \\tfrac12 \\|x - z A\\|^2 + \\lambda \\|z\\|_1, $$

the rows of A being atoms. A gradient step on the first term, then a step towards zero that stops there, lowers F
(ISTA, error O(1/k)); taken from a point carried on by momentum it is faster (FISTA, error O(1/k²)). All rows at once.

References:
    Tibshirani, 1996, "Regression shrinkage and selection via the lasso"
    Beck & Teboulle, 2009, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems"
    O'Donoghue & Candès, 2015, "Adaptive restart for accelerated gradient schemes", arXiv:1204.3982
"""

import itertools
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["fista", "ista", "lasso_objective", "soft_threshold", "sparse_codes"]


def soft_threshold(z: Float[Tensor, "*shape"], threshold: float | Tensor) -> Float[Tensor, "*shape"]:
    """Towards zero by the threshold, and no further: $\\mathrm{sign}(z)\\,(|z| - \\tau)_+$.

    Example:
        >>> soft_threshold(torch.tensor([-2.0, 0.5, 3.0]), 1.0).tolist()
        [-1.0, 0.0, 2.0]
    """
    return z - z.clamp(-threshold, threshold)  # type: ignore[arg-type]


def lasso_objective(
    x: Float[Tensor, "B D"], atoms: Float[Tensor, "K D"], z: Float[Tensor, "B K"], penalty: float
) -> Float[Tensor, " B"]:
    """F(z) of each row.

    Example:
        >>> lasso_objective(torch.ones(1, 2), torch.eye(2), torch.ones(1, 2), 0.1).item()
        0.2...
    """
    return (x - z @ atoms).square().sum(1) / 2 + penalty * z.abs().sum(1)


def ista(x: Float[Tensor, "B D"], atoms: Float[Tensor, "K D"], penalty: float) -> Iterator[Float[Tensor, "B K"]]:
    """The iterates of proximal gradient descent from zero, without end; F falls at every one.

    $$ z_{k+1} = S_{\\lambda / L}\\big(z_k - (z_k A - x) A^\\top / L\\big), \\qquad L = \\|A A^\\top\\|. $$

    Args:
        x: Rows.
        atoms: A.
        penalty: λ.

    Example:
        >>> next(ista(torch.tensor([[2.0, 0.1]]), torch.eye(2), 0.5)).tolist()
        [[1.5, 0.0]]
    """
    step, gram, cross = _parts(x, atoms)
    z = torch.zeros_like(cross)
    while True:
        z = soft_threshold(z - step * (z @ gram - cross), step * penalty)
        yield z


def fista(
    x: Float[Tensor, "B D"], atoms: Float[Tensor, "K D"], penalty: float, *, restart: bool = False
) -> Iterator[Float[Tensor, "B K"]]:
    """The iterates of accelerated proximal gradient descent from zero, without end.

    $$ F(z_k) - F^* \\le \\frac{2 L \\|z^*\\|^2}{(k + 1)^2}. $$

    Args:
        x: Rows.
        atoms: A.
        penalty: λ.
        restart: Whether a row's momentum starts anew where it points uphill; then the end comes linearly fast.

    Example:
        >>> next(fista(torch.tensor([[2.0, 0.1]]), torch.eye(2), 0.5)).tolist()
        [[1.5, 0.0]]
    """
    step, gram, cross = _parts(x, atoms)
    z = ahead = torch.zeros_like(cross)
    t = torch.ones_like(cross[:, :1])
    while True:
        after = soft_threshold(ahead - step * (ahead @ gram - cross), step * penalty)
        grown = (1 + (1 + 4 * t.square()).sqrt()) / 2
        moved = after - z
        if restart:
            uphill = ((ahead - after) * moved).sum(1, keepdim=True) > 0
            t, grown = torch.where(uphill, 1, t), torch.where(uphill, 1, grown)
        z, ahead, t = after, after + (t - 1) / grown * moved, grown
        yield z


def sparse_codes(
    x: Float[Tensor, "B D"],
    atoms: Float[Tensor, "K D"],
    penalty: float,
    *,
    tol: float = 1e-9,
    steps: int = 2000,
) -> Float[Tensor, "B K"]:
    """The codes of least F, by FISTA with restarts.

    Args:
        x: Rows.
        atoms: A.
        penalty: λ.
        tol: A row has converged when no entry moves by more than this share of its largest; it is left alone then.
        steps: The most iterations.

    Example:
        >>> sparse_codes(torch.tensor([[2.0, 0.1]]), torch.eye(2), 0.5).tolist()
        [[1.5, 0.0]]
    """
    found = torch.zeros(len(x), len(atoms), dtype=x.dtype, device=x.device)
    done = torch.zeros(len(x), 1, dtype=torch.bool, device=x.device)
    for k, z in enumerate(itertools.islice(fista(x, atoms, penalty, restart=True), steps)):
        if k % 10 == 9 or k + 1 == steps:
            # Every tenth iterate is held against the tenth before: a look costs as much as a step.
            moved, largest = (z - found).abs().amax(1, keepdim=True), z.abs().amax(1, keepdim=True)
            found = torch.where(done, found, z)
            done |= moved <= tol * largest.clamp_min(1e-12)
            if done.all():
                break
    return found


def _parts(x: Tensor, atoms: Tensor) -> tuple[float, Tensor, Tensor]:
    """1 / L, A Aᵀ and x Aᵀ."""
    gram = atoms @ atoms.T
    return 1 / max(1e-12, float(torch.linalg.matrix_norm(gram, 2))), gram, x @ atoms.T
