"""Policies at the fork, whose expert has an exact density: who passes, on which side, and how far from the truth.

    python -m experiments.policies [--core-minutes 1.5] [--episodes 1000] [--runs runs/policies]

Each recipe is trained on demonstrations of which half, and of which 80 %, pass on the left; runs that are there are
taken. Where `log_prob` is exact the divergence of Jensen and Shannon from the truth is estimated by draws of both,

$$ JS = \\tfrac12 E_p \\log \\frac{2p}{p + q} + \\tfrac12 E_q \\log \\frac{2q}{p + q}. $$
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

import genzoo
from experiments.drawing import COLORS, IMAGES, save
from genzoo.core import GenerativeModel, Likelihood, Noise
from genzoo.environments import Fork
from genzoo.environments.fork import JITTER, SIGMA
from genzoo.tasks import Policy, rollout
from genzoo.zoo.loading import Run

RECORD = Path(__file__).parent / "records" / "policies.json"
SQUARES = {"components": 1, "fixed": True}
RECIPES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {  # with settings, and options of sampling
    "least squares": ("mixture_density", SQUARES, {"temperature": 0.0}),
    "mixture_density": ("mixture_density", {}, {}),
    "flow_matching": ("flow_matching", {}, {}),
    "ddpm": ("ddpm", {}, {}),
}
DATA = {"fork": 0.5, "fork_80": 0.8}
HORIZON, DRAWS, WALKED = 16, 4000, 8


def main() -> None:
    """Trains what is not there, measures, and draws."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--core-minutes", type=float, default=1.5)
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--runs", type=Path, default=Path("runs/policies"))
    parser.add_argument("--only", default=",".join(RECIPES))
    asked = parser.parse_args()
    record: dict[str, Any] = {"episodes": asked.episodes, "found": []}
    figure = Figure(figsize=(8.4, 4.4))
    names = asked.only.split(",")
    axes = figure.subplots(len(DATA), len(names), sharex=True, sharey="row", squeeze=False)
    for row, (data, left) in zip(axes, DATA.items(), strict=True):
        for axis, name in zip(row, names, strict=True):
            run = trained(asked.runs / f"{data}-{name.replace(' ', '-')}", data, name, asked.core_minutes)
            record["found"].append(measured(run, name, data, left, asked.episodes))
            draw(axis, run.generative, left, RECIPES[name][2])
            axis.set_title(f"{name}, {data}", fontsize=9)
            print(json.dumps(record["found"][-1]), flush=True)
    for axis in axes[-1]:
        axis.set_xlabel(f"y after {WALKED} steps")
    save(figure, "policies", RECORD)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(RECORD, IMAGES / "policies.png")


def trained(path: Path, data: str, name: str, core_minutes: float) -> Run:
    """The run in a folder, trained if it is not there.

    Args:
        path: The folder.
        data: The demonstrations.
        name: One of `RECIPES`.
        core_minutes: The budget.
    """
    if (path / "model.safetensors").exists():
        return genzoo.load(path)
    recipe, settings, _ = RECIPES[name]
    rows = genzoo.read(data, x=f"action:{HORIZON}", given="state:2")
    return genzoo.train(recipe, rows, out=path, settings=settings, core_minutes=core_minutes)


def measured(run: Run, name: str, data: str, left: float, episodes: int) -> dict[str, Any]:
    """What became of a policy: success, the share on the left among successes, and its divergence from the truth.

    Args:
        run: The run.
        name: One of `RECIPES`.
        data: The demonstrations.
        left: The experts' share on the left.
        episodes: How many it acts in.
    """
    found = rollout(Policy(run.generative, Fork(), options=RECIPES[name][2]), episodes, seed=1)
    share, passed = found.ways(Fork.ways)["left"], int((found.way >= 0).sum())
    exact = run.generative.likelihood is Likelihood.EXACT and not RECIPES[name][2]
    return {
        "policy": name,
        "data": data,
        "core_seconds": max(row.get("core_seconds", 0.0) for row in run.metrics),
        "success": list(found.mean("success")),
        "left": [share, math.sqrt(share * (1 - share) / passed)] if passed else None,
        "js": list(divergence(run.generative, left)) if exact else None,
        "calls": found.calls,
        "milliseconds_alone": found.alone,
    }


def divergence(model: GenerativeModel, left: float) -> tuple[float, float]:
    """The divergence of Jensen and Shannon from the expert's density at the fork, in nats, and its standard error.

    Args:
        model: A policy with an exact density.
        left: The experts' share on the left.
    """
    fork, seen = Fork(left=left), starts(DRAWS)
    p, q = fork.draw(DRAWS, HORIZON, Noise(1)), model.sample(DRAWS, seen, seed=2).double()
    with torch.no_grad():
        both = [(fork.log_density(x), model.log_prob(x.float(), seen).double()) for x in (p, q)]
    values = [logs[k] - torch.stack(logs).logsumexp(0) + math.log(2) for k, logs in enumerate(both)]
    half = (values[0] + values[1]) / 2
    return float(half.mean()), float(half.std()) / math.sqrt(DRAWS)


def starts(n: int) -> Tensor:
    """What is seen at the fork, twice the first state."""
    seen = torch.zeros(n, 2, 2)
    seen[:, :, 1] = (JITTER * Noise(5).normal(n, dtype=torch.float64))[:, None].float()
    return seen


def draw(axis: Any, model: GenerativeModel, left: float, options: dict[str, Any]) -> None:
    """How far to the side a policy walks from the fork, over the two ways of the truth.

    Args:
        axis: Where.
        model: The policy.
        left: The experts' share on the left.
        options: Of its sampling.
    """
    drawn = model.sample(DRAWS, starts(DRAWS), seed=3, **options)[:, :WALKED, 1].sum(1)
    y, far = torch.linspace(-0.75, 0.75, 601), float(Fork().means(WALKED)[:, 1].sum())
    wide = SIGMA * math.sqrt(WALKED)
    truth = sum(
        share * (-0.5 * ((y - side * far) / wide).square()).exp() / (wide * math.sqrt(2 * math.pi))
        for share, side in ((left, 1), (1 - left, -1))
    )
    axis.hist(drawn.numpy(), bins=120, range=(-0.75, 0.75), density=True, color=COLORS[0], alpha=0.6)
    axis.plot(y, truth, color=COLORS[1], linewidth=1)
    axis.set_ylim(0, 1.4 * float(truth.max()))


if __name__ == "__main__":
    main()
