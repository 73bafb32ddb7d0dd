"""Causality: conditionals that are asked one after another make the likelihood of the whole."""

import torch
from torch import Tensor

from genzoo.core import Likelihood, Sequential, Space
from genzoo.testing.promise import Subject, hold, promise

__all__ = ["by_steps"]

ROWS = 4


def is_exact_mass(subject: Subject) -> bool:
    """a model with an exact mass that can be asked entry by entry"""
    return subject.model.likelihood is Likelihood.EXACT and subject.model.space.levels is not None


@promise("log_prob", "step", asked=is_exact_mass)
def log_prob_is_the_sum_of_its_steps(subject: Subject) -> None:
    """An entry that sees a later one, or padding that counts, makes log_prob of the whole another one than that of
    entries told one by one."""
    model, data = subject.model, subject.batch(ROWS)
    with torch.no_grad():
        whole = model.log_prob(data.x, data.given).double()
        parts = by_steps(model.able(Sequential), model.checked(data.x), model.checked_given(data.given, len(data)))
    worst = ((whole - parts.sum(1)).abs() / whole.abs().clamp_min(1.0)).max().item()
    hold(worst < 1e-3, f"log_prob of whole rows is {worst:.2%} off the sum of what is said entry by entry")


def tells_nats(subject: Subject) -> bool:
    """a model with an exact likelihood that is trained on it"""
    model = subject.model
    return model.likelihood is Likelihood.EXACT and "loss" in model.lowers().nats and not model.lowers().name


@promise("log_prob", "loss", asked=tells_nats)
def a_loss_that_is_told_in_nats_is_that_of_log_prob(subject: Subject) -> None:
    """In evaluation, where nothing is dropped."""
    model, data = subject.model, subject.batch(ROWS)
    with torch.no_grad():
        loss, nats = model.loss(data).item(), -model.log_prob(data.x, data.given).mean().item()
    hold(abs(loss - nats) <= 1e-3 * max(1.0, abs(nats)), f"the loss is {loss:.5g} and −log p {nats:.5g} nats a row")


def by_steps(chain: Sequential, x: Tensor, given: dict[str, Tensor]) -> Tensor:
    """log p(x_t | x_<t, given) of every entry, zero after the end of a row.

    Args:
        chain: The conditionals.
        x: Rows of its space.
        given: The condition in full.
    """
    symbols, state, told = in_order(x, chain.space), chain.begin(len(x), given), list[Tensor]()
    end = chain.symbols - 1 if chain.space.ragged else -1
    for t in range(symbols.shape[1]):
        if t:
            state = chain.take(state, symbols[:, t - 1])
        said = chain.logits(state).double().log_softmax(-1).gather(1, symbols[:, t : t + 1])
        ended = (symbols[:, :t] == end).any(1, keepdim=True)
        told.append(said.masked_fill(ended, 0.0))
    return torch.cat(told, 1)


def in_order(x: Tensor, space: Space) -> Tensor:
    """Rows as symbols in raster order, the channels of a pixel one after another."""
    symbols = (x.movedim(1, -1) if len(space.shape) == 3 else x).flatten(1).long()
    if space.ragged and symbols.shape[1] < space.dims:  # a batch of short rows ends with the column of their end
        symbols = torch.nn.functional.pad(symbols, (0, 1), value=space.levels or 0)
    return symbols
