"""Questions about a distribution: `/v1/expect`, how likely a statement is, and `/v1/impute`, what is missing."""

import time
from typing import TYPE_CHECKING, Any

from genzoo.apps.cli.answers import Answer, columns_of, written
from genzoo.apps.cli.statements import table_codec
from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.serve.scores import of_its_cell, rows_of_table
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.serve.wire import Expect, Impute
from genzoo.core.noise import fresh_seed
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.tasks import Expression, in_time, rare_event
from genzoo.tasks import impute as imputed
from genzoo.tasks.questions import spoken
from genzoo.zoo.conditions import conditions, turns

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["expect", "impute", "rows_of_cells"]

MOST = 20_000  # rows of an answer
SHARE = 0.7  # of the time of a request, in which samples are drawn
RARE = 100  # samples, the fewest that reach for a rare event


async def expect(request: "Request", served: Served, asked: Expect) -> dict[str, Any]:
    """The probability of a statement about x, or the mean of a number, with its interval of 95 %."""
    served.must("expect")
    served.bounded(asked.n, {}, most=None)
    if asked.rare and asked.n < RARE:
        raise Refusal(400, f"n must be at least {RARE} with rare, got {asked.n}. Ask for more.", "n", "too_few")
    seed, model, codec, data = asked.seed, served.model, served.codec, served.run.config.data
    seed = fresh_seed() if seed is None else seed
    try:
        question = Expression(spoken(asked.of), columns_of(codec, model.space))
    except ValueError as error:
        raise refused(error, "of") from None
    served.check_needed(asked.given)
    words = served.words(asked.given)
    try:
        rows = conditions(model, data, words, turns(model, data, words), served.run.given_codecs)
    except ValueError as error:
        raise refused(error, "given") from None

    seconds = served.seconds(asked.timeout)
    until = time.monotonic() + SHARE * seconds

    def found() -> Answer:
        try:
            if asked.rare:
                margin = written(question.margin, codec)
                return Answer.of_event(question, rare_event(model, margin, asked.n, given=rows, seed=seed), seed)
            values = in_time(model, written(question, codec), asked.n, until, given=rows, seed=seed)
        except ValueError as error:  # which is seen once there are rows
            raise refused(error, "of") from None
        return Answer.of_values(question, values, asked.quantiles)

    job = Called(asked.n, found)
    (answer,) = await answers(request, served.line, [job], seconds)
    about = {"object": "expectation", "model": served.name, "likelihood": model.likelihood.value}
    told = answer.to_json()
    late = told["n"] < asked.n and not asked.rare
    remarks = [f"n: there was time for {told['n']:,} of {asked.n:,} samples"] if late else []
    return about | told | {"remarks": remarks}


async def impute(request: "Request", served: Served, asked: Impute) -> dict[str, Any]:
    """What is missing in rows of a table, drawn given what is there."""
    served.must("impute")
    codec, model = table_codec(served.run), served.model
    served.bounded(len(asked.input) * asked.n, {}, most=None)
    if len(asked.input) * asked.n > MOST:
        got = f"{len(asked.input):,} × {asked.n:,}"
        raise Refusal(400, f"rows × n must be at most {MOST:,}, got {got}. Ask for fewer.", "n", "too_much_work")
    x = rows_of_table(codec, asked.input, holes=True, beside=served.given_words)
    given = served.given(asked.given, len(asked.input))
    seed = fresh_seed() if asked.seed is None else asked.seed

    def draw() -> Any:
        try:
            return imputed(model, x.to(model.device), asked.n, given or None, seed=seed)
        except ValueError as error:
            raise of_its_cell(error, codec.columns) from None

    job = Called(len(x) * asked.n, draw)
    (found,) = await answers(request, served.line, [job], served.seconds(asked.timeout))
    drawn = [rows_of_cells(codec, codec.cells(served.of_the_space(draw.cpu()))) for draw in found.x]
    data = [{"object": "row", "index": i, "draws": [rows[i] for rows in drawn]} for i in range(len(x))]
    about = {"exact": found.exact, "consistent": found.consistent, "seed": seed, "model": served.name}
    return {"object": "list", "data": data} | about


def rows_of_cells(codec: TableCodec | PointsCodec, cells: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Rows of cells; what is a number in the table is one here."""
    columns = {name: [_value(codec, name, cell) for cell in column] for name, column in cells.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _value(codec: TableCodec | PointsCodec, name: str, cell: str) -> Any:
    if not cell:
        return None
    if isinstance(codec, TableCodec) and (name in codec.words or name in codec.forms):
        return cell
    number = float(cell)
    return int(number) if number.is_integer() and "." not in cell and "e" not in cell else number
