"""Clips: a folder, zip or tar of animations (GIF, PNG, WebP), or of folders of stills, one for each clip."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from genzoo.core import Space
from genzoo.core.errors import DataError
from genzoo.data.codecs.clips import ENDINGS, ClipCodec, Shown, decode_clip
from genzoo.data.readers.archive import Files, inner, open_files
from genzoo.data.readers.layout import layout, table_of
from genzoo.data.source import Asked, Condition, Source, reader
from genzoo.data.split import content_words

__all__ = ["are_animated", "read_clips"]

STILLS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
RATE, SHOWN, LARGEST_SIDE = 10.0, 10, 4096


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip as it lies in its file or folder.

    Attributes:
        name: What it is called.
        shown: What it shows.
        word: A hash of its content.
    """

    name: str
    shown: Shown
    word: Tensor


def are_animated(files: Files) -> bool:
    """Whether the first picture of a folder that may have frames has several.

    Args:
        files: The folder's or archive's.
    """
    for name in files.ending(*ENDINGS)[:1]:
        try:
            return len(decode_clip(name, files.read(name)).frames) > 1
        except DataError:
            return False
    return False


@reader("folders and archives of clips", "frames", "size", "labels")
def read_clips(path: Path, asked: Asked) -> Source:
    """Clips of one number of frames, with conditions from sub-folders or the columns of `metadata.csv`.

    With `frames` longer ones are cut into stretches of so many, which stay in one split, and a folder of stills is a
    clip, its frames in the order of their names. `size` makes all frames so high and wide.

    Raises:
        DataError: If some cannot be read, or they differ in size or number of frames and nothing was asked for.
    """
    with open_files(inner(path)) as files:
        animated = are_animated(files)
        names = files.ending(*ENDINGS) if animated else sorted({_parent(name) for name in files.ending(*STILLS)})
        table = table_of(files, names, path, asked) if animated else None
        found = layout(names, table, asked, "clip")
        others = files.without(files.ending(*(ENDINGS if animated else STILLS)), "clips")
        clips, bad = _decoded(files, found.x.cells, asked, animated=animated)
    kept = [i for i in range(len(found.x.cells)) if i not in bad]
    unit = min(lasting for clip in clips for lasting in clip.shown.lasts) if animated else 0.0
    x, of = _rows([clip.shown.timed(clip.name, unit) for clip in clips], [clip.name for clip in clips], asked)
    splits = {
        split: torch.isin(torch.tensor(kept)[of], index).nonzero()[:, 0] for split, index in found.x.splits.items()
    }
    given = {
        name: Condition.from_words(name, [column.cells[kept[i]] for i in of.tolist()])
        for name, column in found.given.items()
    }
    return Source(
        path.name if path.is_dir() else files.name,
        x,
        Space(tuple(x.shape[1:]), levels=256),
        ClipCodec(256, 1000 / unit if unit else RATE),
        given,
        splits,
        torch.cat([clip.word for clip in clips])[of],
        others,
        skipped=(*found.skipped, *bad.values()),
        grouped=len(x) > len(clips),
    )


def _parent(name: str) -> str:
    return PurePosixPath(name).parent.as_posix()


def _decoded(
    files: Files, names: Sequence[str], asked: Asked, *, animated: bool
) -> tuple[list[Clip], Mapping[int, str]]:
    """Those that can be read, and of the others the reasons."""
    clips, bad, stills = list[Clip](), dict[int, str](), dict[str, list[str]]()
    for name in [] if animated else files.ending(*STILLS):
        stills.setdefault(_parent(name), []).append(name)
    for i, name in enumerate(names):
        try:
            parts = [(part, files.read(part)) for part in ([name] if animated else stills[name])]
            decoded = [decode_clip(part, content) for part, content in parts]
            shown = Shown(_alike(name, [each.frames for each in decoded]), [t for each in decoded for t in each.lasts])
            clips.append(Clip(name, shown, content_words([b"".join(content for _, content in parts)])))
        except DataError as problem:
            bad[i] = str(problem)
    if bad and not (asked.skip_bad and clips):
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        listed = "\n".join(list(bad.values())[:SHOWN])
        raise DataError(f"{len(bad)} of {len(names)} clips cannot be read (skip_bad leaves them out):\n{listed}{more}")
    return clips, bad


def _rows(clips: Sequence[Tensor], names: Sequence[str], asked: Asked) -> tuple[Tensor, Tensor]:
    """Clips of one shape, and of which file each is."""
    counts = sorted({len(clip) for clip in clips})
    length = asked.frames or counts[0]
    if asked.frames is None and len(counts) > 1:
        raise DataError(f"Clips must have one number of frames, got from {counts[0]} to {counts[-1]}. Pass "
                        f"frames={counts[0]} to cut them.")  # fmt: skip
    if length > counts[-1] or length < 2:
        raise DataError(f"`frames` must lie in [2, {counts[-1]}], got {length}. Change it.")
    parts = [clip[: len(clip) // length * length].unflatten(0, (-1, length)) for clip in clips]
    of = torch.arange(len(clips)).repeat_interleave(torch.tensor([len(part) for part in parts]))
    return _alike("These clips", [_sized(part, asked) for part in parts], names), of


def _sized(x: UInt8[Tensor, "n T C H W"], asked: Asked) -> UInt8[Tensor, "n T C h w"]:
    size = (asked.size, asked.size) if isinstance(asked.size, int) else asked.size
    if size is None or size == tuple(x.shape[3:]) or not len(x):
        return x
    if len(size) != 2 or not all(0 < side <= LARGEST_SIDE for side in size):
        raise DataError(f"`size` must be a side, or height and width, up to {LARGEST_SIDE}, got {asked.size}.")
    small = interpolate(x.flatten(0, 1).float(), size=size, mode="bicubic", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8).unflatten(0, x.shape[:2])


def _alike(name: str, parts: Sequence[Tensor], names: Sequence[str] = ()) -> Tensor:
    """Frames of one size end to end, gray ones as color where others are."""
    most = max(part.shape[-3] for part in parts)
    sizes = [tuple(part.shape[-2:]) for part in parts]
    if len(set(sizes)) > 1:
        i = next(i for i, size in enumerate(sizes) if size != sizes[0])
        where = f" in {names[i]}" if names else ""
        raise DataError(
            f"{name} must have frames of one size, got {sizes[0]} and {sizes[i]}{where}. Pass size={min(sizes[0])}."
        )
    return torch.cat([_colored(part, most) for part in parts])


def _colored(part: Tensor, channels: int) -> Tensor:
    """Frames with so many channels: gray repeated, without transparency."""
    have = part.shape[-3]
    if have == channels:
        return part
    color = part.expand(*part.shape[:-3], 3, *part.shape[-2:]) if have == 1 else part
    return color if channels == 3 else torch.cat([color, torch.full_like(color[..., :1, :, :], 255)], -3)
