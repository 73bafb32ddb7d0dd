"""What diffusions of numbers and levels share: rows in parts, and one network that sees both."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import one_hot

from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.space import Column, Space
from genzoo.nn.mlp import MLP
from genzoo.nn.time import Timed

__all__ = ["Mixed", "Parts", "check_mixed"]


class Parts(NamedTuple):
    """Rows in two parts.

    Attributes:
        numbers: The entries that are numbers.
        levels: The others.
    """

    numbers: Float[Tensor, "B N"]
    levels: Int[Tensor, "B C"]


class Mixed(GenerativeModel):
    """A diffusion of rows of normal numbers and of levels, by one perceptron that sees all entries and the time.

    Args:
        space: What a row is: columns that are real, ordered or categorical; reals; or levels.
        given_space: What the model is conditioned on, if anything.
        width: The units of a hidden layer.
        depth: Hidden layers.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If rows are not flat, or a column holds whole numbers without bound.

    References:
        Kotelnikov, Baranchuk, Rubachev & Babenko, 2023, "TabDDPM", arXiv:2209.15421
    """

    by_column = True
    likelihood = Likelihood.BOUND
    block = 1 << 17

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 256,
        depth: int = 3,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        check_mixed(type(self).__name__, space)
        plain = Column("real") if space.levels is None else Column("categorical", space.levels)
        columns = space.columns or (plain,) * space.dims
        self.number_entries = [entry for entry, column in enumerate(columns) if column.levels is None]
        self.level_entries = [entry for entry in range(space.dims) if entry not in self.number_entries]
        self.counts = [columns[entry].levels or 1 for entry in self.level_entries]
        self.drop_given = drop_given
        size = len(self.number_entries) + sum(self.counts)
        net = MLP(size, [width] * depth, size, given=64)
        nn.init.zeros_(net.last.weight)
        self.net = Timed(net, 64, given_space)

    def parts(self, x: Shaped[Tensor, "B D"]) -> Parts:
        """Rows as numbers and levels."""
        return Parts(x[:, self.number_entries].to(self.dtype), x[:, self.level_entries].long())

    def joined(self, parts: Parts) -> Shaped[Tensor, "B D"]:
        """Rows of the space."""
        wanted = getattr(torch, self.space.dtype)
        wanted = self.dtype if wanted is torch.float32 else wanted
        x = torch.empty(len(parts.levels), self.space.dims, dtype=wanted, device=parts.levels.device)
        x[:, self.number_entries], x[:, self.level_entries] = parts.numbers.to(wanted), parts.levels.to(wanted)
        return x

    def hot(self, levels: Int[Tensor, "B C"]) -> list[Float[Tensor, "B _"]]:
        """Each column's level as a unit vector; zeros where there is none, −1."""
        return [
            one_hot(level + 1, count + 1)[:, 1:].to(self.dtype)
            for level, count in zip(levels.T, self.counts, strict=True)
        ]

    def said(
        self, numbers: Float[Tensor, "B N"], levels: Int[Tensor, "B C"], t: Float[Tensor, " B"], given: Given
    ) -> tuple[Float[Tensor, "B N"], list[Tensor]]:
        """What the network says of the numbers, and the log-probabilities of each column's levels."""
        said = self.net(torch.cat([numbers, *self.hot(levels)], dim=1), t.to(self.dtype), given or None)
        first, *rest = said.to(self.dtype).split([len(self.number_entries), *self.counts], dim=1)
        return first, [part.log_softmax(1) for part in rest]

    def seen(self, batch: Batch) -> tuple[Parts, Given]:
        """A batch's rows in parts, and its condition, of which some is dropped in training."""
        return self.parts(batch.x), self.training_given(batch)

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SCORE and super().can(capability)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"


def check_mixed(name: str, space: Space) -> None:
    """Refuses rows that are not flat, or hold whole numbers without bound.

    Args:
        name: Of the model.
        space: What a row is.

    Raises:
        ValueError: If rows are not flat, or are of one kind.
    """
    if len(space.shape) != 1 or space.ragged or any(column.kind == "integer" for column in space.columns or ()):
        raise ValueError(
            f"{name} is a model of flat rows of reals and levels, got {space}. Flatten them, or pass it to Ranked."
        )
