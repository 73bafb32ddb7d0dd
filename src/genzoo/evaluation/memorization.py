"""Memorization: are samples nearer to training rows than new data are?

A model that copies puts samples at training rows; one that generalizes puts them as far off as held-out rows lie. So
the distances of samples to their nearest training rows are set against those of held-out rows to theirs. A sample is
flagged as a copy where it is as near as only a small share (the level) of held-out rows are.

References:
    Meehan, Chaudhuri & Dasgupta, 2020, "A non-parametric test to detect data-copying in generative models",
        arXiv:2004.05675
    Carlini et al., 2023, "Extracting training data from diffusion models", arXiv:2301.13188
"""

import math
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo.distributions.pairwise import nearest
from genzoo.distributions.resampling import chance_below, require_rows, share_of
from genzoo.distributions.samples import Samples, checked_rows
from genzoo.evaluation.measurement import Estimate

__all__ = ["Memorization", "find_copies"]


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
