"""Transport distances as estimates: value, error, seeds."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import exact_wasserstein
from genzoo.evaluation import TooFew, exact_transport, sliced_transport

X, Y = Noise(0).normal(60, 2, 2, dtype=torch.float64).unbind(1)


def test_values_are_the_distances():
    assert exact_transport(X, Y).value == exact_wasserstein(X, Y)
    assert exact_transport(X, X.flip(0)).value == 0
    assert sliced_transport(X, X + 1, lines=2000).value == pytest.approx(1, rel=0.05)


def test_depend_on_the_seed_alone():
    assert sliced_transport(X, Y, seed=1) == sliced_transport(X, Y, seed=1) != sliced_transport(X, Y, seed=2)


@pytest.mark.parametrize("transport", [sliced_transport, exact_transport])
def test_error_is_the_spread_over_repetitions(transport):
    draws = [Noise(seed).normal(80, 2, 2).unbind(1) for seed in range(50)]
    made = [transport(1.5 * a + 1, b, rounds=10) for a, b in draws]
    spread = torch.tensor([estimate.value for estimate in made]).std().item()
    assert torch.tensor([estimate.error for estimate in made]).mean().item() == pytest.approx(spread, rel=0.3)


def test_refuse_few_rows():
    with pytest.raises(TooFew, match="at least 20 rows, got 19"):
        sliced_transport(X[:19], Y)
