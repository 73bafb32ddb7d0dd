"""The one loop that trains everything.

A step is a round of the game, or a batch of a direct fit (`genzoo.training.course`). Everything that happens between
steps — averaging, rows of metrics, validation, samples, checkpoints — is a function of the step and of the state that
a checkpoint holds, so a training killed at any instant and resumed ends bit for bit where it would have ended.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from genzoo.core import GenerativeModel, Noise, Trainable, seeded
from genzoo.training import checkpoint as disk
from genzoo.training.average import Average
from genzoo.training.budget import planned
from genzoo.training.callbacks import Callback
from genzoo.training.config import TrainConfig
from genzoo.training.course import Course, course_of, is_done
from genzoo.training.guard import Interrupted, Signals, locked
from genzoo.training.journal import Journal, Means, Stopwatch
from genzoo.training.order import Part, Source, order_of
from genzoo.training.state import State
from genzoo.training.team import Team

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """The end of a training.

    Attributes:
        model: The model with the weights to use, in eval mode.
        steps: The steps made.
        seconds: Wall time, over all sittings.
        core_seconds: Processor time of this process, likewise.
        metrics: The rows of metrics.
        best: The lowest validation loss, if any was taken.
    """

    model: Any
    steps: int
    seconds: float
    core_seconds: float
    metrics: list[dict[str, Any]]
    best: float | None


def train(
    model: Trainable,
    source: Source | DataLoader[Any],
    config: TrainConfig,
    *,
    valid: Source | None = None,
    run: Path | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> Trained:
    """Trains a model: plays its game, or makes its passes.

    Args:
        model: What is trained, in place.
        source: The rows to train on, as `Data.train`, or a DataLoader with batches of its own.
        config: How.
        valid: The rows to validate on.
        run: The run's folder: metrics, checkpoints and `model.safetensors` are written there. None writes nothing.
        callbacks: What watches.
        resume: Whether to go on from the newest checkpoint of `run`.
        say: Where remarks go, such as which checkpoint was used.

    Raises:
        CheckpointError: If there is nothing whole to resume from, or it is of another training.
        Interrupted: If SIGINT or SIGTERM asked to stop; a checkpoint was saved first.
        NotFinite: If the loss stays infinite or NaN.

    Example:
        >>> import genzoo
        >>> from genzoo.zoo import recipe_named
        >>> data = genzoo.read("ring")
        >>> recipe = recipe_named("gaussian_mixture")(data.space)
        >>> trained = train(recipe.model, data.train, TrainConfig(steps=200, batch_size=1000))
        >>> trained.model.sample(2, seed=0).shape
        torch.Size([2, 2])
    """
    watch = Stopwatch()
    _check(model, config, valid, run, resume)
    team = Team(config)
    with locked(run) if run and team.is_first else contextlib.nullcontext(), Signals() as signals:
        _place(model, config, team)
        course = course_of(model, order_of(source, config, say), config, team)
        state = _resumed(course, run, say) if resume and run else _started(course, valid, run, watch)
        _play(state, valid, run, callbacks, signals)
        return _finished(state, run)


def _check(model: Trainable, config: TrainConfig, valid: Source | None, run: Path | None, resume: bool) -> None:
    if resume and run is None:
        raise ValueError("A run folder must be named to resume, got none. Pass run=…")
    watches = config.keep == "best" or config.patience is not None
    if watches and (valid is None or not _has_loss(model)):
        raise ValueError(
            f"keep='best' and patience need a validation loss, and {type(model).__name__} has none here. "
            "Pass valid rows to a model with one loss, or use keep='last' and no patience."
        )


def _place(model: Trainable, config: TrainConfig, team: Team) -> None:
    if config.precision == "float64":
        model.double()
    model.to(team.device)


def _started(course: Course, valid: Source | None, run: Path | None, watch: Stopwatch) -> State:
    model, config, team = course.model, course.config, course.team
    if team.is_first:
        with seeded(config.seed), team.autocast():
            model.prepare(course.look())
    team.share_state(model)
    plan = planned(course, _validate, valid, watch)
    journal = Journal(run if team.is_first else None)
    state = State(model, config, team, course, journal, course.total(plan.steps), plan.judged)
    state.average = _average(state)
    state.watch = watch
    _save(state, run)
    return state


def _resumed(course: Course, run: Path, say: Callable[[str], None]) -> State:
    found = disk.newest(run / "checkpoints", say)
    kept, tensors, team = found.state, found.tensors, course.team
    if kept["config"] != course.config.model_dump(mode="json"):
        changed = [
            name for name, value in course.config.model_dump(mode="json").items() if kept["config"][name] != value
        ]
        raise disk.CheckpointError(f"A resumed training must keep its configuration, got other {', '.join(changed)}.")
    journal = Journal(run if team.is_first else None, kept["journal"])
    state = State(course.model, course.config, team, course, journal, kept["total"], kept["judged"])
    state.model.load_state_dict(tensors["model"])
    course.load_state_tensors(tensors.get("course", {}))
    state.average = _average(state)
    if state.average is not None:
        state.average.averaged.load_state_dict(tensors["average"])
    state.means = Means(kept["means"])
    state.step, state.best, state.waited, state.done = found.step, kept["best"], kept["waited"], kept["done"]
    state.watch, state.best_weights = Stopwatch(kept["seconds"], kept["core_seconds"]), tensors.get("best")
    say(f"resuming after step {state.step} of {state.total}")
    return state


def _average(state: State) -> Average | None:
    share = state.config.ema
    moves = next(state.model.parameters(), None) is not None  # a direct fit has nothing to follow
    return Average(state.model, state.total, share) if share and moves else None


def _play(
    state: State,
    valid: Source | None,
    run: Path | None,
    callbacks: Sequence[Callback],
    signals: Signals,
) -> None:
    """Makes the steps that are left."""
    saved = time.monotonic()
    for callback in callbacks:
        callback.on_start(state)
    state.model.train()
    while state.step < state.total and not state.done:
        logged = state.course.advance(state.step, state.total)
        state.step += 1
        _between(state, logged, valid, callbacks)
        if _checkpoint_due(state, saved) or signals.caught:
            _save(state, run)
            saved = time.monotonic()
        if signals.caught:
            _end(state, callbacks)
            raise Interrupted(signals.caught, state.step)
    _save(state, run)
    _end(state, callbacks)


def _between(state: State, logged: Mapping[str, Any], valid: Source | None, callbacks: Sequence[Callback]) -> None:
    """What happens after a step."""
    config = state.config
    state.done = is_done(logged)
    if state.average is not None:
        state.average.follow(state.step)
    state.means.add(logged)
    rows = []
    if state.due(config.log_every, 200):
        rows.append(_row(state, "train", state.means.take()))
    if valid is not None and _has_loss(state.model) and state.due(config.validate_every, 20):
        rows.append(_row(state, "valid", {"loss": _judge(state, valid)}))
    for row in rows:
        state.journal.write(row)
    for callback in callbacks:
        callback.on_step(state)
        for row in rows:
            callback.on_row(state, row)
    if callbacks and state.team.is_first and state.due(config.sample_every, 5):
        for callback in callbacks:
            callback.on_samples(state)


def _row(state: State, split: str, values: Mapping[str, float | None]) -> dict[str, Any]:
    clock = {"seconds": round(state.watch.seconds, 3), "core_seconds": round(state.watch.core_seconds, 3)}
    return {"step": state.step, "split": split, **values, **clock}


def _judge(state: State, valid: Source) -> float:
    """The validation loss; keeps the best weights and stops early as the configuration says."""
    loss = _validate(state.course, state.weights, valid, state.judged, state.progress)
    if state.best is None or loss < state.best:
        state.best, state.waited = loss, 0
        if state.config.keep == "best":
            state.best_weights = {name: tensor.detach().clone() for name, tensor in state.weights.state_dict().items()}
    else:
        state.waited += 1
        state.done |= state.config.patience is not None and state.waited >= state.config.patience
    return loss


def _validate(course: Course, weights: Trainable, valid: Source, rows: int, progress: float = 0.0) -> float:
    """The mean loss over the first validation rows, with the same noise at every validation."""
    config, team = course.config, course.team
    sums = torch.zeros(2, dtype=torch.float64)
    training = weights.training
    weights.eval()
    for first in range(team.rank * config.batch_size, rows, team.size * config.batch_size):
        index = torch.arange(first, min(rows, first + config.batch_size))
        noise = Noise(config.seed, "valid", start=first, device=team.device)
        part = Part(*valid.gather(index, seed=config.seed), 0, len(index))
        batch = course.batch(part, noise, progress)
        with torch.no_grad(), team.autocast():
            sums += torch.tensor([float(weights.loss(batch)) * len(batch), len(batch)], dtype=torch.float64)
    weights.train(training)
    total, count = team.total(sums.to(team.device)).tolist()
    return total / count if count else math.nan


def _has_loss(model: nn.Module) -> bool:
    return not isinstance(model, GenerativeModel) or model.can("loss")


def _checkpoint_due(state: State, saved: float) -> bool:
    config = state.config
    if config.checkpoint_every is not None:
        return state.step % config.checkpoint_every == 0
    return time.monotonic() - saved > config.checkpoint_seconds


def _save(state: State, run: Path | None) -> None:
    """Writes a checkpoint, on the first process."""
    if run is None or not state.team.is_first:
        return
    tensors = {"model": state.model.state_dict(), "course": state.course.state_tensors()}
    if state.average is not None:
        tensors["average"] = state.average.averaged.state_dict()
    if state.best_weights is not None:
        tensors["best"] = state.best_weights
    kept = {
        "total": state.total,
        "judged": state.judged,
        "best": state.best,
        "waited": state.waited,
        "done": state.done,
        "seconds": state.watch.seconds,
        "core_seconds": state.watch.core_seconds,
        "means": state.means.state(),
        "journal": state.journal.settle(),
        "config": state.config.model_dump(mode="json"),
    }
    disk.save(run / "checkpoints", disk.Checkpoint(state.step, kept, tensors))


def _end(state: State, callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        callback.on_end(state)


def _finished(state: State, run: Path | None) -> Trained:
    weights = state.weights
    if state.best_weights is not None:
        weights.load_state_dict(state.best_weights)
    weights.eval()
    if run is not None and state.team.is_first:
        disk.write_tensors(run / "model.safetensors", weights.state_dict())
    state.team.wait()
    watch = state.watch
    return Trained(weights, state.step, watch.seconds, watch.core_seconds, state.journal.rows, state.best)
