"""Diffusion of latents beside diffusion of pixels, at equal processor time: clothes, small color pictures, emoji.

    python -m experiments.latents_at_equal_minutes clothes [--minutes 15] [--valid]
    python -m experiments.latents_at_equal_minutes cifar
    python -m experiments.latents_at_equal_minutes emoji

Recipes that first learn an autoencoder share one budget between both stages: `latent_diffusion` (a Gaussian latent,
and flow matching in it), `maskgit` and `var` (codes, which are told many at a time). Beside them `flow_matching`
learns the pixels. Of half as many samples as there are test rows, up to 2,000, with the classes of test rows where
there are any, the kernel and, of 200 rows and more, the Fréchet distance from the other test rows are taken in the
features of the judge that sees such pictures; of the latent ones also those of reconstructions, below which no prior
comes. Samples per second of processor time stand beside. With `--valid` all is measured on validation rows, record and
pictures staying beside the runs. A run that was stopped goes on.

References:
    Rombach et al., 2022, "High-resolution image synthesis with latent diffusion models", arXiv:2112.10752
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.clothes import distance, fidelity
from experiments.drawing import IMAGES
from genzoo.data import Data
from genzoo.evaluation import judge_for, kernel_distance
from genzoo.evaluation.judge import Judge
from genzoo.evaluation.shown import as_shown
from genzoo.experiments.contestants import spent_by
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "latents_at_equal_minutes.json"
RECIPES = ("flow_matching", "latent_diffusion", "maskgit", "var")
N, WALL, ENOUGH = 2000, 30, 200
SETS: dict[str, dict[str, Any]] = {
    "clothes": {"source": "fashion-mnist", "given": "label"},
    "cifar": {"source": "cifar10-subset", "given": "label"},
    "emoji": {"source": "emoji", "x": "noto", "size": 48, "color": "rgb"},
}


def run_of(recipe: str, data: Data, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(recipe, data, out=path, core_minutes=minutes, device="cpu", seed=0)


def distances(judge: Judge, x: Tensor, reference: Tensor) -> dict[str, list[float]]:
    """How far rows are from features of others; by Fréchet where there are enough of them."""
    found = kernel_distance(judge(x), reference)
    told = {"kernel": [round(found.value, 4), round(found.error or 0, 4)]}
    return told | ({"frechet": distance(judge, x, reference)} if len(reference) >= ENOUGH else {})


def measured(run: Run, data: Data, judge: Judge, *, valid: bool) -> dict[str, Any]:
    """Samples, and what the autoencoder alone does."""
    rows, model = data.valid if valid else data.test, run.generative
    n = min(N, len(rows) // 2)
    x, given = rows.head(n)
    labels = given if isinstance(given, Tensor) else None
    reference, started = judge(rows.x[n:]), time.process_time()
    drawn = model.sample(n, labels, seed=0, **as_shown(model))
    found: dict[str, Any] = {"rate": round(n / (time.process_time() - started), 2)}
    found |= distances(judge, drawn, reference)
    if labels is not None and judge.knows(data):
        found["fidelity"] = fidelity(judge, drawn, labels)
    if run.config.recipe.name != "flow_matching":
        with torch.no_grad():
            parts = [(x[i : i + 200], None if labels is None else labels[i : i + 200]) for i in range(0, n, 200)]
            back = torch.cat([model.decode(model.encode(some, of), of) for some, of in parts])
        found["reconstructions"] = distances(judge, back, reference)
    found |= {"n": n, "steps": run.metrics[-1]["step"], "core_seconds": round(spent_by(run, "core_seconds"), 1)}
    found["settings"] = run.config.recipe.arguments
    return found


def draw(runs: dict[str, Run], data: Data, path: Path) -> None:
    """Samples of each, a block below the other."""
    given = torch.arange(WALL) % 10 if data.given is not None else None
    parts = [run.generative.sample(WALL, given, seed=1, **as_shown(run.generative)) for run in runs.values()]
    picture = data.codec.picture(torch.cat([data.test.x[:WALL], *parts]))
    assert picture is not None
    picture.save(path, optimize=True)


def main() -> None:
    """Trains what is missing, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("part", choices=SETS)
    asked.add_argument("--minutes", type=float, default=15.0, help="of processor time, for each recipe")
    asked.add_argument("--only", default=",".join(RECIPES), help=", ".join(RECIPES))
    asked.add_argument("--out", type=Path, default=Path("runs/latents"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record and pictures beside the runs")
    given = asked.parse_args()
    part, record = given.part, given.out / "valid.json" if given.valid else RECORD
    how = dict(SETS[part])
    data = genzoo.read(how.pop("source"), **how)
    judge = judge_for(data)
    assert judge is not None
    runs = dict[str, Run]()
    for recipe in given.only.split(","):
        runs[recipe] = run_of(recipe, data, given.minutes, given.out / part / recipe)
        found = measured(runs[recipe], data, judge, valid=given.valid) | {"minutes": given.minutes}
        known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
        whole = known.get(part, {}) | {"data": data.fingerprint, recipe: found}
        whole["versions"] = {name: each for name, each in store.versions().items() if name != "platform"}
        record.write_text(json.dumps(known | {part: whole}, indent=1) + "\n")
        print(part, recipe, found, flush=True)
    draw(runs, data, (given.out if given.valid else IMAGES) / f"latents-{part}.png")


if __name__ == "__main__":
    main()
