"""Tables: CSV or Parquet. Columns of numbers and words make x, named ones the condition.

Every column has a kind: words are categorical, whole numbers integer, other numbers real. In x a word is its place
among the words of its column; the codec writes the words back. Where all columns are alike the space is plain.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core import Column, Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.atoms import digits, grids
from genzoo.data.cells import Numbers, different, joined, kept, looked_up, mapped
from genzoo.data.codec import Codec
from genzoo.data.codecs.molecules import MOLECULES, is_smiles
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.columns import MISSING, Record, is_missing, is_number, missing_of, read_records
from genzoo.data.contents import contents, uniform_of
from genzoo.data.dates import DateForm
from genzoo.data.forms import padded_digits
from genzoo.data.readers.arrays import as_rows, loses_digits
from genzoo.data.readers.beside import columns_beside
from genzoo.data.readers.column import ID, MOST_WORDS, holds_words, kinds_asked, read_column
from genzoo.data.readers.heads import headed
from genzoo.data.readers.parquet import orders_in, read_parquet, types_in
from genzoo.data.readers.plain import plain_columns
from genzoo.data.readers.remarks import remarks
from genzoo.data.readers.slips import written_alike
from genzoo.data.readers.spelling import SPELLING, text_rows
from genzoo.data.readers.written import Written, plain_numbers
from genzoo.data.source import EVERY, MOST_CLASSES, Asked, Condition, Source, reader
from genzoo.data.split import SPLIT_WORDS, SPLITS, choose

__all__ = ["CELLS", "Table", "from_table", "read_tables"]

LONGEST_WORD, LONG = 64, 200  # letters of a word, and of a list that is told
CELLS = ("missing", "kinds", "na", "group")  # what is asked of every table, wherever it comes from
UNNAMED = ("", "__index_level_0__")  # how frames of pandas write an index without a name
SPLIT = "split"
POLICIES = ("error", "drop", "impute", "keep")


@dataclasses.dataclass(frozen=True)
class Table:
    """Columns of cells.

    Attributes:
        name: What the table is called.
        columns: The cells of each column.
        splits: The table's own splits.
        notes: What was decided in reading it.
        texts: The columns that are known to hold texts, in which no cell is missing.
        skipped: Rows that could not be read and were left out.
        forms: How numbers were written, of columns in which that is not plain.
        kept: Which rows of the source these are, where some were left out.
        types: The types that a file of Parquet has for its columns.
        kinds: What columns are by their types, where nothing else is said.
    """

    name: str
    columns: Mapping[str, Sequence[str]]
    splits: Mapping[str, Int[Tensor, " k"]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    texts: frozenset[str] = frozenset()
    skipped: tuple[str, ...] = ()
    forms: Mapping[str, Written] = dataclasses.field(default_factory=dict)
    kept: Int[Tensor, " n"] | None = None
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    kinds: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def stacked(cls, name: str, tables: Mapping[str, "Table"]) -> "Table":
        """Tables of the same columns as one; each is a split, but one under ""."""
        first, *others = tables.values()
        for other in others:
            if list(other.columns) != list(first.columns):
                odd = sorted(set(first.columns) ^ set(other.columns))[:10]
                raise DataError(
                    f"{first.name} and {other.name} must have the same columns, got {odd} in one. Add or drop them."
                )
        columns = {head: joined([table.columns[head] for table in tables.values()]) for head in first.columns}
        ends = list(itertools.accumulate(len(table) for table in tables.values()))
        splits = {name: torch.arange(*at) for name, *at in zip(tables, [0, *ends], ends, strict=False) if name}
        skipped = sum((table.skipped for table in tables.values()), ())
        left = None if others else first.kept
        return dataclasses.replace(first, name=name, columns=columns, splits=splits, skipped=skipped, kept=left)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def keep(self, rows: np.ndarray) -> "Table":
        """Some of the rows, in order."""
        place, numbers = torch.full((len(self),), -1), torch.from_numpy(rows)
        place[numbers] = torch.arange(len(rows))
        splits = {name: place[index][place[index] >= 0] for name, index in self.splits.items()}
        columns = {name: kept(cells, rows) for name, cells in self.columns.items()}
        left = numbers if self.kept is None else self.kept[numbers]
        return dataclasses.replace(self, columns=columns, splits=splits, kept=left)


@reader("tables", *SPELLING, *CELLS, "header", "decimal", "dates", "labels")
def read_tables(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """A table in CSV or Parquet: one file under "", or one by split. x is the columns that `asked.x` names, or all
    that are not given.

    Raises:
        DataError: If their columns differ.
    """
    table = Table.stacked(name, {split: _loaded(path, asked) for split, path in files.items()})
    if asked.labels is not None:
        beside = columns_beside(asked.labels, next(iter(files.values())), len(table))
        if twice := sorted(set(beside) & set(table.columns)):
            raise DataError(f"Columns of {asked.labels} must have names of their own, got {twice[:10]}. Rename them.")
        table = dataclasses.replace(table, columns={**table.columns, **beside})
    return from_table(table, asked)


def from_table(table: Table, asked: Asked) -> Source:
    """A table as data.

    Splits go by the whole row, so they are the same whichever columns are x.

    Raises:
        DataError: If a named column is missing, a column of x cannot be one, none is left for x, or cells are missing.
    """
    table = _own_splits(table, asked)
    if table.kinds:
        asked = dataclasses.replace(asked, kinds={**table.kinds, **kinds_asked(asked.kinds, list(table.columns))})
    asked = dataclasses.replace(asked, x=_parted(asked.x, table), given=_parted(asked.given, table))
    if asked.given == EVERY:
        asked = dataclasses.replace(
            asked, given=tuple(name for name in table.columns if name not in (*asked.x, asked.group))
        )
    x_names = _named_columns(table, asked)
    used = list(dict.fromkeys((*x_names, *asked.given)))
    gone = _gone(asked)
    some = [name for name in used if name not in table.texts]
    columns, forms, told = plain_numbers(table.columns, some, asked, gone)
    table = dataclasses.replace(table, columns=columns, forms=forms, notes=(*table.notes, *told))
    table = dataclasses.replace(table, texts=_texts(table, x_names, asked))
    cells = [name for name in used if name not in table.texts]
    if asked.skip_bad:
        table = _without_bad_cells(table, [name for name in x_names if name in cells], asked, gone)
    table = _complete_rows(table, cells, asked, gone)
    together = list(table.columns.values()) if asked.group is None else [table.columns[asked.group]]
    splits, decided = choose(
        table.splits, contents(together, gone), grouped=asked.group is not None, uniform=uniform_of
    )
    table = _blank(table, cells, gone)
    train = splits["train"].numpy()
    if "train" in table.splits:
        columns, told = written_alike(table.columns, cells, table.splits["train"].numpy(), most=MOST_WORDS)
        table = dataclasses.replace(table, columns=columns, notes=(*table.notes, *told))
    if asked.missing == "impute":
        table = _imputed(table, cells, train)
    x, space, codec, notes = _rows(table, x_names, asked, train)
    conditions = {name: _condition(table, name, asked, train) for name in asked.given}
    notes = (*table.notes, *decided, *_unknown_words(table, cells, splits), *notes)
    return Source(
        table.name, x, space, codec, conditions, splits, notes=notes, skipped=table.skipped, numbers=table.kept
    )


def _gone(asked: Asked) -> Collection[str]:
    """The words that say that a cell is missing."""
    return MISSING if asked.na is None else {"", *(word.strip() for word in asked.na.split(","))}


def _loaded(path: Path, asked: Asked) -> Table:
    name = Path(path.name.removesuffix(".gz")).stem
    if path.suffix == ".parquet":
        cells = read_parquet(path, _gone(asked))
        return _without_index(Table(name, cells, types=types_in(path), kinds=orders_in(path)), asked)
    if (plain := plain_columns(path, asked.header, _gone(asked), asked.decimal)) is not None:
        return _without_index(Table(name, plain.columns, notes=plain.notes), asked)
    records = read_records(path, skip_bad=asked.skip_bad)
    some, bad = _of_one_width(path.name, records) if asked.skip_bad else (list(range(len(records))), ())
    found = headed(path.name, [records[i].cells for i in some], asked.header, some)
    places = None if found.rows == tuple(range(len(found.rows))) else torch.tensor(found.rows)
    return _without_index(Table(name, found.columns, notes=found.notes, skipped=bad, kept=places), asked)


def _of_one_width(name: str, records: Sequence[Record]) -> tuple[list[int], tuple[str, ...]]:
    """Which records remain without those that have more or fewer cells than most, below the first that has as many;
    and why the others do not."""
    widths = [len(record.cells) for record in records]
    width = Counter(filter(None, widths)).most_common(1)[0][0] if any(widths) else 0
    first = next((i for i, found in enumerate(widths) if found == width), 0)
    odd = [i for i, found in enumerate(widths) if found != width and (i > first or not found)]
    why = {i: f"{widths[i]} cells where most lines have {width}" if widths[i] else "a quote that is open" for i in odd}
    reasons = tuple(f"{name}, line {records[i].line:,}: {reason}" for i, reason in why.items())
    return [i for i in range(len(records)) if i not in why], reasons


def _without_index(table: Table, asked: Asked) -> Table:
    """The table with a name for a column that has none; left out, if it counts the rows and is not asked for."""
    unnamed = next((name for name in table.columns if name in UNNAMED or name.startswith("Unnamed: ")), None)
    if unnamed is None or len(table.columns) == 1:
        return table
    place, cells = list(table.columns).index(unnamed), table.columns[unnamed]
    counts = _counts_from(0, cells) or _counts_from(1, cells)
    called = "index" if counts and "index" not in table.columns else f"c{place}"
    columns = {called if name == unnamed else name: cells for name, cells in table.columns.items()}
    if all(is_missing(cell) for cell in different(cells)):
        columns.pop(called)
        note = "the column without a name is empty: it is left out"
    elif not counts:
        note = f"the column without a name is called {called!r}"
    elif called in (*asked.x, *asked.given):
        note = f"the column without a name, which counts the rows, is called {called!r}"
    else:
        columns.pop(called)
        note = f"the column without a name counts the rows: it is left out (x={called!r} among others if not)"
    return dataclasses.replace(table, columns=columns, notes=(*table.notes, note))


def _counts_from(first: int, cells: Sequence[str]) -> bool:
    numbers = range(first, first + len(cells))
    if isinstance(cells, Numbers) and ((cells.values != numbers) & ~cells.gone).any():
        return False
    return list(cells) == list(map(str, numbers))


# Roles ------------------------------------------------------------------------------------------------------------


def _own_splits(table: Table, asked: Asked) -> Table:
    """The table without its column `split`, where that names the split of every row."""
    cells = table.columns.get(SPLIT, [])
    if table.splits or SPLIT in (*asked.x, *asked.given) or not cells or isinstance(cells, Numbers):
        return table
    if set(different(cells)) - set(SPLIT_WORDS):
        return table
    of = looked_up(cells, SPLIT_WORDS.__getitem__, np.str_)
    splits = {split: torch.from_numpy(np.flatnonzero(of == split)) for split in SPLITS if split in of}
    columns = {name: column for name, column in table.columns.items() if name != SPLIT}
    return dataclasses.replace(table, columns=columns, splits=splits)


def _parted(names: tuple[str, ...], table: Table) -> tuple[str, ...]:
    """Names of columns; one that is none, but several with commas between, is these."""
    parts = [name.split(",") if name not in table.columns else [name] for name in names]
    if not all(part.strip() in table.columns for several in parts for part in several):
        return names
    return tuple(part if part in table.columns else part.strip() for several in parts for part in several)


def _named_columns(table: Table, asked: Asked) -> tuple[str, ...]:
    group = () if asked.group is None else (asked.group,)
    for role, names in (("x", asked.x), ("given", asked.given), ("group", group)):
        for name in names:
            if name not in table.columns:
                raise DataError(f"`{role}` must name columns of {table.name}, got {name!r}. {_meant(name, table)}")
    names = asked.x or tuple(name for name in table.columns if name not in (*asked.given, *group))
    if not names:
        raise DataError(f"Some column of {table.name} must be left for x, got all as given. Name fewer in `given`.")
    return names


def _meant(name: str, table: Table) -> str:
    """A column whose name was parted at its =, or one that is near."""
    parted = [known for known in table.columns if "=" in known and known.partition("=")[2] == name]
    return f"Write '\"{parted[0]}\"'." if parted else nearest(name, table.columns)


def _without_bad_cells(table: Table, names: Sequence[str], asked: Asked, gone: Collection[str]) -> Table:
    """The table without the rows in which a column of numbers holds something else."""
    kinds, bad = kinds_asked(asked.kinds, list(table.columns)), dict[int, str]()
    for name in names:
        if isinstance(table.columns[name], Numbers):
            continue
        cells = mapped(table.columns[name], lambda cell: "" if cell.strip() in gone else cell)
        if not holds_words(name, cells, kinds.get(name)):
            odd = (i for i, cell in enumerate(cells) if cell and not is_number(cell))
            found = ((i, i if table.kept is None else int(table.kept[i])) for i in odd)
            bad |= {i: f"row {k + 1}: {cells[i][:80]!r} in column {name!r}, which holds numbers" for i, k in found}
    if not bad or len(bad) == len(table):
        return table
    some = table.keep(np.array([i for i in range(len(table)) if i not in bad]))
    return dataclasses.replace(some, skipped=(*some.skipped, *(bad[i] for i in sorted(bad))))


def _complete_rows(table: Table, used: Sequence[str], asked: Asked, gone: Collection[str]) -> Table:
    """The table after the policy on missing cells, but for imputing."""
    if asked.missing not in POLICIES:
        help_ = nearest(asked.missing, POLICIES)
        raise DataError(f"`missing` must be one of {', '.join(POLICIES)}, got {asked.missing!r}. {help_}")
    lacks = {name: missing_of(table.columns[name], gone) for name in used}
    counts = {name: int(where.sum()) for name, where in lacks.items() if where.any()}
    if not counts:
        return table
    known = kinds_asked(asked.kinds, list(table.columns)) if asked.missing == "keep" else {}  # and so may be empty
    if empty := [name for name, n in counts.items() if n == len(table) and name not in known]:
        named, others = ", ".join(map(repr, empty[:10])), ",".join(name for name in used if name not in empty)
        how = f", on the command line --read x={others}" if len(others) <= LONG else ""
        raise DataError(
            f"Columns of {table.name} must hold values, got none in {named}. Leave it out: name the others with "
            f"`x`{how}."
        )
    told = ", ".join(f"{name!r} {n:,}" for name, n in list(counts.items())[:10])
    bad = np.logical_or.reduce(list(lacks.values()))
    if asked.missing == "error":
        raise DataError(
            f"Cells of {table.name} must be there, got {int(bad.sum()):,} of {len(table):,} rows with some missing: "
            f"{told}. Pass missing='drop' (those rows), missing='impute' (the training median, or the most frequent "
            f"word) or missing='keep' (NaN, for models that marginalize){_as_a_word(table, counts)}."
        )
    if bad.all() and asked.missing == "drop":
        raise DataError(
            f"Rows of {table.name} must hold values, got some missing in each. Leave such columns out with `x`."
        )
    done = {
        "drop": f"dropped {int(bad.sum()):,} rows of {len(table):,} with missing cells",
        "impute": "filled missing cells with the training median or most frequent word",
        "keep": "kept missing cells as NaN (as null in conditions)",
    }[asked.missing]
    some = table.keep(np.flatnonzero(~bad)) if asked.missing == "drop" else table
    return dataclasses.replace(some, notes=(*table.notes, f"{done}: {told}"))


def _as_a_word(table: Table, names: Iterable[str]) -> str:
    """The way out for a word such as NA, where it is a value."""
    words = sorted(
        {cell for name in names for cell in different(table.columns[name]) if cell.strip() in MISSING - {""}}
    )
    return f"; where {words[0]!r} is a value, na='' (empty cells alone are missing)" if words else ""


def _blank(table: Table, used: Sequence[str], gone: Collection[str]) -> Table:
    """The table with empty cells where they are missing, whatever said so."""
    columns = dict(table.columns)
    for name in used:
        cells = columns[name]
        blank = cells.blank() if isinstance(cells, Numbers) else None
        columns[name] = blank or mapped(cells, lambda cell: "" if cell.strip() in gone else cell)
    return dataclasses.replace(table, columns=columns)


def _imputed(table: Table, used: Sequence[str], train: np.ndarray) -> Table:
    columns = dict(table.columns)
    for name in used:
        cells = columns[name]
        if (lacks := missing_of(cells, ("",))).any():
            columns[name] = _filled(name, cells, lacks, train[~lacks[train]])
    return dataclasses.replace(table, columns=columns)


def _filled(name: str, cells: Sequence[str], lacks: np.ndarray, train: np.ndarray) -> Sequence[str]:
    """A column with what is typical of some rows in place of nothing."""

    def spelled() -> list[str]:
        fill = _typical(name, kept(cells, train))
        return [fill if gone else cell for cell, gone in zip(cells, lacks.tolist(), strict=True)]

    if not isinstance(cells, Numbers) or not len(train):
        return spelled()
    middle = np.sort(cells.values[train], kind="stable")[(len(train) - 1) // 2]
    return Numbers(np.where(lacks, middle, cells.values), spelled, cells.first)


def _typical(name: str, cells: Sequence[str]) -> str:
    """The median of numbers, taken as the lower of two middle ones so that it is one of them; else what is most
    frequent."""
    if not cells:
        raise DataError(f"Column {name!r} must have values in training rows, got none. Leave it out with `x`.")
    if all(is_number(cell) for cell in set(cells)):
        return sorted(cells, key=float)[(len(cells) - 1) // 2]
    return max(sorted(Counter(cells).items()), key=lambda pair: pair[1])[0]


def _unknown_words(table: Table, used: Sequence[str], splits: Mapping[str, Tensor]) -> list[str]:
    """Words that training never sees: often a slip in one of several files."""
    notes = []
    for name in used:
        cells = table.columns[name]
        found = () if isinstance(cells, Numbers) else different(cells)
        are_ids = any(map(ID.fullmatch, found))
        if len(found) > MOST_WORDS or (not are_ids and all(is_number(cell) or not cell for cell in found)):
            continue
        if len(found) == len(cells) > 1:
            notes.append(f"column {name!r} names its rows, none twice: leave it out with x=…, or name it alone")
        elif new := sorted(set(found) - set(different(kept(cells, splits["train"].numpy())))):
            notes.append(f"column {name!r} has words that training rows lack: {', '.join(map(repr, new[:5]))}")
    return notes


# Columns ----------------------------------------------------------------------------------------------------------


def _texts(table: Table, x_names: Sequence[str], asked: Asked) -> frozenset[str]:
    """The columns that hold texts rather than words from a list: x if it is alone, and conditions."""
    found = {name for name in (*x_names, *asked.given) if name in table.texts}
    if len(x_names) == 1 and (_is_text(table.columns[x_names[0]], asked) or _are_molecules(x_names[0], table)):
        found |= {x_names[0]}
    return frozenset(found | {name for name in asked.given if _are_sentences(table.columns[name], asked)})


def _are_sentences(cells: Sequence[str], asked: Asked) -> bool:
    """Whether a condition is of texts: of many kinds, and long, or most of them in one row alone, as questions are."""
    if isinstance(cells, Numbers) or len(found := different(cells)) <= MOST_CLASSES:
        return False
    own = 2 * len(found) > len(cells) and not all(is_number(cell) or is_missing(cell) for cell in found)
    return own or _is_text(cells, asked)


def _in_atoms(name: str, table: Table, asked: Asked) -> Asked:
    """What was asked, but that molecules are cut into atoms, unless it was said how."""
    if asked.unit is None and _are_molecules(name, table):
        return dataclasses.replace(asked, unit="atoms")
    return asked


def _are_molecules(name: str, table: Table) -> bool:
    """Whether a column holds molecules, by its name and its look."""
    return name.lower() in MOLECULES and all(map(is_smiles, filter(None, different(table.columns[name]))))


def _is_text(cells: Sequence[str], asked: Asked) -> bool:
    found = () if isinstance(cells, Numbers) else different(cells)
    longest = max(map(len, found), default=0)
    if len(found) <= MOST_CLASSES and asked.unit is None and longest <= LONGEST_WORD:
        return False
    if all(is_number(cell) or is_missing(cell) for cell in found):
        return False
    return asked.unit is not None or len(found) > MOST_WORDS or longest > LONGEST_WORD


def _rows(
    table: Table, names: Sequence[str], asked: Asked, train: np.ndarray
) -> tuple[Tensor, Space, Codec, tuple[str, ...]]:
    """x with its space, codec and what was decided."""
    if len(names) == 1 and names[0] in table.texts:
        return text_rows(list(table.columns[names[0]]), _in_atoms(names[0], table, asked), train.tolist())
    kinds = kinds_asked(asked.kinds, list(table.columns))
    found = {name: read_column(name, table.columns[name], kinds.get(name)) for name in names}
    values = [column.values for column in found.values()]
    words = {name: list(column.words) for name, column in found.items() if column.words is not None}
    if asked.levels is not None:
        x, space = as_rows(torch.stack(values, dim=1).float(), asked.levels)
        types = {name: table.types[name] for name in names if name in table.types}
        return x, space, TableCodec(tuple(names), asked.levels, words, types=types), ()
    space, notes = _space(values, [column.column for column in found.values()])
    whole = tuple(name for name, column in found.items() if column.column.kind == "integer")
    forms = {name: table.forms[name] for name in names if name in table.forms}
    kept_as = {name: part.values.to(getattr(torch, space.dtype)) for name, part in found.items()}
    x = torch.stack(list(kept_as.values()), dim=1)
    places = digits({name: kept_as[name] for name, part in found.items() if part.column.kind == "real"})
    needed = {name: places.get(name, 0 if name in whole else None) for name in names if name not in {**words, **forms}}
    padded = padded_digits(table.columns, {name: least for name, least in needed.items() if least is not None})
    if space == Space((2,)) and not x.isnan().any() and not forms:
        return x, space, PointsCodec.around(x, names, places, padded), (*notes, *remarks(found))
    types = {name: table.types[name] for name in names if name in table.types}
    on = grids(
        {name: kept_as[name] for name, part in found.items() if part.column.kind == "real" and name not in places}
    )
    codec = TableCodec(
        tuple(names), space.levels, words, whole, space.dtype == "float64", forms, places, types, on, padded
    )
    dated = [name for name, form in forms.items() if isinstance(form, DateForm)]
    return x, space, codec, (*notes, *remarks(found, dated))


def _space(values: Sequence[Float[Tensor, " n"]], columns: Sequence[Column]) -> tuple[Space, tuple[str, ...]]:
    """The space of columns in float64: plain where all columns are alike, else by column; and what was decided."""
    kinds = Counter(column.kind for column in columns)
    if list(kinds) == ["real"]:
        if not loses_digits(values):
            return Space((len(columns),)), ()
        return Space((len(columns),), columns=tuple(columns)), ("numbers are kept in float64, to stay apart",)
    plain = list(kinds) == ["categorical"] and len(set(columns)) == 1 and not columns[0].missing
    if plain:
        return Space((len(columns),), levels=columns[0].levels), ()
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    space = Space((len(columns),), columns=tuple(columns))
    return space, (f"columns are {told}: all but real ones have probabilities, not densities (kinds=… if not)",)


def _condition(table: Table, name: str, asked: Asked, train: np.ndarray) -> Condition:
    cells = table.columns[name]
    if name not in table.texts:
        kinds = kinds_asked(asked.kinds, list(table.columns))
        condition = Condition.from_cells(name, cells, missing=("",), kind=kinds.get(name))
        if name not in table.forms or condition.space != Space(()):
            return condition
        forms = {name: table.forms[name]}
        return dataclasses.replace(condition, codec=TableCodec((name,), precise=True, forms=forms))
    rows, space, codec, _ = text_rows(list(cells), _in_atoms(name, table, asked), train.tolist())
    return Condition(rows, space, codec=codec)
