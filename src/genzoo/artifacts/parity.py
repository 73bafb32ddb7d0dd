"""Whether a graph says what the model says: on other batches than the one it was traced with, row by row, far out.

Exported graphs are known to differ where nobody looks: the batch they were traced with, rows alone, logits far from
zero, rows of which everything is masked. All of that is looked at each time, and what it found goes into the artifact.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.artifacts import philox
from genzoo.artifacts.formats import Run
from genzoo.artifacts.graph import Program, Question, answered
from genzoo.artifacts.listening import Asked, Listening, fed
from genzoo.artifacts.refusal import CannotExport
from genzoo.core.given import Given, null_like
from genzoo.core.model import GenerativeModel

__all__ = ["Parity", "parity"]

MOST, SHARE = 1e-3, 5e-3  # of reals, relative; of entries of levels that may differ
FAR = 6.0  # standard deviations
EDGE = 2.0**-24  # between a uniform number and 0 or 1


class Parity(NamedTuple):
    """What a graph says beside what the model says.

    Attributes:
        checks: The largest difference of each check.
        of_levels: Whether it is a share of entries, of levels; else it is max |a − b| / max(1, |b|).
    """

    checks: dict[str, float]
    of_levels: bool

    @property
    def largest(self) -> float:
        """The largest of all."""
        return max(self.checks.values())

    @property
    def allowed(self) -> float:
        """What is allowed."""
        return SHARE if self.of_levels else MOST

    @property
    def unit(self) -> str:
        """What the differences are."""
        return "share of entries that differ" if self.of_levels else "max |a - b| / max(1, |b|)"

    def to_json(self) -> dict[str, Any]:
        """The parity as plain JSON."""
        return {"largest": self.largest, "unit": self.unit, "allowed": self.allowed, "checks": self.checks}


def parity(run: Run, program: Program, model: GenerativeModel, question: Question) -> Parity:
    """Holds a graph against the model.

    Args:
        run: Runs the graph.
        program: What was traced.
        model: The model, in eval mode.
        question: What is asked.

    Raises:
        CannotExport: If they differ by more than rounding.
    """
    checks: dict[str, float] = {}
    for name, mine, theirs in _cases(run, program, model, question):
        checks[name] = max(checks.get(name, 0.0), difference(mine, theirs))
    found = Parity(checks, not program.output.is_floating_point())
    if not found.largest <= found.allowed:
        worst = max(checks, key=lambda name: checks[name])
        raise CannotExport(
            f"the graph does not say what the model says: {worst}: {checks[worst]:.3g}, where {found.allowed:g} is "
            "allowed",
            "Take another format or another graph.",
        )
    return found


def difference(mine: Tensor, theirs: Tensor) -> float:
    """How far two answers are apart; infinite where only one is finite.

    Args:
        mine: The graph's.
        theirs: The model's.

    Example:
        >>> difference(torch.tensor([1.0, torch.inf]), torch.tensor([1.0, torch.inf]))
        0.0
        >>> difference(torch.tensor([1, 2]), torch.tensor([1, 3]))
        0.5
    """
    if mine.shape != theirs.shape:
        return float("inf")
    if not theirs.is_floating_point():
        return float((mine.long() != theirs.long()).double().mean()) if theirs.numel() else 0.0
    a, b = mine.detach().double(), theirs.detach().double()
    same = (a == b) | (a.isnan() & b.isnan())
    gap = torch.where(same, 0.0, (a - b).abs() / b.abs().clamp_min(1))
    return float(gap.nan_to_num(torch.inf).max()) if gap.numel() else 0.0


def _cases(
    run: Run, program: Program, model: GenerativeModel, question: Question
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """The graph's answers and the model's, by the name of the check."""
    for name, n, seed, start in (("as traced", 5, 0, 0), ("other batch", 33, 1, 0), ("later rows", 4, 2, 10)):
        rows, given = question.rows(n, seed), question.given(n, seed)
        noise = shipped(program, seed, n, start)
        whole = run(program.inputs(rows, given, noise))
        yield name, whole, model_says(model, question, n, seed, start)
        if name == "other batch":
            one = slice(n - 1, n)
            alone = run(program.inputs(_part(rows, one), _part(given, one), {d: x[one] for d, x in noise.items()}))
            yield "row alone", alone, whole[one]
    for name, change in (("far out", _far), ("near nothing", _near)):
        yield from _changed(run, program, model, question, name, change)
    if program.given and model.takes_null() and not model.required:
        yield from _changed(run, program, model, question, "null conditions", lambda noise: noise, nulls=True)


def model_says(model: GenerativeModel, question: Question, n: int, seed: int, start: int) -> Tensor:
    """What the model itself says, asked at its front door where there is one."""
    rows, given = question.rows(n, seed), question.given(n, seed)
    with torch.no_grad():
        if question.front is not None:
            return question.front(model, n, rows, given, seed, start)
        return answered(model, question, n, seed).output


def shipped(program: Program, seed: int, n: int, start: int) -> dict[Asked, Tensor]:
    """The noise as the script beside the graph makes it."""
    return {draw: torch.from_numpy(philox.made(draw.to_json(), seed, n, start)) for draw in program.asked}


def _changed(
    run: Run, program: Program, model: GenerativeModel, question: Question, name: str,
    change: Callable[[Mapping[Asked, Tensor]], Mapping[Asked, Tensor]], *, nulls: bool = False,
) -> Iterator[tuple[str, Tensor, Tensor]]:  # fmt: skip
    n, seed = 6, 3
    far = question.far if name == "far out" else None
    rows, given = question.rows(n, seed) if far is None else far(n), question.given(n, seed)
    given = _half_null(given) if nulls else given
    noise = change(shipped(program, seed, n, 0))
    mine = run(program.inputs(rows, given, noise))
    yield name, mine, replayed(model, question, rows, given, noise)


def replayed(
    model: GenerativeModel, question: Question, rows: Mapping[str, Tensor], given: Given, noise: Mapping[Asked, Tensor]
) -> Tensor:
    """What the model says of noise that it is handed."""
    n = len(next(iter([*rows.values(), *given.values(), *noise.values()])))
    with torch.no_grad():
        return question.answer(model, n, rows, given, Listening(n, question.name, answer=fed(noise)))


def _far(noise: Mapping[Asked, Tensor]) -> dict[Asked, Tensor]:
    """Normal numbers six deviations out, uniform ones at the ends."""
    found = {}
    for draw, x in noise.items():
        if draw.kind == "normal":
            found[draw] = x.sign() * FAR
        elif draw.kind == "uniform":
            found[draw] = torch.where(x < 0.5, torch.full_like(x, EDGE), torch.full_like(x, 1 - EDGE))
        else:
            found[draw] = x
    return found


def _near(noise: Mapping[Asked, Tensor]) -> dict[Asked, Tensor]:
    """Normal numbers of zero, uniform ones in the middle."""
    kinds = {"normal": 0.0, "uniform": 0.5}
    return {draw: torch.full_like(x, kinds[draw.kind]) if draw.kind in kinds else x for draw, x in noise.items()}


def _half_null(given: Given) -> Given:
    """Every other row null."""
    null = null_like(given)
    changed = {}
    for name, rows in given.items():
        odd = (torch.arange(len(rows)) % 2 == 1).reshape(-1, *[1] * (rows.ndim - 1))
        changed[name] = torch.where(odd, null[name], rows.to(null[name].dtype)).to(rows.dtype)
    return changed


def _part(rows: Mapping[str, Tensor], part: slice) -> dict[str, Tensor]:
    return {name: x[part] for name, x in rows.items()}
