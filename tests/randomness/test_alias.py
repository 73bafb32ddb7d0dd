"""The alias table: exactly the distribution asked for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from genzoo.randomness import AliasTable, LinearCongruential

WEIGHTS = st.lists(st.floats(0, 1e6) | st.integers(0, 10**20) | st.fractions(0, 5), min_size=1, max_size=40)


@settings(max_examples=100, deadline=None)
@given(weights=WEIGHTS.filter(any))
def test_tables_are_exact(weights: list[float | Fraction]) -> None:
    table, total = AliasTable(weights), sum(map(Fraction, weights))
    assert table.probs == [Fraction(weight) / total for weight in weights]
    assert all(0 <= share <= 1 for share in table.exact)


def test_draws_follow_the_weights() -> None:
    weights = np.array([0.0, 3.0, 1.0, 0.5, 7.0, 1e-3, 0.0], np.float32)
    pairs = LinearCongruential(seed=5).uniform(400_000).reshape(2, -1)
    counts = np.bincount(AliasTable(weights)(*pairs), minlength=7)
    assert counts[0] == counts[6] == 0
    seen = weights > 0
    expected = weights[seen].astype(np.float64) / weights[seen].astype(np.float64).sum() * counts.sum()
    assert stats.chisquare(counts[seen], expected).pvalue > 1e-3


def test_the_edges_of_the_square_are_inside() -> None:
    edge = np.array([0.0, 1 - 2.0**-53])
    assert AliasTable([1, 2, 3])(edge, edge).max() < 3
    assert AliasTable([5])(edge, edge).tolist() == [0, 0]


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -0.5], [1.0, float("nan")], [float("inf")]], ids=str)
def test_what_is_no_distribution_is_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="Weights must be"):
        AliasTable(weights)
