"""Words of the command line as values, and tables of values as words."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from genzoo.zoo.mistakes import Mistake

__all__ = ["pairs", "print_json", "print_table", "shown"]


def pairs(option: str, words: Iterable[str]) -> dict[str, Any]:
    """Words of the form name=value; values are read as JSON where they are, else as text.

    Args:
        option: The option that they were given to, for the error.
        words: The words.

    Raises:
        Mistake: If a word has no name or no value.

    Example:
        >>> pairs("--set", ["depth=3", "hidden=[64, 64]", "kind=full"])
        {'depth': 3, 'hidden': [64, 64], 'kind': 'full'}
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise Mistake(f"{option} must be given name=value, got {word!r}.", f"Write {option} {name or 'name'}=…")
        try:
            found[name.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.strip().replace("-", "_")] = value
    return found


def print_json(value: Any) -> None:
    """Writes a value to the standard output as JSON."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


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
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(value)) for value in row))  # as text: brackets are no markup
    console = Console(highlight=False)
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
