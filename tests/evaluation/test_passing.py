"""pass@k against what it estimates: every choice of k tries of n, counted."""

import itertools
from fractions import Fraction

import pytest
import torch

from genzoo.evaluation import pass_at, pass_rate


@pytest.mark.parametrize("n", [1, 4, 7])
def test_it_is_the_share_of_choices_that_hold_a_right_one(n):
    for c in range(n + 1):
        tries = [True] * c + [False] * (n - c)
        for k in range(1, n + 1):
            choices = list(itertools.combinations(tries, k))
            share = Fraction(sum(map(any, choices)), len(choices))
            assert float(pass_at(k, torch.tensor(c), n)) == pytest.approx(float(share), abs=1e-12)


def test_it_has_no_bias():
    """Over all outcomes of n tries, each right with chance p, its mean is 1 − (1 − p)^k; a plain guess is too low."""
    n, k, p = 6, 3, 0.3
    outcomes = torch.tensor(list(itertools.product((0, 1), repeat=n))).double()
    right = outcomes.sum(1)
    chance = p**right * (1 - p) ** (n - right)
    truth = 1 - (1 - p) ** k
    assert float((chance * pass_at(k, right, n)).sum()) == pytest.approx(truth, abs=1e-12)
    plain = 1 - (1 - right / n) ** k
    assert float((chance * plain).sum()) < truth - 0.02


def test_many_tries_stay_within_the_digits_of_floats():
    found = pass_at(100, torch.tensor([0, 1, 950, 1000]), 1000)
    assert found.tolist() == pytest.approx([0, 0.1, 1, 1], abs=1e-12)


def test_the_interval_is_over_problems():
    found = pass_rate(1, torch.tensor([0, 0, 2, 2, 1, 1, 0, 2]), 2)
    assert found.value == 0.5
    assert found.error == pytest.approx(torch.tensor([0, 0, 1, 1, 0.5, 0.5, 0, 1]).std().item() / 8**0.5, abs=1e-6)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="k=3 of 2"):
        pass_at(3, torch.tensor([1]), 2)
    with pytest.raises(ValueError, match="0 to 2"):
        pass_at(1, torch.tensor([3]), 2)
