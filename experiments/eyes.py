"""Whether models of pictures that no judge was made for are ordered as the judge made for them would order them.

    python -m experiments.eyes --runs FOLDER [--core-minutes 2] [--judge-seconds 60]

Ten recipes are trained on each set for two core-minutes, the same ten for all sets. Four models join them that need no
training and go from good to middling: kernels of three widths on the training rows, and principal components. All are
seen by everything that could see them if the set's own judge were not there: a judge trained on the set's labels, the
nearest judge made for another set, one trained on images alone, raw values, random features. What counts is the rank
correlation of the Fréchet distances with those of the set's own judge, and the share of pairs put in its order, of
those that it tells apart by two standard errors; beside it, the correlation over validation images that were blurred,
mixed, cut up or made noisy by steps. The judges of clothes and of photographs often name rows wrongly, so a second
reference stands beside them: a judge of labels from another start, given four times the time of those that are tried.
Judges learn from training rows and are chosen by validation rows; distances are to test rows.
"""

import argparse
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import conv2d

from genzoo.core import Noise
from genzoo.data import Data, read
from genzoo.evaluation import (
    Estimate,
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
from genzoo.experiments.contestants import contestant_of, trained
from genzoo.experiments.own_judges import judge_of_labels, judge_of_views

RECORD = Path(__file__).parent / "records" / "eyes.json"
SETS = ("mnist", "fashion-mnist", "cifar10-subset")
MODELS = (
    "gaussian",
    "vae",
    "flow_matching",
    "realnvp",
    "wgan_gp",
    "ppca",
    "gaussian_mixture:covariance=diag",
    "dcgan",
    "ddpm",
    "latent_flow",
)
WIDER = ("kde:bandwidth=0.1", "kde:bandwidth=0.3", "kde:bandwidth=0.6", "ppca:rank=100")  # good to middling
SAMPLES, ROWS, CALLS = 1000, 2000, 10  # calls of a network for a sample
DOUBTED = ("cifar10-subset", "fashion-mnist")  # sets whose own judge is often wrong
RUNGS = ("labels", "nearest", "views", "values", "random")


def made(data: Data, folder: Path, core_minutes: float) -> dict[str, Tensor]:
    """Samples of all models, trained where they are not there yet."""
    samples = {}
    for words in (*MODELS, *WIDER):
        contestant = contestant_of(words)
        path = folder / data.name / contestant.folder
        kept = path.with_name(f"{path.name}.safetensors")
        if not kept.exists():
            run = trained(contestant, data, path, [], core_minutes=core_minutes)
            model = run.generative
            few = {"calls": CALLS} if "calls" in model.options("draw") else {}
            save_file({"x": draw(model, SAMPLES, None, seed=0, **as_shown(model), **few).contiguous()}, kept)
        samples[words] = load_file(kept)["x"]
    return samples


def disturbed(x: Tensor) -> dict[str, Tensor]:
    """Images that are worse by steps: grey, blurred, noisy, cut into squares that change places, two in one."""
    known, noise = x.float(), Noise(0, "disturbed")
    normal = noise.at("normal").normal(*x.shape).float()
    worse = {"real": known, "mixed": (known + known.roll(1, 0)) / 2}
    worse |= {f"blur {width:g}": _blurred(known, width) for width in (0.5, 1.0, 2.0)}
    worse |= {f"noise {width}": known + width * normal for width in (8, 24, 64)}
    worse |= {f"squares {parts}": _cut_up(known, parts, noise.at(parts)) for parts in (2, 4, 7)}
    if x.shape[1] == 3:
        worse["grey"] = known.mean(1, keepdim=True).expand_as(known)
    return {name: y.round().clamp(0, 255).to(x.dtype) for name, y in worse.items()}


def _blurred(x: Tensor, width: float) -> Tensor:
    places = torch.arange(-6, 7)
    kernel = (-places.square() / (2 * width**2)).exp()
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 1, -1)
    for turned, pad in ((kernel, (6, 6, 0, 0)), (kernel.mT, (0, 0, 6, 6))):
        x = conv2d(torch.nn.functional.pad(x, pad, "reflect"), turned, groups=x.shape[1])
    return x


def _cut_up(x: Tensor, parts: int, noise: Noise) -> Tensor:
    """Images whose squares, so many a side, are permuted; what is left over at the edges stays."""
    side, out = x.shape[-1] // parts, x.clone()
    order = noise.uniform(len(x), parts**2).argsort(1)
    rows = torch.arange(len(x))
    corners = [(side * (i // parts), side * (i % parts)) for i in range(parts**2)]
    squares = torch.stack([x[:, :, a : a + side, b : b + side] for a, b in corners], 1)
    for i, (a, b) in enumerate(corners):
        out[:, :, a : a + side, b : b + side] = squares[rows, order[:, i]]
    return out


def eyes(data: Data, own: str, seconds: float) -> Mapping[str, Extractor]:
    """All that could see the set if its own judge were not there; images alone teach for as long as labels."""
    others = [name for name in judges() if name != own.removeprefix("judge-")]
    found = (judge_of_labels(data, seconds), nearest_judge(data, others), judge_of_views(data, seconds))
    every = zip(RUNGS, (*found, Values(data.space), RandomFeatures(data.space, dims=64)), strict=True)
    return {rung: eye for rung, eye in every if eye is not None}


def distances(eye: Extractor, samples: Mapping[str, Tensor], real: Tensor) -> dict[str, Estimate]:
    """Fréchet distances of the models' samples to real rows, as an eye sees them; sliced ones of raw values, which are
    more than the rows."""
    held = eye(real)
    how = frechet_of_features if eye.dims < SAMPLES / 2 else sliced_transport
    return {name: how(eye(x), held) for name, x in samples.items()}


def steps(eye: Extractor, worse: Mapping[str, Tensor], real: Tensor) -> dict[str, float]:
    """How far disturbed images are from real ones, as an eye sees them."""
    held = eye(real)
    how = frechet_of_features if eye.dims < len(real) / 2 else sliced_transport
    return {name: how(eye(x), held).value for name, x in worse.items()}


def agreement(truth: Mapping[str, Estimate], seen: Mapping[str, Estimate]) -> dict[str, float]:
    """How far two orders agree: of the recipes, of all, and of the pairs that the first tells apart."""

    def correlation(names: Sequence[str]) -> float:
        return float(spearmanr(*([found[name].value for name in names] for found in (truth, seen))).statistic)

    pairs = [(a, b) for a, b in itertools.combinations(truth, 2) if _apart(truth[a], truth[b])]
    same = [(truth[a].value < truth[b].value) == (seen[a].value < seen[b].value) for a, b in pairs]
    of = {"spearman": correlation(list(truth)), "spearman_of_recipes": correlation(MODELS)}
    return of | {"pairs_told_apart": len(pairs), "pairs_in_order": sum(same) / len(same)}


def looked_at(data: Data, samples: Mapping[str, Tensor], seconds: float) -> dict[str, Any]:
    """What each eye makes of the models of one set."""
    own, real, shown = judge_made_for(data), spread(data.test, ROWS).x, spread(data.valid, ROWS).x
    if own is None:
        raise ValueError(f"{data.name} must have a judge to compare with, got none. Choose another set.")
    truth, worse = distances(own, samples, real), disturbed(shown)
    true_steps = steps(own, worse, real)
    found: dict[str, Any] = {
        "own": {"name": own.name, "accuracy": own.accuracy, "disturbed": true_steps, **_told(truth)}
    }
    second = None
    if data.name in DOUBTED:
        other = judge_of_labels(data, 4 * seconds, seed=1)
        if other is None:
            raise ValueError(f"The labels of {data.name} must be learned, got no judge of them. Give it more time.")
        second = distances(other, samples, real)
        told = {"name": other.name, "record": other.record, "disturbed": steps(other, worse, real)}
        found["second"] = {**told, **agreement(truth, second), **_told(second)}
    for rung, eye in eyes(data, own.name, seconds).items():
        seen, seen_steps = distances(eye, samples, real), steps(eye, worse, real)
        found[rung] = {
            "name": eye.name,
            "spearman_of_disturbed": float(spearmanr(list(true_steps.values()), list(seen_steps.values())).statistic),
            "disturbed": seen_steps,
            **agreement(truth, seen),
            **({} if second is None else {"with_second": agreement(second, seen)}),
            "recognition": round(recognition(eye, shown[::2], data.space), 4),
            "record": getattr(eye, "record", {}) if rung in ("labels", "views") else {},
            **_told(seen),
        }
        print(f"{data.name:15s} {rung:8s} {found[rung]['spearman']:.3f}  {eye.name}", flush=True)
    return found


def _apart(a: Estimate, b: Estimate) -> bool:
    return abs(a.value - b.value) > 2 * math.hypot(a.error or 0.0, b.error or 0.0)


def _told(found: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Distances and their standard errors, as plain JSON."""
    return {"distances": {n: e.value for n, e in found.items()}, "errors": {n: e.error for n, e in found.items()}}


def main() -> None:
    """Trains, looks, and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--core-minutes", type=float, default=2.0, help="of each model")
    parser.add_argument("--judge-seconds", type=float, default=60.0, help="core-seconds of a judge")
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
