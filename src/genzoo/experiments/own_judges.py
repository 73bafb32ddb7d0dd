"""Judges of the user's own data: small networks trained on the labels that the data have, or on the images alone.

A judge gets a fixed share of a comparison's budget, and few passes over few rows. It is kept in the cache by what it
was trained on, so that all that is compared is seen by the same eyes; its record tells what it cost and how many
validation rows it names rightly. Test rows play no part.
"""

import contextlib
import copy
import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.core import Space, Trainable, seeded
from genzoo.core.given import as_given, as_given_space
from genzoo.data import Augmented, Data, Rows, read
from genzoo.data.augment import parse
from genzoo.data.cache import cache_folder
from genzoo.data.data import fingerprint
from genzoo.evaluation.all_stages import with_all_stages
from genzoo.evaluation.judge import Judge, JudgeSettings, read_judge, span_of, write_judge
from genzoo.experiments.contrast import Contrast
from genzoo.training import TrainConfig, Trained, train

__all__ = ["judge_of_labels", "judge_of_views", "label_of"]

EVERY = ("*",)  # all that rows could be conditioned on
SIDE = 32  # pixels; larger images are shown to a judge at this size
CLASSES, PER_CLASS, HELD_OUT = 100, 10, 50  # at most, and rows of a class and validation rows at least
PASSES, PILOT = 60, 6  # over the rows, at most; steps that tell what one costs
FAR = 0.25  # of the way from chance to no error: what a judge's validation accuracy must reach
NAMES = ("label", "class", "kind", "digit", "category", "target", "y")
LABELS: dict[str, Any] = {"lr": 4e-3, "weight_decay": 0.05, "precision": "auto"}
VIEWS: dict[str, Any] = {"lr": 2e-3, "weight_decay": 0.01, "batch_size": 256, "precision": "auto"}


class Label(NamedTuple):
    """A label of every row: its name, its values (negative where it is missing), its classes and its space."""

    name: str
    rows: Tensor
    classes: tuple[str, ...]
    space: Space


def label_of(data: Data) -> Label | None:
    """A label of data that a judge can learn, if there is one: of few classes, each with some training rows.

    It need not be what models are conditioned on: data from a name or a path are read again for it.

    Args:
        data: The data.

    Example:
        >>> from genzoo.data import read
        >>> label_of(read("digits")).name, label_of(read("ring"))
        ('label', None)
    """
    able = [label for label in (*_labels(data), *_labels(_with_conditions(data))) if _is_learnable(label, data)]
    return min(able, key=lambda label: NAMES.index(label.name) if label.name in NAMES else len(NAMES), default=None)


def judge_of_labels(data: Data, seconds: float, folder: Path | None = None, *, seed: int = 0) -> Judge | None:
    """A judge trained on the labels of data; None where they have none, or it is not far better than chance.

    Args:
        data: Images or sounds. Whether models are conditioned on the label does not matter.
        seconds: Processor time that the training may take.
        folder: Where it is kept; by default the cache.
        seed: Names its first weights and the order of rows.
    """
    label = label_of(data)
    if label is None:
        return None
    key = fingerprint("labels", data.space, data.x, label.rows, *data.splits.values(), *([seed] if seed else []))

    def made() -> Judge:
        settings = _settings(data, label.classes)
        with seeded(seed):
            judge = Judge(settings).on(data.space, span_of(data))
        rows = _labeled(data, label, "train")
        trained = _trained(judge, rows, TrainConfig(**LABELS, seed=seed), seconds)
        title = f"a judge of the {label.name}s of {data.name}"
        held = _held_out(judge, _labeled(data, label, "valid"))
        record = _record(trained, title, len(rows), seconds) | {"label": label.name} | held
        return _with(judge, record)

    judge = _kept(made, f"labels-{key}", seconds, folder).on(data.space, span_of(data))
    said = judge.record
    return judge if said["accuracy"] >= said["chance"] + FAR * (1 - said["chance"]) else None


def judge_of_views(data: Data, seconds: float, folder: Path | None = None) -> Judge:
    """A judge trained on images alone: two views of one are to be alike, and unlike all others.

    Args:
        data: Images.
        seconds: Processor time that the training may take.
        folder: Where it is kept; by default the cache.
    """
    key = fingerprint("views", data.space, data.x, *data.splits.values())

    def made() -> Judge:
        with seeded(0):
            contrast = Contrast(Judge(_settings(data, ("any",))).on(data.space, span_of(data)))
        rows = dataclasses.replace(data.train, all_given=None, given_space=None)
        trained = _trained(contrast, rows, TrainConfig(**VIEWS), seconds)
        return _with(contrast.judge, _record(trained, f"a judge of views of {data.name}", len(rows), seconds))

    judge = _kept(made, f"views-{key}", seconds, folder).on(data.space, span_of(data))
    return with_all_stages(judge, data)


def _labels(data: Data | None) -> list[Label]:
    """The conditions of data that are labels."""
    if data is None or not data.paired or data.given is None:
        return []
    alone = isinstance(data.given, Tensor)
    asked = (data.origin or {}).get("given", "label")
    rows, spaces = as_given(data.given), as_given_space(data.given_space)
    return [
        Label(asked if alone and isinstance(asked, str) else name, rows[name], _classes(data, name, space), space)
        for name, space in spaces.items()
        if space.levels is not None and space.shape == ()
    ]


def _with_conditions(data: Data) -> Data | None:
    """The data with all that they could be conditioned on, where they can be read again and there is something."""
    if data.origin is None or not data.paired:
        return None
    try:
        found = read(**{**data.origin, "given": EVERY})
    except (ValueError, OSError):
        return None
    return found if len(found) == len(data) else None


def _classes(data: Data, name: str, space: Space) -> tuple[str, ...]:
    key = "" if isinstance(data.given, Tensor) else name
    return tuple(data.classes.get(key) or map(str, range(space.levels or 0)))


def _is_learnable(label: Label, data: Data) -> bool:
    known = label.rows[data.splits["train"]]
    kinds, classes = known[known >= 0].unique().numel(), len(label.classes)
    enough = len(known) >= PER_CLASS * classes and len(data.splits["valid"]) >= HELD_OUT
    return kinds >= 2 and classes <= CLASSES and enough


def _settings(data: Data, classes: tuple[str, ...]) -> JudgeSettings:
    """A network that suits the size of the images, or the length of the sounds."""
    rate, levels = getattr(data.codec, "rate", None), data.space.levels
    if rate is not None:
        return JudgeSettings(data.name, (min(rate, data.space.shape[0]),), classes, (16, 32, 64), levels, rate=rate)
    channels, *size = data.space.shape
    shown = [max(4, round(side * min(1.0, SIDE / max(size)))) for side in size]
    widths = (16, 32, 64) if channels == 1 else (24, 48, 96)
    return JudgeSettings(data.name, (channels, *shown), classes, widths, levels, stride=1 if min(shown) <= 16 else 2)


def _labeled(data: Data, label: Label, split: str) -> Rows:
    """The rows of a split that have the label, with it as their condition; training images shift a little."""
    numbers = data.splits[split]
    numbers = numbers[label.rows[numbers] >= 0]
    view = data.view if split == "train" else None
    if split == "train" and view is None and len(data.space.shape) == 3:
        view = _shifted(data)
    return Rows(data.x, label.rows, numbers, data.space, label.space, view)


def _shifted(data: Data) -> Augmented:
    most = max(1, min(data.space.shape[1:]) // 14)
    return Augmented(data.x, data.space, parse(f"shift={most}:reflect"))


def _trained(model: Trainable, rows: Rows, config: TrainConfig, seconds: float) -> Trained:
    """A training of so many core-seconds, but of no more than some passes."""
    config = config.model_copy(update={"batch_size": min(config.batch_size, max(2, len(rows)))})
    pilot = train(copy.deepcopy(model), rows, config.model_copy(update={"steps": PILOT}), say=_quiet)
    each, most = max(1e-6, pilot.core_seconds / PILOT), PASSES * -(-len(rows) // config.batch_size)
    budget = {"steps": most} if most * each < seconds else {"core_minutes": seconds / 60}
    return train(model, rows, config.model_copy(update=budget), say=_quiet)


def _held_out(judge: Judge, rows: Rows) -> dict[str, float]:
    """The share of validation rows that are named rightly, and that which the commonest class would name."""
    x, label = rows.gather(torch.arange(len(rows)))
    if not isinstance(label, Tensor):
        raise TypeError(f"Rows must have one label each, got {type(label).__name__}.")
    right = (judge.probabilities(x).argmax(1) == label).double().mean().item()
    chance = label.bincount().max().item() / len(label)
    return {"accuracy": right, "chance": chance, "validation_rows": len(label)}


def _record(trained: Trained, title: str, rows: int, seconds: float) -> dict[str, Any]:
    return {
        "title": title,
        "rows": rows,
        "steps": trained.steps,
        "core_seconds": round(trained.core_seconds, 1),
        "budget": seconds,
    }


def _with(judge: Judge, record: dict[str, Any]) -> Judge:
    judge.record = record
    return judge


def _kept(made: Any, name: str, seconds: float, folder: Path | None) -> Judge:
    """A judge from the cache, or a new one where there is none that was given as much time."""
    path = (folder or cache_folder()) / f"judge-{name}.safetensors"
    with contextlib.suppress(OSError, ValueError, KeyError):
        judge = read_judge(path)
        if judge.record["budget"] >= seconds:
            return judge
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    write_judge(made().eval(), draft)
    os.replace(draft, path)
    return read_judge(path)


def _quiet(remark: str) -> None:
    """Remarks of a judge's training are nobody's business."""
