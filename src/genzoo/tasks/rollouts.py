"""Rollouts: a model of actions given observations, acting in an environment.

A policy is p(next H actions | last h observations), whatever model says it. It acts by receding horizon: of the H
actions that it draws, the first E are carried out, then it looks again,

$$ a_{t : t + H} \\sim p(\\cdot \\mid o_{t - h + 1}, …, o_t), \\qquad t = 0, E, 2E, …. $$

Copies of the environment act side by side, always as many at a time as make one block, so that what happens in
episode i depends on (seed, i) alone: 50 episodes are the first 50 of 200, to the bit.

References:
    Chi et al., 2023, "Diffusion policy: visuomotor policy learning via action diffusion", arXiv:2303.04137
"""

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn

from genzoo.core.given import Given, GivenSpace
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.environments.copies import Environment

__all__ = ["NearestNeighbor", "Policy", "Rollouts", "refuse_other_spaces", "rollout"]

BLOCK = 64  # episodes that act together: one shape of every product of matrices, whatever the number of episodes
EXECUTED = 8  # of a policy's actions, by default


class Policy:
    """A model of windows of actions given windows of observations, in an environment that it fits.

    Args:
        model: Over (H, actions), given (h, observations).
        environment: Where it is to act.
        execute: How many actions are carried out before it looks again; by default half of H, at most 8.
        options: Of the model's sampling.

    Raises:
        ValueError: If the spaces of the two differ.
    """

    def __init__(
        self,
        model: GenerativeModel,
        environment: Environment,
        *,
        execute: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        refuse_other_spaces(model.space, model.given_space, environment)
        (seen,) = model.given_space.values()
        self.horizon, self.history = model.space.shape[0], seen.shape[0]
        self.execute = max(1, min(self.horizon // 2, EXECUTED)) if execute is None else execute
        if not 1 <= self.execute <= self.horizon:
            raise ValueError(f"A policy of {self.horizon} actions carries out 1 to {self.horizon}, got {execute}.")
        self.model, self.environment, self.options = model, environment, dict(options or {})

    def actions(
        self, seen: Float[Tensor, "n history obs"], seed: int, step: int, first: int = 0
    ) -> Float[Tensor, "n execute act"]:
        """What is to be done from a step on in some episodes, the first of which has a number.

        Args:
            seen: The last observations.
            seed: Of the rollout.
            step: The number of steps made.
            first: The number of the first episode.
        """
        n, rows = len(seen), seen.to(self.model.device, self.model.dtype)
        rows = torch.cat([rows, rows[:1].expand(-n % BLOCK, -1, -1)])
        key = Noise(seed, "decision", step).key
        drawn = self.model.sample(len(rows), rows, seed=key, start=first, **self.options)
        return drawn[:n, : self.execute].double().cpu()


def refuse_other_spaces(space: Space, given_space: GivenSpace, environment: Environment) -> None:
    """Raises where rows are no windows of an environment's actions given windows of its observations.

    Args:
        space: What one x is.
        given_space: What it is given.
        environment: Where a policy is to act.

    Raises:
        ValueError: If the spaces differ.
    """
    shapes = [each.shape for each in given_space.values()]
    wanted = (f"x = (actions, {environment.acted.dims})", f"given = (observations, {environment.observed.dims})")
    seen = shapes[0] if len(shapes) == 1 else ()
    fits = len(space.shape) == 2 and space.shape[1] == environment.acted.dims
    if not fits or len(seen) != 2 or seen[1] != environment.observed.dims:
        raise ValueError(
            f"A policy in {environment.name} must have {' and '.join(wanted)}, got x = {space.shape} and "
            f"given = {', '.join(map(str, shapes)) or 'nothing'}. Train on demonstrations of {environment.name}, "
            "or name the environment of the run's data."
        )


class NearestNeighbor(GenerativeModel):
    """What was done where the most similar observations were seen: the control that a policy has to beat.

    Similar is near in units of each entry's deviation. It draws nothing.

    Args:
        x: Windows of actions.
        given: The windows of observations before them, one per row of x.

    Example:
        >>> model = NearestNeighbor(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [9.0]]))
        >>> model.sample(2, torch.tensor([[8.0], [1.0]]), seed=0)
        tensor([[2.],
                [1.]])
    """

    unit: Tensor
    x: Tensor
    seen: Tensor

    def __init__(self, x: Float[Tensor, "n *event"], given: Float[Tensor, "n *seen"]) -> None:
        super().__init__(Space(tuple(x.shape[1:])), Space(tuple(given.shape[1:])))
        flat = given.flatten(1).double()
        std = flat.std(0)
        self.register_buffer("unit", torch.where(std > 0, std, 1.0))
        self.register_buffer("x", x)
        self.register_buffer("seen", flat / self.unit)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        (rows,) = given.values()
        return self.x[torch.cdist(rows.flatten(1).double() / self.unit, self.seen).argmin(1)]


@dataclass(frozen=True)
class Rollouts:
    """What came of some episodes.

    Attributes:
        best: The largest reward of a step of each episode.
        total: The sum of the rewards.
        success: Whether each ended well.
        steps: How long each was.
        way: The way that each went, or −1.
        clipped: The share of executed actions that lay outside the box and were moved into it.
        decisions: How often the policy looked, over all episodes.
        calls: How often the network ran for a decision.
        milliseconds: The time of a decision, those of a block side by side.
        alone: The time of a decision of a single episode, in milliseconds.
        film: Pictures of the first episodes, (episodes, T, 3, H, W), where they were asked for.
    """

    best: Float[Tensor, " n"]
    total: Float[Tensor, " n"]
    success: Bool[Tensor, " n"]
    steps: Int[Tensor, " n"]
    way: Int[Tensor, " n"]
    clipped: float
    decisions: int
    calls: int
    milliseconds: float
    alone: float
    film: UInt8[Tensor, "k T 3 H W"] | None = field(default=None, repr=False)

    def mean(self, name: str) -> tuple[float, float]:
        """The mean of a value of episodes, and its standard error.

        Args:
            name: "best", "total", "success" or "steps".

        Example:
            >>> ones = torch.ones(4)
            >>> found = Rollouts(ones, ones, torch.tensor([True, True, False, False]), ones.long(), -ones.long(),
            ...                  0.0, 4, 1, 0.1, 0.1)
            >>> found.mean("success")
            (0.5, 0.28867513459481287)
        """
        values = getattr(self, name).double()
        spread = float(values.std()) if len(values) > 1 else math.nan
        return float(values.mean()), spread / math.sqrt(len(values))

    def ways(self, names: tuple[str, ...]) -> dict[str, float]:
        """The share of each way among the episodes that went one."""
        went = Counter(self.way[self.way >= 0].tolist())
        return {name: went[k] / max(1, sum(went.values())) for k, name in enumerate(names)}


def rollout(policy: Policy, n: int, *, seed: int = 0, film: int = 0) -> Rollouts:
    """Episodes of a policy.

    Args:
        policy: Who acts, and where.
        n: The number of episodes.
        seed: Names the first states and the policy's noise; episode i depends on it and on i.
        film: Of how many episodes pictures are kept.

    Raises:
        ValueError: If n is not positive, or an observation is not finite.

    Example:
        >>> from genzoo.environments import environment
        >>> from genzoo.core import Space
        >>> class Ahead(GenerativeModel):
        ...     def draw(self, n, given, noise):
        ...         return torch.tensor([0.06, 0.0]).expand(n, 16, 2)
        >>> found = rollout(Policy(Ahead(Space((16, 2)), Space((2, 2))), environment("fork")), 3)
        >>> found.mean("success"), found.steps.tolist()
        ((0.0, 0.0), [3, 3, 3])
    """
    if n < 1:
        raise ValueError(f"The number of episodes must be positive, got {n}. Ask for one or more.")
    parts = []
    for first in range(0, n, BLOCK):
        acting = Acting(policy, first, min(BLOCK, n - first), seed, max(0, film - first))
        parts.append(acting.all_steps())
    joined = {name: torch.cat([part[name] for part in parts]) for name in ("best", "total", "success", "steps", "way")}
    sums = {name: sum(part[name] for part in parts) for name in ("outside", "done", "decisions", "rounds", "seconds")}
    frames = [frame for part in parts for frame in part["frames"]]
    return Rollouts(
        **joined,
        clipped=sums["outside"] / max(1, sums["done"]),
        decisions=sums["decisions"],
        calls=parts[0]["calls"],
        milliseconds=1000 * sums["seconds"] / max(1, sums["rounds"]),
        alone=_alone(policy),
        film=_as_film(frames) if frames else None,
    )


class Acting:
    """Some episodes that act together.

    Args:
        policy: Who acts.
        first: The number of the first episode.
        n: How many there are.
        seed: Of the rollout.
        film: Of how many of them pictures are kept.
    """

    def __init__(self, policy: Policy, first: int, n: int, seed: int, film: int) -> None:
        self.policy, self.first, self.n, self.seed = policy, first, n, seed
        seen = policy.environment.reset(n, Noise(seed, "episode", start=first))
        self.seen = self._checked(seen, 0)[:, None].repeat(1, policy.history, 1)
        self.going = torch.ones(n, dtype=torch.bool)
        self.best, self.total = torch.full((n,), -math.inf).double(), torch.zeros(n).double()
        self.success, self.steps = torch.zeros(n, dtype=torch.bool), torch.zeros(n, dtype=torch.int64)
        self.frames: list[list[np.ndarray]] = [[] for _ in range(min(film, n))]
        self.sums = Counter[str]()
        self._look()

    def all_steps(self) -> dict[str, Any]:
        """Acts to the end of all episodes; what came of them."""
        step, calls, seconds = 0, 0, 0.0
        while bool(self.going.any()) and step < self.policy.environment.limit:
            began = time.perf_counter()
            with Calls(self.policy.model) if step == 0 else Calls() as counted:
                actions = self.policy.actions(self.seen, self.seed, step, self.first)
            calls, seconds = calls or counted.most, seconds + time.perf_counter() - began
            self.sums += Counter(decisions=int(self.going.sum()), rounds=1)
            for action in actions.unbind(1):
                if bool(self.going.any()) and step < self.policy.environment.limit:
                    self._act(action, step := step + 1)
        way = self.policy.environment.way()
        told = {"best": self.best, "total": self.total, "success": self.success, "steps": self.steps, "way": way}
        sums = {name: self.sums[name] for name in ("outside", "done", "decisions", "rounds")}
        return told | sums | {"calls": calls, "seconds": seconds, "frames": self.frames}

    def _act(self, action: Float[Tensor, "n act"], step: int) -> None:
        environment, going = self.policy.environment, self.going
        inside = environment.acted.clipped(action)
        self.sums += Counter(outside=int((inside != action)[going].any(1).sum()), done=int(going.sum()))
        found = environment.step(inside)
        seen = self._checked(found.observation, step)
        self.seen = torch.cat([self.seen[:, 1:], seen[:, None]], 1)
        self.best = torch.where(going, self.best.maximum(found.reward), self.best)
        self.total = torch.where(going, self.total + found.reward, self.total)
        self.success, self.steps = self.success | (found.success & going), self.steps + going
        self.going = going & ~found.ended
        self._look()

    def _look(self) -> None:
        for copy, frames in enumerate(self.frames):
            if self.going[copy] or not frames or self.steps[copy] == len(frames):
                frames.append(np.asarray(self.policy.environment.picture(copy)))

    def _checked(self, seen: Float[Tensor, "n obs"], step: int) -> Float[Tensor, "n obs"]:
        if bool(seen.isfinite().all()):
            return seen
        copy, entry = (~seen.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"Observations must be finite, got {seen[copy, entry].item()} in entry {entry} of episode "
            f"{self.first + copy} after {step} steps of {self.policy.environment.name}. Mend the environment."
        )


class Calls:
    """Counts how often the part of a model that is asked most is asked, while it is entered.

    Args:
        model: The model; None: nothing is counted.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> with Calls(net) as calls:
        ...     y = net(net(torch.zeros(1)))
        >>> calls.most
        2
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        self.model, self.counts = model, Counter[int]()

    def __enter__(self) -> "Calls":
        parts = (
            [] if self.model is None else [m for m in self.model.modules() if any(True for _ in m.parameters(False))]
        )
        self.hooks = [part.register_forward_hook(self._count) for part in parts]
        return self

    def __exit__(self, *error: object) -> None:
        for hook in self.hooks:
            hook.remove()

    @property
    def most(self) -> int:
        """The largest count."""
        return max(self.counts.values(), default=0)

    def _count(self, part: nn.Module, *_: object) -> None:
        self.counts[id(part)] += 1


def _alone(policy: Policy, tries: int = 3) -> float:
    """The time of a decision of a single episode, in milliseconds, the least of some tries."""
    model, seen = policy.model, torch.zeros(1, policy.history, policy.environment.observed.dims)
    rows = seen.to(model.device, model.dtype)
    return 1000 * min(_timed(lambda: model.sample(1, rows, seed=0, **policy.options)) for _ in range(tries))


def _timed(make: Any) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def _as_film(frames: list[list[np.ndarray]]) -> UInt8[Tensor, "k T 3 H W"]:
    """Films of one length, the last picture of each standing to the end."""
    longest = max(map(len, frames))
    held = [np.stack([*film, *[film[-1]] * (longest - len(film))]) for film in frames]
    return torch.from_numpy(np.stack(held)).permute(0, 1, 4, 2, 3).contiguous()
