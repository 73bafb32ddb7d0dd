"""Measurements: numbers that know what they are.

A number without its kind, error and protocol invites false comparisons: a bound against an exact value, two sample
sizes of a biased statistic, two test sets. So every metric is a `Measurement`; unlike ones refuse to be compared.
"""

import dataclasses
import enum
import hashlib
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from genzoo.distributions.estimate import Estimate, TooFew, interval

__all__ = ["Estimate", "Kind", "Measurement", "TooFew", "check_comparable", "pooled", "remarks_on"]

FIELDS = (  # that JSON shows as they are
    "name", "value", "error", "interval", "unit", "n", "data", "floor", "control", "better",
)  # fmt: skip
SHARES = frozenset(
    {
        "precision", "recall", "coverage", "copies", "copied", "valid", "unique", "novel", "repetition",
        "two-sample accuracy", "two-sample AUC", "two-sample score", "ties", "spikes", "conditional fidelity",
        "column shapes", "pair trends", "nearer to training rows", "distinct 4-grams",
    }
)  # what lies between 0 and 1, by name  # fmt: skip
Better = Literal["lower", "higher", "neither"]
BY_TREES = "two-sample score (boosted trees)"  # of tables, where it sees what distances do not
BESIDE = ("(raw values)", "(random features)")  # how names end of what is told of pictures, and ranks none


class Kind(enum.Enum):
    """What a value claims about the quantity that it is named after."""

    EXACT = "exact"
    BOUND = "bound"
    ESTIMATE = "estimate"
    UNNORMALIZED = "unnormalized"
    SPIKED = "spiked"  # a density of columns that repeat a value: how narrow a model may get decides
    STATISTIC = "statistic"


@dataclass(frozen=True)
class Measurement:
    """A value with its standard error, kind, unit, number of rows and protocol.

    Attributes:
        name: What was measured.
        value: Its value; of a bound, the upper bound.
        error: Its standard error over rows, if one is known.
        kind: What the value claims.
        unit: In what it is measured.
        n: How many rows or samples it averages.
        data: The fingerprint of the rows that it was measured on.
        protocol: The choices that change the value: sample sizes, seeds, estimators, the extractor of features.
        floor: What real data would reach.
        control: What they would reach with every column of a table, or what molecules are asked for, in an order of
            its own: what a number is worth that is blind to dependence.
        better: Whether lower or higher values are better, or neither.

    Example:
        >>> print(Measurement("bits/dim", 2.0718, 0.0113, Kind.BOUND, "bits/dim", 360))
        ≤ 2.072 ± 0.011
    """

    name: str
    value: float
    error: float | None
    kind: Kind
    unit: str
    n: int
    data: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    floor: float | None = None
    better: Better = "lower"
    control: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of a normal error; of a share it stays between 0 and 1."""
        ends = interval(self.value, self.error)
        if ends is None or self.name.partition(" (")[0] not in SHARES:
            return ends
        return max(0.0, ends[0]), min(1.0, ends[1])

    @property
    def leads(self) -> bool:
        """Whether samples may be ranked by it: pictures are not by raw values, in which noise weighs as much as sense.

        Example:
            >>> Measurement("sliced Wasserstein (raw values)", 0.1, None, Kind.STATISTIC, "", 9).leads
            False
        """
        return self.kind is Kind.STATISTIC and self.name != "copies" and not self.name.endswith(BESIDE)

    @property
    def cost(self) -> float:
        """The value, turned so that lower is better."""
        return -self.value if self.better == "higher" else self.value

    @property
    def fingerprint(self) -> str:
        """A short hash of what must agree for two values to be comparable; the kind may differ, for it is shown."""
        said = [self.name, self.unit, self.n, self.data, dict(self.protocol)]
        return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=6).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The measurement as plain JSON, with its fingerprint."""
        fields = {name: getattr(self, name) for name in FIELDS}
        return fields | {"kind": self.kind.value, "protocol": dict(self.protocol), "fingerprint": self.fingerprint}

    def __str__(self) -> str:
        sign = {Kind.BOUND: "≤ ", Kind.ESTIMATE: "≈ ", Kind.UNNORMALIZED: "∝ ", Kind.SPIKED: "∝ "}.get(self.kind, "")
        if self.error is None:
            return f"{sign}{self.value:.4g}"
        digits = _decimals(self.error)
        return f"{sign}{self.value:.{digits}f} ± {self.error:.{digits}f}"


def remarks_on(measurements: Sequence[Measurement]) -> list[str]:
    """What a reader of some numbers must know that they do not say themselves.

    Args:
        measurements: What was measured of a model.

    Example:
        >>> remarks_on([Measurement("Fréchet", 0.3, 0.01, Kind.STATISTIC, "", 9, floor=0.4)])
        ['Fréchet: beyond the floor, which is what as many training rows reach: a few outlying rows rule it.']
    """
    beyond = [m.name for m in measurements if m.floor is not None and m.better != "neither" and _is_beyond(m, m.floor)]
    told = "beyond the floor, which is what as many training rows reach: a few outlying rows rule it."
    remarks = [f"{', '.join(beyond)}: {told}"] if beyond else []
    if any(m.kind is Kind.SPIKED for m in measurements):
        remarks.append(
            "log p is spiked: a real column, which reading the data names, repeats its values; a density there says "
            "how narrow a model may get. Leave it out with `x`, or call it integer or categorical by `kinds`."
        )
    return remarks


def _is_beyond(measurement: Measurement, floor: float) -> bool:
    """Whether a model is better than real rows by more than chance."""
    gain = floor - measurement.value if measurement.better == "lower" else measurement.value - floor
    return gain > 3 * (measurement.error or 0.0) and gain > 1e-3 * abs(floor)


def pooled(measurements: Sequence[Measurement]) -> Measurement:
    """One measurement of several trainings: the mean, with the error that they show or the one they claim, if larger.

    Args:
        measurements: The same measurement of each training.

    Example:
        >>> one, other = (Measurement("bits/dim", v, 0.1, Kind.EXACT, "bits/dim", 9) for v in (2.0, 3.0))
        >>> print(pooled([one, other]))
        2.50 ± 0.50
    """
    check_comparable(measurements)
    first, k = measurements[0], len(measurements)
    if k == 1:
        return first
    values = [m.value for m in measurements]
    shown = statistics.stdev(values) / math.sqrt(k)
    claimed = math.sqrt(sum((m.error or 0.0) ** 2 for m in measurements)) / k
    protocol = dict(first.protocol) | {"trainings": k}
    return dataclasses.replace(first, value=statistics.fmean(values), error=max(shown, claimed), protocol=protocol)


def check_comparable(measurements: Sequence[Measurement]) -> None:
    """Refuses measurements that were not made by one protocol on the same rows.

    Raises:
        ValueError: If two fingerprints differ.

    Example:
        >>> one, other = (Measurement("bits/dim", 2.0, 0.1, Kind.EXACT, "bits/dim", n) for n in (100, 200))
        >>> check_comparable([one, one])
        >>> check_comparable([one, other])
        Traceback (most recent call last):
        ...
        ValueError: Compared measurements must share one protocol; n differs: 100 and 200. Measure both alike.
    """
    for other in measurements[1:]:
        first = measurements[0]
        if first.fingerprint != other.fingerprint:
            named = next(
                name
                for name in ("name", "unit", "n", "data", "protocol")
                if getattr(first, name) != getattr(other, name)
            )
            raise ValueError(
                f"Compared measurements must share one protocol; {named} differs: {getattr(first, named)} and "
                f"{getattr(other, named)}. Measure both alike."
            )


def _decimals(error: float) -> int:
    """The decimals that show an error with two figures, between 0 and 6; of one that is nothing, three."""
    return 3 if error == 0 else next((digits for digits in range(6) if round(error, digits) >= 10 ** (1 - digits)), 6)
