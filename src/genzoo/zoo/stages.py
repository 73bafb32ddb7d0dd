"""The trainings of a run, one after another: each in a folder of its own, and the last in the run's."""

import os
from collections.abc import Sequence
from pathlib import Path

from genzoo.core.errors import ColumnError
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.training.callbacks import Callback, SampleGrid, TensorBoard
from genzoo.training.checkpoint import checkpoints
from genzoo.training.loop import Trained
from genzoo.training.loop import train as play
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.conditions import grid_conditions
from genzoo.zoo.inputs import Inputs, with_names, without_conditions
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Recipe, recipe_named

__all__ = ["STAGE_ONE", "continued", "loaded", "stages_of"]

GRID = 64  # samples of a picture
STAGE_ONE = "stage-1"  # the folder of a first stage, in its run's


def stages_of(built: Recipe) -> list[Recipe]:
    """The stages of a recipe, each with its share of the budget; the second over the untrained first."""
    if built.then is None:
        return [built]
    return [built._replace(share=1 - built.share), built.then(built.model)._replace(share=built.share)]


def continued(path: Path, stages: Sequence[store.RunConfig], rows: Inputs, callbacks: Sequence[Callback]) -> Trained:
    """Goes on with a run from wherever it stands: in its first stage, between the two, or in its last."""
    config = stages[-1]
    begun = bool(checkpoints(path / "checkpoints"))  # killed before the first one: the beginning is where it stopped
    if not begun and (path / store.WEIGHTS).exists():
        raise Mistake(
            f"The run {str(path)!r} is trained, and its checkpoints are gone: nothing is left to go on from.",
            "Use it as it is, or train a new one in another --out.",
        )
    first = None
    if len(stages) == 2 and not begun:
        folder = path / STAGE_ONE
        if not (folder / store.WEIGHTS).exists():
            continued(folder, stages[:1], rows, callbacks)
        first = loaded(folder, stages[0])
    return _played(path, config, _rebuilt(config, first), rows, callbacks, resume=begun)


def _played(
    path: Path,
    config: store.RunConfig,
    model: GenerativeModel,
    rows: Inputs,
    callbacks: Sequence[Callback],
    *,
    resume: bool,
) -> Trained:
    if config.stage == 1 and not model.given_space:
        rows = without_conditions(rows)  # they are the second stage's
    codec = rows.data.codec
    watching = [
        SampleGrid(path / "samples", codec, GRID, grid_conditions(rows.data, GRID)),
        *_boards(path),
        *callbacks,
    ]
    try:
        done = play(model, rows.source, config.train, valid=rows.valid, run=path, callbacks=watching, resume=resume)
    except ColumnError as error:
        raise with_names(codec, error) from None
    if int(os.environ.get("RANK", 0)) == 0:
        (path / store.CARD).write_text(card(path, config, done.metrics))
    return done


def _boards(path: Path) -> list[Callback]:
    """TensorBoard, on one process, if it is installed."""
    if int(os.environ.get("RANK", 0)) > 0:
        return []
    try:
        return [TensorBoard(path / "tensorboard")]
    except ImportError:
        return []


def loaded(path: Path, config: store.RunConfig) -> GenerativeModel:
    """The trained model of a run's folder, in eval mode.

    Args:
        path: The folder.
        config: The run's.

    Raises:
        Mistake: If its weights are missing or of another model.
    """
    model = _rebuilt(config)
    store.fill(model, path / store.WEIGHTS)
    return model.eval()


def _rebuilt(config: store.RunConfig, first: GenerativeModel | None = None) -> GenerativeModel:
    """The model of a run, untrained; its second stage over the first one's model, where that is trained."""
    info, (space, given) = recipe_named(config.recipe.name), config.spaces
    with seeded(config.train.seed):
        built = info(space, given, **config.recipe.arguments)
        if config.stage == 2 and built.then is not None:
            built = built.then(built.model if first is None else first)
    return built.model.double() if config.train.precision == "float64" else built.model
