"""`read`: from any source to `Data`.

A reader per kind of source finds rows, conditions and splits; here, once for all, conditions are chosen, missing
splits made, and rows viewed.
"""

import contextlib
import dataclasses
import inspect
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from genzoo._files import told
from genzoo.core import GivenLike, GivenSpaceLike
from genzoo.core.errors import DataError, nearest
from genzoo.data.augment import Augmented, middle, parse
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import TableCodec
from genzoo.data.composition import composed, crossed
from genzoo.data.data import Data
from genzoo.data.options import check_kinds, check_options, heeded
from genzoo.data.readers import audio, clips, images, proteins
from genzoo.data.readers.archive import ARCHIVES, inner, is_pattern, open_files
from genzoo.data.readers.by_ending import ENDINGS, read_file, read_together
from genzoo.data.readers.demonstrated import DEMONSTRATIONS, read_demonstrations
from genzoo.data.readers.embedded import EMBEDDED, read_embedded
from genzoo.data.readers.frames import is_column, is_frame, read_frame, read_frame_pair, read_list
from genzoo.data.readers.hub import PREFIX, is_hub, read_hub, read_hub_object
from genzoo.data.readers.idx import is_idx_folder, read_idx_folder
from genzoo.data.readers.mappings import read_mapping, read_pair, read_tensor
from genzoo.data.readers.moving import FROM, MOVING, read_moving
from genzoo.data.readers.programs import PROGRAMS, read_programs
from genzoo.data.readers.sequences import read_sequences
from genzoo.data.readers.text import read_two_texts
from genzoo.data.readers.torch_dataset import read_items
from genzoo.data.readers.trajectories import windows_in
from genzoo.data.source import EVERY, READERS, Asked, Condition, Options, Reader, Source
from genzoo.data.split import choose, complete
from genzoo.data.versions import Called, Versions, called, with_versions
from genzoo.data.view import binarize

__all__ = ["heeds", "names", "options_of_reading", "read"]

OWN = "image"  # what pixels are called where a label beside them is x
FOLDERS: dict[tuple[str, ...], Reader] = {
    images.SUFFIXES: images.read_images,
    audio.SUFFIXES: audio.read_sounds,
    proteins.SUFFIXES: proteins.read_structures,
}


def read(
    source: Any,
    *,
    given: str | Sequence[str] | None = None,
    x: str | Sequence[str] | None = None,
    binarize: str | None = None,
    augment: str | None = None,
    **options: Unpack[Options],
) -> Data:
    """Data from a file, a folder, a name or tensors.

    A bare name is one of the embedded data sets, or else a path, or else a folder or file below the one that the
    environment variable `GENZOO_DATA` names.

    Args:
        source: `digits`, `verse`, `shapes`, a toy density (`ring`, …), clips made of MNIST (`moving_digits`,
            `moving_pairs`), small programs (`minipython`), demonstrations of an environment (`fork`, …); a folder of
            IDX pairs; a folder, zip or tar of images, clips, sounds or structures of proteins (`.pdb`), an archive of
            sequences; a file of a table (`.csv`, `.tsv`, `.parquet`), of text (`.txt`), of records (`.jsonl`,
            `.json`), of molecules (`.smi`), of proteins (`.fasta`) or of arrays (`.npy`, `.npz`), or a folder of such
            files, one per split, or of parallel texts; a pair of text files; `hub:NAME`; a tensor or array, a frame of
            pandas or polars, a list of rows or texts, a pair (x, given), a mapping of names to tensors, or a data set
            of PyTorch or of `datasets`.
        given: What the rows are conditioned on: one name, and `Data.given` is a tensor, or several, and it is a
            mapping; "*" is everything that is not x; "text=caption|caption_zh" is a condition "text", one of these
            columns drawn for each row in every epoch. None: unconditional, even where there are labels; only a pair
            (x, given) brings its own.
        x: The columns, or the array, that make x, where it is not all that is left. It may be a label, given the
            "image" it belongs to: labels are data too.
        binarize: "static", "dynamic" or "threshold": see pixels as two levels.
        augment: See training images through "flip", "shift=2", "shift=2:reflect" and "crop=28", or some of them with
            commas between, drawn anew in every epoch.
        options: What else a kind of source can be asked, as `genzoo.data.source.Asked` lists it.

    Raises:
        DataError: If the source cannot be read as asked.

    Example:
        >>> read("digits", given="label", binarize="threshold")
        Data(name='digits', space=Space(shape=(1, 8, 8), levels=2, ragged=False), \
given_space=Space(shape=(), levels=10, ragged=False), view=None)
    """
    if isinstance(source, Data):
        if given or x or options:
            raise DataError("Data has its roles already, got `given`, `x` or `levels`. Read its source again.")
        if binarize is None and augment is None:
            return source
        return _from(source.origin, _viewed(source, binarize, augment), binarize=binarize, augment=augment)
    if isinstance(source, tuple) and given is None:
        given = _brought(source)
    if _may_be_steps(source):
        x, given, lengths = windows_in(x, given, options)
        options = cast(Options, options | lengths)
    wanted = called((given,) if isinstance(given, str) else tuple(given or ()))
    rows = (x,) if isinstance(x, str) else tuple(x or ())
    asked = _asked(_needed(wanted.all_columns, rows, options.get("hold_out")), rows, options)
    named = {"source": str(source)} if isinstance(source, str | Path) else None
    with told(repr(str(source)), "be data that can be read") if named else contextlib.nullcontext():
        check_kinds(options)
        reader, subject = _reader(source, options)
        check_options(source, reader, subject, options)
        source_, stacks = with_versions(reader(subject, asked), wanted)
        roles = wanted.names[0] if isinstance(given, str) and not stacks else wanted.names
        data = _viewed(_chosen(source_, dataclasses.replace(asked, given=wanted.names), roles), binarize, augment)
        if stacks:
            data = _versioned(data, stacks, wanted)
    return _from(named, data, given=given, x=x, binarize=binarize, augment=augment, **options)


def names() -> list[str]:
    """The names of the embedded data sets.

    Example:
        >>> "digits" in names() and "ring" in names()
        True
    """
    return list(EMBEDDED)


def options_of_reading() -> list[dict[str, str]]:
    """Every option of `read`: its name, the kinds of sources that heed it, and what it means.

    Example:
        >>> next(option["of"] for option in options_of_reading() if option["option"] == "rate")
        'folders and archives of sounds'
    """
    meanings = dict(re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", inspect.getdoc(Asked) or "", re.MULTILINE))
    return [
        {
            "option": field.name,
            "of": ", ".join(dict.fromkeys(t.kind for t in READERS.values() if field.name in t.options)) or "all",
            "meaning": " ".join(meanings[field.name].split()),
        }
        for field in dataclasses.fields(Asked)
        if field.name not in ("given", "x")
    ]


def heeds(source: Any, option: str) -> bool:
    """Whether an option of `read` says something about a source.

    Args:
        source: The source.
        option: The option.

    Example:
        >>> heeds("verse", "window"), heeds("digits", "rate")
        (True, False)
    """
    return option in heeded(*_reader(source, {}))


def _from(origin: Mapping[str, Any] | None, data: Data, **arguments: Any) -> Data:
    """The data with what `read` was asked for, so that they can be read again."""
    if origin is None:
        return data
    said = {name: value for name, value in arguments.items() if value is not None}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
    return dataclasses.replace(data, origin={**origin, **plain})


def _needed(given: tuple[str, ...], x: tuple[str, ...], hold_out: str | None) -> tuple[str, ...]:
    """The columns that must be read beside x: those of the condition and, where x is named, those that are crossed."""
    if hold_out is None or not x or given == EVERY:
        return given
    return tuple(dict.fromkeys((*given, *(name for name in crossed(hold_out) if name not in x))))


def _asked(given: tuple[str, ...], x: tuple[str, ...], options: Mapping[str, Any]) -> Asked:
    known = [field.name for field in dataclasses.fields(Asked) if field.name not in ("given", "x")]
    for name in options:
        if name not in known:
            raise DataError(f"An option must be one of {', '.join(known)}, got {name!r}. {nearest(name, known)}")
    return Asked(given, x, **options)


def _brought(pair: tuple[Any, ...]) -> str | Sequence[str] | None:
    """The names of the conditions that a pair (x, given) brings."""
    if len(pair) != 2 or pair[1] is None:
        return None
    if is_frame(pair[1]):
        return tuple(map(str, pair[1].columns))
    return tuple(pair[1]) if isinstance(pair[1], Mapping) else "given"


def _reader(source: Any, options: Mapping[str, Any]) -> tuple[Reader, Any]:
    """The one reader for a kind of source, and what it is to read."""
    match source:
        case str() if source in EMBEDDED:
            return read_embedded, source
        case str() if source in DEMONSTRATIONS:
            return read_demonstrations, source
        case str() if source in MOVING:
            return read_moving, (source, _found(FROM))
        case str() if source in PROGRAMS:
            return read_programs, source
        case str() if source.startswith(PREFIX):
            return read_hub, source
        case str() | Path():
            return _path_reader(_found(source), options)
        case Tensor() | np.ndarray():
            return read_tensor, source
        case (str() | Path(), str() | Path()):
            return read_two_texts, (_found(source[0]), _found(source[1]))
        case (first, _) if is_frame(first):
            return read_frame_pair, source
        case tuple():
            return read_pair, source
        case _ if is_frame(source) or is_column(source):
            return read_frame, source
        case list():
            return read_list, source
        case _ if is_hub(source):
            return read_hub_object, source
        case Mapping():
            return read_mapping, source
        case Dataset():
            return read_items, source
    raise DataError(
        "A source must be a name, path, tensor, frame, list, pair, mapping or data set, got "
        f"{type(source).__name__}. Convert it."
    )


def _may_be_steps(source: Any) -> bool:
    """Whether a source may hold trajectories, whose windows are told by a colon: action:16."""
    return isinstance(source, Mapping) or str(source) in DEMONSTRATIONS or str(source).lower().endswith(".npz")


def _found(source: str | Path) -> Path:
    path = Path(source).expanduser()
    if path.exists():
        return path
    root = os.environ.get("GENZOO_DATA")
    if root and (Path(root) / path).exists():
        return Path(root) / path
    if is_pattern(path):
        return path if path.parent.is_dir() or not root else Path(root) / path
    known = [
        *EMBEDDED,
        *DEMONSTRATIONS,
        *MOVING,
        *PROGRAMS,
        *(
            other.name
            for other in (Path(root).iterdir() if root and Path(root).is_dir() else ())
            if _may_be_data(other)
        ),
    ]
    here = "" if root else " Set GENZOO_DATA to the folder of your data sets to use their bare names."
    raise DataError(f"A source must be a known name or a path that exists, got {str(source)!r}. "
                    f"{nearest(str(source), known)}{here}")  # fmt: skip


def _may_be_data(path: Path) -> bool:
    """Whether something in the folder of data sets is to be named as one: no notes, and nothing hidden."""
    return not path.name.startswith(".") and path.suffix.lower() not in (".md", ".html", ".pdf")


def _path_reader(path: Path, options: Mapping[str, Any]) -> tuple[Reader, Path]:
    if path.is_dir() and is_idx_folder(path):
        return read_idx_folder, path
    if path.is_dir() or path.name.lower().endswith((*ARCHIVES, *itertools.chain.from_iterable(FOLDERS))):
        return _folder_reader(path, options), path
    if path.name.lower().endswith(tuple(ENDINGS)):
        return read_file, path
    known = ", ".join([*ENDINGS, *ARCHIVES])
    named = f"{path.stem}.txt if it is text, {path.stem}.csv if it is a table"
    raise DataError(f"A file must end in one of {known}, got {path.name!r}. Name it {named}, or else convert it.")


def _folder_reader(path: Path, options: Mapping[str, Any]) -> Reader:
    """The reader of the kind of file of which a folder or archive holds most."""
    with open_files(inner(path)) as files:
        counts = {reader: len(files.ending(*suffixes)) for suffixes, reader in FOLDERS.items()}
        has_tables = bool(files.ending(".csv"))
        reader = max(counts, key=lambda reader: counts[reader])
        if reader is images.read_images and counts[reader] and ("frames" in options or clips.are_animated(files)):
            return clips.read_clips
    if not counts[reader] and has_tables and not inner(path).is_dir():
        return read_sequences
    if not counts[reader] and path.is_dir():
        return read_together
    if not counts[reader]:
        known = ", ".join(suffix for suffixes in FOLDERS for suffix in suffixes)
        raise DataError(f"{path.name} must hold IDX pairs or files in {known}, got none. Name a file in it.")
    return reader


def _chosen(source: Source, asked: Asked, given: str | Sequence[str] | None) -> Data:
    if asked.x and asked.x[0] in source.conditions and asked.x[0] not in asked.given:
        source = source.turned(asked.x[0], OWN)
    if asked.given == EVERY:
        asked = dataclasses.replace(asked, given=tuple(source.conditions))
        given = asked.given
    for name in asked.given:
        if name not in source.conditions:
            help_ = nearest(name, source.conditions)
            raise DataError(f"`given` must name something that {source.name} has beside x, got {name!r}. {help_}")
    chosen = {name: source.conditions[name] for name in asked.given}
    rows, space, classes = _roles(chosen, isinstance(given, str))
    content = source.x if source.content is None else source.content
    splits, decided = choose(source.splits, content, grouped=source.grouped)
    if asked.hold_out is not None:
        splits, decided = _composed(asked, source, splits, decided)
    named = {"": chosen[given]} if isinstance(given, str) else chosen
    return Data(
        source.name,
        source.space,
        source.x,
        splits,
        source.codec,
        rows,
        space,
        classes,
        source.view,
        {name: condition.codec for name, condition in named.items() if condition.codec is not None},
        (*source.notes, *decided, *_left_out(source), *_unseen(chosen, splits)),
        None if asked.paired or not chosen else _given_splits(source, next(iter(chosen.values())), splits),
        source.skipped,
        numbers=source.numbers,
    )


def _composed(
    asked: Asked, source: Source, splits: Mapping[str, Tensor], decided: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The splits without the cells that are held out, and which those are."""
    assert asked.hold_out is not None
    if not asked.paired or source.view is not None:
        raise DataError(f"`hold_out` is for rows with labels of their own, got {source.name}. Leave it out.")
    splits, cells = composed(asked.hold_out, source.conditions, splits)
    named = ", ".join(" ".join(cell) for cell in cells[:10]) + " …" * (len(cells) > 10)
    held = f"{len(splits['held_out']):,} rows of {len(cells)} cells of {asked.hold_out} never train: {named}"
    return splits, (*decided, held)


def _versioned(data: Data, stacks: Mapping[str, Tensor], wanted: Called) -> Data:
    words = ", ".join(f"{name}={'|'.join(columns)}" for name, columns in zip(wanted.names, wanted.columns, strict=True)
                      if name in stacks)  # fmt: skip
    return dataclasses.replace(data, view=Versions(data.x if data.view is None else data.view, stacks, words))


def _left_out(source: Source) -> tuple[str, ...]:
    """How many rows are not there, as they could not be read."""
    lost = len(source.skipped)
    return (f"left out {lost:,} of {len(source.x) + lost:,} that cannot be read (skip_bad)",) if lost else ()


def _unseen(chosen: Mapping[str, Condition], splits: Mapping[str, Tensor]) -> Iterator[str]:
    """Which classes no row is of that trains: what is sampled of them would mean nothing."""
    for name, condition in chosen.items():
        if condition.classes is not None and condition.rows.ndim == 1 and len(splits["train"]):
            index = splits["train"][splits["train"] < len(condition.rows)]
            seen = set(condition.rows[index].unique().tolist())
            if lacking := [word for number, word in enumerate(condition.classes) if number not in seen]:
                yield f"no row that trains is of {name} {', '.join(lacking[:5])}{' …' * (len(lacking) > 5)}"


def _given_splits(source: Source, condition: Condition, splits: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The splits of a condition that is not paired with x: its own, or those of x."""
    return splits if source.given_splits is None else complete(source.given_splits, condition.rows)


def _roles(chosen: Mapping[str, Condition], is_single: bool) -> tuple[GivenLike, GivenSpaceLike, dict[str, list[str]]]:
    if not chosen:
        return None, None, {}
    named = {"": next(iter(chosen.values()))} if is_single else chosen
    classes = {name: condition.classes for name, condition in named.items() if condition.classes is not None}
    if is_single:
        return named[""].rows, named[""].space, classes
    return {name: c.rows for name, c in named.items()}, {name: c.space for name, c in named.items()}, classes


def _viewed(data: Data, how: str | None, augment: str | None) -> Data:
    if how is not None:
        data = _binarized(data, how)
    return data if augment is None else _augmented(data, augment)


def _binarized(data: Data, how: str) -> Data:
    if data.view is not None:
        raise DataError(f"Data must have no view yet, got {data.view.name}. Read its source again.")
    x, space, view = binarize(data.x, data.space, how)
    codec = data.codec
    if isinstance(codec, ImageCodec | TableCodec):
        codec = dataclasses.replace(codec, levels=2)
    return dataclasses.replace(data, space=space, x=x, codec=codec, view=view)


def _augmented(data: Data, augment: str) -> Data:
    steps = parse(augment)
    view = Augmented(data.x if data.view is None else data.view, data.space, steps)
    x = middle(data.x, steps)
    spaces = data.given_space.values() if isinstance(data.given_space, Mapping) else [data.given_space]
    if x.shape != data.x.shape and any(space and space.shape[1:] == data.space.shape[1:] for space in spaces):
        raise DataError(f"A crop cannot move x and its condition alike, got {augment!r}. Use shift=4 or so.")
    return dataclasses.replace(data, x=x, space=dataclasses.replace(data.space, shape=tuple(x.shape[1:])), view=view)
