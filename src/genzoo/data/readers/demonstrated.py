"""Demonstrations that come with the environments: `fork`, `fork_80`, `circles`, `maze`."""

from genzoo.data.readers.trajectories import ENDS, read_trajectories
from genzoo.data.source import Asked, Source, reader
from genzoo.environments.catalog import DEMONSTRATIONS, demonstrations

__all__ = ["DEMONSTRATIONS", "read_demonstrations"]


@reader("demonstrations", "horizon", "history")
def read_demonstrations(name: str, asked: Asked) -> Source:
    """Windows of an expert's episodes, always the same.

    Args:
        name: Which demonstrations.
        asked: What the user said: `x` and `given` are "action", "state" or, of a maze, "trajectory".
    """
    shown = demonstrations(name)
    arrays = {"action": shown.action.numpy(), "state": shown.state.numpy(), ENDS: shown.ends.numpy()}
    if shown.trajectory is not None:
        arrays["trajectory"] = shown.trajectory.numpy()
    return read_trajectories(name, arrays, asked)
