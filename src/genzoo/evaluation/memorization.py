"""Memorization: are samples nearer to training rows than new data are?

A model that copies puts samples at training rows; one that generalizes puts them as far off as held-out rows lie. So
the distances of samples to their nearest training rows are set against those of held-out rows to theirs. A sample is
flagged as a copy where it is as near as only a small share (the level) of held-out rows are.

References:
    Meehan, Chaudhuri & Dasgupta, 2020, "A non-parametric test to detect data-copying in generative models",
        arXiv:2004.05675
    Carlini et al., 2023, "Extracting training data from diffusion models", arXiv:2301.13188
    Yoon et al., 2023, "Diffusion probabilistic models generalize when they fail to memorize"
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo.distributions.pairwise import nearest, products
from genzoo.distributions.resampling import chance_below, require_rows, share_of
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["Copying", "Memorization", "copying", "find_copies", "isolation"]

FLAGGED, AT_MOST = 0.05, 0.5  # the share of held-out rows that a threshold flags; the largest threshold
MANY, SURELY = 0.25, 4.0  # the share above the floor that is memory, and how many standard errors it must be


class Memorization(NamedTuple):
    """What was copied.

    Attributes:
        share: The share of samples flagged as copies.
        floor: The share of held-out rows that the same rule flags: what a model that copies nothing would have.
        closer: The chance that a sample is nearer to its training row than a held-out row to its own, ties halved; 1/2
            for a model that copies nothing.
        threshold: The distance up to which a sample is flagged.
        flagged: Which samples are.
        rows: Each sample's nearest training row.
        distances: How far off that is.

    Example:
        >>> import torch
        >>> from genzoo.core import Noise
        >>> train, held_out = Noise(0).normal(400, 2).split(200)
        >>> find_copies(train, train, held_out).share.value
        1.0
    """

    share: Estimate
    floor: float
    closer: Estimate
    threshold: float
    flagged: Bool[Tensor, " n"]
    rows: Int[Tensor, " n"]
    distances: Float[Tensor, " n"]


def find_copies(
    samples: Samples,
    train: Samples,
    held_out: Samples,
    *,
    level: float = 0.01,
    block: int = 1024,
) -> Memorization:
    """The samples that lie as near to training rows as hardly any held-out row does.

    The share has no bias but that of the threshold, itself a quantile of m distances: off by about √(level / m). The
    distances are Euclidean: scale columns alike, or give features. Rows of the data that occur in both splits raise
    the floor and hide copies; memory is that of one block of pairs.

    Args:
        samples: The rows judged.
        train: The rows that the model was trained on.
        held_out: Rows of the same data that it was not.
        level: The share of held-out rows that a threshold may flag.
        block: Rows at a time.

    Raises:
        TooFew: If there are fewer than 1/level held-out rows, or fewer than two samples.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> import torch
        >>> from genzoo.core import Noise
        >>> train, held_out, fresh = Noise(0).normal(1200, 2).split(400)
        >>> found = find_copies(torch.cat([train[:100], fresh]), train, held_out)
        >>> found.flagged[:100].all().item(), found.share.value < 0.25, found.floor
        (True, True, 0.01)
    """
    ours, known, held = checked_rows(samples, train, held_out, what="A share of copies")
    require_rows(len(held), math.ceil(1 / level), f"A threshold that {level:.2%} of held-out rows reach")
    require_rows(len(ours), 2, "A share of copies")
    distances, rows = nearest(ours, known, block=block)
    usual = nearest(held, known, block=block)[0].sort().values
    threshold = usual[math.floor(level * len(usual)) - 1]
    flagged = distances <= threshold
    return Memorization(
        share=share_of(flagged),
        floor=(usual <= threshold).double().mean().item(),
        closer=chance_below(distances, usual),
        threshold=threshold.item(),
        flagged=flagged,
        rows=rows,
        distances=distances,
    )


class Copying(NamedTuple):
    """How many of a few samples stand beside one training row and no other.

    Attributes:
        share: The share of samples that do.
        floor: The share of held-out rows that do.
        n: The number of samples.

    Example:
        >>> Copying(0.9, 0.05, 64).found, Copying(0.2, 0.05, 64).found, Copying(0.3, 0.05, 4).found
        (True, False, False)
    """

    share: float
    floor: float
    n: int

    @property
    def found(self) -> bool:
        """Whether the model knows training rows by heart."""
        floor = max(self.floor, FLAGGED)
        return self.share - floor >= max(MANY, SURELY * math.sqrt(floor * (1 - floor) / self.n))

    def __str__(self) -> str:
        alone = "stand beside one training row and no other"
        return f"{self.share:.0%} of samples {alone}, of held-out rows {self.floor:.0%}"


def isolation(rows: Samples, train: Samples, *, block: int = 1024) -> Float[Tensor, " n"]:
    """How much nearer each row is to the nearest training row than to the next, d₁ / d₂: near 0 for a copy.

    It does not take rows for copies that are near to many, as blurred samples are.

    Args:
        rows: The rows judged.
        train: The rows that they may be copies of, at least two.
        block: Rows at a time.

    Example:
        >>> isolation(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.1], [2.0]]))
        tensor([0.0500, 0.9000])
    """
    ours, known = checked_rows(rows, train, what="A look for copies")
    require_rows(len(known), 2, "A look for copies among training rows")
    two = torch.cat([products(part, known).clamp_min(0).topk(2, largest=False).values for part in ours.split(block)])
    first, second = two.sqrt().unbind(1)
    return torch.where(second > 0, first / second, 1.0)


def copying(samples: Samples, train: Samples, held_out: Samples) -> Copying:
    """How many samples stand beside one training row, as hardly any held-out row does.

    The threshold is the 5 % quantile of d₁ / d₂ of held-out rows, and at most one half. Some dozens of samples do: it
    asks whether a model knows its rows by heart, not which ones.

    Args:
        samples: The rows judged.
        train: The rows that the model was trained on.
        held_out: Rows of the same data that it was not trained on.

    Raises:
        TooFew: If there are fewer than twenty held-out rows, or two of others.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> from genzoo.core import Noise
        >>> train, held_out, fresh = Noise(0).normal(600, 8).split(200)
        >>> copying(train + 0.01 * fresh, train, held_out).found, copying(fresh, train, held_out).found
        (True, False)
    """
    require_rows(len(held_out), round(1 / FLAGGED), f"A threshold that {FLAGGED:.0%} of held-out rows reach")
    ours, usual = isolation(samples, train), isolation(held_out, train)
    threshold = min(float(usual.double().quantile(FLAGGED)), AT_MOST)
    share, floor = ((part <= threshold).double().mean().item() for part in (ours, usual))
    return Copying(share, floor, len(ours))
