"""Statements about the columns of a run's table, and rows in which they hold."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.tasks import Within
    from genzoo.zoo.loading import Run

__all__ = ["table_codec", "within"]


def within(run: "Run", text: str, n: int, seed: int, words: Mapping[str, Any], options: Mapping[str, Any]) -> "Within":
    """Rows of a run in which a statement holds: exact where its model knows how likely it is, else by rejection.

    Args:
        run: The run.
        text: The statement, about what would be written.
        n: How many rows.
        seed: Names them.
        words: The condition.
        options: Of sampling, by rejection.

    Raises:
        Mistake: If it is no statement about the columns, or never holds.
    """
    from genzoo.apps.cli.answers import columns_of, written
    from genzoo.tasks import Expression, Never, boxed, boxes, rejected
    from genzoo.tasks.questions import spoken
    from genzoo.zoo.conditions import conditions

    codec, model = table_codec(run), run.generative
    asked = Expression(spoken(text), columns_of(codec, model.space))
    if not asked.is_event:
        raise Mistake(f"--where must be a statement, got {text!r}.", "Compare something, as 'age > 60'.")
    given = conditions(model, run.config.data, words, n, run.given_codecs)
    parts = boxes(asked, model.space, _steps(run, codec))
    try:
        found = None if parts is None or options else boxed(model, parts, n, given, seed=seed)
        if found is None:
            found = rejected(model, written(asked, codec), n, given, seed=seed, options=options)
    except Never as never:
        raise Mistake.of(never) from None
    told = "exact" if found.consistent else "by conditionals that were learned one by one"
    how, about = told, ""
    if found.tried is not None:
        how = f"by {found.tried:,} rows drawn until at least {n:,} were in it"
        about = f" ± {2 * (found.chance * (1 - found.chance) / found.tried) ** 0.5:.2g}"
    say(f"P({asked.text}) = {found.chance:.4g}{about} ({how})")
    return found


def _steps(run: "Run", codec: "TableCodec | PointsCodec") -> dict[int, float]:
    """What the entries of reals are rounded to when they are written."""
    from genzoo.data.codecs.table import TableCodec

    columns, steps = run.generative.space.columns, dict[int, float]()
    for place, name in enumerate(codec.columns):
        if run.generative.space.is_discrete or (columns is not None and columns[place].kind != "real"):
            continue
        if isinstance(codec, TableCodec) and (name in codec.words or name in codec.whole):
            steps[place] = 1.0
        elif name in codec.places:
            steps[place] = 10.0 ** -codec.places[name]
    return steps


def table_codec(run: "Run") -> "TableCodec | PointsCodec":
    """How a run's rows are written, if they are those of a table.

    Args:
        run: The run.

    Raises:
        Mistake: If they are not.
    """
    from genzoo.data.codecs.table import PointsCodec, TableCodec

    if not isinstance(run.codec, TableCodec | PointsCodec):
        raise Mistake(f"Columns are those of tables, got a run on {run.data_name}.", "Train one on a table.")
    return run.codec
