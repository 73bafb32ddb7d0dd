"""Environments: what Gymnasium checks, experts that do what they are said to do, the exact density at the fork."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core import Noise
from genzoo.environments import ENVIRONMENTS, Circles, Fork, Maze, PushT, as_gymnasium, as_vector, environment
from genzoo.environments.catalog import demonstrations
from genzoo.environments.maze import is_apart
from genzoo.environments.pusht import GOAL

try:
    import pymunk
except ImportError:
    pymunk = None
try:
    from gymnasium.utils.env_checker import check_env
except ImportError:
    check_env = None


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space")  # actions are where recordings have them
@pytest.mark.skipif(check_env is None, reason="the extra robots is not installed")
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_gymnasium_finds_no_fault(name: str) -> None:
    check_env(as_gymnasium(environment(name)), skip_render_check=True)
    envs = as_vector(environment(name), 3)
    first, _ = envs.reset(seed=1)
    for _ in range(environment(name).limit + 2):
        seen, reward, *_ = envs.step(np.tile(envs.single_action_space.high, (3, 1)))
        assert seen.shape == first.shape
        assert np.isfinite(reward).all()
    assert np.array_equal(envs.reset(seed=1)[0], first)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from genzoo.environments import gymnasium_api

    monkeypatch.setitem(__import__("sys").modules, "gymnasium", None)
    gymnasium_api._single.cache_clear()
    with pytest.raises(ImportError, match=r"pip install 'genzoo\[robots\]'"):
        as_gymnasium(Fork())


NAMED = [
    pytest.param(name, marks=pytest.mark.skipif(name == "pusht" and pymunk is None, reason="robots is not installed"))
    for name in ENVIRONMENTS
]


@pytest.mark.parametrize("name", NAMED)
def test_copies_know_nothing_of_each_other(name: str) -> None:
    many, few = environment(name), environment(name)
    assert torch.equal(many.reset(7, Noise(3))[4:6], few.reset(2, Noise(3, start=4)))
    for step in range(5):
        actions = Noise(5, start=0).tick(step).normal(7, many.acted.dims, dtype=torch.float64) / 20
        one, other = many.step(many.acted.clipped(actions)), few.step(few.acted.clipped(actions[4:6]))
        assert torch.equal(one.observation[4:6], other.observation)
        assert torch.equal(one.reward[4:6], other.reward)
    again = torch.arange(7) == 2
    seen = many.again(again, Noise(9))
    assert torch.equal(seen[3:], one.observation[3:])
    assert not torch.equal(seen[2], one.observation[2])


def test_experts_succeed_on_all_ways() -> None:
    fork, circles = Fork(left=0.8), Circles()
    shown = fork.demonstrations(1000, Noise(0))
    assert bool((fork.way() >= 0).all())
    assert 0.76 < float((fork.way() == 0).double().mean()) < 0.84
    assert len(shown.state) == len(shown.action) == shown.ends[-1]
    circles.demonstrations(60, Noise(1))
    assert float(circles.state[:, 2].min()) > 0.85 * circles.limit
    assert circles.circle_of(60, Noise(1)).unique().tolist() == [0, 1, 2]
    assert torch.equal(circles.way(), circles.circle_of(60, Noise(1)))


def test_experts_of_the_maze_walk_clear_of_walls_and_never_between_two_of_its_corners() -> None:
    maze = Maze()
    shown = maze.demonstrations(200, Noise(0))
    last = shown.ends - 1
    first = torch.cat([torch.zeros(1, dtype=torch.int64), shown.ends[:-1]])
    arrived = shown.trajectory[last] + shown.action[last] - shown.state[last, 2:]
    assert float(arrived.norm(dim=1).max()) < 0.05
    assert bool(maze.is_free(shown.trajectory).all())
    assert not is_apart(shown.state[first, :2], shown.state[first, 2:]).any()
    assert is_apart(*maze.reset(2000, Noise(1)).split(2, 1)).double().mean() == pytest.approx(0.053, abs=0.02)


def test_the_density_at_the_fork_is_that_of_its_demonstrations() -> None:
    """The mean log-density of draws is minus the entropy, log 2 apart from one side's; the experts' own first actions
    have the same."""
    fork = Fork()
    drawn = fork.log_density(fork.draw(4000, 8, Noise(1)))
    entropy = math.log(2) + 16 * (math.log(0.008) + 0.5 * math.log(2 * math.pi * math.e))
    assert abs(float(drawn.mean()) + entropy) < 4 * math.sqrt(8 / 4000)
    shown = demonstrations("fork")
    starts = torch.cat([torch.zeros(1, dtype=torch.int64), shown.ends[:-1]])
    first = shown.action[starts[:, None] + torch.arange(8)]
    assert abs(float(fork.log_density(first).mean()) + entropy) < 4 * math.sqrt(8 / 2000)


def test_the_mean_of_both_ways_is_none() -> None:
    fork = Fork()
    fork.reset(1, Noise(0))
    ahead = fork.means(24) * torch.tensor([1.0, 0.0])
    found = [fork.step(action[None]) for action in ahead]
    assert found[-1].ended.all()
    assert not found[-1].success.any()


@pytest.mark.skipif(pymunk is None, reason="the extra robots is not installed")
def test_recorded_actions_give_the_recorded_track() -> None:
    """An episode of a person's, from the demonstrations of Chi et al. (MIT); with the angle set last it is another."""
    with np.load(Path(__file__).with_name("pusht_episode.npz")) as arrays:
        state, action = (torch.from_numpy(arrays[name]).double() for name in ("state", "action"))
    pushed = PushT()
    first = pushed.placed(state[:1])
    assert torch.allclose(first, state[:1], atol=1e-3)
    seen = torch.cat([pushed.step(a[None]).observation for a in action[:-1]])
    assert float((seen - state[1:])[:, :4].abs().max()) < 0.01
    moved = pushed.copies[0].anew()
    moved.place(state[0].tolist(), turned_last=True)
    assert math.dist(moved.seen()[2:4], state[0, 2:4].tolist()) > 20


@pytest.mark.skipif(pymunk is None, reason="the extra robots is not installed")
def test_the_goal_is_covered_by_a_block_in_its_place() -> None:
    pushed = PushT()
    pushed.placed(torch.tensor([[20.0, 20.0, *GOAL], [20.0, 20.0, 256.0, 256.0, 3 * math.pi / 4]]).double())
    whole, turned = (table.covered() for table in pushed.copies)
    assert abs(whole - 1) < 1e-6
    assert abs(turned - 2 / 7) < 1e-6  # 1,800 of 6,300 square pixels
    assert pushed.picture(0, 64).size == (64, 64)
