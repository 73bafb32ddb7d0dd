"""Spline flows on heavy tails: Student's t with two degrees of freedom, with tails drawn in and without.

8,000 rows of the plane to train by, 1,000 to choose the state by, 20,000 to test; the recipe `nsf` for so many steps.
What the density falls short of the truth is told for rows within five standard deviations of the training rows, the
box of a spline, and beyond.

    OMP_NUM_THREADS=1 python -m experiments.tails [--steps 600]
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor
from torch.distributions import StudentT

from experiments.drawing import COLORS, save
from genzoo.core import GenerativeModel, Space, seeded
from genzoo.data import Rows
from genzoo.models.flows import LogTails
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "tails.json"
T2, BOX = StudentT(torch.tensor(2.0)), 5.0


def rows(n: int, seed: int) -> Tensor:
    """Rows of the plane."""
    with seeded(seed):
        return T2.sample((n, 2))


def trained(*, drawn_in: bool, steps: int) -> GenerativeModel:
    """The recipe's flow, its tails as they are or drawn in."""
    with seeded(0):
        made = recipe_named("nsf")(Space((2,)))
    fields = made.config.model_dump() | dict.fromkeys(BUDGETS) | {"steps": steps, "device": "cpu", "seed": 0}
    for part in made.model.modules():
        if isinstance(part, LogTails) and not drawn_in:
            part.bound = math.inf
    parts = (Rows(x, None, torch.arange(len(x)), Space((2,)), None) for x in (rows(8000, 0), rows(1000, 1)))
    data, valid = parts
    model: Any = train_model(made.model, data, TrainConfig(**fields), valid=valid, say=lambda remark: None).model
    return model.eval()


def told(model: GenerativeModel, x: Tensor, spread: Tensor) -> dict[str, float]:
    """What the density falls short of the truth, in nats a row."""
    with torch.no_grad():
        short = T2.log_prob(x).sum(1) - model.log_prob(x)
    far = (x.abs() / spread).amax(1) > BOX
    return {
        "all": short.mean().item(),
        "error": (short.std() / math.sqrt(len(x))).item(),
        "within": short[~far].mean().item(),
        "beyond": short[far].mean().item(),
        "worst": short.max().item(),
        "rows_beyond": int(far.sum()),
    }


def drawn(models: dict[str, GenerativeModel]) -> None:
    """The density along a line through the middle, beside the truth."""
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    r = torch.logspace(-1, 2.3, 200)
    x = torch.stack([r, torch.zeros_like(r)], 1)
    axes.plot(r, T2.log_prob(x).sum(1), color="black", label="Student's t, 2 degrees of freedom")
    for color, (name, model) in zip(COLORS, models.items(), strict=False):
        with torch.no_grad():
            axes.plot(r, model.log_prob(x), color=color, label=name)
    axes.set(xscale="log", xlabel="distance along the first axis", ylabel="log p", ylim=(-60, 0))
    axes.legend()
    save(figure, "tails", RECORD)


def main() -> None:
    """Trains both, keeps the record, draws the picture."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--steps", type=int, default=600)
    asked = said.parse_args()
    torch.set_num_threads(1)
    start, x, spread = time.process_time(), rows(20_000, 2), rows(8000, 0).std(0)
    models = {
        "splines, tails drawn in": trained(drawn_in=True, steps=asked.steps),
        "splines, tails as they are": trained(drawn_in=False, steps=asked.steps),
    }
    figures = {name: told(model, x, spread) for name, model in models.items()}
    record = {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions(), "steps": asked.steps}
    record |= {"figures": figures, "core_seconds": round(time.process_time() - start, 1)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    drawn(models)
    for name, values in figures.items():
        print(f"{name:28}", *(f"{what} {value:.4g}" for what, value in values.items()))


if __name__ == "__main__":
    main()
