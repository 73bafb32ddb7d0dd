"""Sequences: an archive of CSV files, one sequence each, one step a line."""

from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.codecs.sequences import SequenceCodec, stacked
from genzoo.data.columns import has_header, named, numbers, parse_lines
from genzoo.data.readers.archive import Files, inner, open_files
from genzoo.data.readers.arrays import as_rows
from genzoo.data.readers.layout import METADATA, layout
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import content_words

__all__ = ["SUFFIXES", "read_sequences"]

SUFFIXES = (".csv",)
MOST_LEVELS = 1024  # whole numbers below are taken for kinds, not amounts
MOST_CELLS = 1 << 31
SHOWN = 10
LOWEST, KEYS = 21, 88  # the piano's first key as MIDI counts, and how many there are


@reader("archives of sequences", "stride", "roll")
def read_sequences(path: Path, asked: Asked) -> Source:
    """Sequences in an archive, of the same columns and different lengths; folders are splits, or labels.

    Whole numbers from 0 to 1023 are discrete; anything else is real. As a piano roll, a step is the set of its notes.

    Raises:
        DataError: If some cannot be read (the first ten are named), their columns differ, or a roll has other numbers.
    """
    with open_files(inner(path)) as files:
        names = [name for name in files.ending(*SUFFIXES) if PurePosixPath(name).name != METADATA]
        found = layout(names, None, asked, "sequence")
        steps, heads, contents, bad = _steps(files, found.x.cells)
    if asked.stride < 1:
        raise DataError(f"`stride` must be at least 1, got {asked.stride}. Keep every step with 1.")
    steps = [part[:: asked.stride] for part in steps]
    if bad and not (asked.skip_bad and steps):
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        shown = "\n".join(list(bad.values())[:SHOWN])
        raise DataError(
            f"{len(bad)} of {len(names)} sequences cannot be read (skip_bad leaves them out):\n{shown}{more}"
        )
    keep = [i for i in range(len(found.x.cells)) if i not in bad]
    place = torch.full((len(found.x.cells),), -1)
    place[torch.tensor(keep)] = torch.arange(len(keep))
    lengths = np.array([len(part) for part in steps])
    if int(lengths.max()) * len(lengths) * len(heads) > MOST_CELLS:
        raise DataError(f"Sequences must be short enough to be padded, got one of {lengths.max():,} steps. Cut it.")
    every, levels = torch.cat(steps), asked.levels
    if asked.roll:
        every, heads, levels = _roll(every), [f"key{key}" for key in range(1, KEYS + 1)], 2
    levels = levels if levels is not None else _levels(every)
    every, _ = as_rows(every, levels)
    x = stacked(every, lengths, levels)
    space = Space(tuple(x.shape[1:]), levels=levels, ragged=bool((lengths < lengths.max()).any()))
    is_said = levels is None or asked.levels or asked.roll
    notes = () if is_said else (f"whole numbers are taken for {levels} kinds (levels=… if more)",)
    splits = {split: place[index][place[index] >= 0] for split, index in found.x.splits.items()}
    given = {name: Condition.from_words(name, [column.cells[i] for i in keep]) for name, column in found.given.items()}
    codec = SequenceCodec(tuple(heads), levels)
    skipped = (*found.skipped, *bad.values())
    return Source(files.name, x, space, codec, given, splits, content_words(contents), notes, skipped=skipped)


def _steps(files: Files, names: list[str]) -> tuple[list[Tensor], list[str], list[bytes], dict[int, str]]:
    """The steps of each good file, the names of their columns, their bytes; and the bad ones by place."""
    steps, contents = [], []
    bad: dict[int, str] = {}
    heads: list[str] = []
    for i, name in enumerate(names):
        try:
            content = files.read(name)
            lines = parse_lines(name, content)
            columns = named(name, lines, has_header(lines))
            if heads and list(columns) != heads:
                raise DataError(f"{name} must have the columns {heads[:10]}, got {list(columns)[:10]}. Rename them.")
            part = torch.stack([numbers(head, cells) for head, cells in columns.items()], dim=1)
        except DataError as problem:
            bad[i] = str(problem)
            continue
        heads = list(columns)
        steps.append(part)
        contents.append(content)
    return steps, heads, contents, bad


def _roll(steps: Tensor) -> Tensor:
    """Steps of notes as piano keys, down or not; zero is silence, and a note in two voices is one key."""
    wrong = (steps != 0) & ~((steps >= LOWEST) & (steps < LOWEST + KEYS) & (steps == steps.round()))
    if wrong.any():
        raise DataError(
            f"A piano roll needs notes by MIDI number, {LOWEST} to {LOWEST + KEYS - 1} or 0 for silence, got "
            f"{float(steps[wrong][0]):g}. Read them without roll."
        )
    keys = torch.nn.functional.one_hot((steps - LOWEST + 1).clamp_min(0).long(), KEYS + 1)
    return keys.amax(1)[:, 1:].to(steps.dtype)


def _levels(steps: Tensor) -> int | None:
    """One more than the greatest, where all are whole and small."""
    whole = bool((steps == steps.round()).all()) and float(steps.min()) >= 0 and float(steps.max()) < MOST_LEVELS
    return int(steps.max()) + 1 if whole else None
