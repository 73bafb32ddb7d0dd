"""Outliers of eight tables, by models and beside scikit-learn's detectors: the area under the ROC curve.

A detector learns from half of the usual rows, standardized by them, and tells the others from the outliers (`clean`);
or it learns from half of all rows, outliers among them, and tells those of the other half (`mixed`). A model leaves a
fifth of its rows out to calibrate; every `method` that it has is told, `auto` first. The nearest neighbors are
scikit-learn's, with all rows; so are LocalOutlierFactor, IsolationForest and OneClassSVM with the settings that are
usual for each: 20 neighbors, 100 trees, ν = 0.5 of scaled kernels.

The tables are eight of ADBench (Han et al., 2022, arXiv:2206.09426), as they lie at GENZOO_DATA; published areas do
not transfer to these copies, so that peers run beside. Every fit is written down at once: the command goes on where
it stopped. A setting of a recipe follows its name, as gaussian:floor=1e-4.

    OMP_NUM_THREADS=1 python -m experiments.outliers_tables [--recipes nsf] [--seeds 5] [--setting mixed]
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.tables_mixed import asked_for
from genzoo.core import Noise, Space, seeded
from genzoo.data import Rows
from genzoo.distributions.resampling import chance_below
from genzoo.tasks.outliers import methods, outliers
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "outliers_tables.json"
RECIPES = ("gaussian:floor=1e-4", "gaussian_mixture", "kde:whiten=columns")
TABLES = (
    "23_mammography", "28_pendigits", "29_Pima", "30_satellite", "38_thyroid", "40_vowels", "4_breastw", "6_cardio",
)  # fmt: skip
PEERS = ("neighbors, mean of 5", "local outlier factor", "isolation forest", "one-class SVM")
HELD = 0.2  # of the rows that a model may learn from


def table(name: str, seed: int, setting: str) -> tuple[Tensor, Tensor, Tensor]:
    """Rows to learn from and others in units of the former, and which of these are outliers."""
    found = np.load(Path(os.environ["GENZOO_DATA"]) / "adbench" / f"{name}.npz")
    x, odd = torch.from_numpy(found["X"].astype(np.float64)), torch.from_numpy(found["y"] == 1)
    noise = Noise(seed, "halves", name)
    usual = (~odd).nonzero().flatten() if setting == "clean" else torch.arange(len(x))
    usual = usual[noise.permutation(len(usual))]
    known, left = usual[: len(usual) // 2], usual[len(usual) // 2 :]
    asked = torch.cat([left, odd.nonzero().flatten()]) if setting == "clean" else left
    spread = x[known].std(0, unbiased=False)
    kept = spread > 0
    x = ((x - x[known].mean(0)) / spread.clamp_min(1e-12))[:, kept].float()
    return x[known], x[asked], odd[asked]


def area(score: Tensor, odd: Tensor) -> float:
    """The area under the ROC curve in percent."""
    return 100 * chance_below(score[~odd].double(), score[odd].double()).value


def by_peers(known: Tensor, asked: Tensor, odd: Tensor, seed: int) -> dict[str, float]:
    """scikit-learn's detectors."""
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
    from sklearn.svm import OneClassSVM

    x, y = known.numpy(), asked.numpy()
    scores: dict[str, Callable[[], np.ndarray]] = {
        PEERS[0]: lambda: NearestNeighbors(n_neighbors=5).fit(x).kneighbors(y)[0].mean(1),
        PEERS[1]: lambda: -LocalOutlierFactor(n_neighbors=20, novelty=True).fit(x).score_samples(y),
        PEERS[2]: lambda: -IsolationForest(random_state=seed).fit(x).score_samples(y),
        PEERS[3]: lambda: -OneClassSVM(gamma="scale").fit(x).score_samples(y),
    }
    return {name: area(torch.from_numpy(np.asarray(score())), odd) for name, score in scores.items()}


def by_model(
    spelled: str, minutes: float, known: Tensor, asked: Tensor, odd: Tensor, seed: int, space: Space | None = None
) -> dict[str, float]:
    """The areas of every method that a model has; of rows of reals, where no space is named."""
    order = Noise(seed, "held").permutation(len(known))
    held = max(20, round(HELD * len(known)))
    rows, (name, settings, fields) = Rows(known, None, order, space or Space((known.shape[1],))), asked_for(spelled)
    train, usual = (Rows(known, None, part, rows.space) for part in (order[held:], order[:held]))
    start = time.process_time()
    with seeded(seed):
        stage = recipe_named(name)(rows.space, None, **settings)
    config = stage.config.model_dump() | dict.fromkeys(BUDGETS)
    config |= {"core_minutes": minutes, "device": "cpu", "seed": seed} | fields
    model: Any = train_model(stage.model, train, TrainConfig(**config), valid=usual, say=lambda remark: None).model
    found = {"core_seconds": round(time.process_time() - start, 1)}
    for choice in methods(model, known=train):
        if not choice.why_not:
            told = outliers(model, asked, calibration=usual, known=train, method=choice.name, seed=seed)
            found[choice.name] = area(told.score, odd)
    return found


def markdown(record: dict[str, Any]) -> str:
    """For each setting the mean over seeds, by table."""
    lines = []
    for setting, rows in record["settings"].items():
        names = [name for name in TABLES if any(name in row for row in rows.values())]
        heads = ["detector", *(name.partition("_")[2] for name in names), "mean", "without Pima"]
        lines += ["", f"**{setting}**", "", "| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
        for detector, row in rows.items():
            methods_ = sorted(
                {key for part in row.values() for one in part.values() for key in one} - {"core_seconds"}
            )
            for method in methods_:
                found = {
                    name: np.mean([one[method] for one in row[name].values() if method in one])
                    for name in names
                    if name in row
                }
                seven = [value for name, value in found.items() if name != "29_Pima"]
                cells = [f"{found[name]:.1f}" if name in found else "–" for name in names]
                label = method if detector == "scikit-learn" else f"`{detector}` {method}"
                means = [f"{np.mean(list(found.values())):.2f}", f"{np.mean(seven):.2f}"]
                lines.append("| " + " | ".join([label, *cells, *means]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fits what the record lacks, and prints the table."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument(
        "--recipes", nargs="*", default=["gaussian:floor=1e-4", "gaussian_mixture", "kde:whiten=columns"]
    )
    said.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    said.add_argument("--setting", choices=("clean", "mixed"), default="clean")
    said.add_argument("--core-minutes", type=float, default=0.25, help="of a training")
    said.add_argument("--seeds", type=int, default=5)
    said.add_argument("--record", type=Path, default=RECORD)
    asked = said.parse_args()
    torch.set_num_threads(1)
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"settings": {}}
    record |= {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions()}
    rows = record["settings"].setdefault(asked.setting, {})
    for seed in range(asked.seeds):
        for name in asked.tables:
            parts = table(name, seed, asked.setting)
            for detector in ("scikit-learn", *asked.recipes):
                done = rows.setdefault(detector, {}).setdefault(name, {})
                if str(seed) in done and (detector == "scikit-learn" or "auto" in done[str(seed)]):
                    continue  # what was measured without `auto` is measured anew
                if detector == "scikit-learn":
                    done[str(seed)] = by_peers(*parts, seed)
                else:
                    done[str(seed)] = by_model(detector, asked.core_minutes, *parts, seed)
                asked.record.write_text(json.dumps(record, indent=1) + "\n")
                print(
                    name, detector, seed, {key: round(value, 1) for key, value in done[str(seed)].items()}, flush=True
                )
    print(markdown(record))


if __name__ == "__main__":
    main()
