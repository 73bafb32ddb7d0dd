"""The Fréchet distance between normal distributions: their squared 2-Wasserstein distance.

$$ d^2 = \\|\\mu_a - \\mu_b\\|^2 + \\mathrm{tr}\\bigl(\\Sigma_a + \\Sigma_b
   - 2(\\Sigma_a^{1/2} \\Sigma_b \\Sigma_a^{1/2})^{1/2}\\bigr) $$

Only the trace of the last root is wanted, and with any factor F of Σ_a = F Fᵀ it is the sum of the roots of the
eigenvalues of Fᵀ Σ_b F. So a Cholesky factor serves, and one symmetric eigenvalue problem without vectors: cheaper
than the root of the product, and free of its complex numbers.

References:
    Dowson & Landau, 1982, "The Fréchet distance between multivariate normal distributions"
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from scipy.linalg import lapack
from torch import Tensor

from genzoo.distributions.estimate import NotFinite
from genzoo.distributions.samples import Samples, checked_rows

__all__ = ["Moments", "factor", "frechet_distance"]

ROWS = 8192  # of a product: what is held in float64 at a time


class Moments(NamedTuple):
    """The mean and covariance of rows, in float64.

    Example:
        >>> Moments.of(torch.tensor([[0.0], [2.0]]))
        Moments(mean=tensor([1.], dtype=torch.float64), covariance=tensor([[2.]], dtype=torch.float64))
    """

    mean: Float[Tensor, " D"]
    covariance: Float[Tensor, "D D"]

    @classmethod
    def of(cls, values: Samples) -> "Moments":
        """The moments of some rows, the covariance unbiased; zero of one row.

        Raises:
            TooFew: If there are no rows.
            NotFinite: If a number is NaN or infinite.
        """
        (values,) = (rows.detach() for rows in checked_rows(values, what="A mean with its covariance"))
        mean = values.mean(0, dtype=torch.float64)
        total = torch.zeros(len(mean), len(mean), dtype=torch.float64, device=values.device)
        for part in values.split(ROWS):
            total += _gram(part - mean)
        return cls(mean, total / max(1, len(values) - 1))


def frechet_distance(a: Moments, b: Moments) -> float:
    """The Fréchet distance d² between two normal distributions.

    Args:
        a: One's mean and covariance.
        b: The other's.

    Raises:
        ValueError: If they are of unlike dimensions.
        NotFinite: If a moment is NaN or infinite.

    Example:
        >>> one = Moments(torch.zeros(2), torch.eye(2))
        >>> frechet_distance(one, Moments(torch.ones(2), 4 * torch.eye(2)))
        4.0
    """
    a, b = (Moments(*(part.double() for part in moments)) for moments in (a, b))
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"Moments must be of rows of one length, got {len(a.mean)} and {len(b.mean)} entries. "
            "Give the same columns."
        )
    if not all(bool(part.isfinite().all()) for part in (*a, *b)):
        raise NotFinite("A Fréchet distance takes finite means and covariances, got NaN or ∞. Leave such rows out.")
    lower, flaw = torch.linalg.cholesky_ex(a.covariance)
    if flaw:
        root = factor(a.covariance)
        between = root.T @ b.covariance @ root
    else:
        between = _congruent(lower, b.covariance)
    overlap = torch.linalg.eigvalsh(between).clamp_min(0).sqrt().sum()
    spread = a.covariance.trace() + b.covariance.trace() - 2 * overlap
    return ((a.mean - b.mean).square().sum() + spread).clamp_min(0).item()


def factor(covariance: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    """A matrix F with Σ = F Fᵀ: Cholesky's, or V √Λ of the eigenvectors where Σ is singular.

    Args:
        covariance: Σ, symmetric without negative eigenvalues but for rounding.

    Example:
        >>> root = factor(torch.ones(2, 2))
        >>> bool((root @ root.T - 1).abs().max() < 1e-6)
        True
    """
    lower, flaw = torch.linalg.cholesky_ex(covariance)
    if not flaw:
        return lower
    values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * values.clamp_min(0).sqrt()


def _gram(x: Tensor) -> Tensor:
    """xᵀ x; NumPy knows that it is symmetric and does half the work."""
    if x.device.type != "cpu":
        return x.T @ x
    array = x.numpy()
    return torch.from_numpy(array.T @ array)


def _congruent(lower: Tensor, middle: Tensor) -> Tensor:
    """The lower triangle of Lᵀ M L, on a CPU by LAPACK's `sygst`, which does two fifths of the work."""
    if lower.device.type != "cpu":
        return lower.T @ middle @ lower
    upper, _ = lapack.dsygst(middle.numpy().T, lower.numpy().T, itype=2)  # columns first, as Fortran has them
    return torch.from_numpy(upper.T)
