"""Rollouts: episodes that depend on the seed and their number alone, and refusals in words."""

import pytest
import torch

from genzoo.core import GenerativeModel, Space
from genzoo.environments import Fork
from genzoo.tasks import Policy, rollout
from genzoo.tasks.rollouts import BLOCK


class Expert(GenerativeModel):
    """Draws at the fork; later it goes on straight."""

    def draw(self, n, given, noise):
        fork, shift = Fork(left=0.8), next(iter(given.values()))[:, -1, :1, None]
        side = torch.where(noise.at("side").uniform(n) < fork.left, 1.0, -1.0)
        first = fork.means(8).float() * torch.stack([torch.ones(n), side], 1)[:, None]
        shaken = 0.008 * noise.normal(n, 8, 2)
        return torch.where(shift < 0.1, first, torch.tensor([1 / 24, 0.0])) + shaken


class Wild(GenerativeModel):
    def draw(self, n, given, noise):
        return torch.tensor([3.0, 0.0]).expand(n, 8, 2)


class Broken(Fork):
    def step(self, action):
        found = super().step(action)
        return found._replace(observation=found.observation.masked_fill(found.observation > 0.1, torch.nan))


SPACES = Space((8, 2)), Space((2, 2))


def test_few_episodes_are_the_first_of_many() -> None:
    many = rollout(Policy(Expert(*SPACES), Fork(), execute=8), BLOCK + 9, seed=4, film=2)
    few = rollout(Policy(Expert(*SPACES), Fork(), execute=8), 5, seed=4, film=2)
    for name in ("best", "total", "success", "steps", "way"):
        assert torch.equal(getattr(many, name)[:5], getattr(few, name))
    assert many.mean("success")[0] == 1.0
    assert abs(many.ways(Fork.ways)["left"] - 0.8) < 4 * (0.16 / (BLOCK + 9)) ** 0.5
    assert few.film is not None
    assert few.film.shape[0] == 2
    assert int(few.steps[:2].max()) + 1 <= few.film.shape[1]
    assert not torch.equal(rollout(Policy(Expert(*SPACES), Fork()), 5, seed=5).steps, few.steps)


def test_what_lies_outside_the_box_is_moved_into_it_and_counted() -> None:
    found = rollout(Policy(Wild(*SPACES), Fork()), 3)
    assert found.clipped == 1.0
    assert found.mean("success")[0] == 0.0


def test_refusals_show_both_sides() -> None:
    with pytest.raises(ValueError, match=r"x = \(actions, 2\) and given = .* got x = \(8, 3\) and given = \(2, 2\)"):
        Policy(Wild(Space((8, 3)), Space((2, 2))), Fork())
    with pytest.raises(ValueError, match="given = nothing"):
        Policy(Wild(Space((8, 2))), Fork())
    with pytest.raises(ValueError, match="carries out 1 to 8, got 9"):
        Policy(Wild(*SPACES), Fork(), execute=9)
    with pytest.raises(ValueError, match="must be positive, got 0"):
        rollout(Policy(Wild(*SPACES), Fork()), 0)
    with pytest.raises(ValueError, match="must be finite, got nan in entry 1 of episode 0 after 2 steps of fork"):
        rollout(Policy(Expert(*SPACES), Broken()), 2)
