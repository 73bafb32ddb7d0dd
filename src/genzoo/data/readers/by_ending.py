"""Which reader for which ending: a file, or the files of a folder that are one data set together."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from genzoo.core.errors import DataError
from genzoo.data.columns import looks_like_table
from genzoo.data.numpy_files import load_array, opened_arrays
from genzoo.data.readers.archive import called, is_pattern, pattern_of
from genzoo.data.readers.arrays import LARGE
from genzoo.data.readers.beside import arrays_beside
from genzoo.data.readers.mappings import read_mapping
from genzoo.data.readers.molecules import read_molecules
from genzoo.data.readers.proteins import are_chains, read_chains, read_fasta
from genzoo.data.readers.table import read_tables
from genzoo.data.readers.text import parallel_files, read_jsonl, read_parallel, read_texts
from genzoo.data.source import Asked, Source, reader
from genzoo.data.split import SPLIT_WORDS

__all__ = ["ENDINGS", "read_arrays", "read_file", "read_together", "readers_of"]

T = TypeVar("T")
Together = Callable[[str, Mapping[str, Path], Asked], Source]


@reader("trajectories", "horizon", "history", "missing", "labels")
def read_arrays(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """One file of arrays, whose own names say their roles and splits, or several of one array each, named so."""
    with contextlib.ExitStack() as stack:
        parts = [_arrays(stem, path, stack) for stem, path in files.items()]
        if asked.labels is not None:
            parts.append(arrays_beside(asked.labels, next(iter(files.values()))))
        arrays = parts[0] if len(parts) == 1 else {key: part[key] for part in parts for key in part}
        return read_mapping(arrays, asked, name)


def _arrays(stem: str, path: Path, stack: contextlib.ExitStack) -> Mapping[str, Any]:
    """The arrays of a file by role: x alone, or what its name or theirs say; a large `.npy` is mapped."""
    if path.suffix.lower() != ".npy":
        return stack.enter_context(opened_arrays(path))
    role = f"{SPLIT_WORDS[stem.lower()]}_x" if stem.lower() in SPLIT_WORDS else stem or "x"
    return {role: load_array(path, large=LARGE)}


ENDINGS: dict[str, Together] = {
    ".csv": read_tables,
    ".csv.gz": read_tables,
    ".fa": read_fasta,
    ".fa.gz": read_fasta,
    ".faa": read_fasta,
    ".faa.gz": read_fasta,
    ".fasta": read_fasta,
    ".fasta.gz": read_fasta,
    ".json": read_jsonl,
    ".json.gz": read_jsonl,
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
    name = called(path) if is_pattern(path) else path.name[: -len(_ending(path))]
    return _reader(path, asked)(name, {"": path}, asked)


def read_together(folder: Path, asked: Asked) -> Source:
    """The files of a folder: the only one of a kind that is known, one per split, or parallel texts.

    Raises:
        DataError: If no file is known, or several are and nothing says how they belong together.
    """
    paths = sorted(path for path in folder.iterdir() if path.exists() and not path.is_dir())
    name = folder.resolve().name
    if parallel := _parallel(paths):
        pairs = {"": next(iter(parallel.values()))} if len(parallel) == 1 else _by_split(parallel)
        if len(parallel) > 1 and ("train" not in pairs or len(pairs) < len(parallel)):
            raise _unclear(folder, [path for files in parallel.values() for path in files.values()], paths)
        return read_parallel(name, pairs, asked)
    known = [path for path in paths if _ending(path) and not path.name.lower().startswith("readme")]
    known = [path for path in known if not path.name.lower().endswith(".json")] or known  # that describe the others
    readers = {_reader(path, asked) for path in known}
    if len(known) == 1:
        return readers.pop()(name, {"": known[0]}, asked)
    if readers == {read_arrays} and all(path.suffix.lower() == ".npy" for path in known):
        return read_arrays(name, {path.stem: path for path in known}, asked)
    if readers == {read_chains}:
        return read_chains(name, {path.stem: path for path in known}, asked)
    if len(known) > 1 and (shards := pattern_of(known)):
        return read_file(shards, asked)
    splits = _by_split({path.name[: -len(_ending(path))]: path for path in known})
    if len(readers) != 1 or "train" not in splits or len(splits) < len(known):
        raise _unclear(folder, known, paths)
    return readers.pop()(name, splits, asked)


def readers_of(path: Path) -> set[Together]:
    """The readers that a file, or the files of a folder, may need."""
    paths = list(path.iterdir()) if path.is_dir() else [path]
    found = {read_chains if are_chains(path) else ENDINGS[_ending(path)] for path in paths if _ending(path)}
    found |= {read_tables} if any(_is_table(path) for path in paths) else set()
    return found | ({read_texts} if path.is_dir() and _parallel(paths) else set())


def _parallel(paths: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Parallel texts among files: what has an ending of its own, or tells of the others, is in no language."""
    return parallel_files([path for path in paths if not _ending(path) and not path.name.lower().startswith("readme")])


def _reader(path: Path, asked: Asked) -> Together:
    """The reader of a file: that of its ending, but a `.txt` may be a table, unless its lines are asked for, and an
    `.npz` chains of residues."""
    if are_chains(path):
        return read_chains
    return read_tables if asked.lines is None and _is_table(path) else ENDINGS[_ending(path)]


def _is_table(path: Path) -> bool:
    return ENDINGS.get(_ending(path)) is read_texts and looks_like_table(path)


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
