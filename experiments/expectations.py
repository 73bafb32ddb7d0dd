"""Expectations measured: coverage of intervals, variance of gradients, naive sampling against dimension.

    python -m experiments.expectations [--replications 10000]

References:
    Wilson, 1927, "Probable inference, the law of succession, and statistical inference"
    Mohamed, Rosca, Figurnov & Mnih, 2020, "Monte Carlo gradient estimation in machine learning", arXiv:1906.10652
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from scipy import special
from torch import Tensor, distributions

from genzoo.core import Noise, Space
from genzoo.models.classical import Gaussian
from genzoo.tasks import Expectation, Interval, expectation, rare_event, reparametrized_gradients, score_gradients
from genzoo.tasks.importance import effective_sample_size

RECORD = Path(__file__).parent / "records" / "expectations.json"
ROWS = 1000
SIGMA, DIMENSIONS = 0.1, (1, 2, 5, 10, 20)

Question = tuple[str, float, Callable[[Expectation], Interval]]

QUESTIONS: tuple[Question, ...] = (
    ("mean", 0.0, Expectation.mean),
    ("second moment", 1.0, lambda found: found.moment(2)),
    ("variance", 1.0, Expectation.variance),
    ("median", 0.0, lambda found: found.quantile(0.5)),
    ("95 % quantile", float(special.ndtri(0.95)), lambda found: found.quantile(0.95)),
    ("P(x > 0.5)", float(special.ndtr(-0.5)), lambda found: found.tail(0.5)),
    ("P(x > 2)", float(special.ndtr(-2.0)), lambda found: found.tail(2.0)),
    ("P(x > 2), exact", float(special.ndtr(-2.0)), lambda found: found.tail(2.0, exact=True)),
)


def coverage(replications: int) -> dict[str, float]:
    """How often 95 % intervals hold the truth, over seeds, of a standard normal."""
    model, held = Gaussian(Space((1,))), dict.fromkeys([name for name, _, _ in QUESTIONS], 0)
    held["mean, controlled"] = 0
    for seed in range(replications):
        found = expectation(model, lambda x: x[:, 0], ROWS, seed=seed)
        for name, truth, answer in QUESTIONS:
            held[name] += truth in answer(found)
        bent = Expectation(found.values.sigmoid(), seed=seed)
        held["mean, controlled"] += 0.5 in bent.controlled((found, 0.0))
    return {name: count / replications for name, count in held.items()}


def rare_coverage(replications: int) -> dict[str, float]:
    """The same at one in a million, with the mean of the estimates and the usual number of draws."""
    model, edge = Gaussian(Space((3,))), float(-special.ndtri(1e-6))
    found = [rare_event(model, lambda x: x[:, 0] - edge, 2000, seed=seed) for seed in range(replications)]
    return {
        "coverage": sum(1e-6 in each.probability for each in found) / replications,
        "mean": sum(each.probability.value for each in found) / replications,
        "half-width": sum(each.probability.width for each in found) / replications / 2,
        "draws": sum(each.draws for each in found) / replications,
    }


def gradients(n: int = 200_000) -> list[dict[str, float]]:
    """The gradient of E x² by μ and the variance of one row, by each estimate."""

    def family(theta: Tensor) -> distributions.Normal:
        return distributions.Normal(theta[:, 0], theta.new_ones(()))

    figures = []
    for mu in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
        theta, noise = torch.tensor([mu], dtype=torch.float64), Noise(0, "gradients")
        rows = {
            baseline: score_gradients(family, theta, torch.square, noise.at(baseline), n, baseline=baseline)
            for baseline in ("none", "mean", "optimal")
        }
        rows["reparametrized"] = reparametrized_gradients(family, theta, torch.square, noise.at("draw"), n)
        found = {name: {"mean": part.mean().item(), "variance": part.var().item()} for name, part in rows.items()}
        figures.append({"mu": mu, "truth": 2 * mu, **found})
    return figures


def naive(repeats: int = 200, counts: tuple[int, ...] = (10, 100, 1000, 10_000)) -> list[dict[str, Any]]:
    """The relative error of p̂(x), by draws of the prior and by draws near the posterior, against dimension."""
    figures = []
    for d in DIMENSIONS:
        x = torch.full((d,), math.sqrt(1 + SIGMA**2), dtype=torch.float64)
        exact = _log_normal(x, torch.zeros_like(x), 1 + SIGMA**2).item()
        one = math.expm1(_log_second_moment(x) - 2 * exact)
        for count in counts:
            errors: dict[str, list[float]] = {"prior": [], "posterior": []}
            worth: dict[str, list[float]] = {"prior": [], "posterior": []}
            for repeat in range(repeats if count < 10_000 else repeats // 4):
                normal = Noise(repeat, "naive", d, count).normal(count, d, dtype=torch.float64)
                for name, log_w in {"prior": _by_prior(x, normal), "posterior": _by_encoder(x, normal)}.items():
                    log_p = log_w.logsumexp(0).item() - math.log(count)
                    errors[name].append(math.expm1(log_p - exact) ** 2)
                    worth[name].append(effective_sample_size(log_w) / count)
            figures.append(
                {
                    "d": d,
                    "draws": count,
                    "variance of one draw": one,
                    **{f"{name} error": math.sqrt(sum(part) / len(part)) for name, part in errors.items()},
                    **{f"{name} worth": sum(part) / len(part) for name, part in worth.items()},
                }
            )
    return figures


def _log_normal(x: Tensor, mean: Tensor, variance: float) -> Any:
    return (-(x - mean).square() / (2 * variance) - math.log(2 * math.pi * variance) / 2).sum(-1)


def _log_second_moment(x: Tensor) -> Any:
    """log E p(x | z)² under the prior: N(x; z, σ²)² is N(x; z, σ²/2) / (2σ√π), for each entry."""
    return _log_normal(x, torch.zeros_like(x), 1 + SIGMA**2 / 2) - len(x) * math.log(2 * SIGMA * math.sqrt(math.pi))


def _by_prior(x: Tensor, normal: Tensor) -> Tensor:
    return _log_normal(x, normal, SIGMA**2)


def _by_encoder(x: Tensor, normal: Tensor) -> Tensor:
    """Weights under an encoder that is a little off: the posterior's mean, and a spread a tenth too wide."""
    mean, variance = x / (1 + SIGMA**2), 1.21 * SIGMA**2 / (1 + SIGMA**2)
    z = mean + math.sqrt(variance) * normal
    return _log_normal(x, z, SIGMA**2) + _log_normal(z, torch.zeros_like(z), 1.0) - _log_normal(z, mean, variance)


def main() -> None:
    """Measures, draws, and keeps the record."""
    from experiments import drawing

    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--replications", type=int, default=10_000)
    asked.add_argument("--record", type=Path, default=RECORD)
    given, start = asked.parse_args(), time.process_time()
    record = {
        "experiment": "expectations: coverage, rare events, gradients, naive sampling",
        "rows": ROWS,
        "replications": given.replications,
        "torch": torch.__version__,
        "coverage": coverage(given.replications),
        "rare events": rare_coverage(max(20, given.replications // 10)),
        "gradients": gradients(),
        "naive": naive(),
    }
    record["core_seconds"] = round(time.process_time() - start, 1)
    given.record.write_text(json.dumps(record, indent=1) + "\n")
    drawing.coverage(record["coverage"], given.replications, given.record)
    drawing.gradients(record["gradients"], given.record)
    drawing.naive(record["naive"], given.record)
    print(json.dumps({name: record[name] for name in ("coverage", "rare events", "core_seconds")}, indent=1))


if __name__ == "__main__":
    main()
