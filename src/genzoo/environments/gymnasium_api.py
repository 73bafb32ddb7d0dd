"""Environments through the interface of Gymnasium (extra `robots`): one copy, or many side by side.

Gymnasium's seed makes its generator; a number from it names our noise. So a seed fixes an episode, as its users
expect, and nothing here draws from anywhere else.
"""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.environments.copies import Box, Environment

if TYPE_CHECKING:
    import gymnasium

__all__ = ["as_gymnasium", "as_vector"]

LARGEST = 1 << 31  # of the numbers that name our noise


def as_gymnasium(environment: Environment) -> "gymnasium.Env[Any, Any]":
    """An environment as one of Gymnasium's.

    Args:
        environment: Ours; it becomes one copy.

    Raises:
        ImportError: If Gymnasium is not installed.

    Example:
        >>> from genzoo.environments import Fork
        >>> env = as_gymnasium(Fork())  # doctest: +SKIP
        >>> observation, info = env.reset(seed=0)  # doctest: +SKIP
    """
    made: gymnasium.Env[Any, Any] = _single()(environment)
    return made


def as_vector(environment: Environment, n: int) -> "gymnasium.vector.VectorEnv[Any, Any, Any]":
    """n copies as a vector environment of Gymnasium; an episode that ended begins anew at the next step.

    Args:
        environment: Ours.
        n: The number of copies.

    Raises:
        ImportError: If Gymnasium is not installed.

    Example:
        >>> from genzoo.environments import Fork
        >>> envs = as_vector(Fork(), 5)  # doctest: +SKIP
        >>> observations, info = envs.reset(seed=0)  # doctest: +SKIP
    """
    made: gymnasium.vector.VectorEnv[Any, Any, Any] = _many()(environment, n)
    return made


def _gymnasium() -> Any:
    """The package, which may not be there."""
    try:
        import gymnasium
    except ImportError as error:
        raise ImportError(
            f"Gymnasium must be installed for its interface, got {error}. Install the extra: pip install "
            "'genzoo[robots]'."
        ) from None
    return gymnasium


def _space(box: Box, n: int | None = None) -> Any:
    sides = (np.asarray(side, np.float32) for side in box)
    return _gymnasium().spaces.Box(*(side if n is None else np.tile(side, (n, 1)) for side in sides))


def _array(rows: Tensor) -> np.ndarray:
    return rows.numpy().astype(np.float32)


@functools.cache
def _single() -> Any:
    """The class of one copy, made where it is asked for, since what it stands on may not be there."""
    gymnasium = _gymnasium()

    class Single(gymnasium.Env):  # type: ignore[name-defined]
        """One copy."""

        metadata = {"render_modes": ["rgb_array"], "render_fps": 10}
        render_mode = "rgb_array"

        def __init__(self, environment: Environment) -> None:
            self.environment, self.steps = environment, 0
            self.observation_space, self.action_space = _space(environment.observed), _space(environment.acted)

        def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
            super().reset(seed=seed)
            self.steps = 0
            seen = self.environment.reset(1, Noise(int(self.np_random.integers(LARGEST)), "episode"))
            return _array(seen)[0], {}

        def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
            row = torch.as_tensor(np.asarray(action, np.float64))[None]
            found = self.environment.step(self.environment.acted.clipped(row))
            self.steps += 1
            late = self.steps >= self.environment.limit and not bool(found.ended[0])
            told = {"is_success": bool(found.success[0])}
            return _array(found.observation)[0], float(found.reward[0]), bool(found.ended[0]), late, told

        def render(self) -> Any:
            return np.asarray(self.environment.picture(0))

    return Single


@functools.cache
def _many() -> Any:
    """The class of copies side by side, likewise."""
    gymnasium = _gymnasium()

    class Many(gymnasium.vector.VectorEnv):  # type: ignore[name-defined]
        """Copies side by side."""

        metadata = {"autoreset_mode": gymnasium.vector.AutoresetMode.NEXT_STEP}

        def __init__(self, environment: Environment, n: int) -> None:
            self.environment, self.num_envs = environment, n
            self.single_observation_space, self.single_action_space = (
                _space(environment.observed), _space(environment.acted)
            )  # fmt: skip
            self.observation_space, self.action_space = _space(environment.observed, n), _space(environment.acted, n)

        def reset(self, *, seed: Any = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
            if seed is not None:
                super().reset(seed=seed)
            self.over, self.steps = torch.zeros(self.num_envs, dtype=torch.bool), torch.zeros(self.num_envs)
            return _array(self.environment.reset(self.num_envs, self._noise())), {}

        def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
            anew = self.over
            rows = torch.as_tensor(np.asarray(actions, np.float64))
            found = self.environment.step(self.environment.acted.clipped(rows))
            seen = self.environment.again(anew, self._noise()) if bool(anew.any()) else found.observation
            self.steps = (self.steps + 1).masked_fill(anew, 0)
            ended = found.ended & ~anew
            late = (self.steps >= self.environment.limit) & ~ended & ~anew
            self.over = ended | late
            reward = found.reward.masked_fill(anew, 0.0).numpy()
            told = {"is_success": (found.success & ~anew).numpy()}
            return _array(seen), reward, ended.numpy(), late.numpy(), told

        def _noise(self) -> Noise:
            return Noise(int(self.np_random.integers(LARGEST)), "episode")

    return Many
