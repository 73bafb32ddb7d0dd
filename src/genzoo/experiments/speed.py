"""What this machine is quick at: steps of training in turns, by precision and by threads, and what to take of it.

Each model plays a few rounds of its own game on drawn rows; what is measured is the clock on the wall, for that is
what a user waits for, so nothing else should run meanwhile. The fastest of several turns counts: whatever disturbs a
turn makes it slower.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.core.noise import seeded
from genzoo.training.precision import half_on
from genzoo.zoo import recipe_named

__all__ = ["CASES", "Case", "Way", "advice", "measured", "step_of", "ways"]

BYTES = Space((1, 28, 28), levels=256)
PAYS = 1.1  # how many times as fast is worth a word
ROUNDS = 3  # turns that count


@dataclasses.dataclass(frozen=True)
class Case:
    """A model that is trained.

    Attributes:
        recipe: Its recipe.
        space: What one x is.
        rows: Rows of a step.
        settings: Of the recipe.
    """

    recipe: str
    space: Space
    rows: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def model(self) -> GenerativeModel:
        """The model, always from the same start."""
        with seeded(0):
            built: GenerativeModel = recipe_named(self.recipe)(self.space, None, **self.settings).model
        return built

    def x(self) -> Tensor:
        """Rows, drawn."""
        shape = (self.rows, *self.space.shape)
        if self.space.levels is None:
            return Noise(0, "rows").normal(*shape)
        return Noise(0, "rows").integers(self.space.levels, *shape).to(getattr(torch, self.space.dtype))


@dataclasses.dataclass(frozen=True)
class Way:
    """How steps are computed.

    Attributes:
        half: Whether in bfloat16, else in float32.
        threads: How many threads work.
    """

    half: bool
    threads: int

    def __str__(self) -> str:
        return f"{'bf16' if self.half else 'float32'}, {self.threads} thread{'s' * (self.threads > 1)}"


CASES: dict[str, Case] = {
    "vae of perceptrons": Case("vae", BYTES, 128, {"net": "mlp"}),
    "vae of convolutions": Case("vae", BYTES, 64, {"net": "conv"}),
    "flow_matching of a U-Net": Case("flow_matching", BYTES, 16),
    "gpt of 128 symbols": Case("gpt", Space((128,), levels=65), 16),
    "realnvp of 8 columns": Case("realnvp", Space((8,)), 256),
}


def step_of(model: GenerativeModel, x: Tensor, *, half: bool) -> Callable[[], None]:
    """A step of a model's first player by AdamW.

    Args:
        model: The model.
        x: The rows of every step.
        half: Whether networks compute in bfloat16.

    Example:
        >>> case = CASES["realnvp of 8 columns"]
        >>> step_of(case.model(), case.x(), half=False)()
    """
    player, pages = next(iter(model.train().players())), iter(range(1 << 30))
    optimizer = torch.optim.AdamW(player.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=half):
            losses = player.loss(Batch(x, {}, Noise(0).tick(next(pages))))
        (losses["loss"] if isinstance(losses, dict) else losses).backward()
        optimizer.step()

    return step


def measured(case: Case, ways: Sequence[Way], rounds: int = ROUNDS) -> dict[Way, float]:
    """Milliseconds of a step in each of several ways, in turns.

    Args:
        case: What is trained.
        ways: How.
        rounds: Turns that count; one before them warms up.
    """
    steps = {way: step_of(case.model(), case.x(), half=way.half) for way in ways}
    times: dict[Way, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, step in steps.items():
            with _threads(way.threads):
                start = time.perf_counter()
                step()
                times[way] += [1e3 * (time.perf_counter() - start)] if number else []
    return {way: min(found) for way, found in times.items()}


def ways(threads: int | None = None) -> list[Way]:
    """Float32 and bfloat16, on one thread and on all.

    Args:
        threads: All; None for those of the processor.
    """
    most = threads or os.cpu_count() or 1
    return [Way(half, count) for count in sorted({1, most}) for half in (False, True)]


def advice(found: Mapping[str, Mapping[Way, float]], lacking: Sequence[str] = ()) -> list[str]:
    """What to take on this machine, one sentence each.

    Args:
        found: What was measured, by the name of the case.
        lacking: Extras that are not installed.

    Example:
        >>> one, half = Way(False, 1), Way(True, 1)
        >>> advice({"gpt": {one: 10.0, half: 5.0}, "vae": {one: 10.0, half: 10.0}})[0].split(". ")[0]
        'bf16 pays for gpt (2.0 ×)'
    """
    return [*_precision(found), *_of_threads(found), *_of_extras(lacking)]


def _precision(found: Mapping[str, Mapping[Way, float]]) -> Iterator[str]:
    gains = {name: _gain(times, lambda way: not way.half, lambda way: way.half) for name, times in found.items()}
    pays = {name: gain for name, gain in gains.items() if gain >= PAYS}
    auto = half_on(torch.device("cpu")).quick
    if not pays:
        if auto:
            yield "bf16 pays for nothing that was measured: set --train precision=float32."
        return
    takes = "takes it here" if auto else "does not take it here: set --train precision=bf16"
    yield f"bf16 pays for {_listed(pays)}. precision=auto {takes}."
    if costs := {name: 1 / gain for name, gain in gains.items() if gain <= 1 / PAYS}:
        yield f"bf16 costs time for {_listed(costs)}: leave these in float32."


def _of_threads(found: Mapping[str, Mapping[Way, float]]) -> Iterator[str]:
    most = max((way.threads for times in found.values() for way in times), default=1)
    if most == 1:
        return
    gains = {
        name: _gain(times, lambda way: way.threads == 1, lambda way: way.threads == most)
        for name, times in found.items()
    }
    if quick := {name: gain for name, gain in gains.items() if gain >= PAYS}:
        yield f"{most} threads pay for {_listed(quick)}."
    if slow := [name for name, gain in gains.items() if gain < PAYS]:
        yield (
            f"One thread is as quick for {', '.join(slow)}: set OMP_NUM_THREADS=1 in the environment, and train "
            "several side by side."
        )


def _of_extras(lacking: Sequence[str]) -> Iterator[str]:
    told = {"fast": "compiles loops of draws, sorting and chains", "tables": "reads tables several times as fast"}
    for extra in lacking:
        if extra in told:
            yield f"pip install 'genzoo[{extra}]' {told[extra]}."


def _gain(times: Mapping[Way, float], before: Callable[[Way], bool], after: Callable[[Way], bool]) -> float:
    """How many times as fast the best of some ways is beside the best of others."""
    slow, quick = (min(time for way, time in times.items() if chosen(way)) for chosen in (before, after))
    return slow / quick


def _listed(gains: Mapping[str, float]) -> str:
    return ", ".join(f"{name} ({gain:.1f} ×)" for name, gain in gains.items())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
