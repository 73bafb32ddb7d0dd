"""What can be seen of a model in training beside its losses: numbers, which stand in the journal.

Each look asks a few hundred rows at the moments when samples are due, and changes nothing. What the numbers mean is
said by the detectors.
"""

import math

import torch
from torch import Tensor

from genzoo.core import Batch, Capability, GenerativeModel, Given, GivenLike, Likelihood, Noise, Space, map_given
from genzoo.distributions.estimate import NotFinite, TooFew
from genzoo.evaluation.critics import standing
from genzoo.evaluation.memorization import copying
from genzoo.evaluation.mode_collapse import collapse
from genzoo.models.abilities import Codes, Critic
from genzoo.training.order import KeyedOrder, Source
from genzoo.training.state import State
from genzoo.training.validation import has_loss, validate

__all__ = ["Seen", "is_early", "looked"]

Seen = dict[str, float | int | str]

ROWS, LEAST, SHARE, WIDEST = 400, 200, 0.01, 1 << 14  # rows that are looked at, of those seen; entries of one
EARLY, FEW = 0.35, 100  # the progress and the steps before which samples may be alike, for nothing has been learned
SPREAD = 1000  # rounds before which a healthy generator, too, makes samples that are much alike
LATE = 0.7  # the progress from which averages have settled, and rows may be known by heart
OFTEN, HELD, KNOWN = 20, 100, 1 << 23  # times that a row was seen; held-out rows; entries of those that are compared
BYTES = 256


def is_early(state: State) -> bool:
    """Whether nothing can be told yet, or another process tells.

    Args:
        state: The training.
    """
    return state.progress < EARLY or state.step < FEW or not state.team.is_first


def looked(state: State, held: Source | None, samples: Tensor | None) -> Seen:
    """All that can be seen of a model now.

    Args:
        state: Its training.
        held: Rows that are not trained on, if there are any.
        samples: The samples that were drawn at this moment to be shown, if any were.
    """
    seen: Seen = {}
    if isinstance(state.course.order, KeyedOrder) and isinstance(state.model, GenerativeModel):
        # a foreign loader's rows cannot be had twice
        seen |= _samples(state, state.course.order) | _codes(state, state.course.order)
        if held is not None:
            seen |= _critic(state, state.course.order, held)
            if samples is not None and state.progress >= LATE:
                seen |= _copies(state.course.order.source, held, samples, state)
    alone = state.team.size == 1  # a validation is made by all processes together
    if alone and held is not None and state.average is not None and _is_over(state) and has_loss(state.model):
        seen |= _average(state, held)
    return {name: value for name, value in seen.items() if not isinstance(value, float) or math.isfinite(value)}


def _is_over(state: State) -> bool:
    return state.step == state.total or state.done


def _samples(state: State, order: KeyedOrder) -> Seen:
    """Samples beside rows, with the conditions of these, where nothing but its samples tells of a model."""
    model = state.weights
    if state.step < SPREAD or not _is_judged(model):
        return {}
    rows, given = _first(state, order)
    samples = model.sample(len(rows), map_given(lambda names: names.to(state.team.device), given), seed=0)
    try:
        return collapse(*(x.flatten(1).cpu().to(torch.float32) for x in (samples, rows)))._asdict()
    except (TooFew, NotFinite):  # nothing to be said of so few rows, or of missing entries
        return {}


def _is_judged(model: GenerativeModel) -> bool:
    """Whether a model has samples, which are numbers, and no likelihood."""
    if model.likelihood is not Likelihood.NONE:
        return False
    return model.can(Capability.SAMPLE) and model.space.columns is None and 0 < model.space.dims <= WIDEST


def _critic(state: State, order: KeyedOrder, held: Source) -> Seen:
    """What the critic that plays says of rows, of rows that it has not seen, and of samples."""
    critic = state.model.ability(Critic)
    if critic is None:
        return {}
    noise, unseen = Noise(0, "critic"), held.gather(torch.arange(min(_count(state), len(held))))
    (x, given), (y, other) = (_placed(state, part) for part in (_first(state, order), unseen))
    told = (
        critic.of_rows(x, given, noise),
        critic.of_rows(y, other, noise),
        critic.of_samples(len(x), given, noise),
    )
    try:
        found = standing(*told)
    except TooFew:
        return {}
    every = torch.cat(told).double()
    size = every.square().mean().sqrt().item()  # critics have no common scale: clipped ones say little of anything
    spread = every.std().item() / size if size else 0.0
    return {"ahead": found.ahead, "known": found.known, "known_error": found.error, "spread": spread}


def _codes(state: State, order: KeyedOrder) -> Seen:
    """How many codes rows have, at the level that uses the least part of its codes."""
    codes = state.model.ability(Codes)
    if codes is None:
        return {}
    with torch.no_grad():
        found = codes.of(*_placed(state, _first(state, order)))
    counts = {level: (len(each.unique()), min(codes.alphabet, each.numel())) for level, each in found.items()}
    level, (used, possible) = min(counts.items(), key=lambda item: item[1][0] / item[1][1])
    return {"codes": used, "codes_possible": possible, "codes_of": codes.alphabet, "codes_level": level}


def _copies(source: Source, held: Source, samples: Tensor, state: State) -> Seen:
    """Whether samples stand beside training rows, where these were seen often enough to be known by heart."""
    n, space = len(source), state.model.space
    if state.step * state.config.batch_size < OFTEN * n or n * space.dims > KNOWN or not _has_distances(space):
        return {}
    parts = samples, source.gather(torch.arange(n))[0], held.gather(torch.arange(min(HELD, len(held))))[0]
    if len({part.shape[1:] for part in parts}) > 1:
        return {}
    try:
        found = copying(*(part.flatten(1).cpu().to(torch.float32) for part in parts))
    except (TooFew, NotFinite):
        return {}
    return {"copies": found.share, "copies_floor": found.floor, "copies_n": found.n}


def _has_distances(space: Space) -> bool:
    """Whether entries are alike, and numbers rather than names."""
    is_picture = len(space.shape) == 3
    return space.columns is None and not space.ragged and (is_picture or (space.levels or BYTES) in (2, BYTES))


def _average(state: State, held: Source) -> Seen:
    """Validation by averaged weights and by the last ones, on the same rows with the same noise."""
    losses = (
        validate(state.course, model, held, state.plan.judged, state.progress)
        for model in (state.weights, state.model)
    )
    averaged, raw = (state.told.value("loss", loss) for loss in losses)
    return {"averaged": averaged, "raw": raw}


def _count(state: State) -> int:
    """How many rows are looked at: fewer in a short run, so that it is not spent on looks."""
    return max(LEAST, min(ROWS, int(SHARE * state.step * state.config.batch_size)))


def _first(state: State, order: KeyedOrder) -> tuple[Tensor, GivenLike]:
    return order.source.gather(order.permutation(0)[: _count(state)], seed=order.seed)


def _placed(state: State, part: tuple[Tensor, GivenLike]) -> tuple[Tensor, Given]:
    """Rows and their conditions in full, where the model is."""
    x, given = part[0].to(state.team.device), map_given(lambda rows: rows.to(state.team.device), part[1])
    return x, state.model.given_of(Batch(x, given))
