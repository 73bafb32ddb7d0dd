"""How a tiny instance is told: how to make it, and what it says of itself."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from genzoo.core import Batch, GenerativeModel, Likelihood, Noise, Space
from genzoo.testing import conditions, rows

REALS, BYTES, BITS = Space((3,)), Space((1, 4, 5), levels=256), Space((1, 4, 4), levels=2)
PIXELS, EVEN, CLIP = Space(BYTES.shape), Space((1, 8, 4)), Space((2, 1, 4, 4))
TINY_REALS, ONE_OF_3 = Space((2, 2, 1)), Space((1,), levels=3)
WORDS, TINY = Space((4,), levels=3, ragged=True), Space((2, 2, 1), levels=5)
LABEL = Space((), levels=3)
BOTH = {"label": LABEL, "angle": Space((2,))}
TEXT = {"label": LABEL, "words": WORDS, "angle": Space((2,))}

EXACT, BOUND, ESTIMATE, NONE = Likelihood.EXACT, Likelihood.BOUND, Likelihood.ESTIMATE, Likelihood.NONE
UNNORMALIZED = Likelihood.UNNORMALIZED


@dataclass(frozen=True)
class Entry:
    """How to make a model, and what it says of itself.

    What has a likelihood can sample, log_prob and loss; `can` adds to that, and says all of what has none. `rounds` of
    training lower its loss; where there are none, it is trained as another instance is.
    """

    make: Callable[[], GenerativeModel]
    likelihood: Likelihood
    can: str = ""
    rounds: int = 0

    @property
    def capabilities(self) -> set[str]:
        """All that it declares."""
        return set(self.can.split()) | (set() if self.likelihood is NONE else {"sample", "log_prob", "loss"})


def batch(model: GenerativeModel, n: int = 32, page: int = 0) -> Batch:
    """Rows that suit a model."""
    return Batch(rows(model.space, n), conditions(model.given_space, n), Noise(3, "train").tick(page))


def stirred(model: GenerativeModel, by: float = 0.3) -> GenerativeModel:
    """The model with weights moved at random, for one that starts as the uniform distribution shows little."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return model
