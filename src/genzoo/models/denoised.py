"""A density of noisy rows, whose samples are denoised by its own score."""

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.game import Objective
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.mapped import Mapped, refuse

__all__ = ["Denoised"]


class Denoised(Mapped):
    """A density of $y = x + \\sigma \\epsilon$, ε ~ N(0, I), that is drawn as the mean of what it may have been,

    $$ E[x \\mid y] = y + \\sigma^2\\, \\nabla_y \\log p(y). $$

    Noise wider than a level leaves no gaps between levels for a flow to fit, and samples of images are better for it.
    What is drawn is a function of y, so it has no density: `log_prob` is refused.

    Args:
        model: A model over reals of the data's shape that has a score.
        space: What one x is: levels, or reals.
        sigma: σ, in units of x.

    Raises:
        ValueError: If the model has no score, or σ is not positive.

    Example:
        >>> from genzoo.models.flows import Nets, coupling_flow
        >>> model = Denoised(coupling_flow(Space((2,)), nets=Nets(width=8), depth=2), Space((2,), levels=8), sigma=0.5)
        >>> model.sample(3, seed=0).dtype
        torch.uint8

    References:
        Zhai et al., 2024, "Normalizing flows are capable generative models", arXiv:2412.06329 (§2.4, 2.5)
        Robbins, 1956, "An empirical Bayes approach to statistics" (Tweedie's formula)
    """

    likelihood = Likelihood.NONE

    def __init__(self, model: GenerativeModel, space: Space, *, sigma: float) -> None:
        refuse(model, "Denoised")
        if sigma <= 0 or not model.can(Capability.SCORE):
            raise ValueError(f"Denoising needs a model with a score and sigma > 0, got {model} and {sigma}.")
        super().__init__(space, model)
        self.sigma = sigma

    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise) -> Float[Tensor, "B *event"]:
        return x.to(self.dtype) + self.sigma * noise.normal(*x.shape, dtype=self.dtype)

    def within(self, x: Shaped[Tensor, "B *event"], given: Given) -> tuple[Tensor, Given]:
        """Rows without noise."""
        return x.to(self.dtype), given

    def outward(self, y: Float[Tensor, "B *event"]) -> Shaped[Tensor, "B *event"]:
        if self.space.levels is None:
            return y
        return y.round().clamp(0, self.space.levels - 1).to(getattr(torch, self.space.dtype))

    def draw(
        self, n: int, given: Given, noise: Noise, /, *, denoise: bool = True, **options: Any
    ) -> Shaped[Tensor, "n *event"]:
        """Samples; `denoise=False` leaves them as noisy as the density has them."""
        y = self.model.draw(n, given, noise, **options)
        if not denoise or not n:
            return self.outward(y)
        with torch.enable_grad():
            at = y.detach().requires_grad_()
            (score,) = torch.autograd.grad(self.model.log_density(at, given, noise.at("score")).sum(), at)
        return self.outward(y + self.sigma**2 * score)

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) not in (Capability.LOG_PROB, Capability.SCORE) and super().can(capability)

    def lowers(self) -> Objective:
        return Objective("−log p of noisy rows")

    def extra_repr(self) -> str:
        return f"{self.space}, sigma={self.sigma}"
