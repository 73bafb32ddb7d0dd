"""p-values are uniform, and no more flags are false than was said."""

import pytest
import torch
from scipy import stats

from genzoo.core import Noise
from genzoo.tasks.outliers import Tails, benjamini_hochberg, conformal, rows_needed


def test_p_values_are_ranks_and_ties_are_broken_evenly() -> None:
    known = torch.tensor([1.0, 2.0, 2.0, 2.0, 5.0])
    assert conformal(torch.tensor([0.0, 2.0, 5.0, 6.0]), known).tolist() == [1.0, 5 / 6, 2 / 6, 1 / 6]
    drawn = conformal(torch.full((4000,), 2.0), known, Noise(0)) * 6
    counts = drawn.round().long().bincount(minlength=7)
    assert counts[[0, 1, 6]].sum() == 0
    assert (counts[2:6] - 1000).abs().max() < 150
    with pytest.raises(ValueError, match="calibration rows, got none or NaN"):
        conformal(torch.zeros(1), torch.zeros(0))


def test_they_are_uniform_on_fresh_rows_with_ties() -> None:
    """Kolmogorov and Smirnov's test rejects at 0.01 in at most three seeds of a hundred; rows of one seed share their
    calibration rows, of which there are many enough for that not to matter."""
    rejected = 0
    for seed in range(100):
        score = (Noise(seed).normal(20_400).double() * 2).round()
        p = conformal(score[:400], score[400:], Noise(seed, "ties"))
        spread = p + (Noise(seed, "within").uniform(len(p), dtype=torch.float64) - 1) / 20_001
        rejected += stats.kstest(spread.numpy(), "uniform").pvalue < 0.01
    assert rejected <= 3


def test_flags_are_those_of_the_textbook() -> None:
    p = Noise(0).uniform(200, dtype=torch.float64) ** 3
    ours = benjamini_hochberg(p, 0.1)
    assert ours.tolist() == (stats.false_discovery_control(p.numpy()) <= 0.1).tolist()
    assert 0 < ours.sum() < 200
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg(p, 1.0)


def test_how_many_calibration_rows_a_flag_needs() -> None:
    for n in (rows_needed(0.1, 50, 2), rows_needed(0.1, 50, 2) - 1):
        p = torch.ones(50, dtype=torch.float64)
        p[:2] = 1 / (n + 1)
        assert int(benjamini_hochberg(p, 0.1).sum()) == (2 if n == rows_needed(0.1, 50, 2) else 0)


def test_tails_go_on_where_calibration_ends_and_weigh_the_upper_one_most() -> None:
    values = torch.special.ndtri((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000)
    one, both = Tails(values), Tails(values, both_ways=True)
    s = torch.tensor([-9.0, -4.0, 0.0, 4.0, 9.0]).double()
    assert (one.surprise(s).diff() >= 0).all()
    assert one.surprise(s)[0] < 1e-3
    told = both.surprise(s)
    assert told.argmin() == 2
    assert 0 < told[4] - told[0] < 6
    assert told[3] - told[2] > 3
    at_two = one.surprise(torch.tensor([2.0]).double()).neg().exp().item()
    assert at_two == pytest.approx(stats.norm.sf(2), abs=0.012)
    assert Tails(torch.ones(50).double()).surprise(torch.tensor([1.0, 2.0, torch.inf]).double()).isfinite().all()
