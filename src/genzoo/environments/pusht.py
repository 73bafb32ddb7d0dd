"""`pusht`: a disc pushes a T-shaped block onto its place (extra `robots`).

The disc is moved by proportional-derivative control toward the point that an action names, ten times a tenth of a
second,

$$ \\dot v = k_p (a - p) - k_v v, \\qquad k_p = 100,\\; k_v = 20, $$

and the block by contact alone; without gravity, and with all momentum lost at once. What a step is worth is the share
of the goal that the block covers, by 0.95. The physics is pymunk's; no collision is handled here, so that all its
versions from 6.6 to 7 will do.

References:
    Chi et al., 2023, "Diffusion policy: visuomotor policy learning via action diffusion", arXiv:2303.04137
    Florence et al., 2021, "Implicit behavioral cloning", arXiv:2109.00137 (the task)
"""

import functools
import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.environments.copies import Box, Environment, Step
from genzoo.environments.drawing import Canvas, Point

__all__ = ["PushT"]

SIDE, WALL, DISC = 512.0, 5.0, 15.0  # pixels
UNIT = 30.0  # the width of a bar of the T, which is four long
BARS = (
    ((-2 * UNIT, UNIT), (2 * UNIT, UNIT), (2 * UNIT, 0.0), (-2 * UNIT, 0.0)),
    ((-UNIT / 2, UNIT), (-UNIT / 2, 4 * UNIT), (UNIT / 2, 4 * UNIT), (UNIT / 2, UNIT)),
)
MIDDLE = (0.0, 45.0)  # of the block's mass, halfway between those of its bars
GOAL = (256.0, 256.0, math.pi / 4)
ENOUGH = 0.95  # of the goal
PULL, BRAKE, TICK, TICKS = 100.0, 20.0, 0.01, 10
REACH = 300.0  # between two T's that may touch


class PushT(Environment):
    """A disc that is to push a T onto its place.

    Observation: the disc (x, y), the block (x, y) and its angle in [0, 2π). Action: where the disc is to go. The
    reward is the covered share of the goal by 0.95, at most 1, which is a success.

    Example:
        >>> PushT.acted.dims, PushT.limit
        (2, 300)
    """

    name = "pusht"
    observed = Box((0.0,) * 5, (SIDE,) * 4 + (2 * math.pi,))
    acted = Box((0.0, 0.0), (SIDE, SIDE))
    limit = 300

    def reset(self, n: int, noise: Noise) -> Float[Tensor, "n 5"]:
        self.n, self.copies = n, [Table(_pymunk()) for _ in range(n)]
        return self.again(torch.ones(n, dtype=torch.bool), noise)

    def again(self, which: Bool[Tensor, " n"], noise: Noise) -> Float[Tensor, "n 5"]:
        disc = 50 + noise.at("disc").integers(400, self.n, 2)
        block = 100 + noise.at("block").integers(300, self.n, 2)
        angle = math.pi * (2 * noise.at("angle").uniform(self.n, 1, dtype=torch.float64) - 1)
        starts = torch.cat([disc.double(), block.double(), angle], 1).tolist()
        for k, table in enumerate(self.copies):
            if which[k]:
                self.copies[k] = table.anew()
                self.copies[k].place(starts[k], turned_last=True)
        return self._see()

    def placed(self, states: Float[Tensor, "n 5"]) -> Float[Tensor, "n 5"]:
        """Copies at rest in some states, as they were seen; what is seen of them now.

        The angle is set before the position: about a middle of mass that is not the origin, turning moves the block.
        """
        self.n, self.copies = len(states), [Table(_pymunk()) for _ in range(len(states))]
        for table, state in zip(self.copies, states.tolist(), strict=True):
            table.place(state)
        return self._see()

    def step(self, action: Float[Tensor, "n 2"]) -> Step:
        for table, (x, y) in zip(self.copies, self.acted.clipped(action.double()).tolist(), strict=True):
            table.push((x, y))
        covered = torch.tensor([table.covered() for table in self.copies], dtype=torch.float64)
        done = covered > ENOUGH
        return Step(self._see(), (covered / ENOUGH).clamp(0, 1), done, done)

    def picture(self, copy: int, size: int = 128) -> Image.Image:
        canvas, table = Canvas.of((0.0, 0.0), SIDE, size), self.copies[copy]
        for color, pose in (((190, 225, 190), GOAL), ((120, 130, 150), table.pose())):
            for bar in BARS:
                canvas.polygon(_turned(bar, pose), color)
        canvas.disc(tuple(table.disc.position), DISC, (40, 70, 160))
        return canvas.image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)  # here y points down

    def _see(self) -> Float[Tensor, "n 5"]:
        return torch.tensor([table.seen() for table in self.copies], dtype=torch.float64)


class Table:
    """One copy: a space of pymunk with the disc and the block.

    Args:
        physics: The package.
    """

    def __init__(self, physics: Any) -> None:
        self.physics, self.space = physics, physics.Space()
        self.space.gravity, self.space.damping = (0, 0), 0.0
        low, high = WALL, SIDE - WALL - 1
        for a, b in (((low, high), (low, low)), ((low, low), (high, low)), ((high, low), (high, high)),
                     ((low, high), (high, high))):  # fmt: skip
            self.space.add(physics.Segment(self.space.static_body, a, b, 2))
        self.disc = physics.Body(body_type=physics.Body.KINEMATIC)
        self.disc.position = 256, 400  # where bodies come from decides in which order their contacts are solved
        self.space.add(self.disc, physics.Circle(self.disc, DISC))
        self.block = physics.Body(1, 2 * physics.moment_for_poly(1, BARS[0]))  # as the recorded block has it
        bars = [physics.Poly(self.block, bar) for bar in BARS]
        self.block.center_of_gravity, self.block.position = MIDDLE, (256, 300)
        self.space.add(self.block, *bars)

    def anew(self) -> "Table":
        """Another, at rest."""
        return Table(self.physics)

    def place(self, state: list[float], *, turned_last: bool = False) -> None:
        """Puts disc and block where a state says.

        Args:
            state: x, y of the disc; x, y and angle of the block.
            turned_last: Whether the angle is set after the position, which moves the block, as its first states were
                drawn.
        """
        self.disc.position = state[0], state[1]
        if turned_last:
            self.block.position = state[2], state[3]
        self.block.angle = state[4]
        if not turned_last:
            self.block.position = state[2], state[3]
        self.space.step(TICK)

    def push(self, aim: Point) -> None:
        """A tenth of a second of control toward a point."""
        for _ in range(TICKS):
            (x, y), (u, v) = self.disc.position, self.disc.velocity
            pull = PULL * (aim[0] - x) - BRAKE * u, PULL * (aim[1] - y) - BRAKE * v
            self.disc.velocity = u + pull[0] * TICK, v + pull[1] * TICK
            self.space.step(TICK)

    def pose(self) -> tuple[float, float, float]:
        """x, y and angle of the block."""
        return self.block.position.x, self.block.position.y, self.block.angle

    def seen(self) -> list[float]:
        """What is seen of it."""
        x, y, angle = self.pose()
        return [*self.disc.position, x, y, angle % (2 * math.pi)]

    def covered(self) -> float:
        """The share of the goal that the block covers."""
        if math.dist(self.pose()[:2], GOAL[:2]) > REACH:
            return 0.0
        ours = [_turned(bar, self.pose()) for bar in BARS]
        shared = sum(_area(_common(_turned(bar, GOAL), other)) for bar in BARS for other in ours)
        return shared / sum(_area(bar) for bar in BARS)


class Edge(NamedTuple):
    """A directed edge of a polygon."""

    a: Point
    b: Point

    def side(self, p: Point) -> float:
        """Positive on its left."""
        return (self.b[0] - self.a[0]) * (p[1] - self.a[1]) - (self.b[1] - self.a[1]) * (p[0] - self.a[0])


def _turned(corners: tuple[Point, ...], pose: tuple[float, float, float]) -> list[Point]:
    """Corners of the block in the plane."""
    (x, y, angle) = pose
    c, s = math.cos(angle), math.sin(angle)
    return [(x + c * u - s * v, y + s * u + c * v) for u, v in corners]


def _area(corners: Any) -> float:
    """Of a polygon."""
    edges = zip(corners, [*corners[1:], *corners[:1]], strict=True)
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in edges)) / 2


def _common(one: list[Point], other: list[Point]) -> list[Point]:
    """The corners that two convex polygons, turned the same way round, have in common (Sutherland & Hodgman, 1974)."""
    found = one
    turn = 1.0 if Edge(other[0], other[1]).side(other[2]) > 0 else -1.0
    for a, b in zip(other, other[1:] + other[:1], strict=True):
        edge, kept = Edge(a, b), list[Point]()
        for p, q in zip(found, found[1:] + found[:1], strict=True):
            at, to = turn * edge.side(p), turn * edge.side(q)
            if at >= 0:
                kept.append(p)
            if at * to < 0:
                share = at / (at - to)
                kept.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
        found = kept
    return found


@functools.cache
def _pymunk() -> Any:
    try:
        import pymunk
    except ImportError as error:
        raise ImportError(
            f"pymunk must be installed for pusht, got {error}. Install the extra: pip install 'genzoo[robots]'."
        ) from None
    return pymunk
