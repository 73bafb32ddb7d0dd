"""Posteriors that say what they are."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

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
    """Draws from p(x | y), with what they are.

    Attributes:
        x: n draws for each of B measurements, in the model's space.
        exactness: What the draws claim to be.
        method: How they were made.
        calls: How often a network was called for each measurement, a derivative counting as two calls.
        log_evidence: log p(y) in nats, where the method gives it.
        diagnostics: What a method tells of itself: "ess", "rhat", "acceptance", and of all "residual", the squared
            distance of A(x) from y over what the channel expects.

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

    def mean(self) -> Float[Tensor, "B *event"]:
        """The mean of the draws; levels are numbers."""
        return self._numbers.mean(0)

    def std(self) -> Float[Tensor, "B *event"]:
        """Their standard deviation; 0 of a single draw."""
        return self._numbers.std(0) if len(self.x) > 1 else torch.zeros_like(self._numbers[0])

    def quantile(self, q: float) -> Float[Tensor, "B *event"]:
        """A quantile of each entry.

        Args:
            q: In [0, 1].
        """
        return self._numbers.quantile(q, dim=0)

    @property
    def _numbers(self) -> Tensor:
        return self.x if self.x.is_floating_point() else self.x.float()

    def __str__(self) -> str:
        n, b = self.x.shape[:2]
        told = ", ".join(f"{name} {value:.3g}" for name, value in self.diagnostics.items() if isinstance(value, float))
        return f"{n} draws of {b} by {self.method} ({self.exactness.value}){f', {told}' if told else ''}"
