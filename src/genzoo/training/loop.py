"""The one loop that trains everything.

A step is a round of the game, or a batch of a direct fit (`genzoo.training.course`). Everything that happens between
steps — averaging, rows of metrics, validation, samples, checkpoints — is a function of the step and of the state that
a checkpoint holds, so a training killed at any instant and resumed ends bit for bit where it would have ended.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch.utils.data import DataLoader

from genzoo.core import Trainable, seeded
from genzoo.training import checkpoint as disk
from genzoo.training.average import Average
from genzoo.training.budget import drawing, planned
from genzoo.training.callbacks import Callback
from genzoo.training.config import BUDGETS, TrainConfig
from genzoo.training.course import Course, Passes, course_of, is_done
from genzoo.training.finite import NotFinite, not_finite, odd
from genzoo.training.guard import Interrupted, Signals, locked
from genzoo.training.journal import EVENT, METRICS, ROLLBACK, SKIPPED, Journal, Means, Stopwatch, read_rows
from genzoo.training.optimizers import loaded
from genzoo.training.order import Source, order_of
from genzoo.training.pace import Pace
from genzoo.training.pacer import Pacer
from genzoo.training.power import SAVES, Powers
from genzoo.training.precision import half_on, resolved
from genzoo.training.resources import explained
from genzoo.training.shard_files import Like
from genzoo.training.sharding import shard
from genzoo.training.state import ROWS, Kept, State
from genzoo.training.team import Team
from genzoo.training.told import told_of
from genzoo.training.validation import has_loss, judge, validate, verdict

__all__ = ["Begin", "Trained", "train"]

Begin = Literal["new", "warm", "resumed"]

WEIGHTS, AVERAGES = "model.safetensors", "averages"
ROLLBACKS, SLOWER = 3, 0.5  # times that a training goes back, and the part of the rate that it then takes
SAID = 500  # letters of an error that stand in the journal


@dataclass(frozen=True)
class Trained:
    """The end of a training.

    Attributes:
        model: The model with the weights to use, in eval mode.
        steps: The steps made.
        seconds: Wall time, over all sittings.
        core_seconds: Processor time of this process, likewise.
        metrics: The rows of metrics.
        best: The lowest validation loss, if any was taken, in the unit of the rows.
        kept: The step whose weights are those of the model.
    """

    model: Any
    steps: int
    seconds: float
    core_seconds: float
    metrics: list[dict[str, Any]]
    best: float | None
    kept: int


def train(
    model: Trainable,
    source: Source | DataLoader[Any],
    config: TrainConfig,
    *,
    valid: Source | None = None,
    run: Path | None = None,
    callbacks: Sequence[Callback] = (),
    begin: Begin = "new",
    say: Callable[[str], None] = print,
) -> Trained:
    """Trains a model: plays its game, or makes its passes.

    Args:
        model: What is trained, in place.
        source: The rows to train on, as `Data.train`, or a DataLoader with batches of its own.
        config: How; a precision of auto is settled here, and stands in the checkpoints.
        valid: The rows to validate on.
        run: The run's folder: metrics, checkpoints and `model.safetensors` are written there. None writes nothing.
        callbacks: What watches.
        begin: "new": the model is prepared by a look at the data; "warm": it keeps the weights that it has;
            "resumed": it goes on from the newest checkpoint of `run`.
        say: Where remarks go, such as which checkpoint was used.

    Raises:
        CheckpointError: If there is nothing whole to resume from, or it is of another training.
        Interrupted: If SIGINT or SIGTERM asked to stop; a checkpoint was saved first.
        OutOfMemory: If the memory is too small, DiskFull if the disk is.
        NotFinite: If the loss or its gradient stays infinite or NaN, or the weights become so, and going back to a
            checkpoint is not asked for or of no use.

    Example:
        >>> import genzoo
        >>> from genzoo.zoo import recipe_named
        >>> data = genzoo.read("ring")
        >>> recipe = recipe_named("gaussian_mixture")(data.space)
        >>> trained = train(recipe.model, data.train, TrainConfig(steps=200, batch_size=1000))
        >>> trained.model.sample(2, seed=0).shape
        torch.Size([2, 2])
    """
    loaded(config)
    watch, config = Stopwatch(), resolved(config)
    _check(model, config, valid, run, begin)
    team = Team(config)
    lock = locked(run) if run and team.is_first else contextlib.nullcontext()
    with lock, Signals() as signals, explained(config, run):
        _place(model, config, team)
        say = say if team.is_first else _nothing
        if config.precision == "bf16" and not (half := half_on(team.device)).quick:
            say(f"bf16 is slow here: {half.why}. precision=float32 would be faster, in a new training.")
        course = course_of(model, order_of(source, config, say), config, team, say)
        course.wait = _heard(callbacks) if team.is_first else _nothing
        if begin == "resumed" and run:
            state = _resumed(course, run)
        else:
            state = _started(course, valid, run, callbacks, watch, prepare=begin == "new")
        with _noted(state):
            _play(state, valid, run, callbacks, signals)
            return _finished(state, run)


def _check(model: Trainable, config: TrainConfig, valid: Source | None, run: Path | None, begin: Begin) -> None:
    if begin == "resumed" and run is None:
        raise ValueError("A run folder must be named to resume, got none. Pass run=…")
    if config.nonfinite == "rollback" and run is None:
        raise ValueError("nonfinite='rollback' needs checkpoints to go back to, got no run folder. Pass run=…")
    if (config.keep == "best" or config.patience) and (valid is None or not has_loss(model)):
        raise ValueError(
            f"keep='best' and patience need a validation loss, and {type(model).__name__} has none here. "
            "Pass valid rows to a model with one loss, or use keep='last' and no patience."
        )


def _heard(callbacks: Sequence[Callback]) -> Callable[[str], None]:
    """Tells callbacks what is done before the first step."""

    def wait(what: str) -> None:
        for callback in callbacks:
            callback.on_wait(what)

    return wait


def _nothing(remark: str) -> None:
    """Says nothing: one of several processes speaks."""


def _place(model: Trainable, config: TrainConfig, team: Team) -> None:
    if config.precision == "float64":
        model.double()
    model.to(team.device)


def _started(
    course: Course,
    valid: Source | None,
    run: Path | None,
    callbacks: Sequence[Callback],
    watch: Stopwatch,
    *,
    prepare: bool,
) -> State:
    model, config, team = course.model, course.config, course.team
    if run is not None and (disk.checkpoints(run / "checkpoints") or (run / WEIGHTS).exists()):
        raise disk.CheckpointError(
            f"A training must begin in a folder of its own, and {run} holds one already. Resume it, or name another."
        )
    fresh = odd(model)
    if team.is_first and prepare:
        with seeded(config.seed), course.autocast():
            model.prepare(course.look())
    team.share_state(model)
    plan = planned(course, validate, valid, callbacks, watch, saves=run is not None)
    if run is not None and any(row["split"] != EVENT for row in read_rows(run / METRICS)):
        course.say(f"no checkpoint is left: the training begins again, in {run}")
    journal = Journal(run if team.is_first else None)
    state = State(model, config, team, course, journal, Pace.even(plan.steps), plan, told_of(course), fresh=fresh)
    state.average, state.powers = _average(state), _powers(state)
    _shard(course, state.average)
    state.watch = watch
    _save(state, run)
    return state


def _resumed(course: Course, run: Path) -> State:
    fresh, say, average = odd(course.model), course.say, None
    if course.team.shards:
        average = Average(course.model, 1, course.config.ema) if course.config.ema else None
        _shard(course, average)

    def restored(found: disk.Checkpoint) -> State:
        kept, model = Kept(**found.state), course.model
        pace = _pace(course, kept, found.step)
        longer = pace.total > kept.pace.total
        state = State(
            model, course.config, course.team, course, Journal(None), pace, kept.plan, kept.told, fresh=fresh
        )
        state.watch, state.average = Stopwatch(kept.seconds, kept.core_seconds), average
        _put_back(state, found, kept, run)
        state.pace = pace
        if longer:
            state.waited, state.done = 0, False
        return state

    state = disk.newest(run / "checkpoints", say, restored, like=_like(course, average))
    say(f"resuming after step {state.step} of {state.total}")
    return state


def _put_back(state: State, found: disk.Checkpoint, kept: Kept, run: Path) -> None:
    """Brings a training to where a checkpoint was taken, but for its clock.

    Raises:
        ValueError: If the checkpoint is not of this training, or not finite.
    """
    course, tensors = state.course, found.tensors
    state.model.load_state_dict(tensors["model"])
    if spoilt := not_finite(tensors["model"], state.fresh):
        raise ValueError(spoilt[0])
    course.load_state_tensors(tensors.get("course", {}))
    state.average, state.powers = state.average or _average(state), _powers(state)
    if state.average is not None:
        state.average.over(state.pace.planned)
        state.average.averaged.load_state_dict(tensors["average"])
    if state.powers is not None:
        state.powers.load(tensors["powers"])
    state.means, state.pace = Means(kept.means), kept.pace
    state.step, state.best, state.best_step = found.step, kept.best, kept.best_step
    state.waited, state.done, state.best_weights = kept.waited, kept.done, tensors.get("best")
    state.rollbacks, course.slowed = kept.rollbacks, SLOWER**kept.rollbacks
    state.journal = Journal(run if course.team.is_first else None, kept.journal)


def _fall_back(state: State, run: Path | None, error: NotFinite) -> None:
    """Goes back to the last checkpoint after which a round was finite, with half the rate from there on.

    The same rows come again with the same noise; that less is made of them is all that is other than before.

    Raises:
        NotFinite: If the configuration does not ask for it, or it has been done too often, or there is no such
            checkpoint.
    """
    limit, times = state.course.spoilt_from(state.step), state.rollbacks + 1
    if run is None or state.config.nonfinite != "rollback" or isinstance(state.course, Passes):
        raise error
    if times > ROLLBACKS:
        raise NotFinite(f"{error} It has gone back {ROLLBACKS} times.") from None
    if not disk.checkpoints(run / "checkpoints", limit):
        raise NotFinite(f"{error} There is no checkpoint before it to go back to.") from None
    step, folder = state.step, run / "checkpoints"
    like = _like(state.course, state.average)
    disk.newest(folder, state.course.say, lambda found: _put_back(state, found, Kept(**found.state), run), limit, like)
    state.rollbacks, state.course.slowed = times, SLOWER**times
    state.team.wait()  # until all have read it
    said = f"gone back from step {step:,} to {state.step:,}, with {SLOWER**times:g} of the rate from there on: {error}"
    state.course.say(said)
    state.journal.write(state.row(EVENT, {"event": ROLLBACK, "said": said}))
    if state.team.is_first:
        disk.drop_from(folder, state.step)
    _save(state, run)


def _pace(course: Course, kept: Kept, step: int) -> Pace:
    """The pace of a training that is resumed: what it had, or that of more steps if the configuration asks for more.

    Raises:
        CheckpointError: If anything else in the configuration is another.
    """
    now, before = course.config.model_dump(), kept.config.model_dump()
    changed = [name for name, value in now.items() if before[name] != value]
    if not changed:
        return kept.pace
    longer = course.total(course.config.steps) if set(changed) <= set(BUDGETS) and course.config.steps else 0
    if longer > max(kept.pace.total, step):
        return Pace.even(longer)
    raise disk.CheckpointError(
        f"A resumed training must keep its configuration, got other {', '.join(changed)}. Only steps may grow: it has "
        f"made {step:,} of {kept.pace.total:,}."
    )


def _shard(course: Course, average: Average | None) -> None:
    """Shards what is trained, and the average of its weights, if the configuration says so."""
    if course.config.shard:
        course.shard()
    if course.team.shards and average is not None:
        shard(average.model, course.team.device)


def _like(course: Course, average: Average | None) -> Like | None:
    """What a rank of several is to read of a checkpoint; None: everything."""
    if not course.team.shards:
        return None
    named = {"model": course.model.state_dict(), "average": {} if average is None else average.averaged.state_dict()}
    named["best"] = named["model"]
    return lambda file, name: course.like(name) if file == "course" else named[file].get(name)


def _average(state: State) -> Average | None:
    share = state.config.ema
    return Average(state.model, state.pace.planned, share) if share and _moves(state) else None


def _powers(state: State) -> Powers | None:
    return Powers(state.model, state.pace.planned) if state.config.averages and _moves(state) else None


def _moves(state: State) -> bool:
    """Whether there is anything to follow, as there is not in a direct fit."""
    return next(state.model.parameters(), None) is not None


def _play(
    state: State,
    valid: Source | None,
    run: Path | None,
    callbacks: Sequence[Callback],
    signals: Signals,
) -> None:
    """Makes the steps that are left, going back if the configuration says so."""
    for callback in callbacks:
        callback.on_start(state)
    while True:
        try:
            return _steps(state, valid, run, callbacks, signals)
        except NotFinite as error:
            _fall_back(state, run, error)


def _steps(
    state: State,
    valid: Source | None,
    run: Path | None,
    callbacks: Sequence[Callback],
    signals: Signals,
) -> None:
    """Makes the steps that are left."""
    saved = time.monotonic()
    state.model.train()
    pacer = Pacer(state)
    while state.step < state.total and not state.done:
        logged = state.course.advance(state.step, state.pace)
        state.step += 1
        if bent := pacer.look(state):
            state.pace = bent
        _between(state, logged, valid, callbacks)
        if state.powers is not None and run is not None and state.team.is_first and state.due(None, SAVES):
            state.powers.save(run / AVERAGES)
        caught = state.team.most(signals.caught or 0)  # which one of several processes may have heard first
        if _checkpoint_due(state, saved) or bent or caught:
            _save(state, run)
            saved = time.monotonic()
        if caught:
            state.team.wait()  # none leaves before the checkpoint is whole, for torchrun stops the others then
            _end(state, callbacks)
            raise Interrupted(caught, state.step)
    state.stopped = state.waited > 0 and state.step < state.total
    _save(state, run)
    _end(state, callbacks)
    for remark in (verdict(state), state.course.remark()):
        if remark is not None:
            state.course.say(remark)


def _between(state: State, logged: Mapping[str, Any], valid: Source | None, callbacks: Sequence[Callback]) -> None:
    """What happens after a step."""
    config = state.config
    state.done = is_done(logged)
    if state.average is not None:
        state.average.follow(state.step, last=state.step == state.total)
    if state.powers is not None:
        state.powers.follow(state.step, last=state.due(None, SAVES))
    state.means.add(logged)
    for note in state.course.notes:
        state.journal.write(state.row(EVENT, {"event": SKIPPED, "said": note}))
    state.course.notes = []
    rows = []
    if state.due(config.log_every, ROWS):
        rows.append(state.row("train", state.told.values(state.means.take())))
    if valid is not None and has_loss(state.model) and state.due(config.validate_every, state.plan.validations):
        rows.append(state.row("valid", {"loss": judge(state, valid)}))
    for row in rows:
        state.journal.write(row)
    for callback in callbacks:
        callback.on_step(state)
        for row in rows:
            callback.on_row(state, row)
    if callbacks and state.team.is_first and _samples_due(state):
        if state.plan.shown is None:
            whole = state.watch.seconds / state.step * state.total
            state.plan = drawing(state.plan, state.course, state.weights, callbacks, whole)
        if _samples_due(state):
            for callback in callbacks:
                callback.on_samples(state)


def _samples_due(state: State) -> bool:
    if state.team.shards:  # who draws calls layers, which all ranks must
        return False
    return bool(state.plan.grids) and state.due(state.config.sample_every, state.plan.grids)


def _checkpoint_due(state: State, saved: float) -> bool:
    config = state.config
    if state.course.spoilt_from(state.step) < state.step:  # it may have to go back to those that there are
        return False
    if config.checkpoint_every is not None:
        return state.step % config.checkpoint_every == 0
    return time.monotonic() - saved > config.checkpoint_seconds


def _save(state: State, run: Path | None) -> None:
    """Writes a checkpoint: on the first process, or on each rank what it holds.

    Raises:
        NotFinite: If the weights are not finite, before anything is written over the checkpoints that are.
    """
    spoilt = not_finite(state.model.state_dict(), state.fresh)
    if worst := state.team.most(len(spoilt)):
        where = spoilt[0] if spoilt else "on another rank"
        raise NotFinite(
            f"Weights must be finite, got {worst} that are not after step {state.step:,}: {where}. The "
            "checkpoints before are whole. Lower lr, set clip_norm, or look for extreme values in the data."
        )
    course = {} if run is None else state.course.state_tensors()
    if run is None or not (state.team.is_first or state.team.shards):
        return
    tensors = {"model": state.model.state_dict(), "course": course}
    if state.average is not None:
        tensors["average"] = state.average.averaged.state_dict()
    if state.powers is not None:
        tensors["powers"] = state.powers.state()
    if state.best_weights is not None:
        tensors["best"] = state.best_weights
    kept = {
        "pace": dataclasses.asdict(state.pace),
        "plan": dataclasses.asdict(state.plan),
        "best": state.best,
        "best_step": state.best_step,
        "waited": state.waited,
        "done": state.done,
        "seconds": state.watch.seconds,
        "core_seconds": state.watch.core_seconds,
        "told": dataclasses.asdict(state.told),
        "means": state.means.state(),
        "journal": state.journal.settle(),
        "rollbacks": state.rollbacks,
        "config": state.config.model_dump(mode="json"),
    }
    disk.save(run / "checkpoints", disk.Checkpoint(state.step, kept, tensors), state.team)


@contextlib.contextmanager
def _noted(state: State) -> Iterator[None]:
    """Puts into the journal what ends a training, for whoever asks later; a resumed one takes it out again."""
    try:
        yield
    except BaseException as error:
        said = " ".join(str(error).split())[:SAID]
        with contextlib.suppress(OSError):
            state.journal.write(state.row(EVENT, {"event": type(error).__name__, "said": said}))
        raise


def _end(state: State, callbacks: Sequence[Callback]) -> None:
    for callback in callbacks:
        callback.on_end(state)


def _finished(state: State, run: Path | None) -> Trained:
    weights = state.weights
    kept = state.step if state.best_weights is None else state.best_step
    if state.best_weights is not None:
        weights.load_state_dict(state.best_weights)
    weights.eval()
    if run is not None and (state.team.is_first or state.team.shards):
        disk.write_tensors(run / WEIGHTS, weights.state_dict(), state.team)
    state.team.wait()
    watch = state.watch
    return Trained(weights, state.step, watch.seconds, watch.core_seconds, state.journal.rows, state.best, kept)
