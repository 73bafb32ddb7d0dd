"""Runs: train a recipe on data into a folder, load it back, go on from where it stopped."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import ValidationError
from torch.utils.data import DataLoader

from genzoo.core.errors import ColumnError
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.data import Codec, Data, codec_from_json, read
from genzoo.data.codecs.table import TableCodec
from genzoo.data.view import BINARIZE
from genzoo.training.callbacks import Callback, SampleGrid, TensorBoard
from genzoo.training.checkpoint import checkpoints, write_json
from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.training.loop import train as play
from genzoo.training.order import rows_of
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.conditions import grid_conditions
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import Recipe, RecipeInfo, invalid, recipe_named, recipes

__all__ = ["Run", "load", "resume", "train"]

GRID = 64  # samples of a picture
STAGE_ONE = "stage-1"  # the folder of a first stage, in its run's


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
        return _same_data(self.config).data


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
        >>> import tempfile
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> run.model.sample(2, seed=0).shape
        torch.Size([2, 2])
        >>> torch.equal(load(run.path).model.sample(2, seed=0), run.model.sample(2, seed=0))
        True
    """
    info = recipe_named(recipe) if isinstance(recipe, str) else recipe
    arguments = info.checked(**settings or {})
    rows = _read(data, {"given": given, "binarize": binarize})
    data = rows.data
    if rows.valid is None:
        train = {"keep": "last"} | train  # without rows to choose by, the last weights are kept
    with seeded(_merged(info, TrainConfig(), train).seed):
        stages = stages_of(info(data.space, data.given_space, **arguments))
    _check_finite(info.name, data, stages[-1].model)
    if out is None and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise Mistake("Several processes must be told one folder, got none.", "Name it with --out.")
    path = Path(out) if out is not None else store.fresh_folder(f"{info.name}-{data.name}")
    configs = []
    for stage, built in enumerate(stages, start=1):
        config = store.RunConfig(
            recipe=store.RecipeRecord(name=info.name, arguments=info.plain(arguments)),
            train=_merged(info, built.config, _part_of(train, built.share if len(stages) > 1 else 1.0)),
            stage=stage if len(stages) > 1 else None,
            space=data.space.to_json(),
            given=store.given_to_json(data.given_space),
            data=_record(rows, given),
            parameters=built.model.parameter_count,
            versions=store.versions(),
            command=store.command(),
        )
        _begin(path if stage == len(stages) else path / STAGE_ONE, config, data.codec)
        configs.append(config)
    return _continued(path, configs, rows, callbacks)


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
    rows = _same_data(config, data)
    before = [store.read_config(path / STAGE_ONE)] if config.stage == 2 else []
    return _continued(path, [*before, config], rows, callbacks)


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
    model = _rebuilt(config)
    store.fill(model, path / store.WEIGHTS)
    return Run(path, config, model.eval(), read_codec(path), store.read_metrics(path))


def read_codec(path: Path) -> Codec:
    """The codec in a run's folder.

    Raises:
        Mistake: If its file is missing or spoilt.
    """
    try:
        return codec_from_json(json.loads((path / store.CODEC).read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{path / store.CODEC} must say how samples become files: {error}.", "Restore it.") from None


class _Rows(NamedTuple):
    """The data, and what is trained and validated on."""

    data: Data
    source: Any
    valid: Any


def _read(data: Any, asked: Mapping[str, Any]) -> _Rows:
    """Data as genzoo reads them; a DataLoader trains as it comes, and its first rows say what one x is."""
    if isinstance(data, DataLoader):
        return _Rows(dataclasses.replace(read(_first_rows(data)), name="loader"), data, None)
    asked = {name: value for name, value in asked.items() if value is not None}
    if isinstance(data, Data):
        asked = {name: value for name, value in asked.items() if (data.origin or {}).get(name) != value}
    if asked.get("binarize", BINARIZE[0]) not in BINARIZE:
        raise unknown("way to binarize", asked["binarize"], BINARIZE)
    found = read(data, **asked)
    return _Rows(found, found.train, found.valid if len(found.valid) else None)


def _first_rows(loader: DataLoader[Any], enough: int = 4096) -> Any:
    """Some rows of a foreign loader: a tensor, or a pair of rows and conditions."""
    xs, givens, seen = [], [], 0
    for batch in loader:
        x, given = rows_of(batch)
        xs.append(x)
        givens.append(given)
        seen += len(x)
        if seen >= enough:
            break
    if not xs:
        raise Mistake("A DataLoader must yield at least one batch, got none.", "Check its data set and sampler.")
    if givens[0] is None:
        return torch.cat(xs)
    if isinstance(givens[0], torch.Tensor):
        return torch.cat(xs), torch.cat(givens)
    return torch.cat(xs), {name: torch.cat([given[name] for given in givens]) for name in givens[0]}


def _merged(info: RecipeInfo[Any], published: TrainConfig, wanted: Mapping[str, Any]) -> TrainConfig:
    """The recipe's train settings under the user's: a budget of either kind replaces the recipe's."""
    known = TrainConfig.model_fields
    for key in wanted:
        if key not in known:
            raise unknown("train setting", key, known)
        if key in info.arguments.model_fields:  # its players bring their own, which the engine lets stand
            raise Mistake(f"Recipe {info.name} sets {key} itself.", f"Use --set {key}=…, or settings={{{key!r}: …}}.")
    fields = published.model_dump()
    wanted = {key: value for key, value in wanted.items() if value is not None}
    if wanted.keys() & set(BUDGETS):
        fields |= dict.fromkeys(BUDGETS)
    try:
        return TrainConfig(**fields | wanted)
    except ValidationError as error:
        raise invalid(f"training {info.name}", error) from None


def _record(rows: _Rows, given: Any) -> store.DataRecord:
    data, foreign = rows.data, isinstance(rows.source, DataLoader)
    given = (data.origin or {}).get("given", given)
    return store.DataRecord(
        name=data.name,
        origin=None if data.origin is None else dict(data.origin),
        given=[given] if isinstance(given, str) else (list(given) if given is not None else None),
        fingerprint="" if foreign else data.fingerprint,
        rows={} if foreign else {name: len(data.split(name)) for name in ("train", "valid", "test")},
        classes=dict(data.classes),
    )


def _check_finite(name: str, data: Data, model: GenerativeModel, piece: int = 1 << 16) -> None:
    """Refuses infinite values, and missing ones where the model cannot marginalise them."""
    if data.space.is_discrete or data.space.ragged:
        return
    bad = torch.zeros(2, data.space.dims, dtype=torch.int64)
    for start in range(0, len(data.x), piece):
        part = data.x[start : start + piece].flatten(1)
        bad += torch.stack([part.isinf().sum(0), part.isnan().sum(0)])
    infinite, lacking = (found.nonzero().flatten().tolist() for found in bad)
    if infinite:
        raise _named(
            data.codec, ColumnError(infinite, "must be finite, got infinite values.", "Drop those rows, or clip them.")
        )
    if lacking and not model.can("missing"):
        cause = f"must have no missing values for {name}, got {int(bad[1].sum()):,}."
        able = ", ".join(other for other, info in recipes().items() if "missing" in info.can)
        fix = f"Read the data with missing=drop or missing=impute, or take one that marginalises them: {able}."
        raise _named(data.codec, ColumnError(lacking, cause, fix))


def _named(codec: Codec, error: ColumnError) -> Mistake:
    """An error about columns, with their names where there are any."""
    error = error.named(codec.columns) if isinstance(codec, TableCodec) else error
    return Mistake.of(error)


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


def _played(
    path: Path,
    config: store.RunConfig,
    model: GenerativeModel,
    rows: _Rows,
    callbacks: Sequence[Callback],
    *,
    resume: bool,
) -> Run:
    if config.stage == 1 and model.given is None:
        rows = _without_conditions(rows)  # they are the second stage's
    codec = rows.data.codec
    watching = [
        SampleGrid(path / "samples", codec, GRID, grid_conditions(rows.data, GRID)),
        *_boards(path),
        *callbacks,
    ]
    try:
        done = play(model, rows.source, config.train, valid=rows.valid, run=path, callbacks=watching, resume=resume)
    except ColumnError as error:
        raise _named(codec, error) from None
    if int(os.environ.get("RANK", 0)) == 0:
        (path / store.CARD).write_text(card(path, config, done.metrics))
    return Run(path, config, done.model, codec, done.metrics)


def _boards(path: Path) -> list[Callback]:
    """TensorBoard, on one process, if it is installed."""
    if int(os.environ.get("RANK", 0)) > 0:
        return []
    try:
        return [TensorBoard(path / "tensorboard")]
    except ImportError:
        return []


def _without_conditions(rows: _Rows) -> _Rows:
    """The same rows, unconditional."""
    if isinstance(rows.source, DataLoader):
        raise Mistake(
            "The first stage of this recipe is unconditional, and a DataLoader's conditions come with its rows.",
            "Read the data by genzoo.read instead.",
        )
    data = dataclasses.replace(rows.data, given=None, given_space=None, classes={})
    return _Rows(data, data.train, data.valid if len(data.valid) else None)


def _continued(path: Path, stages: Sequence[store.RunConfig], rows: _Rows, callbacks: Sequence[Callback]) -> Run:
    """Goes on with a run from wherever it stands: in its first stage, between the two, or in its last."""
    config = stages[-1]
    begun = bool(checkpoints(path / "checkpoints"))  # killed before the first one: the beginning is where it stopped
    first = None
    if len(stages) == 2 and not begun:
        folder = path / STAGE_ONE
        if not (folder / store.WEIGHTS).exists():
            _continued(folder, stages[:1], rows, callbacks)
        first = load(folder).model
    return _played(path, config, _rebuilt(config, first), rows, callbacks, resume=begun)


def _rebuilt(config: store.RunConfig, first: GenerativeModel | None = None) -> GenerativeModel:
    """The model of a run, untrained; its second stage over the first one's model, where that is trained."""
    info, (space, given) = recipe_named(config.recipe.name), config.spaces
    with seeded(config.train.seed):
        built = info(space, given, **config.recipe.arguments)
        if config.stage == 2 and built.then is not None:
            built = built.then(built.model if first is None else first)
    return built.model.double() if config.train.precision == "float64" else built.model


def stages_of(built: Recipe) -> list[Recipe]:
    """The stages of a recipe, each with its share of the budget; the second over the untrained first."""
    if built.then is None:
        return [built]
    return [built._replace(share=1 - built.share), built.then(built.model)._replace(share=built.share)]


def _part_of(wanted: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The user's train settings with a share of the budget, if they name one."""
    part = dict(wanted)
    for name in BUDGETS[1:]:
        if part.get(name) is not None:
            part[name] *= share
    if part.get("steps") is not None:
        part["steps"] = max(1, round(part["steps"] * share))
    return part


def _same_data(config: store.RunConfig, data: Any = None) -> _Rows:
    said = config.data
    if data is None and said.origin is None:
        raise Mistake("This run was trained on tensors, which must be given again, got none.", "Pass data=…")
    asked = said.asked() | {"source": said.asked().get("source") if data is None else data}
    rows = _read(asked.pop("source"), asked)
    if said.fingerprint and rows.data.fingerprint != said.fingerprint:
        raise Mistake(
            f"The data must be those of the run ({said.fingerprint}), got others ({rows.data.fingerprint}).",
            f"Restore {said.asked().get('source', 'the tensors')} as at the time, or train a new run.",
        )
    return rows
