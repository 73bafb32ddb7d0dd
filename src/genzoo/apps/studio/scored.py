"""How likely the rows of a file are, beside rows of the run's own data that it was not trained on."""

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.apps.cli.using import data_of, rows_of
from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.studio.wire import Scored
from genzoo.core.errors import DataError
from genzoo.data import Data
from genzoo.evaluation.likelihood import scores
from genzoo.evaluation.rows import spread

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["score"]

HELD = 300  # rows of the run's own, beside which those of the file stand


async def score(request: "Request", served: Served, source: str | None, asked: Scored) -> dict[str, Any]:
    """log p of the first rows of data in nats, as `genzoo score` has it, under the numbers that rows have in the data,
    with what it says of those left out; and of some held-out rows beside them. Of the run's own test rows alone where
    no data are named."""
    served.must("score")

    def found() -> tuple[Tensor, Tensor, dict[str, Any]]:
        data = _read(served, source)
        read = rows_of(data, "test") if source is None else data.rows()
        few = dataclasses.replace(read, numbers=read.numbers[: asked.rows])
        held = torch.empty(0) if source is None else _held(served, asked.seed or 0)
        numbers = few.numbers if data.numbers is None else data.numbers[few.numbers]
        about = {"rows": len(read), "numbers": numbers.tolist(), "notes": [n for n in data.notes if _of_rows(n)]}
        return _scored(served, few, asked.seed or 0), held, about

    (parts,) = await answers(request, served.line, [Called(asked.rows, found)], served.seconds(asked.timeout))
    ours, held, read = parts
    space, kind = served.model.space, served.model.likelihood.value
    about = {"likelihood": kind, "unit": "nats", "bits_per_dim": space.is_discrete and not space.ragged}
    return read | about | {"log_prob": _finite(ours), "held_out": _finite(held), "dims": space.dims}


def _read(served: Served, source: str | None) -> Data:
    try:
        return data_of(served.run, source, online=False)
    except DataError as error:
        has_none = r"`(?:x|given)` must name columns of (.+?), got (.+?)\."
        told = r"\1 must have the columns that the run was trained on, and lacks \2."
        raise DataError(re.sub(has_none, told, str(error))) from None


def _of_rows(note: str) -> bool:
    """Whether a remark of reading tells of rows that are not scored."""
    return note.startswith("dropped") or "(skip_bad)" in note


def _held(served: Served, seed: int) -> Tensor:
    """The scores of some held-out rows; none where the run's data are gone."""
    try:
        data = served.run.data()
    except (ValueError, OSError):
        return torch.empty(0)
    rows = data.test if len(data.test) else data.valid
    return _scored(served, spread(rows, HELD), seed) if len(rows) else torch.empty(0)


def _scored(served: Served, rows: Any, seed: int) -> Tensor:
    return torch.cat([part.cpu() for part in scores(served.model, rows, seed=seed)])


def _finite(x: Tensor) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in x.tolist()]
