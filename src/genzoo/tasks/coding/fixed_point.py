"""Probabilities that another machine finds again to the bit.

A decoder must use the very probabilities of the encoder: one unit in the last place, from another number of threads
or rows, another processor or library, and all that follows is noise. Networks do not promise that. But in double
precision two ways of computing one number differ by 1e-13 or so, and rounded to a step of 1/64 they agree, unless the
number lies within that distance of an edge between two steps. So numbers are rounded, and the few that lie within
1e-10 of an edge are *doubts*: which way the encoder went is kept beside the bytes, and the decoder goes the same way.

From the rounded numbers on there is nothing but whole numbers: weights of a table that is computed by decimal
arithmetic, which the entropy coder divides among 2²⁴ by sums and products that are exact or rounded as IEEE 754 says.
"""

import functools
from decimal import Context, Decimal

import numpy as np

from genzoo.core.errors import DataError

__all__ = ["MARGIN", "STEP", "TOP", "Doubts", "priced", "scales", "weights"]

STEP = 2.0**-6  # nats; the rounding costs STEP² / 24 nats a symbol, 1e-5
MARGIN = 1e-10  # as near to an edge a number may be rounded one way here and the other way there
BITS = 28  # of the largest weight
TOP = 1287  # steps: from there on exp(−TOP · STEP) is less than half of 1 / 2^BITS
WIDEST = 600  # steps of a log σ
RECORD = np.dtype([("key", "<u4"), ("place", "<u4"), ("value", "<i4")])


class Doubts:
    """Rounds numbers so that who decodes rounds alike.

    Args:
        kept: What an encoder's doubts left as bytes; by default nothing, for who encodes.

    Raises:
        DataError: If the bytes are no doubts.

    Example:
        >>> encoder = Doubts()
        >>> encoder.round(np.array([0.2, 2.5 + 1e-14]), step=1.0, key=7)
        array([0, 3])
        >>> decoder = Doubts(encoder.to_bytes())
        >>> decoder.round(np.array([0.2, 2.5 - 1e-14]), step=1.0, key=7)
        array([0, 3])
    """

    def __init__(self, kept: bytes | None = None) -> None:
        self._is_first = kept is None
        self._found: list[np.ndarray] = []
        if kept is not None:
            if len(kept) % RECORD.itemsize:
                raise DataError("Doubts must be whole records, got a part of one. Fetch the file again.")
            records = np.frombuffer(kept, dtype=RECORD)
            self._known = {int(key): records[records["key"] == key] for key in np.unique(records["key"])}

    def round(self, values: np.ndarray, step: float, key: int, top: int | None = None) -> np.ndarray:
        """Numbers in whole steps.

        Args:
            values: Numbers.
            step: The step.
            key: What is rounded: who decodes rounds the same under the same key.
            top: The highest whole number, for all above it.

        Raises:
            ValueError: If a number is not finite.
        """
        steps = values.astype(np.float64).ravel() / step
        if top is not None:
            steps = np.minimum(steps, top)
        if not np.isfinite(steps).all():
            raise ValueError("Probabilities must be finite to code by them, got NaN. Look at the run: genzoo doctor.")
        whole = np.floor(steps + 0.5).astype(np.int64)
        if self._is_first:
            places = np.flatnonzero(np.abs(steps + 0.5 - np.round(steps + 0.5)) < MARGIN / step)
            if len(places):
                self._found.append(self._records(key, places, whole[places]))
        elif key in self._known:
            records = self._known[key]
            inside = records["place"] < len(whole)
            whole[records["place"][inside]] = records["value"][inside]
        return whole.reshape(values.shape)

    def to_bytes(self) -> bytes:
        """What a decoder needs to know."""
        return b"".join(records.tobytes() for records in self._found)

    @staticmethod
    def _records(key: int, places: np.ndarray, values: np.ndarray) -> np.ndarray:
        records = np.empty(len(places), dtype=RECORD)
        records["key"], records["place"], records["value"] = key, places, values
        return records


def weights(steps: np.ndarray) -> np.ndarray:
    """Whole numbers in proportion to exp(−steps · STEP), as float64, which holds them exactly.

    Args:
        steps: −log p in whole steps.

    Example:
        >>> weights(np.array([0, 64, TOP])) / 2**BITS
        array([1.        , 0.36787944, 0.        ])
    """
    found: np.ndarray = _table()[np.clip(steps, 0, TOP)]
    return found


def priced(surprises: np.ndarray, symbols: np.ndarray) -> tuple[float, int]:
    """What symbols should cost, −log p in nats, of those that have mass; and how many have none.

    Args:
        surprises: −log p of every symbol, (n, symbols).
        symbols: Those that come.

    Example:
        >>> priced(np.array([[0.5, np.inf], [0.5, np.inf]]), np.array([0, 1]))
        (0.5, 1)
    """
    paid = surprises[np.arange(len(symbols)), symbols]
    has_mass = paid < TOP * STEP
    return float(paid[has_mass].sum()), int((~has_mass).sum())


def scales(steps: np.ndarray) -> np.ndarray:
    """exp(steps · STEP), rounded once.

    Args:
        steps: log σ in whole steps, those beyond ±600 at the edge: σ from 8e-5 to 1e4.

    Example:
        >>> scales(np.array([0, 64])).tolist()
        [1.0, 2.718281828459045]
    """
    found: np.ndarray = _scales()[np.clip(steps, -WIDEST, WIDEST) + WIDEST]
    return found


@functools.cache
def _scales() -> np.ndarray:
    return np.array([float(_exp(k)) for k in range(-WIDEST, WIDEST + 1)])


@functools.cache
def _table() -> np.ndarray:
    exact = [_exp(-k) * 2**BITS for k in range(TOP)]
    return np.array([*(float(int(each + Decimal("0.5"))) for each in exact), 0.0])


def _exp(steps: int) -> Decimal:
    """exp(steps · STEP) to forty digits."""
    context = Context(prec=40)
    return context.exp(context.multiply(Decimal(STEP), Decimal(steps)))
