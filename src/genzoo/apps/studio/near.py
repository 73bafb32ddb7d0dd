"""Which training rows a sample resembles: looking at them tells copying from learning."""

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.studio.shown import shown
from genzoo.apps.studio.wire import Near
from genzoo.data import Data
from genzoo.distributions.pairwise import NearestRows
from genzoo.evaluation.extractors import Values

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["near"]

SEARCHED = 60_000  # training rows
ENTRIES = 1 << 28  # of them, in all


async def near(request: "Request", served: Served, asked: Near) -> dict[str, Any]:
    """Samples of a seed, each with the training rows nearest to it by its values, columns of a table in units of their
    spread, and how far off these are."""
    drawn = served.drawn(asked.n, asked.seed, asked.given, asked.options)

    def found() -> tuple[Tensor, Tensor, list[list[float]]]:
        rows, unit, among = _known(served)
        x = served.model.sample(drawn.n, drawn.given or None, seed=drawn.seed, **drawn.options).cpu()
        distances, places = among(Values(served.model.space)(x) / unit, min(asked.k, len(rows)))
        return x, rows[places.flatten()], distances.sqrt().tolist()

    (parts,) = await answers(request, served.line, [Called(drawn.n, found)], served.seconds(asked.timeout))
    x, rows, distances = parts
    return {"samples": shown(served, x), "rows": shown(served, rows), "distances": distances, "seed": drawn.seed}


@functools.lru_cache(maxsize=3)
def _known(served: Served) -> tuple[Tensor, Tensor, NearestRows]:
    """Training rows, the unit of each entry, and a way to look among them."""
    data: Data = served.run.data()
    most = max(1, min(len(data.train), SEARCHED, ENTRIES // served.model.space.dims))
    rows = data.train.gather(torch.arange(most) * len(data.train) // most)[0]
    values = Values(data.space)(rows)
    spread = values.std(0) if data.space.columns is not None and len(rows) > 1 else torch.ones(values.shape[1])
    unit = torch.where(spread > 0, spread, 1.0)
    return rows, unit, NearestRows(values / unit)
