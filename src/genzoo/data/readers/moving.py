"""`moving_digits` and `moving_pairs`: clips made of MNIST, which must be at hand."""

from pathlib import Path

import torch
from torch import Tensor

from genzoo.core import Noise, Space
from genzoo.core.errors import DataError
from genzoo.data.codecs.clips import ClipCodec
from genzoo.data.moving import BOX, DIRECTIONS, SPEEDS, drawn_paths, glyphs, moving
from genzoo.data.readers.idx import read_idx
from genzoo.data.source import Asked, Condition, Source, reader

__all__ = ["FROM", "MOVING", "read_moving"]

FROM = "mnist"
MOVING = {"moving_digits": 1, "moving_pairs": 2}  # how many digits a clip has
SPLITS = {"train": (20_000, "train"), "valid": (2000, "train"), "test": (2000, "t10k")}  # clips, and whose pictures
HELD = 12  # of every so many pictures that train, the last are those of validation
SIDE, FRAMES, MOST = 20, 8, 1 << 30


@reader("moving digits", "size", "frames")
def read_moving(source: tuple[str, Path], asked: Asked) -> Source:
    """Clips of digits that go straight and bounce, always the same: no picture is in two of the splits.

    Conditions are "label", "direction" and "speed", and the truth of every frame, "places": the middles of the digits,
    (down, right), the first digit's first.

    Raises:
        DataError: If frames are too small for a digit, too few or too many, or the pictures are not those of MNIST.
    """
    name, folder = source
    side, frames = asked.size or SIDE, asked.frames or FRAMES
    clips = sum(n for n, _ in SPLITS.values())
    if not isinstance(side, int) or side <= BOX or frames < 2 or clips * frames * side**2 > MOST:
        raise DataError(
            f"{name} must have frames of more than {BOX} pixels, one number for both sides, at least 2 of them, and "
            f"at most {MOST >> 20} MB in all, got {asked.size} and {asked.frames}. Change `size` or `frames`."
        )
    made: list[tuple[Tensor, ...]] = []
    for split, (n, words) in SPLITS.items():
        pictures, labels = (_part(_array(folder, f"{words}-{kind}"), split) for kind in ("images-idx3", "labels-idx1"))
        noise = Noise(0, name, split)
        which = noise.at("picture").integers(len(pictures), n, MOVING[name])
        paths = drawn_paths(n, MOVING[name], frames, side, noise)
        shown = glyphs(pictures[which.flatten()][:, None]).unflatten(0, which.shape)
        middle = (paths.places + (BOX - 1) / 2).flatten(2).float()
        made.append((moving(shown, paths, side), labels[which].long(), paths.directions, paths.speeds, middle))
    x, label, direction, speed, places = (torch.cat(parts) for parts in zip(*made, strict=True))
    conditions = {
        "label": _named(label, [str(k) for k in range(10)]),
        "direction": _named(direction, list(DIRECTIONS)),
        "speed": _named(speed, list(SPEEDS)),
        "places": Condition(places.flatten(1), Space((MOVING[name] * frames * 2,))),
    }
    rows = torch.arange(clips).split([n for n, _ in SPLITS.values()])
    splits = dict(zip(SPLITS, rows, strict=True))
    return Source(name, x, Space(tuple(x.shape[1:]), levels=256), ClipCodec(256), conditions, splits)


def _named(rows: Tensor, classes: list[str]) -> Condition:
    """A label where a clip has one digit, a row of labels where it has more."""
    one = rows.shape[1] == 1
    rows = rows[:, 0] if one else rows
    return Condition(rows, Space(tuple(rows.shape[1:]), levels=len(classes)), classes if one else None)


def _part(rows: Tensor, split: str) -> Tensor:
    """The pictures, or labels, of a split."""
    held = len(rows) - len(rows) // HELD
    return rows if split == "test" else rows[held:] if split == "valid" else rows[:held]


def _array(folder: Path, stem: str) -> Tensor:
    found = [path for path in sorted(folder.iterdir()) if path.name.replace(".idx", "-idx").startswith(stem)]
    if not found:
        raise DataError(f"{folder.name} must hold the digits as IDX files, got no {stem}-ubyte. Add MNIST's files.")
    return read_idx(found[0])
