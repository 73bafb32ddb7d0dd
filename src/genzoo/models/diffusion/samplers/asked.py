"""What may be asked of a sampler for one call."""

import dataclasses
from typing import Any, TypedDict

from genzoo.models.diffusion.samplers.grids import Grid
from genzoo.models.diffusion.samplers.named import sampler_named
from genzoo.models.diffusion.samplers.sampler import Sampler

__all__ = ["Asked", "chosen"]


class Asked(TypedDict, total=False):
    """How steps are taken.

    Attributes:
        steps: The sampler's steps.
        calls: The calls of the network that they may cost, where no steps are named.
        sampler: A sampler, or its name.
        grid: Where the steps stop, a function or its name.
    """

    steps: int | None
    calls: int | None
    sampler: Sampler | str | None
    grid: Grid | str | None


def chosen(usual: Sampler, asked: Asked) -> Sampler:
    """The sampler that is asked for.

    Args:
        usual: The one to take if no other is named.
        asked: What is asked.

    Raises:
        ValueError: If there is none of that name, or it cannot be as asked.

    Example:
        >>> from genzoo.models.diffusion import DDIM
        >>> chosen(DDIM(), {"sampler": "heun", "calls": 20}).steps
        10
    """
    named = asked.get("sampler")
    sampler = sampler_named(named) if isinstance(named, str) else named or usual
    steps, calls = asked.get("steps"), asked.get("calls")
    changes: dict[str, Any] = {} if steps is None else {"steps": steps}
    if calls is not None and steps is None:
        changes["steps"] = max(1, calls // sampler.calls)
    if asked.get("grid") is not None:
        changes["grid"] = asked["grid"]
    return dataclasses.replace(sampler, **changes)
