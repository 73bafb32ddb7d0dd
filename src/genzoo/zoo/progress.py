"""The progress of a training, for whoever watches: a bar on a terminal, a plain line now and then elsewhere."""

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from genzoo.training.callbacks import Callback
from genzoo.training.journal import CLOCK
from genzoo.training.state import State
from genzoo.zoo.store import CONFIG, read_config
from genzoo.zoo.terminal import Screen

__all__ = ["Watch"]

BAR_SECONDS, FIRST_SECONDS, LINE_SECONDS = 0.1, 2.0, 10.0  # between looks at a bar; before a first line; between lines


class Watch(Callback):
    """Shows step, rate, time left and losses; the first line says where and how the training runs.

    Args:
        title: What is trained, before the bar.
        console: Where it is shown.

    Example:
        >>> from genzoo.training import TrainConfig
        >>> from genzoo.zoo import train
        >>> import tempfile
        >>> folder = tempfile.mkdtemp() + "/run"
        >>> run = train("gaussian_mixture", "moons", out=folder, steps=10, callbacks=[Watch("mixture")])
        device cpu · float32 · seed 0 · ... parameters · ...
        mixture: ... steps in ... s...
    """

    def __init__(self, title: str, console: Console | None = None) -> None:
        self.title, self.console = title, console
        self.losses: dict[str, str] = {}
        self.shown, self.began, self.first, self.pause = 0.0, 0.0, 0, FIRST_SECONDS
        self.waited = 0.0
        self.bar: Progress | None = None
        self.called = title

    def on_wait(self, what: str) -> None:
        now = time.monotonic()
        self.waited = self.waited or now
        if now - self.waited > self.pause:
            self.waited, self.pause = now, LINE_SECONDS
            self.out.print(f"{self.title}: {what}", highlight=False, soft_wrap=True)

    def on_start(self, state: State) -> None:
        self.waited = 0.0
        if not state.team.is_first:
            return
        self.losses = {}  # of the stage before
        self.called = self.title + stage_of(state)
        self.out.print(headline(state), highlight=False, soft_wrap=True)
        if state.told.words:
            self.out.print(f"loss: {state.told.words}", highlight=False, soft_wrap=True)
        self.began, self.first, self.shown = time.monotonic(), state.step, time.monotonic()
        if self.out.is_terminal:
            columns = [TextColumn("{task.description}", markup=False), BarColumn(bar_width=30),
                       TextColumn("{task.fields[text]}", markup=False)]  # fmt: skip
            self.bar = Progress(*columns, console=self.out, transient=True, auto_refresh=False)
            self.bar.add_task(self.called, total=state.total, completed=state.step, text="")
            self.bar.start()
        self.pause = BAR_SECONDS if self.bar else FIRST_SECONDS

    def on_step(self, state: State) -> None:
        now = time.monotonic()  # the clock is asked every step, the screen is not
        if now - self.shown < self.pause or not state.team.is_first:
            return
        self.shown, self.pause = now, BAR_SECONDS if self.bar else LINE_SECONDS
        if self.bar:
            task, text = self.bar.task_ids[0], self._text(state)  # the total may change on the way
            self.bar.update(task, total=state.total, completed=state.step, text=text, refresh=True)
        else:
            self.out.print(f"{self.called}: {self._text(state)}", highlight=False, soft_wrap=True)

    def on_row(self, state: State, row: dict[str, Any]) -> None:
        prefix = "valid " if row["split"] == "valid" else ""
        shown = {name: value for name, value in row.items() if isinstance(value, float) and name not in CLOCK}
        self.losses |= {f"{prefix}{name}": state.told.shown(name, value) for name, value in shown.items()}

    def on_end(self, state: State) -> None:
        if self.bar:
            self.bar.stop()
        if state.team.is_first:
            losses = f": {self._losses()}" if self.losses else ""
            steps = f"{state.step:,} steps in {state.watch.seconds:.1f} s"
            self.out.print(f"{self.called}: {steps}{losses}", highlight=False, soft_wrap=True)
            if state.step < state.total and not state.done and state.journal.path:
                folder = state.journal.path.parent
                self.out.print(f"stopped: go on with genzoo train --resume {folder}", highlight=False, soft_wrap=True)

    @property
    def out(self) -> Console:
        """The console; by default the standard output of the moment."""
        self.console = self.console or Screen()
        return self.console

    def _text(self, state: State) -> str:
        made, spent = state.step - self.first, time.monotonic() - self.began
        rate = made / spent if spent > 0 else 0.0
        left = (state.total - state.step) / rate if rate else 0.0
        share = f"{state.step:,}/{state.total:,} ({state.step / max(1, state.total):.0%})"
        return f"{share} · {pace(rate)} · ETA {clock(left)} · {self._losses()}".removesuffix(" · ")

    def _losses(self) -> str:
        return " · ".join(f"{name} {value}" for name, value in list(self.losses.items())[:5])


def stage_of(state: State) -> str:
    """Which of several stages a training is, to be said behind its name; nothing for the only one.

    Args:
        state: The training.
    """
    folder = state.journal.path.parent if state.journal.path else None
    if folder is None or not (folder / CONFIG).is_file():
        return ""
    config = read_config(folder)
    return f", stage {config.stage} of {config.stages}" if config.stages > 1 else ""


def headline(state: State) -> str:
    """Device, precision, seed, parameters and folder of a training.

    Args:
        state: The training.
    """
    config, count = state.config, state.model.parameter_count
    folder = f" · {state.journal.path.parent}" if state.journal.path else ""
    return f"device {state.team.device} · {config.precision} · seed {config.seed} · {count:,} parameters{folder}"


def pace(rate: float) -> str:
    """How fast steps are made, in steps a second or, where they are slow, seconds a step.

    Args:
        rate: Steps a second.

    Example:
        >>> pace(1234.5), pace(3.21), pace(0.25), pace(0.0)
        ('1,234 steps/s', '3.2 steps/s', '4.0 s/step', 'first step')
    """
    if rate == 0:
        return "first step"
    if rate >= 10:
        return f"{rate:,.0f} steps/s"
    return f"{rate:.1f} steps/s" if rate >= 1 else f"{1 / rate:,.1f} s/step"


def clock(seconds: float) -> str:
    """Seconds as hours, minutes and seconds.

    Example:
        >>> clock(75.0), clock(3675.0)
        ('1:15', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
