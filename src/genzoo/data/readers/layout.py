"""Layout: which files of a folder or archive are x, which the condition, and which rows split how.

Two layouts say so. A table `metadata.csv` names a row's files in some columns, and anything else about it in others;
its column `split` is the split. Without one the folders speak: a level named train, valid (or val) and test is the
split; the levels below hold the labels (label, and where there are several label1, label2, …), or the roles when `x=`
names one of its folders, and then files of the same name belong together.
"""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NoReturn

import torch
from jaxtyping import Int
from torch import Tensor

from genzoo._files import from_json, told
from genzoo.core.errors import DataError, nearest
from genzoo.data.readers.archive import Files, Shards, Tar, inner, open_files
from genzoo.data.readers.beside import columns_beside
from genzoo.data.source import EVERY, Asked
from genzoo.data.split import SPLIT_WORDS, SPLITS

__all__ = ["METADATA", "Column", "Layout", "layout", "read_metadata", "table_of"]

METADATA = "metadata.csv"
FILE, LABEL, SPLIT = "file", "label", "split"
BESIDE = {".cls": LABEL, ".txt": "text", ".json": ""}  # what a sample of WebDataset's has beside its file
LONGEST_CELL, WIDEST = 1 << 20, 10_000
SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Column:
    """What a role is for every row.

    Attributes:
        cells: Names of files, or the cells of a table.
        are_files: Which of the two.
        splits: The rows of each split, where the source has its own.
    """

    cells: list[str]
    are_files: bool
    splits: Mapping[str, Int[Tensor, " k"]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """The roles of a source.

    Attributes:
        x: What is modelled.
        given: The conditions by name, row for row with x; where they are not paired with x, of their own length.
        others: The names of conditions that might have been asked for.
        skipped: Rows left out as a part of them is missing, each with the reason.
    """

    x: Column
    given: Mapping[str, Column]
    others: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def layout(names: Sequence[str], table: Mapping[str, list[str]] | None, asked: Asked, kind: str) -> Layout:
    """The roles of files.

    Args:
        names: The files of the kind in question, in order.
        table: The columns of `metadata.csv`, if there is one.
        asked: What the user said.
        kind: What one file is, such as "image": the name of the role of the files where there is only one set of them.

    Raises:
        DataError: If a role cannot be found, or rows lack a file.

    Example:
        >>> found = layout(["train/cat/1.png", "test/dog/1.png"], None, Asked(given=("label",)), "image")
        >>> found.given["label"].cells, {split: rows.tolist() for split, rows in found.x.splits.items()}
        (['cat', 'dog'], {'train': [0], 'test': [1]})
    """
    if len(asked.x) > 1:
        raise DataError(f"One set of {kind}s must be x, got {list(asked.x)}. Name one.")
    if asked.given == EVERY:
        others = layout(names, table, dataclasses.replace(asked, given=()), kind).others
        asked = dataclasses.replace(asked, given=tuple(name for name in others if name != SPLIT))
    if table is not None and (files := _file_columns(names, table)):
        return _by_table(table, files, asked, kind)
    return _by_folders(names, asked, kind)


def read_metadata(files: Files) -> dict[str, list[str]] | None:
    """The columns of the one `metadata.csv` at the top of a folder or archive; None if there is none.

    Raises:
        DataError: If it is no table with a header.
    """
    there = [name for name in files.names if name.split("/")[-1] == METADATA and name.count("/") <= 1]
    if not there:
        return None
    name = min(there, key=lambda name: name.count("/"))
    try:
        text = files.read(name).decode("utf-8-sig")
        if len(longest := max(text.split(","), key=len)) > LONGEST_CELL:
            raise DataError(f"Cells of {name} must have at most 1 MB, got {len(longest):,} characters. Shorten them.")
        lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DataError(f"{name} must be a CSV file in UTF-8, got: {problem}. Save it again as CSV.") from problem
    if len(lines) < 2 or len(lines[0]) > WIDEST or len(set(lines[0])) < len(lines[0]):
        raise DataError(f"{name} must have different column names and at least one row, got others. Check its header.")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            raise DataError(
                f"Every row of {name} must have {len(lines[0])} cells as the header does, got {len(line)} in line "
                f"{number}. Quote cells that hold commas."
            )
    return {head.strip(): list(column) for head, column in zip(lines[0], zip(*lines[1:], strict=True), strict=True)}


def table_of(files: Files, names: Sequence[str], path: Path, asked: Asked) -> dict[str, list[str]] | None:
    """The table that says what each file of a source is: the one that was named, or `metadata.csv` in it or beside it.

    Args:
        files: The files.
        names: Those of the kind in question, in order.
        path: Where the source is; it may be a folder that holds an archive.
        asked: What the user said.

    Raises:
        DataError: If the one that was named names no files, and has not a row for each.
    """
    if asked.labels is None:
        table = read_metadata(files)
        if table is None and inner(path) != path:
            with open_files(path) as beside:
                table = read_metadata(beside)
        return _samples(files, names) if table is None else table
    table = columns_beside(asked.labels, path)
    if _file_columns(names, table):
        return table
    return {FILE: list(names), **columns_beside(asked.labels, path, len(names))}


def _samples(files: Files, names: Sequence[str]) -> dict[str, list[str]] | None:
    """The table that files beside each file make, in WebDataset's layout: of one sample are those that are called
    alike up to the first dot, its label `.cls`, its text `.txt`, and in `.json` single values by name.

    Raises:
        DataError: If some files have what others lack.
    """
    keys = {_key(name): name for name in names}
    beside = {end: {_key(name): name for name in files.ending(end) if _key(name) in keys} for end in BESIDE}
    if not isinstance(files, Tar | Shards) or not any(beside.values()) or len(keys) < len(names):
        return None
    rows = [_sample(files, {end: there[key] for end, there in beside.items() if key in there}) for key in keys]
    heads = dict.fromkeys(head for row in rows for head in row)
    for name, row in zip(keys.values(), rows, strict=True):
        if lacks := [head for head in heads if head not in row]:
            raise DataError(f"Every sample must have {', '.join(heads)}, and {name} lacks {lacks[0]}. Pack it again.")
    return {FILE: list(keys.values()), **{head: [row[head] for row in rows] for head in heads}}


def _key(name: str) -> str:
    above, _, last = name.rpartition("/")
    return f"{above}/{last.partition('.')[0]}"


def _sample(files: Files, beside: Mapping[str, str]) -> dict[str, str]:
    """What stands in the files beside one, by name."""
    found = dict[str, str]()
    for end, name in beside.items():
        with told(name, "be text in UTF-8" if end != ".json" else "be a JSON object", "Pack it again."):
            text = files.read(name).decode()
            values = from_json(text) if end == ".json" else {BESIDE[end]: text.strip()}
            found |= {str(key): str(value) for key, value in values.items() if isinstance(value, str | int | float)}
    return found


# By a table -------------------------------------------------------------------------------------------------------


def _file_columns(names: Sequence[str], table: Mapping[str, list[str]]) -> dict[str, dict[str, str]]:
    """The columns that name files: role → cell → the file's name.

    A cell is a path from the table, from the top of the archive, or from below its only folder. A column counts when
    a file is there for at least half of its cells, so that some missing ones do not change what it is.
    """
    top = {name.split("/")[0] for name in names}
    below = f"{top.pop()}/" if len(top) == 1 else ""
    known = {name.removeprefix(below): name for name in names} | {name: name for name in names}
    found = {}
    for column, cells in table.items():
        places = {cell: known[cell] for cell in set(cells) if cell in known}
        if 2 * sum(cell in places for cell in cells) >= len(cells):
            found[column] = places
    return found


def _role(column: str) -> str:
    """What a column of files is called for short: `file_noto` is noto."""
    return column.removeprefix("file_").removesuffix("_file") or column


def _by_table(table: Mapping[str, list[str]], files: Mapping[str, dict[str, str]], asked: Asked, kind: str) -> Layout:
    roles = {_role(column): column for column in files} | {column: column for column in table}
    if len(files) == 1:
        roles.setdefault(kind, next(iter(files)))
    offered = tuple(dict.fromkeys([_role(column) for column in files] + [c for c in table if c not in files]))
    x = roles.get(asked.x[0]) if asked.x else next(iter(files)) if len(files) == 1 else None
    if x is None:
        _refuse_x(asked, [_role(column) for column in files] if len(files) > 1 else offered, kind)
    for name in asked.given:
        if name not in roles:
            raise DataError(f"`given` must name a column of {METADATA}, got {name!r}. {nearest(name, offered)}")
    wanted = {"": x} | {name: roles[name] for name in asked.given}
    columns = {name: _cells(table[column], files.get(column)) for name, column in wanted.items()}
    bad = {i: cells[i][1] for cells in columns.values() for i in range(len(cells)) if cells[i][0] is None}
    keep, skipped = _kept(len(table[x]), bad, asked, METADATA)
    splits = _split_rows([table[SPLIT][i] for i in keep]) if SPLIT in table and SPLIT not in asked.given else {}
    made = {
        name: Column([str(columns[name][i][0]) for i in keep], column in files, splits)
        for name, column in wanted.items()
    }
    return Layout(made.pop(""), made, tuple(name for name in offered if roles[name] != x), skipped)


def _cells(cells: Sequence[str], places: Mapping[str, str] | None) -> list[tuple[str | None, str]]:
    """Each cell's value with its name for a message; the value of a file that is not there is None."""
    if places is None:
        return [(cell, cell) for cell in cells]
    return [(places.get(cell), cell) for cell in cells]


# By folders -------------------------------------------------------------------------------------------------------


def _by_folders(names: Sequence[str], asked: Asked, kind: str) -> Layout:
    parts, split_of = _without_split([tuple(name.split("/")) for name in names])
    level = sorted({part[0] for part in parts if len(part) > 1})
    if not asked.x or asked.x[0] in (LABEL, kind):
        return _one_set(names, parts, split_of, asked, kind)
    if asked.x[0] not in level:
        _refuse_x(asked, level, kind)
    sides = [name for name in asked.given if name in level]
    rows = {role: _side(names, parts, split_of, role) for role in (asked.x[0], *sides)}
    if not asked.paired:
        return _unpaired(rows, asked, level)
    keys = sorted(set().union(*rows.values()))
    if not set(rows[asked.x[0]]).intersection(*rows.values()):
        raise DataError(
            f"Files of {' and '.join(rows)} must have like names to be pairs, got none alike. If they are two "
            "sets, read them with paired=false."
        )
    bad = {i: f"{'/'.join(key)} in {role}" for role in rows for i, key in enumerate(keys) if key not in rows[role]}
    keep, skipped = _kept(len(keys), bad, asked, "the folders")
    keys = [keys[i] for i in keep]
    splits = _split_rows([key[0] for key in keys])
    columns = {role: Column([files[key] for key in keys], True, splits) for role, files in rows.items()}
    offered = tuple(role for role in level if role != asked.x[0])
    if all(len(key) > 2 for key in keys) and LABEL not in level:
        columns[LABEL] = Column(["/".join(key[1:-1]) for key in keys], False, splits)
        offered = (*offered, LABEL)
    return Layout(columns.pop(asked.x[0]), _chosen(columns, asked, offered), offered, skipped)


def _without_split(parts: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Paths without the folder that names their split, at the first level or the second, and that split."""
    top = {part[0] for part in parts if len(part) > 1}
    if len(top) == 1 and not top & set(SPLIT_WORDS) and all(len(part) > 2 for part in parts):
        parts = [part[1:] for part in parts]  # the one folder that an archive holds
    for depth in (0, 1):
        if parts and all(len(part) > depth + 1 and part[depth].lower() in SPLIT_WORDS for part in parts):
            split_of = [SPLIT_WORDS[part[depth].lower()] for part in parts]
            return [part[:depth] + part[depth + 1 :] for part in parts], split_of
    return parts, [""] * len(parts)


def _one_set(
    names: Sequence[str], parts: list[tuple[str, ...]], split_of: list[str], asked: Asked, kind: str
) -> Layout:
    splits = _split_rows(split_of)
    offered = {kind: Column(list(names), True, splits)}
    depths = {len(part) for part in parts}
    if min(depths) > 1:
        offered[LABEL] = Column(["/".join(part[:-1]) for part in parts], False, splits)
    if len(depths) == 1 and len(parts[0]) > 2:
        for level in range(len(parts[0]) - 1):
            offered[f"{LABEL}{level + 1}"] = Column([part[level] for part in parts], False, splits)
    x = asked.x[0] if asked.x else kind
    if x not in offered:
        _refuse_x(asked, list(offered), kind)
    others = tuple(name for name in offered if name != x)
    return Layout(offered[x], _chosen(offered, asked, others), others)


def _side(names: Sequence[str], parts: list[tuple[str, ...]], split_of: list[str], role: str) -> dict:
    """The files of a role by what pairs them: split, folders below the role, and name without its ending."""
    return {
        (split, *part[1:-1], PurePosixPath(part[-1]).stem): name
        for name, part, split in zip(names, parts, split_of, strict=True)
        if part[0] == role and len(part) > 1
    }


def _unpaired(rows: Mapping[str, dict[tuple[str, ...], str]], asked: Asked, level: Sequence[str]) -> Layout:
    """Sets of files that belong together as sets only: each has its own rows and splits."""
    columns = {
        role: Column(list(files.values()), True, _split_rows([key[0] for key in files]))
        for role, files in rows.items()
    }
    others = tuple(role for role in level if role != asked.x[0])
    return Layout(columns.pop(asked.x[0]), _chosen(columns, asked, others), others)


# Both -------------------------------------------------------------------------------------------------------------


def _chosen(columns: Mapping[str, Column], asked: Asked, offered: Sequence[str]) -> dict[str, Column]:
    for name in asked.given:
        if name not in columns:
            raise DataError(f"`given` must name labels or a folder beside x, got {name!r}. {nearest(name, offered)}")
    return {name: columns[name] for name in asked.given}


def _refuse_x(asked: Asked, offered: Sequence[str], kind: str) -> NoReturn:
    got = f"got {asked.x[0]!r}. {nearest(asked.x[0], offered)}" if asked.x else (
        f"got {len(offered)} sets: {', '.join(offered)}. Say which, as x={offered[0]!r}."
    )  # fmt: skip
    raise DataError(f"`x` must name one set of {kind}s, {got}")


def _kept(n: int, bad: Mapping[int, str], asked: Asked, where: str) -> tuple[list[int], tuple[str, ...]]:
    """The rows that have all their parts; those that have not are named, and refused unless they may be skipped."""
    reasons = tuple(f"{bad[i]}: not there" for i in sorted(bad))
    if reasons and not asked.skip_bad:
        more = f"\n… and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        raise DataError(
            f"Every row of {where} must have its files, got {len(reasons)} without. Add them, or skip them "
            f"(skip_bad):\n" + "\n".join(reasons[:SHOWN]) + more
        )
    return [i for i in range(n) if i not in bad], reasons


def _split_rows(words: Sequence[str]) -> dict[str, Tensor]:
    """The rows of each split, where the words name splits; none where none of them does."""
    of = [SPLIT_WORDS.get(word.lower()) for word in words]
    if not any(of):
        return {}
    if not all(of):
        odd = words[of.index(None)]
        raise DataError(f"Splits must be named {', '.join(SPLIT_WORDS)}, got {odd!r} beside them. Rename it.")
    return {split: torch.tensor([i for i, s in enumerate(of) if s == split]) for split in SPLITS if split in of}
