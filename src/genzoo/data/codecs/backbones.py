"""Backbones of proteins as PDB."""

import dataclasses
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.errors import DataError
from genzoo.data.codec import Codec
from genzoo.data.proteins.pdb import lines_of, read_models

__all__ = ["BackboneCodec"]


@dataclasses.dataclass(frozen=True)
class BackboneCodec(Codec):
    """Backbones (T, 3, 3), the places of N, CA and C of T residues in Å, as PDB: one model for each row.

    Example:
        >>> import tempfile
        >>> codec, path = BackboneCodec(), tempfile.mkdtemp() + "/x.pdb"
        >>> x = torch.randn(2, 5, 3, 3)
        >>> torch.equal(codec.load(codec.save(x, path)), codec.written(x))
        True
    """

    kind: ClassVar[str] = "backbone"
    suffix: ClassVar[str] = ".pdb"

    def save_parts(self, parts: Iterable[Float[Tensor, "_ T 3 3"]], n: int, path: str | Path) -> Path:
        rows = itertools.chain.from_iterable(part.detach().cpu().double().numpy() for part in parts)
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in lines_of(rows))
        return Path(path)

    def load(self, path: str | Path) -> Float[Tensor, "n T 3 3"]:
        chains = list(itertools.chain.from_iterable(read_models(Path(path))))
        lengths = sorted({len(chain) for chain in chains})
        if len(lengths) != 1:
            raise DataError(
                f"Models of {Path(path).name} must have as many residues as each other, got {lengths}. Part them."
            )
        return torch.from_numpy(np.stack([chain.placed() for chain in chains]))

    def written(self, x: Float[Tensor, "n T 3 3"]) -> Float[Tensor, "n T 3 3"]:
        return (x.double().mul(1000).round() / 1000).float()
