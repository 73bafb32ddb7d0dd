"""Runs: train a recipe on data into a folder, load it back, go on from where it stopped."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.data import Codec, Data, codec_from_json
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import write_json
from genzoo.training.config import TrainConfig
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.inputs import check_finite, inputs_of, record_of, same_data
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import RecipeInfo, recipe_named
from genzoo.zoo.settings import merged, part_of
from genzoo.zoo.stages import STAGE_ONE, continued, loaded, stages_of

__all__ = ["Run", "load", "read_codec", "resume", "train"]


@dataclass(frozen=True)
class Run:
    """A trained model with its folder.

    Attributes:
        path: The folder.
        config: All that the run depends on.
        model: The model, in eval mode.
        codec: Turns its samples into files.
        metrics: The rows of metrics of its training.
    """

    path: Path
    config: store.RunConfig
    model: GenerativeModel
    codec: Codec
    metrics: list[dict[str, Any]] = field(repr=False)

    @property
    def data_name(self) -> str:
        """The name of the data it was trained on."""
        return self.config.data.name

    def data(self) -> Data:
        """The data it was trained on, read again from where they came.

        Raises:
            Mistake: If they were given as tensors, or are no longer the same.
        """
        return same_data(self.config).data


def train(
    recipe: str | RecipeInfo[Any],
    data: Any,
    *,
    given: str | Sequence[str] | None = None,
    binarize: str | None = None,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    callbacks: Sequence[Callback] = (),
    **train: Any,
) -> Run:
    """Trains a recipe on data, into a folder that `load` reads back.

    Args:
        recipe: A recipe or its name, as "vae".
        data: What `genzoo.read` accepts: a name, a path, tensors, `Data`; or a DataLoader.
        given: The columns or labels to condition on, by name; none: unconditional.
        binarize: How to make pixels binary: "static", "dynamic" or "threshold".
        out: The run's folder; by default a new one under `runs`.
        settings: The recipe's arguments, as {"latent": 8}.
        callbacks: What watches the training.
        train: Fields of `TrainConfig`, as steps=2000, minutes=1.5, seed=3, lr=1e-4 or device="cuda".

    Raises:
        Mistake: If a name is unknown, a value does not fit, or the folder already holds a run.

    Example:
        >>> import tempfile, torch
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> run.model.sample(2, seed=0).shape
        torch.Size([2, 2])
        >>> torch.equal(load(run.path).model.sample(2, seed=0), run.model.sample(2, seed=0))
        True
    """
    info = recipe_named(recipe) if isinstance(recipe, str) else recipe
    arguments = info.checked(**settings or {})
    rows = inputs_of(data, {"given": given, "binarize": binarize})
    data = rows.data
    if rows.valid is None:
        train = {"keep": "last"} | train  # without rows to choose by, the last weights are kept
    with seeded(merged(info, TrainConfig(), train).seed):
        stages = stages_of(info(data.space, data.given_space, **arguments))
    check_finite(info.name, data, stages[-1].model)
    if out is None and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise Mistake("Several processes must be told one folder, got none.", "Name it with --out.")
    path = Path(out) if out is not None else store.fresh_folder(f"{info.name}-{data.name}")
    configs = []
    for stage, built in enumerate(stages, start=1):
        config = store.RunConfig(
            recipe=store.RecipeRecord(name=info.name, arguments=info.plain(arguments)),
            train=merged(info, built.config, part_of(train, built.share if len(stages) > 1 else 1.0)),
            stage=stage if len(stages) > 1 else None,
            space=data.space.to_json(),
            given=store.given_to_json(data.given_space),
            data=record_of(rows, given),
            parameters=built.model.parameter_count,
            versions=store.versions(),
            command=store.command(),
        )
        _begin(path if stage == len(stages) else path / STAGE_ONE, config, data.codec)
        configs.append(config)
    done = continued(path, configs, rows, callbacks)
    return Run(path, configs[-1], done.model, data.codec, done.metrics)


def resume(path: str | Path, *, data: Any = None, callbacks: Sequence[Callback] = ()) -> Run:
    """Goes on with a training that stopped; it ends bit for bit as if it had not.

    Args:
        path: The run's folder.
        data: The data, if they were given as tensors.
        callbacks: What watches.

    Raises:
        Mistake: If the folder is no run, or the data are not the same.
    """
    path = Path(path)
    config = store.read_config(path)
    rows = same_data(config, data)
    before = [store.read_config(path / STAGE_ONE)] if config.stage == 2 else []
    done = continued(path, [*before, config], rows, callbacks)
    return Run(path, config, done.model, rows.data.codec, done.metrics)


def load(path: str | Path) -> Run:
    """The run in a folder, with its model ready to use.

    Args:
        path: The run's folder.

    Raises:
        Mistake: If the folder is no run, was written by a newer format, or its weights are missing or do not fit.

    Example:
        >>> load("no/such/run")
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: A run must be a folder, got 'no/such/run', which is none. ...
    """
    path = Path(path)
    config = store.read_config(path)
    return Run(path, config, loaded(path, config), read_codec(path), store.read_metrics(path))


def read_codec(path: Path) -> Codec:
    """The codec in a run's folder.

    Raises:
        Mistake: If its file is missing or spoilt.
    """
    try:
        return codec_from_json(json.loads((path / store.CODEC).read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{path / store.CODEC} must say how samples become files: {error}.", "Restore it.") from None


def _begin(path: Path, config: store.RunConfig, codec: Codec) -> None:
    """Makes the folder and writes down what the run depends on; one process does."""
    if int(os.environ.get("RANK", 0)) > 0:
        return
    if (path / store.CONFIG).exists():
        raise Mistake(
            f"The run's folder must be new, and {str(path)!r} already holds a run.",
            f"Go on with it by genzoo train --resume {path}, or choose another --out.",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / store.CARD).write_text(card(path, config, []))
    except OSError as error:
        raise Mistake(f"The run's folder must be writable: {error}.", "Choose another --out.") from None
    write_json(path / store.CODEC, codec.to_json())
    write_json(path / store.CONFIG, config.model_dump(mode="json"))
