"""IDX: the format of MNIST and its kin, a folder of `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, …, or `.gz`.

A file is two zero bytes, a type, the number of axes, their lengths as big-endian 32-bit integers, and the values.

References:
    LeCun, Cortes & Burges, 1998, "The MNIST database of handwritten digits"
"""

import math
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo._files import memory, opened, told
from genzoo.core.errors import DataError
from genzoo.data.readers.mappings import read_mapping
from genzoo.data.source import Asked, Source
from genzoo.data.split import SPLIT_WORDS

__all__ = ["is_idx_folder", "read_idx", "read_idx_folder"]

NAME = re.compile(r"(?P<split>train|t10k|test|valid)-(?P<role>images|labels)[-.]idx\d-ubyte(\.gz)?")
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PIECE = 1 << 24


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds files of this format, by their names."""
    return any(NAME.fullmatch(path.name) for path in folder.iterdir())


def read_idx_folder(folder: Path, asked: Asked) -> Source:
    """A folder of image files with label files beside them; the condition is "label", or x is, given the "image".

    Raises:
        DataError: If labels have no images.
    """
    arrays: dict[str, Tensor] = {}
    for path in sorted(folder.iterdir()):
        if match := NAME.fullmatch(path.name):
            split, role = SPLIT_WORDS[match["split"]], match["role"].removesuffix("s")
            arrays[f"{split}_{role}"] = read_idx(path)
    for name, rows in arrays.items():
        images = arrays.get(name.replace("label", "image"))
        if images is None or len(images) != len(rows):
            got = "none" if images is None else f"{len(images)} images"
            raise DataError(
                f"{folder.name} must have an image for each of {len(rows)} labels, got {got}. Add the file."
            )
    return read_mapping(arrays, Asked(asked.given, asked.x or ("image",), asked.levels), folder.name)


def read_idx(path: Path) -> Shaped[Tensor, "n *shape"]:
    """The array of one file.

    Raises:
        DataError: If the file is cut off, too long, or of another format.
    """
    with told(path.name, "be a whole IDX file", "Fetch it again."), opened(path) as file:
        zero, kind, axes = struct.unpack(">HBB", file.read(4))
        if zero or kind not in TYPES or axes == 0:
            raise DataError(f"{path.name} must begin as IDX does, got other bytes. Is it a file of this format?")
        shape = struct.unpack(f">{axes}I", file.read(4 * axes))
        dtype = np.dtype(TYPES[kind])
        size = math.prod(shape) * dtype.itemsize
        values = _at_most(file.read, min(size, memory() // 2) + 1)
    if len(values) != size:
        got = "more" if len(values) > size else f"{len(values):,}"
        raise DataError(f"{path.name} must hold {size:,} bytes of values as it says, got {got}. Fetch it again.")
    array = np.frombuffer(values, dtype=dtype).reshape(shape)
    return torch.from_numpy(array.astype(dtype.newbyteorder("=")))


def _at_most(read: Callable[[int], bytes], size: int) -> bytes:
    """At most so many bytes, in pieces: what a header claims is never allocated before it is there."""
    parts, left = [], size
    while left and (part := read(min(left, PIECE))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
