"""How far our metrics lie from those of the packages that made them known, on the same rows.

The packages' answers are the frozen ones of `make golden` (tests/golden/metrics.py and tables.py say how they are
asked); ours are computed now.

Usage: python -m benchmarks.oracles
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks import record
from genzoo.distributions import Moments, exact_wasserstein, frechet_distance, sliced_wasserstein, wasserstein_1d
from genzoo.evaluation import judge_score, kernel_distance
from genzoo.evaluation.manifold import manifold_values
from genzoo.evaluation.tables import missing_similarity, table_quality
from tests.golden.frozen import frozen
from tests.golden.tables import NUMBERS, WORDS, table


class Answer(NamedTuple):
    """One quantity as we and as the package compute it."""

    metric: str
    package: str
    ours: float
    theirs: float

    @property
    def difference(self) -> float:
        """Relative to the package's answer."""
        return abs(self.ours - self.theirs) / max(abs(self.theirs), 1e-300)


def vectors() -> Iterator[Answer]:
    """Distances between rows of reals, and the score of a judge's probabilities."""
    asked = frozen("metrics")
    fake, real = asked["fake"], asked["real"]
    equal = real[: len(fake)]
    ours = frechet_distance(Moments.of(fake), Moments.of(real))
    yield Answer("Fréchet distance", "torchmetrics", ours, asked["frechet"].item())
    yield Answer("KID", "torchmetrics", kernel_distance(fake, equal).value, asked["kernel"].item())
    score = judge_score(asked["logits"].softmax(1)).value
    yield Answer("judge score", "torchmetrics", score, asked["score_1"][0].item())
    names, values = ("precision", "recall", "density", "coverage"), manifold_values(fake, real)
    for name, our, their in zip(names, values, asked["neighbors"], strict=True):
        yield Answer(name, "prdc", our.item(), their.item())
    for p in (1, 2):
        yield Answer(f"W{p} on a line", "POT", wasserstein_1d(fake[:, 0], real[:, 0], p), asked[f"line_{p}"].item())
        sliced = sliced_wasserstein(fake, real, asked["lines"], p)
        yield Answer(f"sliced W{p}", "POT", sliced, asked[f"sliced_{p}"].item())
        yield Answer(f"exact W{p}", "POT", exact_wasserstein(fake, equal, p), asked[f"exact_equal_{p}"].item())


def tables() -> Iterator[Answer]:
    """Column shapes, pair trends and missing cells, the farthest of each kind."""
    asked = frozen("tables")
    samples, real = (table(asked, side) for side in ("samples", "real"))
    got, report = table_quality(samples, real, draws=2), table_quality(samples, real, bins="own", draws=2)
    names, missing = (*NUMBERS, *WORDS), missing_similarity(samples, real)
    kinds = {
        "column shapes": [("shape/" + name, got.shapes[name].value) for name in names],
        "pair trends": [
            ("pair/" + "/".join(pair), got.pairs[pair].value) for pair in itertools.combinations(names, 2)
        ],
        "missing cells": [("missing/" + name, estimate.value) for name, estimate in missing.items()],
    }
    for kind, found in kinds.items():
        answers = [
            Answer(f"{kind}, farthest of {len(found)}", "sdmetrics", v, asked[name].item()) for name, v in found
        ]
        yield max(answers, key=lambda answer: answer.difference)
    yield Answer("quality report", "sdmetrics", report.overall.value, asked["report"][0].item())


def main() -> None:
    answers = [*vectors(), *tables()]
    print(f"{'metric':38} {'package':13} {'ours':>20} {'theirs':>20} {'difference':>11}")
    for answer in answers:
        print(f"{answer[0]:38} {answer[1]:13} {answer[2]:20.12g} {answer[3]:20.12g} {answer.difference:11.1e}")
    rows = [answer._asdict() | {"relative_difference": answer.difference} for answer in answers]
    print("written to", record.write("oracles", {"rows": rows}))


if __name__ == "__main__":
    main()
