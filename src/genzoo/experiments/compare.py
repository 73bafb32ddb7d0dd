"""Several families on the same split with the same budget, measured by one protocol.

The comparison is of recipes as they come: each brings its own settings, all get the same time or the same steps, and
the numbers stand beside each other only if they were made alike.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from genzoo.data import Data, read, toy
from genzoo.evaluation import Measurement, check_comparable, evaluate
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import write_json
from genzoo.zoo import store
from genzoo.zoo.conditions import grid_conditions
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.progress import Watch
from genzoo.zoo.recipe import recipe_named
from genzoo.zoo.run import Run, train

__all__ = ["Comparison", "Entry", "compare"]

Callbacks = Callable[[str], Sequence[Callback]]


@dataclass(frozen=True)
class Entry:
    """One recipe's part of a comparison.

    Attributes:
        name: The recipe.
        run: Its run.
        measurements: What was measured on the test rows.
        samples: Samples of the comparison's seed, for the picture.
        seconds: Wall time of its training.
    """

    name: str
    run: Run
    measurements: list[Measurement]
    samples: Tensor = field(repr=False)
    seconds: float

    def measured(self, name: str) -> Measurement | None:
        """The measurement of a name, if it was made."""
        return next((measurement for measurement in self.measurements if measurement.name == name), None)


@dataclass(frozen=True)
class Comparison:
    """Several recipes on the same data.

    Attributes:
        data: The data.
        entries: The recipes' parts, best first.
        budget: What each got, in words.
        path: The folder of the runs and the report.
        seed: What the trainings and the samples are named by.
    """

    data: Data
    entries: list[Entry]
    budget: str
    path: Path
    seed: int

    @property
    def columns(self) -> list[str]:
        """The names of all that was measured, in order."""
        return list(dict.fromkeys(m.name for entry in self.entries for m in entry.measurements))

    def best(self, name: str) -> set[str]:
        """The recipes that are best in a measurement, with those not told apart from the best by two standard errors.

        Args:
            name: The measurement.

        Raises:
            ValueError: If the measurements were not made by one protocol on the same rows.
        """
        found = {entry.name: m for entry in self.entries if (m := entry.measured(name)) is not None}
        check_comparable(list(found.values()))
        top = min(found.values(), key=lambda m: m.value)
        return {entry for entry, m in found.items() if m.value - top.value <= 2 * _both(m, top)}

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """The leaderboard: the names of its columns, and its rows; the last one is what real data reach."""
        best = {name: self.best(name) for name in self.columns}
        rows: list[list[Any]] = []
        for entry in self.entries:
            cells = []
            for name in self.columns:
                measurement = entry.measured(name)
                star = " *" if entry.name in best[name] else ""
                cells.append(f"{measurement}{star}" if measurement else None)
            steps = entry.run.metrics[-1]["step"] if entry.run.metrics else 0
            rows.append([entry.name, *cells, entry.run.config.parameters or None, steps, round(entry.seconds, 1)])
        floors = [self.floor(name) for name in self.columns]
        if any(floor is not None for floor in floors):
            rows.append(["floor", *(None if floor is None else f"{floor:.3g}" for floor in floors), None, None, None])
        return ["recipe", *(self._titled(name) for name in self.columns), "parameters", "steps", "seconds"], rows

    def floor(self, name: str) -> float | None:
        """What real data would reach in a measurement, if that is known."""
        found = [m.floor for entry in self.entries if (m := entry.measured(name)) is not None]
        return found[0] if found else None

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON."""
        entries = [
            {
                "recipe": entry.name,
                "run": str(entry.run.path),
                "parameters": entry.run.config.parameters,
                "seconds": entry.seconds,
                "measurements": [measurement.to_json() for measurement in entry.measurements],
            }
            for entry in self.entries
        ]
        return {
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
            "budget": self.budget,
            "seed": self.seed,
            "versions": store.versions(),
            "entries": entries,
        }

    def _titled(self, name: str) -> str:
        return f"{name} (nats/row)" if name == "−log p" else name


def compare(
    data: Any,
    recipes: Sequence[str] | Mapping[str, Mapping[str, Any]],
    *,
    given: str | Sequence[str] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    watch: Callbacks = lambda name: [Watch(name)],
    **train_settings: Any,
) -> Comparison:
    """Trains recipes on the same split with the same budget and measures them by one protocol.

    Args:
        data: What `genzoo.read` accepts.
        recipes: Names, or names with the settings of each.
        given: What to condition on, by name.
        out: The folder of the runs; by default a new one under `runs`.
        seed: Names every random draw.
        watch: Makes what watches a recipe's training, from its name.
        train_settings: Fields of `TrainConfig` for all, first of all steps=… or minutes=… (of each).

    Raises:
        Mistake: If fewer than one recipe is named, or a name is unknown.

    Example:
        >>> import tempfile
        >>> found = compare("moons", ["gaussian_mixture"], out=tempfile.mkdtemp() + "/c", steps=30, watch=lambda _: [])
        >>> found.columns
        ['−log p', 'Fréchet (raw values)']
    """
    settings = dict(recipes) if isinstance(recipes, Mapping) else {name: {} for name in recipes}
    if not settings:
        raise Mistake("At least one recipe must be named to compare, got none.", "See genzoo list.")
    for name, arguments in settings.items():
        recipe_named(name).checked(**arguments)
    source = data
    data = read(data, given=given)
    path = Path(out) if out is not None else store.fresh_folder(f"compare-{data.name}")
    entries = []
    for name, arguments in settings.items():
        began = time.monotonic()
        run = train(
            name,
            source,
            given=given,
            out=_free(path / name),
            settings=arguments,
            callbacks=watch(name),
            seed=seed,
            **train_settings,
        )
        entries.append(_measured(name, run, data, seed, time.monotonic() - began))
    entries.sort(key=lambda entry: entry.measurements[-1].value)
    comparison = Comparison(data, entries, _budget(train_settings), path, seed)
    write_json(path / "comparison.json", comparison.to_json())
    return comparison


def _measured(name: str, run: Run, data: Data, seed: int, seconds: float) -> Entry:
    measurements = [_with_entropy(measurement, data) for measurement in evaluate(run.model, data, seed=seed)]
    n = shown_rows(data)
    given = grid_conditions(data, n) if run.model.given is not None else None
    return Entry(name, run, measurements, run.model.sample(n, given, seed=seed).cpu(), seconds)


def shown_rows(data: Data) -> int:
    """How many rows a picture of the data shows: a grid of images, a cloud of points."""
    return 64 if len(data.space.shape) == 3 else 2000


def _with_entropy(measurement: Measurement, data: Data) -> Measurement:
    """The best possible code length beside a measured one, where the data's density is known."""
    if measurement.unit != "nats/row" or data.name not in toy.names():
        return measurement
    return dataclasses.replace(measurement, floor=toy.density(data.name).entropy)


def _both(a: Measurement, b: Measurement) -> float:
    """The standard error of a difference, of measurements taken as independent."""
    return float(((a.error or 0.0) ** 2 + (b.error or 0.0) ** 2) ** 0.5)


def _free(path: Path) -> Path:
    """The folder itself, or one beside it if it already holds a run."""
    return path if not (path / store.CONFIG).exists() else store.fresh_folder(path.name, path.parent)


def _budget(settings: Mapping[str, Any]) -> str:
    if settings.get("minutes") is not None:
        return f"{settings['minutes']:g} minutes each"
    return f"{settings['steps']:,} steps each" if settings.get("steps") is not None else "each recipe's own budget"
