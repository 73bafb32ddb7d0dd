"""Hidden chains of symbols that are seen one by one: exact draws by a pass forward and one back."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, evaluating
from genzoo.core.noise import Noise
from genzoo.tasks.inverse.ahead import evidence
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


class Filtered(Method):
    """A hidden Markov model of symbols, of which some are seen, clearly or through noise."""

    name = "filter"

    def exactness(self, problem: Problem) -> Exactness:
        return Exactness.EXACT

    def why_not(self, problem: Problem) -> str:
        if not isinstance(problem.measurement.operator, Mask | Identity):
            return "entries are not measured one by one"
        return "" if _filtering(problem.model) is not None else "the model is no hidden chain of symbols"

    def run(self, problem: Problem, n: int, seed: int) -> Answer:
        """Draws, by forward filtering and backward sampling.

        Raises:
            ValueError: If a measurement is impossible under the model.
        """
        model, rows = problem.model, problem.times(n)
        found = _filtering(model)
        assert found is not None
        with torch.no_grad(), evaluating(model):
            known = evidence(model, rows.measurement)
            x, log_p = found.drawn(known, rows.given, rows.noise(seed, self.name))
        log_evidence = log_p.view(len(problem), n)[:, 0]
        if not bool(log_evidence.isfinite().all()):
            row = problem.start + int((~log_evidence.isfinite()).nonzero()[0])
            raise ValueError(
                f"A measurement must be possible under the model, got one of probability 0: row {row}. Check its "
                "range, or tell the noise."
            )
        return Answer(x.reshape(-1, *model.space.shape).to(getattr(torch, model.space.dtype)), 0, log_evidence)


def _filtering(model: GenerativeModel) -> FilteringLike | None:
    if not model.space.is_discrete or model.space.ragged or model.space.columns is not None:
        return None
    return next((found for found in model.abilities() if isinstance(found, FilteringLike)), None)
