"""Made clothes told from real ones: by generators that a detector has seen, and by one that it has not.

    python -m experiments.detectors [--data fashion-mnist] [--core-minutes 0.4] [--runs runs/detectors]

Seven generators of the zoo are trained for a little while each. Their samples and real pictures pass through one
writer, PNG, and for a second look through JPEG at quality 75, or are made smaller and large again. Three scores: the
recipe `detector`, a regression on the power of waves by length, and the distance of the fifth neighbor among real
pictures. For each generator left out, detector and regression learn from the other six. Real rows: validation rows
teach, one half of the test rows sets the threshold (5 % of false alarms), the other half is asked. The training rows
are what generators learned from. Real pictures of another set, MNIST, are the control: what calls them made is no
judge of where pictures are from.
"""

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import genzoo
from genzoo.distributions.pairwise import NearestRows
from genzoo.evaluation import Told, require_one_writer, told_apart, wave_powers
from genzoo.evaluation.two_sample import verdicts

RECORD = Path(__file__).parent / "records" / "detectors.json"
GENERATORS: dict[str, dict[str, Any]] = {
    "ppca": {"rank": 60},
    "vae": {"net": "mlp"},
    "wgan_gp": {"net": "mlp"},
    "dcgan": {"width": 8},
    "realnvp": {"net": "mlp", "depth": 4},
    "made": {"width": 200},
    "flow_matching": {"net": "mlp", "width": 256},
}
WRITERS = ("png", "jpeg 75", "resized")
MADE, REAL = 600, 600  # rows of each generator; of real ones, for each purpose
FOREIGN = "mnist"
Score = Callable[[Tensor], Tensor]
Rows = dict[str, dict[str, Tensor]]  # by writer and by what made them


def written(x: Tensor, how: str, folder: Path | None = None) -> Tensor:
    """Pictures after a writer, the same for all: bytes that were files, read again."""
    found = []
    for k, row in enumerate(x):
        picture, file = Image.fromarray(row[0].numpy()), io.BytesIO()
        if how == "resized":
            side = picture.width * 3 // 4
            picture = picture.resize((side, side), Image.Resampling.BILINEAR).resize((row.shape[2], row.shape[1]))
        if how == "jpeg 75":
            picture.save(file, "JPEG", quality=75)
        else:
            picture.save(file, "PNG")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{k}.{'jpg' if how == 'jpeg 75' else 'png'}").write_bytes(file.getvalue())
        found.append(torch.from_numpy(np.array(Image.open(file)))[None])
    return torch.stack(found)


def samples(name: str, asked: argparse.Namespace) -> Tensor:
    """Rows of a generator, trained unless it was."""
    out = asked.runs / name
    kept = out / "rows.npy"
    if not kept.exists():
        budget = {} if name == "ppca" else {"core_minutes": asked.core_minutes}
        settings = GENERATORS[name]
        run = genzoo.train(name, asked.data, settings=settings, out=out, device="cpu", seed=0, **budget)
        x = run.model.sample(2 * MADE, seed=1)
        np.save(kept, x.to(torch.uint8).numpy())
    return torch.from_numpy(np.load(kept))


def network(made: Tensor, real: Tensor, out: Path, asked: argparse.Namespace) -> Score:
    """The recipe, taught."""
    if not (out / "config.json").exists():
        x, label = torch.cat([real, made]), torch.cat([torch.zeros(len(real)), torch.ones(len(made))]).long()
        data = genzoo.read({"made": label, "image": x}, x="made", given="image")
        genzoo.train("detector", data, settings={"width": 8}, steps=asked.steps, out=out, device="cpu", seed=0)
    model: Any = genzoo.load(out).model

    def score(x: Tensor) -> Tensor:
        with torch.no_grad():
            told: Tensor = model.log_probs(x)
        return told[:, 1] - told[:, 0]

    return score


def waves(made: Tensor, real: Tensor) -> Score:
    """A regression on the power of waves by length."""
    a, b = wave_powers(made), wave_powers(real)
    return lambda x: verdicts(a, b, wave_powers(x))


def neighbors(real: Tensor) -> Score:
    """The distance of the fifth neighbor among real pictures: what a list of strange ones would find."""
    known = NearestRows(real.flatten(1).float() / 255)
    return lambda x: known(x.flatten(1).float() / 255, 5)[0][:, -1]


def said(told: Told) -> dict[str, float]:
    """What is kept."""
    return {
        "auroc": round(told.auroc.value, 4), "error": round(told.auroc.error or 0, 4), "found": told.found.value,
        "alarms": told.alarms.value, "accuracy": told.accuracy,
    }  # fmt: skip


def main() -> None:
    """Trains what is not there yet, and measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--core-minutes", type=float, default=0.4)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=Path, default=Path("runs/detectors"))
    asked = parser.parse_args()
    begun, data = time.process_time(), genzoo.read(asked.data)
    plain = {name: samples(name, asked) for name in GENERATORS}
    plain["real"] = torch.cat([data.valid.x[:REAL], data.test.x[: 2 * REAL]])
    plain["foreign"] = genzoo.read(FOREIGN).test.x[:REAL]
    files = {name: asked.runs / "files" / name for name in plain}
    rows = {how: {name: written(x, how, files[name] if how == "png" else None) for name, x in plain.items()}
            for how in WRITERS}  # fmt: skip
    writer = require_one_writer(
        [path for name in GENERATORS for path in files[name].iterdir()], list(files["real"].iterdir())
    )
    record: dict[str, Any] = {"data": asked.data, "core_minutes": asked.core_minutes, "writer": writer, "rows": REAL}
    teach, known = rows["png"]["real"][:REAL], data.train.x[:10_000]
    near = scored(neighbors(known), rows)
    for left in GENERATORS:
        others = torch.cat([rows["png"][name][:MADE] for name in GENERATORS if name != left])
        found = {
            "detector": scored(network(others, teach, asked.runs / f"without-{left}", asked), rows),
            "waves": scored(waves(others, teach), rows),
            "neighbors": near,
        }
        record[f"without {left}"] = {name: asked_of(scores, left) for name, scores in found.items()}
        keep(record, begun)


def scored(score: Score, rows: Rows) -> Rows:
    """Scores of what no score has learned from, after each writer."""
    fresh = dict.fromkeys(GENERATORS, MADE) | {"real": REAL, "foreign": 0}
    return {how: {name: score(x[fresh[name] :]) for name, x in told.items()} for how, told in rows.items()}


def told_of(scores: dict[str, Tensor], name: str) -> Told:
    """How well rows of a generator are told from real ones, one half of which sets the threshold."""
    known, held = scores["real"].split(REAL)
    return told_apart(scores[name], held, known)


def asked_of(scores: Rows, left: str) -> dict[str, Any]:
    """Of the generator left out and of those that were seen, after each writer; and what is said of foreign ones."""
    found: dict[str, Any] = {}
    for how, each in scores.items():
        seen = [told_of(each, name).auroc.value for name in GENERATORS if name != left]
        found[how] = {"unseen": said(told_of(each, left)), "seen": sum(seen) / len(seen), "worst seen": min(seen)}
    # The threshold of PNG, held against what was written otherwise, and against real pictures of another set.
    usual = told_of(scores["png"], left).threshold
    above = {how: (each["real"][REAL:] > usual).double().mean().item() for how, each in scores.items()}
    foreign = (scores["png"]["foreign"] > usual).double().mean().item()
    return found | {"alarms at the threshold of png": above, "foreign called made": foreign}


def keep(record: dict[str, Any], begun: float) -> None:
    """Writes the record."""
    record["core_seconds"] = round(time.process_time() - begun, 1)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(list(record)[-2], json.dumps(list(record.values())[-2])[:600], flush=True)


if __name__ == "__main__":
    main()
