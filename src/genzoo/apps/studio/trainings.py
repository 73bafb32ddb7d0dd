"""Trainings: from a form to a command, and what of a run can be watched."""

import itertools
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.studio.commands import Command, Commands
from genzoo.apps.studio.library import Library
from genzoo.apps.studio.sources import Sources, said
from genzoo.apps.studio.wire import Resumed, Trained
from genzoo.training.config import TrainConfig
from genzoo.training.journal import loss_words
from genzoo.zoo.mistakes import unknown
from genzoo.zoo.recipe import RecipeInfo, RunPath, recipe_named, recipes, with_runs
from genzoo.zoo.store import CONFIG, read_config, read_metrics

__all__ = ["begin", "form", "go_on", "told", "watched"]

KEPT = "checkpoints"  # what a training goes on from
POINTS = 400  # of a curve
NO_CURVES = ("event", "look")  # rows of the journal that tell when something was
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,79}", re.ASCII)  # of a run
SAMPLES = re.compile(r"step-(\d+)\.(png|txt|csv|wav)")


def told() -> list[dict[str, Any]]:
    """All recipes in a line each."""
    names = ("name", "family", "summary", "likelihood", "extra")
    return [{name: getattr(info, name) for name in names} for info in recipes().values()]


def form(name: str) -> dict[str, Any]:
    """A recipe's settings and those of training, with types, defaults and ranges: what a form is made of.

    Raises:
        Refusal: If there is no such recipe.
    """
    info = _recipe(name)
    runs = [key for key, field in info.arguments.model_fields.items() if _names_runs(field.annotation)]
    return info.to_json() | {"train": TrainConfig.model_json_schema(), "runs": runs, "wants": list(info.wants)}


def begin(library: Library, sources: Sources, commands: Commands, asked: Trained) -> Command:
    """Puts a training into the line.

    Raises:
        Refusal: With the words of the command line, if a name or a value is wrong.
    """
    if asked.name is not None and not NAME.fullmatch(asked.name):
        raise Refusal(400, "The name of a run must begin with a letter or digit and have at most 80 letters, digits, "
                      f"dots, - and _, got {asked.name!r:.120}. Change it.", "name", "invalid_name")  # fmt: skip
    info, train = _recipe(asked.recipe), asked.train
    try:
        settings = info.checked(**asked.settings)
        for name in train:
            if name not in TrainConfig.model_fields:
                raise unknown("setting of training", name, TrainConfig.model_fields)
        TrainConfig(**train)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refusal(400, f"{'.'.join(map(str, first['loc'])) or 'train'}: {first['msg']}. Correct it.", "train",
                      first["type"]) from None  # fmt: skip
    except ValueError as error:
        raise refused(error, "settings") from None
    plain = info.plain(with_runs(settings, lambda _, run: str(library.folder(str(run)))))
    words = [asked.recipe, f"--data={sources.word(asked.data)}", *said(asked.given, asked.x, asked.read)]
    words += _pairs("--set", {name: plain[name] for name in asked.settings}) + _pairs("--train", train)
    name = asked.name or f"{asked.recipe}-{re.sub(r'[^A-Za-z0-9]+', '-', Path(asked.data).stem)}"
    path = _free(library.home, name, {command.run for command in commands.under_way()})
    return commands.add(["train", *words, f"--out={path}"], path.name)


def go_on(library: Library, commands: Commands, asked: Resumed) -> Command:
    """Puts the rest of a training into the line.

    Raises:
        Refusal: If there is no such run, or it has more steps already.
    """
    path = library.folder(asked.model)
    rows, total = read_metrics(path), read_config(path).train.steps
    made = max((row["step"] for row in rows), default=0)
    if asked.steps is not None and asked.steps < max(total or 0, made):
        raise Refusal(400, f"Only steps may grow: it has made {made:,} of {total or made:,}, got {asked.steps:,}. Ask "
                      "for more.", "steps", "too_few")  # fmt: skip
    more = [] if asked.steps is None else [f"--steps={asked.steps}"]
    return commands.add(["train", f"--resume={library.folder(asked.model)}", *more], asked.model)


def watched(path: Path) -> dict[str, Any]:
    """The curves of a run so far, and the names of the samples that were drawn on the way.

    Args:
        path: Its folder; it may not be there yet.
    """
    rows = read_metrics(path) if path.is_dir() else []
    by_split: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_split.setdefault(row["split"], []).append(row)
    thin = {name: part[:: max(1, len(part) // POINTS)] for name, part in by_split.items() if name not in NO_CURVES}
    events = by_split.get("event", [])[-20:]
    last = rows[-1] if rows else {}
    total = read_config(path).train.steps if (path / CONFIG).is_file() else None
    about = {"step": last.get("step", 0), "total": total, "begun": (path / KEPT).is_dir()}
    about |= {"seconds": last.get("seconds"), "loss_is": loss_words(rows)}
    return about | {"curves": thin, "events": events, "samples": drawn_on_the_way(path)}


def drawn_on_the_way(path: Path) -> list[str]:
    """The files of samples that a training drew."""
    folder = path / "samples"
    return sorted(file.name for file in folder.iterdir() if SAMPLES.fullmatch(file.name)) if folder.is_dir() else []


def _free(home: Path, name: str, taken: Collection[str]) -> Path:
    """A new folder for a run, which no command that waits has either."""
    names = (name if k == 1 else f"{name}-{k}" for k in itertools.count(1))
    return next(home / each for each in names if each not in taken and not (home / each).exists())


def _recipe(name: str) -> RecipeInfo[Any]:
    try:
        return recipe_named(name)
    except ValueError as error:
        raise refused(error, "recipe") from None


def _names_runs(annotation: Any) -> bool:
    return annotation is RunPath or any(_names_runs(part) for part in get_args(annotation))


def _pairs(option: str, values: Mapping[str, Any]) -> list[str]:
    return [f"{option}={name}={json.dumps(value)}" for name, value in values.items()]
