"""Several families on the same split with the same budget, measured by one protocol.

The comparison is of recipes as they come: each brings its own settings, all get the same budget, and the numbers
stand beside each other only if they were made alike. What was trained is kept, so that a comparison which was killed
goes on where it stopped, and finished runs compare without training.
"""

import dataclasses
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genzoo.core.given import map_given
from genzoo.data import Data, read, toy
from genzoo.evaluation import Examiner, Extractor, Findings, Measurement, Protocol, check_comparable, pooled
from genzoo.evaluation.measurement import BY_TREES
from genzoo.evaluation.protocol import STANDARD, draw
from genzoo.experiments.contestants import (
    Callbacks,
    Contestant,
    budget_in_words,
    contestant_of,
    finished,
    require_fitting,
    require_same,
    spent_by,
    trained,
    wanted_of,
)
from genzoo.experiments.eyes import Eye, eye_for
from genzoo.training.checkpoint import write_json
from genzoo.zoo import store
from genzoo.zoo.card import card
from genzoo.zoo.conditions import grid_conditions
from genzoo.zoo.loading import Run
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.progress import Watch
from genzoo.zoo.recipe import RecipeInfo, recipe_named, recipes

__all__ = ["Comparison", "Entry", "compare", "compare_runs"]

FAILURES = (ValueError, RuntimeError, ArithmeticError, MemoryError, OSError)  # of one contestant, not of all
SHARE = 0.2  # of the budget, at most, goes to the examination


@dataclass(frozen=True)
class Entry:
    """One contestant's part of a comparison.

    Attributes:
        name: Its label.
        runs: Its runs, one for each seed.
        findings: What was found out about each.
        measurements: The numbers, over all its runs.
        samples: Samples of the comparison's seed, for the picture.
        noisy: The same with the noise of the decoder, where they are pictures of its mean.
        with_noise: The distance by which samples lead, of samples with that noise.
    """

    name: str
    runs: list[Run]
    findings: list[Findings] = field(repr=False)
    measurements: list[Measurement]
    samples: Tensor = field(repr=False)
    noisy: Tensor | None = field(default=None, repr=False)
    with_noise: Measurement | None = None

    @property
    def run(self) -> Run:
        """The first of its runs."""
        return self.runs[0]

    @property
    def recipe(self) -> RecipeInfo[Any]:
        """Its recipe."""
        return recipe_named(self.run.config.recipe.name)

    @property
    def seconds(self) -> float:
        """Wall time of a training, on average."""
        return _mean([spent_by(run, "seconds") for run in self.runs])

    @property
    def core_minutes(self) -> float:
        """Processor time of a training, on average."""
        return _mean([spent_by(run, "core_seconds") for run in self.runs]) / 60

    @property
    def steps(self) -> int:
        """Steps of the first run."""
        return int(_last(self.run, "step"))

    @property
    def rate(self) -> float:
        """Samples in a second."""
        return 1 / max(1e-9, _mean([found.sampling for found in self.findings]))

    def measured(self, name: str) -> Measurement | None:
        """The measurement of a name, if it was made."""
        return next((measurement for measurement in self.measurements if measurement.name == name), None)


@dataclass(frozen=True)
class Comparison:
    """Several contestants on the same data.

    Attributes:
        data: The data.
        entries: Their parts, best samples first.
        budget: What each got, in words.
        path: The folder of the runs and the report.
        protocol: How they were measured.
        extractor: The name of what saw the samples.
        why: Why that, and what is known of it.
        share: The part of the budget that the examination took.
        failed: Contestants that could not be trained or measured, and why.
    """

    data: Data
    entries: list[Entry]
    budget: str
    path: Path
    protocol: Protocol
    extractor: str
    why: str = ""
    share: float = 0.0
    failed: Mapping[str, str] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """What the samples are named by."""
        return self.protocol.seed

    @property
    def columns(self) -> list[str]:
        """The names of all that was measured, in order."""
        return list(dict.fromkeys(m.name for entry in self.entries for m in entry.measurements))

    def measured(self, name: str) -> dict[str, Measurement]:
        """A measurement of each contestant that has it.

        Raises:
            ValueError: If they were not made by one protocol on the same rows.
        """
        found = {entry.name: m for entry in self.entries if (m := entry.measured(name)) is not None}
        check_comparable(list(found.values()))
        return found

    def best(self, name: str) -> set[str]:
        """The contestants that are best in a measurement, with those not told apart from it by two standard errors."""
        return set(best_of(self.measured(name)))

    def floor(self, name: str) -> float | None:
        """What real data would reach in a measurement, if that is known."""
        return next((m.floor for m in self.measured(name).values()), None)

    def control(self, name: str) -> float | None:
        """What training rows of a table reach with every column in an order of its own, if that was measured."""
        return next((m.control for m in self.measured(name).values()), None)

    def to_json(self) -> dict[str, Any]:
        """The comparison as plain JSON."""
        entries = [
            {
                "name": entry.name,
                "recipe": entry.recipe.name,
                "runs": [str(run.path) for run in entry.runs],
                "seeds": [run.config.train.seed for run in entry.runs],
                "parameters": entry.run.config.parameters,
                "steps": entry.steps,
                "seconds": round(entry.seconds, 3),
                "core_minutes": round(entry.core_minutes, 3),
                "samples_per_second": entry.rate,
                "measurements": [measurement.to_json() for measurement in entry.measurements],
                "with_noise": None if entry.with_noise is None else entry.with_noise.to_json(),
                "omitted": dict(entry.findings[0].omitted),
                "by_class": {name: list(found) for name, found in entry.findings[0].by_class.items()},
            }
            for entry in self.entries
        ]
        return {
            "data": self.data.name,
            "fingerprint": self.data.fingerprint,
            "budget": self.budget,
            "protocol": dataclasses.asdict(self.protocol),
            "extractor": self.extractor,
            "why": self.why,
            "examination_share": round(self.share, 4),
            "failed": dict(self.failed),
            "versions": store.versions(),
            "command": store.command(),
            "entries": entries,
        }


def compare(
    data: Any,
    models: Sequence[str] | Mapping[str, Mapping[str, Any]],
    *,
    out: str | Path | None = None,
    seeds: int = 1,
    protocol: Protocol = STANDARD,
    extractor: Extractor | None = None,
    watch: Callbacks = lambda name: [Watch(name)],
    **train_settings: Any,
) -> Comparison:
    """Trains recipes on the same split with the same budget and measures them by one protocol.

    That all fit the data is checked before the first is trained. One that fails on the way is left out of what is
    compared, with the reason.

    Args:
        data: Data, or what `genzoo.read` accepts; conditional models need the data read with their condition.
        models: Recipes in words, as `vae` or `gpt:width=64`, or names with the settings of each.
        out: The folder of the runs; by default a new one under `runs`. What is there already is gone on with.
        seeds: How many trainings of each, with seeds counted from the protocol's.
        protocol: How much is measured at most, as a fifth of the budget allows, and the seed of all.
        extractor: What sees the samples; by default what suits the data (`genzoo.experiments.eyes`).
        watch: Makes what watches a training, from its name.
        train_settings: Fields of `TrainConfig` for all, first of all steps=…, minutes=… or core_minutes=… (of each).

    Raises:
        Mistake: If no recipe is named, a name is unknown, one does not fit the data, or a folder holds another run.

    Example:
        >>> import tempfile
        >>> options = {"steps": 30, "protocol": Protocol(rows=100, samples=200), "watch": lambda name: []}
        >>> found = compare("moons", ["gaussian_mixture"], out=tempfile.mkdtemp() + "/c", **options)
        >>> found.columns[:2]
        ['−log p', 'sliced Wasserstein']
    """
    if isinstance(models, Mapping):
        contestants = [Contestant(name, name, recipe_named(name).checked(**own)) for name, own in models.items()]
    else:
        contestants = [contestant_of(words) for words in models]
    if not contestants:
        raise Mistake("At least one recipe must be named to compare, got none.", "See genzoo list.")
    data = read(data)
    path = Path(out) if out is not None else store.fresh_folder(f"compare-{data.name}")
    require_fitting(contestants, data)
    numbers = range(protocol.seed, protocol.seed + seeds)
    runs, failed = dict[str, list[Run]](), dict[str, str]()

    def folder_of(contestant: Contestant, number: int) -> Path:
        return path / (contestant.folder if seeds == 1 else f"{contestant.folder}-seed{number}")

    for contestant, number in itertools.product(contestants, numbers):
        wanted = wanted_of(contestant, train_settings | {"seed": number})
        require_same(contestant, data, folder_of(contestant, number), wanted)
    for contestant, number in itertools.product(contestants, numbers):
        folder = folder_of(contestant, number)
        try:
            done = trained(contestant, data, folder, watch(folder.name), seed=number, **train_settings)
        except FAILURES as problem:
            failed[contestant.label] = f"{problem} ({folder})"
        else:
            runs.setdefault(contestant.label, []).append(done)
    kept = {label: several for label, several in runs.items() if label not in failed}
    return _compared(data, kept, path, budget_in_words(train_settings), protocol, extractor, failed)


def compare_runs(
    paths: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    protocol: Protocol = STANDARD,
    extractor: Extractor | None = None,
    online: bool = False,
) -> Comparison:
    """Measures finished runs by one protocol.

    Args:
        paths: The runs' folders, all trained on the same data.
        out: The folder of the report; by default a new one under `runs`.
        protocol: How much is measured.
        extractor: What sees the samples.
        online: Whether their data may be fetched from the hub.

    Raises:
        Mistake: If there are none, or their data differ.
    """
    runs = finished([Path(path) for path in paths])
    if not runs:
        raise Mistake("At least one run must be named to compare, got none.", "See genzoo runs.")
    data = next(iter(runs.values())).data(online=online)
    path = Path(out) if out is not None else store.fresh_folder(f"compare-{data.name}")
    path.mkdir(parents=True, exist_ok=True)
    minutes = sorted(spent_by(run, "core_seconds") / 60 for run in runs.values())
    least, most = (f"{each:.1f}" if each >= 0.1 else f"{each:.1g}" for each in (minutes[0], minutes[-1]))
    words = f"{least} to {most} core-minutes"
    return _compared(data, {name: [run] for name, run in runs.items()}, path, words, protocol, extractor)


def _compared(
    data: Data,
    runs: Mapping[str, Sequence[Run]],
    path: Path,
    budget: str,
    protocol: Protocol,
    extractor: Extractor | None,
    failed: Mapping[str, str] | None = None,
) -> Comparison:
    problems = dict(failed or {})
    if not runs:
        raise Mistake(
            f"Something must be left to compare, got none: {_listed(problems)}.", "Mend that, and try again."
        )
    spent = sum(spent_by(run, "core_seconds") for several in runs.values() for run in several)
    if not protocol.sampling:
        sampling = {name: value for info in recipes().values() for name, value in info.compared.items()}
        protocol = dataclasses.replace(protocol, sampling=sampling)
    began = time.process_time()
    models = [run.generative for several in runs.values() for run in several]
    eye = eye_for(data, spent) if extractor is None else Eye(extractor, "It was asked for.")
    taught = time.process_time() - began
    examiner = Examiner(data, protocol, eye.extractor, now=time.process_time).within(SHARE * spent, models)
    entries = []
    for name, several in runs.items():
        try:
            entries.append(_examined(name, list(several), examiner))
        except FAILURES as problem:
            problems[name] = str(problem)
    if not entries:
        raise Mistake(
            f"Something must be left to compare, got none: {_listed(problems)}.", "Mend that, and try again."
        )
    share = (time.process_time() - began - taught) / max(spent, 1e-9)
    main = leading([m for entry in entries for m in entry.measurements])
    entries.sort(key=lambda entry: _order(entry, main))
    found = Comparison(
        data, entries, budget, path, examiner.protocol, examiner.extractor.name, eye.why, share, problems
    )
    write_json(path / "report.json", found.to_json())
    return found


def best_of(found: Mapping[str, Measurement]) -> list[str]:
    """The names of the best of some measurements, the best first, with those not told apart by two standard errors.

    Args:
        found: Measurements by name.
    """
    if not found or next(iter(found.values())).better == "neither":
        return []
    ordered = sorted(found.items(), key=lambda pair: pair[1].cost)
    top = ordered[0][1]
    return [name for name, m in ordered if m.cost - top.cost <= 2 * _both(m, top)]


def _examined(name: str, runs: list[Run], examiner: Examiner) -> Entry:
    findings = [examiner(run.generative) for run in runs]
    for run, found in zip(runs, findings, strict=True):
        (run.path / store.CARD).write_text(card(run.path, run.config, run.metrics, found.measurements))
    parts = [{m.name: m for m in found.measurements} for found in findings]
    names = [name for name in parts[0] if all(name in part for part in parts)]
    measurements = [_with_entropy(pooled([part[name] for part in parts]), examiner.data) for name in names]
    n, model = shown_rows(examiner.data), runs[0].generative
    given = grid_conditions(examiner.data, n) if model.given_space else None
    given = map_given(lambda part: part.to(model.device), given)
    options, seed = examiner.options(model), examiner.protocol.seed
    samples = draw(model, n, given, seed=seed, **options)
    noisy = None if options.get("noise", True) else draw(model, n, given, seed=seed, **options | {"noise": True})
    noisy = None if noisy is None or torch.equal(noisy, samples) else noisy
    drawn = [] if noisy is None else [m for run in runs if (m := examiner.with_noise(run.generative)) is not None]
    return Entry(name, runs, findings, measurements, samples, noisy, pooled(drawn) if drawn else None)


def shown_rows(data: Data) -> int:
    """How many rows a picture of the data shows: a grid of images, a cloud of points."""
    return 64 if len(data.space.shape) == 3 else 2000 if data.space.shape == (2,) else 8


def leading(measurements: Sequence[Measurement]) -> str | None:
    """The name of the measurement that samples are ranked by: what boosted trees tell of a table, as they see what
    distances do not; the first that may lead, of all else.

    Args:
        measurements: Those of some entries.
    """
    names = [m.name for m in measurements if m.leads]
    return BY_TREES if BY_TREES in names else next(iter(names), None)


def _order(entry: Entry, main: str | None) -> float:
    """What entries are ordered by: the measurement that leads, else the last there is."""
    found = entry.measured(main) if main else entry.measurements[-1] if entry.measurements else None
    return math.inf if found is None or math.isnan(found.cost) else found.cost


def _listed(problems: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in problems.items())


def _with_entropy(measurement: Measurement, data: Data) -> Measurement:
    """The best possible code length beside a measured one, where the data's density is known."""
    if measurement.unit != "nats/row" or data.name not in toy.names():
        return measurement
    return dataclasses.replace(measurement, floor=toy.density(data.name).entropy)


def _both(a: Measurement, b: Measurement) -> float:
    """The standard error of a difference, of measurements taken as independent."""
    return float(((a.error or 0.0) ** 2 + (b.error or 0.0) ** 2) ** 0.5)


def _last(run: Run, name: str) -> float:
    return float(run.metrics[-1][name]) if run.metrics else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
