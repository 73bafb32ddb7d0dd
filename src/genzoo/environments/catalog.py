"""Environments by name, and the demonstrations that come with them."""

from collections.abc import Callable

from genzoo.core.errors import DataError, nearest
from genzoo.core.noise import Noise
from genzoo.environments.circles import Circles
from genzoo.environments.copies import Environment
from genzoo.environments.demonstrations import Demonstrations
from genzoo.environments.fork import Fork
from genzoo.environments.maze import Maze
from genzoo.environments.pusht import PushT

__all__ = ["DEMONSTRATIONS", "ENVIRONMENTS", "demonstrations", "environment"]

ENVIRONMENTS: dict[str, Callable[[], Environment]] = {"fork": Fork, "circles": Circles, "maze": Maze, "pusht": PushT}

DEMONSTRATIONS: dict[str, Callable[[Noise], Demonstrations]] = {
    "fork": lambda noise: Fork().demonstrations(2000, noise),
    "fork_80": lambda noise: Fork(left=0.8).demonstrations(2000, noise),
    "circles": lambda noise: Circles().demonstrations(300, noise),
    "maze": lambda noise: Maze().demonstrations(2000, noise),
}


def environment(name: str) -> Environment:
    """The environment of a name.

    Args:
        name: One of `ENVIRONMENTS`.

    Raises:
        DataError: If there is none.

    Example:
        >>> environment("fork").observed.dims
        2
    """
    if name not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise DataError(f"An environment must be one of {known}, got {name!r}. {nearest(name, ENVIRONMENTS)}")
    return ENVIRONMENTS[name]()


def demonstrations(name: str) -> Demonstrations:
    """Episodes of experts, always the same.

    Args:
        name: One of `DEMONSTRATIONS`.

    Example:
        >>> len(demonstrations("fork").ends)
        2000
    """
    return DEMONSTRATIONS[name](Noise(0, "demonstrations", name))
