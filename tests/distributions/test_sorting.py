"""Both sorts find one order, on every kind of float32."""

import numpy as np
import torch

from genzoo.core import Noise
from genzoo.distributions import sliced_wasserstein, sorting


def awkward() -> np.ndarray:
    """Rows with ties, both signs, tiny and infinite numbers."""
    rows = Noise(0).normal(5, 3000).numpy()
    rows[0, ::7], rows[1] = np.inf, np.round(rows[1])
    rows[2, ::5], rows[3] = -np.inf, rows[3] * 1e-41
    rows[4] = -np.abs(rows[4])
    return rows


def test_the_radix_sort_orders_as_numpy_does():
    rows = awkward()
    expected = np.sort(rows, axis=1)
    sorting.sort_by_radix(rows)
    np.testing.assert_array_equal(rows, expected)


def test_without_numba_numpy_sorts(monkeypatch):
    monkeypatch.setattr(sorting, "is_there", lambda: False)
    sorting.fastest.cache_clear()
    assert sorting.fastest() is sorting.sort_by_comparison
    sorting.fastest.cache_clear()


def test_the_sliced_distance_does_not_depend_on_which_sort(monkeypatch):
    a, b, lines = Noise(1).normal(400, 5), Noise(2).normal(300, 5), torch.eye(5, dtype=torch.float64)
    values = []
    for sort in (sorting.sort_by_comparison, sorting.sort_by_radix):
        monkeypatch.setattr(sorting, "fastest", lambda sort=sort: sort)
        monkeypatch.setattr(sorting, "LARGE", 1)
        values.append(sliced_wasserstein(a, b, lines))
    assert values[0] == values[1]
