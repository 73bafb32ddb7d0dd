"""What is promised by models that know some entries of a row given the others, or how likely a region is."""

import math

import torch
from torch import Tensor

from genzoo._like import first_like
from genzoo.core import GenerativeModel, Given, Noise, Unsupported
from genzoo.core.given import given_rows
from genzoo.distributions.region import EventsLike, ImputationLike, Range, Region, inside
from genzoo.testing.promise import LeftOut, Subject, hold, promise

__all__ = ["fills_in", "fills_in_by_one_law", "knows_events"]

DRAWN, WITHIN, FEW = 4000, 400, 6  # samples, draws within a region, entries that are looked at
WRONG = 5.0  # standard errors


def fills_in(subject: Subject) -> bool:
    """a model that draws missing entries"""
    return _imputation(subject.model) is not None


def fills_in_by_one_law(subject: Subject) -> bool:
    """a model that draws missing entries by the law of its samples"""
    imputation = _imputation(subject.model)
    return imputation is not None and imputation.consistent


def knows_events(subject: Subject) -> bool:
    """a model that knows the mass of regions of a flat row"""
    return _events(subject.model) is not None and len(subject.model.space.shape) == 1


@promise("sample", asked=fills_in)
def missing_entries_are_filled_and_others_kept(subject: Subject) -> None:
    model, data = subject.model, subject.batch(13)
    x = data.x.clone() if data.x.is_floating_point() else data.x.double()
    holes = Noise(5, "holes").uniform(*x.shape).to(x.device) < 0.4
    holes[3] = True
    x[holes] = torch.nan
    whole = _filled(model, x, data.given, slice(0, 13))
    hold(bool(whole.isfinite().all()), "some entries are still missing")
    hold(torch.equal(whole[~holes].to(x), x[~holes]), "entries that are there were changed")
    model.checked(whole.to(data.x))
    parts = [_filled(model, x[part], given_rows(data.given, part), part) for part in (slice(0, 4), slice(4, 13))]
    hold(torch.allclose(torch.cat(parts), whole, rtol=1e-4, atol=1e-4), "13 rows at once differ from 4 and 9")


@promise("sample", kind="use", asked=fills_in_by_one_law)
def rows_with_entries_drawn_anew_have_the_law_of_samples(subject: Subject) -> None:
    """By the means of entries and of products of two, some kept and some drawn."""
    subject = subject.double()
    model, given = subject.model, subject.alike(DRAWN)
    x, other = (model.sample(DRAWN, given, seed=seed, **subject.options).double() for seed in (11, 12))
    x[Noise(6, "holes").uniform(*x.shape).to(x.device) < 0.5] = torch.nan
    filled, other = _filled(model, x, given, slice(0, DRAWN)).flatten(1)[:, :FEW], other.flatten(1)[:, :FEW]
    a, b = (_products((rows - other.mean(0)) / other.std(0).clamp_min(1e-9)) for rows in (filled.to(other), other))
    off = (a.mean(0) - b.mean(0)).abs() / ((a.var(0) + b.var(0)) / DRAWN).sqrt().clamp_min(1e-9)
    hold(bool(off.max() <= WRONG), f"means of entries, or of products, are {off.max():.1f} standard errors off")


@promise("sample", kind="use", asked=knows_events)
def regions_are_as_likely_as_samples_say(subject: Subject) -> None:
    subject = subject.double()
    model, given, events = subject.model, subject.alike(DRAWN), _events(subject.model)
    drawn, asked = model.sample(DRAWN, given, seed=11, **subject.options), 0
    for region in (_region(drawn, entries, model) for entries in range(1, 1 + min(2, model.space.dims))):
        try:
            mass = math.exp(events.log_mass(1, region, given_rows(given, slice(1))).item()) if events else 0.0
        except Unsupported:
            continue
        share, asked = inside(drawn, region).double().mean().item(), asked + 1
        error = math.sqrt(max(mass * (1 - mass), 1 / DRAWN) / DRAWN)
        hold(abs(share - mass) <= WRONG * error, f"{share:.4f} of all samples are in a region of mass {mass:.4f}")
        within = _within(model, WITHIN, region, given)
        hold(bool(inside(within, region).all()), "draws within a region are outside of it")
        hold(torch.equal(_within(model, 9, region, given), within[:9]), "9 draws in a region differ from more of them")
    if not asked:
        raise LeftOut("no region of it has a mass that it knows")


def _imputation(model: GenerativeModel) -> ImputationLike | None:
    return first_like(model.abilities(), ImputationLike)


def _events(model: GenerativeModel) -> EventsLike | None:
    return first_like(model.abilities(), EventsLike)


def _filled(model: GenerativeModel, x: Tensor, given: Given, part: slice) -> Tensor:
    imputation = _imputation(model)
    assert imputation is not None
    with torch.no_grad():
        return imputation.impute(x, model.checked_given(given or None, len(x)), Noise(5, "impute").rows(part))


def _within(model: GenerativeModel, n: int, region: Region, given: Given) -> Tensor:
    events = _events(model)
    assert events is not None
    with torch.no_grad():
        rows = model.checked_given(given_rows(given, slice(n)) or None, n)
        return events.draw_within(n, region, rows, Noise(7, "within"))


def _products(y: Tensor) -> Tensor:
    """Entries, and products of two."""
    above = torch.triu_indices(y.shape[1], y.shape[1], 1)
    return torch.cat([y, y[:, above[0]] * y[:, above[1]]], 1)


def _region(x: Tensor, entries: int, model: GenerativeModel) -> Region:
    """What about half of all samples have in their first entries: the levels that are even, or the upper numbers."""
    columns, found = model.space.columns, dict[int, Range | frozenset[int]]()
    for entry in range(entries):
        levels = model.space.levels if columns is None else columns[entry].levels
        middle = x[:, entry].double().median().item()
        found[entry] = Range(low=middle) if levels is None else frozenset(range(0, levels, 2))
    return found
