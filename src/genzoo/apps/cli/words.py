"""Words of the command line as values, and tables of values as words."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from genzoo._words import named
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.terminal import Screen, say, visible

if TYPE_CHECKING:
    from genzoo.data import Data

__all__ = [
    "READ",
    "ColorOption",
    "GivenOption",
    "GroupOption",
    "HoldOutOption",
    "ReadOption",
    "SizeOption",
    "SkipOption",
    "XOption",
    "pairs",
    "print_json",
    "print_table",
    "read_words",
    "shown",
    "with_none",
]

GivenOption = Annotated[list[str] | None, typer.Option(help="Condition on this label, column or role.")]
XOption = Annotated[list[str] | None, typer.Option(help="The columns, folder or array that make x.")]
SizeOption = Annotated[int | None, typer.Option(min=1, help="Make images so high and wide.")]
ColorOption = Annotated[str | None, typer.Option(help="Make images grey, rgb or rgba.")]
GroupOption = Annotated[
    str | None, typer.Option(help="The column of a table whose equal cells stay in one split: one subject's rows.")
]
HoldOutOption = Annotated[
    str | None,
    typer.Option("--hold-out", help="Withhold a share of the pairs of levels from training: color*shape:0.2."),
]
SkipOption = Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be read, and say how many.")]
READ = {  # what `read` can be asked by name=value, by kind of source
    "tables": "header, missing, kinds, na, decimal, dates, group, labels, hold_out",
    "images": "size, fit, color, labels, skip_bad, paired",
    "texts": "unit, vocabulary, lines, length, window",
    "molecules": "unit, heavy_atoms, skip_bad",
    "clips": "frames, size, labels",
    "sounds": "rate, encoding, length, labels",
    "arrays": "levels, missing, labels",
    "sequences": "stride, roll, horizon, history",
}
ReadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        help="How the data are read, as missing=drop. "
        + "; ".join(f"{kind}: {names}" for kind, names in READ.items())
        + ". `genzoo show read` says what they mean.",
    ),
]


def pairs(option: str, words: Iterable[str], *, as_text: bool = False, empty: bool = False) -> dict[str, Any]:
    """Words of the form name=value; values are read as JSON where they are, else as text.

    Args:
        option: The option that they were given to, for the error.
        words: The words.
        as_text: Whether values stay the text that they are.
        empty: Whether a value may be empty, as in na=.

    Raises:
        Mistake: If a word has no name or no value.

    Example:
        >>> pairs("--set", ["depth=3", "hidden=[64, 64]", "kind=full"])
        {'depth': 3, 'hidden': [64, 64], 'kind': 'full'}
    """
    found = {}
    for word in words:
        name, equals, value = named(word) if as_text else word.partition("=")
        if not (name and equals and (value or as_text or empty)):
            raise Mistake(f"{option} must be given name=value, got {word!r}.", f"Write {option} {name or 'name'}=…")
        if (name := name.strip() if as_text else name.strip().replace("-", "_")) in found:
            raise Mistake(
                f"{option} must be given each name once, got {name!r} again.", f"Write one {option} {name}=…"
            )
        try:
            found[name] = value if as_text else json.loads(value)
        except (ValueError, RecursionError):
            found[name] = value
    return found


def with_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of training from words: none switches off what a recipe sets.

    Args:
        settings: Values by name.

    Example:
        >>> with_none({"ema": "none", "lr": 0.001})
        {'ema': None, 'lr': 0.001}
    """
    return {name: None if value == "none" else value for name, value in settings.items()}


def read_words(
    source: str,
    given: list[str] | None,
    x: list[str] | None,
    how: list[str] | None,
    *,
    quiet: bool = False,
    **more: Any,
) -> "Data":
    """Data as the words of a command line ask for them; what the reader decided is said on the standard error.

    Args:
        source: A name, a file or a folder.
        given: The names of the conditions.
        x: The names of what makes x.
        how: Further arguments of `read`, as name=value.
        quiet: Whether that is said elsewhere.
        more: Further arguments of `read`, `None` for what was not said.
    """
    from genzoo.apps.cli.heartbeat import Heartbeat
    from genzoo.data import read

    asked = more | {"given": _one_or_many(given), "x": _one_or_many(x)}
    said = {name: value for name, value in asked.items() if value is not None}
    with Heartbeat("data") as beat:
        beat.say(f"reading {source}")
        data = read(source, **pairs("--read", how or (), empty=True) | said)
    for remark in () if quiet else (*data.notes, *data.skipped[:10]):
        say(f"{data.name}: {remark}", err=True)
    return data


def _one_or_many(words: list[str] | None) -> Any:
    return words[0] if words and len(words) == 1 else words or None


def print_json(value: Any) -> None:
    """Writes a value to the standard output as JSON."""
    say(json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    """A value in which what JSON has no number for, NaN and infinities, is null."""
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None) -> None:
    """Writes a table to the standard output; numbers stand to the right.

    Args:
        columns: The names of the columns.
        rows: What stands in them.
        title: What stands above.
    """
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        table.add_column(Text(visible(column)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(shown(value))) for value in row))  # as text: brackets are no markup
    console = Screen(highlight=False)
    if not console.is_terminal:
        console.width = 140  # a pipe has no width; lines stay whole
    console.print(table)


def shown(value: Any) -> str:
    """A value as it stands in a table.

    Example:
        >>> shown(None), shown(1234567), shown(0.000123456), shown(["a", "b"])
        ('–', '1,234,567', '0.0001235', 'a, b')
    """
    match value:
        case None | "":
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            return ", ".join(shown(part) for part in value)
        case Mapping():
            return ", ".join(f"{name}={shown(part)}" for name, part in value.items())
    return str(value)
