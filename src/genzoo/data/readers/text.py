"""Text: one long text cut into stretches, or a text per row: lines, JSON lines, parallel files."""

import contextlib
import dataclasses
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from genzoo._files import from_json, opened, told
from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.cells import different
from genzoo.data.columns import WIDEST, is_missing, is_number
from genzoo.data.readers.spelling import SPELLING, codec_of_texts
from genzoo.data.readers.table import CELLS, Table, from_table
from genzoo.data.source import Asked, Source, reader
from genzoo.data.split import tail
from genzoo.data.view import Windows

__all__ = [
    "as_texts",
    "from_text",
    "left_out",
    "lines_of",
    "parallel_files",
    "read_jsonl",
    "read_parallel",
    "read_texts",
    "read_two_texts",
    "text_of",
]

LARGEST = 1 << 31  # bytes of a text file once unpacked
SHORT, ENOUGH = 64, 100  # lines that look like a list: none longer, none empty, at least so many
SHOWN = 10
LANGUAGE = re.compile(r"(?P<stem>.+)\.(?!gz$)(?P<language>[a-z]{2,3}([-_][A-Za-z]{2,4})?)(\.gz)?")
Files = Mapping[str, Path]  # by split, or one under ""


@reader("text files", *SPELLING, "window", "lines")
def read_texts(name: str, files: Files, asked: Asked) -> Source:
    """Text files in UTF-8: their lines are rows, or they are long texts cut into stretches.

    Raises:
        DataError: If one is not UTF-8, or a long text is shorter than ten stretches.
    """
    texts = {split: text_of(path) for split, path in files.items()}
    looks = all(map(_is_list, texts.values()))
    if not (looks if asked.lines is None else asked.lines):
        return from_text(name, texts, asked)
    notes = ("rows are lines, as all are short (lines=False for one long text)",) if asked.lines is None else ()
    lines = {split: [line for line in lines_of(text) if line] for split, text in texts.items()}
    if not all(lines.values()):
        raise DataError(f"{name} must have lines that are not empty, got none in a file. Check it.")
    tables = {split: Table(name, {"text": part}, notes=notes) for split, part in lines.items()}
    return as_texts(Table.stacked(name, tables), "text", asked)


def from_text(name: str, texts: Mapping[str, str] | str, asked: Asked) -> Source:
    """Long texts as rows of `asked.window` units; what is left over at an end is dropped. Training sees as many
    stretches as its rows are, from places drawn anew in every epoch.

    Args:
        name: What the source is called.
        texts: One by split, or a single one, of which the last tenth is held out.
        asked: What the user said.

    Raises:
        DataError: If there are fewer than ten stretches.
    """
    texts = {"": texts} if isinstance(texts, str) else texts
    window = asked.window
    train = texts.get("train", texts.get("", ""))
    learned = train if "train" in texts else train[: int(0.9 * len(train))]
    codec = codec_of_texts(list(texts.values()), [learned], asked, lines=False)
    parts = {split: codec.ids(text) for split, text in texts.items()}
    total = sum(map(len, parts.values()))
    if window < 1 or total < (10 * window if window > 1 else 1):  # stretches of one unit are the text itself
        raise DataError(
            f"A text must be at least ten windows long, got {total} units for windows of {window}. "
            "Pass a smaller `window`."
        )
    counts = {split: len(ids) // window for split, ids in parts.items()}
    x = torch.cat([ids[: counts[split] * window].reshape(-1, window) for split, ids in parts.items()])
    if set(texts) == {""}:
        splits = tail(len(x))
        trains = parts[""][: len(splits["train"]) * window]
    else:
        splits = dict(zip(counts, torch.arange(len(x)).split(list(counts.values())), strict=True))
        trains = parts.get("train", x[:0].flatten())
    view = Windows(trains, window) if len(trains) >= window else None
    return Source(name, x, Space((window,), levels=codec.levels), codec, splits=splits, view=view)


@reader("JSON", *SPELLING, *CELLS, "dates")
def read_jsonl(name: str, files: Files, asked: Asked) -> Source:
    """JSON: an object a line, or an array of objects. A field called text, or the only one, is x; other fields may be
    conditions. Fields of numbers, or several, are a table; objects within have a column for each of their fields.

    Raises:
        DataError: If a line is no object (the first ten are named), or the field is not there.
    """
    tables = {split: _objects(path, asked) for split, path in files.items()}
    heads = list(dict.fromkeys(head for table in tables.values() for head in table.columns))
    tables = {
        split: dataclasses.replace(t, columns={head: t.columns.get(head, [""] * len(t)) for head in heads})
        for split, t in tables.items()
    }
    joint = Table.stacked(name, tables)
    if len(asked.x) > 1 or (asked.x and asked.x[0] in heads and _are_numbers(joint.columns[asked.x[0]])):
        return from_table(joint, asked)
    if not asked.x and "text" not in heads and (len(heads) > 1 or _are_numbers(joint.columns[heads[0]])):
        return from_table(joint, asked)
    if asked.x and asked.x[0] not in heads and "," in asked.x[0]:  # several
        return from_table(joint, asked)
    x = asked.x[0] if asked.x else "text" if "text" in heads else heads[0]
    if x not in heads:
        raise DataError(f"`x` must name a field of {name}, got {x!r}. {nearest(x, heads)}")
    return as_texts(joint, x, asked)


def _are_numbers(cells: Sequence[str]) -> bool:
    return all(is_number(cell) or is_missing(cell) for cell in different(cells))


def read_parallel(name: str, files: Mapping[str, Mapping[str, Path]], asked: Asked) -> Source:
    """Files of lines that belong together, line by line.

    Args:
        name: What the source is called.
        files: Split → language → file.
        asked: What the user said: `x` names a language, and so may `given`.

    Raises:
        DataError: If they have different numbers of lines, or no language is named.
    """
    languages = list(next(iter(files.values())))
    if len(asked.x) != 1:
        example = f"x={languages[-1]!r}, given={languages[0]!r}"
        raise DataError(f"One language of {name} must be x, got {languages}. Say which, as {example}.")
    tables = {}
    for split, paths in files.items():
        columns = {language: lines_of(text_of(path)) for language, path in paths.items()}
        counts = {paths[language].name: len(lines) for language, lines in columns.items()}
        if len(set(counts.values())) > 1:
            raise DataError(f"Parallel texts must have as many lines as each other, got {counts}. Align them.")
        tables[split] = Table(name, columns, texts=frozenset(languages))
    notes = tuple(f"split {split!r} is on its own" for split in files if split.startswith("test_"))
    return as_texts(Table.stacked(name, tables), asked.x[0], asked, notes)


@reader("parallel texts", *SPELLING)
def read_two_texts(paths: tuple[Path, Path], asked: Asked) -> Source:
    """Two text files: the lines of the first are x, those of the second the condition "given"."""
    name, files = paths[0].name.split(".")[0], {"x": paths[0], "given": paths[1]}
    return read_parallel(name, {"": files}, dataclasses.replace(asked, x=("x",)))


def parallel_files(paths: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Files by stem and language, where each stem has the same two languages or more; else none.

    Example:
        >>> list(parallel_files([Path("train.de.gz"), Path("train.en.gz")]))
        ['train']
    """
    found: dict[str, dict[str, Path]] = {}
    for path in paths:
        if match := LANGUAGE.fullmatch(path.name):
            found.setdefault(match["stem"], {})[match["language"]] = path
    sets = {frozenset(languages) for languages in found.values()}
    return found if len(sets) == 1 and len(next(iter(sets))) > 1 else {}


def as_texts(table: Table, x: str, asked: Asked, notes: tuple[str, ...] = (), unit: Any = None) -> Source:
    """A table whose column x is text whatever it looks like."""
    asked = dataclasses.replace(asked, x=(x,), unit=unit or asked.unit)
    return from_table(dataclasses.replace(table, texts=table.texts | {x}, notes=(*table.notes, *notes)), asked)


def text_of(path: Path) -> str:
    """What stands in a file, which must be UTF-8.

    Raises:
        DataError: If it is not, or there is too much of it.
    """
    with told(path.name, fix="Fetch it again."), opened(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{path.name} must have at most {LARGEST >> 30} GB of text, got more. Split it.")
    with told(path.name, "be text in UTF-8", "Save it again as UTF-8."):
        return content.decode("utf-8-sig")


def lines_of(text: str) -> list[str]:
    """Lines by their ends alone: other characters that may separate lines are part of them."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _is_list(text: str) -> bool:
    lines = lines_of(text)
    return len(lines) >= ENOUGH and all(0 < len(line) <= SHORT for line in lines)


def _objects(path: Path, asked: Asked) -> Table:
    rows, bad, kept, lists = list[dict[str, str]](), list[str](), list[int](), dict[str, None]()
    text = text_of(path)
    named = _under_names(text)
    for where, parse in _records(path.name, text) if named is None else named:
        try:
            rows.append(_cells(parse(), lists))
            kept.append(len(kept) + len(bad))
        except (ValueError, RecursionError) as problem:
            bad.append(f"{where}: {problem}")
    skipped = left_out(path, bad, asked, "hold JSON objects, one in each line or all in one array")
    heads = list(dict.fromkeys(head for row in rows for head in row))
    if not rows or not heads:
        raise DataError(f"{path.name} must hold objects with fields, got none. Check the file.")
    if len(heads) > WIDEST:
        raise DataError(f"{path.name} must have at most {WIDEST:,} fields, got {len(heads):,}. Choose some.")
    columns = {head: [row.get(head, "") for row in rows] for head in heads if head not in lists}
    parts = {head.rpartition(".")[0] for head in heads}
    columns = {head: cells for head, cells in columns.items() if head not in parts or any(cells)}  # a null for objects
    if not columns:
        raise DataError(f"{path.name} must have fields that hold one value, got lists in all. Give each a field.")
    notes: tuple[str, ...] = (
        (f"left out fields that hold lists: {', '.join(map(repr, list(lists)[:SHOWN]))}",) if lists else ()
    )
    notes += (f"rows are objects under names; the names of {len(rows):,} objects are left out",) if named else ()
    return Table(path.name, columns, skipped=skipped, notes=notes, kept=torch.tensor(kept) if bad else None)


def _records(name: str, text: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Where each record of a file stands, and what parses it: those of one array, or a line each."""
    if text.lstrip().startswith("["):
        with contextlib.suppress(ValueError, RecursionError):  # what is no array is looked at line by line
            found = from_json(text)
            if isinstance(found, list) and (not found or isinstance(found[0], dict)):
                yield from ((f"item {k}", functools.partial(_itself, item)) for k, item in enumerate(found, start=1))
                return
    for number, line in enumerate(lines_of(text), start=1):
        if line.strip():
            yield f"line {number}", functools.partial(from_json, line)


def _under_names(text: str) -> list[tuple[str, Callable[[], Any]]] | None:
    """The objects of one object, where all its values are objects and share a field: rows by their names."""
    if not text.lstrip().startswith("{"):
        return None
    with contextlib.suppress(ValueError, RecursionError):  # what is one object a line is none of all
        found = from_json(text)
        fields = [set(each) if isinstance(each, dict) else set[str]() for each in found.values()]
        if len(fields) > 1 and set.intersection(*fields):
            return [(f"object {key!r}", functools.partial(_itself, each)) for key, each in found.items()]
    return None


def _itself(value: Any) -> Any:
    return value


def _cells(found: Any, lists: dict[str, None]) -> dict[str, str]:
    """The single values of an object as cells, those of objects within it by names with points between; fields that
    hold lists are remembered."""
    if not isinstance(found, dict):
        raise ValueError(f"not an object but {type(found).__name__}")
    cells = dict[str, str]()
    for head, value in found.items():
        if isinstance(value, dict):
            cells |= {f"{head}.{inner}": cell for inner, cell in _cells(value, lists).items()}
        elif isinstance(value, list):
            lists[head] = None
        else:
            cells[head] = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    "".join([*cells, *cells.values()]).encode()  # half a character, which JSON can spell, is a ValueError
    return cells


def left_out(path: Path, bad: Sequence[str], asked: Asked, what: str) -> tuple[str, ...]:
    """What of a file could not be read, which is an error unless it is to be skipped.

    Args:
        path: The file.
        bad: Where, and why.
        asked: What the user said.
        what: What the file must do.

    Raises:
        DataError: If there is any, and it is not to be skipped.
    """
    if bad and not asked.skip_bad:
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise DataError(
            f"{path.name} must {what}, got {len(bad)} that do not. Correct them, or skip them (skip_bad):\n"
            + "\n".join(bad[:SHOWN])
            + more
        )
    return tuple(f"{path.name}, {reason}" for reason in bad)
