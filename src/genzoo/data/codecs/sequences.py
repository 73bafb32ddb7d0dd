"""Sequences as CSV, one step a line."""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.errors import DataError, nearest
from genzoo.data.codec import Codec
from genzoo.data.codecs.text import padded
from genzoo.data.columns import cells_of, numbers, read_columns, write_columns

__all__ = ["SequenceCodec", "stacked"]

ROW = "row"


@dataclasses.dataclass(frozen=True)
class SequenceCodec(Codec):
    """Sequences of vectors as CSV: a line per step, and where there are several sequences a first column that
    numbers them. Padding is left out.

    Args:
        columns: The names of the entries of a vector.
        levels: As the space has it: integers below it, or `None` for reals.
    """

    kind: ClassVar[str] = "sequence"
    suffix: ClassVar[str] = ".csv"
    columns: tuple[str, ...]
    levels: int | None = None

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ T D"]], n: int, path: str | Path) -> Path:
        return write_columns(path, self._cells(parts, n))

    def load(self, path: str | Path) -> Shaped[Tensor, "n T D"]:
        columns = read_columns(path, header=True)
        if missing := [name for name in self.columns if name not in columns]:
            help_ = nearest(missing[0], columns)
            raise DataError(f"{Path(path).name} must have columns {self.columns}, got no {missing[0]!r}. {help_}")
        steps = torch.stack([numbers(name, columns[name]) for name in self.columns], dim=1)
        rows = columns.get(ROW, ["0"] * len(steps))
        lengths = np.array([len(list(group)) for _, group in itertools.groupby(rows)])
        return stacked(steps, lengths, self.levels)

    def _cells(self, parts: Iterable[Shaped[Tensor, "_ T D"]], n: int) -> Iterator[dict[str, list[str]]]:
        first = 0
        for x in (part.detach().cpu() for part in parts):
            there = ~x[..., 0].isnan() if self.levels is None else x[..., 0].long() < self.levels
            columns = zip(self.columns, x[there].unbind(1), strict=True)
            number = {ROW: [str(first + i) for i in there.nonzero()[:, 0].tolist()]} if n > 1 else {}
            yield number | {name: cells_of(column.numpy()) for name, column in columns}
            first += len(x)


def stacked(steps: Shaped[Tensor, "m D"], lengths: np.ndarray, levels: int | None) -> Shaped[Tensor, "n T D"]:
    """Sequences given end to end as rows, padded to the longest by NaN or the value `levels`.

    Example:
        >>> stacked(torch.tensor([[1.0], [2.0], [3.0]]), np.array([1, 2]), None).squeeze(-1).tolist()
        [[1.0, nan], [2.0, 3.0]]
    """
    if levels is not None:
        width = steps.shape[1]
        return padded(steps.to(torch.int64).numpy().ravel(), lengths * width, levels).reshape(len(lengths), -1, width)
    rows = torch.full((len(lengths), int(lengths.max(initial=0)), steps.shape[1]), torch.nan)
    rows[torch.arange(rows.shape[1]) < torch.from_numpy(lengths)[:, None]] = steps.float()
    return rows
