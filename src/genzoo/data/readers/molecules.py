"""Molecules: a SMILES in each line of a file, and what RDKit knows of them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from genzoo.core.errors import DataError, nearest
from genzoo.data.cells import Numbers
from genzoo.data.chemistry import PROPERTIES, fault, properties_of
from genzoo.data.codecs.molecules import MOLECULES, MoleculeCodec, is_smiles
from genzoo.data.codecs.text import TextCodec
from genzoo.data.readers.spelling import SPELLING
from genzoo.data.readers.table import Table
from genzoo.data.readers.text import as_texts, left_out, lines_of, text_of
from genzoo.data.source import EVERY, Asked, Source, reader

__all__ = ["read_molecules", "words_of"]

SMILES = "smiles"


@reader("molecules", *SPELLING, "heavy_atoms")
def read_molecules(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """Files of molecules: the first word of each line is SMILES. Conditions are their properties.

    Raises:
        DataError: If a line is not (the first ten are named), or RDKit is needed and not installed.
    """
    if strange := [each for each in asked.given if (each,) != EVERY and each not in (SMILES, *PROPERTIES)]:
        several = "," in strange[0]
        fix = "Name each by itself." if several else nearest(strange[0], PROPERTIES)
        raise DataError(f"`given` must name properties of molecules, got {strange[0]!r}. {fix}")
    wanted = PROPERTIES if asked.given == EVERY else tuple(each for each in PROPERTIES if each in asked.given)
    tables = {split: _table(path, asked, wanted) for split, path in files.items()}
    asked = dataclasses.replace(asked, unit=asked.unit or "atoms", group=SMILES if wanted else None)
    source = as_texts(Table.stacked(name, tables), SMILES, asked)
    if isinstance(source.codec, TextCodec) and source.codec.alphabet is not None:  # characters are symbols too
        return dataclasses.replace(source, codec=MoleculeCodec(tuple(source.codec.alphabet), "chars"))
    return source


def _table(path: Path, asked: Asked, wanted: Sequence[str]) -> Table:
    """The molecules of a file, and columns of the properties that are wanted."""
    found = list(words_of(path))
    smiles = [word for _, word in found]
    known = _known(smiles, [*wanted, *(["heavy_atoms"] if asked.heavy_atoms is not None else [])])
    lacks = np.any([np.isnan(values) for values in known.values()], axis=0) if known else np.zeros(len(smiles), bool)
    bad = {i: why for i, word in enumerate(smiles) if (why := _unspelled(word, asked, bool(lacks[i])))}
    said = [f"line {found[i][0]}: {why}" for i, why in bad.items()]
    skipped = left_out(path, said, asked, "hold SMILES first in each line")
    large = (
        set() if asked.heavy_atoms is None else set(np.flatnonzero(known["heavy_atoms"] > asked.heavy_atoms).tolist())
    )
    keep = np.array([i for i in range(len(smiles)) if i not in bad and i not in large], dtype=np.int64)
    if not len(keep):
        raise DataError(f"{path.name} must hold molecules, got none. Check the file.")
    columns: dict[str, Sequence[str]] = {SMILES: [smiles[i] for i in keep.tolist()]}
    columns |= {name: _cells(known[name][keep]) for name in wanted}
    told = (f"left out {len(large):,} molecules of more than {asked.heavy_atoms} heavy atoms",) if large else ()
    numbers = torch.from_numpy(keep) if len(keep) < len(smiles) else None
    return Table(path.name, columns, skipped=skipped, notes=told, kept=numbers)


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """The first word of each line that is not empty, and its number; not of one that names the columns."""
    words = [(line.split() or [""])[0] for line in lines_of(text_of(path))]
    first = 1 if words[0].lower() in MOLECULES else 0
    return ((number, word) for number, word in enumerate(words[first:], start=first + 1) if word)


def _known(smiles: Sequence[str], names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        return properties_of(smiles, list(dict.fromkeys(names))) if names else {}
    except ImportError as problem:
        raise DataError(str(problem)) from None


def _cells(values: np.ndarray) -> Numbers:
    return Numbers(values, lambda: [f"{value:.10g}" for value in values.tolist()])


def _unspelled(word: str, asked: Asked, lacks: bool) -> str:
    """Why a word cannot be spelled as a molecule, or nothing.

    Args:
        word: The word.
        asked: What the user said.
        lacks: Whether RDKit was asked for a property and knew none.
    """
    if not is_smiles(word):
        return repr(word[:80])
    if lacks:
        return f"{word[:80]!r} is no molecule: {fault(word) or 'it has no such property'}"
    if not (asked.unit == "selfies" and asked.skip_bad):  # which takes a while, and is done below anyway
        return ""
    try:
        MoleculeCodec.learned([word], "selfies")
    except DataError as problem:
        return str(problem)
    return ""
