"""The trainings of a run, one after another: each in a folder of its own, and the last in the run's."""

import gc
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from genzoo.core.errors import ColumnError
from genzoo.core.game import Trainable
from genzoo.core.model import GenerativeModel
from genzoo.data import ArrayCodec, Codec, Data
from genzoo.evaluation.shown import as_shown
from genzoo.training.callbacks import Callback, SampleGrid, TensorBoard
from genzoo.training.checkpoint import checkpoints, write_json
from genzoo.training.loop import Begin, Trained
from genzoo.training.loop import train as play
from genzoo.training.resources import OutOfMemory
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.conditions import grid_conditions
from genzoo.zoo.health.watch import Health
from genzoo.zoo.inputs import Inputs, seen_by, with_names
from genzoo.zoo.loading import rebuilt
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Recipe

__all__ = ["codec_of", "continued", "stages_of"]

GRID = 64  # samples of a picture


def stages_of(built: Recipe) -> Iterator[Recipe]:
    """The stages of a recipe in order, each over the untrained model of the one before.

    Args:
        built: The first.
    """
    yield built
    while built.then is not None:
        built = built.then(built.model)
        yield built


def codec_of(model: Trainable, data: Data) -> Codec:
    """The codec of what a stage samples: that of the data, or of plain arrays where it samples codes of them.

    Args:
        model: The stage's model.
        data: The data of the run.
    """
    if isinstance(model, GenerativeModel):
        own, whole = model.space, data.space
        if (own.shape, own.is_discrete) != (whole.shape, whole.is_discrete):
            return ArrayCodec()
    return data.codec


def continued(path: Path, stages: Sequence[store.RunConfig], rows: Inputs, callbacks: Sequence[Callback]) -> Trained:
    """Goes on with a run from wherever it stands: in one of its stages, or between two.

    Args:
        path: The run's folder.
        stages: The configurations of its stages, in order.
        rows: What it is trained on.
        callbacks: What watches every stage.

    Raises:
        Mistake: If a run is trained and its checkpoints are gone.
    """
    folders, begun = store.stage_folders(path, stages[-1]), _has_begun(path)
    if not begun and (path / store.WEIGHTS).exists():
        raise Mistake(
            f"The run {str(path)!r} is trained, and its checkpoints are gone: nothing is left to go on from.",
            "Use it as it is, or train a new one in another --out.",
        )
    for k, folder in enumerate([] if begun else folders[:-1]):
        if not (folder / store.WEIGHTS).exists():
            _played(folder, stages[k], folders[:k], rows, callbacks)
    return _played(path, stages[-1], folders[:-1], rows, callbacks)


def _has_begun(path: Path) -> bool:
    return bool(checkpoints(path / "checkpoints"))  # killed before the first one: the beginning is where it stopped


def _played(
    path: Path, config: store.RunConfig, before: Sequence[Path], rows: Inputs, callbacks: Sequence[Callback]
) -> Trained:
    """One training; where its batches do not fit into the memory and it may, again with half of them."""
    while True:
        try:
            return _played_once(path, config, before, rows, callbacks)
        except OutOfMemory:
            if not config.train.auto_batch or config.train.batch_size == 1 or _has_moved(path):
                raise
        config = _halved(path, config)


def _has_moved(path: Path) -> bool:
    """Whether a run has a checkpoint after its beginning."""
    return any(checkpoint.name != "step-00000000" for checkpoint in checkpoints(path / "checkpoints"))


def _halved(path: Path, config: store.RunConfig) -> store.RunConfig:
    """The configuration of a run with half the batch, written down; the run begins again."""
    train = config.train.model_copy(update={"batch_size": config.train.batch_size // 2})
    before, now = config.train.batch_size, train.batch_size
    logging.getLogger("genzoo").info("batches of %d rows do not fit into the memory: trying %d", before, now)
    config = config.model_copy(update={"train": train})
    shutil.rmtree(path / "checkpoints", ignore_errors=True)
    write_json(path / store.CONFIG, config.model_dump(mode="json"))
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return config


def _played_once(
    path: Path, config: store.RunConfig, before: Sequence[Path], rows: Inputs, callbacks: Sequence[Callback]
) -> Trained:
    """One training: begun over the trained models of the stages before, or gone on with by its own checkpoint."""
    begun = _has_begun(path)
    stage = rebuilt(path, config, () if begun else before)
    rows, codec = seen_by(stage, rows), codec_of(stage.model, rows.data)
    grid = SampleGrid(path / "samples", codec, GRID, grid_conditions(rows.data, GRID), **_shown(stage.model))
    watching = [grid, Health(rows.valid, grid), *_boards(path), *callbacks]
    if config.start is not None and not begun:
        store.fill(stage.model, _started_from(path, config) / store.WEIGHTS)
    begin: Begin = "resumed" if begun else "new" if config.start is None else "warm"
    try:
        done = play(
            stage.model, rows.source, config.train, valid=rows.valid, run=path, callbacks=watching, begin=begin
        )
    except ColumnError as error:
        raise with_names(rows.data.codec, error) from None
    if int(os.environ.get("RANK", 0)) == 0:
        (path / store.CARD).write_text(card(path, config, done.metrics))
    return done


def _started_from(path: Path, config: store.RunConfig) -> Path:
    """The folder with the weights that a stage starts from."""
    home = store.embedded(path, config, store.START) or Path(str(config.start))
    return home if config.stage == config.stages else home / store.STAGE.format(config.stage)


def _boards(path: Path) -> list[Callback]:
    """TensorBoard, on one process, if it is installed."""
    if int(os.environ.get("RANK", 0)) > 0:
        return []
    try:
        return [TensorBoard(path / "tensorboard")]
    except ImportError:
        return []


def _shown(model: Trainable) -> dict[str, Any]:
    return as_shown(model) if isinstance(model, GenerativeModel) else {}
