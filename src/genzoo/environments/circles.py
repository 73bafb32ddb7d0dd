"""`circles`: one of three circles through the origin is to be walked, counterclockwise.

Nothing seen at the start says which: the radius is what an imitator has to choose, and to remember by where it is.

References:
    Li, Song & Ermon, 2017, "InfoGAIL: interpretable imitation learning from visual demonstrations",
    arXiv:1703.08840 (circles of several radii)
"""

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.environments.copies import Box, PointEnvironment, Step
from genzoo.environments.demonstrations import Demonstrations, demonstrated
from genzoo.environments.drawing import Canvas

__all__ = ["RADII", "Circles"]

RADII = (0.25, 0.5, 0.75)
SPEED = 0.06  # of an expert, a step
WIDTH = 0.05  # of a track
SIGMA, JITTER = 0.005, 0.01
ENOUGH = 0.8  # of what an expert could have


class Circles(PointEnvironment):
    """A point in the plane that is to go round one of the circles around (0, R) through the origin,

    $$ r = \\max_R \\frac{\\Delta p \\cdot t_R}{v}\\, e^{-d_R^2 / 2 w^2}, $$

    with the direction $t_R$ of the circle where the point was, and its distance $d_R$ from it now: an expert's return
    is nearly one a step. An episode is a success if it is 0.8 a step.

    Observation: (x, y). Action: how far to move.

    Example:
        >>> circles = Circles()
        >>> seen = circles.reset(1, Noise(0))
        >>> bool(circles.step(torch.tensor([[0.06, 0.0]])).reward > 0.9)
        True
    """

    name = "circles"
    observed = Box((-1.5, -0.75), (1.5, 2.25))
    acted = Box((-0.1, -0.1), (0.1, 0.1))
    limit = 80
    ways = tuple(f"R={radius:g}" for radius in RADII)

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n 6"]:
        place = JITTER * noise.normal(n, 2, dtype=torch.float64)
        return torch.cat([place, torch.zeros(n, 4, dtype=torch.float64)], 1)  # the return so far, and each circle's

    def see(self) -> Float[Tensor, "n 2"]:
        return self.observed.clipped(self.state[:, :2])

    def step(self, action: Float[Tensor, "n 2"]) -> Step:
        was = self.state[:, :2]
        now = self.observed.clipped(was + self.acted.clipped(action.double()))
        away, before = now[:, None] - self._middles(), was[:, None] - self._middles()
        radii = torch.tensor(RADII, dtype=torch.float64)
        along = torch.stack([-before[..., 1], before[..., 0]], -1) / before.square().sum(-1, True).sqrt().clamp_min(
            1e-9
        )
        gone = ((now - was)[:, None] * along).sum(-1) / SPEED
        off = away.square().sum(-1).sqrt() - radii
        each = gone.clamp(-1, 1) * (-0.5 * (off / WIDTH).square()).exp()
        reward = each.max(1).values
        self.clock = self.clock + 1
        self.state = torch.cat([now, self.state[:, 2:] + torch.cat([reward[:, None], each], 1)], 1)
        ended = self.clock >= self.limit
        return Step(self.see(), reward, ended & (self.state[:, 2] >= ENOUGH * self.limit), ended)

    def way(self) -> Int[Tensor, " n"]:
        return torch.where(self.state[:, 2] >= ENOUGH * self.limit, self.state[:, 3:].argmax(1), -1)

    def picture(self, copy: int, size: int = 128) -> Image.Image:
        canvas = Canvas.of((-1.0, -0.25), 2.0, size)
        for radius in RADII:
            canvas.disc((0.0, radius), radius, (190, 190, 185), hollow=True)
        x, y = self.state[copy, :2].tolist()
        canvas.disc((x, y), 0.05, (40, 70, 160))
        return canvas.image

    def demonstrations(self, n: int, noise: Noise) -> Demonstrations:
        """Episodes of experts, each of whom keeps to one of the three circles.

        Args:
            n: Their number.
            noise: Draws their circles, their first states and what is random in their actions.
        """
        which = self.circle_of(n, noise)
        middle, radius = self._middles()[which], torch.tensor(RADII, dtype=torch.float64)[which]
        shaken = noise.at("action")

        def expert(step: int) -> Tensor:
            away = self.state[:, :2] - middle
            distance = away.square().sum(1, True).sqrt()
            outward = away / distance
            along = torch.stack([-outward[:, 1], outward[:, 0]], 1)
            mean = SPEED * along + 0.3 * (radius[:, None] - distance - SPEED**2 / (2 * radius[:, None])) * outward
            return mean + SIGMA * shaken.tick(step).normal(n, 2, dtype=torch.float64)

        return demonstrated(self, expert, n, noise.at("start"))

    def circle_of(self, n: int, noise: Noise) -> Tensor:
        """Which circle each of the experts keeps to."""
        return noise.at("circle").integers(len(RADII), n)

    def _middles(self) -> Float[Tensor, "3 2"]:
        return torch.tensor([(0.0, radius) for radius in RADII], dtype=torch.float64)
