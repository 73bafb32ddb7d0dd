"""Diversity within a class: unbiased, with its error, beside real rows."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, diversity_within


def rows(seed: int, scale: float = 1.0, n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(n) % 3
    return scale * Noise(seed).normal(n, 2, dtype=torch.float64) + 100 * labels[:, None], labels


def test_is_the_mean_pairwise_distance_of_each_class():
    x, labels = rows(0)
    found = diversity_within(x, labels, *rows(1, n=90))
    expected = [torch.nn.functional.pdist(x[labels == label]).mean().item() for label in range(3)]
    assert [found.samples_by_class[label].value for label in range(3)] == pytest.approx(expected, rel=1e-6)
    assert found.samples.value == pytest.approx(sum(expected) / 3, rel=1e-6)


def test_is_the_same_of_the_same_rows_in_any_order_and_sees_collapse():
    x, labels = rows(0)
    order = Noise(0).permutation(len(x))
    found = diversity_within(x, labels, x[order], labels[order])
    assert found.samples.value == pytest.approx(found.real.value, rel=1e-9)
    collapsed = diversity_within(*rows(0, 0.1), *rows(1))
    assert collapsed.samples.value == pytest.approx(0.1 * collapsed.real.value, rel=0.3)


def test_is_unbiased_and_its_error_is_the_spread_over_repetitions():
    """Two points of a standard normal in the plane are √π apart on average."""
    made = [diversity_within(*rows(seed), *rows(seed)).samples for seed in range(300)]
    values = torch.tensor([estimate.value for estimate in made])
    assert values.mean().item() == pytest.approx(torch.pi**0.5, abs=4 * values.std().item() / 300**0.5)
    assert torch.tensor([estimate.error for estimate in made]).mean().item() == pytest.approx(
        values.std().item(), rel=0.2
    )


def test_refuses_two_rows_of_a_class():
    x, labels = rows(0)
    with pytest.raises(TooFew, match="at least 3 rows of each class, got 2 real row of class 0"):
        diversity_within(x, labels, x[:6], labels[:6])
