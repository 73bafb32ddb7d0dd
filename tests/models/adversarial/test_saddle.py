"""Games that can be solved by hand: the rate at which each kind of step goes out, around or in."""

from functools import partial

import pytest
import torch
from torch import Tensor

from genzoo.models.adversarial import alternating, extragradient, fate, path, simultaneous

RATE, STEPS = 0.1, 300
START = (torch.tensor([0.8], dtype=torch.float64), torch.tensor([-0.5], dtype=torch.float64))


def product(x: Tensor, y: Tensor) -> Tensor:
    return x * y


def bowl(x: Tensor, y: Tensor) -> Tensor:
    """Convex in x and concave in y: every kind of step comes to rest."""
    return x.square() / 2 + x * y - y.square() / 2


def squares(points: Tensor) -> Tensor:
    return points.square().flatten(1).sum(1)


def test_both_at_once_go_out_and_looked_ahead_come_in_at_known_rates() -> None:
    for step, factor in ((simultaneous, 1 + RATE**2), (extragradient, 1 - RATE**2 + RATE**4)):
        r = squares(path(product, START, step, rate=RATE, steps=STEPS))
        assert torch.allclose(r[1:] / r[:-1], torch.tensor(factor, dtype=torch.float64), atol=1e-12)


def test_one_after_the_other_go_around_on_an_ellipse() -> None:
    """x² + y² − η x y stays as it is."""
    x, y = path(product, START, alternating, rate=RATE, steps=STEPS)[..., 0].T
    kept = x**2 + y**2 - RATE * x * y
    assert torch.allclose(kept, kept[0].expand_as(kept), atol=1e-12)


def test_more_turns_of_one_player_keep_the_area_and_so_go_around() -> None:
    """k x² + y² − k η x y stays as it is, of k steps of y to one of x."""
    for k in (2, 5):
        x, y = path(product, START, partial(alternating, critic_steps=k), rate=RATE, steps=STEPS)[..., 0].T
        kept = k * x**2 + y**2 - k * RATE * x * y
        assert torch.allclose(kept, kept[0].expand_as(kept), atol=1e-12)


def test_what_becomes_of_a_game_is_told() -> None:
    fates = {
        "product": [fate(product, path(product, START, step)) for step in (simultaneous, alternating, extragradient)],
        "bowl": [fate(bowl, path(bowl, START, step)) for step in (simultaneous, alternating, extragradient)],
    }
    assert fates == {"product": ["runs away", "goes around", "comes to rest"], "bowl": ["comes to rest"] * 3}
    assert fate(product, torch.full((20, 2, 1), torch.nan)) == "runs away"


def test_two_games_at_once_move_as_each_alone() -> None:
    both = tuple(torch.cat([part, 2 * part]) for part in START)
    together = path(product, both, extragradient, steps=20)
    alone = path(product, START, extragradient, steps=20)
    assert torch.allclose(together[..., :1], alone)
    assert together[-1, 0, 1].item() == pytest.approx(2 * alone[-1, 0, 0].item())
