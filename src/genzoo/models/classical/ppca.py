"""Probabilistic principal component analysis.

With noise of one variance in all directions the maximum of the likelihood is known. Let the covariance of the rows
have eigenvalues λ₁ ≥ … ≥ λ_D and eigenvectors U. Then

$$ \\sigma^2 = \\frac{1}{D - k} \\sum_{j > k} \\lambda_j, \\qquad W = U_k (\\Lambda_k - \\sigma^2 I)^{1/2}: $$

the first k components as they are, and the variance of all others spread evenly.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Done, Metrics
from genzoo.core.space import Space
from genzoo.models.classical.linear_gaussian import LinearGaussian, signed
from genzoo.models.classical.moments import spectrum
from genzoo.models.classical.refusals import refuse_plane

__all__ = ["PPCA"]


class PPCA(LinearGaussian):
    """Probabilistic PCA, $p(x) = N(x; \\mu, W W^\\top + \\sigma^2 I)$, of maximal likelihood after one pass.

    Args:
        space: What one x is; real.
        rank: k, the number of components.
        floor: The smallest σ², as a share of the mean variance of an entry. `None` is 1e-6, and refuses columns that
            never vary and rows that lie in a plane of k dimensions, where σ² = 0 and the density is infinite.

    Raises:
        ValueError: If the space is discrete or ragged, the rank is not between 1 and D, or the floor is not positive.

    Example:
        >>> from genzoo.core import Batch, Noise
        >>> model = PPCA(Space((3,)), rank=1)
        >>> x = torch.tensor([3.0, 1.0, 1.0]) * Noise(0).normal(500, 3)
        >>> model.begin(); model.accumulate(Batch(x)); metrics = model.finish()
        >>> model.encode(x[:2]).shape, (model.components[0].abs() > 0.1).tolist()
        (torch.Size([2, 1]), [True, False, False])

    References:
        Tipping & Bishop, 1999, "Probabilistic principal component analysis"
    """

    def __init__(self, space: Space, *, rank: int = 2, floor: float | None = None) -> None:
        super().__init__(space, rank=rank, floor=floor)

    @property
    def parameter_count(self) -> int:
        return super().parameter_count - self.space.dims + 1  # one variance for all entries

    @property
    def variance(self) -> float:
        """σ², the variance of the noise."""
        return float(self.noise_variance[0])

    @property
    def components(self) -> Float[Tensor, "k D"]:
        """The directions of most variance, of length one, in falling order."""
        return torch.nn.functional.normalize(self.loadings, dim=0).T

    def refuse(self, covariance: Float[Tensor, "D D"]) -> None:
        refuse_plane(covariance, self.rank, rows=self.moments.count)

    def fit(self, covariance: Float[Tensor, "D D"]) -> Metrics:
        values, vectors = spectrum(covariance, self.moments.count)
        kept, total, dims = values[: self.rank], float(covariance.trace()), len(covariance)
        left = (total - float(kept.sum())) / (dims - self.rank) if self.rank < dims else 0.0
        sigma2 = max(left, (self.floor or 1e-6) * (total / dims or 1.0))
        self.loadings.copy_(signed(vectors[:, : self.rank]) * (kept - sigma2).clamp_min(0).sqrt())
        self.noise_variance.fill_(sigma2)
        spread = (total - float((1 - sigma2 / kept.clamp_min(sigma2)) @ kept)) / sigma2  # tr C⁻¹ S
        return Done(loss=(dims * math.log(2 * math.pi) + self._log_det() + spread) / 2, variance=sigma2)
