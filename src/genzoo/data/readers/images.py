"""Images: a folder, zip or tar of PNG, JPEG, WebP, BMP, TIFF and GIF files, of 8 or 16 bits and 1, 3 or 4 channels.

What is x and what the condition is the matter of the layout: sub-folders, or the columns of `metadata.csv`. A set of
images becomes one array. A large one is decoded once, in threads, into the cache, and read from there ever after as a
file mapped into memory, so that it need not fit there.
"""

import base64
import concurrent.futures
import dataclasses
import functools
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data import cache
from genzoo.data.codecs.catalog import codec_for
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.pixels import CHANNELS, Look, Wanted, pixels, strictly
from genzoo.data.readers.archive import Files, inner, open_files
from genzoo.data.readers.layout import Column, Layout, layout, table_of
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import content_words, renumbered

__all__ = ["SUFFIXES", "read_images"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif")
SHOWN = 10
PIECE, THREADS = 64, min(8, os.cpu_count() or 1)  # more only wait for each other where pictures are small
LARGEST_SIDE = 1 << 14
log = logging.getLogger("genzoo.data")


@reader("folders and archives of images", "size", "fit", "color", "labels")
def read_images(path: Path, asked: Asked) -> Source:
    """Images below a folder or in an archive; a folder that holds nothing but one archive is that archive.

    Raises:
        DataError: If there are none, some cannot be read (the first ten are named), or they differ in size, color or
            depth and nothing was said of what they should be.
    """
    with open_files(inner(path)) as files:
        names = files.ending(*SUFFIXES)
        if not names:
            raise DataError(
                f"{path.name} must hold PNG, JPEG, WebP, BMP, TIFF or GIF files, got none. Check the folder."
            )
        found = layout(names, table_of(files, names, path, asked), asked, "image")
        others = files.without(names, "pictures")
        columns = {"": found.x, **found.given}
        sets = {name: _decode(files, column, asked) for name, column in columns.items() if column.are_files}
    source = _source(path.name if path.is_dir() else files.name, found, columns, sets, asked)
    return dataclasses.replace(source, notes=(*source.notes, *others))


# A set of images as one array -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Images:
    """The images of a set.

    Attributes:
        rows: One per image that could be read.
        levels: The number of values of a pixel.
        content: A hash of each one's file: it decides the split, whatever size or color is asked for.
        bad: The places of those that could not, with the reason.
        notes: What was done to them.
    """

    rows: Shaped[Tensor, "n C H W"]
    content: Int[Tensor, " n"]
    levels: int
    bad: Mapping[int, str]
    notes: tuple[str, ...]


def _decode(files: Files, column: Column, asked: Asked) -> Images:
    """The images of a column, from the cache if they are there."""
    _check_asked(asked)
    names = column.cells
    how = (asked.size, asked.fit, asked.color, asked.levels)
    key = cache.key_of([*how, *(part for name in names for part in (name, files.stamps[name])), files.place])
    if (kept := cache.find(files.name, key)) and (asked.skip_bad or not kept[1]["bad"]):
        return _images(*kept, len(names))
    with strictly():
        wanted, first = _wanted(files, names, asked)
        shape = (len(names), CHANNELS[wanted.color], *(wanted.size or first.size))
        fill = functools.partial(_fill, files, names, wanted, first, asked)
        if int(np.prod(shape, dtype=np.int64)) * np.dtype(wanted.dtype).itemsize < cache.SMALL:
            array = np.empty(shape, wanted.dtype)
            n, notes = fill(array)
            return _images(array[:n], notes, len(names))
        rows, notes = cache.make(files.name, key, shape, wanted.dtype, fill)
    log.info(
        "decoded %s images of %s into %s (%s); the cache takes %s and may be deleted at any time",
        f"{len(rows):,}", files.name, cache.cache_folder(), _size(rows.nbytes), _size(cache.cache_size()),
    )  # fmt: skip
    return _images(rows, notes, len(names))


def _images(rows: np.ndarray, notes: Mapping[str, Any], n: int) -> Images:
    bad = {int(place): reason for place, reason in notes["bad"].items()}
    if not len(rows):
        raise DataError(f"Some image must be readable, got none of {n}. The first: {next(iter(bad.values()), '')}")
    content = np.frombuffer(base64.b64decode(notes["content"]), dtype="<i8").astype(np.int64)
    return Images(torch.from_numpy(rows), torch.from_numpy(content), notes["levels"], bad, tuple(notes["done"]))


def _check_asked(asked: Asked) -> None:
    size = (asked.size, asked.size) if isinstance(asked.size, int) else asked.size
    if size is not None and (len(size) != 2 or not all(0 < side <= LARGEST_SIDE for side in size)):
        raise DataError(
            f"`size` must be a side, or height and width, up to {LARGEST_SIDE}, got {asked.size}. Change it."
        )
    if asked.fit not in ("crop", "pad", "resize"):
        raise DataError(f"`fit` must be crop, pad or resize, got {asked.fit!r}. Choose one.")
    if asked.color not in (None, *CHANNELS):
        raise DataError(f"`color` must be one of {', '.join(CHANNELS)}, got {asked.color!r}. Choose one.")
    if asked.levels is not None and not 2 <= asked.levels <= 65536:
        raise DataError(f"`levels` of images must lie in [2, 65536], got {asked.levels}. Choose 256 for bytes.")


def _wanted(files: Files, names: Sequence[str], asked: Asked) -> tuple[Wanted, Look]:
    """What all images become: what was asked, and for the rest what the first readable one is."""
    reasons: dict[int, str] = {}
    for i, name in enumerate(names):
        try:
            look, _ = pixels(name, files.read(name))
        except DataError as problem:
            reasons[i] = str(problem)
            continue
        size = (asked.size, asked.size) if isinstance(asked.size, int) else asked.size
        return Wanted(size, asked.fit, asked.color or look.color, asked.levels or look.levels), look
    raise _refused(reasons, len(names))


def _fill(
    files: Files, names: Sequence[str], wanted: Wanted, first: Look, asked: Asked, out: np.ndarray
) -> tuple[int, dict[str, Any]]:
    """Decodes into an array in threads; the good ones move together at its beginning."""
    out = out.view(np.ndarray)  # a mapped one takes longer to find a row
    bad: dict[int, str] = {}
    looks: set[Look] = set()
    content = np.zeros(len(names), dtype="<i8")

    def piece(start: int) -> None:
        for i in range(start, min(start + PIECE, len(names))):
            try:
                file = files.read(names[i])
                look, array = pixels(names[i], file, wanted)
            except DataError as problem:
                bad[i] = str(problem)
                continue
            if look not in looks:
                _check_like(names[i], look, first, asked)
                looks.add(look)
            out[i] = array
            content[i] = content_words([file])[0]

    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    try:
        for done in [pool.submit(piece, start) for start in range(0, len(names), PIECE)]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)
    if bad and not asked.skip_bad:
        raise _refused(bad, len(names))
    good = np.array([i for i in range(len(names)) if i not in bad], dtype=np.int64)
    for start in range(0, len(good) if bad else 0, PIECE):
        moved = good[start : start + PIECE]
        out[start : start + len(moved)] = out[moved]
    notes = {
        "bad": {str(i): bad[i] for i in sorted(bad)},
        "levels": wanted.levels,
        "done": _done(wanted, looks),
        "content": base64.b64encode(content[good].tobytes()).decode(),
    }
    return len(good), notes


def _check_like(name: str, look: Look, first: Look, asked: Asked) -> None:
    """Refuses an image that differs from the first where nothing was said of what both should become."""
    height, width = look.size
    if asked.size is None and look.size != first.size:
        raise Different(
            f"Images must be of one size, got {first.width}×{first.height} and, in {name}, {width}×{height}. Pass "
            f"`size={min(first.size)}`, with `fit` crop, pad or resize, to make them so."
        )
    if asked.color is None and look.color != first.color:
        raise Different(
            f"Images must all be grey, RGB or RGBA, got {first.color} and, in {name}, {look.color}. Pass `color=`, "
            f"for example '{max(first.color, look.color, key=CHANNELS.__getitem__)}', to make them so."
        )
    if asked.levels is None and look.levels != first.levels:
        raise Different(
            f"Images must all have 8 or all 16 bits per channel, got {first.levels} levels and, in {name}, "
            f"{look.levels}. Pass `levels=256` to reduce them, or `levels=65536`."
        )


class Different(DataError):
    """Images that are not alike: a matter of what was asked, never of one bad file."""


def _refused(bad: Mapping[int, str], n: int) -> DataError:
    more = f"\n… and {len(bad) - SHOWN} more." if len(bad) > SHOWN else ""
    lines = "\n".join(bad[i] for i in sorted(bad)[:SHOWN])
    return DataError(
        f"{len(bad)} of {n} images cannot be read:\n{lines}{more}\nReplace them, or leave them out (`skip_bad`)."
    )


def _done(wanted: Wanted, looks: set[Look]) -> list[str]:
    """What was done to the images, for whoever uses the data."""
    done = []
    if wanted.size is not None and any(look.size != wanted.size for look in looks):
        way = {"crop": "cropped in the middle and resized", "pad": "resized and padded", "resize": "resized"}
        done.append(f"Images are {way[wanted.fit]} to {wanted.size[1]}×{wanted.size[0]} (bicubic).")
    if others := sorted({str(look.color) for look in looks} - {wanted.color}):
        over = ", transparency over white" if "rgba" in others else ""
        done.append(f"Images that are {' or '.join(others)} are made {wanted.color}{over}.")
    if others := sorted({str(look.levels) for look in looks} - {str(wanted.levels)}):
        done.append(f"Pixels of {' and '.join(others)} levels are scaled to {wanted.levels}.")
    return done


# Sets of images as a source ---------------------------------------------------------------------------------------


def _source(
    name: str, found: Layout, columns: Mapping[str, Column], sets: Mapping[str, Images], asked: Asked
) -> Source:
    """Every role's rows, those left out of which some part cannot be read."""
    paired = len({len(column.cells) for column in columns.values()}) == 1 and asked.paired
    everywhere = sorted(set().union(*(images.bad for images in sets.values())))
    made, splits, content = {}, {}, {}
    for role, column in columns.items():
        images = sets.get(role)
        kept = _without(len(column.cells), everywhere if paired else sorted(images.bad) if images else [])
        made[role] = _words(role, column, kept) if images is None else _pictures(column, kept, images)
        splits[role] = renumbered(column.splits, kept, len(column.cells))
        if images is not None:
            content[role] = images.content[_places(column, kept, images)]
    x = made.pop("")
    sides = [role for role in made if role in sets]
    of_x = (x.rows, x.space, x.codec or codec_for(x.rows, x.space))
    return Source(
        name,
        *(of_x if x.classes is None else x.as_x(asked.x[0] if asked.x else "x")),
        made,
        splits[""],
        content.get("", next(iter(content.values()), None) if paired else None),
        tuple(dict.fromkeys(note for images in sets.values() for note in images.notes)),
        splits[sides[0]] if sides and not paired else None,
        (*found.skipped, *(reason for images in sets.values() for reason in images.bad.values())),
    )


def _words(role: str, column: Column, kept: Tensor) -> Condition:
    return Condition.from_words(role or "x", [column.cells[i] for i in kept.tolist()])


def _pictures(column: Column, kept: Tensor, images: Images) -> Condition:
    places = _places(column, kept, images)
    rows = images.rows if len(places) == len(images.rows) else images.rows[places]
    return Condition(rows, Space(tuple(rows.shape[1:]), levels=images.levels), codec=ImageCodec(images.levels))


def _places(column: Column, kept: Tensor, images: Images) -> Tensor:
    """Where the rows that are kept are among those that could be read."""
    return torch.isin(_without(len(column.cells), sorted(images.bad)), kept).nonzero().flatten()


def _without(n: int, lost: Sequence[int]) -> Tensor:
    index = torch.arange(n)
    return index[~torch.isin(index, torch.tensor(lost))] if lost else index


def _size(n: int) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.0f} MB"
