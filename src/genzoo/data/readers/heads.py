"""What stands above the rows of a table: titles, a header, perhaps in two lines."""

from collections.abc import Sequence
from typing import NamedTuple

from genzoo.data.columns import has_header, is_missing, looks_like_a_number, named

__all__ = ["Headed", "headed"]

MOST_TITLES = 20  # lines above a header
LEAST_ROWS = 3  # below a header in two lines


class Headed(NamedTuple):
    """The columns of a table by name, what was understood of its first lines, one sentence each, and the numbers of
    the rows below the header, from 0."""

    columns: dict[str, list[str]]
    notes: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


def headed(
    name: str, lines: Sequence[Sequence[str]], header: bool | None, places: Sequence[int] | None = None
) -> Headed:
    """The columns of a table whose first lines may be titles, and whose header may take two lines.

    Args:
        name: What the table is called, for errors.
        lines: The cells of each line.
        header: Whether the first line below the titles names the columns; None: judge by its look.
        places: The numbers of the lines in the file, where some were left out.

    Raises:
        DataError: If there are no rows, rows differ in length, or names are twice.

    Example:
        >>> headed("t", [["Report", ""], ["mass", "kind"], ["(kg)", ""], ["1", "a"], ["2", "b"], ["3", "a"]], None)
        Headed(columns={'mass (kg)': ['1', '2', '3'], 'kind': ['a', 'b', 'a']}, notes=("the line 'Report' ...
    """
    notes = []
    titles, places = _titles(lines), range(len(lines)) if places is None else places
    if titles:
        told = "; ".join(repr(" ".join(filter(None, line))[:60]) for line in lines[:titles][:3])
        notes.append(f"the line {told} stands above the table and is left out")
        lines, places = lines[titles:], places[titles:]
    if len(lines) > 1 and len(lines[0]) > 1:
        kept = [i for i, line in enumerate(lines) if any(cell.strip() for cell in line)]
        if len(kept) < len(lines):
            notes.append(f"lines of empty cells are left out: {len(lines) - len(kept):,}")
            lines, places = [lines[i] for i in kept], [places[i] for i in kept]
    if header is None and _has_two(lines):
        names = [" ".join(filter(None, map(str.strip, pair))) for pair in zip(*lines[:2], strict=True)]
        notes.append(f"the header takes two lines: columns are {', '.join(names[:5])} (header=True if not)")
        return Headed(named(name, [names, *lines[2:]], header=True), tuple(notes), _below(places, 2))
    has = has_header(lines) if header is None else header
    columns = named(name, lines, has)
    if header is None and not has:
        last = f"c{len(columns) - 1}"
        notes.append(f"the first line holds numbers, so it is a row and columns are c0 … {last} (header=True if not)")
    return Headed(columns, tuple(notes), _below(places, int(has)))


def _below(places: Sequence[int], header: int) -> tuple[int, ...]:
    """The numbers of rows below a header of some lines, from their numbers in the file."""
    first = places[header - 1] + 1 if header else (places[0] if places else 0)
    return tuple(place - first for place in places[header:])


def _titles(lines: Sequence[Sequence[str]]) -> int:
    """How many lines at the top hold their first cell at most, above one of several that are no numbers."""
    head = lines[: MOST_TITLES + 1]
    count = next((i for i, line in enumerate(head) if any(cell.strip() for cell in line[1:])), 0)
    is_header = count < len(lines) - 1 and not any(map(looks_like_a_number, lines[count]))
    return count if is_header and all(any(line) or len(line) > 1 for line in lines[:count]) else 0


def _has_two(lines: Sequence[Sequence[str]]) -> bool:
    """Whether the second line is of words, above a column of numbers, and so more of the header."""
    if len(lines) < 2 + LEAST_ROWS or len({len(line) for line in lines[:50]}) > 1:
        return False
    if any(looks_like_a_number(cell) for line in lines[:2] for cell in line):
        return False
    return any(
        not is_missing(second) and all(looks_like_a_number(cell) or is_missing(cell) for cell in below)
        for _, second, *below in zip(*lines[:50], strict=True)
    )
