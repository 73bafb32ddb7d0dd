"""Which recipe for which kind of data and which purpose: what the records of the experiments say, and nothing else.

One ranking is one measure of one record, so all its numbers are of the same test rows and comparable; budgets are told
beside them. Nothing is trained here, and torch is not needed.
"""

import re
import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from genzoo.experiments.lectures.records import record
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import recipes

__all__ = ["KINDS", "PURPOSES", "Choice", "recommended"]

Figure = tuple[str, float, float, str]  # a contestant, its value, its core-minutes, what its value claims


class Choice(NamedTuple):
    """A recipe with the number for which it is recommended.

    Attributes:
        kind: Of what the rows are.
        purpose: What the model is wanted for.
        recipe: Its name, with what was set of it behind colons.
        value: What was measured, on test rows; a bound is marked.
        measure: What that is, with its unit.
        better: Whether higher or lower values are better.
        core_minutes: How long the training took.
        data: On which data.
        record: Where it stands, below `experiments/records`.
    """

    kind: str
    purpose: str
    recipe: str
    value: str
    measure: str
    better: str
    core_minutes: float
    data: str
    record: str


class _Ranking(NamedTuple):
    kind: str
    purpose: str
    record: str
    data: str
    measure: str
    unit: str
    read: "Callable[[Mapping[str, Any], _Ranking], Iterator[Figure]]"
    higher: bool = False


def recommended(kind: str | None = None, purpose: str | None = None) -> list[Choice]:
    """The recipes for a kind of data and a purpose, the best first.

    Args:
        kind: One of `KINDS`; None for all.
        purpose: One of `PURPOSES`; None for all.

    Raises:
        Mistake: If there is no such kind or purpose, or nothing was recorded for both.

    Example:
        >>> best = recommended("table", "sample")[0]
        >>> best.recipe, best.data, best.record
        ('tab_ar', 'uci-adult', 'tables_mixed')
    """
    for what, asked, known in (("kind of data", kind, KINDS), ("purpose", purpose, PURPOSES)):
        if asked is not None and asked not in known:
            raise unknown(what, asked, known)
    fits = [each for each in RANKINGS if kind in (None, each.kind) and purpose in (None, each.purpose)]
    if not fits:
        recorded = ", ".join(each.purpose for each in RANKINGS if each.kind == kind)
        raise Mistake(f"No record says who is best to {purpose}, for {kind}.", f"Recorded for it: {recorded}.")
    return [choice for ranking in fits for choice in _ranked(ranking)]


def _ranked(ranking: _Ranking) -> list[Choice]:
    found = [figure for figure in ranking.read(record(ranking.record), ranking) if _name(figure[0]) in recipes()]
    found.sort(key=lambda figure: figure[1], reverse=ranking.higher)
    better, bound = ("higher", "≥ ") if ranking.higher else ("lower", "≤ ")
    return [
        Choice(
            ranking.kind, ranking.purpose, name, f"{bound if claims == 'bound' else ''}{value:.4g}",
            ranking.unit or ranking.measure, better, round(minutes, 2), ranking.data, ranking.record,
        )
        for name, value, minutes, claims in found
    ]  # fmt: skip


def _name(contestant: str) -> str:
    return contestant.partition(":")[0]


def _of_comparison(kept: Mapping[str, Any], ranking: _Ranking) -> Iterator[Figure]:
    for entry in kept["entries"]:
        for each in entry["measurements"]:
            if each["name"] == ranking.measure:
                yield entry["name"], each["value"], entry["core_minutes"], each["kind"]


def _of_mixed_tables(kept: Mapping[str, Any], ranking: _Ranking) -> Iterator[Figure]:
    for key, seeds in kept["tables"][ranking.data].items():
        told = [seed[ranking.measure] for seed in seeds.values() if seed.get(ranking.measure) is not None]
        if (said := re.fullmatch(r"(\S+) \S+ min, test", key)) and told:
            minutes = statistics.mean(seed["core_seconds"] for seed in seeds.values()) / 60
            claims = next(iter(seeds.values()))["likelihood"] if ranking.measure == "log_p" else ""
            yield said[1], statistics.mean(told), minutes, claims


def _of_densities(kept: Mapping[str, Any], ranking: _Ranking) -> Iterator[Figure]:
    yield from _means(kept["tables"][ranking.data]["figures"], ranking.measure)


def _of_imputation(kept: Mapping[str, Any], ranking: _Ranking) -> Iterator[Figure]:
    yield from _means(kept["test"][ranking.data]["figures"], ranking.measure)


def _means(figures: Mapping[str, Any], measure: str) -> Iterator[Figure]:
    for name, seeds in figures.items():
        value, seconds = (statistics.mean(seed[key] for seed in seeds.values()) for key in (measure, "core_seconds"))
        yield name, value, seconds / 60, ""


SCORE = "two-sample score (boosted trees)"
RANKINGS = (
    _Ranking("table", "sample", "tables_mixed", "uci-adult", SCORE, "", _of_mixed_tables, True),
    _Ranking("table", "score", "tables_mixed", "uci-adult", "log_p", "log p, nats/row", _of_mixed_tables, True),
    _Ranking("numbers", "sample", "tables_mixed", "magic-gamma", SCORE, "", _of_mixed_tables, True),
    _Ranking("numbers", "score", "tables", "magic-gamma", "test", "log p, nats/row", _of_densities, True),
    _Ranking("numbers", "impute", "imputation", "magic-gamma", "crps", "CRPS, standard deviations", _of_imputation),
    _Ranking("pictures", "sample", "fashion-mnist", "fashion-mnist", "Fréchet", "", _of_comparison),
    _Ranking("pictures", "score", "fashion-mnist", "fashion-mnist", "bits/dim", "", _of_comparison),
    _Ranking("bits", "sample", "mnist-binary", "mnist", "Fréchet", "", _of_comparison),
    _Ranking("bits", "score", "mnist-binary", "mnist", "bits/dim", "", _of_comparison),
    _Ranking("text", "sample", "tinyshakespeare", "tinyshakespeare", "n-gram distance", "", _of_comparison),
    _Ranking("text", "score", "tinyshakespeare", "tinyshakespeare", "bits/dim", "bits/symbol", _of_comparison),
    _Ranking("points", "sample", "toys-moons", "moons", "sliced Wasserstein", "", _of_comparison),
    _Ranking("points", "score", "toys-moons", "moons", "−log p", "−log p, nats/row", _of_comparison),
)
KINDS = tuple(dict.fromkeys(each.kind for each in RANKINGS))
PURPOSES = tuple(dict.fromkeys(each.purpose for each in RANKINGS))
