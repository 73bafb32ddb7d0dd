"""Log-probabilities of rows that a request brings."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from genzoo.apps.serve.line import Job, deadline
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood

__all__ = ["Scored", "score"]


@dataclasses.dataclass(frozen=True)
class Scored:
    """Rows that are to be scored.

    Attributes:
        x: Rows of the space.
        given: Their condition in full.
        seed: Names the noise of a bound.
        draws: How many seeds are averaged, from `seed` on, where the answer depends on noise.
    """

    x: Tensor
    given: Given
    seed: int
    draws: int

    @property
    def n(self) -> int:
        """How many rows."""
        return len(self.x)

    @property
    def key(self) -> tuple[object, ...]:
        """No two requests are scored together: each brings rows enough."""
        return "score", id(self)


def score(model: GenerativeModel, jobs: Sequence[Job]) -> Iterator[None]:
    """log p of each row in nats, and the standard error of its mean over noise.

    Args:
        model: A model with a likelihood.
        jobs: One request, of rows that are `Scored`.
    """
    (job,) = jobs
    asked: Scored = job.asked
    draws = 1 if model.likelihood is Likelihood.EXACT else asked.draws

    found = []
    for seed in range(asked.seed, asked.seed + draws):
        with deadline(jobs):
            found.append(model.log_prob(asked.x, asked.given or None, seed=seed).double().cpu())
        yield
    nats = torch.stack(found)
    error = nats.std(0) / math.sqrt(draws) if draws > 1 else torch.full_like(nats[0], torch.nan)
    job.end((nats.mean(0), torch.zeros_like(error) if model.likelihood is Likelihood.EXACT else error))
