"""What a run's folder tells of its training: how it ended, how good it became, and what was wrong with it.

Only what the training has written is read, its journal, its configuration and its checkpoints: no model is built, and
no data are needed.
"""

import contextlib
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from genzoo._files import read_json
from genzoo.training.checkpoint import checkpoints, verified
from genzoo.training.config import TrainConfig
from genzoo.training.guard import owner
from genzoo.training.journal import CLOCK, EVENT, ROLLBACK, SKIPPED, loss_words
from genzoo.zoo import store
from genzoo.zoo.health.detectors import findings, still_improving
from genzoo.zoo.health.history import Finding, History, number
from genzoo.zoo.mistakes import Mistake

__all__ = ["Examination", "Saved", "examined"]

State = Literal["finished", "stopped early", "running", "interrupted", "failed", "killed", "not begun", "spoilt"]

SPARE = 1.2  # checkpoints that must fit on the disk beside those that there are


@dataclass(frozen=True)
class Saved:
    """A checkpoint.

    Attributes:
        name: Its folder.
        step: The step after which it was taken, if it says one.
        fault: What is wrong with it, if it cannot be read.
    """

    name: str
    step: int | None
    fault: str | None = None


@dataclass(frozen=True)
class Examination:
    """What one training, a run or a stage of one, has come to.

    Attributes:
        folder: Its folder.
        state: How it stands.
        ending: The same in words.
        step: The last step that is told of.
        total: The steps that it was planned for; 0 if nobody knows.
        loss_is: What the loss is.
        loss: The loss in the last row.
        best: The lowest validation loss.
        best_step: When that was.
        seconds: Wall time.
        core_seconds: Processor time.
        budget: What it was asked to use, in words.
        events: What the journal tells besides metrics.
        checkpoints: Those that there are, newest first.
        findings: What was wrong with it.
        improving: Whether it was still improving at its end.
        advice: What to do to get it finished.
    """

    folder: str
    state: State
    ending: str
    step: int = 0
    total: int = 0
    loss_is: str = ""
    loss: float | None = None
    best: float | None = None
    best_step: int | None = None
    seconds: float = 0.0
    core_seconds: float = 0.0
    budget: str = ""
    events: Sequence[Mapping[str, Any]] = ()
    checkpoints: Sequence[Saved] = ()
    findings: Sequence[Finding] = ()
    improving: Finding | None = None
    advice: Sequence[str] = ()

    @property
    def is_well(self) -> bool:
        """Whether nothing was wrong and nothing is left to do."""
        return not self.findings and not self.advice

    def facts(self) -> list[tuple[str, str]]:
        """How far it came, how good it became, and what it used, in words."""
        loss = "" if self.loss is None else f"{self.loss:.4g}{f' ({self.loss_is})' if self.loss_is else ''}"
        best = "" if self.best is None else f"{self.best:.4g} at step {self.best_step:,}"
        whole = sum(saved.fault is None for saved in self.checkpoints)
        spoilt = f", {len(self.checkpoints) - whole} spoilt" if whole < len(self.checkpoints) else ""
        told = [
            ("steps", f"{self.step:,} of {self.total:,}" if self.total else f"{self.step:,}"),
            ("asked for", self.budget),
            ("used", f"{self.seconds:,.0f} s, {self.core_seconds / 60:,.2f} core-minutes"),
            ("loss", loss),
            ("best validation", best),
            ("checkpoints", f"{whole} whole{spoilt}"),
            *((str(row.get("event")), str(row.get("said"))) for row in self.events),
        ]
        return [(name, text) for name, text in told if text]

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return vars(self) | {
            "checkpoints": [vars(saved) for saved in self.checkpoints],
            "findings": [finding._asdict() for finding in self.findings],
            "improving": None if self.improving is None else self.improving._asdict(),
        }


def examined(path: str | Path) -> list[Examination]:
    """Examines every training of a run: its stages in order, those that have begun.

    Args:
        path: The run's folder.

    Raises:
        Mistake: If it is no run, or its configuration is spoilt.

    Example:
        >>> import tempfile
        >>> from genzoo.zoo import train
        >>> run = train("gaussian_mixture", "moons", out=tempfile.mkdtemp() + "/run", steps=30, device="cpu")
        >>> examined(run.path)[0].state
        'finished'
    """
    path = Path(path)
    folders = store.stage_folders(path, store.read_config(path))
    found = []
    for folder in folders:
        try:
            found.append(_examined(folder, store.read_config(folder)))
        except (Mistake, OSError, ValueError) as error:
            mistake = Mistake.of(error)
            found.append(Examination(str(folder), "spoilt", mistake.cause, advice=[mistake.fix]))
    return found


def _examined(folder: Path, config: store.RunConfig) -> Examination:
    rows = store.read_metrics(folder)
    saved = list(_saved(folder))
    newest = next((one for one in saved if one.fault is None), None)
    kept = _kept(folder, newest)
    history = History(rows, config.train, _total(kept, config.train))
    state, ending = _ending(folder, history, kept, saved)
    valid, loss = history.curve("loss", "valid").finite, history.curve("loss").finite
    best = min(valid.values, default=None)
    seconds, core_seconds = (_most(rows, clock) for clock in CLOCK)
    return Examination(
        folder=str(folder),
        state=state,
        ending=ending,
        step=history.step,
        total=history.total,
        loss_is=loss_words(rows),
        loss=loss.values[-1] if loss.values else None,
        best=best,
        best_step=None if best is None else valid.steps[valid.values.index(best)],
        seconds=seconds,
        core_seconds=core_seconds,
        budget=_budget(config.train),
        events=[row for row in rows if row["split"] == EVENT],
        checkpoints=saved,
        findings=findings(history),
        improving=None if state == "stopped early" else still_improving(history),
        advice=list(_advice(folder, config, state, saved)),
    )


def _most(rows: Sequence[Mapping[str, Any]], clock: str) -> float:
    """The largest time that a clock has shown."""
    times = (number(row.get(clock)) for row in rows)
    return max((time for time in times if math.isfinite(time)), default=0.0)


def _saved(folder: Path) -> Iterator[Saved]:
    """The checkpoints, each read through to see whether it is whole."""
    for path in checkpoints(folder / "checkpoints"):
        number = path.name.removeprefix("step-")
        try:
            verified(path)
            fault = None
        except Exception as error:  # whatever a disk may have made of it
            fault = " ".join(str(error).split())[:200] or type(error).__name__
        yield Saved(path.name, int(number) if number.isdecimal() else None, fault)


def _kept(folder: Path, newest: Saved | None) -> Mapping[str, Any]:
    """What the newest whole checkpoint says of the training."""
    if newest is None:
        return {}
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = read_json(folder / "checkpoints" / newest.name / "state.json")
        return found
    return {}


def _total(kept: Mapping[str, Any], config: TrainConfig) -> int:
    """The steps that a training was planned for, as its checkpoint says, or its configuration; 0 if nobody knows."""
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
        return int(kept["pace"]["knots"][-1][0])
    before = kept.get("total")  # of checkpoints that say no pace
    return before if isinstance(before, int) else config.steps or 0


def _ending(folder: Path, history: History, kept: Mapping[str, Any], saved: Sequence[Saved]) -> tuple[State, str]:
    """How a training ended, or that it goes on."""
    made = f"{history.step:,} of {history.total:,} steps" if history.total else f"{history.step:,} steps"
    if (who := owner(folder)) is not None:
        return "running", f"is running, in {who}, after {made}"
    if (folder / store.WEIGHTS).is_file():
        if kept.get("done") and history.step < history.total:
            waited = isinstance(kept.get("waited"), int) and kept["waited"] > 0
            why = "validation had long not become better" if waited else "it had converged"
            return ("stopped early" if waited else "finished"), f"stopped after {made}, for {why}"
        return "finished", f"finished after {made}"
    if not history.rows and not saved:
        return "not begun", "has not made a step"
    last = history.rows[-1] if history.rows else {}
    if last.get("split") == EVENT and last.get("event") in ("Interrupted", "KeyboardInterrupt"):
        return "interrupted", f"was interrupted after {made}"
    if last.get("split") == EVENT and last.get("event") not in (SKIPPED, ROLLBACK):
        return "failed", f"ended after {made} by {last.get('event')}: {last.get('said')}"
    whole = next((one for one in saved if one.fault is None), None)
    since = "no whole checkpoint" if whole is None else f"the newest whole checkpoint is of step {whole.step:,}"
    return "killed", f"was killed after {made}, or its machine stopped, without a word in its journal; {since}"


def _budget(config: TrainConfig) -> str:
    """What a training was asked to use."""
    for name, unit in (("minutes", "minutes"), ("core_minutes", "core-minutes"), ("steps", "steps")):
        if (value := getattr(config, name)) is not None:
            return f"{value:,g} {unit}" if name != "steps" else f"{value:,} {unit}"
    return "as many steps as are usual"


def _advice(folder: Path, config: store.RunConfig, state: State, saved: Sequence[Saved]) -> Iterator[str]:
    """What to do to get a training finished, and what stands in the way."""
    if state in ("finished", "stopped early", "running"):
        return
    whole = [one for one in saved if one.fault is None]
    home = store.home_of(folder, config)
    if saved and not whole:
        yield "No checkpoint is whole: train it anew, in another folder."
        return
    if any(one.fault for one in saved):
        yield f"{saved[0].name} is spoilt, {saved[0].fault}: resuming takes {whole[0].name}."
    size = sum(file.stat().st_size for file in (folder / "checkpoints" / whole[0].name).iterdir()) if whole else 0
    free = shutil.disk_usage(folder).free
    if free < SPARE * size:
        yield f"Make room: a checkpoint takes {size / 2**20:,.0f} MiB, and {free / 2**20:,.0f} MiB are free."
    if (missing := _missing(config)) is not None:
        yield missing
    yield f"Go on: genzoo train --resume {home}"


def _missing(config: store.RunConfig) -> str | None:
    """What stands in the way of reading the data again, as far as can be told without reading them."""
    if config.data.origin is None:
        return "It was trained on tensors: resume it in Python, as genzoo.resume(run, data=…)."
    source = str(config.data.asked().get("source", ""))
    is_file = "/" in source or bool(Path(source).suffix)
    if is_file and "://" not in source and not source.startswith("hub:") and not Path(source).exists():
        return f"The data are gone: restore {source}."
    return None
