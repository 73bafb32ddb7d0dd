"""Wasserstein distances against POT and SciPy; that they are zero, symmetric and blind to order."""

import sys

import pytest
import torch
from scipy import stats

from genzoo.core.noise import Noise
from genzoo.distributions import directions, exact_wasserstein, sliced_wasserstein, wasserstein_1d
from tests.golden.frozen import frozen

X, Y = (Noise(seed).normal(n, 3, dtype=torch.float64) for seed, n in ((0, 60), (1, 60)))
LINES = directions(9, 3, Noise(2))


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_equal_those_of_pot(p):
    asked = frozen("metrics")
    fake, real = asked["fake"], asked["real"]
    line = wasserstein_1d(fake[:, 0], real[:, 0], p)
    assert line == pytest.approx(asked[f"line_{p:.0f}"].item(), rel=1e-4)
    assert sliced_wasserstein(fake, real, asked["lines"], p) == pytest.approx(
        asked[f"sliced_{p:.0f}"].item(), rel=1e-4
    )
    equal = exact_wasserstein(fake, real[: len(fake)], p)
    assert equal == pytest.approx(asked[f"exact_equal_{p:.0f}"].item(), rel=1e-4)


@pytest.mark.parametrize("p", [1.0, 2.0])
def test_exact_transport_between_unequal_sizes_equals_that_of_pot(p):
    asked = frozen("metrics")
    assert exact_wasserstein(asked["fake"], asked["real"], p) == pytest.approx(
        asked[f"exact_{p:.0f}"].item(), rel=1e-4
    )


def test_without_pot_small_samples_are_planned_by_scipy_and_large_unequal_ones_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    assert exact_wasserstein(X, X.flip(0)) == 0
    thrice_and_twice = exact_wasserstein(X[:9].repeat(3, 1), Y[:9].repeat(2, 1))
    assert thrice_and_twice == pytest.approx(exact_wasserstein(X[:9], Y[:9]), rel=1e-9)
    with pytest.raises(ImportError, match=r"got 301 × 300 without it. Run: pip install 'genzoo\[ot\]'"):
        exact_wasserstein(X.repeat(6, 1)[:301], Y.repeat(5, 1))


@pytest.mark.parametrize("p", [1.0, 1.7, 2.0, 3.0])
def test_weights_are_repetitions(p):
    a, b, counts = X[:7, 0], Y[:5, 0], torch.tensor([1, 3, 0, 2, 1, 5, 4])
    masses = counts.double() / counts.sum(), torch.tensor([0.1, 0.2, 0.4, 0.25, 0.05], dtype=torch.float64)
    repeated = a.repeat_interleave(counts), b.repeat_interleave((masses[1] * 20).round().long())
    assert wasserstein_1d(a, b, p, weights=masses) == pytest.approx(wasserstein_1d(*repeated, p), rel=1e-9)
    if p == 1:
        theirs = stats.wasserstein_distance(a.numpy(), b.numpy(), *(mass.numpy() for mass in masses))
        assert wasserstein_1d(a, b, weights=masses) == pytest.approx(theirs, rel=1e-9)
    with pytest.raises(ValueError, match="must be ≥ 0 and sum to 1"):
        wasserstein_1d(a, b, weights=(counts.double(), masses[1]))


@pytest.mark.parametrize("sizes", [(60, 60), (60, 25), (7, 60), (1, 60)])
def test_on_a_line_equals_scipy_at_any_sizes(sizes):
    a, b = X[: sizes[0], 0], Y[: sizes[1], 0] + 0.5
    assert wasserstein_1d(a, b) == pytest.approx(stats.wasserstein_distance(a.numpy(), b.numpy()), rel=1e-9)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0])
def test_on_a_line_is_the_assignment_and_does_not_change_when_rows_are_repeated(p):
    a, b = X[:, 0], Y[:, 0] + 0.5
    assert wasserstein_1d(a, b, p) == pytest.approx(exact_wasserstein(a[:, None], b[:, None], p), rel=1e-6)
    assert wasserstein_1d(a.repeat(3), b.repeat(2), p) == pytest.approx(wasserstein_1d(a, b, p), rel=1e-9)


@pytest.mark.parametrize(
    "distance",
    [
        lambda a, b: wasserstein_1d(a[:, 0], b[:, 0], 2.0),
        lambda a, b: sliced_wasserstein(a, b, LINES),
        exact_wasserstein,
    ],
    ids=["line", "sliced", "exact"],
)
def test_is_symmetric_zero_between_equals_and_blind_to_order(distance):
    before = X.clone()
    shuffled = X[Noise(0).permutation(len(X))]
    assert distance(X, shuffled) == pytest.approx(0, abs=1e-9)
    assert distance(X, Y) == pytest.approx(distance(Y, X), rel=1e-9)
    assert distance(shuffled, Y) == pytest.approx(distance(X, Y), rel=1e-9)
    assert torch.equal(X, before)


def test_sliced_in_chunks_is_the_mean_over_lines(monkeypatch):
    whole = sliced_wasserstein(X, Y, LINES)
    monkeypatch.setattr("genzoo.distributions.wasserstein.ELEMENTS", 130)
    assert sliced_wasserstein(X, Y, LINES) == pytest.approx(whole, rel=1e-12)
    each = torch.tensor([wasserstein_1d(X @ line, Y @ line, 2.0) for line in LINES], dtype=torch.float64)
    assert whole == pytest.approx(each.square().mean().sqrt().item(), rel=1e-9)


def test_sliced_of_a_shift_is_known():
    """Every line sees shift · line, whose mean square over the sphere is ‖shift‖²/D."""
    lines = directions(20_000, 3, Noise(3))
    shift = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    assert sliced_wasserstein(X, X + shift, lines) == pytest.approx((25 / 3) ** 0.5, rel=0.01)


def test_refuses_a_power_below_one_and_empty_samples():
    with pytest.raises(ValueError, match="needs p ≥ 1 and rows in both samples, got p = 0.5, 60 and 60 rows"):
        exact_wasserstein(X, Y, p=0.5)
    with pytest.raises(ValueError, match="got p = 1.0, 0 and 60 rows"):
        wasserstein_1d(X[:0, 0], Y[:, 0])
