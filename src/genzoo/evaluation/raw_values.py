"""Rows as vectors in which no entry outweighs the others: the eye for data that have no judge."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.core.space import Column, Space
from genzoo.data import Rows
from genzoo.data.data import fingerprint
from genzoo.evaluation.extractors import Extractor, Values

__all__ = ["StandardValues", "TableValues", "plain_values", "word_places"]

LOOKED_AT = 10_000  # rows that the units are taken from
MANY, PLACES = 256, 64  # words, of which more share so many places
NORMAL = 1.3489795  # the spread of the middle half of N(0, 1)


class StandardValues:
    """Real numbers in standard units: each entry less its mean, over its standard deviation, in the training rows.

    Args:
        space: What a row is.
        mean: The mean of each entry.
        scale: The standard deviation of each.

    Example:
        >>> import torch
        >>> StandardValues(Space((2,)), torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[1., 4.]])
    """

    name = "standardized values"

    def __init__(self, space: Space, mean: Float[Tensor, " D"], scale: Float[Tensor, " D"]) -> None:
        self.space, self.dims, self.mean, self.scale = space, space.dims, mean, scale
        self.fingerprint = fingerprint("standardized values", mean, scale)

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The rows as vectors."""
        return (Values(self.space)(x) - self.mean) / self.scale


class TableValues:
    """Rows of a table: numbers less their median, over the spread of the middle half as that of a normal law; words by
    `word_places`, so that two unlike words are 1 apart.

    A column of which half of the rows agree has no such spread and gets its standard deviation. One that never varies
    counts for nothing.

    Args:
        space: What a row is.
        rows: The rows that the units are taken from.

    Example:
        >>> space = Space((2,), columns=(Column("integer"), Column("categorical", 2)))
        >>> rows = torch.tensor([[0.0, 0], [1, 1], [2, 0], [3, 1], [900, 0]]).double()
        >>> TableValues(space, rows)(rows[4:])
        tensor([[605.6918,   0.7071,   0.0000]])

    References:
        Rousseeuw & Croux, 1993, "Alternatives to the median absolute deviation" (robust scales)
    """

    name = "table values (median and middle half; words apart by 1)"

    def __init__(self, space: Space, rows: Shaped[Tensor, "n D"]) -> None:
        columns = space.columns or (Column("real"),) * space.dims
        self.space, x = space, rows.double()
        self.words = [(i, column.levels) for i, column in enumerate(columns) if column.kind == "categorical"]
        self.numbers = [i for i, column in enumerate(columns) if column.kind != "categorical"]
        self.middle, self.scale = _robust(x[:, self.numbers])
        self.dims = len(self.numbers) + sum(word_places(levels or 1).shape[1] for _, levels in self.words)
        self.fingerprint = fingerprint(self.name, space, self.middle, self.scale)

    def __call__(self, x: Shaped[Tensor, "n D"]) -> Float[Tensor, "n W"]:
        """The rows as vectors."""
        parts = [(x[:, self.numbers].double() - self.middle) / self.scale]
        for i, levels in self.words:
            parts.append(word_places(levels or 1)[x[:, i].long()])
        return torch.cat(parts, dim=1).float()


def word_places(count: int) -> Float[Tensor, "count k"]:
    """Words as unit vectors over √2, so that two unlike words are 1 apart; of more than 256 about so, in 64 places.

    Args:
        count: How many words there are.

    Example:
        >>> word_places(3).shape, word_places(10_000).shape, round(float(word_places(10_000)[0].norm() ** 2), 6)
        (torch.Size([3, 3]), torch.Size([10000, 64]), 0.5)
    """
    if count <= MANY:
        return torch.eye(count, dtype=torch.float64) / 2**0.5
    signs = Noise(0, "words").normal(count, PLACES, dtype=torch.float64).sign()
    return signs / (2 * PLACES) ** 0.5


def _robust(x: Float[Tensor, "n D"]) -> tuple[Float[Tensor, " D"], Float[Tensor, " D"]]:
    """The median of each column, and the spread of its middle half over that of N(0, 1)."""
    ordered = x.sort(0).values
    low, middle, high = (ordered[round(share * (len(x) - 1))] for share in (0.25, 0.5, 0.75))
    spread, std = (high - low) / NORMAL, (x - x.mean(0)).square().mean(0).sqrt()  # `std` warns of no columns
    return middle, torch.where(spread > 0, spread, torch.where(std > 0, std, torch.inf))


def plain_values(rows: Rows, *, table: bool = False) -> Extractor:
    """The values of rows: levels between 0 and 1, reals in the standard units of these rows, columns of a table in
    units that outliers do not move.

    Args:
        rows: The rows of which the units are taken.
        table: Whether they are those of a table.

    Example:
        >>> import genzoo
        >>> plain_values(genzoo.read("moons").train).name, plain_values(genzoo.read("digits").train).name
        ('standardized values', 'values')
    """
    if rows.space.columns is not None or (table and rows.space.levels is None):
        return TableValues(rows.space, rows.head(LOOKED_AT)[0])
    if rows.space.levels is not None:
        return Values(rows.space)
    values = Values(rows.space)(rows.head(LOOKED_AT)[0]).double()
    scale = values.std(0)
    return StandardValues(rows.space, values.mean(0).float(), scale.where(scale > 0, 1.0).float())
