"""Rows that have no form of their own outside: one NumPy array."""

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo._files import told
from genzoo.data.codec import Codec
from genzoo.data.numpy_files import load_array

__all__ = ["ArrayCodec"]


@dataclasses.dataclass(frozen=True)
class ArrayCodec(Codec):
    """Rows of any other shape as one NumPy array."""

    kind: ClassVar[str] = "array"
    suffix: ClassVar[str] = ".npy"

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ *shape"]], n: int, path: str | Path) -> Path:
        arrays = (part.detach().cpu().numpy() for part in parts)
        first = next(arrays)
        kind = np.lib.format.dtype_to_descr(first.dtype)
        header = {"descr": kind, "fortran_order": False, "shape": (n, *first.shape[1:])}
        with open(path, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for array in itertools.chain([first], arrays):
                file.write(np.ascontiguousarray(array).data)
        return Path(path)

    def load(self, path: str | Path) -> Shaped[Tensor, "n *shape"]:
        with told(Path(path).name, "hold a plain NumPy array", "Save it without objects."):
            return torch.from_numpy(load_array(path))
