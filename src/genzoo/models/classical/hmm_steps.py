"""What a hidden chain says next, given what it has said: the forward pass one entry at a time.

With the belief $p_t(j) = p(z_t = j \\mid x_{<t})$ about the state that emits step t, the next entry has

$$ p(x_t = s \\mid x_{<t}) = \\sum_j p_t(j)\\,b_j(s), $$

and once it is known the belief is $\\propto p_t(j)\\,b_j(x_t)$, moved on by the transitions. The entries of one step
are independent given its state, and are said one after another without a transition between them.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given
from genzoo.core.space import Space
from genzoo.models.classical.chain import safe_log
from genzoo.models.sequences import symbols

__all__ = ["Heard", "Steps"]


class Heard(NamedTuple):
    """What is believed of the state that speaks next, the end in the last column, and the place in its step."""

    belief: Float[Tensor, "n after"]
    place: int


class Steps(Sequential):
    """The conditionals of a hidden chain of symbols or bits.

    Args:
        space: What one x is.
        starts: p(z_1 | given) for n rows, the end in the last column.
        transition: A, the end in the last column.
        tables: b_k of every level of every entry of a step.

    Example:
        >>> from genzoo.models.classical import HMM
        >>> chain = HMM(Space((6,), levels=3), states=2).able(Sequential)
        >>> chain.logits(chain.begin(1)).softmax(1).sum().item()
        1.0
    """

    def __init__(
        self,
        space: Space,
        starts: Callable[[int, Given], Tensor],
        transition: Float[Tensor, "N after"],
        tables: Float[Tensor, "D levels N"],
    ) -> None:
        self.space, self.symbols, self.starts, self.tables = space, symbols(space), starts, tables
        end = torch.zeros_like(transition[:1])
        end[:, -1] = 1
        self.transition = torch.cat([transition, end])  # who has ended stays there

    def begin(self, n: int, given: Given = NOTHING) -> Heard:
        return Heard(self.starts(n, given), 0)

    def logits(self, state: Heard) -> Float[Tensor, "n symbols"]:
        said = state.belief[:, :-1] @ self.tables[state.place].T
        return safe_log(torch.cat([said, state.belief[:, -1:]], dim=1) if self.space.ragged else said)

    def take(self, state: Heard, symbol: Int[Tensor, " n"]) -> Heard:
        table = self.tables[state.place]
        of_states = table[symbol.clamp_max(len(table) - 1)] * (symbol < len(table))[:, None]
        belief = state.belief * torch.cat([of_states, (symbol == len(table))[:, None]], dim=1)
        belief = belief / belief.sum(1, keepdim=True)
        if state.place + 1 < len(self.tables):
            return Heard(belief, state.place + 1)
        return Heard(belief @ self.transition, 0)
