"""Bennett's equation finds ratios of normalizers, with errors that repetition shows, and refuses strangers."""

import math

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.distributions import TooFew, Unknowable, log_normalizer_ratio


@pytest.mark.parametrize("sizes", [(2000, 2000), (4000, 500)])
def test_of_normals(sizes):
    """p̃ = e^(−x²/2), q̃ = e^(−(x − 1)²/8): the ratio of their normalizers is ½."""
    found = []
    for seed in range(20):
        x, y = Noise(seed, "p").normal(sizes[0]).double(), 1 + 2 * Noise(seed, "q").normal(sizes[1]).double()
        found.append(log_normalizer_ratio(*(-rows.square() / 2 + (rows - 1).square() / 8 for rows in (x, y))))
    values = torch.tensor(found)
    assert abs(values.mean().item() + math.log(2)) < 4 * values.std().item() / math.sqrt(20)
    assert values.std() < 0.06


def test_a_constant_moves_it_and_infinities_do_not_break_it():
    y = 2 * Noise(1).uniform(1000).double()
    on_x, on_y = torch.zeros(1000), torch.where(y < 1, 0.0, -torch.inf)  # both 1 where they are not 0
    found = log_normalizer_ratio(on_x, on_y)
    assert found == pytest.approx(-math.log(2), abs=0.1)
    assert log_normalizer_ratio(on_x + 700, on_y + 700) == pytest.approx(found + 700, abs=1e-9)


def test_strangers_and_few_rows_are_refused():
    with pytest.raises(Unknowable, match="where both densities have mass, but of 100 rows of p"):
        log_normalizer_ratio(torch.full((100,), 50.0), torch.full((100,), -50.0))
    with pytest.raises(Unknowable, match="where both densities have mass"):
        log_normalizer_ratio(torch.full((100,), torch.inf), torch.full((100,), -torch.inf))
    with pytest.raises(TooFew):
        log_normalizer_ratio(torch.zeros(3), torch.zeros(100))
