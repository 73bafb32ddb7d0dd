"""Tags of pictures that nobody tagged: five words for each withheld emoji, by models that are told the picture.

    python -m experiments.tags [--minutes 1] [--valid]

A row is what words an emoji has, of those that ten training emoji have or more, and the condition is its picture,
16 × 16 pixels of Noto. `made` says how likely a set of words is, given the picture, and `conditional_gan` draws such
sets; a word's rank is its share among draws. Of each withheld emoji the five first words are held against its own: the
share of them that are right is precision@5, a mean over emoji with its standard error. Beside stand the five most
frequent words for every picture, and the words of the training picture that is nearest in pixels, then of the next
one, until there are five. With `--valid` rows are those of validation, and nothing is kept. A run that was stopped
goes on.

References:
    Mirza & Osindero, 2014, "Conditional generative adversarial nets", arXiv:1411.1784 (section 4.2)
"""

import argparse
import collections
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.data import Data, read
from genzoo.zoo import load, resume, store
from genzoo.zoo.run import Run

SIDE, LEAST, FIVE, DRAWS, SHOWN = 16, 10, 5, 64, 8
RECIPES: dict[str, dict[str, Any]] = {"made": {"width": 256}, "conditional_gan": {}}
RECORD = Path(__file__).parent / "records" / "tags.json"
Rows = dict[str, tuple[Tensor, Tensor]]


def emoji() -> tuple[Rows, list[str]]:
    """Of each part of the data pictures, and which of the words each has; and the words."""
    data = genzoo.read("emoji", x="keywords", given="noto", size=SIDE, color="rgb")
    said = {name: _words(data, name) for name in ("train", "valid", "test")}
    counts = collections.Counter(word for words in said["train"] for word in words)
    known = sorted(word for word, count in counts.items() if count >= LEAST)
    has = {name: torch.tensor([[word in each for word in known] for each in words]) for name, words in said.items()}
    return {name: (getattr(data, name).given, each.byte()) for name, each in has.items()}, known


def _words(data: Data, part: str) -> list[set[str]]:
    """The words of each row."""
    codec: Any = data.codec
    return [set(text.split("|")) for text in codec.texts(getattr(data, part).x)]


def run_of(recipe: str, rows: Rows, minutes: float, path: Path) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    seen, has = rows["train"]
    how: dict[str, Any] = {"keep": "best", "weight_decay": 0.1} if recipe == "made" else {}
    data = read((has, seen), levels=2)
    return genzoo.train(recipe, data, out=path, settings=RECIPES[recipe], core_minutes=minutes, device="cpu", **how)


def shares(run: Run, seen: Tensor) -> Tensor:
    """How often each word is among those drawn for each picture."""
    drawn = run.generative.sample(len(seen) * DRAWS, seen.repeat_interleave(DRAWS, 0), seed=0)
    return drawn.unflatten(0, (len(seen), DRAWS)).double().mean(1)


def neighbors(rows: Rows, seen: Tensor) -> Tensor:
    """The words of the nearest training pictures, those of the nearest one first."""
    known, has = rows["train"]
    far = torch.cdist(seen.flatten(1).double(), known.flatten(1).double())
    order = far.argsort(1)[:, :50]
    weight = 0.5 ** torch.arange(50, dtype=torch.float64)
    often = has.double().mean(0)  # of words of one picture the more frequent first
    return torch.einsum("n,bnk->bk", weight, has[order].double()) + 1e-6 * often


def precision(rank: Tensor, has: Tensor) -> list[float]:
    """The share of the five first words that are right, the mean over pictures, and its error."""
    right = has.gather(1, rank.topk(FIVE).indices).double().mean(1)
    return [round(right.mean().item(), 4), round(right.std().item() / math.sqrt(len(right)), 4)]


def main() -> None:
    """Trains both, ranks words in four ways, and keeps what is right."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=1.0)
    asked.add_argument("--out", type=Path, default=Path("runs/tags"))
    asked.add_argument("--valid", action="store_true", help="measure on rows of validation, and keep nothing")
    asked.add_argument("--record", type=Path, default=RECORD)
    given = asked.parse_args()
    rows, known = emoji()
    seen, has = rows["valid" if given.valid else "test"]
    some = has.bool().any(1)
    seen, has = seen[some], has[some]
    ranks = {
        "most frequent": rows["train"][1].double().mean(0).expand(len(seen), -1),
        "neighbor": neighbors(rows, seen),
    }
    ranks |= {name: shares(run_of(name, rows, given.minutes, given.out / name), seen) for name in RECIPES}
    each = (has.double().sum(1).clamp(max=FIVE) / FIVE).mean().item()
    found = {
        "words": len(known),
        "pictures": len(seen),
        "best possible": round(each, 4),
        "precision": {name: precision(rank, has) for name, rank in ranks.items()},
        "minutes": given.minutes,
        "versions": {name: each for name, each in store.versions().items() if name != "platform"},
    }
    print(found)
    if given.valid:
        return
    best = max(RECIPES, key=lambda name: found["precision"][name][0])
    step = len(seen) // SHOWN
    found["shown"] = [
        {
            "picture": bytes(seen[k].flatten().tolist()).hex(),
            "tags": [known[place] for place in ranks[best][k].topk(FIVE).indices.tolist()],
            "right": has[k, ranks[best][k].topk(FIVE).indices].tolist(),
        }
        for k in range(step // 2, step * SHOWN, step)
    ]
    given.record.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
