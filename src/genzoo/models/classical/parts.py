"""Models with one part for each class: the label of a row says which part it comes from.

With C classes of shares p(c), a row without a label has the exact marginal $\\sum_c p(c)\\,p(x \\mid c)$.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["alike", "part_logits"]


def alike(kinds: Int[Tensor, " n"], count: int) -> Iterator[tuple[int, Int[Tensor, " rows"] | slice]]:
    """The rows of each kind that there is; a slice where all rows are of one.

    Args:
        kinds: A number below `count` for each row.
        count: The number of kinds.

    Example:
        >>> list(alike(torch.tensor([2, 0, 2]), 3)), list(alike(torch.tensor([1, 1]), 3))
        ([(0, tensor([1])), (2, tensor([0, 2]))], [(1, slice(0, 2, None))])
    """
    for kind, rows in enumerate(kinds.bincount(minlength=count).tolist()):
        if rows == len(kinds) > 0:
            yield kind, slice(0, rows)
        elif rows:
            yield kind, (kinds == kind).nonzero().squeeze(1)


def part_logits(
    weights: Float[Tensor, "C K"], shares: Float[Tensor, " C"], labels: Int[Tensor, " n"]
) -> Float[Tensor, "n parts"]:
    """The log-odds of the C · K parts for rows of given labels: those of other classes are impossible.

    Args:
        weights: The weights of the parts within each class.
        shares: The shares of the classes.
        labels: −1 where the class is not known.

    Example:
        >>> part_logits(torch.tensor([[1.0], [1.0]]), torch.tensor([0.25, 0.75]), torch.tensor([1, -1])).exp()
        tensor([[0.0000, 1.0000],
                [0.2500, 0.7500]])
    """
    other = labels[:, None] != torch.arange(len(weights), device=labels.device)
    known = weights.log().masked_fill(other[:, :, None], -torch.inf)
    return torch.where(labels[:, None, None] < 0, (shares[:, None] * weights).log(), known).flatten(1)
