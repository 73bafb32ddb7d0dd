"""Runs: train a recipe on data into a folder, load it back, go on from where it stopped."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from genzoo._files import read_json, told
from genzoo.core.game import Trainable
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.data import Codec, Data, codec_from_json
from genzoo.data.codecs.catalog import check_codec
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import CheckpointError, write_json
from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.training.precision import device_named, half_on, resolved
from genzoo.zoo import store
from genzoo.zoo.bounds import bounded
from genzoo.zoo.card import card
from genzoo.zoo.inputs import Inputs, check_finite, inputs_of, record_of, same_data, seen_by
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import RecipeInfo, recipe_named, with_runs
from genzoo.zoo.settings import merged, parts_of
from genzoo.zoo.stages import codec_of, continued, loaded, stages_of

__all__ = ["Codecs", "Run", "load", "read_codecs", "resume", "train"]


class Codecs(NamedTuple):
    """The ways between rows and files.

    Attributes:
        x: Of what the model makes.
        given: Of the conditions that are more than numbers, by name.
    """

    x: Codec
    given: Mapping[str, Codec]


@dataclass(frozen=True)
class Run:
    """A trained model with its folder.

    Attributes:
        path: The folder.
        config: All that the run depends on.
        model: The model, in eval mode; `generative` is the same where it is a distribution of x.
        codec: Turns its samples into files.
        metrics: The rows of metrics of its training.
        given_codecs: Read the conditions that are more than numbers, by name, from words and files.
    """

    path: Path
    config: store.RunConfig
    model: Trainable
    codec: Codec
    metrics: list[dict[str, Any]] = field(repr=False)
    given_codecs: Mapping[str, Codec] = field(default_factory=dict)

    def __repr__(self) -> str:
        steps = f"{self.metrics[-1]['step']:,} steps" if self.metrics else "no step"
        return f"Run({str(self.path)!r}: {self.config.recipe.name} on {self.data_name}, {steps})"

    @property
    def data_name(self) -> str:
        """The name of the data it was trained on."""
        return self.config.data.name

    @property
    def generative(self) -> GenerativeModel:
        """The model, as one of x.

        Raises:
            Mistake: If it is none, but an encoder, say, that a later stage stands on.
        """
        if not isinstance(self.model, GenerativeModel):
            raise Mistake(
                f"A run must be of a model of x to be asked this, got {type(self.model).__name__} in {self.path}.",
                "Ask the run of which it is a stage.",
            )
        return self.model

    def data(self, *, online: bool = False) -> Data:
        """The data it was trained on, read again from where they came.

        Args:
            online: Whether they may be fetched from the hub, at the commit that the run names.

        Raises:
            Mistake: If they were given as tensors, are no longer the same, or would have to be fetched.
        """
        return same_data(self.config, online=online).data


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
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> run.model.sample(2, seed=0).shape
        torch.Size([2, 2])
        >>> torch.equal(load(run.path).model.sample(2, seed=0), run.model.sample(2, seed=0))
        True
    """
    if _restarted() and out is not None and (Path(out) / store.CONFIG).exists():
        named = store.read_config(Path(out)).data.origin is not None
        return resume(out, data=None if named else data, callbacks=callbacks)
    info = recipe_named(recipe) if isinstance(recipe, str) else recipe
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


def load(path: str | Path) -> Run:
    """The run in a folder, with its model ready to use.

    Args:
        path: The run's folder.

    Raises:
        Mistake: If the folder is no run, was written in another format, or its weights are missing or do not fit.

    Example:
        >>> load("no/such/run")
        Traceback (most recent call last):
        ...
        genzoo.zoo.mistakes.Mistake: A run must be a folder, got 'no/such/run', which is none. ...
    """
    path = Path(path)
    config = store.read_config(path)
    codecs = read_codecs(path)
    _check_codecs(path, config, codecs)
    return Run(path, config, loaded(path, config), codecs.x, store.read_metrics(path), codecs.given)


def read_codecs(path: Path) -> Codecs:
    """The codecs in a run's folder.

    Raises:
        Mistake: If their file is missing or spoilt.
    """
    with told(str(path / store.CODEC), "say how samples become files", "Restore it.", Mistake):
        kept = read_json(path / store.CODEC)
        given = {name: codec_from_json(fields) for name, fields in kept["given"].items()}
        return Codecs(codec_from_json(kept["x"]), given)


def _check_codecs(path: Path, config: store.RunConfig, codecs: Codecs) -> None:
    """Refuses codecs that are of other rows than the run."""
    space, given = config.spaces
    spaces = given if isinstance(given, Mapping) else {"": given}
    with told(str(path / store.CODEC), "fit the run", "Restore it.", Mistake):
        check_codec(codecs.x, space)
        for name, codec in codecs.given.items():
            check_codec(codec, spaces[name])


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
