"""A continuous model on integer levels, with an honest likelihood."""

import math
from typing import Any

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.mapped import Mapped, refuse

__all__ = ["Dequantized"]


class Dequantized(Mapped):
    """A density on reals as a mass on levels {0, …, L−1}: x is the unit cell [x, x + 1) of the density,

    $$ \\log P(x) = \\log \\int_{[0,1)^D} p(x + u)\\,du \\ge \\mathbb E_{u_1 … u_k} \\log \\frac1k \\sum_j p(x + u_j),
       \\quad u_j \\sim U[0,1)^D, $$

    a bound that rises to the mass as the number k of draws grows. Training sees x + u; samples are floored, and those
    outside the levels go to the nearest.

    Args:
        model: A model over reals of the data's shape; its unit is one level.
        levels: L, the number of values an entry takes.
        draws: k, the number of draws in the bound; the option `draws` of `log_prob` overrides it.

    Raises:
        ValueError: If the model's space is not real, or `draws` is not positive.

    Example:
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = Dequantized(GaussianMixture(Space((2,)), components=3), levels=8)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, bool((model.log_prob(x, draws=4) <= 0).all())
        (torch.uint8, True)

    References:
        Theis, van den Oord & Bethge, 2016, "A note on the evaluation of generative models", arXiv:1511.01844
        Burda, Grosse & Salakhutdinov, 2016, "Importance weighted autoencoders", arXiv:1509.00519 (several draws)
    """

    def __init__(self, model: GenerativeModel, levels: int, *, draws: int = 1) -> None:
        refuse(model, "Dequantized")
        super().__init__(Space(model.space.shape, levels=levels), model)
        if draws < 1:
            raise ValueError(f"`draws` must be at least 1, got {draws}.")
        self.levels, self.draws = levels, draws
        self.likelihood = Likelihood.weakest(Likelihood.BOUND, model.likelihood)

    def inward(self, x: Shaped[Tensor, "B *event"], noise: Noise) -> Float[Tensor, "B *event"]:
        uniform = noise.uniform(*x.shape, dtype=self.dtype)
        return x.to(uniform.dtype) + uniform

    def outward(self, y: Float[Tensor, "B *event"]) -> Integer[Tensor, "B *event"]:
        return y.floor().clamp(0, self.levels - 1).to(getattr(torch, self.space.dtype))

    def log_density(
        self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise, *, draws: int | None = None, **options: Any
    ) -> Float[Tensor, " B"]:
        if not self.can(Capability.LOG_PROB):
            raise self.lacks(Capability.LOG_PROB)
        count, terms = draws or self.draws, []
        for k in range(count):
            draw = noise.at(k)
            terms.append(self.model.log_density(self.inward(x, draw.at("cell")), given, draw, **options))
        return torch.stack(terms).logsumexp(0) - math.log(count)

    def within(self, x: Integer[Tensor, "B *event"], given: Given = None) -> tuple[Tensor, Given]:
        """The middle of each cell."""
        return self.checked(x).to(self.dtype) + 0.5, given

    def extra_repr(self) -> str:
        return f"levels={self.levels}, draws={self.draws}"
