"""The linear-Gaussian model, of which everything is known: z ~ N(0, I), x = W z + b + σ ε."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from genzoo.core import NOTHING, Autoencoder, Given, Space

__all__ = ["LinearGaussian"]


class LinearGaussian(Autoencoder):
    """With its exact posterior, N(m(x), S), as the encoder, or one that is too narrow or shifted.

    Args:
        w: W, of D × L.
        sigma: σ.
        scale: What the posterior's standard deviations are multiplied by.
        shift: What is added to its mean.
    """

    def __init__(self, w: Tensor, sigma: float = 0.5, *, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.w, self.sigma, self.scale, self.shift = w, sigma, scale, shift
        self.b = torch.arange(len(w), dtype=w.dtype) / 3
        self.latent = Space((w.shape[1],))
        self.anchor = torch.nn.Parameter(torch.zeros((), dtype=w.dtype))  # a model has a precision
        self.covariance = torch.linalg.inv(torch.eye(w.shape[1], dtype=w.dtype) + w.T @ w / sigma**2)

    def exact(self, x: Tensor) -> MultivariateNormal:
        """p(z | x)."""
        return MultivariateNormal((x - self.b) @ self.w @ self.covariance / self.sigma**2, self.covariance)

    def marginal(self) -> MultivariateNormal:
        """p(x)."""
        eye = torch.eye(len(self.w), dtype=self.w.dtype)
        return MultivariateNormal(self.b, self.w @ self.w.T + self.sigma**2 * eye)

    def posterior(self, x: Tensor, given: Given = NOTHING) -> Distribution:
        q = self.exact(x)
        return MultivariateNormal(q.loc + self.shift, scale_tril=self.scale * q.scale_tril)

    def likelihood(self, z: Tensor, given: Given = NOTHING) -> Distribution:
        return Independent(Normal(z @ self.w.T + self.b, self.sigma), 1)
