"""Five tables on which densities are published, prepared as the papers have them, and a spline flow trained on each.

The files are those of the papers' archive and are not shipped: `uci_power`, `uci_gas`, `uci_hepmass`, `uci_miniboone`
and `bsds300`. What is drawn at random in their preparation comes from NumPy's Mersenne Twister with their seed, so
that rows and splits are theirs. Log-likelihoods are of the prepared rows, as published.

References:
    Papamakarios, Pavlakou & Murray, 2017, "Masked autoregressive flow for density estimation", arXiv:1705.07057
        (the preparation, appendix D; the figures to reach, table 1, MAF (5))
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from genzoo.core import Space, seeded
from genzoo.data import Rows
from genzoo.evaluation.likelihood import score
from genzoo.experiments.outcome import Outcome
from genzoo.training import train
from genzoo.training.config import BUDGETS
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import recipe_named

__all__ = ["PUBLISHED", "Splits", "prepared", "reproduce"]


class Splits(NamedTuple):
    """Rows in three parts."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


class Table(NamedTuple):
    """A published table: its files and their preparation."""

    files: tuple[str, ...]
    prepare: Callable[[list[np.ndarray]], Splits]


def prepared(name: str, folder: str | Path) -> Splits:
    """The rows of a published table as the papers prepare them.

    Args:
        name: One of `PUBLISHED`.
        folder: Where its files lie, as NumPy's arrays or as tables with commas and one line of names.

    Raises:
        Mistake: If a file is not there.
    """
    table, found = PUBLISHED[name], list[np.ndarray]()
    for file in table.files:
        paths = [Path(folder) / f"{file}{ending}" for ending in (".npy", ".csv")]
        path = next((path for path in paths if path.exists()), None)
        if path is None:
            raise Mistake(
                f"{name} needs {' or '.join(path.name for path in paths)}, got none in {folder}.",
                "Unpack the archive of the papers there; what is a pickle or HDF5 must be saved as .npy first.",
            )
        text = path.suffix == ".csv"
        found.append(np.loadtxt(path, delimiter=",", skiprows=1) if text else np.load(path, allow_pickle=False))
    return Splits(*(np.ascontiguousarray(part, dtype=np.float32) for part in table.prepare(found)))


def reproduce(
    name: str,
    out: Path,
    data: Path | None,
    *,
    published: float | None = None,
    say: Callable[[str], None] = print,
    **changes: Any,
) -> Outcome:
    """Trains `nsf` on a published table and scores its test rows.

    Args:
        name: One of `PUBLISHED`.
        out: The folder to write to.
        data: Where the files lie.
        published: The log-likelihood that stands in a paper.
        say: Where remarks go.
        changes: Settings of the training instead of an hour's.

    Raises:
        Mistake: If the files are not there.
    """
    if data is None:
        raise Mistake(f"{name} is not shipped, and no folder was told.", "Say where its files lie: --data FOLDER.")
    parts = [torch.from_numpy(part) for part in prepared(name, data)]
    with seeded(0):
        recipe = recipe_named("nsf")(Space((parts[0].shape[1],)))
    asked = dict.fromkeys(BUDGETS) | {
        "core_minutes": 60.0,
        "batch_size": 512,
        "keep": "best",
        "device": "cpu",
        **changes,
    }
    config = recipe.config.model_copy(update=asked)
    model: Any = recipe.model
    rows = [Rows(part, None, torch.arange(len(part)), model.space, None) for part in parts]
    trained = train(model, rows[0], config, valid=rows[1], say=say)
    found = score(model, parts[2])
    record = {
        "table": name,
        "rows": [len(part) for part in parts],
        "config": config.model_dump(mode="json", exclude_none=True),
        "log_likelihood": found.mean().item(),
        "error": (found.std() / len(found) ** 0.5).item(),
        "published": published,
        "steps": trained.steps,
        "core_seconds": round(trained.core_seconds, 1),
    }
    out.mkdir(parents=True, exist_ok=True)
    path = out / "record.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return Outcome(found.mean().item(), published, path, record)


def cut(x: np.ndarray) -> Splits:
    """The last tenth to test, the last tenth of the others to validate."""
    test = int(0.1 * len(x))
    rest = x[:-test]
    valid = int(0.1 * len(rest))
    return Splits(rest[:-valid], rest[-valid:], x[-test:])


def standard(parts: Splits, by: np.ndarray) -> Splits:
    """Parts in the standard units of some rows."""
    return Splits(*((part - by.mean(0)) / by.std(0) for part in parts))


def power(files: list[np.ndarray]) -> Splits:
    """Household power: shuffled, without two columns, uniform noise where numbers are rounded."""
    rng, (x,) = np.random.RandomState(42), files
    x = x.copy()
    rng.shuffle(x)
    x = np.delete(np.delete(x, 3, axis=1), 1, axis=1)
    voltage, gap, meters = 0.01 * rng.rand(len(x), 1), 0.001 * rng.rand(len(x), 1), rng.rand(len(x), 3)
    parts = cut(x + np.hstack([gap, voltage, meters, np.zeros((len(x), 1))]))
    return standard(parts, np.vstack(parts[:2]))


def gas(files: list[np.ndarray]) -> Splits:
    """Gas sensors: without time and concentrations, and without one of every two columns that say the same."""
    x = files[0][:, 3:]
    while True:
        alike = (np.corrcoef(x.T) > 0.98).sum(1)
        if not (alike > 1).any():
            break
        x = np.delete(x, np.flatnonzero(alike > 1)[0], axis=1)
    return cut((x - x.mean(0)) / x.std(0, ddof=1))


def hepmass(files: list[np.ndarray]) -> Splits:
    """Signals of a collider: without their label and without columns whose least number comes often."""
    train, test = (part[part[:, 0] == 1, 1:] for part in files)
    test = test[:, : train.shape[1]]
    mean, std = train.mean(0), train.std(0, ddof=1)
    train, test = (train - mean) / std, (test - mean) / std
    keep = [np.unique(column, return_counts=True)[1][0] <= 5 for column in train.T]  # the least one alone is counted
    train, test = train[:, keep], test[:, keep]
    valid = int(0.1 * len(train))
    return Splits(train[:-valid], train[-valid:], test)


def miniboone(files: list[np.ndarray]) -> Splits:
    """Neutrinos, cleaned before they were archived."""
    parts = cut(files[0])
    return standard(parts, np.vstack(parts[:2]))


def patches(files: list[np.ndarray]) -> Splits:
    """Patches of natural images, parted and centered before they were archived."""
    return Splits(*files)


PUBLISHED = {
    "uci_power": Table(("data",), power),
    "uci_gas": Table(("ethylene_CO",), gas),
    "uci_hepmass": Table(("1000_train", "1000_test"), hepmass),
    "uci_miniboone": Table(("data",), miniboone),
    "bsds300": Table(("train", "validation", "test"), patches),
}
