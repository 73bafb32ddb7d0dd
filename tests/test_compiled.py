"""Machine code is made late, once, and only where it pays."""

import sys

import numpy as np
import pytest

from genzoo import _compiled
from genzoo._compiled import compiled, is_there, once_it_pays
from tests.fresh import Fresh


def doubled(x):
    """A kernel that hands its work to another, and one written inside it."""

    def twice(value):
        return 2 * value

    for i in range(len(x)):
        x[i] = twice(x[i])


def applied(kernel, x):
    kernel(x)


@pytest.fixture
def without_numba(monkeypatch):
    for cached in (is_there, compiled):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)
    yield
    for cached in (is_there, compiled):
        cached.cache_clear()


def test_kernels_call_kernels_and_what_is_inside_them():
    x = np.arange(3.0)
    compiled(applied)(compiled(doubled), x)
    assert x.tolist() == [0, 2, 4]


def test_a_kernel_is_compiled_once_its_work_pays(monkeypatch):
    monkeypatch.setattr(_compiled, "WORTH", 100)
    work = [(40, "a"), (40, "b"), (40, "a"), (40, "a"), (1, "a"), (40, "b")]
    found = [once_it_pays(doubled, nanoseconds, kind) for nanoseconds, kind in work]
    assert found == [None, None, None, compiled(doubled), compiled(doubled), None]


def test_without_numba_it_is_plain_or_an_error_with_a_way_out(without_numba, monkeypatch):
    monkeypatch.setattr(_compiled, "WORTH", 0)
    assert not is_there()
    assert once_it_pays(doubled, 1) is None
    with pytest.raises(ImportError, match="genzoo\\[fast\\]"):
        compiled(doubled)


def test_small_programs_never_load_numba(fresh: Fresh) -> None:
    """Draws of a training, a sort, clusters and a lattice."""
    done = fresh("""
        import sys, torch
        from genzoo.core import Batch, Noise, Space
        from genzoo.distributions.sorting import sorted_rows
        from genzoo.models.classical import KMeans
        from genzoo.models.graphical import SquareLattice
        for step in range(300):
            Noise(0).tick(step).normal(64, 30)
        x = sorted_rows(Noise(0).uniform(1000, 1000))
        model = KMeans(Space((1000,)), clusters=4)
        model.prepare([Batch(x)])
        model.begin()
        model.accumulate(Batch(x))
        SquareLattice(16, beta=0.3).sweep(20)
        assert "numba" not in sys.modules
    """)
    assert done.returncode == 0, done.stderr
