"""Which symbol comes next: drawn from the model, or from what is likeliest.

Temperature, top-k and top-p change what is drawn and never what `log_prob` says.

References:
    Fan, Lewis & Dauphin, 2018, "Hierarchical neural story generation", arXiv:1805.04833 (top-k)
    Holtzman et al., 2020, "The curious case of neural text degeneration", arXiv:1904.09751 (top-p)
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo._random import at_least_single
from genzoo.core.noise import Noise

__all__ = ["check_choice", "chosen"]


def chosen(
    logits: Float[Tensor, "n symbols"],
    noise: Noise,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Int[Tensor, " n"]:
    """A symbol for each row.

    Args:
        logits: Unnormalized log-probabilities.
        noise: Where the draw comes from.
        temperature: Divides the logits; 0 takes the likeliest symbol.
        top_k: Only the so many likeliest symbols are drawn from.
        top_p: Only the likeliest symbols are drawn from that together have this probability; the first always stays.

    Example:
        >>> logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(1000, 3)
        >>> [chosen(logits, Noise(0), top_p=p).unique().tolist() for p in (0.4, 0.7, 1.0)]
        [[0], [0, 1], [0, 1, 2]]
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.to(at_least_single(logits.dtype)) / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        least = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None:
        ordered, index = logits.sort(dim=-1, descending=True, stable=True)
        probs = ordered.softmax(-1)
        before = probs.cumsum(-1) - probs
        logits = logits.masked_fill((before >= top_p).scatter(-1, index, before >= top_p), -torch.inf)
    return noise.categorical(logits)


def check_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raises if a setting of the choice is out of range."""
    if temperature < 0:
        raise ValueError(f"`temperature` must not be negative, got {temperature}. Take 0 for the likeliest symbols.")
    if top_k is not None and top_k < 1:
        raise ValueError(f"`top_k` must be at least 1, got {top_k}. Leave it out to draw from all symbols.")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"`top_p` must lie in (0, 1], got {top_p}. Leave it out to draw from all symbols.")
