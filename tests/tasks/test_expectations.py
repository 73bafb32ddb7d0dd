"""Expectations of models with known answers; rows by (seed, number); control variates; refusals."""

import dataclasses
import math
import time

import pytest
import torch
from scipy import stats

from genzoo.core import GenerativeModel, Likelihood, Space
from genzoo.models.classical import Gaussian
from genzoo.tasks import Expectation, expectation, in_time

GAUSSIAN = Gaussian(Space((2,)))


class Die(GenerativeModel):
    """A die that is loaded as its condition says: it shows the condition or, half of the time, any face."""

    likelihood = Likelihood.NONE

    def __init__(self):
        super().__init__(Space((), levels=6), Space((), levels=6))

    def draw(self, n, given, noise):
        return torch.where(noise.uniform(n) < 0.5, given["given"], noise.integers(6, n)).to(torch.uint8)


def first(x):
    return x[:, 0]


def test_answers_of_a_gaussian_hold_the_truth() -> None:
    found = dataclasses.replace(expectation(GAUSSIAN, first, 20_000), level=0.999)
    assert 0.0 in found.mean()
    assert 1.0 in found.variance()
    assert 3.0 in found.moment(4)
    assert stats.norm.ppf(0.9) in found.quantile(0.9)
    assert stats.norm.sf(1.5) in found.tail(1.5)
    assert found.tail(1.5, exact=True).width > found.tail(1.5).width


def test_intervals_are_covered_through_and_through() -> None:
    """95 ± 5 % of replications with other seeds hold the mean, a quantile and a tail probability."""
    held = torch.zeros(3)
    for seed in range(200):
        found = expectation(GAUSSIAN, first, 200, seed=seed)
        truths = [0.0 in found.mean(), 0.67448975 in found.quantile(0.75), 0.15865525 in found.tail(1.0)]
        held += torch.tensor(truths)
    assert (held / 200 - 0.95).abs().max() <= 0.05


def test_rows_are_those_of_the_seed() -> None:
    short = expectation(GAUSSIAN, first, 70, seed=3)
    long = expectation(GAUSSIAN, first, 90, seed=3, chunk=7)
    assert torch.equal(short.values, long.values[:70])
    assert torch.equal(long.values, GAUSSIAN.sample(90, seed=3)[:, 0].double())


def test_an_event_has_a_probability() -> None:
    found = expectation(GAUSSIAN, lambda x: x.norm(dim=1) > 1)
    assert found.is_event
    assert math.exp(-0.5) in found.mean()


def test_conditions_are_taken_in_turn() -> None:
    given = torch.tensor([2, 5])
    found = expectation(Die(), lambda x: x == 5, 4000, given=given, chunk=333)
    assert 1 / 3 in found.mean()  # half of 1/12, where it is loaded for 2, and of 7/12
    assert found.values[1::2].mean() > found.values[::2].mean() + 0.3


def test_n_grows_until_the_mean_is_known_well_enough() -> None:
    found = expectation(GAUSSIAN, lambda x: x[:, 0] > 1.5, 100, within=0.1)
    mean = found.mean()
    assert mean.width / 2 <= 0.1 * mean.value
    assert 100 < len(found) <= 51_200
    assert torch.equal(found.values, expectation(GAUSSIAN, lambda x: x[:, 0] > 1.5, len(found)).values)
    with pytest.raises(ValueError, match="at most 1,000 samples"):
        expectation(GAUSSIAN, first, 100, within=0.01, most=1000)


def test_control_variates_take_what_they_explain() -> None:
    """E e^x = √e with x and x² as controls: the share of the variance that is left is 1 − R²."""
    f = expectation(GAUSSIAN, lambda x: x[:, 0].exp(), 20_000)
    x, square = expectation(GAUSSIAN, first, 20_000), expectation(GAUSSIAN, lambda x: x[:, 0].square(), 20_000)
    plain, one, two = f.mean(), f.controlled((x, 0.0)), f.controlled((x, 0.0), (square, 1.0))
    truth, variance = math.exp(0.5), math.e * (math.e - 1)
    for found in (plain, one, two):
        assert truth in found
    left = 1 - math.e / variance  # cov(e^x, x) = √e, cov(e^x, x²) = √e, var x² = 2
    assert (one.width / plain.width) ** 2 == pytest.approx(left, rel=0.15)
    assert (two.width / plain.width) ** 2 == pytest.approx(left - math.e / 2 / variance, rel=0.25)


def test_control_variates_are_covered() -> None:
    held = 0
    for seed in range(150):
        f, x = (expectation(GAUSSIAN, g, 100, seed=seed) for g in (lambda x: x[:, 0].sigmoid(), first))
        held += 0.5 in f.controlled((x, 0.0))
    assert held / 150 == pytest.approx(0.95, abs=0.05)


def test_what_there_is_time_for_answers() -> None:
    whole = expectation(GAUSSIAN, first, 4000, seed=3)
    at_once = in_time(GAUSSIAN, first, 4000, time.monotonic(), seed=3)
    assert len(at_once) == 16
    assert torch.equal(at_once.values, whole.values[:16])
    assert torch.equal(in_time(GAUSSIAN, first, 4000, math.inf, seed=3).values, whole.values)
    assert 16 < len(in_time(GAUSSIAN, first, 10**9, time.monotonic() + 0.05)) < 10**9


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(50,\), got \(50, 2\)"):
        expectation(GAUSSIAN, lambda x: x, 50)
    with pytest.raises(ValueError, match="NaN in"):
        expectation(GAUSSIAN, lambda x: x[:, 0].log(), 50)
    with pytest.raises(ValueError, match="must be positive"):
        expectation(GAUSSIAN, first, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        expectation(GAUSSIAN, first, 10).quantile(95.0)
    with pytest.raises(ValueError, match="same rows"):
        expectation(GAUSSIAN, first, 10).controlled((expectation(GAUSSIAN, first, 10, seed=1), 0.0))
    with pytest.raises(ValueError, match="at least 3 rows"):
        Expectation(torch.zeros(2)).controlled((Expectation(torch.ones(2)), 0.0))
