"""Spaces: what one element x of the data is.

A space is mathematics, never a file format. Real data lives in $\\mathbb R^{shape}$, discrete data (bytes, tokens,
binarised pixels, labels) in $\\{0, …, levels-1\\}^{shape}$. Rows of a table, and codes at several levels, live in a
product of columns, each of a kind and with an alphabet of its own. Turning files into elements of a space and back is
the work of the codecs in `genzoo.data`.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

__all__ = ["Column", "Space"]

Kind = Literal["real", "integer", "ordered", "categorical"]


@dataclasses.dataclass(frozen=True)
class Column:
    """What one entry of a row is: a real number, a whole number, or one of L levels, in an order or in none.

    Args:
        kind: "real", "integer" (whole numbers without bound), "ordered" or "categorical" (integers in [0, levels)).
        levels: L, the number of values of an ordered or categorical column.
        missing: Whether the entry may be missing, NaN.

    Raises:
        ValueError: If there is no such kind, or it does not go with `levels`.

    Example:
        >>> str(Column("categorical", 9)), str(Column("integer")), Column("real").is_discrete
        ('categorical of 9', 'integer', False)
    """

    kind: Kind
    levels: int | None = None
    missing: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"A column must be {', '.join(get_args(Kind))}, got {self.kind!r}. Choose one.")
        leveled = self.kind in ("ordered", "categorical")
        if leveled != (self.levels is not None) or (leveled and (self.levels or 0) < 1):
            raise ValueError(
                f"Ordered and categorical columns, and no others, must have `levels` of at least 1, got {self.kind} "
                f"and {self.levels}. Set the right ones."
            )

    @property
    def is_discrete(self) -> bool:
        """Whether it holds whole numbers, so that its share of `log_prob` is a probability mass."""
        return self.kind != "real"

    def __str__(self) -> str:
        return f"{self.kind}{'' if self.levels is None else f' of {self.levels}'}{', or missing' * self.missing}"


@dataclasses.dataclass(frozen=True)
class Space:
    """What one x is: real numbers of a shape, integers in [0, levels), or a row of columns of several kinds.

    Args:
        shape: The shape of one x, without the row axis; `()` for a scalar such as a class label.
        levels: The number of values an integer entry takes; `None` for real numbers. Of columns that all have levels
            it is the largest number, and set by itself.
        ragged: Whether axis 0 varies from row to row, `shape[0]` being the longest. Padding is the value `levels`
            for integers and NaN for reals, and never counts as a dimension.
        columns: What each entry of a flat row is, where they differ.

    Raises:
        ValueError: If a length or `levels` is not positive, a scalar is called ragged, or columns do not fit the rest.

    Example:
        >>> image = Space((1, 28, 28), levels=256)
        >>> image.dims, image.dtype
        (784, 'uint8')
        >>> round(image.bits_per_dim(-784 * math.log(256)), 6)
        8.0
        >>> row = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 9)))
        >>> str(row), row.dtype, row.is_discrete
        ('3 columns (1 real, 1 integer, 1 categorical)', 'float64', False)
        >>> Space((2,), columns=(Column("categorical", 20), Column("categorical", 2))).levels
        20
    """

    shape: tuple[int, ...]
    levels: int | None = None
    ragged: bool = False
    columns: tuple[Column, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(length) for length in self.shape))
        if self.columns is not None:
            object.__setattr__(self, "columns", tuple(self.columns))
            object.__setattr__(self, "levels", _largest(self))
        if any(length < 1 for length in self.shape):
            raise ValueError(f"A space's shape must hold positive lengths, got {self.shape}. Drop the empty axis.")
        if self.levels is not None and self.levels < 1:
            raise ValueError(f"`levels` must be at least 1, got {self.levels}. Use None for real numbers.")
        if self.ragged and not self.shape:
            raise ValueError("A ragged space needs an axis that varies, got shape (). Give the longest length first.")

    @property
    def is_discrete(self) -> bool:
        """Whether x holds integers in [0, levels), so that `log_prob` is a probability mass."""
        return self.levels is not None

    @property
    def is_real(self) -> bool:
        """Whether no entry is discrete, so that `log_prob` is a density of all of them and has a gradient."""
        return self.levels is None and not any(column.is_discrete for column in self.columns or ())

    @property
    def dims(self) -> int:
        """D, the number of entries of one x (of the longest x, if ragged)."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> str:
        """The name of the torch dtype in which data of this space is kept."""
        if self.levels is None:
            return "float32" if self.columns is None else "float64"  # large whole numbers keep their digits
        return "uint8" if self.levels <= 256 and not self.ragged else "int64"

    def bits_per_dim(self, log_prob: float) -> float:
        """Nats per row as bits per dimension, $-\\log p(x) / (D \\log 2)$."""
        return -log_prob / (self.dims * math.log(2))

    def to_json(self) -> dict[str, Any]:
        """The space as plain JSON."""
        fields: dict[str, Any] = {"shape": list(self.shape), "levels": self.levels, "ragged": self.ragged}
        if self.columns is not None:
            fields["columns"] = [dataclasses.asdict(column) for column in self.columns]
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Space":
        """The space that `to_json` wrote."""
        columns = fields.get("columns")
        made = None if columns is None else tuple(Column(**column) for column in columns)
        return cls(tuple(fields["shape"]), fields["levels"], fields["ragged"], made)

    def __repr__(self) -> str:
        columns = "" if self.columns is None else f", columns={self.columns}"
        return f"Space(shape={self.shape}, levels={self.levels}, ragged={self.ragged}{columns})"

    def __str__(self) -> str:
        if self.columns is not None:
            return f"{len(self.columns)} columns ({_counted(column.kind for column in self.columns)})"
        kind = "reals" if self.levels is None else f"integers in [0, {self.levels})"
        axes = "×".join(str(length) for length in self.shape) or "one"
        return f"{axes} {kind}{', ragged' if self.ragged else ''}"


def _largest(space: Space) -> int | None:
    """The largest number of levels of its columns; None if one has none, or may be missing."""
    columns = space.columns or ()
    if space.shape != (len(columns),) or space.ragged:
        raise ValueError(
            f"Columns must be those of a flat row, got {len(columns)} for shape {space.shape}"
            f"{', ragged' * space.ragged}. Name the kind of each entry."
        )
    levels = [None if column.missing else column.levels for column in columns]
    largest = None if None in levels else max(count or 0 for count in levels)
    if space.levels not in (None, largest):
        raise ValueError(f"`levels` of these columns is {largest}, got {space.levels}. Leave it out.")
    return largest


def _counted(kinds: Iterable[str]) -> str:
    seen = list(kinds)
    return ", ".join(f"{seen.count(kind)} {kind}" for kind in get_args(Kind) if kind in seen)
