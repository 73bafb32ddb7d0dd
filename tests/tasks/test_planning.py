"""Planning: a random walk that ends where it should is a Brownian bridge, costs bend ways, bad ends are refused."""

from functools import cached_property

import pytest
import torch

from genzoo.core import NOTHING, Denoiser, GenerativeModel, Space, Unsupported
from genzoo.distributions.levels import Numbers
from genzoo.environments import Maze
from genzoo.models.classical import Gaussian
from genzoo.models.diffusion import Cosine
from genzoo.tasks import Away, plan

T = 9


class Walk(GenerativeModel):
    """x_k = x_{k-1} + N(0, I), from N(0, 4 I): denoised without error."""

    def __init__(self) -> None:
        super().__init__(Space((T, 2)))
        steps = torch.ones(T, T, dtype=torch.float64).tril()
        self.covariance = steps @ torch.diag(torch.tensor([4.0] + [1.0] * (T - 1)).double()) @ steps.T

    def draw(self, n, given, noise):
        return torch.linalg.cholesky(self.covariance) @ noise.normal(n, T, 2, dtype=torch.float64)

    def abilities(self):
        return [*super().abilities(), Told(self)]


class Told(Denoiser):
    schedule, shape = Cosine(), (T, 2)

    def __init__(self, walk: Walk) -> None:
        self.covariance, self.numbers = walk.covariance, Numbers(walk.space, torch.float64)

    @cached_property
    def eye(self):
        return torch.eye(T, dtype=torch.float64)

    def denoise(self, x_t, t, given=NOTHING):
        alpha, sigma = (part.double().reshape(-1, 1, 1) for part in self.schedule(t.double()))
        return alpha * self.covariance @ torch.linalg.inv(alpha**2 * self.covariance + sigma**2 * self.eye) @ x_t

    def start(self, n, noise):
        return noise.normal(n, T, 2, dtype=torch.float64)


START, GOAL = torch.tensor([[0.0, -1.0]]), torch.tensor([[4.0, 1.0]])


def test_a_random_walk_between_two_places_is_a_bridge() -> None:
    found = plan(Walk().double(), START, GOAL, 1500, seed=3, steps=100, iterations=4).x[:, 0].double()
    assert torch.allclose(found[:, [0, -1]], torch.stack([START, GOAL], 1).double(), atol=1e-3)
    along = torch.arange(T, dtype=torch.float64)[:, None] / (T - 1)
    assert torch.allclose(found.mean(0), START + along * (GOAL - START), atol=0.15)
    assert torch.allclose(found.var(0)[1:-1], (along * (1 - along) * (T - 1))[1:-1].expand(-1, 2), rtol=0.15)


def test_a_cost_bends_ways_and_none_leaves_them() -> None:
    away = Away((2.0, 0.0), 1.5, weight=4.0)
    free = plan(Walk().double(), START, GOAL, 200, seed=1, steps=30)
    bent = plan(Walk().double(), START, GOAL, 200, cost=away, seed=1, steps=30)
    assert bent.cost is not None
    assert torch.allclose(bent.x[:, :, [0, -1]], free.x[:, :, [0, -1]], atol=1e-3)
    assert bent.cost.mean() < 0.5 * away(free.x.flatten(0, 1)).mean()
    assert torch.equal(bent.best()[0], bent.x[bent.cost.argmin(), 0])
    same = plan(Walk().double(), START, GOAL, 2, cost=lambda x: 0 * x.sum((1, 2)), seed=1, steps=30)
    assert torch.equal(same.x, free.x[:2])
    assert torch.equal(free.best(), free.x[0])


def test_ends_that_are_none_are_refused() -> None:
    walk = Walk().double()
    with pytest.raises(ValueError, match=r"A goal must have 2 numbers, got \(1, 3\)"):
        plan(walk, START, torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"A start must be finite, got \[nan, nan\]"):
        plan(walk, torch.full((1, 2), torch.nan), GOAL)
    with pytest.raises(ValueError, match="must be windows of real places"):
        plan(Gaussian(Space((3,))), START, GOAL)
    with pytest.raises(Unsupported, match="no denoiser"):
        plan(Gaussian(Space((T, 2))), START, GOAL, cost=Away((0.0, 0.0), 1.0))
    with pytest.raises(ValueError, match="must be positive"):
        Away((0.0, 0.0), 0.0)


def test_ways_are_gone_to_a_wall_or_to_the_goal() -> None:
    maze = Maze()
    start, goal = torch.tensor([[0.1, 0.9], [0.1, 0.9]]), torch.tensor([[0.5, 0.9], [0.3, 0.5]])
    ways = start[:, None] + torch.linspace(0, 1, 20)[:, None] * (goal - start)[:, None]
    with pytest.raises(ValueError, match="A goal must lie between walls"):
        maze.walked(ways, goal)
    goal[1] = torch.tensor([0.5, 0.5])  # behind the wall
    ways[1] = start[1] + torch.linspace(0, 1, 20)[:, None] * (goal - start)[1]
    found = maze.walked(ways, goal)
    assert found.reached.tolist() == [True, False]
    assert found.touched.tolist() == [False, True]
    assert found.length[0] == pytest.approx(0.4 - 0.05, abs=0.03)
    assert maze.is_clear(ways).tolist() == [True, False]
