"""Numbers as tokens: the law of a column is one, its parts have the mass they should, and spikes come back."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Column, Noise
from genzoo.distributions import Range
from genzoo.models.bins import Bins


def column(kind: str) -> Tensor:
    noise = Noise(0, kind)
    normal, side = noise.normal(600, dtype=torch.float64), noise.uniform(600) < 0.5
    return {
        "real": normal,
        "real with a spike": torch.where(side, 0.0, normal.exp()),
        "real of few values": (2 * normal).round() / 4,
        "integer": (30 * normal).round(),
        "integer with a spike": torch.where(side, 0.0, (100 * normal.exp()).round()),
        "integer of few values": (2 * normal).round(),
    }[kind]


KINDS = [
    "real",
    "real with a spike",
    "real of few values",
    "integer",
    "integer with a spike",
    "integer of few values",
]


def fitted(kind: str, bins: int = 12) -> tuple[Bins, Tensor, Tensor]:
    """Bins, the values they were fitted to, and log-probabilities of their tokens."""
    made, x = Bins(Column("integer" if "integer" in kind else "real"), bins), column(kind)
    made.fit(x)
    return made, x, Noise(1).normal(1, made.used, dtype=torch.float64).log_softmax(1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_law_adds_up_to_one_and_parts_of_the_line_have_its_mass(kind: str) -> None:
    bins, _, log_p = fitted(kind)
    assert bins.masses(log_p, Range()).sum().item() == pytest.approx(1, abs=1e-12)
    low = bins.low[1:][bins.low[1:].isfinite()]
    if bins.whole:
        values, weights = torch.arange(low[0] + 0.5, low[-1] + 0.5, dtype=torch.float64), 1.0
    else:  # the density is the same all over a cell
        values, weights = (low[1:] + low[:-1]) / 2, low.diff()
    mass = bins.log_prob(values, bins.of(values), log_p.expand(len(values), -1)).exp() * weights
    tails = bins.log_rest()[1].exp() * bins.share[[0, len(low)]].sum()
    assert (mass.sum() + tails).item() == pytest.approx(1, abs=1e-9)
    first, last = float(low[0]), float(low[-1])
    for part in (Range(float(low[3]), above=True), Range(high=float(low[-3])), Range(-1e9, first - 5)):
        beyond = (part.low == -torch.inf or part.low < first) * 1.0
        least = bins.masses(log_p, Range(high=min(part.high, first), below=True)).sum() * beyond
        most = 0.0 if part.high < torch.inf else bins.masses(log_p, Range(last)).sum()
        atoms = bins.value[1 : len(low)]  # of reals an atom counts as the number it is drawn as
        at = values if bins.whole else torch.where(atoms.isnan(), values, atoms)
        inner = mass[part.holds(at) & (part.high > first)].sum()
        assert bins.masses(log_p, part).sum().item() == pytest.approx((inner + least + most).item(), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_of_their_tokens_and_within_the_range(kind: str) -> None:
    bins, x, log_p = fitted(kind)
    token = torch.arange(bins.used).repeat_interleave(200)
    u = Noise(2).uniform(len(token), 2, dtype=torch.float64)
    y = bins.draw(token, u)
    assert x.min() <= y.min()
    assert y.max() <= x.max()
    assert not bins.whole or torch.equal(y, y.round())
    assert (bins.of(y) != token).double().mean() < 5 / len(x)
    assert torch.equal(bins.of(bins.at(token, u[:, 0])), token)
    part = Range(float(x.median()), float(x.quantile(0.9)), below=True)
    mass = bins.masses(log_p, part)
    piece = Noise(3).categorical(mass.log().expand(500, -1))
    within = bins.draw_in(piece, part, u[:500, 0])
    assert bool(part.holds(within).all())
    assert torch.equal(bins.of(within), piece)


def test_a_value_of_many_rows_is_a_token_and_others_fill_pieces_evenly() -> None:
    bins, x, _ = fitted("integer with a spike")
    zero = bins.of(torch.zeros(1, dtype=torch.float64))
    share = bins.rows / bins.rows.sum()
    assert share[zero] == (x == 0).double().mean()
    assert bins.draw(zero, torch.tensor([[0.7, 0.9]], dtype=torch.float64)).item() == 0
    real, values, _ = fitted("real")
    assert real.rows.max() <= 2 * len(values) / 12
    assert real.used == pytest.approx(12, abs=2)


def test_what_lies_beyond_the_training_rows_has_a_small_mass_that_falls() -> None:
    bins, x, log_p = fitted("integer")
    far = x.max() + torch.tensor([1.0, 10.0, 1e4], dtype=torch.float64)
    assert bins.of(far).tolist() == [bins.tokens] * 3
    log_prob = bins.log_prob(far, bins.of(far), log_p.expand(3, -1))
    assert bool((log_prob.diff() < 0).all())
    assert log_prob[-1].isfinite()
    assert bins.masses(log_p, Range(float(x.max()), above=True)).sum() < 1 / len(x)


def test_one_value_and_no_value_make_a_line() -> None:
    for x in (torch.full((9,), 3.5, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)):
        bins = Bins(Column("real"), 4)
        bins.fit(x)
        y = bins.draw(torch.zeros(3, dtype=torch.int64), torch.full((3, 2), 0.5, dtype=torch.float64))
        assert y.isfinite().all()
        assert len(x) == 0 or y.tolist() == [3.5] * 3
