"""Whether models of pictures that no judge was made for are ordered as the judge made for them would order them.

    python -m experiments.eyes --runs FOLDER [--core-minutes 0.5] [--judge-seconds 60]

Ten models of each set are trained once, then seen by everything that could see them if their judge were not there: a
judge trained on the set's labels, the nearest judge made for another set, one trained on images alone, raw values,
random features. What counts is the rank correlation of the Fréchet distances with those of the set's own judge. Judges
learn from training rows and are chosen by validation rows; the distances are taken to test rows.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr
from torch import Tensor

from genzoo.data import Data, read
from genzoo.evaluation import (
    RandomFeatures,
    Values,
    frechet_of_features,
    judge_made_for,
    judges,
    nearest_judge,
    sliced_transport,
)
from genzoo.evaluation.extractors import Extractor
from genzoo.evaluation.nearest import recognition
from genzoo.evaluation.protocol import draw
from genzoo.evaluation.rows import spread
from genzoo.evaluation.shown import as_shown
from genzoo.experiments.own_judges import judge_of_labels, judge_of_views
from genzoo.zoo import load, train

RECORD = Path(__file__).parent / "records" / "eyes.json"
SETS = ("mnist", "fashion-mnist", "cifar10-subset")
MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "vae": {},
    "flow_matching": {},
    "realnvp": {},
    "wgan_gp": {},
    "ppca": {},
    "gaussian_mixture": {"covariance": "diag"},
    "dcgan": {},
    "ddpm": {},
    "latent_flow": {},
}
SAMPLES, ROWS, CALLS, LEAST = 400, 1000, 10, 10.0  # calls of a network for a sample
RUNGS = ("labels", "nearest", "views", "values", "random")


def made(data: Data, folder: Path, core_minutes: float) -> dict[str, Tensor]:
    """Samples of the ten models, trained where they are not there yet."""
    samples = {}
    for name, settings in MODELS.items():
        path, kept = folder / data.name / name, folder / data.name / f"{name}.safetensors"
        if not kept.exists():
            there = (path / "model.safetensors").exists()
            run = load(path) if there else train(name, data, out=path, settings=settings, core_minutes=core_minutes)
            model = run.generative
            few = {"calls": CALLS} if "calls" in model.options("draw") else {}
            save_file({"x": draw(model, SAMPLES, None, seed=0, **as_shown(model), **few).contiguous()}, kept)
        samples[name] = load_file(kept)["x"]
    return samples


def eyes(data: Data, own: str, seconds: float) -> Mapping[str, Extractor]:
    """All that could see the set if its own judge were not there; images alone teach for the least time there is."""
    others = [name for name in judges() if name != own.removeprefix("judge-")]
    found = (judge_of_labels(data, seconds), nearest_judge(data, others), judge_of_views(data, LEAST))
    every = zip(RUNGS, (*found, Values(data.space), RandomFeatures(data.space, dims=64)), strict=True)
    return {rung: eye for rung, eye in every if eye is not None}


def distances(eye: Extractor, samples: Mapping[str, Tensor], real: Tensor) -> dict[str, float]:
    """Fréchet distances of the models' samples to real rows, as an eye sees them; sliced ones of raw values, which are
    more than the rows."""
    held = eye(real)
    how = frechet_of_features if eye.dims < SAMPLES else sliced_transport
    return {name: how(eye(x), held).value for name, x in samples.items()}


def looked_at(data: Data, samples: Mapping[str, Tensor], seconds: float) -> dict[str, Any]:
    """What each eye makes of the models of one set."""
    own, real = judge_made_for(data), spread(data.test, ROWS).x
    if own is None:
        raise ValueError(f"{data.name} must have a judge to compare with, got none. Choose another set.")
    truth, shown = distances(own, samples, real), spread(data.valid, 500).x
    found: dict[str, Any] = {"own": {"name": own.name, "accuracy": own.accuracy, "distances": truth}}
    for rung, eye in eyes(data, own.name, seconds).items():
        began = time.process_time()
        seen = distances(eye, samples, real)
        found[rung] = {
            "name": eye.name,
            "spearman": float(spearmanr([truth[m] for m in samples], [seen[m] for m in samples]).statistic),
            "recognition": round(recognition(eye, shown, data.space), 4),
            "record": getattr(eye, "record", {}) if rung in ("labels", "views") else {},
            "core_seconds": round(time.process_time() - began, 2),
            "distances": seen,
        }
        print(f"{data.name:15s} {rung:8s} {found[rung]['spearman']:.3f}  {eye.name}", flush=True)
    return found


def main() -> None:
    """Trains, looks, and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--core-minutes", type=float, default=0.5, help="of each model")
    parser.add_argument("--judge-seconds", type=float, default=60.0, help="core-seconds of a judge of labels")
    parser.add_argument("--sets", default=",".join(SETS))
    chosen = parser.parse_args()
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name in chosen.sets.split(","):
        data = read(name)
        found = looked_at(data, made(data, chosen.runs, chosen.core_minutes), chosen.judge_seconds)
        record[name] = {"fingerprint": data.fingerprint, "core_minutes_each": chosen.core_minutes, **found}
        RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
