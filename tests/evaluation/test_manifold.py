"""Precision, recall, density and coverage against prdc and by their known values."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, precision_recall
from genzoo.evaluation.manifold import manifold_values
from tests.golden.frozen import frozen

X, Y = Noise(0).normal(300, 2, 8, dtype=torch.float64).unbind(1)


@pytest.mark.parametrize("block", [17, 64, 1024])
def test_equals_prdc_at_any_size_of_blocks(block):
    asked = frozen("metrics")
    found = manifold_values(asked["fake"], asked["real"], k=5, block=block)
    torch.testing.assert_close(found, asked["neighbors"], rtol=1e-4, atol=0)


def test_of_equal_sets_all_are_one():
    torch.testing.assert_close(manifold_values(X, X[Noise(0).permutation(len(X))]), torch.ones(4, dtype=torch.float64))


def test_does_not_depend_on_order_offset_or_scale():
    values = manifold_values(X, Y)
    assert torch.equal(manifold_values(X[Noise(0).permutation(len(X))], Y.flip(0)), values)
    torch.testing.assert_close(manifold_values(7 * X + 1000, 7 * Y + 1000), values)


def test_precision_and_recall_change_places_with_the_sets():
    one, other = manifold_values(X, 0.5 * Y), manifold_values(0.5 * Y, X)
    assert one[:2].tolist() == other[:2].flip(0).tolist()


def test_coverage_between_equals_is_that_of_theory():
    """1 − Π_{i=1…k} (m − i)/(2m − i), nearly 1 − 2^(−k): the chance that not all of the k nearest rows are real."""
    covered = torch.stack([manifold_values(*Noise(seed).normal(200, 2, 4).unbind(1), k=3)[3] for seed in range(40)])
    assert covered.mean().item() == pytest.approx(1 - 2**-3, abs=0.01)


def test_tells_noise_from_collapse():
    noisy, collapsed = precision_recall(2 * X, Y), precision_recall(0.3 * X, Y)
    assert noisy.precision.value < 0.5 < noisy.recall.value
    assert collapsed.recall.value < 0.5 < collapsed.precision.value


def test_errors_are_the_spread_over_repetitions():
    draws = [Noise(seed).normal(200, 2, 4).unbind(1) for seed in range(60)]
    spread = torch.stack([manifold_values(1.3 * a, b) for a, b in draws]).std(0)
    made = [precision_recall(1.3 * a, b, rounds=20) for a, b in draws[:8]]
    errors = torch.tensor([[part.error for part in estimate] for estimate in made], dtype=torch.float64).mean(0)
    torch.testing.assert_close(errors, spread, rtol=0.5, atol=0)


def test_refuses_as_many_rows_as_neighbors():
    with pytest.raises(TooFew, match="at least 6 rows, got 5"):
        manifold_values(X[:5], Y)
    with pytest.raises(TooFew, match="An error of measures by 5 nearest neighbors needs at least 12 rows, got 11"):
        precision_recall(X, Y[:11])
