"""Rows that have no form of their own outside: one NumPy array."""

import dataclasses
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

    def save(self, x: Shaped[Tensor, "n *shape"], path: str | Path) -> Path:
        with open(path, "wb") as file:  # np.save given a name would append its own ending
            np.save(file, x.detach().cpu().numpy(), allow_pickle=False)
        return Path(path)

    def load(self, path: str | Path) -> Shaped[Tensor, "n *shape"]:
        with told(Path(path).name, "hold a plain NumPy array", "Save it without objects."):
            return torch.from_numpy(load_array(path))
