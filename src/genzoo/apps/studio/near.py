"""Which training rows a sample resembles: looking at them tells copying from learning."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.studio.shown import shown
from genzoo.apps.studio.wire import Near
from genzoo.core.space import Column, Space
from genzoo.data import Data
from genzoo.distributions.pairwise import NearestRows
from genzoo.evaluation.extractors import Values
from genzoo.evaluation.raw_values import word_places

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Cells", "near"]

SEARCHED = 60_000  # training rows
ENTRIES = 1 << 28  # of them, in all


class Cells:
    r"""Rows with columns as points: numbers less their mean, over their spread; two unlike words 1 apart; and what is
    missing as a difference of its own.

    With z a number in units of the spread of those that are there, and m one where a cell is missing and else zero,
    a column of numbers adds to the squared distance of two rows

    $$ (z - z')^2 + (m - m')^2, \qquad z = 0 \text{ where } m = 1, $$

    so a cell that one row alone lacks adds $1 + z^2$, in the mean the 2 of two cells that are drawn apart, and for a
    word 1, as an unlike one does; cells that both lack add nothing. Rows are at distance zero only if they are
    copies, holes included. Over the columns that both have, scaled up by their share, a row of one cell would be a
    copy of all that agree in it, and no triangle inequality would hold.

    Args:
        space: What a row is.
        rows: Rows that say what is usual, what they lack as NaN.

    Example:
        >>> rows = torch.tensor([[0.0, 1.0], [2.0, float("nan")]])
        >>> Cells(Space((2,)), rows)(rows)
        tensor([[-1.,  0.,  0.,  0.],
                [ 1.,  0.,  0.,  1.]])

    References:
        Dixon, 1979, "Pattern recognition with partly missing data" (distances over what is there, and what they lack)
    """

    def __init__(self, space: Space, rows: Shaped[Tensor, "m *shape"]) -> None:
        columns = space.columns or (Column("real"),) * space.dims
        self.words = {i: column.levels or 1 for i, column in enumerate(columns) if column.kind == "categorical"}
        self.numbers = [i for i in range(len(columns)) if i not in self.words]
        there = rows.flatten(1).double()[:, self.numbers]
        self.middle = there.nanmean(0).nan_to_num()  # of none that is there
        spread = (there - self.middle).square().nanmean(0).sqrt()
        self.unit = torch.where(spread > 0, spread, 1.0)

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n E"]:
        """The rows as points."""
        x = x.flatten(1).double()
        numbers = x[:, self.numbers]
        parts = [((numbers - self.middle) / self.unit).nan_to_num(), numbers.isnan()]
        for i, levels in self.words.items():
            lacks = x[:, i, None].isnan()
            parts += [word_places(levels)[x[:, i].nan_to_num().long()].masked_fill(lacks, 0), lacks / 2**0.5]
        return torch.cat([part.double() for part in parts], 1).float()


async def near(request: "Request", served: Served, asked: Near) -> dict[str, Any]:
    """Samples of a seed, each with the training rows nearest to it by its values, columns of a table as `Cells`, and
    how far off these are."""
    drawn = served.drawn(asked.n, asked.seed, asked.given, asked.options)

    def found() -> tuple[Tensor, Tensor, list[list[float]]]:
        rows, placed, among = _known(served)
        x = served.model.sample(drawn.n, drawn.given or None, seed=drawn.seed, **drawn.options).cpu()
        distances, places = among(placed(x), min(asked.k, len(rows)))
        return x, rows[places.flatten()], distances.sqrt().tolist()

    (parts,) = await answers(request, served.line, [Called(drawn.n, found)], served.seconds(asked.timeout))
    x, rows, distances = parts
    return {"samples": shown(served, x), "rows": shown(served, rows), "distances": distances, "seed": drawn.seed}


@functools.lru_cache(maxsize=3)
def _known(served: Served) -> tuple[Tensor, Callable[[Tensor], Tensor], NearestRows]:
    """Training rows, what makes points of rows, and a way to look among them."""
    data: Data = served.run.data()
    most = max(1, min(len(data.train), SEARCHED, ENTRIES // served.model.space.dims))
    rows = data.train.gather(torch.arange(most) * len(data.train) // most)[0]
    has_holes = not data.space.is_discrete and not data.space.ragged and bool(rows.isnan().any())
    placed = Cells(data.space, rows) if data.space.columns is not None or has_holes else Values(data.space)
    return rows, placed, NearestRows(placed(rows))
