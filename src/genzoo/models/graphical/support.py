"""What zeros in tables allow: which variables are tied together, and which of their values are possible at all.

Where every table is positive, any variable can change whatever the others are. Zeros tie variables: if x is the
logical or of two others, none of the three can change alone. A table's zeros tie nothing where what it allows is a
product of sets, one for each variable; else its variables belong to one block. The possible states are then a product
over blocks, so that a chain which draws whole blocks reaches them all, and evidence is impossible if and only if it
leaves a block without a state.

References:
    Jensen, Kong & Kjærulff, 1995, "Blocking Gibbs sampling in very large probabilistic expert systems"
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from genzoo.models.graphical.factors import Factor

__all__ = ["MOST", "Block", "blocks_of"]

MOST = 4096  # states of a block that are listed
FAINT = (0.01, 0.0)  # what counts as a zero: first what hardly ever happens, which would slow chains down


class Block(NamedTuple):
    """Variables that change together, and the values that they may take.

    Attributes:
        variables: Their numbers.
        states: The possible ones, one a row.

    Example:
        >>> same = Factor((0, 1), torch.eye(2))
        >>> blocks_of([same, Factor((2,), torch.tensor([0.5, 0.5]))], [2, 2, 2])[0].states
        tensor([[0, 0],
                [1, 1]])
    """

    variables: tuple[int, ...]
    states: Int[Tensor, "states k"]


def blocks_of(factors: Sequence[Factor], alphabets: Sequence[int]) -> list[Block]:
    """The blocks of the variables that factors speak of.

    Args:
        factors: Tables, those of known variables at their values.
        alphabets: How many values each variable has.

    Raises:
        ValueError: If no state is possible, or a block has too many to list.
    """
    if any(not bool((f.table > 0).any()) for f in factors):
        raise ValueError("no state is possible")
    found: list[Block] = []
    for faint in FAINT:
        groups = _tied(factors, len(alphabets), faint)
        if max((_count(alphabets, group) for group in groups), default=1) <= MOST:
            break
    else:
        largest = max(groups, key=lambda group: _count(alphabets, group))
        raise ValueError(
            f"zeros tie {len(largest)} variables together, whose {_count(alphabets, largest):,} states are too many "
            f"to list (at most {MOST:,})"
        )
    for group in groups:
        every = torch.tensor(list(itertools.product(*(range(alphabets[v]) for v in group))))
        there = every[_possible(factors, group, every)]
        if not len(there):
            raise ValueError("no state is possible")
        found.append(Block(group, there))
    return found


def _count(alphabets: Sequence[int], group: Sequence[int]) -> int:
    """The states of a group, possible or not."""
    return math.prod(alphabets[v] for v in group)


def _tied(factors: Sequence[Factor], n: int, faint: float) -> list[tuple[int, ...]]:
    """The variables of all factors in groups that zeros tie together."""
    above = list(range(n))

    def root(v: int) -> int:
        while above[v] != v:
            v = above[v]
        return v

    for factor in factors:
        if len(factor.variables) > 1 and not _is_product(factor.table > faint):
            first, *others = factor.variables
            for other in others:
                above[root(other)] = root(first)
    groups: dict[int, list[int]] = {}
    for v in sorted({v for f in factors for v in f.variables}):
        groups.setdefault(root(v), []).append(v)
    return [tuple(group) for group in groups.values()]


def _is_product(there: Bool[Tensor, "*levels"]) -> bool:
    """Whether what is there is all combinations of some values of each axis."""
    sizes = [int(there.movedim(axis, 0).flatten(1).any(1).sum()) for axis in range(there.ndim)]
    return int(there.sum()) == math.prod(sizes)


def _possible(factors: Sequence[Factor], group: tuple[int, ...], states: Tensor) -> Bool[Tensor, " states"]:
    """Which states of a group no factor forbids, whatever the other variables are."""
    allowed = torch.ones(len(states), dtype=torch.bool)
    for factor in factors:
        shared = [v for v in factor.variables if v in group]
        if not shared:
            continue
        axes = [factor.variables.index(v) for v in shared]
        there = (factor.table > 0).permute(*axes, *(a for a in range(factor.table.ndim) if a not in axes))
        there = there.flatten(len(axes)).any(-1) if there.ndim > len(axes) else there
        allowed &= there.cpu()[tuple(states[:, group.index(v)] for v in shared)]
    return allowed
