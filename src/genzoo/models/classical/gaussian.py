"""One Gaussian, fitted in closed form.

The likelihood of n rows is highest at their mean and covariance,

$$ \\mu = \\frac1n \\sum_i x_i, \\qquad \\Sigma = \\frac1n \\sum_i (x_i - \\mu)(x_i - \\mu)^\\top. $$
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space

__all__ = ["Gaussian"]


class Gaussian(GenerativeModel, DirectFit):
    """A Gaussian with a full covariance, $p(x) = N(x; \\mu, L L^\\top)$, of maximal likelihood after one pass.

    Args:
        space: What one x is; real.
        floor: What is added to every variance, as a share of the largest, so that collinear columns have a density.

    Raises:
        ValueError: If the space is discrete or ragged.

    Example:
        >>> model = Gaussian(Space((2,)))
        >>> model.begin(); model.accumulate(Batch(torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 4.0]])))
        >>> metrics = model.finish()
        >>> model.mean.tolist()
        [1.0, 2.0]

    References:
        Gauss, 1809, "Theoria motus corporum coelestium"
    """

    likelihood = Likelihood.EXACT
    mean: Tensor
    scale_tril: Tensor
    moments: Tensor

    def __init__(self, space: Space, *, floor: float = 1e-6) -> None:
        super().__init__(space)
        if space.is_discrete or space.ragged:
            raise ValueError(
                f"Gaussian is a density on reals of a fixed shape, got {space}. Use Dequantized on levels."
            )
        self.floor, size = floor, space.dims
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale_tril", torch.eye(size))
        self.register_buffer("moments", torch.zeros(size + 1, size + 1, dtype=torch.float64))

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        z = noise.normal(n, self.space.dims, dtype=self.mean.dtype)
        return (self.mean + z @ self.scale_tril.T).reshape(n, *self.space.shape)

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        z = torch.linalg.solve_triangular(self.scale_tril, (x.flatten(1) - self.mean).T, upper=False)
        constant = self.space.dims * math.log(2 * math.pi) / 2 + self.scale_tril.diagonal().log().sum()
        return -0.5 * z.square().sum(0) - constant

    def begin(self) -> None:
        self.moments.zero_()

    def accumulate(self, batch: Batch) -> None:
        rows = torch.nn.functional.pad(batch.x.flatten(1).double(), (0, 1), value=1.0)
        self.moments += rows.T @ rows

    def statistics(self) -> Sequence[Tensor]:
        return [self.moments]

    def finish(self) -> Metrics:
        count = self.moments[-1, -1]
        mean = self.moments[-1, :-1] / count
        covariance = self.moments[:-1, :-1] / count - mean[:, None] * mean
        covariance.diagonal().add_(self.floor * covariance.diagonal().max())
        scale_tril = torch.linalg.cholesky(covariance)
        self.mean.copy_(mean)
        self.scale_tril.copy_(scale_tril)
        entropy = self.space.dims * (1 + math.log(2 * math.pi)) / 2 + scale_tril.diagonal().log().sum()
        return Done(loss=float(entropy))
