"""Recipes of models of sequences with hidden states."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, Count, GivenSpaceLike, Positive, Recipe, Size, recipe

__all__ = ["hmm"]


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "score", "step", "loss", "condition", "direct_fit"),
    paper="Baum, Petrie, Soules & Weiss, 1970, A maximization technique in probabilistic functions of Markov chains",
    ragged=True,
    sampling=("prefix",),
    loss=f"−log p(x) − log p(θ), {NATS}",
)
def hmm(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    states: Count | None = None,
    covariance: Literal["full", "tied", "diag", "spherical"] = "diag",
    smoothing: Positive = 0.01,
    floor: Positive | None = None,
    tol: Positive = 1e-4,
) -> Recipe:
    """A hidden Markov model fitted by Baum and Welch's passes; one chain per class, given a label.

    The first axis of x is time. Symbols, bits (piano keys) and real vectors; lengths may vary.

    Args:
        size: Small: 16 states. Paper: 64.
        states: The number of states (of each class); by default as size says.
        covariance: That of real steps: one matrix for each state, one for all, a diagonal each, or one variance each.
        smoothing: What is added to every count, so that what was never seen is rare and not impossible.
        floor: The smallest variance of real steps, as a share of the data's; by default 1e-4, and steps of a singular
            covariance are refused.
        tol: The fit has converged when a pass gains less than this, in nats per step.

    Raises:
        Mistake: If rows are no sequences.
    """
    from genzoo.models.classical import HMM

    if len(space.shape) not in (1, 2):
        raise Mistake(f"hmm wants sequences, (T,) or (T, D), got {space}.", "Take gaussian_mixture or vae for images.")
    count = states or {"small": 16, "paper": 64}[size]
    model = HMM(space, given_space, states=count, covariance=covariance, smoothing=smoothing, floor=floor, tol=tol)
    return Recipe(model, TrainConfig(batch_size=256))
