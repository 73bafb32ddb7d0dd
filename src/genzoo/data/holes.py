"""Tables with holes, which come back filled: what is there stays as it was written, byte for byte.

A file of others has its own separators, quotes, line ends, columns and order. Only cells in which nothing is are
written, each in the place where it is missing.
"""

import csv
import dataclasses
import io
import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genzoo._files import opened, told
from genzoo.core.errors import DataError
from genzoo.data.columns import MISSING, PEEKED, encoding_of, has_header, read_records, separator_of
from genzoo.data.readers.parquet import read_parquet

__all__ = ["Frame", "Lines", "read_holes"]

QUOTED = r'[ ]*"(?:[^"]|"")*"'


def read_holes(path: str | Path, known: Collection[str], gone: Collection[str] = MISSING) -> "Lines | Frame":
    """A table with holes.

    Args:
        path: CSV or Parquet.
        known: Columns that it may have: a first line with one of them is a header.
        gone: The words that say that nothing is there.

    Raises:
        DataError: If it is no table, or has none of these columns.
    """
    path = Path(path)
    found = Frame.read(path, gone) if path.suffix == ".parquet" else Lines.read(path, known, gone)
    if not set(found.columns) & set(known):
        raise DataError(
            f"{path.name} must have some of the columns {', '.join(list(known)[:10])}, got "
            f"{', '.join(list(found.columns)[:10])}. Name them as they were in training."
        )
    return found


@dataclasses.dataclass(frozen=True)
class Lines:
    """A CSV file with its lines as they were written.

    Attributes:
        columns: Its cells by column.
        rows: For each row its text, its line end among it, and its cells.
        head: What stands before the rows: the header, if there is one.
        separator: The sign between cells.
        encoding: That of the file.
    """

    columns: Mapping[str, Sequence[str]]
    rows: Sequence[tuple[str, Sequence[str]]]
    head: str
    separator: str
    encoding: str

    @classmethod
    def read(cls, path: Path, known: Collection[str], gone: Collection[str]) -> "Lines":
        """The lines and cells of a file."""
        records = [record for record in read_records(path) if record.cells]
        if not records:
            raise DataError(f"{path.name} must have rows, got none. Add some.")
        encoding, text = _text(path)
        lines = list(io.StringIO(text, newline=""))  # as the file was read, and not at every sign that ends a line
        starts = [record.line - 1 for record in records] + [len(lines)]
        first = [cell.strip() for cell in records[0].cells]
        named = bool(set(first) & set(known)) or has_header([record.cells for record in records[:50]])
        names = first if named else [f"c{i}" for i in range(len(first))]
        texts = ["".join(lines[a:b]) for a, b in itertools.pairwise(starts)]
        rows = [(part, record.cells) for part, record in zip(texts, records, strict=True)][named:]
        for number, (_, cells) in enumerate(rows, start=1 + named):
            if len(cells) != len(names):
                raise DataError(
                    f"Rows of {path.name} must have {len(names)} cells, got {len(cells)} in row {number}. Mend it."
                )
        columns = {
            name: ["" if cells[place].strip() in gone else cells[place] for _, cells in rows]
            for place, name in enumerate(names)
        }
        head = "".join(lines[: starts[0]]) + (texts[0] if named else "")
        return cls(columns, rows, head, separator_of([*filter(str.strip, lines[:PEEKED])]), encoding)

    def fill(self, path: Path, cells: Mapping[str, Sequence[str]]) -> None:
        """Writes the lines, cells in the place of those that are missing."""
        places = {name: place for place, name in enumerate(self.columns)}
        new = [name for name in cells if name not in places]
        end = "\r\n" if "\r\n" in self.head else "\n"
        with path.open("w", encoding=self.encoding, newline="") as file:
            file.write(self._longer(self.head, new, end) if self.head and new else self.head)
            for i, (text, own) in enumerate(self.rows):
                holes = {
                    places[name]: cells[name][i] for name in cells if name in places and not self.columns[name][i]
                }
                line = self._with(text, own, holes) if holes else text
                file.write(self._longer(line, [cells[name][i] for name in new], end) if new else line)

    def _with(self, text: str, own: Sequence[str], holes: Mapping[int, str]) -> str:
        """A line with some of its cells changed; all others stay as they are written."""
        body = text.rstrip("\r\n")
        spans = list(self._spans(body))
        if len(spans) != len(own):  # of a form of its own, such as a quote that is none
            return self._written([holes.get(place, cell) for place, cell in enumerate(own)]) + text[len(body) :]
        for place in sorted(holes, reverse=True):
            first, last = spans[place]
            blanks = 0 if holes[place].startswith(" ") else len(body[first:last]) - len(body[first:last].lstrip(" "))
            first += blanks  # those before a cell stay, unless they are its own
            body = body[:first] + self._written([holes[place]]) + body[last:]
        return body + text[len(text.rstrip("\r\n")) :]

    def _spans(self, body: str) -> Iterator[tuple[int, int]]:
        """Where the cells of a line are."""
        if self.separator == " ":
            yield from (found.span() for found in re.finditer(r"[^ #]+", body))
            return
        plain = rf"[^{re.escape(self.separator)}]*"
        cell, place = re.compile(rf"{QUOTED}{plain}|{plain}"), 0
        while place <= len(body):
            found = cell.match(body, place)
            assert found is not None  # nothing is a cell, too
            yield found.span()
            place = found.end() + 1

    def _written(self, cells: Sequence[str]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self.separator, lineterminator="").writerow(cells)
        return out.getvalue()

    def _longer(self, text: str, cells: Sequence[str], end: str) -> str:
        """A line with more cells at its end."""
        body = text.rstrip("\r\n")
        return body + self.separator + self._written(cells) + (text[len(body) :] or end)


@dataclasses.dataclass(frozen=True)
class Frame:
    """A file of Parquet, whose columns keep their types.

    Attributes:
        columns: Its cells by column.
        table: What pyarrow read.
    """

    columns: Mapping[str, Sequence[str]]
    table: Any

    @classmethod
    def read(cls, path: Path, gone: Collection[str]) -> "Frame":
        """The columns of a file."""
        columns = {
            name: ["" if cell.strip() in gone else cell for cell in cells]
            for name, cells in read_parquet(path, gone).items()
        }
        from pyarrow import parquet

        return cls(columns, parquet.read_table(path))

    def fill(self, path: Path, cells: Mapping[str, Sequence[str]]) -> None:
        """Writes the columns, each in its type."""
        import pyarrow
        from pyarrow import compute, parquet

        from genzoo.data.arrow import as_array

        table = self.table
        for name, drawn in cells.items():
            if name not in self.columns:
                table = table.append_column(name, as_array(drawn, None))
                continue
            place, own = table.column_names.index(name), table[name].combine_chunks()
            mask = pyarrow.array([not cell for cell in self.columns[name]])
            plain = own.dictionary_decode() if pyarrow.types.is_dictionary(own.type) else own
            filled = compute.if_else(mask, as_array(drawn, plain.type), plain)
            table = table.set_column(place, table.schema.field(name), filled.cast(own.type))
        parquet.write_table(table, path)


def _text(path: Path) -> tuple[str, str]:
    """The encoding of a file, and what it holds."""
    with told(path.name, "be text in UTF-8", "Save it as CSV in UTF-8."), opened(path) as content:
        encoding = encoding_of(content)
        content.seek(0)
        read = content.read()
    if encoding == "utf-8-sig" and not read.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8"
    return encoding, read.decode(encoding)
