"""Which symbol comes next: drawn from the model, or from what is likeliest.

All of it changes what is drawn and never what `log_prob` says.

References:
    Fan, Lewis & Dauphin, 2018, "Hierarchical neural story generation", arXiv:1805.04833 (top-k)
    Holtzman et al., 2020, "The curious case of neural text degeneration", arXiv:1904.09751 (top-p)
    Nguyen et al., 2024, "Turning up the heat: min-p sampling", arXiv:2407.01082
    Keskar et al., 2019, "CTRL", arXiv:1909.05858 (repetition)
"""

import math
from typing import NamedTuple, TypedDict

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo._random import at_least_single
from genzoo.core.noise import Noise

__all__ = ["PLAIN", "Choice", "Choosing", "chosen", "limited", "with_said"]


class Choice(NamedTuple):
    """How the next symbol is chosen; in this order.

    Attributes:
        temperature: Divides the logits: below 1 the likely becomes likelier; 0 takes the likeliest symbol.
        top_k: Only the so many likeliest symbols are drawn from.
        top_p: Only the likeliest symbols are drawn from that together have this probability; the first always stays.
        min_p: Only symbols are drawn from that are at least so likely, as a share of the likeliest's probability.
        repetition: θ ≥ 1; before all else, p^θ stands for the probability p of a symbol that has been said.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition: float | None = None

    @property
    def remembers(self) -> bool:
        """Whether it matters what has been said."""
        return self.repetition is not None and self.repetition != 1

    def check(self) -> "Choice":
        """The choice itself.

        Raises:
            ValueError: If a number is out of range.
        """
        temperature, top_k, top_p, min_p, repetition = self
        if not 0 <= temperature < math.inf:
            raise ValueError(f"`temperature` must be at least 0, got {temperature}. Take 0 for the likeliest symbols.")
        if top_k is not None and top_k < 1:
            raise ValueError(f"`top_k` must be at least 1, got {top_k}. Leave it out to draw from all symbols.")
        if top_p is not None and not 0 < top_p <= 1:
            raise ValueError(f"`top_p` must lie in (0, 1], got {top_p}. Leave it out to draw from all symbols.")
        if min_p is not None and not 0 <= min_p <= 1:
            raise ValueError(f"`min_p` must lie in [0, 1], got {min_p}. Leave it out to draw from all symbols.")
        if repetition is not None and not 1 <= repetition < math.inf:
            raise ValueError(f"`repetition` must be at least 1, got {repetition}. Leave it out to let symbols recur.")
        return self


PLAIN = Choice()


class Choosing(TypedDict, total=False):
    """How the next symbol is chosen, as options of a draw; see `Choice`."""

    temperature: float
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition: float | None


def chosen(
    logits: Float[Tensor, "n symbols"],
    noise: Noise,
    choice: Choice = PLAIN,
    said: Bool[Tensor, "n symbols"] | None = None,
) -> Int[Tensor, " n"]:
    """A symbol for each row.

    Args:
        logits: Unnormalized log-probabilities.
        noise: Where the draw comes from.
        choice: How it is chosen.
        said: The symbols that each row has said before; wanted by a choice that remembers.

    Raises:
        ValueError: If a logit is NaN.

    Example:
        >>> logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(1000, 3)
        >>> [chosen(logits, Noise(0), Choice(top_p=p)).unique().tolist() for p in (0.4, 0.7, 1.0)]
        [[0], [0, 1], [0, 1, 2]]
        >>> [chosen(logits, Noise(0), Choice(min_p=p)).unique().tolist() for p in (0.7, 0.5, 0.4)]
        [[0], [0, 1], [0, 1, 2]]
    """
    allowed = limited(logits, choice, said)
    return allowed.argmax(-1) if choice.temperature == 0 else noise.categorical(allowed)


def limited(
    logits: Float[Tensor, "n symbols"], choice: Choice, said: Bool[Tensor, "n symbols"] | None = None
) -> Float[Tensor, "n symbols"]:
    """The unnormalized log-probabilities that are drawn from, −∞ for what is left out.

    Args:
        logits: Those of the model.
        choice: How a symbol is chosen.
        said: The symbols that each row has said before.

    Raises:
        ValueError: If a logit is NaN.

    Example:
        >>> limited(torch.tensor([[2.0, 1.0, 0.0]]), Choice(0.5, top_k=2))
        tensor([[4., 2., -inf]])
    """
    temperature, top_k, top_p, min_p, repetition = choice
    logits = logits.to(at_least_single(logits.dtype))
    if bool(logits.isnan().any()):
        raise ValueError("Logits must be numbers, got NaN. The weights are broken: go back to an older checkpoint.")
    if said is not None and repetition is not None:
        logits = logits.log_softmax(-1)
        logits = torch.where(said & logits.isfinite(), repetition * logits, logits)
    if temperature == 0:
        return logits.new_full(logits.shape, -torch.inf).scatter(-1, logits.argmax(-1, keepdim=True), 0.0)
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None:
        ordered, index = logits.sort(dim=-1, descending=True, stable=True)
        probs = ordered.softmax(-1)
        before = probs.cumsum(-1) - probs
        logits = logits.masked_fill((before >= top_p).scatter(-1, index, before >= top_p), -torch.inf)
    if min_p:
        least = logits.amax(-1, keepdim=True) + math.log(min_p)
        logits = logits.masked_fill(logits < least, -torch.inf)
    return logits


def with_said(said: Bool[Tensor, "n symbols"] | None, symbol: Int[Tensor, "n t"]) -> Bool[Tensor, "n symbols"] | None:
    """What has been said, and these symbols, too.

    Example:
        >>> with_said(torch.zeros(1, 4, dtype=torch.bool), torch.tensor([[1, 3]])).int()
        tensor([[0, 1, 0, 1]], dtype=torch.int32)
    """
    return None if said is None else said.scatter(1, symbol, value=True)
