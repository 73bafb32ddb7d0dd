"""What a run is trained on: data read or met again, refused where a model could not use them, and their record."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch.utils.data import DataLoader

from genzoo._words import named
from genzoo.core.errors import ColumnError
from genzoo.core.game import Trainable
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import seeded
from genzoo.core.space import Space
from genzoo.data import ArrayCodec, Codec, Data, read, toy
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import SpellingCodec
from genzoo.data.dates import DateForm
from genzoo.data.forms import Form
from genzoo.data.readers.hub import is_pinned, is_remote
from genzoo.data.recode import kinds_of, recoded
from genzoo.data.respell import asked_of_texts, respelled, with_conditions_respelled
from genzoo.data.view import BINARIZE
from genzoo.training.order import rows_of
from genzoo.zoo import store
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import Recipe, RecipeInfo, recipes

__all__ = [
    "Inputs",
    "check_finite",
    "check_pairs",
    "check_rows",
    "inputs_of",
    "other_data",
    "record_of",
    "same_data",
    "seen_by",
    "with_names",
]


class Inputs(NamedTuple):
    """The data, and what is trained and validated on."""

    data: Data
    source: Any
    valid: Any


def inputs_of(data: Any, asked: Mapping[str, Any]) -> Inputs:
    """Data as genzoo reads them; a DataLoader trains as it comes, and its first rows say what one x is."""
    if isinstance(data, DataLoader):
        with seeded(0):  # a sampler that shuffles draws from the global state
            first = _first_rows(data)
        return Inputs(dataclasses.replace(_as_it_comes(first), name="loader"), data, None)
    asked = {name: value for name, value in asked.items() if value is not None}
    if isinstance(data, Data):
        asked = {name: value for name, value in asked.items() if (data.origin or {}).get(name) != value}
    if asked.get("binarize", BINARIZE[0]) not in BINARIZE:
        raise unknown("way to binarize", asked["binarize"], BINARIZE)
    found = read(data, **asked)
    return Inputs(found, found.train, found.valid if len(found.valid) else None)


def same_data(config: store.RunConfig, data: Any = None, *, online: bool = False) -> Inputs:
    """The data of a run, read again from where they came.

    Args:
        config: The run's.
        data: The data, if they were given as tensors.
        online: Whether they may be fetched.

    Raises:
        Mistake: If they were and are not given again, are no longer the same, or would have to be fetched.
    """
    said = config.data
    if data is None and said.origin is None:
        raise Mistake(
            "This run was trained on tensors, which must be given again, got none.",
            "Resume it in Python, as genzoo.resume(run, data=…).",
        )
    if data is None:
        _refuse_fetching(said.asked().get("source"), online)
    asked = said.asked() | {"source": said.asked().get("source") if data is None else data}
    rows = inputs_of(asked.pop("source"), asked)
    if said.fingerprint and rows.data.fingerprint != said.fingerprint:
        raise Mistake(
            f"The data must be those of the run ({said.fingerprint}), got others ({rows.data.fingerprint}).",
            f"Restore {said.asked().get('source', 'the tensors')} as at the time, or train a new run.",
        )
    return rows


def _refuse_fetching(source: Any, online: bool) -> None:
    """Raises if a run, which may be somebody else's, would fetch something unasked, or something that may change."""
    if not is_remote(source):
        return
    if not is_pinned(source):
        raise Mistake(
            f"The data of a run must be pinned by a commit to be fetched again, got {source!r}.",
            "Name them yourself, as --data hub:NAME@COMMIT, the commit in 40 hexadecimal digits.",
        )
    if not online:
        raise Mistake(
            f"The data of this run lie on the hub, {source!r}, and nothing is fetched unasked.",
            "Allow it by --online, or online=True.",
        )


def other_data(
    config: store.RunConfig,
    codec: Codec,
    source: str,
    unseen: Literal["error", "missing"] = "error",
    given_codecs: Mapping[str, Codec] | None = None,
) -> Data:
    """Data that a run has not seen, read as its own were; the words of a table are those of the run.

    Args:
        config: The run's.
        codec: Its codec.
        source: Where the data are.
        unseen: Whether words that the run has not seen are refused, or missing.
        given_codecs: Those of its conditions, by name.

    Raises:
        Mistake: If they are of another space.
    """
    said, (space, given) = config.data.asked(), config.spaces
    asked = {name: value for name, value in said.items() if name not in ("augment", "group", "source")}
    named = isinstance(codec, TableCodec | PointsCodec) and not _is_numbered(codec.columns)
    if named and source not in toy.names():  # which have columns and nothing to be asked
        asked |= {"x": list(codec.columns), "kinds": kinds_of(space, codec)}
        asked |= _how_written(codec.forms.values()) if isinstance(codec, TableCodec) else {}
    if isinstance(codec, SpellingCodec):
        asked = asked_of_texts(source, asked, space, codec)
    data = read(source, **asked)
    if isinstance(codec, SpellingCodec) and isinstance(data.codec, SpellingCodec):
        data = respelled(data, space, codec, said.get("length"))
    data = with_conditions_respelled(data, given, given_codecs or {})
    if named and isinstance(data.codec, TableCodec | PointsCodec):
        only = (config.data.given or ["given"])[0]
        data = recoded(data, space, codec, given, config.data.classes, only, unseen=unseen)
    if (data.space, data.given_space) != (space, given):
        same = data.space == space
        told = f"conditions ({given}), got {data.given_space}" if same else f"space ({space}), got {data.space}"
        raise Mistake(
            f"The data must be of the run's {told}.",
            f"Bring it to the form of {config.data.name}, which the run was trained on.",
        )
    return data


def _how_written(forms: Iterable[Form | DateForm]) -> dict[str, str]:
    """What is known of how numbers and dates are written, as `read` is told."""
    said = dict[str, str]()
    for form in forms:
        if isinstance(form, DateForm):
            said |= {"dates": form.order} if form.order else {}
        elif form.decimal == ",":
            said["decimal"] = ","
    return said


def _is_numbered(columns: Sequence[str]) -> bool:
    """Whether columns have the names that arrays get."""
    return list(columns) == [f"x{i + 1}" for i in range(len(columns))]


def seen_by(stage: Recipe, rows: Inputs) -> Inputs:
    """The inputs as a stage of a run sees them.

    Args:
        stage: The stage.
        rows: The inputs of the run.

    Raises:
        Mistake: If it sees them otherwise, and they come from a DataLoader.
    """
    if stage.sees is None:
        return rows
    if isinstance(rows.source, DataLoader):
        raise Mistake(
            "A stage of this recipe sees other rows or conditions than the run, and a DataLoader's come together.",
            "Read the data by genzoo.read instead.",
        )
    data = stage.sees(rows.data)
    return Inputs(data, data.train, data.valid if len(data.valid) else None)


def record_of(rows: Inputs, given: Any) -> store.DataRecord:
    """What a run remembers of its data."""
    data, foreign = rows.data, isinstance(rows.source, DataLoader)
    given = (data.origin or {}).get("given", given)
    return store.DataRecord(
        name=data.name,
        origin=None if data.origin is None else dict(data.origin),
        given=None if given is None else [named(word)[0] for word in ([given] if isinstance(given, str) else given)],
        fingerprint="" if foreign else data.fingerprint,
        rows={} if foreign else {name: len(data.split(name)) for name in ("train", "valid", "test")},
        classes=dict(data.classes),
        ranges={} if foreign else _ranges(data),
    )


def _ranges(data: Data) -> dict[str, tuple[float, float]]:
    """Where conditions that are a real number lie in training rows, all but a thousandth on either side."""
    known = {"": data.given} if isinstance(data.given, torch.Tensor) else dict(data.given or {})
    index = data.splits["train"]
    found = {}
    for name, rows in known.items():
        if rows.ndim == 1 and rows.is_floating_point() and data.paired:
            there = rows[index][rows[index].isfinite()].double().sort().values
            if len(there):
                out = (len(there) - 1) // 1000
                found[name] = (there[out].item(), there[len(there) - 1 - out].item())
    return found


def check_finite(name: str, data: Data, model: Trainable, piece: int = 1 << 16) -> None:
    """Refuses infinite values, and missing ones where the model cannot marginalise them."""
    if data.space.is_discrete or data.space.ragged:
        return
    bad = torch.zeros(2, data.space.dims, dtype=torch.int64)
    for start in range(0, len(data.x), piece):
        part = data.x[start : start + piece].flatten(1)
        bad += torch.stack([part.isinf().sum(0), part.isnan().sum(0)])
    infinite, lacking = (found.nonzero().flatten().tolist() for found in bad)
    if infinite:
        raise with_names(
            data.codec, ColumnError(infinite, "must be finite, got infinite values.", "Drop those rows, or clip them.")
        )
    if lacking and not (isinstance(model, GenerativeModel) and model.can("missing")):
        cause = f"must have no missing values for {name}, got {int(bad[1].sum()):,}."
        able = ", ".join(other for other, info in recipes().items() if "missing" in info.can)
        fix = f"Read the data with missing=drop or missing=impute, or take one that marginalises them: {able}."
        raise with_names(data.codec, ColumnError(lacking, cause, fix))


def check_rows(data: Data) -> None:
    """Refuses a table with a single training row, of which nothing can be learned.

    Args:
        data: The data.

    Raises:
        Mistake: If there is but one.
    """
    if isinstance(data.codec, TableCodec | PointsCodec) and len(data.train) < 2:
        raise Mistake(
            f"A table must have at least 2 training rows, or nothing tells what differs, got {len(data.train)}.",
            "Give more rows, different ones.",
        )


def check_pairs(info: RecipeInfo[Any], data: Data) -> None:
    """Refuses x and conditions that are two sets where a recipe learns from pairs.

    Raises:
        Mistake: If they are two sets.
    """
    if "pairs" in info.wants and not data.paired:
        raise Mistake(
            f"{info.name} learns from pairs, got {data.name} as two sets.",
            "Read it without paired=false, or take cyclegan.",
        )


def with_names(codec: Codec, error: ColumnError) -> Mistake:
    """An error about columns, with their names where there are any."""
    error = error.named(codec.columns) if isinstance(codec, TableCodec) else error
    return Mistake.of(error)


def _as_it_comes(first: Any) -> Data:
    """Rows of a loader as data; reals keep their shape, since nothing brings later ones to another."""
    found, x = read(first), first[0] if isinstance(first, tuple) else first
    if found.space.is_discrete or found.x.shape == x.shape:
        return found
    return dataclasses.replace(found, space=Space(tuple(x.shape[1:])), x=x.float(), codec=ArrayCodec())


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
