"""Which reader for which ending: a file, or the files of a folder that are one data set together."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from genzoo.core.errors import DataError
from genzoo.data.readers.mappings import read_numpy
from genzoo.data.readers.table import read_tables
from genzoo.data.readers.text import parallel_files, read_jsonl, read_molecules, read_parallel, read_texts
from genzoo.data.source import Asked, Source, reader
from genzoo.data.split import SPLIT_WORDS

__all__ = ["ENDINGS", "read_arrays", "read_file", "read_together", "readers_of"]

T = TypeVar("T")
Together = Callable[[str, Mapping[str, Path], Asked], Source]


@reader("trajectories", "horizon", "history", "missing")
def read_arrays(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """One file of arrays, whose own names say their splits."""
    if set(files) != {""}:
        raise DataError(f"{name} must have its arrays in one file, got {len(files)}. Name one, or pack them as .npz.")
    return dataclasses.replace(read_numpy(files[""], asked), name=name)


ENDINGS: dict[str, Together] = {
    ".csv": read_tables,
    ".csv.gz": read_tables,
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".npy": read_arrays,
    ".npz": read_arrays,
    ".parquet": read_tables,
    ".smi": read_molecules,
    ".smi.gz": read_molecules,
    ".tsv": read_tables,
    ".tsv.gz": read_tables,
    ".txt": read_texts,
    ".txt.gz": read_texts,
}
WORDS = re.compile(r"[^a-z0-9]+")


def read_file(path: Path, asked: Asked) -> Source:
    """A file by its ending."""
    ending = _ending(path)
    return ENDINGS[ending](path.name[: -len(ending)], {"": path}, asked)


def read_together(folder: Path, asked: Asked) -> Source:
    """The files of a folder: the only one of a kind that is known, one per split, or parallel texts.

    Raises:
        DataError: If no file is known, or several are and nothing says how they belong together.
    """
    paths = sorted(path for path in folder.iterdir() if path.exists() and not path.is_dir())
    name = folder.resolve().name
    if parallel := parallel_files(paths):
        return read_parallel(name, _by_split(parallel), asked)
    known = [path for path in paths if _ending(path) and not path.name.lower().startswith("readme")]
    readers = {ENDINGS[_ending(path)] for path in known}
    if len(known) == 1:
        return readers.pop()(name, {"": known[0]}, asked)
    splits = _by_split({path.name[: -len(_ending(path))]: path for path in known})
    if len(readers) != 1 or "train" not in splits or len(splits) < len(known):
        raise _unclear(folder, known, paths)
    return readers.pop()(name, splits, asked)


def readers_of(path: Path) -> set[Together]:
    """The readers that a file, or the files of a folder, may need."""
    paths = list(path.iterdir()) if path.is_dir() else [path]
    found = {ENDINGS[_ending(path)] for path in paths if _ending(path)}
    return found | ({read_texts} if path.is_dir() and parallel_files(paths) else set())


def _ending(path: Path) -> str:
    fits = [ending for ending in ENDINGS if path.name.lower().endswith(ending)]
    return max(fits, key=len, default="")


def _by_split(files: Mapping[str, T]) -> dict[str, T]:
    """Files by the splits that their names tell; of several for one split the first has its name, others their own."""
    found: dict[str, T] = {}
    for stem, file in files.items():
        words = [SPLIT_WORDS[word] for word in WORDS.split(stem.lower()) if word in SPLIT_WORDS]
        if words:
            found[words[0] if words[0] not in found else stem] = file
    return found


def _unclear(folder: Path, known: Sequence[Path], paths: Sequence[Path]) -> DataError:
    if not known:
        got = ", ".join(path.name for path in paths[:5]) or "nothing"
        return DataError(
            f"{folder.name} must hold files of a known kind ({', '.join(ENDINGS)}), got {got}. Convert it."
        )
    names = ", ".join(path.name for path in known[:10])
    return DataError(
        f"{folder.name} must hold one data set, or one file per split (train, valid, test), got {names}. "
        f"Name one, as {folder.name}/{known[0].name}."
    )
