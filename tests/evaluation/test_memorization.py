"""Copies are found, and honest samples are not called copies."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, find_copies

TRAIN, HELD_OUT, FRESH = Noise(0).normal(500, 3, 4).unbind(1)


def test_finds_the_copies_and_where_they_are_from():
    places = torch.tensor([3, 77, 200])
    samples = FRESH.clone()
    samples[:3] = TRAIN[places] + 1e-4
    found = find_copies(samples, TRAIN, HELD_OUT, block=64)
    assert found.flagged[:3].all()
    assert torch.equal(found.rows[:3], places)
    assert found.distances[:3].max() < 1e-3


def test_a_fresh_draw_has_the_floor():
    made = [find_copies(*Noise(seed).normal(600, 3, 3).unbind(1), level=0.05) for seed in range(60)]
    shares = torch.tensor([found.share.value for found in made])
    closer = torch.tensor([found.closer.value for found in made])
    assert {found.floor for found in made} == {0.05}
    assert shares.mean().item() == pytest.approx(0.05, abs=0.006)
    assert closer.mean().item() == pytest.approx(0.5, abs=0.01)
    assert made[0].closer.error == pytest.approx(closer.std().item(), rel=0.35)


def test_copies_with_noise_are_closer_than_held_out_rows():
    found = find_copies(TRAIN + 0.1 * FRESH, TRAIN, HELD_OUT)
    assert found.closer.value > 0.8
    assert find_copies(TRAIN, TRAIN, HELD_OUT).share.value == 1


def test_does_not_depend_on_the_order_of_the_rows_compared_with():
    one = find_copies(FRESH, TRAIN, HELD_OUT)
    other = find_copies(FRESH, TRAIN.flip(0), HELD_OUT.flip(0))
    assert torch.equal(one.distances, other.distances)
    assert one.share == other.share
    assert one.closer == other.closer


def test_rows_shared_by_the_splits_raise_the_floor():
    found = find_copies(FRESH, TRAIN, torch.cat([HELD_OUT[:400], TRAIN[:100]]))
    assert found.threshold == 0
    assert found.floor == 0.2


def test_refuses_held_out_rows_too_few_for_the_level():
    with pytest.raises(TooFew, match="A threshold that 1.00% of held-out rows reach needs at least 100 rows, got 99"):
        find_copies(FRESH, TRAIN, HELD_OUT[:99])
