"""How a game stands, by what the critic says: whether it has won, and whether it knows the training rows by heart."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.estimate import TooFew

__all__ = ["Standing", "above", "standing"]

WON = 0.999  # the chance, at which no sample is like the data to the critic
KNOWN, SURELY = 0.65, 4.0  # the chance at which it knows rows by heart, and how many standard errors above one half


class Standing(NamedTuple):
    """What a critic tells apart.

    Attributes:
        ahead: The chance that it says more of a row of training than of a sample: one half for a blind critic, or
            samples like the data; 1 where it tells every sample.
        known: The chance that it says more of a row of training than of one that it has not seen: one half, unless it
            has learned rows by heart.
        error: The standard error of `known`.

    Example:
        >>> Standing(0.9, 0.52, 0.02).found, Standing(1.0, 0.5, 0.02).found, Standing(0.9, 0.9, 0.02).overfit
        (False, True, True)
    """

    ahead: float
    known: float
    error: float

    @property
    def won(self) -> bool:
        """Whether no sample is like data to the critic."""
        return self.ahead >= WON

    @property
    def overfit(self) -> bool:
        """Whether it knows rows of training by heart."""
        return self.known >= KNOWN and self.known - 0.5 > SURELY * self.error

    @property
    def found(self) -> bool:
        """Whether either is so."""
        return self.won or self.overfit

    def __str__(self) -> str:
        told = f"the critic tells {self.ahead:.1%} of pairs of a row and a sample"
        held = f"{self.known:.0%} ± {self.error:.0%} of pairs of a row of training and one that it has not seen"
        return f"{told}, and {held}"


def standing(of_train: Float[Tensor, " n"], of_held: Float[Tensor, " m"], of_samples: Float[Tensor, " k"]) -> Standing:
    """How a game stands.

    Args:
        of_train: What the critic says of rows that it was trained on.
        of_held: Of rows that it was not trained on.
        of_samples: Of samples.

    Raises:
        TooFew: If there are fewer than ten of a kind.

    Example:
        >>> told = torch.arange(100.0)
        >>> standing(told, told, told - 50).known
        0.5
    """
    if (least := min(len(of_train), len(of_held), len(of_samples))) < 10:
        raise TooFew(f"How a game stands is told by at least ten of each kind, got {least}. Ask of more rows.")
    known, n, m = above(of_train, of_held), len(of_train), len(of_held)
    return Standing(above(of_train, of_samples), known, ((n + m + 1) / (12 * n * m)) ** 0.5)


def above(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """P(a > b) + ½ P(a = b) of one of each, the area under the curve of hits against false alarms.

    Args:
        a: Numbers.
        b: Others.

    Example:
        >>> above(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0]))
        0.5
    """
    edges = b.double().sort().values
    below, upto = (torch.searchsorted(edges, a.double(), right=right) for right in (False, True))
    return (below + upto).double().mean().item() / (2 * len(b))
