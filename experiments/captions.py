"""Captions of pictures, read back: a model of texts given a picture, judged by what pictures are known to show.

    python -m experiments.captions [--minutes 15] [--language en] [--valid] [--round-trip runs/shapes]

`gpt` learns captions of `shapes` given the picture, one language at a time, a fifth of the pairs of color and shape
withheld. What it says of pictures that did not train is parsed, and must be a caption, name the objects, and say
nothing that is not shown: of each the share is told, of seen pairs and of withheld ones, by the likeliest symbols.
Beside stand captions of other pictures, and those of the training picture that is nearest in pixels. With
`--round-trip` prompts are drawn by a run of `text_to_image`, and the captions of these pictures held against the
prompts. With `--valid` rows are those of validation, and the record stays beside the run. A run that was stopped goes
on.

References:
    Vinyals, Toshev, Bengio & Erhan, 2015, "Show and tell: a neural image caption generator", arXiv:1411.4555
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.shapes import COLUMNS, HOLD_OUT, drawn, prompts
from genzoo.apps.cli.words import pairs
from genzoo.core.errors import DataError
from genzoo.data import Data
from genzoo.data.shapes import said
from genzoo.distributions.estimate import mean_of
from genzoo.evaluation.scenes import scenes_hold, scenes_in
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "captions.json"
LIKELIEST = {"top_k": 1}
NOTHING = -2  # of a line that is no caption: it agrees with no picture


def run_of(language: str, minutes: float, path: Path, settings: dict[str, Any]) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    asked = {"core_minutes": minutes, "device": "cpu", "seed": 0, "settings": {"drop_given": 0.0} | settings}
    return genzoo.train("gpt", captions_in(language), out=path, **asked)


def captions_in(language: str) -> Data:
    """Captions in one language as rows, their pictures as condition."""
    return genzoo.read("shapes", x=dict(zip(("en", "zh"), COLUMNS, strict=True))[language], given="image",
                       hold_out=HOLD_OUT)  # fmt: skip


def told_of(run: Run, x: Tensor) -> list[str]:
    """What the model says of pictures."""
    model, parts = run.generative, list[str]()
    for some in x.split(100):
        name = next(iter(model.given_space))
        parts += run.codec.texts(model.sample(len(some), given={name: some}, seed=0, **LIKELIEST))  # type: ignore[attr-defined]
    return parts


def read_back(texts: Sequence[str]) -> Tensor:
    """What captions ask for; of what is no caption, nothing that any picture shows."""
    rows = []
    for text in texts:
        try:
            rows.append(said([text])[0])
        except DataError:
            rows.append(torch.full((8,), NOTHING))
    return torch.stack(rows)


def judged(texts: Sequence[str], truth: Tensor) -> dict[str, list[float]]:
    """The share of lines that are captions, and of those that are true of their picture, with standard errors."""
    asked = read_back(texts)
    kinds = {"caption": (asked[:, 0] != NOTHING), "true": scenes_hold(truth, asked)}
    return {name: [round(each, 4) for each in mean_of(right.double())] for name, right in kinds.items()}


def measured(run: Run, language: str, split: str, n: int) -> dict[str, Any]:
    """What is said of pictures of seen pairs and of withheld ones, and what it must be held against."""
    data, found = captions_in(language), dict[str, Any]()
    pictures = data.given if isinstance(data.given, Tensor) else next(iter((data.given or {}).values()))
    known = pictures[data.splits["train"][:10_000]]
    for name, numbers in ((split, data.splits[split][:n]), ("held_out", data.splits["held_out"][:n])):
        x = pictures[numbers]
        truth, texts = scenes_in(x), told_of(run, x)
        nearest = torch.cdist(x.flatten(1).float(), known.flatten(1).float()).argmin(1)
        beside = data.codec.texts(data.x[data.splits["train"][:10_000]][nearest])  # type: ignore[attr-defined]
        found[name] = judged(texts, truth) | {
            "of other pictures": judged(texts, truth.roll(1, 0))["true"],
            "of the nearest training picture": judged(beside, truth)["true"],
            "n": len(numbers),
            "some": texts[:5],
        }
        print(json.dumps({name: found[name]}, ensure_ascii=False, indent=1), flush=True)
    return found


def round_trip(run: Run, painter: Run, language: str, split: str, n: int) -> dict[str, Any]:
    """Prompts, the pictures that another run draws of them, and what is said of these."""
    data = genzoo.read("shapes", given=(*COLUMNS, "color"), hold_out=HOLD_OUT)
    found = {}
    for objects in (1, 2):
        texts = prompts(data, split, objects, n)[("en", "zh").index(language)]
        again = read_back(told_of(run, drawn(painter, texts)))
        same = (again == said(texts)) | (said(texts) < 0)  # what a prompt leaves open, a caption may say
        found[f"{objects} objects"] = [round(each, 4) for each in mean_of(same[:, (0, 1, 3, 4)].all(1).double())]
    return found | {"n": n}


def main() -> None:
    """Trains what is missing, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=15.0, help="of processor time")
    asked.add_argument("--language", choices=("en", "zh"), default="en")
    asked.add_argument("--out", type=Path, default=Path("runs/captions"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record beside the run")
    asked.add_argument("--n", type=int, default=400, help="pictures of each kind")
    asked.add_argument("--round-trip", type=Path, help="a run of text_to_image on shapes")
    asked.add_argument("--set", nargs="*", default=(), help="settings of the recipe")
    given = asked.parse_args()
    torch.set_num_threads(1)
    path, split = given.out / given.language, "valid" if given.valid else "test"
    run = run_of(given.language, given.minutes, path, pairs("--set", given.set))
    found, last = measured(run, given.language, split, given.n), run.metrics[-1]
    if given.round_trip:
        found["round trip"] = round_trip(run, load(given.round_trip), given.language, split, min(200, given.n))
    found |= {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1)}
    found |= {"data": run.config.data.fingerprint}
    record = path / "valid.json" if given.valid else RECORD
    kept = {} if given.valid or not record.exists() else json.loads(record.read_text())
    found = found if given.valid else kept | {given.language: found}
    record.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
