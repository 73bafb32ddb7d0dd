"""Data as sequences of symbols.

A chain of conditionals needs an order. Entries are taken as they are read: pixels in raster order, the channels of a
pixel together, letters from first to last. Where lengths vary, every sequence shorter than the longest is followed by
an end symbol, which is the padding's own number, L, so that

$$ p(x) = \\prod_{t \\le \\ell} p(x_t \\mid x_{<t}) \\cdot p(\\mathrm{end} \\mid x)^{[\\ell < T]} $$

is a mass over the sequences of all lengths ℓ from 0 to the longest, T.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor
from torch.nn.functional import cross_entropy

from genzoo.core.game import Batch
from genzoo.core.space import Space
from genzoo.distributions.levels import flattened

__all__ = [
    "check_padding",
    "counted",
    "first_tokens",
    "read",
    "refuse_unlike",
    "scored",
    "symbols",
]

LOOK = 10_000  # rows that a start is taken from


def symbols(space: Space) -> int:
    """How many symbols there are: the levels, and the end where lengths vary.

    Example:
        >>> symbols(Space((8,), levels=27)), symbols(Space((8,), levels=27, ragged=True))
        (27, 28)
    """
    return (space.levels or 0) + space.ragged


def first_tokens(batches: Iterable[Batch], space: Space, most: int = LOOK) -> Int[Tensor, "N D"]:
    """The first rows of training data as sequences, to start a model from.

    Args:
        batches: The data.
        space: What one x is.
        most: Batches are looked at until there are so many rows.

    Example:
        >>> first_tokens([Batch(torch.tensor([[1, 0], [0, 1]]))] * 9, Space((2,), levels=2), most=3).shape
        torch.Size([4, 2])
    """
    some, seen = [], 0
    for batch in batches:
        some.append(flattened(batch.x, space))
        seen += len(batch)
        if seen >= most:
            break
    return torch.cat(some)


def counted(tokens: Int[Tensor, "B D"], space: Space) -> Tensor:
    """(B, D) booleans: the places whose symbol counts, which are all up to the end symbol, itself included.

    Example:
        >>> counted(torch.tensor([[0, 1, 2, 2]]), Space((4,), levels=2, ragged=True)).tolist()
        [[True, True, True, False]]
    """
    before = tokens[:, :-1].ne(symbols(space) - 1 if space.ragged else -1)
    return torch.cat([torch.ones_like(tokens[:, :1], dtype=torch.bool), before], dim=1)


def read(x: Integer[Tensor, "B *event"], space: Space) -> Int[Tensor, "B T"]:
    """Rows as sequences up to the end of the longest: places where every row has ended teach nothing.

    Raises:
        ValueError: If a ragged row goes on after its padding began.

    Example:
        >>> read(torch.tensor([[0, 2, 2, 2], [1, 1, 2, 2]]), Space((4,), levels=2, ragged=True))
        tensor([[0, 2, 2],
                [1, 1, 2]])
    """
    if torch.compiler.is_exporting():  # a graph looks at no values
        return flattened(x, space)
    check_padding(x, space)
    tokens = flattened(x, space)
    return tokens[:, : int(counted(tokens, space).sum(1).max())] if space.ragged and len(tokens) else tokens


def scored(logits: Float[Tensor, "B T symbols"], tokens: Int[Tensor, "B T"], space: Space) -> Float[Tensor, " B"]:
    """log p of sequences from the logits of every place, those after the end apart.

    Example:
        >>> scored(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 1]]), Space((3,), levels=2)).exp()
        tensor([0.1250])
    """
    logits = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    if torch.compiler.is_exporting():  # ONNX has no counterpart of a cross entropy that is not reduced
        nats = -logits.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    else:
        nats = cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)
    return -(nats * counted(tokens, space)).sum(1)


def check_padding(x: Tensor, space: Space) -> None:
    """Raises if a ragged row goes on after its padding began.

    Raises:
        ValueError: If one does.
    """
    padding = x.eq(space.levels or 0)
    if space.ragged and (padding[:, :-1] & ~padding[:, 1:]).any():
        raise ValueError(
            f"Padding, the value {space.levels}, must stand at the end of a row, got entries after it. Move it there."
        )


def refuse_unlike(space: Space, name: str, *, ragged: bool = True) -> None:
    """Raises if a space is not one of sequences of symbols.

    Args:
        space: The space.
        name: Who refuses.
        ragged: Whether lengths may vary.

    Raises:
        ValueError: If it is another space.
    """
    if not space.is_discrete:
        raise ValueError(
            f"{name} is a mass on levels, got {space}. Round the data to levels (sounds: --read encoding=mulaw), or "
            "take a model of real numbers."
        )
    if space.ragged and not ragged:
        raise ValueError(f"{name} needs rows of one length, got {space}. Take gpt, or cut the rows to one length.")
    if space.ragged and len(space.shape) > 1:
        raise ValueError(f"Rows of varying length must be plain sequences, got {space}. Flatten them.")
