"""Hidden chains whose entries are seen one by one: exact draws by a pass forward and one back."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo._like import first_like
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.tasks.inverse.ahead import evidence
from genzoo.tasks.inverse.measurement import Exact, Gaussian, Measurement
from genzoo.tasks.inverse.operator import Identity
from genzoo.tasks.inverse.pixels import Mask
from genzoo.tasks.inverse.posterior import Exactness
from genzoo.tasks.inverse.problem import Answer, Method, Problem

__all__ = ["Filtered", "FilteringLike"]


@runtime_checkable
class FilteringLike(Protocol):
    """What draws rows given evidence about each of their entries, exactly."""

    def drawn(self, evidence: Tensor, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """A row for each, and log p(y)."""


@runtime_checkable
class RealFilteringLike(Protocol):
    """What draws rows of reals near entries that are seen with Gaussian noise, exactly."""

    def drawn_near(self, y: Tensor, variance: Tensor, given: Given, noise: Noise) -> tuple[Tensor, Tensor]:
        """A row for each, laid flat, and log p(y); a variance of ∞ says that an entry is not seen."""


class Filtered(Method):
    """A hidden Markov model of which some entries are seen, clearly or through noise: of any kind for symbols, a
    Gaussian one for reals."""

    name = "filter"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.EXACT

    def why_not(self, problem: Problem) -> str:
        if not isinstance(problem.measurement.operator, Mask | Identity):
            return "entries are not measured one by one"
        if _of_reals(problem.model) is not None:
            are_near = isinstance(problem.measurement.noise, Gaussian | Exact)
            return "" if are_near else "the noise of what is seen is not Gaussian"
        return "" if _of_symbols(problem.model) is not None else "the model is no hidden chain of rows of one length"

    def run(self, problem: Problem, n: int, seed: int) -> Answer:
        """Draws, by forward filtering and backward sampling.

        Raises:
            ValueError: If a measurement is impossible under the model.
        """
        model, rows = problem.model, problem.times(n)
        near, noise = _of_reals(model), rows.noise(seed, self.name)
        with torch.no_grad(), evaluating(model):
            if near is not None:
                x, log_p = near.drawn_near(*_seen(rows.measurement), rows.given, noise)
            else:
                found = _of_symbols(model)
                assert found is not None
                x, log_p = found.drawn(evidence(model, rows.measurement), rows.given, noise)
        log_evidence = log_p.view(len(problem), n)[:, 0]
        if not bool(log_evidence.isfinite().all()):
            row = problem.start + int((~log_evidence.isfinite()).nonzero()[0])
            raise ValueError(
                f"A measurement must be possible under the model, got one of probability 0: row {row}. Check its "
                "range, or tell the noise."
            )
        dtype = getattr(torch, model.space.dtype) if near is None else model.dtype
        return Answer(x.reshape(-1, *model.space.shape).to(dtype), 0, log_evidence)


def _seen(measurement: Measurement) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B D"]]:
    """What was seen of each entry, and the variance of its noise."""
    y, counted = measurement.y.double(), measurement.operator.counted
    variance = measurement.noise.variance(y)
    variance = variance if counted is None else torch.where(counted, variance, torch.inf)
    return y.flatten(1), variance.flatten(1)


def _of_reals(model: GenerativeModel) -> RealFilteringLike | None:
    return first_like(model.abilities(), RealFilteringLike)


def _of_symbols(model: GenerativeModel) -> FilteringLike | None:
    if not model.space.is_discrete or model.space.ragged or model.space.columns is not None:
        return None
    return first_like(model.abilities(), FilteringLike)
