"""Missing entries drawn by models beside scikit-learn's imputers: CRPS and the coverage of 90 % intervals.

A fifth of the entries of four tables, training rows among them, is taken out at random; all learn from what is left of
the training rows, and draw what was taken out of others 99 times. Of an entry y with draws x_k,

    CRPS = mean_k d(x_k, y) − ½ mean_{k≠l} d(x_k, x_l),

d being the distance of numbers in standard deviations of the training rows, and 0 or 1 of words. An interval holds
y where y is among the middle 90 of the 100 ranks that it may have among its draws, ties broken at random: exactly 90 %
of the time if y is one more draw, whole numbers or not.

scikit-learn's imputers see words as one place each. `iterative` is IterativeImputer(sample_posterior=True), fitted
once and asked 99 times; `nearest` is KNNImputer, whose one guess is a distribution at a point.

Every fit is written down as soon as it is done, so that the command goes on where it stopped. Trials score validation
rows; --split test is for the end.

    OMP_NUM_THREADS=1 python -m experiments.imputation [--models gaussian_mixture mixture_table] [--split test]
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genzoo.core import Noise, Space, seeded
from genzoo.data import Data, Rows, read
from genzoo.tasks import impute
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "imputation.json"
DATA = ("uci-adult", "magic-gamma", "california-housing", "uci-wine-quality/winequality-white.csv")
PEERS = ("iterative", "nearest")
DRAWS, TAKEN, INNER = 99, 0.2, (5, 95)  # draws of an entry, the share that is taken out, the ranks of an interval


def holed(x: Tensor, seed: int, part: str) -> Tensor:
    """Rows of which a fifth of the entries is missing; the first entry stays where all would be."""
    gone = Noise(seed, "holes", part).uniform(*x.shape) < TAKEN
    gone[gone.all(1), 0] = False
    return torch.where(gone, torch.nan, x.double())


def with_holes(space: Space) -> Space:
    """The space whose columns may be missing."""
    if space.columns is None:
        return space
    return Space(space.shape, columns=tuple(dataclasses.replace(column, missing=True) for column in space.columns))


def drawn_by_model(name: str, data: Data, known: Tensor, asked: Tensor, args: argparse.Namespace, seed: int) -> Tensor:
    """Draws of a recipe that learned from rows with holes."""
    space = with_holes(data.space)
    dtype = torch.float64 if space.columns is not None else torch.float32
    with seeded(seed):
        built = recipe_named(name)(space)
    fields = built.config.model_dump() | {"seed": seed, "device": "cpu", "keep": "best"}
    if args.core_minutes is not None:
        fields |= dict.fromkeys(BUDGETS) | {"core_minutes": args.core_minutes}
    valid = holed(data.valid.x, seed, "valid")
    train, other = (Rows(x.to(dtype), None, torch.arange(len(x)), space, None) for x in (known, valid))
    model: Any = train_model(built.model, train, TrainConfig(**fields), valid=other, say=lambda remark: None).model
    return impute(model, asked.to(dtype), DRAWS, seed=seed).x.double()


def drawn_by_peer(name: str, data: Data, known: Tensor, asked: Tensor, seed: int) -> Tensor:
    """Draws of an imputer of scikit-learn."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer

    mean, scale = known.nanmean(0), _scale(known)
    wide, asked_wide = (_wide((x - mean) / scale, x, data.space) for x in (known, asked))
    peer: Any = IterativeImputer(sample_posterior=True, random_state=seed) if name == "iterative" else KNNImputer()
    peer.fit(wide)
    draws = [peer.transform(asked_wide) for _ in range(DRAWS if name == "iterative" else 1)]
    return torch.stack([_narrow(torch.from_numpy(draw), data.space) * scale + mean for draw in draws]).where(
        ~_words(data.space), torch.stack([_narrow(torch.from_numpy(draw), data.space) for draw in draws])
    )


def _words(space: Space) -> Tensor:
    """Which entries are levels."""
    columns = space.columns or ()
    return torch.tensor([column.levels is not None for column in columns] or [False] * space.dims)


def _scale(x: Tensor) -> Tensor:
    off = x - x.nanmean(0)
    return off.square().nanmean(0).sqrt().clamp_min(1e-12)


def _wide(y: Tensor, x: Tensor, space: Space) -> np.ndarray:
    """Rows as scikit-learn sees them: numbers in standard units, one place for each word."""
    parts = []
    for entry in range(space.dims):
        levels = None if space.columns is None else space.columns[entry].levels
        if levels is None:
            parts.append(y[:, entry : entry + 1])
        else:
            hot = torch.eye(levels, dtype=torch.float64)[x[:, entry].nan_to_num(0).long()]
            parts.append(torch.where(x[:, entry : entry + 1].isnan(), torch.nan, hot))
    return torch.cat(parts, 1).numpy()


def _narrow(wide: Tensor, space: Space) -> Tensor:
    """Rows again: of the places of words the highest."""
    parts, place = [], 0
    for entry in range(space.dims):
        levels = None if space.columns is None else space.columns[entry].levels
        width = levels or 1
        part = wide[:, place : place + width]
        parts.append(part[:, 0] if levels is None else part.argmax(1).double())
        place += width
    return torch.stack(parts, 1)


def figures(draws: Tensor, x: Tensor, asked: Tensor, scale: Tensor, words: Tensor, seed: int) -> dict[str, Any]:
    """CRPS of words and of numbers, a mean over columns, and the share of numbers in their intervals."""
    scores, inside = {True: [], False: []}, []
    for entry in range(x.shape[1]):
        gone = asked[:, entry].isnan()
        if not gone.any():
            continue
        y, made = x[gone, entry].double(), draws[:, gone, entry]
        is_word = bool(words[entry])
        scores[is_word].append(_crps(made, y, is_word, scale[entry].item()))
        if not is_word and len(made) == DRAWS:
            tie = Noise(seed, "ties", entry).uniform(len(y), dtype=torch.float64)
            rank = (made < y).sum(0) + (tie * ((made == y).sum(0) + 1)).floor()
            inside.append(((rank >= INNER[0]) & (rank < INNER[1])).double())
    crps = {
        kind: float(np.mean(found)) for kind, found in (("words", scores[True]), ("numbers", scores[False])) if found
    }
    every = [*scores[True], *scores[False]]
    held = torch.cat(inside).mean().item() if inside else None
    return {"crps": float(np.mean(every)), **{f"crps_{kind}": value for kind, value in crps.items()}, "coverage": held}


def _crps(made: Tensor, y: Tensor, is_word: bool, scale: float) -> float:
    """The mean over entries, without bias of few draws."""
    n = len(made)
    if is_word:
        off = (made.round() != y).double().mean(0)
        same = torch.stack([(made.round() == draw.round()).double().sum(0) - 1 for draw in made]).mean(0)
        spread = 1 - same / max(1, n - 1) if n > 1 else torch.zeros_like(off)
    else:
        off = (made - y).abs().mean(0) / scale
        ordered = made.sort(0).values
        weights = 2 * torch.arange(n, dtype=torch.float64) - n + 1
        spread = 2 * (weights[:, None] * ordered).sum(0) / (n * max(1, n - 1)) / scale
    return (off - spread / 2).mean().item()


def contest(name: str, data: Data, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """What a contestant makes of a table."""
    start = time.process_time()
    rows = data.split(args.split).x[: args.rows]
    known, asked = holed(data.train.x, seed, "train"), holed(rows, seed, args.split)
    if name in PEERS:
        draws = drawn_by_peer(name, data, known[: args.known], asked, seed)
    else:
        draws = drawn_by_model(name, data, known, asked, args, seed)
    found = figures(draws, rows.double(), asked, _scale(known), _words(data.space), seed)
    return found | {"rows": len(rows), "core_seconds": round(time.process_time() - start, 1)}


def run(args: argparse.Namespace) -> dict[str, Any]:
    """All that the record does not hold yet."""
    record = json.loads(args.record.read_text()) if args.record.exists() else {"experiment": __doc__.split("\n")[0]}
    record |= {"versions": store.versions()}
    for name in args.data:
        data = read(name, missing="drop")
        told = record.setdefault(args.split, {}).setdefault(name, {"data": data.fingerprint, "figures": {}})
        for seed in range(args.seeds):
            for model in args.models:
                found = told["figures"].setdefault(model, {})
                if str(seed) not in found:
                    found[str(seed)] = contest(model, data, args, seed)
                    args.record.write_text(json.dumps(record, indent=1) + "\n")
                    print(name, model, seed, found[str(seed)], flush=True)
    return record


def main() -> None:
    """Measures what is asked for, and keeps the record."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--models", nargs="+", default=["gaussian_mixture", *PEERS], help="recipes, iterative, nearest")
    said.add_argument("--data", nargs="+", default=DATA)
    said.add_argument("--split", choices=("valid", "test"), default="valid")
    said.add_argument("--rows", type=int, default=1000, help="how many are filled")
    said.add_argument("--known", type=int, default=10_000, help="how many training rows scikit-learn's imputers take")
    said.add_argument("--seeds", type=int, default=1)
    said.add_argument("--core-minutes", type=float, help="of a training; by default as the recipe says")
    said.add_argument("--record", type=Path, default=RECORD)
    torch.set_num_threads(1)
    run(said.parse_args())


if __name__ == "__main__":
    main()
