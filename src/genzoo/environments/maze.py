"""`maze`: a point in a square with walls is to be moved to a goal without touching any.

Experts walk the way that is cheapest under a toll of their own, a smooth random field, so that most goals are reached
by several ways; none ever goes between the corner of the lower left and that of the upper right. A planner who has
seen only them can be asked for such a way all the same: it has to be put together from pieces.

References:
    Janner, Du, Tenenbaum & Levine, 2022, "Planning with diffusion for flexible behavior synthesis", arXiv:2205.09991
    (planning as filling in, in mazes)
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from genzoo.core.noise import Noise
from genzoo.environments.copies import Box, PointEnvironment, Step
from genzoo.environments.demonstrations import Demonstrations, demonstrated
from genzoo.environments.drawing import Canvas

__all__ = ["LAYOUT", "Maze", "Walks", "is_apart"]

LAYOUT = (
    ".....",
    ".#.#.",
    ".#...",
    "...##",
    ".#...",
)  # from above; "#" is a wall
CELLS = len(LAYOUT)
FINE = 6  # nodes of an expert's lattice to a cell
SPEED = 0.03  # of an expert, a step
SIGMA = 0.004  # of an expert's place
MARGIN = 0.05  # between experts' first and last places and walls
REACH = 0.05  # from a goal, that will do
TOLLS = 1.0  # the deviation of the logarithm of an expert's toll


class Walks(NamedTuple):
    """What came of ways that were gone.

    Attributes:
        reached: Which came to the goal.
        touched: Which touched a wall, or left.
        length: How far each went.
    """

    reached: Bool[Tensor, " n"]
    touched: Bool[Tensor, " n"]
    length: Float[Tensor, " n"]


class Maze(PointEnvironment):
    """A point in the unit square that is to come within 0.05 of a goal. Touching a wall, or leaving, ends it.

    Observation: (x, y, goal x, goal y). Action: how far to move, (Δx, Δy). The reward is 1 at the goal.

    Example:
        >>> maze = Maze()
        >>> maze.placed(torch.tensor([[0.05, 0.95]]), torch.tensor([[0.05, 0.85]]))
        tensor([[0.0500, 0.9500, 0.0500, 0.8500]], dtype=torch.float64)
        >>> maze.step(torch.tensor([[0.0, -0.06]])).success.tolist()
        [True]
    """

    name = "maze"
    observed = Box((0.0,) * 4, (1.0,) * 4)
    acted = Box((-0.06, -0.06), (0.06, 0.06))
    limit = 128

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n 4"]:
        return _places(_pairs(), n, noise)

    def placed(self, start: Float[Tensor, "n 2"], goal: Float[Tensor, "n 2"]) -> Float[Tensor, "n 4"]:
        """Copies at the beginning of episodes with chosen ends; what is seen.

        Args:
            start: Where they begin.
            goal: Where they are to go.

        Raises:
            ValueError: If one of the places is in a wall or outside of the square.
        """
        for name, place in (("start", start), ("goal", goal)):
            if not bool((ok := self.is_free(place)).all()):
                bad = place[~ok][0].tolist()
                raise ValueError(f"A {name} must lie between walls, got {bad}. Choose a place that is free.")
        self.n, self.state = len(start), torch.cat([start, goal], 1).double()
        self.clock = torch.zeros(self.n, dtype=torch.int64)
        return self.see()

    def step(self, action: Float[Tensor, "n 2"]) -> Step:
        was, goal = self.state[:, :2], self.state[:, 2:]
        there = (was - goal).square().sum(1).sqrt() < REACH
        now = torch.where((there | ~self.is_free(was))[:, None], was, was + self.acted.clipped(action.double()))
        free = self.is_clear(torch.stack([was, now], 1))
        self.state = torch.cat([torch.where(free[:, None], now, self._inside(was, now)), goal], 1)
        there = free & ((now - goal).square().sum(1).sqrt() < REACH)
        return Step(self.see(), there.double(), there, there | ~free)

    def is_free(self, places: Float[Tensor, "*n 2"]) -> Bool[Tensor, " *n"]:
        """Which places lie between the walls.

        Args:
            places: Points.
        """
        cell = (places.double() * CELLS).floor().long()
        inside = ((cell >= 0) & (cell < CELLS)).all(-1)
        x, y = cell.clamp(0, CELLS - 1).unbind(-1)
        return inside & _free()[y, x]

    def is_clear(self, path: Float[Tensor, "*n T 2"]) -> Bool[Tensor, " *n"]:
        """Which walks touch no wall; between two places they are looked at ten times.

        Args:
            path: Places, one after another.

        Example:
            >>> Maze().is_clear(torch.tensor([[[0.1, 0.9], [0.1, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])).tolist()
            [True, False]
        """
        part = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
        path = path.double()
        between = path[..., :-1, None, :] + part * (path[..., 1:, None, :] - path[..., :-1, None, :])
        return self.is_free(between).flatten(-2).all(-1)

    def walked(self, ways: Float[Tensor, "n T 2"], goal: Float[Tensor, "n 2"]) -> Walks:
        """What comes of going from place to place, each copy from the first of its own.

        Args:
            ways: Places, one after another.
            goal: Where copies are to go.

        Raises:
            ValueError: If a first place or a goal is in a wall.
        """
        self.placed(ways[:, 0], goal)
        reached, touched = (torch.zeros(self.n, dtype=torch.bool) for _ in range(2))
        length = torch.zeros(self.n, dtype=torch.float64)
        for step in range(1, self.limit):
            was = self.state[:, :2]
            found = self.step(ways[:, min(step, ways.shape[1] - 1)].double() - was)
            length += (self.state[:, :2] - was).square().sum(1).sqrt()
            reached, touched = reached | found.success, touched | (found.ended & ~found.success)
        return Walks(reached, touched, length)

    def picture(self, copy: int, size: int = 128) -> Image.Image:
        canvas = self.drawn(size)
        x, y, goal_x, goal_y = self.state[copy].tolist()
        canvas.disc((goal_x, goal_y), REACH, (90, 150, 90))
        canvas.disc((x, y), 0.02, (40, 70, 160))
        return canvas.image

    def drawn(self, size: int) -> Canvas:
        """The walls.

        Args:
            size: The side of the picture, in pixels.
        """
        canvas = Canvas.of((0.0, 0.0), 1.0, size)
        for row, line in enumerate(LAYOUT):
            for column, mark in enumerate(line):
                if mark == "#":
                    x, y = column / CELLS, 1 - (row + 1) / CELLS
                    far = 1 / CELLS
                    canvas.polygon([(x, y), (x + far, y), (x + far, y + far), (x, y + far)], (200, 90, 60))
        return canvas

    def demonstrations(self, n: int, noise: Noise) -> Demonstrations:
        """Episodes of experts; `trajectory` is where they were.

        Args:
            n: Their number.
            noise: Draws their tolls, first places and goals, and what is random in where they step.
        """
        maze, shaken = _Shown(), noise.at("action")
        paths = _walked(maze.start(n, noise.at("start")), _tolls(n, noise.at("toll")))

        def expert(step: int) -> Tensor:
            wanted = paths[:, min(step + 1, paths.shape[1] - 1)]
            return wanted + SIGMA * shaken.tick(step).normal(n, 2, dtype=torch.float64) - maze.state[:, :2]

        found = demonstrated(maze, expert, n, noise.at("start"))
        return found._replace(trajectory=found.state[:, :2])

    def _inside(self, was: Tensor, now: Tensor) -> Tensor:
        """Where a step into a wall ends: in it, and in the square."""
        return self.observed.clipped(torch.cat([now, now], 1))[:, :2]


class _Shown(Maze):
    """The maze as experts are put into it."""

    def start(self, n: int, noise: Noise) -> Float[Tensor, "n 4"]:
        pairs = _pairs()
        middles = (pairs.double() + 0.5) / CELLS
        return _places(pairs[~is_apart(middles[:, :2], middles[:, 2:])], n, noise)


def is_apart(start: Float[Tensor, "n 2"], goal: Float[Tensor, "n 2"]) -> Bool[Tensor, " n"]:
    """Which pairs no demonstration joins: one in the corner of the lower left, the other in that of the upper right.

    Args:
        start: First places.
        goal: Last places.

    Example:
        >>> is_apart(torch.tensor([[0.1, 0.3], [0.9, 0.7]]), torch.tensor([[0.9, 0.9], [0.9, 0.1]])).tolist()
        [True, False]
    """
    below, above = ((place < 0.4).all(1) for place in (start, goal)), ((place > 0.6).all(1) for place in (goal, start))
    return torch.stack([a & b for a, b in zip(below, above, strict=True)]).any(0)


@cache
def _free() -> Bool[Tensor, "cells cells"]:
    """Which cells are no walls: rows from below, then columns."""
    return torch.tensor([[mark == "." for mark in line] for line in reversed(LAYOUT)])


@cache
def _pairs() -> Int[Tensor, "pairs 4"]:
    """Every two different cells between the walls, each as column and row."""
    cells = _free().nonzero().flip(1)
    first, last = (each.flatten(0, 1) for each in torch.broadcast_tensors(cells[:, None], cells[None]))
    return torch.cat([first, last], 1)[(first != last).any(1)]


def _places(pairs: Int[Tensor, "pairs 4"], n: int, noise: Noise) -> Float[Tensor, "n 4"]:
    """First and last places, in cells of a pair, off their edges."""
    cell = pairs[noise.at("cells").integers(len(pairs), n)].double()
    within = MARGIN * CELLS + (1 - 2 * MARGIN * CELLS) * noise.at("within").uniform(n, 4, dtype=torch.float64)
    return (cell + within) / CELLS


def _tolls(n: int, noise: Noise) -> Float[np.ndarray, "n nodes"]:
    """What it costs each expert to be at the nodes of the lattice, smooth."""
    coarse = noise.normal(n, 1, 4, 4)
    side = CELLS * FINE
    fields = interpolate(coarse, (side, side), mode="bicubic", align_corners=True)
    return (TOLLS * fields).exp().flatten(1).double().numpy()


def _walked(ends: Float[Tensor, "n 4"], tolls: Float[np.ndarray, "n nodes"]) -> Float[Tensor, "n T 2"]:
    """Places at equal distances along the cheapest ways, the last repeated."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    side, maze = CELLS * FINE, Maze()
    place = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) + 0.5) / side
    a, b, far = _edges(place, maze)
    steps = []
    node = (ends * CELLS).floor().long() * FINE + ((ends * CELLS).frac() * FINE).long().clamp(2, FINE - 3)
    first, last = node[:, 1] * side + node[:, 0], node[:, 3] * side + node[:, 2]
    for k, toll in enumerate(tolls):
        cost = csr_array((far * (toll[a] + toll[b]), (a, b)), shape=(len(place), len(place)))
        _, before = dijkstra(cost, indices=int(last[k]), return_predecessors=True)
        way = [int(first[k])]
        while way[-1] != int(last[k]):
            way.append(int(before[way[-1]]))
        corners = np.concatenate([ends[k, None, :2], place[way[1:-1]], ends[k, None, 2:]])
        steps.append(_even(_smooth(corners)))
    longest = max(map(len, steps))
    return torch.from_numpy(np.stack([np.pad(one, ((0, longest - len(one)), (0, 0)), mode="edge") for one in steps]))


def _edges(place: np.ndarray, maze: Maze) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbors on the lattice between which no wall is near, and their distances."""
    apart = np.abs(place[:, None] - place[None]).max(2) * CELLS * FINE
    a, b = np.nonzero((apart > 0.5) & (apart < 1.5))
    around = np.stack(np.meshgrid(*[[-MARGIN, 0, MARGIN]] * 2), -1).reshape(1, -1, 2)
    roomy = maze.is_free(torch.from_numpy(place[:, None] + around)).all(1).numpy()
    kept = roomy[a] & roomy[b]
    a, b = a[kept], b[kept]
    return a, b, np.linalg.norm(place[a] - place[b], axis=1)


def _smooth(corners: np.ndarray, passes: int = 4) -> np.ndarray:
    """A line whose inner corners are drawn towards the middle of their neighbors."""
    for _ in range(passes):
        corners[1:-1] = 0.5 * corners[1:-1] + 0.25 * (corners[:-2] + corners[2:])
    return corners


def _even(line: np.ndarray) -> np.ndarray:
    """Places along a line, SPEED apart, its end among them."""
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    marks = np.linspace(0, along[-1], 1 + max(1, round(along[-1] / SPEED)))
    return np.stack([np.interp(marks, along, line[:, axis]) for axis in (0, 1)], 1)
