"""Digits moved from one class to another along the difference of their mean latents, and read by a judge.

    python -m experiments.directions [--recipes vae] [--core-minutes 0.5] [--runs runs/directions]

For each of the ninety ordered pairs of digits the way is found in training rows, and test rows of the one are moved
along it. A judge made for the data says how many are read as the other, how many still as themselves, and how many as
a third. How near they stay is the root of the mean squared distance of pixels in [0, 1], beside that of rows of the
two classes drawn at random.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.evaluation import shipped_judge
from genzoo.tasks.editing import Shift, moved, shift
from genzoo.zoo import Run

RECORD = Path(__file__).parent / "records" / "directions.json"
AMOUNTS = (0.0, 0.5, 1.0, 1.5, 2.0)


def trained(recipe: str, asked: argparse.Namespace) -> Run:
    """A run, trained unless it was."""
    out = asked.runs / recipe
    if (out / "config.json").exists():
        return genzoo.load(out)
    return genzoo.train(recipe, "digits", core_minutes=asked.core_minutes, out=out, seed=0, device="cpu")


def ways(run: Run, x: Tensor, label: Tensor) -> dict[tuple[int, int], Shift]:
    """The way from each class to each other, of training rows."""
    groups = [x[label == k] for k in range(10)]
    return {(a, b): shift(run.model, groups[a], groups[b]) for a in range(10) for b in range(10) if a != b}


def far(x: Tensor, y: Tensor) -> float:
    """The root of the mean squared distance of pixels."""
    return ((x.float() - y.float()) / 16).square().mean().sqrt().item()


def judged(run: Run, amount: float, paths: dict[tuple[int, int], Shift], x: Tensor, label: Tensor) -> dict[str, float]:
    """What moved rows are read as, and how near they are."""
    judge, found = shipped_judge("digits"), []
    for (a, b), way in paths.items():
        rows = x[label == a]
        made = moved(run.model, rows, way, amount)
        read = judge.probabilities(made).argmax(1)
        told = [(read == k).double().mean().item() for k in (b, a)]
        found.append([*told, 1 - sum(told), far(made, rows)])
    target, own, third, near = torch.tensor(found).mean(0).tolist()
    worst = min(row[0] for row in found)
    return {"target": target, "worst pair": worst, "itself": own, "a third": third, "distance": near}


def main() -> None:
    """Trains, moves and judges."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipes", default="vae")
    parser.add_argument("--core-minutes", type=float, default=0.5)
    parser.add_argument("--runs", type=Path, default=Path("runs/directions"))
    asked = parser.parse_args()
    data = genzoo.read("digits", given="label")
    known, held = ((rows.x, torch.as_tensor(rows.given)) for rows in (data.train, data.test))
    shuffled = held[0][torch.randperm(len(held[0]), generator=torch.Generator().manual_seed(0))]
    record: dict[str, Any] = {
        "pairs": 90,
        "test rows": len(held[0]),
        "distance of rows at random": far(held[0], shuffled),
    }
    for recipe in asked.recipes.split(","):
        run = trained(recipe, asked)
        paths = ways(run, *known)
        spread = torch.tensor([way.spread for way in paths.values()]).median().item()
        told = {str(amount): judged(run, amount, paths, *held) for amount in AMOUNTS}
        record[recipe] = {"core_minutes": asked.core_minutes, "spread": spread, "amounts": told}
        print(recipe, json.dumps(record[recipe]), flush=True)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
