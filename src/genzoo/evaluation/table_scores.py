"""All that is measured of a table by its columns: alone, in pairs, all together, and what it is good for.

Each number stands beside its *floor*, what training rows reach in the samples' place, and its *control*, what they
reach with every column in an order of its own: all columns are as they were, and nothing of what they say of each
other is left. A score that is as good there as at its floor says nothing of a model's dependence.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.given import GivenLike
from genzoo.core.noise import Noise
from genzoo.distributions.estimate import TooFew
from genzoo.evaluation.boosted_test import FOLDS, boosted_score, boosted_two_sample_test
from genzoo.evaluation.information import information_distance
from genzoo.evaluation.measurement import BY_TREES, Better, Estimate
from genzoo.evaluation.table_use import Learner, Utility, closest_records, table_utility
from genzoo.evaluation.tables import Columns, table_quality
from genzoo.evaluation.ties import repeated, worst

__all__ = ["TableScore", "shuffled", "table_scores"]

LEARNERS: tuple[tuple[str, Learner], ...] = (("", "linear"), ("boosted ", "boosting"))
MOST_KINDS = 100  # of a column of words that is predicted: very many are names, and take very long
NEAR = 2000  # rows of a side whose distances to records are looked at
Both = tuple[Estimate, float]


class TableScore(NamedTuple):
    """A number to be made of samples.

    Attributes:
        name: What it is called.
        measure: Makes it.
        better: Whether lower or higher values are better.
        protocol: What else it depends on.
        floor: Makes what real rows reach, where the number knows that itself.
    """

    name: str
    measure: Callable[[], Estimate]
    better: Better
    protocol: Mapping[str, Any] = {}
    floor: Callable[[], float] | None = None


def table_scores(samples: Columns, real: Columns, known: Columns, *, seed: int = 0) -> list[TableScore]:
    """What is measured of the columns of samples.

    Args:
        samples: The columns of samples.
        real: The same columns of held-out rows.
        known: And of training rows.
        seed: Names what is drawn.

    Example:
        >>> import numpy as np
        >>> x = np.arange(300.0)
        >>> table = {"a": x, "b": np.where(x % 2 > 0, "odd", "even")}
        >>> [score.name for score in table_scores(table, table, table)][:3]
        ['column shapes', 'pair trends', 'mutual information distance']
    """
    quality = functools.cache(lambda: table_quality(samples, real, seed=seed))
    found = [TableScore("column shapes", lambda: quality().column_shapes, "higher")]
    if len(real) > 1:
        apart = functools.partial(information_distance, samples, real, seed=seed)
        found.append(TableScore("pair trends", lambda: _there(quality().pair_trends), "higher"))
        found.append(TableScore("mutual information distance", apart, "lower"))
    numbers = [name for name, values in real.items() if values.dtype.kind != "U"]
    words = [name for name, values in real.items() if values.dtype.kind == "U"]
    if numbers:
        again = functools.cache(lambda: repeated(samples, real, seed=seed))
        found.append(
            TableScore("ties (worst column)", lambda: worst({k: v.ties for k, v in again().items()}), "lower")
        )
        found.append(
            TableScore("spikes (worst column)", lambda: worst({k: v.spike for k, v in again().items()}), "lower")
        )
    rows = min(len(next(iter(table.values()))) for table in (samples, real))
    area, trees = (
        functools.cache(lambda: boosted_two_sample_test(samples, real, seed=seed)),
        {"folds": FOLDS, "rows": rows},
    )
    found.append(TableScore("two-sample AUC (boosted trees)", area, "lower", trees))
    found.append(TableScore(BY_TREES, lambda: boosted_score(area()), "higher", trees))
    if len(real) > 1:
        kinds = [name for name in words if len(np.unique(real[name])) <= MOST_KINDS]
        asked = [("", target) for target in kinds[-1:]] + [(" of numbers", target) for target in numbers[-1:]]
        tables = (samples, known, real)
        found += [
            _utility(
                f"{how}utility{what} (train on samples, test on real)",
                functools.partial(table_utility, *tables, target, by=by, seed=seed),
                target,
                is_words=not what,
            )
            for how, by in LEARNERS
            for what, target in asked
        ]
    return [*found, *_closest(samples, known, real, seed)]


def shuffled(x: Shaped[Tensor, "n D"], given: GivenLike, seed: int = 0) -> tuple[Shaped[Tensor, "n D"], GivenLike]:
    """Rows with every column, and every condition, in an order of its own.

    Args:
        x: The rows.
        given: Their conditions.
        seed: Names the orders.

    Example:
        >>> x, _ = shuffled(torch.arange(6.0).reshape(3, 2), None)
        >>> sorted(x[:, 0].tolist()), sorted(x[:, 1].tolist())
        ([0.0, 2.0, 4.0], [1.0, 3.0, 5.0])
    """
    noise = Noise(seed, "shuffled")
    columns = [column[noise.at(place).permutation(len(x)).to(x.device)] for place, column in enumerate(x.unbind(1))]
    mixed = torch.stack(columns, 1) if columns else x
    if given is None:
        return mixed, None
    if isinstance(given, Tensor):
        return mixed, given[noise.at("given").permutation(len(x)).to(given.device)]
    return mixed, {name: part[noise.at(name).permutation(len(x)).to(part.device)] for name, part in given.items()}


def _there(found: Estimate | None) -> Estimate:
    if found is None:
        raise TooFew("It needs two columns that vary, got fewer.")
    return found


def _utility(name: str, make: Callable[[], Utility], target: str, *, is_words: bool) -> TableScore:
    use = functools.cache(make)
    protocol = {"target": target, "metric": "ROC AUC" if is_words else "R²"}
    return TableScore(name, lambda: use().synthetic, "higher", protocol, lambda: use().real.value)


def _closest(samples: Columns, known: Columns, real: Columns, seed: int) -> list[TableScore]:
    few = {name: values[:NEAR] for name, values in samples.items()}
    found = functools.cache(lambda: closest_records(few, known, real, seed=seed))
    protocol = {"searched": len(next(iter(few.values()))), "among": len(next(iter(known.values())))}
    return [
        TableScore(
            "distance to the closest record",
            lambda: found().distance,
            "neither",
            protocol,
            lambda: found().floor.value,
        ),
        TableScore("nearer to training rows", lambda: found().closer, "lower", protocol, lambda: 0.5),
    ]
