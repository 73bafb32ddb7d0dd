"""`fork`: an obstacle ahead, to be passed on the left or on the right.

The expert tosses a coin once, side s = +1 (left) with probability w, and walks along a curve,

$$ a_k = (v,\\; y_s(k + 1) - y_s(k)) + \\sigma \\varepsilon_k, \\qquad y_s(k) = s\\, A\\, w(k v), $$

whatever happens: so the next H actions at the start, the fork, have the density

$$ p(a \\mid s_0) = w \\prod_k N(a_k; \\mu^+_k, \\sigma^2 I) + (1 - w) \\prod_k N(a_k; \\mu^-_k, \\sigma^2 I), $$

exactly. Their mean leads into the obstacle.

References:
    Florence et al., 2021, "Implicit behavioral cloning", arXiv:2109.00137 (why a mean of actions is none)
"""

import math

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.environments.copies import Box, PointEnvironment, Step
from genzoo.environments.demonstrations import Demonstrations, demonstrated
from genzoo.environments.drawing import Canvas

__all__ = ["Fork"]

STEPS = 24  # of an expert
AWAY = 0.5  # A, how far to the side
SIGMA = 0.008  # of an expert's action
JITTER = 0.01  # of where it starts
MIDDLE, RADIUS = (0.5, 0.0), 0.35  # of the obstacle


class Fork(PointEnvironment):
    """A point in the plane that is to pass x = 1 without touching a disc around (½, 0).

    Observation: (x, y), at first (0, y₀). Action: how far to move, (Δx, Δy). The reward is 1 once x ≥ 1.

    Args:
        left: w, the share of an expert's episodes that pass on the left.

    Raises:
        ValueError: If the share is none.

    Example:
        >>> fork = Fork(left=0.8)
        >>> fork.reset(2, Noise(0)).shape
        torch.Size([2, 2])
        >>> fork.step(torch.tensor([[0.05, 0.0], [0.05, 0.0]])).ended.tolist()
        [False, False]
    """

    name = "fork"
    observed = Box((-0.5, -1.0), (1.5, 1.0))
    acted = Box((-0.1, -0.2), (0.1, 0.2))
    limit = 2 * STEPS
    ways = ("left", "right")

    def __init__(self, *, left: float = 0.5) -> None:
        if not 0 <= left <= 1:
            raise ValueError(f"`left` must be a share in [0, 1], got {left}. Pass 0.5 for both sides alike.")
        self.left = left

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        return torch.stack([torch.zeros(n).double(), JITTER * noise.normal(n, dtype=torch.float64)], 1)

    def step(self, action: Float[Tensor, "n 2"]) -> Step:
        inside, beyond = self._stands()
        moved = self.observed.clipped(self.state + self.acted.clipped(action.double()))
        self.state = torch.where((inside | beyond)[:, None], self.state, moved)
        inside, beyond = self._stands()
        return Step(self.see(), beyond.double(), beyond, inside | beyond)

    def way(self) -> Int[Tensor, " n"]:
        return torch.where(self.state[:, 0] >= 1, (self.state[:, 1] < 0).long(), -1)

    def picture(self, copy: int, size: int = 128) -> Image.Image:
        canvas = Canvas.of((-0.25, -0.75), 1.5, size)
        canvas.disc(MIDDLE, RADIUS, (200, 90, 60))
        canvas.line([(1.0, -0.75), (1.0, 0.75)], (90, 150, 90), 2)
        x, y = self.state[copy].tolist()
        canvas.disc((x, y), 0.035, (40, 70, 160))
        return canvas.image

    def demonstrations(self, n: int, noise: Noise) -> Demonstrations:
        """Episodes of the expert.

        Args:
            n: Their number.
            noise: Draws their sides, their first states and what is random in their actions.
        """
        flip, shaken = self._flips(n, noise), noise.at("action")

        def expert(step: int) -> Tensor:
            return flip * self.means(step + 1)[-1] + SIGMA * shaken.tick(step).normal(n, 2, dtype=torch.float64)

        return demonstrated(self, expert, n, noise.at("start"))

    def means(self, horizon: int) -> Float[Tensor, "horizon 2"]:
        """The means of the first actions of an expert who passes on the left."""
        x = torch.arange(horizon + 1, dtype=torch.float64) / STEPS
        y = AWAY * _risen(4 * x)
        return torch.stack([x.diff(), y.diff()], 1)

    def log_density(self, actions: Float[Tensor, "n horizon 2"]) -> Float[Tensor, " n"]:
        """log p(a | s₀) of the first actions of an episode, in nats.

        Args:
            actions: What is done from the start on, at most 24 steps.

        Raises:
            ValueError: If they are of more steps than an expert has.

        Example:
            >>> fork = Fork()
            >>> left = fork.means(8)[None]
            >>> right = left * torch.tensor([1.0, -1.0])
            >>> bool(fork.log_density(left) == fork.log_density(right))
            True
        """
        if actions.shape[1] > STEPS:
            raise ValueError(f"An expert takes {STEPS} steps, got {actions.shape[1]}. Pass fewer actions.")
        left = self.means(actions.shape[1])
        means = torch.stack([left, left * torch.tensor([1.0, -1.0])])
        z = (actions.double()[:, None] - means) / SIGMA
        each = -0.5 * z.square().flatten(2).sum(2) - left.numel() * (math.log(SIGMA) + 0.5 * math.log(2 * math.pi))
        return (each + torch.tensor([self.left, 1 - self.left], dtype=torch.float64).log()).logsumexp(1)

    def draw(self, n: int, horizon: int, noise: Noise) -> Float[Tensor, "n horizon 2"]:
        """Draws from that density.

        Args:
            n: Their number.
            horizon: How many actions each is.
            noise: The source of what is random.
        """
        shaken = noise.at("action").normal(n, horizon, 2, dtype=torch.float64)
        return self.means(horizon) * self._flips(n, noise)[:, None] + SIGMA * shaken

    def _flips(self, n: int, noise: Noise) -> Float[Tensor, "n 2"]:
        """What turns a way on the left into each expert's own."""
        side = torch.where(noise.at("side").uniform(n, dtype=torch.float64) < self.left, 1.0, -1.0)
        return torch.stack([torch.ones_like(side), side], 1)

    def _stands(self) -> tuple[Tensor, Tensor]:
        """Which copies touch the obstacle, and which are past it."""
        away = self.state - torch.tensor(MIDDLE, dtype=torch.float64)
        return away.square().sum(1) < RADIUS**2, self.state[:, 0] >= 1


def _risen(u: Tensor) -> Tensor:
    """From 0 to 1 without a corner at either end."""
    u = u.clamp(0, 1)
    return u * u * (3 - 2 * u)
