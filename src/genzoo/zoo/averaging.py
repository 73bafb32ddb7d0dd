"""Weights of a finished run, averaged anew over another length."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from genzoo.core import Batch, Noise, Trainable, as_given
from genzoo.core.given import map_given
from genzoo.training import checkpoint as disk
from genzoo.training.loop import AVERAGES
from genzoo.training.power import rebuilt
from genzoo.zoo import store
from genzoo.zoo.loading import Run, load
from genzoo.zoo.mistakes import Mistake

__all__ = ["TRIED", "Averaged", "averaged", "best_average", "write_average"]

TRIED = (0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
ROWS = 2000  # of validation


class Averaged(NamedTuple):
    """A length, and the loss on validation rows of the weights that it makes; a length of 0 is the last weights."""

    length: float
    loss: float


def averaged(run: Run, length: float) -> dict[str, torch.Tensor]:
    """The weights of a run, averaged over some length; all that is no parameter stays as it is.

    Args:
        run: A run that was trained with averages=true.
        length: The deviation of what is averaged, as a share of the run; 0: the last weights.

    Raises:
        Mistake: If it keeps no averages, or there is none of that length.
    """
    weights = {name: tensor.detach().clone() for name, tensor in run.model.state_dict().items()}
    try:
        found = _last(run) if length == 0 else rebuilt(run.path / AVERAGES, length)
    except ValueError as error:
        raise Mistake.of(error) from error
    found = {name: tensor.to(weights[name].dtype) for name, tensor in found.items() if name in weights}
    if odd := store.differing(found, {name: weights[name] for name in found}):
        raise Mistake(f"Averages must be of the run's weights; {odd[0]}.", "Train the run again.")
    return weights | found


def best_average(run: Run, rows: Any, lengths: Sequence[float] = TRIED) -> list[Averaged]:
    """Lengths by the loss on some rows, the best first, the last weights among them.

    Args:
        run: The run.
        rows: Validation rows, as `Data.valid`.
        lengths: What is tried.

    Raises:
        Mistake: If it keeps no averages.
    """
    kept, found = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}, []
    for length in (0.0, *lengths):
        run.model.load_state_dict(averaged(run, length))
        found.append(Averaged(length, _loss(run.model, rows, run.config.train.seed)))
    run.model.load_state_dict(kept)
    return sorted(found, key=lambda each: each.loss)


def write_average(run: Run, length: float, out: Path) -> Run:
    """The run with other weights, in a folder of its own.

    Args:
        run: The run.
        length: The length of the average.
        out: The new folder.

    Raises:
        Mistake: If the folder is there already.
    """
    weights = averaged(run, length)
    if out.exists():
        raise Mistake(f"An average must be written to a new folder, got {out}, which is there.", "Name another.")
    shutil.copytree(run.path, out, ignore=shutil.ignore_patterns("checkpoints", "samples", AVERAGES))
    disk.write_tensors(out / store.WEIGHTS, weights)
    return load(out)


def _last(run: Run) -> dict[str, torch.Tensor]:
    """The last weights of a training, before any average."""
    return disk.newest(run.path / "checkpoints", lambda _: None, lambda found: found.tensors["model"])


def _loss(model: Trainable, rows: Any, seed: int) -> float:
    """The mean loss of some rows, with the same noise for all weights."""
    total, count = 0.0, min(ROWS, len(rows))
    for first in range(0, count, 500):
        index = torch.arange(first, min(count, first + 500))
        x, given = rows.gather(index)
        batch = Batch(x, map_given(torch.Tensor.clone, as_given(given)), Noise(seed, "valid", start=first))
        with torch.no_grad():
            total += float(model.loss(batch)) * len(index)
    return total / max(1, count)
