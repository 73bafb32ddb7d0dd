"""Posteriors whose truth is known: of simulators, and of what an autoencoder of digits says of itself.

    python -m experiments.posteriors simulators [--recipes nsf,flow_matching] [--simulations 10000]
    python -m experiments.posteriors digits [--steps 200,1000] [--run RUN]

`simulators`: two moons (Greenberg, Nonnenmacher & Macke, 2019, arXiv:1905.07488; posteriors have two crescents) and a
Gaussian whose mean is asked for, as in the benchmark of Lueckmann, Boelts, Greenberg, Gonçalves & Macke, 2021,
"Benchmarking simulation-based inference", arXiv:2101.04653. C2ST is how often a network of its size tells draws from
exact draws, 0.5 if nothing does; a mean over observations that are simulated (`--observations 0`: none, since that is
most of what this costs). Whether posteriors are as sure as they should be is asked of a thousand more simulations.

`digits`: log p of rows that a vae draws itself, between annealed chains from the encoder's guess to the posterior and
back.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, Uniform

import genzoo
from genzoo.core import Noise
from genzoo.tasks import sandwich
from genzoo.zoo.inferring import Inferred, infer, simulated

RECORD = Path(__file__).parent / "records" / "posteriors.json"
OBSERVATIONS, DRAWS, TRUTHS = 10, 10_000, 1000
SQUARE = Independent(Uniform(-torch.ones(2), torch.ones(2)), 1)
TEN = Independent(Normal(torch.zeros(10), math.sqrt(0.1)), 1)


def moon(n: int, noise: Noise) -> Tensor:
    """A crescent."""
    angle = math.pi * (noise.at("angle").uniform(n) - 0.5)
    radius = 0.1 + 0.01 * noise.at("radius").normal(n)
    return torch.stack([radius * angle.cos() + 0.25, radius * angle.sin()], 1)


def two_moons(theta: Tensor, noise: Noise) -> Tensor:
    """A crescent, moved by the parameters; by their sum either way."""
    moved = torch.stack([-theta.sum(1).abs(), theta[:, 1] - theta[:, 0]], 1) / math.sqrt(2)
    return moon(len(theta), noise) + moved


def exact_moons(x: Tensor, n: int, seed: int) -> Tensor:
    """Draws of p(θ | x): θ follows from the crescent's noise up to a sign; what leaves the prior is drawn again."""
    noise, kept = Noise(seed, "exact"), Tensor()
    for k in range(100):
        point = moon(4 * n, noise.at(k))
        size, along = point[:, 0] - x[0], x[1] - point[:, 1]
        sign = 1 - 2 * noise.at(k, "sign").integers(2, 4 * n)
        theta = torch.stack([sign * size - along, sign * size + along], 1) / math.sqrt(2)
        kept = torch.cat([kept, theta[(size >= 0) & (theta.abs() <= 1).all(1)]])
        if len(kept) >= n:
            break
    return kept[:n]


def linear(theta: Tensor, noise: Noise) -> Tensor:
    """The parameters, seen through noise."""
    return theta + math.sqrt(0.1) * noise.normal(*theta.shape)


def exact_linear(x: Tensor, n: int, seed: int) -> Tensor:
    """Draws of N(x / 2, 0.05)."""
    return x / 2 + math.sqrt(0.05) * Noise(seed, "exact").normal(n, len(x))


SIMULATORS = {"two moons": (SQUARE, two_moons, exact_moons), "gaussian linear": (TEN, linear, exact_linear)}


def c2st(p: Tensor, q: Tensor, seed: int = 1) -> float:
    """How often a network of two layers tells two sets apart, by five folds, as in the benchmark."""
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neural_network import MLPClassifier

    mean, scale = p.mean(0), p.std(0)
    x = ((torch.cat([p, q]) - mean) / scale).numpy()
    y = torch.cat([torch.zeros(len(p)), torch.ones(len(q))]).numpy()
    width = 10 * p.shape[1]
    net = MLPClassifier((width, width), max_iter=1000, solver="adam", random_state=seed)
    return float(cross_val_score(net, x, y, cv=KFold(5, shuffle=True, random_state=seed)).mean())


def simulators(asked: argparse.Namespace) -> None:
    """Trains into new folders, and measures."""
    for name, (prior, simulator, exact) in SIMULATORS.items():
        for recipe in asked.recipes.split(","):
            if asked.only and name != asked.only:
                continue
            out = asked.runs / f"{name.replace(' ', '-')}-{recipe}-{asked.simulations}"
            found = trained(prior, simulator, recipe, asked.simulations, out)
            told = measured(found, exact, asked.observations, asked.draws)
            keep(f"{name}, {recipe}", {"simulations": asked.simulations, "core_seconds": core_seconds(out), **told})


def trained(prior: Any, simulator: Any, recipe: str, simulations: int, out: Path) -> Inferred:
    """A posterior, trained unless its folder says that it was."""
    if (out / "config.json").exists():
        made = simulated(prior, simulator, simulations, Noise(0, "infer"))
        return Inferred(genzoo.resume(out, data=genzoo.read((made[0], made[1]), given="*")), prior, simulator, *made)
    return infer(prior, simulator, recipe=recipe, simulations=simulations, out=out, seed=0, device="cpu")


def core_seconds(out: Path) -> float:
    """What a training took."""
    rows = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return round(max(row["core_seconds"] for row in rows), 1)


def measured(found: Inferred, exact: Any, observations: int, draws: int) -> dict[str, Any]:
    """C2ST of some observations, and whether posteriors are as sure as they should be."""
    _, x = simulated(found.prior, found.simulator, max(1, observations), Noise(5, "observations"))
    drawn = found.posterior(x, draws, seed=3)
    each = [c2st(drawn.x[:, b].cpu(), exact(x[b], draws, b)) for b in range(observations)]
    sure = found.calibrated(TRUTHS)
    told = {"c2st": sum(each) / len(each), "c2st of each": each, "draws": draws} if each else {}
    return {
        **told,
        "outside the prior": drawn.diagnostics["outside the prior"].mean().item(),
        "spread over error": list(sure.spread),
        "covered of 90 %": list(sure.covered),
        "chance of ranks": sure.chance,
    }


def digits(asked: argparse.Namespace) -> None:
    """log p of rows that a vae draws, between two bounds."""
    run = genzoo.load(asked.run)
    for steps in map(int, asked.steps.split(",")):
        begun = time.process_time()
        found = sandwich(run.generative, 20, steps=steps, chains=4, seed=0)
        keep(f"digits, {steps} temperatures", {
            "lower": found.lower.mean().item(), "upper": found.upper.mean().item(), "gap": list(found.gap),
            "widest": (found.upper - found.lower).max().item(), "core_seconds": round(time.process_time() - begun, 1),
        })  # fmt: skip


def keep(name: str, told: dict[str, Any]) -> None:
    """Adds to the record."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record[name] = told
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(name, json.dumps(told), flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("simulators", "digits"))
    parser.add_argument("--recipes", default="nsf")
    parser.add_argument("--simulations", type=int, default=10_000)
    parser.add_argument("--observations", type=int, default=OBSERVATIONS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--only", default="")
    parser.add_argument("--runs", type=Path, default=Path("runs/posteriors"))
    parser.add_argument("--steps", default="200,1000")
    parser.add_argument("--run", type=Path, default=Path("runs/posteriors/digits"))
    asked = parser.parse_args()
    {"simulators": simulators, "digits": digits}[asked.what](asked)


if __name__ == "__main__":
    main()
