"""Collapse is told of models that repeat themselves or leave modes out, not of those that have not learned."""

import math

import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.data import toy
from genzoo.evaluation import collapse

RING, GRID = toy.density("ring"), toy.density("grid")
N = 400


def of_modes(density: toy.Modes, modes: int, *, width: float = 1.0) -> Tensor:
    """Samples of some modes of a density."""
    noise = Noise(5)
    return density.means[noise.integers(modes, N)] + width * density.scale * noise.normal(N, 2, dtype=torch.float64)


def test_it_fires_where_modes_are_left_out_or_one_point_is_made() -> None:
    for density in (RING, GRID):
        rows = density.draw(N, Noise(0))
        for samples in (of_modes(density, 1), of_modes(density, 3), of_modes(density, 1, width=0.01)):
            assert collapse(samples, rows).found
    assert "left out" in str(collapse(of_modes(RING, 3), RING.draw(N, Noise(0))))
    assert "repeat each other" in str(collapse(of_modes(RING, 1, width=0.01), RING.draw(N, Noise(0))))


def test_it_does_not_fire_for_the_law_itself_or_a_mode_less() -> None:
    for density in (RING, GRID):
        rows = density.draw(N, Noise(0))
        for samples in (density.draw(N, Noise(1)), of_modes(density, len(density.means) - 1)):
            assert not collapse(samples, rows).found


def test_it_does_not_fire_for_what_has_not_learned_yet() -> None:
    """Noise, points far away, and modes five times too wide."""
    rows = GRID.draw(N, Noise(0))
    for samples in (3 * Noise(1).normal(N, 2), Noise(1).normal(N, 2) + 50, of_modes(GRID, 25, width=5.0)):
        assert not collapse(samples, rows).found


def test_rows_that_repeat_each_other_accuse_nobody() -> None:
    rows = torch.cat([torch.zeros(N, 1), torch.ones(N, 1)])
    assert not collapse(rows, rows).found
    assert math.isclose(collapse(rows, rows).apart, 1.0)
