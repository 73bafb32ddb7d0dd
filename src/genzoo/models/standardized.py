"""A model in standard units, its density in the data's own."""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel
from genzoo.core.noise import Noise
from genzoo.models.mapped import Mapped, refuse, some

__all__ = ["Standardized"]


class Standardized(Mapped):
    """A model that sees every entry with mean 0 and variance 1,

    $$ \\log p(x) = \\log p_y\\!\\left(\\frac{x - m}{s}\\right) - \\sum_d \\log s_d, $$

    m and s being the means and standard deviations of the training rows, so that densities stay in the data's units
    and a table of metres and years needs no care. A column that never varies has no unit to speak of: it is centered,
    and its s is 1.

    Args:
        model: A model over reals of the data's shape.
        rows: The rows that the means and deviations are taken from, at most.

    Raises:
        ValueError: If the model's space is not real.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> model = Standardized(GaussianMixture(Space((2,)), components=1))
        >>> x = torch.tensor([[1000.0, 0.1], [3000.0, 0.3]])
        >>> model.prepare([Batch(x)])
        >>> model.shift.tolist(), model.scale.tolist()
        ([2000.0, 0.20...], [1000.0, 0.1...])
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, model: GenerativeModel, *, rows: int = 50_000) -> None:
        refuse(model, "Standardized")
        super().__init__(model.space, model)
        self.rows, self.likelihood = rows, model.likelihood
        self.register_buffer("shift", torch.zeros(self.space.shape))
        self.register_buffer("scale", torch.ones(self.space.shape))

    def prepare(self, batches: Iterable[Batch]) -> None:
        kept = list(some(batches, self.rows))
        x = torch.cat([batch.x for batch in kept]).double()
        mean, std = x.mean(0), x.std(0, correction=0)
        self.shift.copy_(mean)
        # A spread within rounding of the mean is a constant that came through float32.
        self.scale.copy_(torch.where(std > 1e-6 * mean.abs(), std, 1))
        super().prepare(kept)

    def inward(self, x: Float[Tensor, "B *event"], noise: Noise | None = None) -> Float[Tensor, "B *event"]:
        return (x - self.shift) / self.scale

    def outward(self, y: Float[Tensor, "B *event"]) -> Float[Tensor, "B *event"]:
        return self.shift + self.scale * y

    def log_density(
        self, x: Float[Tensor, "B *event"], given: Given, noise: Noise, **options: Any
    ) -> Float[Tensor, " B"]:
        return self.model.log_density(self.inward(x), given, noise, **options) - self.scale.log().sum()

    def encode(self, x: Float[Tensor, "B *event"], given: Given = None) -> Float[Tensor, "B *latent"]:
        return self.model.encode(self.inward(x), given)

    def score(self, x: Float[Tensor, "B *event"], given: Given = None) -> Float[Tensor, "B *event"]:
        if not self.can(Capability.SCORE):
            raise self.lacks(Capability.SCORE)
        return self.model.score(self.inward(x), given) / self.scale
