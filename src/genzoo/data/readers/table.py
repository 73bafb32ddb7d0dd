"""Tables: a CSV file with a header. Columns of numbers make x, named ones the condition."""

from pathlib import Path

import torch

from genzoo.core import Space
from genzoo.data.codec import PointsCodec, TableCodec
from genzoo.data.columns import numbers, read_columns
from genzoo.data.error import DataError, nearest
from genzoo.data.source import Asked, Condition, Source
from genzoo.data.split import content_words

__all__ = ["read_table"]


def read_table(path: Path, asked: Asked) -> Source:
    """A CSV file: x is the columns that `asked.x` names, or all that are not given.

    Splits go by the whole row, so they are the same whichever columns are x.

    Raises:
        DataError: If a named column is missing, a column of x holds no numbers, or none is left for x.
    """
    columns = read_columns(path)
    for role, names in (("x", asked.x), ("given", asked.given)):
        for name in names:
            if name not in columns:
                raise DataError(f"`{role}` must name columns of {path.name}, got {name!r}. {nearest(name, columns)}")
    names = asked.x or tuple(name for name in columns if name not in asked.given)
    if not names:
        raise DataError(f"Some column of {path.name} must be left for x, got all as given. Name fewer in `given`.")
    x = torch.stack([numbers(name, columns[name]) for name in names], dim=1)
    codec = PointsCodec.around(x, names) if len(names) == 2 else TableCodec(tuple(names))
    conditions = {name: Condition.from_cells(name, columns[name]) for name in asked.given}
    content = content_words("\0".join(row).encode() for row in zip(*columns.values(), strict=True))
    name = Path(path.name.removesuffix(".gz")).stem
    return Source(name, x, Space((len(names),)), codec, conditions, content=content)
