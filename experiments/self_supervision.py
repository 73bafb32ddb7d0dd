"""What features learned without labels are worth: a linear map of them to classes, beside what needs no learning.

    python -m experiments.self_supervision [--data cifar10-subset] [--methods simclr,vicreg,mae,cpc] [--minutes 15]

Each method learns images alone for its processor time; the map is fitted to the codes of training rows. Beside stand
pixels, their first 256 principal components, a network of random weights, and what most papers leave out: random
patches of the data, whitened, as filters, rectified and pooled over quarters of the image, in a minute. With `--valid`
the map is measured on validation rows, and the record stays beside the runs. A run that was stopped goes on.

References:
    Coates, Ng & Lee, 2011, "An analysis of single-layer networks in unsupervised feature learning"
    Chen et al., 2020, "A simple framework for contrastive learning of visual representations", arXiv:2002.05709
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import genzoo
from genzoo.apps.cli.words import pairs
from genzoo.core import Noise, seeded
from genzoo.data import Data
from genzoo.evaluation.probing import linear_probe
from genzoo.evaluation.rows import in_chunks
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "self_supervision.json"
FILTERS, SIDE, POOLED = 300, 6, 2  # patches, their side, and places a side that their responses are pooled to


def run_of(method: str, data: str, minutes: float, path: Path, settings: dict[str, Any]) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    asked = {"core_minutes": minutes, "device": "cpu", "seed": 0, "settings": settings}
    return genzoo.train(method, genzoo.read(data), out=path, **asked)


def probed(codes: Tensor, data: Data, split: str) -> list[float]:
    """The accuracy of a linear map of codes of all rows, with its standard error."""
    label, train, held = data.given, data.splits["train"], data.splits[split]
    assert isinstance(label, Tensor)
    found = linear_probe(codes[train], label[train], codes[held], label[held])
    return [round(found.value, 4), round(found.error or 0, 4)]


def controls(data: Data, split: str) -> dict[str, Any]:
    """What needs no learning."""
    x, train = data.x.float() / ((data.space.levels or 2) - 1), data.splits["train"]
    flat = x.flatten(1)
    mean = flat[train].mean(0)
    _, basis = torch.linalg.eigh((flat[train] - mean).mT @ (flat[train] - mean))
    began = time.process_time()
    patches = whitened(x, train)
    seconds = time.process_time() - began
    with seeded(0):
        blind = genzoo.zoo.recipe_named("simclr")(data.space).model.eval()
    random = in_chunks(blind.encode, data.x)  # type: ignore[attr-defined]
    return {
        "pixels": probed(flat, data, split),
        "256 principal components": probed((flat - mean) @ basis[:, -256:], data, split),
        "a network of random weights": probed(random, data, split),
        "whitened random patches": [*probed(patches, data, split), round(seconds, 1)],
    }


def whitened(x: Tensor, train: Tensor) -> Tensor:
    """Responses of images to random patches of training rows, in whitened patches, of either sign, pooled."""

    def cut(rows: Tensor) -> Tensor:
        parts = nn.functional.unfold(rows, SIDE).mT
        parts = parts - parts.mean(2, keepdim=True)
        return parts / (parts.var(2, keepdim=True) + 1e-3).sqrt()

    some = train[Noise(0, "rows").permutation(len(train))[:2000]]
    every = torch.cat([cut(part)[:, ::7].flatten(0, 1) for part in x[some].split(500)])
    mean = every.mean(0)
    values, basis = torch.linalg.eigh((every - mean).mT @ (every - mean) / len(every))
    whiten = basis / (values + 0.1).sqrt() @ basis.mT
    chosen = (every[Noise(0, "patches").permutation(len(every))[:FILTERS]] - mean) @ whiten
    chosen = nn.functional.normalize(chosen, dim=1)

    def seen(rows: Tensor) -> Tensor:
        said = (cut(rows) - mean) @ whiten @ chosen.mT
        side = rows.shape[3] - SIDE + 1
        maps = torch.cat([(said - 0.5).relu(), (-said - 0.5).relu()], 2).mT.unflatten(2, (-1, side))
        return nn.functional.adaptive_avg_pool2d(maps, POOLED).flatten(1)

    return in_chunks(seen, x, chunk=20)


def main() -> None:
    """Trains what is missing, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--data", default="cifar10-subset")
    asked.add_argument("--methods", default="simclr,vicreg,mae,cpc")
    asked.add_argument("--minutes", type=float, default=15.0, help="of processor time, each")
    asked.add_argument("--out", type=Path, default=Path("runs/self-supervision"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record beside the runs")
    asked.add_argument("--set", nargs="*", default=(), help="settings of the recipes")
    given = asked.parse_args()
    torch.set_num_threads(1)
    folder, split = given.out / given.data, "valid" if given.valid else "test"
    data = genzoo.read(given.data, given="label")
    found: dict[str, Any] = {"controls": controls(data, split)}
    print(json.dumps(found, indent=1), flush=True)
    for method in filter(None, given.methods.split(",")):
        run = run_of(method, given.data, given.minutes, folder / method, pairs("--set", given.set))
        codes, last = in_chunks(run.generative.encode, data.x), run.metrics[-1]
        found[method] = {
            "accuracy": probed(codes, data, split), "steps": last["step"],
            "core_seconds": round(last["core_seconds"], 1), "code": codes.shape[1],
        }  # fmt: skip
        print(json.dumps({method: found[method]}), flush=True)
    found["data"] = data.fingerprint
    path = folder / "valid.json" if given.valid else RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {} if given.valid or not path.exists() else json.loads(path.read_text())
    found = found if given.valid else kept | {given.data: kept.get(given.data, {}) | found}
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
