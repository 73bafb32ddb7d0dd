"""Inverse problems by any model: one call, whatever the family.

A method is chosen by what the model is and what was measured, and what its draws are stands in the answer. Which ways
there are, what they cost and why others are none is told by `methods`.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from genzoo.core.given import GivenAsked
from genzoo.core.model import GenerativeModel, Unsupported
from genzoo.core.noise import fresh_seed
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse.ancestral import Ancestral
from genzoo.tasks.inverse.closed import Closed, Counted, Imputed
from genzoo.tasks.inverse.filtering import Filtered
from genzoo.tasks.inverse.gibbs import Gibbs
from genzoo.tasks.inverse.guided import DPS, MMPS, PiGDM
from genzoo.tasks.inverse.importance import Importance
from genzoo.tasks.inverse.langevin import Langevin
from genzoo.tasks.inverse.latent import LatentWalk, Pulse
from genzoo.tasks.inverse.measurement import Exact, Measurement, as_numbers, in_space
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.parts import Parts
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness, Posterior
from genzoo.tasks.inverse.problem import Answer, Choice, Method, Problem
from genzoo.tasks.inverse.twisted import Twisted
from genzoo.tasks.inverse.within import Within

__all__ = ["METHODS", "choose", "methods", "solve"]

ENTRIES = 1 << 22  # of rows that are worked on at a time
PILOT = 2  # draws of one measurement, by which a method is tried


def methods(model: GenerativeModel, measurement: Measurement, given: GivenAsked = None) -> list[Choice]:
    """Every method, with what its draws would be and cost, or why there are none; those that fit come first.

    Args:
        model: The model.
        measurement: What was measured.
        given: What rows are given.

    Raises:
        ValueError: If the measurement is not one of the model's rows.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> from genzoo.tasks.inverse import Gaussian, Identity
        >>> model = GaussianMixture(Space((2,)), components=3)
        >>> seen = Measurement(Identity((2,)), torch.zeros(1, 2), Gaussian(0.1))
        >>> [str(choice) for choice in methods(model, seen)][0]
        'closed: exact, 0 calls a draw'
    """
    problem = _problem(model, measurement, given, 0)
    return _choices(problem)


def choose(
    model: GenerativeModel,
    measurement: Measurement,
    *,
    given: GivenAsked = None,
    seed: int = 0,
    calibrations: Mapping[str, float] | None = None,
    **options: Any,
) -> Choice:
    """What "auto" takes, with what it costs, by a pilot of one measurement.

    Args:
        model: The model.
        measurement: What was measured.
        given: What rows are given.
        seed: Names the pilot.
        calibrations: The spread over the error of heuristics, by name.
        options: Those that the method must know.

    Raises:
        Unsupported: If no method fits.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> from genzoo.tasks.inverse import Gaussian, Identity
        >>> seen = Measurement(Identity((2,)), torch.zeros(1, 2), Gaussian(0.1))
        >>> choose(GaussianMixture(Space((2,)), components=3), seen).name
        'closed'
    """
    problem = _problem(model, measurement, given, 0)
    found = _automatic(problem, seed, calibrations or {}, options)
    return next(choice for choice in _choices(problem) if choice.name == found.name)


def solve(
    model: GenerativeModel,
    measurement: Measurement,
    *,
    n: int = 1,
    given: GivenAsked = None,
    method: str | Method = "auto",
    seed: int | None = None,
    start: int = 0,
    **options: Any,
) -> Posterior:
    """Draws of rows given what was measured of them.

    "auto" takes the first method whose draws are exact, else one whose draws are right as particles grow and that a
    pilot does not see collapse, else a heuristic: of those the one whose recorded calibration is nearest to 1, and
    never a single point.

    Args:
        model: The model.
        measurement: What was measured of rows as numbers: levels in [0, 1], reals in their own units.
        n: Draws of each.
        given: What rows are given, one for each measurement or one for all.
        method: A name from `methods`, a method of one's own, or "auto".
        seed: Names the draws, which depend on it and on the number of the measurement alone; else a fresh one.
        start: The number of the first measurement.
        options: The method's own; with "auto", `calibrations`, the spread over the error of heuristics by name.

    Raises:
        ValueError: If the measurement is not one of the model's rows, or is in another range.
        Unsupported: If the method does not fit, or none does.
        WeightsCollapsed: If too few particles or draws carry the answer.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import GaussianMixture
        >>> from genzoo.tasks.inverse import Gaussian, hidden, measure
        >>> model = GaussianMixture(Space((4,)), components=3)
        >>> seen = measure(hidden((4,), 0.5), model.sample(2, seed=0), Gaussian(0.1), seed=1)
        >>> found = solve(model, seen, n=5, seed=2)
        >>> tuple(found.x.shape), found.method, found.exactness.value
        ((5, 2, 4), 'closed', 'exact')
    """
    if n < 1:
        raise ValueError(f"At least one draw must be asked for, got {n}.")
    problem = _problem(model, measurement, given, start)
    seed = fresh_seed() if seed is None else seed
    if (trivial := _trivial(problem, n, seed)) is not None:
        return trivial
    if method == "auto":
        chosen = _automatic(problem, seed, options.pop("calibrations", None) or {}, options)
    else:
        chosen = _named(problem, method)
    _check_options(chosen.name, chosen.known(), options)
    answer = _in_blocks(chosen, problem, n, seed, options)
    x = answer.x.unflatten(0, (len(problem), n)).transpose(0, 1)
    told = {**answer.diagnostics, **_residual(problem, x)}
    return Posterior(x, chosen.exactness(problem), chosen.name, answer.calls, answer.log_evidence, told)


METHODS: tuple[Method, ...] = (
    Closed(), Filtered(), Imputed(), Counted(), Parts(solve), Ancestral(), Gibbs(), Within(), Twisted(), LatentWalk(),
    Langevin(), Importance(), MMPS(), PiGDM(), DPS(), Pulse(),
)  # fmt: skip


def _problem(model: GenerativeModel, measurement: Measurement, given: GivenAsked, start: int) -> Problem:
    """The question, if it is one."""
    space, operator = model.space, measurement.operator
    if space.ragged or operator.domain != space.shape:
        raise ValueError(
            f"The operator must take rows of the model, got an operator of {operator.domain} and a model of {space}. "
            "Build the operator over the model's shape."
        )
    if space.columns is None and space.is_discrete and len(measurement):
        _refuse_range(measurement)
    moved = measurement.to(model.device, torch.float64 if model.dtype == torch.float64 else model.dtype)
    return Problem(model, moved, model.checked_given(given, len(measurement)), start)


def _refuse_range(measurement: Measurement) -> None:
    """Raises if measurements are far larger than any picture in [0, 1] could give."""
    probe = torch.ones(1, *measurement.operator.domain, dtype=measurement.y.dtype)
    index = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        most = measurement.operator.rows(index)(probe.to(measurement.y.device)).abs().max().item()
    got = measurement.y.abs().max().item()
    if got > 20 * max(most, 0.05) and measurement.noise.variance(measurement.y).max().item() < got**2 / 100:
        raise ValueError(
            f"Measurements must be of rows in [0, 1], where they reach {most:.3g}, got {got:.4g}. Bytes become such "
            "numbers by as_numbers(space, x), or by dividing what was measured by 255."
        )


def _choices(problem: Problem) -> list[Choice]:
    """Every method, those that fit first."""
    found = []
    for method in METHODS:
        why = method.why_not(problem)
        found.append(Choice(method.name, method.exactness(problem), 0 if why else method.cost(problem), why))
    order = list(Exactness)
    return sorted(found, key=lambda choice: (bool(choice.why_not), order.index(choice.exactness)))


def _method(name: str) -> Method:
    return next(method for method in METHODS if method.name == name)


def _named(problem: Problem, named: str | Method) -> Method:
    """A method by its name, or one's own, if it fits."""
    if not isinstance(named, str):
        if why := named.why_not(problem):
            raise Unsupported(f"A method must fit the model and the measurement; {named.name} cannot: {why}.")
        return named
    choices, name = {choice.name: choice for choice in _choices(problem)}, named
    if name not in choices or choices[name].why_not:
        why = f"{name} cannot: {choices[name].why_not}" if name in choices else f"there is no {name}"
        able = ", ".join(choice.name for choice in choices.values() if not choice.why_not) or "none"
        raise Unsupported(f"A method must fit the model and the measurement; {why}. Of those that do: {able}.")
    return _method(name)


def _check_options(name: str, known: Collection[str], options: Mapping[str, Any]) -> None:
    """Raises if an option is not known, or no number."""
    if unknown := sorted(set(options).difference(known)):
        has = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{name} has no option {', '.join(unknown)}. It has: {has}.")
    for option, value in options.items():
        if value is not None and not isinstance(value, int | float):
            raise ValueError(f"The option {option} of {name} must be a number, got {value!r}. Write {option}=50.")


def _automatic(problem: Problem, seed: int, recorded: Mapping[str, float], options: Mapping[str, Any]) -> Method:
    """The best method that fits."""
    every = [choice for choice in _choices(problem) if not choice.why_not]
    choices = [choice for choice in every if _method(choice.name).known().issuperset(options)] or every
    for choice in choices[:1]:
        _check_options(choice.name, _method(choice.name).known(), options)
    for choice in choices:
        if choice.exactness is Exactness.EXACT:
            return _method(choice.name)
        if choice.exactness is Exactness.ASYMPTOTIC and _stands(problem, _method(choice.name), seed, options):
            return _method(choice.name)
    heuristics = [choice.name for choice in choices if choice.exactness is Exactness.APPROXIMATE]
    if not heuristics:
        reasons = "; ".join(map(str, _choices(problem)))
        raise Unsupported(
            f"No method fits that gives more than a point: {reasons}. Take a model with a latent or a denoiser, or "
            "measure through Gaussian noise."
        )
    return _method(min(heuristics, key=lambda name: abs(math.log(recorded[name])) if name in recorded else 9.0))


def _stands(problem: Problem, method: Method, seed: int, options: Mapping[str, Any]) -> bool:
    """Whether a pilot of one measurement does not collapse."""
    try:
        method.run(problem.part(0, 1), PILOT, seed, **options)
    except WeightsCollapsed:
        return False
    return True


def _in_blocks(method: Method, problem: Problem, n: int, seed: int, options: Mapping[str, Any]) -> Answer:
    """The answers of some measurements at a time, as one."""
    size = max(1, ENTRIES // (problem.model.space.dims * n * method.rows(problem, **options)))
    parts = [
        method.run(problem.part(first, min(first + size, len(problem))), n, seed, **options)
        for first in range(0, len(problem), size)
    ]
    evidence = [part.log_evidence for part in parts if part.log_evidence is not None]
    told = {name: _joined([part.diagnostics[name] for part in parts]) for name in parts[0].diagnostics}
    return Answer(
        torch.cat([part.x for part in parts]), parts[0].calls, torch.cat(evidence) if evidence else None, told
    )


def _joined(values: list[Any]) -> Any:
    return torch.cat(values) if isinstance(values[0], Tensor) and values[0].ndim else max(values)


def _trivial(problem: Problem, n: int, seed: int) -> Posterior | None:
    """The answer where nothing was measured, or all of it without noise."""
    measurement, model = problem.measurement, problem.model
    operator, counted = measurement.operator, measurement.operator.counted
    if counted is not None and not bool(counted.any()):
        rows = problem.times(n)
        x = model.sample(len(rows), rows.given or None, seed=seed, start=rows.start)
        return Posterior(x.unflatten(0, (len(problem), n)).transpose(0, 1), Exactness.EXACT, "sample", 1)
    everything = isinstance(operator, Identity) or (isinstance(operator, Mask) and bool(operator.known.all()))
    if everything and isinstance(measurement.noise, Exact):
        x = in_space(model.space, measurement.y)
        off = (as_numbers(model.space, x).to(measurement.y) - measurement.y).abs() > measurement.noise.tolerance
        if bool(off.any()):
            (row, *entry), first = off.nonzero()[0].tolist(), problem.start
            raise ValueError(
                f"A measurement must be one of some level, got one of none: entry {entry} of row {first + row}. "
                "Check its range, or tell the noise."
            )
        return Posterior(x.expand(n, *x.shape), Exactness.EXACT, "measured", 0)
    return None


def _residual(problem: Problem, x: Tensor) -> dict[str, float]:
    """‖y − A x‖² of the draws over what the channel expects."""
    measurement, flat = problem.measurement, as_numbers(problem.model.space, x)
    total, expected = 0.0, 0.0
    with torch.no_grad():
        for draw in flat[:32]:
            seen = measurement.operator(draw.to(measurement.y))
            total += float(measurement.summed((measurement.y - seen).square()).sum())
            expected += float(measurement.summed(measurement.noise.variance(seen)).sum())
    return {"residual": total / expected} if expected > 0 else {}
