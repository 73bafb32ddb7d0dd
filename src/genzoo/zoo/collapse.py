"""Watches on trainings whose loss does not tell what has gone wrong: each says it once, in a line."""

import torch

from genzoo.core import Batch, Capability, GenerativeModel, Given, GivenLike, Likelihood, Noise, map_given
from genzoo.distributions.estimate import NotFinite, TooFew
from genzoo.evaluation.critics import standing
from genzoo.evaluation.mode_collapse import collapse
from genzoo.models.abilities import Codes, Critic
from genzoo.training.callbacks import Callback
from genzoo.training.order import KeyedOrder, Source
from genzoo.training.state import State

__all__ = ["Collapsed", "FewCodes", "Outplayed"]

ROWS, WIDEST = 400, 1 << 14  # rows that are looked at; the most entries of one
EARLY, FEW = 0.35, 100  # the progress and the steps before which samples may be alike, for nothing has been learned
LEAST_CODES = 0.25  # the share of codes in use below which the others are lost
FEW_CODES = "Try quantizer=scalar or signs, which cannot lose codes, fewer codes, a lower lr, or averaged codes."
BY_HEART = (
    "It knows rows by heart: try augment=0.6 where a recipe has it, more data, a larger γ, or fewer critic_steps."
)
WON = "No sample is like the data to it: try a larger penalty, a lower critic_lr, or fewer critic_steps."
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
        model, order = state.weights, state.course.order
        if self.told or _is_early(state) or not _is_judged(model) or not isinstance(order, KeyedOrder):
            return  # a foreign loader's rows cannot be had twice
        rows, given = order.source.gather(order.permutation(0)[:ROWS], seed=order.seed)
        samples = model.sample(len(rows), map_given(lambda names: names.to(state.team.device), given), seed=0)
        try:
            seen = collapse(*(x.flatten(1).cpu().to(torch.float32) for x in (samples, rows)))
        except (TooFew, NotFinite):  # nothing to be said of so few rows, or of missing entries
            return
        if seen.found:
            self.told = True
            state.course.say(f"collapsed after {state.step:,} steps: {seen}. {TRY}")


class Outplayed(Callback):
    """Looks at what the critic says whenever samples are due, and says once if it has won, or knows rows by heart:
    what was seen, and what to try. It asks the weights that play.

    Args:
        held: Rows that are not trained on, if there are any.

    Example:
        >>> Outplayed(None).told
        False
    """

    def __init__(self, held: Source | None) -> None:
        self.held, self.told = held, False

    def on_samples(self, state: State) -> None:
        model, order, held = state.model, state.course.order, self.held
        if self.told or held is None or _is_early(state) or not isinstance(order, KeyedOrder):
            return
        critic = model.ability(Critic) if isinstance(model, GenerativeModel) else None
        if critic is None:
            return
        seen, noise = order.source.gather(order.permutation(0)[:ROWS], seed=order.seed), Noise(0, "critic")
        unseen = held.gather(torch.arange(min(ROWS, len(held))))
        (x, given), (y, other) = (_placed(model, part, state) for part in (seen, unseen))
        try:
            found = standing(
                critic.of_rows(x, given, noise),
                critic.of_rows(y, other, noise),
                critic.of_samples(len(x), given, noise),
            )
        except TooFew:
            return
        if found.found:
            self.told = True
            try_ = BY_HEART if found.overfit else WON
            state.course.say(f"outplayed after {state.step:,} steps: {found}. {try_}")


class FewCodes(Callback):
    """Looks at the codes of rows whenever samples are due, and says once if most are never used: what was seen, and
    what to try.

    Example:
        >>> FewCodes().told
        False
    """

    def __init__(self) -> None:
        self.told = False

    def on_samples(self, state: State) -> None:
        model, order = state.model, state.course.order
        if (
            self.told
            or _is_early(state)
            or not isinstance(model, GenerativeModel)
            or not isinstance(order, KeyedOrder)
        ):
            return
        codes = model.ability(Codes)
        if codes is None:
            return
        x, given = _placed(model, order.source.gather(order.permutation(0)[:ROWS], seed=order.seed), state)
        with torch.no_grad():
            found = codes.of(x, given)
        for level, each in found.items():
            used = len(each.unique())
            if used < LEAST_CODES * min(codes.alphabet, each.numel()):
                self.told = True
                seen = (
                    f"{used} of {codes.alphabet} codes{f' of {level}' if level else ''} are used by {len(each)} rows"
                )
                state.course.say(f"codebook collapsed after {state.step:,} steps: {seen}. {FEW_CODES}")
                return


def _placed(model: GenerativeModel, part: tuple[torch.Tensor, GivenLike], state: State) -> tuple[torch.Tensor, Given]:
    """Rows and their conditions in full, where the model is."""
    x, given = part[0].to(state.team.device), map_given(lambda rows: rows.to(state.team.device), part[1])
    return x, model.given_of(Batch(x, given))


def _is_early(state: State) -> bool:
    """Whether nothing can be told yet, or another process tells."""
    return state.progress < EARLY or state.step < FEW or not state.team.is_first


def _is_judged(model: object) -> bool:
    """Whether nothing but its samples tells of a model, and they are numbers."""
    if not isinstance(model, GenerativeModel) or model.likelihood is not Likelihood.NONE:
        return False
    return model.can(Capability.SAMPLE) and model.space.columns is None and 0 < model.space.dims <= WIDEST
