"""Proteins: their letters as texts, or windows of their backbones. FASTA, PDB, and arrays of residues end to end.

Arrays of residues have `offsets`, where each chain begins and where the last one ends, and beside them `seq`, a letter
for each residue, or `xyz`, the places of its N, CA and C: reals in Å, or whole numbers in hundredths of one. An array
`split` says 0, 1 or 2 of each chain, which trains, validates or tests. Other whole numbers, one for each residue, can
be a condition.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genzoo._files import opened, told
from genzoo.core import Space
from genzoo.core.errors import DataError, nearest
from genzoo.data.codecs.backbones import BackboneCodec
from genzoo.data.numpy_files import opened_arrays
from genzoo.data.proteins.chain import Chain, usable
from genzoo.data.proteins.pdb import UNKNOWN, parse_pdb
from genzoo.data.readers.archive import inner, open_files
from genzoo.data.readers.spelling import SPELLING, text_rows
from genzoo.data.source import EVERY, Asked, Condition, Source, reader
from genzoo.data.split import SPLIT_WORDS, SPLITS, content_words

__all__ = ["OFFSETS", "SUFFIXES", "are_chains", "read_chains", "read_fasta", "read_structures"]

SUFFIXES = (".pdb", ".ent")
OFFSETS, LETTERS, PLACES, SPLIT = "offsets", "seq", "xyz", "split"
HUNDREDTH = 0.01
SHOWN = 10
LARGEST = 1 << 31
NAMES = (LETTERS, PLACES)


class Chains(NamedTuple):
    """Chains with what is known of them.

    Attributes:
        chains: The chains.
        parts: The split of each, or "".
        beside: What is known of each residue, by name, for each chain.
        notes: What was decided in reading.
        skipped: What could not be read, each with the reason.
    """

    chains: Sequence[Chain]
    parts: Sequence[str]
    beside: Mapping[str, Sequence[np.ndarray]]
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@reader("proteins", *SPELLING, "window")
def read_fasta(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """FASTA: a line that begins with > names a protein, the lines below it are its residues.

    Raises:
        DataError: If a line holds something else than letters.
    """
    chains, parts, bad = list[Chain](), list[str](), list[str]()
    for split, path in files.items():
        for chain in _records(path):
            if why := _unlettered(chain):
                bad.append(why)
            else:
                chains.append(chain)
                parts.append(split)
    return _source(name, Chains(chains, parts, {}, skipped=tuple(bad)), asked, LETTERS)


@reader("proteins", *SPELLING, "window")
def read_structures(path: Path, asked: Asked) -> Source:
    """Files of PDB: every chain of the first model; windows of backbones, unless x is their letters.

    Raises:
        DataError: If one cannot be used (the first ten are named): no residues, no stretch of four that are bonded, a
            mirror image.
    """
    chains, parts, bad = list[Chain](), list[str](), list[str]()
    with open_files(inner(path)) as files:
        for name in files.ending(*SUFFIXES):
            try:
                found = parse_pdb(PurePosixPath(name).name, files.read(name).decode("ascii", "replace"))
            except DataError as problem:
                bad.append(str(problem))
                continue
            above = PurePosixPath(name).parts[0].lower()
            chains += found
            parts += [SPLIT_WORDS.get(above, "")] * len(found)
        called, notes = files.name, files.without(files.ending(*SUFFIXES), "proteins")
    return _source(called, Chains(chains, parts, {}, notes, tuple(bad)), asked, PLACES)


@reader("proteins", *SPELLING, "window")
def read_chains(name: str, files: Mapping[str, Path], asked: Asked) -> Source:
    """Files of arrays of residues; all of them together, each with the splits that it says.

    Raises:
        DataError: If arrays do not fit each other.
    """
    found = [_arrays(path, asked) for path in files.values()]
    shared = set.intersection(*(set(each.beside) for each in found))
    beside = {key: [row for each in found for row in each.beside[key]] for key in sorted(shared)}
    chains, parts = [row for each in found for row in each.chains], [row for each in found for row in each.parts]
    lettered = any(chain.letters.strip(UNKNOWN) for chain in chains)
    return _source(name, Chains(chains, parts, beside), asked, None if lettered else PLACES)


def are_chains(path: Path) -> bool:
    """Whether a file of arrays holds residues of chains.

    Args:
        path: The file.
    """
    if path.suffix.lower() != ".npz":
        return False
    with opened_arrays(path) as arrays:
        return OFFSETS in arrays and not set(NAMES).isdisjoint(arrays)


def _source(name: str, found: Chains, asked: Asked, usual: str | None) -> Source:
    """Chains as texts or windows."""
    if any(found.parts) and not all(found.parts):  # some files say their splits, others do not
        drawn = [part or _drawn(chain) for part, chain in zip(found.parts, found.chains, strict=True)]
        found = found._replace(parts=drawn)
    offered = [LETTERS, *[PLACES] * any(chain.atoms is not None for chain in found.chains)]
    usual = offered[0] if len(offered) == 1 else usual
    if len(asked.x) > 1 or (not asked.x and usual is None):
        raise DataError(f"One of {name} must be x, got {list(asked.x or offered)}. Say which, as x={PLACES!r}.")
    x = asked.x[0] if asked.x else usual
    if x == LETTERS:
        return _letters(name, found, asked)
    if x == PLACES and PLACES in offered:
        return _windows(name, found, asked)
    raise DataError(f"`x` of {name} must be one of {offered}, got {x!r}. {nearest(str(x), offered)}")


def _letters(name: str, found: Chains, asked: Asked) -> Source:
    """A row for each chain: the letters of its residues."""
    _refuse(name, found.skipped, len(found.chains), asked, "hold proteins of one letter a residue")
    splits = _splits(found.parts)
    texts = [chain.letters for chain in found.chains]
    train = splits["train"].tolist() if splits else range(len(texts))
    x, space, codec, notes = text_rows(texts, asked, train)
    given = {key: _padded(key, found.beside[key], x.shape[1]) for key in _asked(name, found.beside, asked)}
    content = content_words(text.encode() for text in texts)
    return Source(name, x, space, codec, given, splits, content, (*found.notes, *notes), skipped=found.skipped)


def _windows(name: str, found: Chains, asked: Asked) -> Source:
    """A row for each stretch of `asked.window` residues that are bonded: N, CA and C of each, around their center."""
    window, keys = asked.window, _asked(name, found.beside, asked)
    if window < 1:
        raise DataError(f"`window` must be at least 1, got {window}. Pass a larger one, as window=32.")
    places, rows, bad = list[np.ndarray](), list[tuple[int, slice]](), list[str]()
    short = broken = 0
    for k, chain in enumerate(found.chains):
        try:
            parts = usable(chain)
        except DataError as problem:
            bad.append(str(problem))
            continue
        broken += len(parts) > 1 or parts[0].stop - parts[0].start < len(chain)
        starts = [(part, i) for part in parts for i in range(part.start, part.stop - window + 1)]
        short += not starts
        for _, i in starts:
            rows.append((k, slice(i, i + window)))
            places.append(chain.placed()[i : i + window])
    _refuse(name, [*found.skipped, *bad], len(found.chains) - len(bad), asked, "hold backbones")
    if not rows:
        raise DataError(f"{name} must have {window} bonded residues in a row, got none. Pass a smaller `window`.")
    x = torch.from_numpy(np.stack(places).astype(np.float32))
    x = x - x[:, :, 1].mean(1)[:, None, None]
    owner = torch.tensor([k for k, _ in rows])
    given = {
        key: _labels(key, torch.from_numpy(np.stack([found.beside[key][k][part] for k, part in rows]))) for key in keys
    }
    content = content_words(map(_identity, found.chains))[owner]
    notes = [f"{len(rows):,} windows of {window} residues, of {len(owner.unique()):,} chains"]
    notes += [f"{broken:,} chains have breaks or atoms that were not seen, which no window crosses"] * bool(broken)
    notes += [f"{short:,} chains are shorter than a window"] * bool(short)
    parts_ = [found.parts[k] for k in owner.tolist()]
    space = Space((window, 3, 3))
    return Source(name, x, space, BackboneCodec(), given, _splits(parts_), content, (*found.notes, *notes),
                  skipped=(*found.skipped, *bad), grouped=True)  # fmt: skip


def _arrays(path: Path, asked: Asked) -> Chains:
    """The chains of one file of arrays."""
    with opened_arrays(path) as arrays:
        ends = np.asarray(arrays[OFFSETS])
        if ends.ndim != 1 or ends.dtype.kind not in "iu" or len(ends) < 2 or ends[0] != 0 or (np.diff(ends) < 1).any():
            raise DataError(
                f"{OFFSETS!r} of {path.name} must increase from 0 on, got {ends.dtype} {ends.shape}. Write it again."
            )
        n, count = int(ends[-1]), len(ends) - 1
        letters = _spelled(path, arrays, n)
        atoms = _places(path, arrays[PLACES], n) if PLACES in arrays and LETTERS not in asked.x else None
        wanted = [key for key in arrays if key not in (OFFSETS, SPLIT, *NAMES)] if asked.given else []
        known = {key: np.asarray(arrays[key]) for key in wanted}
        parts = [SPLITS[k] for k in _numbers(path, arrays[SPLIT], count)] if SPLIT in arrays else [""] * count
    at = [slice(first, last) for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)]
    chains = [
        Chain(f"{path.name}, chain {k}", letters[part], None if atoms is None else atoms[part])
        for k, part in enumerate(at)
    ]
    known = {key: row for key, row in known.items() if row.shape == (n,) and row.dtype.kind in "iu"}
    return Chains(chains, parts, {key: [row[part] for part in at] for key, row in known.items()})


def _spelled(path: Path, arrays: Mapping[str, Any], n: int) -> str:
    """The letters of all residues; X where nobody says them."""
    if LETTERS not in arrays:
        return UNKNOWN * n
    found = np.asarray(arrays[LETTERS])
    text = found.tobytes().decode("ascii", "replace") if found.dtype == np.uint8 else "".join(map(str, found.flat))
    if len(text) != n or not (text.isascii() and text.isalpha() and text.isupper()):
        raise DataError(
            f"{LETTERS!r} of {path.name} must be {n:,} capital letters, as {OFFSETS!r} says, got {found.dtype} "
            f"{found.shape}. Write it again."
        )
    return text


def _places(path: Path, found: np.ndarray, n: int) -> np.ndarray:
    if found.shape != (n, 3, 3) or found.dtype.kind not in "fi":
        raise DataError(
            f"{PLACES!r} of {path.name} must be numbers of shape ({n}, 3, 3), N, CA and C of each residue, got "
            f"{found.dtype} {found.shape}. Write it again."
        )
    return found.astype(np.float32) * (HUNDREDTH if found.dtype.kind == "i" else 1)


def _numbers(path: Path, found: np.ndarray, count: int) -> list[int]:
    known = range(len(SPLITS))
    if found.shape != (count,) or found.dtype.kind not in "iu" or not set(found.tolist()).issubset(known):
        raise DataError(
            f"{SPLIT!r} of {path.name} must say 0, 1 or 2 of each of {count:,} chains, got {found.dtype} "
            f"{found.shape}. Write it again."
        )
    return [int(k) for k in found]


def _records(path: Path) -> Iterator[Chain]:
    """The records of a file of FASTA."""
    with told(path.name, fix="Fetch it again."), opened(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{path.name} must have at most {LARGEST >> 30} GB, got more. Split it.")
    text = "\n" + content.decode("utf-8", "replace").lstrip("\ufeff").replace("\r", "")
    before, *records = text.split("\n>")
    if before.strip() or not records:
        raise DataError(f"{path.name} must begin with a line of FASTA, >name, got {before.strip()[:40]!r}. Is it one?")
    for k, record in enumerate(records, start=1):
        head, _, body = record.partition("\n")
        letters = "".join(body.split()).upper().removesuffix("*")  # which says that translation stopped
        yield Chain(f"{path.name}, record {k} ({head.strip()[:40]})", letters)


def _unlettered(chain: Chain) -> str:
    """Why a record is no protein, or nothing."""
    if not chain.letters:
        return f"{chain.name}: no residues"
    odd = sorted({letter for letter in chain.letters if not (letter.isascii() and letter.isalpha())})
    return f"{chain.name}: {''.join(odd)[:20]!r} among its residues" if odd else ""


def _refuse(name: str, bad: Sequence[str], good: int, asked: Asked, what: str) -> None:
    if bad and not (asked.skip_bad and good):
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise DataError(
            f"{name} must {what}, got {len(bad)} that cannot be used. Correct them, or skip them (skip_bad):\n"
            + "\n".join(bad[:SHOWN])
            + more
        )


def _asked(name: str, beside: Mapping[str, Any], asked: Asked) -> list[str]:
    """The names of the conditions that are asked for."""
    names = list(beside) if asked.given == EVERY else list(asked.given)
    for key in names:
        if key not in beside:
            raise DataError(
                f"`given` of {name} must name what is known of residues, got {key!r}. {nearest(key, beside)}"
            )
    return names


def _padded(key: str, rows: Sequence[np.ndarray], width: int) -> Condition:
    """Labels of residues as rows as long as the longest chain; beyond a chain stands the number of labels."""
    levels = 1 + max(int(row.max()) for row in rows)
    table = torch.full((len(rows), width), levels, dtype=torch.long)
    for k, row in enumerate(rows):
        table[k, : min(width, len(row))] = torch.from_numpy(row[:width].astype(np.int64))
    return Condition(table, Space((width,), levels=levels, ragged=True))


def _labels(key: str, rows: Tensor) -> Condition:
    return Condition(rows.long(), Space(tuple(rows.shape[1:]), levels=1 + int(rows.max())))


def _drawn(chain: Chain) -> str:
    """The split of a chain by its content, where its file says none: eight tenths train, one validates, one tests."""
    u = (int(content_words([_identity(chain)])) >> 11) * 2.0**-53 + 0.5
    return "train" if u < 0.8 else "valid" if u < 0.9 else "test"


def _identity(chain: Chain) -> bytes:
    """What decides the split of a chain: its letters, if it has any, so that structures of one protein share it."""
    known = chain.letters.strip(UNKNOWN)
    return chain.letters.encode() if known or chain.atoms is None else chain.atoms.tobytes()


def _splits(parts: Sequence[str]) -> dict[str, Tensor]:
    """Rows by split, where splits are said."""
    if not any(parts):
        return {}
    rows = {split: [k for k, part in enumerate(parts) if part == split] for split in SPLITS}
    return {split: torch.tensor(index) for split, index in rows.items() if index}
