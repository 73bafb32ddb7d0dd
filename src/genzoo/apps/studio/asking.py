"""What of a table is asked on the page: a first question, and the missing cells of a row."""

from typing import TYPE_CHECKING, Any

from genzoo.apps.cli.answers import columns_of
from genzoo.apps.cli.statements import table_codec
from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.scores import rows_of_table
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.serve.wire import Impute
from genzoo.apps.studio.shown import lines
from genzoo.core.space import Space
from genzoo.data.codec import Codec
from genzoo.tasks.imputation import Imputed
from genzoo.tasks.imputation import impute as imputed
from genzoo.tasks.names import identifier

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["fill", "questions_of"]


def questions_of(codec: Codec, space: Space) -> dict[str, Any]:
    """What questions about a run's rows are made of: its columns, as `spelled` in questions, and a first `question`,
    about a number where there is one.

    Args:
        codec: How the run's samples become files.
        space: What one row is.
    """
    columns = columns_of(codec, space)
    spelled = {name: identifier(name) for name in columns}
    if not columns:
        return {"columns": [], "spelled": {}, "question": "mean(x) > 0"}
    name = min(columns, key=lambda each: (bool(columns[each].words), columns[each].form is not None))
    column, word = columns[name], spelled[name]
    if column.words:
        question = f"{word} == {column.words[0]!r}"
    else:
        question = f"{word} > {'0' if column.form is None else repr(column.form.spelled('0'))}"
    return {"columns": list(columns), "spelled": spelled, "question": question}


async def fill(request: "Request", served: Served, asked: Impute) -> dict[str, Any]:
    """The missing cells of rows, drawn given those that are known; all cells as `genzoo sample` writes them."""
    served.must("impute")
    codec, model = table_codec(served.run), served.model
    served.bounded(len(asked.input) * asked.n, {}, served.limits.rows)
    x = rows_of_table(codec, asked.input, holes=True, beside=served.given_words)
    given = served.given(asked.given, len(asked.input))

    def drawn() -> Imputed:
        return imputed(model, x.to(model.device), asked.n, given or None, seed=asked.seed or 0)

    job = Called(len(x) * asked.n, drawn)
    (found,) = await answers(request, served.line, [job], served.seconds(asked.timeout))
    draws = [lines(codec, served.of_the_space(draw.cpu())) for draw in found.x]
    return {"exact": found.exact, "rows": [[draw[i] for draw in draws] for i in range(len(x))]}
