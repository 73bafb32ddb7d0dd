"""Clips of a digit that moves and bounces, drawn by label, direction and speed, and whether they hold together.

    python -m experiments.moving_digits [--minutes 60] [--recipe flow_matching] [--net unet] [--valid]

A recipe learns `moving_digits` for its processor time: 8 frames of 20 × 20 pixels. Of 500 clips, with the labels,
directions and speeds of as many test rows, the judge that comes with the package reads every frame, and the path of
the ink is held against the law of the data. Beside them stand the test rows themselves, the ceiling; the samples with
the frames of each clip shuffled; and test rows whose frames are each of another clip. Some are drawn as film strips
and, moving, as a GIF. With `--valid` the conditions are those of validation rows, and record and
pictures stay beside the run. A run that was stopped goes on.

References:
    Ho et al., 2022, "Video diffusion models", arXiv:2204.03458
    Srivastava, Mansimov & Salakhutdinov, 2015, arXiv:1502.04681 (digits that move)
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.drawing import IMAGES
from genzoo.core import Noise
from genzoo.data import Data, Rows
from genzoo.evaluation import digits_in, exchanged, motion_scores, shipped_judge, shuffled_frames
from genzoo.evaluation.judge import Judge
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "moving_digits.json"
N, SHOWN, FILMS = 500, 10, 36
GIVEN = ("label", "direction", "speed")


def run_of(recipe: str, minutes: float, path: Path, **settings: Any) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    data = genzoo.read("moving_digits", given=GIVEN)
    return genzoo.train(recipe, data, out=path, core_minutes=minutes, device="cpu", seed=0, settings=settings)


def told(judge: Judge, x: Tensor, asked: dict[str, Tensor]) -> dict[str, list[float]]:
    """Every score with its standard error."""
    read = judge.probabilities(digits_in(x)).argmax(1).unflatten(0, x.shape[:2])
    scores = motion_scores(x, read, asked["label"], asked["direction"], asked["speed"])
    return {name: [round(each.value, 4), round(each.error or 0, 4)] for name, each in scores._asdict().items()}


def measured(run: Run, rows: Rows) -> dict[str, Any]:
    """Samples, what they could be at best, and what they must not be."""
    judge = shipped_judge("mnist")
    x, given = rows.head(N)
    assert isinstance(given, dict)
    drawn = run.generative.sample(N, given, seed=0)
    return {
        "samples": told(judge, drawn, given),
        "real clips": told(judge, x, given),
        "samples, frames shuffled": told(judge, shuffled_frames(drawn, Noise(0, "frames")), given),
        "real clips, frames shuffled": told(judge, shuffled_frames(x, Noise(0, "frames")), given),
        "real clips, frames of others": told(judge, exchanged(x), given),
        "n": N,
    }


def draw(run: Run, data: Data, folder: Path) -> None:
    """Film strips of every digit, and clips side by side that move."""
    given = {"label": torch.arange(FILMS) % 10, "direction": torch.arange(FILMS) % 8, "speed": torch.arange(FILMS) % 2}
    x = run.generative.sample(FILMS, given, seed=1)
    strip = data.codec.picture(x[:SHOWN])
    assert strip is not None
    strip.resize((2 * strip.width, 2 * strip.height), 0).save(folder / "moving_digits.png", optimize=True)
    data.codec.save(x, folder / "moving_digits.gif")


def main() -> None:
    """Trains what is missing, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=60.0, help="of processor time")
    asked.add_argument("--recipe", default="flow_matching")
    asked.add_argument("--net", default="auto", choices=("auto", "unet", "dit"))
    asked.add_argument("--out", type=Path, default=Path("runs/moving_digits"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record and pictures beside the run")
    given = asked.parse_args()
    path, record = given.out / f"{given.recipe}-{given.net}", given.out / "valid.json" if given.valid else RECORD
    run = run_of(given.recipe, given.minutes, path, **({} if given.net == "auto" else {"net": given.net}))
    data = genzoo.read("moving_digits", given=GIVEN)
    found, last = measured(run, data.valid if given.valid else data.test), run.metrics[-1]
    found |= {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1)}
    found |= {"settings": run.config.recipe.arguments, "data": run.config.data.fingerprint}
    found["versions"] = {name: each for name, each in run.config.versions.items() if name != "platform"}
    known: dict[str, Any] = json.loads(record.read_text()) if record.exists() else {}
    record.write_text(json.dumps(known | {path.name: found}, indent=1) + "\n")
    draw(run, data, given.out if given.valid else IMAGES)
    for name in ("samples", "real clips", "samples, frames shuffled", "real clips, frames of others"):
        print(name, found[name])


if __name__ == "__main__":
    main()
