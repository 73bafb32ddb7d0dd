"""What is known in closed form: mixtures of Gaussians under linear measurements, entries given others, and anything
that has few enough states to be counted.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import given_rows
from genzoo.core.model import Capability, GenerativeModel, Likelihood, evaluating
from genzoo.distributions.conditioned import ConditionedLike, ConditioningLike
from genzoo.distributions.levels import alphabets
from genzoo.distributions.region import ImputationLike
from genzoo.tasks.inverse.measurement import Exact, Gaussian, as_numbers, in_space
from genzoo.tasks.inverse.operator import ENTRIES, Identity, Linear
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem

__all__ = ["Closed", "Counted", "Imputed", "states"]

STATES = 1 << 20
AT_ONCE, BLOCK = 1 << 21, 1 << 14  # numbers of measurements by states, rows that are scored


class Closed(Method):
    """A Gaussian, or a mixture of them, given a linear measurement with Gaussian noise."""

    name = "closed"

    def exactness(self, problem: Problem) -> Exactness:
        found = _conditioning(problem.model)
        return Exactness.EXACT if found is None or found.exact else Exactness.APPROXIMATE

    def why_not(self, problem: Problem) -> str:
        operator, noise = problem.measurement.operator, problem.measurement.noise
        size = math.prod(operator.domain) * math.prod(operator.range)
        if _conditioning(problem.model) is None:
            return "the model is no mixture of Gaussians"
        if not isinstance(operator, Linear) or not isinstance(noise, Gaussian | Exact):
            return "the measurement is not linear with Gaussian noise"
        return f"its matrix would have {size:,} entries" if size > ENTRIES else ""

    def run(self, problem: Problem, n: int, seed: int) -> Answer:
        """Draws, by Matheron's rule."""
        if problem.measurement.operator.by_row:
            each = [self._one(problem.part(i, i + 1), n, seed) for i in range(len(problem))]
            evidence = [one.log_evidence for one in each if one.log_evidence is not None]
            return Answer(torch.cat([one.x for one in each]), 0, torch.cat(evidence))
        return self._one(problem, n, seed)

    def _one(self, problem: Problem, n: int, seed: int) -> Answer:
        with torch.no_grad():
            found = conditioned(problem)
            x = found.draw(n, problem.times(n).noise(seed, self.name))
        space = problem.model.space
        x = x.reshape(-1, *space.shape)
        if space.is_discrete:
            x = in_space(space, x / max(1, (space.levels or 1) - 1))
        else:
            x = x.to(problem.model.dtype)
        return Answer(x, 0, found.log_evidence)


def conditioned(problem: Problem) -> ConditionedLike:
    """The law of x in the data's own units given each measurement, all of one operator.

    Args:
        problem: One that `Closed` can solve.

    Raises:
        ValueError: If a measurement without noise follows from others.
    """
    model, measurement = problem.model, problem.measurement.rows(torch.arange(len(problem)))
    found, operator = _conditioning(model), measurement.operator
    assert found is not None
    if operator.by_row:
        operator = operator.rows(torch.zeros(1, dtype=torch.int64))
    matrix = _matrix(operator)
    y = measurement.y.flatten(1).double()
    counted = operator.counted
    keep = slice(None) if counted is None else counted.expand(1, *operator.range)[0].flatten()
    variance = measurement.noise.variance(torch.zeros(operator.range, dtype=torch.float64, device=y.device))
    top = max(1, (model.space.levels or 2) - 1) if model.space.is_discrete else 1
    return found.condition(matrix / top, y[:, keep], variance.flatten()[keep], problem.given)


def _matrix(operator: Any) -> Float[Tensor, "m D"]:
    """A, of an operator of all rows or of one."""
    if not operator.by_row:
        found: Tensor = operator.matrix()
        return found
    d = math.prod(operator.domain)
    unit = torch.eye(d, dtype=torch.float64, device=operator.device).unflatten(1, operator.domain)
    rows = operator.rows(torch.zeros(d, dtype=torch.int64))(unit).flatten(1).T
    return rows[operator.counted[0].flatten()] if operator.counted is not None else rows


def _conditioning(model: GenerativeModel) -> ConditioningLike | None:
    return first_like(model.abilities(), ConditioningLike)


class Imputed(Method):
    """Entries given others, of a model that knows them."""

    name = "impute"

    def exactness(self, problem: Problem) -> Exactness:
        found = _imputation(problem.model)
        return Exactness.EXACT if found is None or (found.exact and found.consistent) else Exactness.APPROXIMATE

    def why_not(self, problem: Problem) -> str:
        measurement = problem.measurement
        if not isinstance(measurement.operator, Mask | Identity) or not isinstance(measurement.noise, Exact):
            return "entries are given others only where they are measured as they are"
        return "" if _imputation(problem.model) is not None else "the model does not know its entries given others"

    def run(self, problem: Problem, n: int, seed: int) -> Answer:
        """Draws of what is missing."""
        model, rows = problem.model, problem.times(n)
        found, y = _imputation(model), rows.measurement.y
        assert found is not None
        counted = rows.measurement.operator.counted
        space = model.space
        told = in_space(space, y).to(torch.float64 if space.columns is not None else model.dtype)
        x = told if counted is None else torch.where(counted, told, torch.nan)
        with torch.no_grad(), evaluating(model):
            drawn = found.impute(x, rows.given, rows.noise(seed, self.name))
        return Answer(drawn.to(getattr(torch, space.dtype)) if space.is_discrete else drawn, 0)


def _imputation(model: GenerativeModel) -> ImputationLike | None:
    return first_like(model.abilities(), ImputationLike)


class Counted(Method):
    """All states of x, each with its share."""

    name = "enumerate"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.EXACT

    def why_not(self, problem: Problem) -> str:
        model = problem.model
        if not model.space.is_discrete or model.space.ragged:
            return "x has more states than can be counted"
        count = math.prod(alphabets(model.space)) if model.space.dims <= 20 else math.inf
        if count > STATES:
            return f"x has more than {STATES:,} states"
        if model.likelihood not in (Likelihood.EXACT, Likelihood.UNNORMALIZED) or not model.can(Capability.LOG_PROB):
            return "the model has no density that can be summed"
        return ""

    def cost(self, problem: Problem) -> int:
        return min(STATES, math.prod(alphabets(problem.model.space)))

    def run(self, problem: Problem, n: int, seed: int) -> Answer:
        """Draws of states.

        Raises:
            ValueError: If a measurement is impossible under the model.
        """
        model, x = problem.model, states(problem.model)
        noise, found, evidence = problem.times(n).noise(seed, self.name), [], []
        size = max(1, AT_ONCE // (len(x) + n))
        with torch.no_grad(), evaluating(model):
            alike = None if problem.given else _log_shares(model, x, problem.part(0, 1))
            for first in range(0, len(problem), size):
                part = problem.part(first, min(first + size, len(problem)))
                joint = _log_likelihoods(part, x) + (_log_shares(model, x, part) if alike is None else alike)
                _refuse_impossible(joint, part.start)
                evidence.append(joint.logsumexp(1))
                rows = noise.rows(slice(first * n, (first + len(part)) * n))
                u = rows.uniform(len(part) * n, dtype=torch.float64).view(len(part), n)
                upto = joint.softmax(1).cumsum(1)
                which = torch.searchsorted(upto, u * upto[:, -1:], right=True).clamp_max(len(x) - 1)
                found.append(x[which.flatten()])
        return Answer(torch.cat(found), self.cost(problem), torch.cat(evidence))


def _log_likelihoods(part: Problem, x: Tensor) -> Float[Tensor, "B states"]:
    """log p(y | x) of all states, for each measurement."""
    index = torch.arange(len(part)).repeat_interleave(len(x))
    u = as_numbers(part.model.space, x, torch.float64)
    every = u.repeat(len(part), *[1] * (u.ndim - 1))
    return part.measurement.rows(index).log_prob(every).double().unflatten(0, (len(part), len(x)))


def _log_shares(model: GenerativeModel, x: Tensor, part: Problem) -> Float[Tensor, "B states"]:
    """log p of all states under each condition."""
    index = torch.arange(len(part)).repeat_interleave(len(x))
    given = given_rows(part.given, index)
    each = []
    for rows in torch.arange(len(index)).split(BLOCK):
        told = {name: values[rows] for name, values in given.items()}
        each.append(model.log_prob(x[rows % len(x)], told or None))
    return torch.cat(each).double().unflatten(0, (len(part), len(x))).log_softmax(1)


def _refuse_impossible(joint: Float[Tensor, "B states"], start: int) -> None:
    if bool((gone := joint.amax(1) == -torch.inf).any()):
        row = start + int(gone.nonzero()[0])
        raise ValueError(
            f"A measurement must be possible under the model, got one of probability 0: row {row}. Check its range, "
            "or tell the noise."
        )


def states(model: GenerativeModel) -> Tensor:
    """All rows of a small discrete space.

    Args:
        model: A model over it.
    """
    alphabet = alphabets(model.space)
    grid = torch.cartesian_prod(*(torch.arange(levels) for levels in alphabet)).reshape(-1, len(alphabet))
    return grid.reshape(-1, *model.space.shape).to(getattr(torch, model.space.dtype)).to(model.device)
