"""Sounds: a folder, zip or tar of WAV and FLAC files, one channel each."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.codecs.audio import HIGHEST_RATE, SoundCodec, companded, decode_sound
from genzoo.data.codecs.text import padded
from genzoo.data.readers.archive import Files, inner, open_files
from genzoo.data.readers.layout import layout, table_of
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import content_words

__all__ = ["SUFFIXES", "read_sounds"]

SUFFIXES = (".wav", ".flac", ".ogg", ".aiff", ".aif")
ENCODINGS = ("raw", "mulaw")
MOST_SAMPLES = 1 << 31
SHOWN = 10


@reader("folders and archives of sounds", "rate", "encoding", "length", "labels")
def read_sounds(path: Path, asked: Asked) -> Source:
    """Sounds below a folder or in an archive, with conditions from sub-folders or the columns of `metadata.csv`.

    Sounds of different lengths are ragged rows, unless `length` says what all become.

    Raises:
        DataError: If some cannot be read (the first ten are named), or they differ in rate and none was asked for.
    """
    _check_asked(asked)
    with open_files(inner(path)) as files:
        names = files.ending(*SUFFIXES)
        found = layout(names, table_of(files, names, path, asked), asked, "sound")
        others = files.without(names, "sounds")
        sounds = _decoded(files, found.x.cells, asked)
    if found.x.are_files is False or any(column.are_files for column in found.given.values()):
        raise DataError(
            "Sounds must be x, and words or numbers the condition, got the reverse. Change `x` or `given`."
        )
    rows, space, notes = _rows(sounds.samples, asked)
    keep = [i for i in range(len(found.x.cells)) if i not in sounds.bad]
    place = torch.full((len(found.x.cells),), -1)
    place[torch.tensor(keep)] = torch.arange(len(keep))
    splits = {split: place[index][place[index] >= 0] for split, index in found.x.splits.items()}
    given = {name: Condition.from_words(name, [column.cells[i] for i in keep]) for name, column in found.given.items()}
    return Source(
        path.name if path.is_dir() else files.name,
        rows,
        space,
        SoundCodec(sounds.rate, space.levels),
        given,
        splits,
        sounds.content,
        (*sounds.notes, *notes, *others),
        skipped=(*found.skipped, *sounds.bad.values()),
    )


@dataclasses.dataclass(frozen=True)
class Sounds:
    """Decoded files.

    Attributes:
        samples: Those of each good one.
        rate: How many there are in a second.
        content: A hash of each good file.
        bad: The places of the others, with the reason.
        notes: What was done.
    """

    samples: list[Float[Tensor, " _"]]
    rate: int
    content: Int[Tensor, " n"]
    bad: dict[int, str]
    notes: tuple[str, ...]


def _check_asked(asked: Asked) -> None:
    if asked.encoding not in ENCODINGS:
        raise DataError(f"`encoding` must be one of {', '.join(ENCODINGS)}, got {asked.encoding!r}. Choose one.")
    if asked.rate is not None and not 0 < asked.rate <= HIGHEST_RATE:
        raise DataError(f"`rate` must lie in [1, {HIGHEST_RATE}], got {asked.rate}. Choose 16000 or so.")
    if asked.length is not None and asked.length < 1:
        raise DataError(f"`length` must be at least 1, got {asked.length}. Pass a larger one.")


def _decoded(files: Files, names: Sequence[str], asked: Asked) -> Sounds:
    sounds, rates, words, bad = [], [], [], {}
    for i, name in enumerate(names):
        try:
            content = files.read(name)
            samples, rate = decode_sound(name, content)
        except DataError as problem:
            bad[i] = str(problem)
            continue
        sounds.append(samples if asked.rate in (None, rate) else _resampled(samples, rate, asked.rate or rate))
        rates.append(rate)
        words.append(content_words([content]))
    if bad and not (asked.skip_bad and sounds):
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        shown = "\n".join(list(bad.values())[:SHOWN])
        raise DataError(f"{len(bad)} of {len(names)} sounds cannot be read (skip_bad leaves them out):\n{shown}{more}")
    different = sorted(set(rates))
    if asked.rate is None and len(different) > 1:
        raise DataError(
            f"Sounds must have one rate, got {different} samples a second. Pass rate={different[0]} or so."
        )
    changed = sum(rate != asked.rate for rate in rates) if asked.rate is not None else 0
    notes = (f"resampled {changed:,} of {len(rates):,} sounds to {asked.rate} samples a second",) if changed else ()
    return Sounds(sounds, asked.rate or rates[0], torch.cat(words), bad, notes)


def _resampled(samples: Tensor, rate: int, wanted: int) -> Tensor:
    """Samples at another rate, by a polyphase filter that lets nothing fold back."""
    from scipy.signal import resample_poly

    factor = math.gcd(rate, wanted)
    found = resample_poly(samples.double().numpy(), wanted // factor, rate // factor)
    return torch.from_numpy(found.clip(-1, 1).astype(np.float32))


def _rows(samples: Sequence[Tensor], asked: Asked) -> tuple[Tensor, Space, tuple[str, ...]]:
    """Rows of one length, or ragged ones."""
    lengths = np.array([len(sound) for sound in samples])
    notes: tuple[str, ...] = ()
    if asked.length is not None:
        cut, short = int((lengths > asked.length).sum()), int((lengths < asked.length).sum())
        notes = (f"cut {cut:,} sounds and padded {short:,} with silence to {asked.length} samples",)
        samples = [torch.nn.functional.pad(s[: asked.length], (0, max(0, asked.length - len(s)))) for s in samples]
        lengths = np.full(len(samples), asked.length)
    longest = int(lengths.max())
    if longest * len(samples) > MOST_SAMPLES:
        seconds = "the longest has " + f"{longest:,} samples"
        raise DataError(f"{len(samples):,} sounds must be short enough to be padded, got: {seconds}. Pass `length`.")
    ragged = bool((lengths < longest).any())
    if asked.encoding == "mulaw":
        levels = companded(torch.cat(list(samples))).numpy()
        return padded(levels, lengths, 256), Space((longest,), levels=256, ragged=ragged), notes
    rows = torch.full((len(samples), longest), torch.nan)
    for row, sound in zip(rows, samples, strict=True):
        row[: len(sound)] = sound
    return rows, Space((longest,), ragged=ragged), notes
