"""Runs: train a recipe on data into a folder, go on from where it stopped."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genzoo.core.game import Trainable
from genzoo.core.noise import seeded
from genzoo.data import Codec, Data
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import CheckpointError, write_json
from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.training.precision import device_named, half_on, resolved
from genzoo.zoo import store
from genzoo.zoo.bounds import bounded
from genzoo.zoo.card import card
from genzoo.zoo.inputs import Inputs, check_finite, check_pairs, check_rows, inputs_of, record_of, same_data, seen_by
from genzoo.zoo.loading import Codecs, Run
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import RecipeInfo, known, recipe_named, with_runs
from genzoo.zoo.settings import merged, parts_of
from genzoo.zoo.stages import codec_of, continued, stages_of

__all__ = ["check_fits", "resume", "train"]


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
        train: Fields of `TrainConfig`, as steps=2000, minutes=1.5, seed=3, lr=1e-4 or device="cuda"; None switches off
            what the recipe sets. Beside them `start`, the folder of a finished run of the same recipe: its weights
            are those that the training starts from, and its arguments those of the recipe that `settings` leaves out.

    Raises:
        Mistake: If a name is unknown, a value does not fit, or the folder already holds a run.

    Example:
        >>> import tempfile, torch
        >>> from genzoo import load
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> run.model.sample(2, seed=0).shape
        torch.Size([2, 2])
        >>> torch.equal(load(run.path).model.sample(2, seed=0), run.model.sample(2, seed=0))
        True
    """
    if _restarted() and out is not None and (Path(out) / store.CONFIG).exists():
        named = store.read_config(Path(out)).data.origin is not None
        return resume(out, data=None if named else data, callbacks=callbacks)
    info = recipe_named(recipe) if isinstance(recipe, str) else known(recipe)
    start = None if (named := train.pop("start", None)) is None else Path(named)
    arguments = info.checked(**_settings_of(start, info) | dict(settings or {}))
    rows = inputs_of(data, {"given": given, "binarize": binarize})
    if rows.valid is None:
        train = {"keep": "last"} | train  # without rows to choose by, the last weights are kept
    planned = _planned(info, arguments, rows, record_of(rows, given), train, start)
    configs = [config for config, _ in planned]
    if out is None and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise Mistake("Several processes must be told one folder, got none.", "Name it with --out.")
    path = Path(out) if out is not None else store.fresh_folder(f"{info.name}-{rows.data.name}")
    for folder, (config, codec) in zip(store.stage_folders(path, configs[-1]), planned, strict=True):
        _begin(folder, config, Codecs(codec, rows.data.given_codecs))
    _embed(path, arguments, start)
    return _run(path, configs, rows, callbacks)


def check_fits(recipe: str, data: Data, settings: Mapping[str, Any] | None = None) -> None:
    """Refuses a recipe that cannot be built for some data, before anything is trained.

    Args:
        recipe: Its name.
        data: The data.
        settings: The recipe's arguments.

    Raises:
        ValueError: If they do not fit; a `Mistake` as a rule.

    Example:
        >>> from genzoo.data import read
        >>> check_fits("gaussian_mixture", read("moons"))
    """
    info = recipe_named(recipe)
    arguments = info.checked(**settings or {})
    check_pairs(info, data)
    with seeded(0):
        stages = list(stages_of(info(data.space, data.given_space, **arguments)))
    rows = inputs_of(data, {})
    for stage in stages:
        check_finite(info.name, seen_by(stage, rows).data, stage.model)


def resume(
    path: str | Path,
    *,
    data: Any = None,
    steps: int | None = None,
    callbacks: Sequence[Callback] = (),
    online: bool = False,
) -> Run:
    """Goes on with a training that stopped; it ends bit for bit as if it had not.

    Args:
        path: The run's folder.
        data: The data, if they were given as tensors.
        steps: More steps than it had, of the last stage: it goes on under the schedule of the longer run.
        callbacks: What watches.
        online: Whether the data may be fetched from the hub.

    Raises:
        Mistake: If the folder is no run, or the data are not the same.
    """
    path = Path(path)
    config = store.read_config(path)
    rows = same_data(config, data, online=online)
    if steps is not None:
        write_json(path / store.CONFIG, _longer(config, steps).model_dump(mode="json"))
    try:
        return _run(path, [store.read_config(folder) for folder in store.stage_folders(path, config)], rows, callbacks)
    except CheckpointError:  # it cannot be made so long
        write_json(path / store.CONFIG, config.model_dump(mode="json"))
        raise


def _longer(config: store.RunConfig, steps: int) -> store.RunConfig:
    """The configuration of a run with another budget, in steps."""
    fields = config.train.model_dump() | dict.fromkeys(BUDGETS)
    return config.model_copy(update={"train": TrainConfig(**fields | {"steps": steps})})


def _restarted() -> bool:
    """Whether torchrun started these processes again, after one of them had died."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", 0)) > 0


def _run(path: Path, configs: Sequence[store.RunConfig], rows: Inputs, callbacks: Sequence[Callback]) -> Run:
    done = continued(path, configs, rows, callbacks)
    codec = codec_of(done.model, rows.data)
    return Run(path, store.read_config(path), done.model, codec, done.metrics, dict(rows.data.given_codecs))


def _settings_of(start: Path | None, info: RecipeInfo[Any]) -> dict[str, Any]:
    """The arguments of the run that a training starts from; the runs that it stands on, as they lie in its folder."""
    if start is None:
        return {}
    config = store.read_config(start)
    if config.recipe.name != info.name or config.stage != config.stages:
        part = "" if config.stage == config.stages else f", stage {config.stage} of {config.stages}"
        raise Mistake(
            f"A training of {info.name} must start from a whole run of it, got one of {config.recipe.name}{part}.",
            f"Name a run of {info.name}, or train {config.recipe.name}.",
        )
    kept = info.checked(**config.recipe.arguments)
    return with_runs(kept, lambda name, run: store.embedded(start, config, name) or run)


def _planned(
    info: RecipeInfo[Any],
    arguments: Mapping[str, Any],
    rows: Inputs,
    record: store.DataRecord,
    train: Mapping[str, Any],
    start: Path | None,
) -> list[tuple[store.RunConfig, Codec]]:
    """The configurations and codecs of the stages; the models that told them are gone when training begins."""
    space, given = rows.data.space, rows.data.given_space
    check_pairs(info, rows.data)
    check_rows(rows.data)
    with seeded(merged(info, TrainConfig(), train).seed), bounded():
        stages = list(stages_of(info(space, given, **arguments)))
    planned = []
    for k, (stage, part) in enumerate(zip(stages, parts_of(train, [stage.share for stage in stages]), strict=True), 1):
        check_finite(info.name, seen_by(stage, rows).data, stage.model)
        config = store.RunConfig(
            recipe=store.RecipeRecord(name=info.name, arguments=info.plain(arguments)),
            train=_settled(merged(info, stage.config, part)),
            stage=k,
            stages=len(stages),
            start=None if start is None else str(start),
            space=space.to_json(),
            given=store.given_to_json(given),
            data=record,
            parameters=stage.model.parameter_count,
            versions=store.versions(),
            command=store.command(),
        )
        if start is not None:
            _check_start(start, config, stage.model)
        planned.append((config, codec_of(stage.model, rows.data)))
    return planned


def _settled(config: TrainConfig) -> TrainConfig:
    """The configuration with the precision that auto means here; it is told, and stands in the run from now on."""
    settled = resolved(config)
    if settled is not config:
        why = half_on(device_named(config.device)).why
        logging.getLogger("genzoo").info("precision auto is %s: %s", settled.precision, why)
    return settled


def _check_start(start: Path, config: store.RunConfig, model: Trainable) -> None:
    """Refuses to start a stage from weights that are not of its model."""
    whole = config.stage == config.stages
    kept = store.read_weights((start if whole else start / store.STAGE.format(config.stage)) / store.WEIGHTS)
    model = model.double() if config.train.precision == "float64" else model
    if differences := store.differing(kept, model.state_dict()):
        raise Mistake(
            f"The weights of {start} must fit the new model; {'; '.join(differences[:3])}.",
            "Give the recipe the arguments of that run, data of its space and conditions, and its precision.",
        )


def _embed(path: Path, arguments: Mapping[str, Any], start: Path | None) -> None:
    """Copies the runs that this one stands on into its folder; one process does."""
    runs: dict[str, str | Path] = {} if start is None else {store.START: start}
    with_runs(arguments, runs.setdefault)
    for name, run in runs.items() if int(os.environ.get("RANK", 0)) == 0 else ():
        store.embed(Path(run), path, name)


def _begin(path: Path, config: store.RunConfig, codecs: Codecs) -> None:
    """Makes the folder and writes down what the run depends on; one process does."""
    if int(os.environ.get("RANK", 0)) > 0:
        return
    if (path / store.CONFIG).exists() and not _restarted():
        raise Mistake(
            f"The run's folder must be new, and {str(path)!r} already holds a run.",
            f"Go on with it by genzoo train --resume {path}, or choose another --out.",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / store.CARD).write_text(card(path, config, []))
    except OSError as error:
        raise Mistake(f"The run's folder must be writable: {error}.", "Choose another --out.") from None
    given = {name: codec.to_json() for name, codec in codecs.given.items()}
    write_json(path / store.CODEC, {"x": codecs.x.to_json(), "given": given})
    write_json(path / store.CONFIG, config.model_dump(mode="json"))
