"""Contestants: recipes with their settings, trained alike, or found as finished runs."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genzoo.data import Data
from genzoo.training.callbacks import Callback
from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.zoo import store
from genzoo.zoo.loading import Run, load
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.recipe import recipe_named
from genzoo.zoo.run import check_fits, resume, train

__all__ = [
    "Callbacks",
    "Contestant",
    "budget_in_words",
    "contestant_of",
    "finished",
    "require_fitting",
    "require_same",
    "spent_by",
    "trained",
    "wanted_of",
]

Callbacks = Callable[[str], Sequence[Callback]]


@dataclass(frozen=True)
class Contestant:
    """A recipe that takes part in a comparison.

    Args:
        label: Its name there.
        recipe: The recipe's name.
        settings: The recipe's arguments.
        train: Fields of `TrainConfig` of its own.
    """

    label: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its label as the name of a folder."""
        return re.sub(r"[^\w.=-]+", "-", self.label)


def contestant_of(words: str) -> Contestant:
    """A contestant from words: a recipe, and after colons its settings or those of its training.

    Args:
        words: As `gpt` or `gpt:width=64:batch_size=8`.

    Raises:
        Mistake: If the recipe or a setting is unknown.

    Example:
        >>> contestant_of("vae:latent=8:lr=1e-4")
        Contestant(label='vae:latent=8:lr=1e-4', recipe='vae', settings={'latent': 8}, train={'lr': 0.0001})
    """
    import yaml

    name, *pairs = words.strip().split(":")
    known, own, how = recipe_named(name).arguments.model_fields, dict[str, Any](), dict[str, Any]()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Mistake(f"A setting is written name=value, got {pair!r}.", f"Write {name}:{key}=…")
        if key not in known and key not in TrainConfig.model_fields:
            raise unknown(f"setting of {name}", key, [*known, *TrainConfig.model_fields])
        number = re.fullmatch(r"[-+]?\d+e[-+]?\d+", value)  # which YAML takes for a word
        if key in known:
            own[key] = float(value) if number else yaml.safe_load(value)
        else:
            how[key] = None if value == "none" else float(value) if number else yaml.safe_load(value)
    info = recipe_named(name)
    if not info.samples(info.checked(**own)):
        raise Mistake(f"{name} has no samples to compare.", f"Give its codes a density: {name}:prior=mixture.")
    return Contestant(words.strip(), name, own, how)


def trained(
    contestant: Contestant,
    data: Data,
    path: Path,
    callbacks: Sequence[Callback],
    **settings: Any,
) -> Run:
    """The contestant's run: trained, or gone on with, or found as it was finished.

    Args:
        contestant: What is trained.
        data: The data.
        path: The run's folder.
        callbacks: What watches.
        settings: Fields of `TrainConfig` for all.

    Raises:
        Mistake: If the folder holds another run.
    """
    wanted = wanted_of(contestant, settings)
    if not require_same(contestant, data, path, wanted):
        return train(contestant.recipe, data, out=path, settings=contestant.settings, callbacks=callbacks, **wanted)
    return load(path) if (path / store.WEIGHTS).exists() else resume(path, callbacks=callbacks)


def wanted_of(contestant: Contestant, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `TrainConfig` that a contestant is trained with: those of all, then its own; no budget that is None.

    Args:
        contestant: What is trained.
        settings: Fields of `TrainConfig` for all.
    """
    said = {name: value for name, value in settings.items() if value is not None or name not in BUDGETS}
    return said | dict(contestant.train)


def require_same(contestant: Contestant, data: Data, path: Path, wanted: Mapping[str, Any]) -> bool:
    """Whether a folder holds the contestant's run, which may be gone on with.

    Args:
        contestant: What is to be trained.
        data: The data.
        path: The run's folder.
        wanted: Fields of `TrainConfig`.

    Raises:
        Mistake: If the folder holds another run.
    """
    if not (path / store.CONFIG).exists():
        return False
    config = store.read_config(path)
    arguments = config.recipe.arguments
    same = (
        config.recipe.name == contestant.recipe
        and all(arguments.get(key) == value for key, value in contestant.settings.items())
        and config.data.fingerprint == data.fingerprint
        and (config.stages > 1 or all(getattr(config.train, key) == value for key, value in wanted.items()))
    )
    if not same:
        raise Mistake(f"{path} holds another run than {contestant.label} would be.", "Choose another --out.")
    return True


def require_fitting(contestants: Sequence[Contestant], data: Data) -> None:
    """Refuses contestants that cannot be built for some data: all of them at once, before the first training.

    Args:
        contestants: What is to be trained.
        data: The data.

    Raises:
        Mistake: If one does not fit; it says which do.
    """
    refusals = {}
    for contestant in contestants:
        try:
            check_fits(contestant.recipe, data, contestant.settings)
        except (ValueError, TypeError, RuntimeError, MemoryError) as problem:
            refusals[contestant.label] = str(problem)
    if refusals:
        rest = ",".join(each.label for each in contestants if each.label not in refusals)
        said = "; ".join(f"{label}: {reason}" for label, reason in refusals.items())
        raise Mistake(
            f"Every model must fit {data.name} before the first is trained, got {len(refusals)} that do not. {said}",
            f"Leave them out: --models {rest}" if rest else "Choose others: genzoo list.",
        )


def finished(paths: Sequence[Path]) -> dict[str, Run]:
    """Finished runs by the names they have in a comparison: their recipes', or their folders' where those meet.

    Args:
        paths: The runs' folders.

    Raises:
        Mistake: If they were trained on different data.
    """
    runs = {path: load(path) for path in paths}
    prints = {run.config.data.fingerprint for run in runs.values()}
    if len(prints) > 1:
        raise Mistake(
            f"Compared runs must be of the same data and split, got {len(prints)} fingerprints: "
            f"{', '.join(sorted(prints))}.",
            "Train them on the same data, or compare those that were.",
        )
    names = [run.config.recipe.name for run in runs.values()]
    met = {name for name in names if names.count(name) > 1}
    return {path.name if run.config.recipe.name in met else run.config.recipe.name: run for path, run in runs.items()}


def spent_by(run: Run, clock: str) -> float:
    """What a training took by a clock, all its stages together.

    Args:
        run: The run.
        clock: "seconds" or "core_seconds".
    """
    stages = [store.read_metrics(folder) for folder in store.stage_folders(run.path, run.config)[:-1]]
    return sum(float(rows[-1][clock]) for rows in (*stages, run.metrics) if rows)


def budget_in_words(settings: Mapping[str, Any]) -> str:
    """A budget as the report tells it.

    Args:
        settings: Fields of `TrainConfig`.

    Example:
        >>> budget_in_words({"core_minutes": 5})
        '5 core-minutes each'
    """
    for name, unit in zip(BUDGETS, ("steps", "minutes", "core-minutes"), strict=True):
        if settings.get(name) is not None:
            return f"{settings[name]:,g} {unit} each"
    return "each recipe's own budget"
