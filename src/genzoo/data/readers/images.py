"""A folder of PNG images; sub-folders are labels.

A level of folders named train, valid (or val) and test is the split; the level that holds the files is the label.
Grey images have 1 channel, color ones 3, and 4 where any is transparent; palettes are resolved.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from genzoo.core import Space
from genzoo.data.codec import ImageCodec
from genzoo.data.error import DataError
from genzoo.data.source import Asked, Condition, Source
from genzoo.data.split import SPLIT_WORDS

__all__ = ["image_files", "open_image", "read_image_folder"]

SUFFIXES = (".png",)
LARGEST = 64_000_000  # pixels
SHOWN = 10


def image_files(folder: Path) -> list[Path]:
    """The image files below a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def read_image_folder(folder: Path, asked: Asked) -> Source:
    """Images below a folder; the condition is "label" where they lie in sub-folders.

    Raises:
        DataError: If there are none, some cannot be read (the first ten are named), or their sizes differ.
    """
    files = image_files(folder)
    if not files:
        raise DataError(f"{folder.name} must hold PNG files, got none. Check the folder.")
    x = _stacked(_all_open(files, folder), files, folder)
    names = [path.relative_to(folder).parts[:-1] for path in files]
    split_of = [SPLIT_WORDS.get(parts[0]) if parts else None for parts in names]
    in_splits = all(split_of)
    if in_splits:
        names = [parts[1:] for parts in names]
    labelled = all(names)
    labels = {"label": Condition.from_cells("label", ["/".join(parts) for parts in names])} if labelled else {}
    index = {
        split: torch.tensor([i for i, s in enumerate(split_of) if s == split]) for split in dict.fromkeys(split_of)
    }
    splits = {str(split): rows for split, rows in index.items()} if in_splits else {}
    return Source(folder.name, x, Space(tuple(x.shape[1:]), levels=256), ImageCodec(256), labels, splits)


def open_image(path: Path) -> UInt8[Tensor, "C H W"]:
    """One image of 8 bits per channel.

    Raises:
        DataError: If it cannot be read, or is too large or too deep.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _decoded(path, image)
    except DataError:
        raise
    except Exception as problem:  # a decoder met by arbitrary bytes raises whatever its parts raise
        raise DataError(f"{path.name} must be a readable image, got: {problem}. Replace or remove it.") from problem


def _decoded(path: Path, image: Image.Image) -> Tensor:
    if image.width * image.height > LARGEST:
        raise DataError(f"{path.name} must have at most {LARGEST:,} pixels, got {image.size}. Reduce it.")
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path.name} must have 8 bits per channel, got mode {image.mode}. Convert it.")
    transparent = image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info
    mode = "RGBA" if transparent else "L" if image.mode in ("1", "L") else "RGB"
    array = np.asarray(image if image.mode == mode else image.convert(mode))
    return torch.from_numpy(array.copy()).reshape(*array.shape[:2], -1).permute(2, 0, 1)


def _all_open(files: list[Path], folder: Path) -> list[Tensor]:
    images, bad = [], []
    for path in files:
        try:
            images.append(open_image(path))
        except DataError as problem:
            bad.append(f"{path.relative_to(folder)}: {problem}")
    if bad:
        more = f"\n… and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise DataError(f"{len(bad)} of {len(files)} images cannot be read:\n" + "\n".join(bad[:SHOWN]) + more)
    return images


def _stacked(images: list[Tensor], files: list[Path], folder: Path) -> Tensor:
    height, width = images[0].shape[1:]
    for path, image in zip(files, images, strict=True):
        if image.shape[1:] != (height, width):
            raise DataError(
                f"Images must be of one size: {files[0].relative_to(folder)} is {width}×{height}, got "
                f"{image.shape[2]}×{image.shape[1]} in {path.relative_to(folder)}. Resize them to one size."
            )
    channels = max(image.shape[0] for image in images)
    return torch.stack([_widened(image, channels) for image in images])


def _widened(image: Tensor, channels: int) -> Tensor:
    """The image with the channels of the widest: grey becomes color, opaque gets an alpha of 255."""
    if image.shape[0] == 1 and channels > 1:
        image = image.expand(3, -1, -1)
    if image.shape[0] < channels:
        image = torch.cat([image, torch.full_like(image[:1], 255)])
    return image
