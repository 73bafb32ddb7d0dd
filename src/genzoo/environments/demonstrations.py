"""Demonstrations: episodes of an expert, end to end."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.environments.copies import Environment

__all__ = ["Demonstrations", "Expert", "demonstrated"]

Expert = Callable[[int], Float[Tensor, "n act"]]


class Demonstrations(NamedTuple):
    """Episodes end to end.

    Attributes:
        state: What was seen before each action.
        action: What was done.
        ends: The number of steps up to the end of each episode.
        trajectory: Where it was, to be planned, where that is less than what was seen.
    """

    state: Float[Tensor, "steps obs"]
    action: Float[Tensor, "steps act"]
    ends: Int[Tensor, " episodes"]
    trajectory: Float[Tensor, "steps place"] | None = None


def demonstrated(environment: Environment, expert: Expert, n: int, noise: Noise) -> Demonstrations:
    """Episodes of an expert, each up to its end.

    Args:
        environment: Where it acts.
        expert: The number of a step to the actions of all copies, which it may look at.
        n: The number of episodes.
        noise: Draws the first states.

    Example:
        >>> from genzoo.environments.fork import Fork
        >>> fork = Fork()
        >>> demonstrated(fork, lambda step: torch.tensor([[0.05, 0.0]]).expand(3, 2), 3, Noise(0)).ends.tolist()
        [4, 8, 12]
    """
    seen = environment.reset(n, noise)
    states, actions, there = list[Tensor](), list[Tensor](), list[Tensor]()
    going = torch.ones(n, dtype=torch.bool)
    for step in range(environment.limit):
        action = environment.acted.clipped(expert(step))
        states.append(seen)
        actions.append(action)
        there.append(going)
        found = environment.step(action)
        seen, going = found.observation, going & ~found.ended
        if not going.any():
            break
    return _end_to_end(torch.stack(states, 1), torch.stack(actions, 1), torch.stack(there, 1))


def _end_to_end(state: Tensor, action: Tensor, there: Bool[Tensor, "n T"]) -> Demonstrations:
    return Demonstrations(state[there].float(), action[there].float(), there.sum(1).cumsum(0))
