"""A watch on models that have samples and no likelihood: it says once, in a line, that they have collapsed."""

import torch

from genzoo.core import Capability, GenerativeModel, Likelihood, map_given
from genzoo.distributions.estimate import NotFinite, TooFew
from genzoo.evaluation.mode_collapse import collapse
from genzoo.training.callbacks import Callback
from genzoo.training.order import KeyedOrder
from genzoo.training.state import State

__all__ = ["Collapsed"]

ROWS, WIDEST = 400, 1 << 14  # rows that are looked at; the most entries of one
EARLY, FEW = 0.35, 100  # the progress and the steps before which samples may be alike, for nothing has been learned
TRY = "Try r3gan or drifting, pack=4 or deviation=true of gan, a lower lr of the generator, or more critic_steps."


class Collapsed(Callback):
    """Looks at samples whenever some are due, and says once if they have collapsed: what was seen, and what to try.

    It asks the weights that are sampled from, with the conditions of the rows, from a third of the training on, and
    changes nothing.

    Example:
        >>> Collapsed().told
        False
    """

    def __init__(self) -> None:
        self.told = False

    def on_samples(self, state: State) -> None:
        model = state.weights
        early = state.progress < EARLY or state.step < FEW
        if self.told or early or not state.team.is_first or not _is_judged(model):
            return
        order = state.course.order
        if not isinstance(order, KeyedOrder):  # a foreign loader's rows cannot be had twice
            return
        rows, given = order.source.gather(order.permutation(0)[:ROWS], seed=order.seed)
        samples = model.sample(len(rows), map_given(lambda names: names.to(state.team.device), given), seed=0)
        try:
            seen = collapse(*(x.flatten(1).cpu().to(torch.float32) for x in (samples, rows)))
        except (TooFew, NotFinite):  # nothing to be said of so few rows, or of missing entries
            return
        if seen.found:
            self.told = True
            state.course.say(f"collapsed after {state.step:,} steps: {seen}. {TRY}")


def _is_judged(model: object) -> bool:
    """Whether nothing but its samples tells of a model, and they are numbers."""
    if not isinstance(model, GenerativeModel) or model.likelihood is not Likelihood.NONE:
        return False
    return model.can(Capability.SAMPLE) and model.space.columns is None and 0 < model.space.dims <= WIDEST
