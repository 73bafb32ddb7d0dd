"""The classifier two-sample test: its level, its power, and what it can see."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, two_sample_test
from genzoo.evaluation.two_sample import _tail


def draws(seed: int, n: int = 100, dims: int = 3) -> list[torch.Tensor]:
    return list(Noise(seed).normal(n, 2, dims).unbind(1))


@pytest.mark.parametrize("hidden", [0, 4])
def test_keeps_its_level_between_equals(hidden):
    made = [two_sample_test(*draws(seed), hidden=hidden) for seed in range(60 if hidden == 0 else 25)]
    rejected = sum(test.p_value < 0.1 for test in made)
    assert rejected <= 0.1 * len(made) + 3 * (0.09 * len(made)) ** 0.5
    accuracy = torch.tensor([test.accuracy.value for test in made])
    assert accuracy.mean().item() == pytest.approx(0.5, abs=0.02)
    assert accuracy.std().item() == pytest.approx(made[0].accuracy.error, rel=0.35)


def test_reaches_the_best_accuracy_for_a_shift():
    """The best rule between N(0, 1) and N(1, 1) is right with chance Φ(1/2)."""
    x, y = draws(1, 4000, 1)
    test = two_sample_test(x + 1, y)
    assert test.accuracy.value == pytest.approx(0.6915, abs=3 * test.accuracy.error)
    assert test.p_value < 1e-6


def test_only_a_hidden_layer_sees_a_change_of_scale():
    x, y = draws(2, 600, 2)
    assert two_sample_test(3 * x, y).accuracy.value < 0.6
    assert two_sample_test(3 * x, y, hidden=8).accuracy.value > 0.7


def test_depends_on_the_seed_alone_and_stands_constant_columns():
    x, y = (torch.cat([rows, torch.ones(100, 1)], dim=1) for rows in draws(3))
    assert two_sample_test(x, y, hidden=3, seed=1) == two_sample_test(x, y, hidden=3, seed=1)


def test_unequal_sizes_are_evened():
    x, y = draws(4)
    assert two_sample_test(x[:60], y).accuracy.error == pytest.approx(0.5 / 60**0.5, rel=0.05)


def test_the_tail_is_binomial():
    assert [_tail(right, 3) for right in range(4)] == pytest.approx([1, 7 / 8, 4 / 8, 1 / 8])


def test_refuses_few_rows():
    x, y = draws(5)
    with pytest.raises(TooFew, match="at least 40 rows, got 39"):
        two_sample_test(x[:39], y)
