"""Log-probabilities: `/v1/score`, which no other server has. Every number says what it claims."""

import asyncio
import math
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.serve.scoring import Scored
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.uploads import file_of, picture_of, sent
from genzoo.apps.serve.waiting import answers
from genzoo.apps.serve.wire import Score
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import SpellingCodec
from genzoo.evaluation.likelihood import dims_of

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["of_its_cell", "rows_of_table", "score"]


async def score(request: "Request", served: Served, asked: Score) -> dict[str, Any]:
    """log p of each row that a request brings, in nats, with the kind of the number and its error."""
    served.must("score")
    x = await asyncio.to_thread(_rows, served, [asked.input] if isinstance(asked.input, str) else asked.input)
    served.bounded(len(x) * asked.draws, {}, most=None)
    job = Scored(x, served.given(asked.given, len(x)), asked.seed or 0, asked.draws)
    ((nats, errors),) = await answers(request, served.line, [job], served.seconds(asked.timeout))
    space = served.model.space
    bits = (-nats / (dims_of(x, space) * math.log(2))).tolist()
    data = [
        {"object": "score", "index": i, "log_prob": _finite(value), "error": _finite(error)}
        | ({"bits_per_dim": bits[i] if math.isfinite(bits[i]) else None} if space.is_discrete else {})
        for i, (value, error) in enumerate(zip(nats.tolist(), errors.tolist(), strict=True))
    ]
    kind = served.model.likelihood.value
    about = {"model": served.name, "likelihood": kind, "unit": "nats", "seed": job.seed}
    return {"object": "list", "data": data} | about


def _finite(value: float) -> float | None:
    """A number as JSON has it: −∞ is the least there is, what is not known is null."""
    return None if math.isnan(value) else min(max(value, -sys.float_info.max), sys.float_info.max)


def _rows(served: Served, rows: Sequence[Any]) -> Tensor:
    """Rows of the run's space, as a request tells them."""
    codec = served.codec
    try:
        match codec:
            case SpellingCodec():
                x = _each(rows, lambda row, at: _text(served, codec, row, at))
            case ImageCodec():
                x = _each(rows, lambda row, at: picture_of(codec, served.model.space.shape, sent(row, at), at))
            case SoundCodec() if any(isinstance(row, str) for row in rows):
                x = _each(rows, lambda row, at: file_of(codec, served.model.space, row, at))
            case TableCodec() | PointsCodec():
                x = rows_of_table(codec, rows, holes=served.model.can("missing"), beside=served.given_words)
                x = _within(x, torch.finfo(served.model.dtype).max, codec.columns)
            case _:
                x = torch.as_tensor(rows)
        discrete = served.model.space.is_discrete
        return served.model.checked(x.long() if discrete and x.is_floating_point() and bool((x == x.round()).all())
                                    else x)  # fmt: skip
    except (ValueError, TypeError, RuntimeError) as error:
        known = error if isinstance(error, ValueError) else ValueError(str(error))
        raise of_its_cell(known, codec.columns if isinstance(codec, TableCodec | PointsCodec) else ()) from None


def _each(rows: Sequence[Any], read: Callable[[Any, str], Tensor]) -> Tensor:
    return torch.stack([read(row, f"input.{i}") for i, row in enumerate(rows)])


def _text(served: Served, codec: SpellingCodec, row: Any, at: str) -> Tensor:
    """A text in symbols, with its end where lengths vary."""
    if not isinstance(row, str):
        raise Refusal(400, f"{at} must be a text, got {type(row).__name__}. Write it as a string.", at, "invalid_type")
    try:
        ids, dims = codec.ids(row).long(), served.model.space.dims
    except ValueError as error:
        raise refused(error, at) from None
    if len(ids) > dims or (len(ids) < dims and not served.model.space.ragged):
        must = f"{'at most' if served.model.space.ragged else 'exactly'} {dims} symbols"
        raise Refusal(400, f"{at} must have {must}, got {len(ids)}. Cut it, or fill it up.", at, "invalid_length")
    return pad(ids, (0, dims - len(ids)), value=codec.levels)


def rows_of_table(
    codec: TableCodec | PointsCodec, rows: Sequence[Any], *, holes: bool, beside: Collection[str] = ()
) -> Tensor:
    """Rows of a table: mappings from columns to cells, or lists of cells in the columns' order; null is a hole.

    Args:
        codec: The table's codec.
        rows: What was sent.
        holes: Whether cells may be missing.
        beside: Names of the conditions, which are no cells.

    Raises:
        Refusal: If a column is unknown or lacking, or a cell is none of its column.
    """
    names = list(codec.columns)
    cells: dict[str, list[str]] = {name: [] for name in names}
    for i, row in enumerate(rows):
        if isinstance(row, Mapping):
            found = [name for name in row if name not in cells]
            if found:
                there = f"It is a condition: say it in given.{found[0]}." if found[0] in beside else (
                    f"There are: {', '.join(names)}.")  # fmt: skip
                raise Refusal(400, f"input.{i} has no column {found[0]!r:.80}. {there}",
                              f"input.{i}.{found[0]}", "unknown_column")  # fmt: skip
            values = [row.get(name) for name in names]
        elif isinstance(row, list) and len(row) == len(names):
            values = row
        else:
            raise Refusal(400, f"input.{i} must hold {len(names)} cells by column or in order. Columns: "
                          f"{', '.join(names)}.", f"input.{i}", "invalid_row")  # fmt: skip
        for name, value in zip(names, values, strict=True):
            cells[name].append(_cell(value, f"input.{i}.{name}", holes=holes))
    try:
        return codec.holed(cells)
    except ValueError as error:
        raise _of_its_row(codec, cells, error) from None


ENTRY = re.compile(r"Entry (?P<entry>\d+) of x (?P<must>must hold .+) in row (?P<row>\d+)\.")


def of_its_cell(error: ValueError, names: Sequence[str]) -> Refusal:
    """An error about rows that a request brings, by the row and the column that it is about.

    Args:
        error: What the model says of them.
        names: The columns.
    """
    found = ENTRY.match(str(error))
    if found is None or int(found["entry"]) >= len(names):
        return refused(error, "input")
    at = f"input.{found['row']}.{names[int(found['entry'])]}"
    return Refusal(400, f"{at} {found['must']}. Correct it.", at, "invalid_cell")


def _within(x: Tensor, most: float, names: Sequence[str]) -> Tensor:
    """Rows whose numbers the model's kind of numbers holds."""
    if x.is_floating_point() and bool((x.abs() > most).any()):
        i, k = (x.abs() > most).nonzero()[0].tolist()
        at = f"input.{i}.{names[k]}"
        raise Refusal(400, f"{at} must be a number within {most:.2g}, got {x[i, k]:.3g}. Correct it.", at,
                      "invalid_cell")  # fmt: skip
    return x


def _of_its_row(codec: TableCodec | PointsCodec, cells: Mapping[str, Sequence[str]], error: ValueError) -> Refusal:
    """An error about cells, by the place of its row in the request."""
    for i in range(len(next(iter(cells.values()), ()))):
        try:
            codec.holed({name: [each[i]] for name, each in cells.items()})
        except ValueError as own:
            told = refused(own, f"input.{i}")
            name = next((name for name in cells if f"Column {name!r} must hold finite numbers" in str(own)), "")
            if isinstance(codec, TableCodec) and name in codec.forms:
                as_in = codec.forms[name].spelled("0")
                return Refusal(400, f"input.{i}.{name} must be written as {as_in!r} is, got {cells[name][i]!r:.80}. "
                               "Correct it.", f"input.{i}.{name}", "invalid_cell")  # fmt: skip
            told.message = re.sub(r"\brow \d+", f"input.{i}", told.message)
            told.message = re.sub(r", pass na=.*", ".", re.sub(r" In a command, .*", "", told.message))
            return told
    return refused(error, "input")


def _cell(value: Any, at: str, *, holes: bool) -> str:
    if value is None and not holes:
        raise Refusal(
            400, f"{at} must be said, got nothing. Say it: this run takes no missing entries.", at, "missing"
        )
    if isinstance(value, bool | list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise Refusal(400, f"{at} must be a number or a word, got {value!r:.40}. Correct it.", at, "invalid_cell")
    if isinstance(value, str) and not value.strip() and not holes:
        raise Refusal(400, f"{at} must be said, got an empty word. Say it: this run takes no missing entries.", at,
                      "missing")  # fmt: skip
    return "" if value is None else str(value)
