"""What random words show: the battery on seven generators, the extremes of normal numbers, draws against their laws.

The linear congruential ones must fail as theory says; PCG64, MT19937 and Philox, which all of genzoo draws from, must
pass with every seed. The lecture's normal numbers are made of all 2³¹ pairs of consecutive words.

    python -m experiments.battery [--seeds 20] [--draws 20000000] [--laws 10000000]

Three to six core-minutes. It writes records/battery.json and docs/images/lattice.png.

References:
    Marsaglia, 1968, "Random numbers fall mainly in the planes"
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch import distributions as td

from genzoo.core import Noise
from genzoo.distributions.draws import draw
from genzoo.randomness import (
    LinearCongruential,
    NoiseWords,
    NumpyWords,
    Outcome,
    WordSource,
    ansi_c,
    box_muller,
    examine,
    minstd,
    randu,
)

HERE = Path(__file__).parent
RECORD, PICTURE = HERE / "records" / "battery.json", HERE.parent / "docs" / "images" / "lattice.png"
BLOCK = 1 << 22


def suspects() -> dict[str, WordSource]:
    """The linear congruential generators, the lecture's first."""
    return {"lecture": LinearCongruential(), "ANSI C": ansi_c(), "RANDU": randu(), "minstd": minstd()}


def controls(seed: int) -> dict[str, WordSource]:
    """Generators that pass."""
    return {
        "PCG64": NumpyWords(np.random.PCG64(seed)),
        "MT19937": NumpyWords(np.random.MT19937(seed)),
        "Philox": NoiseWords(Noise(seed)),
    }


def report(name: str, outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Prints what failed; all outcomes as data."""
    print(f"{name:12} fails: {', '.join(each.test for each in outcomes if each.failed) or '-'}", flush=True)
    return [each._asdict() | {"failed": each.failed} for each in outcomes]


def extremes() -> dict[str, Any]:
    """Least and largest Z over all pairs of consecutive words of the lecture's generator."""
    generator, ends = LinearCongruential(), {"z0": (math.inf, -math.inf), "z1": (math.inf, -math.inf)}
    last = generator.jump(2**31).state
    for _ in range(2**31 // BLOCK):
        words = np.concatenate([[last], generator.words(BLOCK)])
        last = words[-1]
        for name, z in zip(ends, box_muller(words[:-1] / 2**31, words[1:] / 2**31), strict=True):
            ends[name] = min(ends[name][0], float(z.min())), max(ends[name][1], float(z.max()))
    return {"bound": math.sqrt(62 * math.log(2)), "pairs": 2**31, **ends}


def laws(n: int) -> Iterator[tuple[str, float]]:
    """p-values of n draws of each kind against their law."""
    probs = Noise(0, "probs").uniform(256)

    def classes(drawn: Tensor) -> float:
        law = probs.double() / probs.double().sum()
        return float(stats.chisquare(drawn.bincount(minlength=256), law.numpy() * len(drawn)).pvalue)

    yield "categorical, one distribution", classes(draw(td.Categorical(probs), Noise(0, "shared"), rows=n))
    rows = range(0, n, n // 100)
    each = [Noise(0, "rows", start=i).categorical(probs.log().repeat(n // 100, 1)) for i in rows]
    yield "categorical, a distribution a row", classes(torch.cat(each))
    p = probs[:100].double().numpy()
    ones = Noise(0, "bernoulli").bernoulli(probs[:100].expand(n // 100, 100)).sum(0, dtype=torch.float64).numpy()
    z = (ones - n // 100 * p) / np.sqrt(n // 100 * p * (1 - p))
    yield "bernoulli", float(stats.chi2.sf((z**2).sum(), 100))
    exponential = draw(td.Exponential(torch.tensor(3.0, dtype=torch.float64)), Noise(0, "exponential"), rows=n)
    yield "exponential", float(stats.kstest(exponential.numpy(), stats.expon(scale=1 / 3).cdf).pvalue)
    normal = Noise(0, "normal").normal(n // 100, 100, dtype=torch.float64).flatten()
    yield "normal", float(stats.kstest(normal.numpy(), stats.norm.cdf).pvalue)
    uniform = Noise(0, "uniform").uniform(n // 100, 100, dtype=torch.float64).flatten()
    yield "uniform", float(stats.kstest(uniform.numpy(), "uniform").pvalue)


def picture(n: int = 6000) -> None:
    """Triples seen along (2, 3, 0), which lies in RANDU's planes 9x − 6y + z = const: 3x − 2y to the right, z up."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, places = pyplot.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for axes, (name, source) in zip(places, {"RANDU": randu(), "PCG64": controls(0)["PCG64"]}.items(), strict=True):
        x, y, z = (source.words(3 * n) / float(source.m)).reshape(n, 3).T
        axes.scatter(3 * x - 2 * y, z, s=1.5, color="#1f4e79", linewidths=0)
        axes.set(title=name, xlabel="$3 U_n - 2 U_{n+1}$", ylabel="$U_{n+2}$", xlim=(-2, 3), ylim=(0, 1))
    figure.savefig(PICTURE, dpi=110)
    print(PICTURE)


def main() -> None:
    """Examines all generators, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--seeds", type=int, default=20)
    asked.add_argument("--draws", type=int, default=20_000_000)
    asked.add_argument("--laws", type=int, default=10_000_000)
    given = asked.parse_args()
    start = time.process_time()
    found = {name: report(name, examine(source, given.draws)) for name, source in suspects().items()}
    passed = {
        f"{name} {seed}": report(f"{name} {seed}", examine(source, given.draws))
        for seed in range(given.seeds)
        for name, source in controls(seed).items()
    }
    record = {
        "experiment": "a battery of tests on random words, and draws against their laws",
        "draws": given.draws,
        "versions": {"numpy": np.__version__, "torch": torch.__version__},
        "suspects": found,
        "controls": {name: outcomes for name, outcomes in passed.items() if name.endswith(" 0")},
        "alarms": {
            "examined": len(passed),
            "alarms": sum(each["failed"] for outcomes in passed.values() for each in outcomes),
            "least_p": min(each["p"] for outcomes in passed.values() for each in outcomes),
        },
        "normal_numbers": extremes(),
        "laws": {"draws": given.laws, "p": dict(laws(given.laws))},
    }
    record["core_seconds"] = round(time.process_time() - start, 1)
    for name in ("alarms", "normal_numbers", "laws"):
        print(name, record[name])
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD)
    picture()


if __name__ == "__main__":
    main()
