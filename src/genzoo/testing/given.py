"""Conditions: what a model is given, it uses."""

from collections.abc import Callable

import torch
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Given
from genzoo.core.given import given_rows
from genzoo.testing.contract import loss_of
from genzoo.testing.density import refitted
from genzoo.testing.promise import LeftOut, Subject, hold, promise

__all__: list[str] = []

ROWS, MANY, FEW = 16, 200, 4  # rows that are asked, and among which others are found; entries that are few


@promise("condition", kind="use")
def every_condition_is_used(subject: Subject) -> str:
    """With other values of one name of the condition, and the same noise, samples, likelihood and loss are others."""
    subject = subject.double()
    data, moved = subject.batch(ROWS), dict[str, float]()
    ways = [_told(model, subject) for model in _that_show(subject)]
    for name in subject.model.given_space:
        changed = Batch(data.x, _others(subject, name), data.noise)
        for what in ways[0]:
            shown = (not torch.equal(told[what](data), told[what](changed)) for told in ways)
            hold(any(shown), f"{what} is the same whatever {name!r} is given")
        if subject.trained and subject.can("log_prob"):
            moved[name] = _moved(subject, data, changed)
    return ", ".join(f"another {name!r} moves log_prob by {nats:.3g} nats" for name, nats in moved.items())


def _that_show(subject: Subject) -> list[GenerativeModel]:
    """Models that show what they are given: fitted to their rows, or stirred. One that is trained shows it as it is,
    or stirred: levels that are drawn move only where the condition counts for much, and weights that were trained may
    say nothing more once they are stirred."""
    if subject.can("direct_fit"):
        return [subject.model if subject.trained else refitted(subject.copy(), subject.x, subject.given, passes=2)]
    return [subject.model, subject.stirred(0.3).eval()] if subject.trained else [subject.stirred(0.3).eval()]


def _moved(subject: Subject, data: Batch, other: Batch) -> float:
    """By how many nats log_prob of rows changes with another condition, on average."""
    model = subject.model
    with torch.no_grad():
        told = [model.log_prob(each.x, each.given, **subject.scoring) for each in (data, other)]
    return (told[0] - told[1]).abs().mean().item()


def _others(subject: Subject, name: str) -> Given:
    """The condition with one name from rows further down, the nearest that have another value."""
    rows = subject.given[name][:MANY]
    n, kind = len(rows), rows.reshape(len(rows), -1).unique(dim=0, return_inverse=True)[1]
    unlike, at = kind[:, None] != kind, torch.arange(n, device=rows.device)
    if not unlike.any(1).all():
        raise LeftOut(f"all rows at hand have the same {name!r}")
    order = torch.where(unlike, (at - at[:, None]) % n, n).argmin(1)
    return given_rows({**subject.given, name: rows[order]}, slice(ROWS))


def _told(model: GenerativeModel, subject: Subject) -> dict[str, Callable[[Batch], Tensor]]:
    """What must depend on the condition of rows; a model that stands on a frozen part may be given it by that part
    alone."""
    told = _sampled(model, subject)
    if model.can("log_prob"):
        told["log_prob"] = lambda rows: model.log_prob(rows.x, rows.given, **subject.scoring)
    if all(parameter.requires_grad for parameter in model.parameters()) and not model.can("direct_fit"):
        told["the loss of every player"] = lambda rows: torch.stack([loss_of(each, rows) for each in model.players()])
    return told


def _sampled(model: GenerativeModel, subject: Subject) -> dict[str, Callable[[Batch], Tensor]]:
    """Samples; a few levels may be drawn alike by chance, and are held against their masses elsewhere."""
    by_chance = model.space.levels is not None and model.space.dims <= FEW and model.can("log_prob")
    if by_chance or not model.can("sample"):
        return {}
    return {"sample": lambda rows: model.sample(len(rows), rows.given, seed=0, **subject.options)}
