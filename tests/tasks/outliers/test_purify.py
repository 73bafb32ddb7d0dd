"""Purified rows are those of the definition."""

import itertools

import pytest
import torch

from genzoo.core import Space, Unsupported
from genzoo.distributions.levels import flattened, unflattened
from genzoo.tasks.outliers import purify
from tests.tasks.inverse.oracle import mixture_of
from tests.zoo import ready
from tests.zoo.entry import batch


def test_each_entry_moves_to_its_best_level_within_the_radius() -> None:
    """Beside a search by log p of every row: log p(x_<i, v) summed over all that may follow."""
    model = ready("made/few")
    space: Space = model.space
    levels, x = space.levels or 1, batch(model, 6).x
    order = torch.tensor(list(itertools.product(range(levels), repeat=space.dims)))
    p = model.log_prob(unflattened(order, space)).detach().double().exp()
    for row, found in zip(flattened(x, space), flattened(purify(model, x, radius=1), space), strict=True):
        prefix: list[int] = []
        for own in row.tolist():
            fits = (order[:, : len(prefix)] == torch.tensor(prefix)).all(1)
            mass = [float(p[fits & (order[:, len(prefix)] == v)].sum()) for v in range(levels)]
            prefix.append(max([v for v in range(levels) if abs(v - own) <= 1], key=mass.__getitem__))
        assert found.tolist() == prefix


def test_noise_and_back_is_a_draw_near_the_row() -> None:
    """Rows of the model's own law keep it; the later the time, the less of a row is left; row i stands by itself."""
    model = mixture_of(modes=1)
    x = model.sample(1500, seed=3).double()
    near, far = (purify(model, x, log_snr=level, seed=1) for level in (6.0, -6.0))
    assert (near - x).square().mean() < 0.1 < (far - x).square().mean()
    assert far.mean(0).allclose(x.mean(0), atol=0.15)
    assert far.T.cov().allclose(x.T.cov(), atol=0.3)
    assert purify(model, x[:3], log_snr=-6.0, seed=1).allclose(far[:3], atol=1e-5)


def test_what_is_needed_is_told() -> None:
    with pytest.raises(ValueError, match="by `radius`, as 8, got none"):
        purify(ready("made/few"), batch(ready("made/few"), 2).x)
    with pytest.raises(ValueError, match="by `log_snr`, as 3.0"):
        purify(ready("diffusion"), batch(ready("diffusion"), 2).x, radius=3)
    with pytest.raises(Unsupported, match="must have an order of entries, or denoise"):
        purify(ready("gaussian"), batch(ready("gaussian"), 2).x, radius=3)
