"""Posteriors that say what they are."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.tasks.importance import effective_sample_sizes, systematic

__all__ = ["Exactness", "Posterior"]


class Exactness(enum.Enum):
    """What draws claim to be, from the strongest claim to none.

    EXACT: independent draws from p(x | y). ASYMPTOTIC: draws that are right as chains or particles grow; how many they
    are worth comes with them. APPROXIMATE: a heuristic, whose calibration can be measured and nothing else. POINT: one
    optimum, without a spread.

    Example:
        >>> Exactness.weakest(Exactness.EXACT, Exactness.APPROXIMATE).value
        'approximate'
    """

    EXACT = "exact"
    ASYMPTOTIC = "asymptotic"
    APPROXIMATE = "approximate"
    POINT = "point"

    @staticmethod
    def weakest(*kinds: "Exactness") -> "Exactness":
        """The weakest of some."""
        order = list(Exactness)
        return max(kinds, key=order.index)


@dataclass(frozen=True)
class Posterior:
    """Draws from p(x | y), with what they are; or of latents, p(z | x), or of what a simulator was given.

    Attributes:
        x: n draws for each of B measurements, in the model's space.
        exactness: What the draws claim to be.
        method: How they were made.
        calls: How often a network was called for each measurement, a derivative counting as two calls.
        log_evidence: log p(y) in nats, where the method gives it.
        diagnostics: What a method tells of itself: "ess", "rhat", "acceptance", and of all "residual", the squared
            distance of A(x) from y over what the channel expects.
        log_weights: The logarithm of the weight of each draw, up to a constant of each measurement; None where all
            count alike.

    Example:
        >>> found = Posterior(torch.tensor([[[0.0]], [[2.0]]]), Exactness.EXACT, "closed", 0)
        >>> found.mean(), found.std(), found.quantile(0.5)
        (tensor([[1.]]), tensor([[1.4142]]), tensor([[1.]]))
    """

    x: Shaped[Tensor, "n B *event"]
    exactness: Exactness
    method: str
    calls: int
    log_evidence: Float[Tensor, " B"] | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    log_weights: Float[Tensor, "n B"] | None = None

    @property
    def ess(self) -> Float[Tensor, " B"]:
        """How many independent draws those of each measurement are worth, by their weights or by those of the chains
        that they are of."""
        n, b = self.x.shape[:2]
        if self.log_weights is not None:
            return effective_sample_sizes(self.log_weights.T)
        told = self.diagnostics.get("ess")
        every = torch.full((b,), float(n), dtype=torch.float64, device=self.x.device)
        return torch.minimum(every, told.double()) if isinstance(told, Tensor) and told.shape == every.shape else every

    def mean(self) -> Float[Tensor, "B *event"]:
        """The mean of the draws; levels are numbers."""
        return self._numbers.mean(0) if self.log_weights is None else self._weighted(self._numbers)

    def std(self) -> Float[Tensor, "B *event"]:
        """Their standard deviation; 0 of a single draw."""
        if self.log_weights is not None:
            off = (self._numbers - self.mean()).square()
            return (self._weighted(off) / (1 - 1 / self._like(self.ess.clamp_min(1 + 1e-9), off[0]))).sqrt()
        return self._numbers.std(0) if len(self.x) > 1 else torch.zeros_like(self._numbers[0])

    def quantile(self, q: float) -> Float[Tensor, "B *event"]:
        """A quantile of each entry; of weighted draws the smallest that has the share q at or below it.

        Args:
            q: In [0, 1].
        """
        if self.log_weights is None:
            return self._numbers.quantile(q, dim=0)
        ordered, order = self._numbers.sort(0)
        upto = self._like(self.log_weights.double().softmax(0), ordered).expand(ordered.shape).gather(0, order)
        place = (upto.cumsum(0) < q).sum(0, keepdim=True).clamp_max(len(ordered) - 1)
        return ordered.gather(0, place)[0]

    def equal(self, n: int, *, seed: int = 0) -> "Posterior":
        """n draws that count alike: of weighted ones by their weights, else the first.

        Args:
            n: How many.
            seed: Names the choice.

        Raises:
            ValueError: If there are no weights and fewer draws.
        """
        if self.log_weights is None:
            if n > len(self.x):
                raise ValueError(f"There must be {n} draws, got {len(self.x)}. Ask for more.")
            return replace(self, x=self.x[:n])
        index = systematic(self.log_weights.T, n, Noise(seed, "equal", device=self.x.device)).T
        chosen = self.x.gather(0, self._like(index, self.x).expand(n, *self.x.shape[1:]))
        return replace(self, x=chosen, log_weights=None, diagnostics={**self.diagnostics, "ess": self.ess})

    def _weighted(self, values: Tensor) -> Tensor:
        """The weighted mean of a number or more of each draw."""
        assert self.log_weights is not None
        return (self._like(self.log_weights.double().softmax(0), values).to(values) * values).sum(0)

    @staticmethod
    def _like(each: Tensor, values: Tensor) -> Tensor:
        """A number of each draw, or measurement, shaped to go with what is as long."""
        return each.reshape(*each.shape, *[1] * (values.ndim - each.ndim))

    @property
    def _numbers(self) -> Tensor:
        return self.x if self.x.is_floating_point() else self.x.float()

    def __str__(self) -> str:
        n, b = self.x.shape[:2]
        told = ", ".join(f"{name} {value:.3g}" for name, value in self.diagnostics.items() if isinstance(value, float))
        return f"{n} draws of {b} by {self.method} ({self.exactness.value}){f', {told}' if told else ''}"
