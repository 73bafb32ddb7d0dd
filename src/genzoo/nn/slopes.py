"""Derivatives along a direction, taken on the way forward: of a time, at the cost of one pass more."""

import functools
import warnings
from collections.abc import Callable
from contextvars import ContextVar

import torch
from torch import Tensor
from torch.func import jvp

__all__ = ["along", "on_the_way"]

_ON_THE_WAY: ContextVar[bool] = ContextVar("on_the_way", default=False)


def along(
    function: Callable[..., tuple[Tensor, ...]], at: tuple[Tensor, ...], direction: tuple[Tensor, ...]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """A function's values and their slopes along a direction, in one pass forward.

    It runs in the precision of its parameters, for torch's rules of convolutions do not mix precisions.

    Args:
        function: The function, of as many tensors.
        at: Where.
        direction: In which direction, each of the shape of its place.

    Example:
        >>> along(lambda x: (x**2,), (torch.tensor(3.0),), (torch.tensor(1.0),))
        ((tensor(9.),), (tensor(6.),))
    """
    _load()
    token = _ON_THE_WAY.set(True)
    try:
        with torch.autocast(at[0].device.type, enabled=False):
            values, slopes = jvp(function, at, direction)[:2]
    finally:
        _ON_THE_WAY.reset(token)
    return values, slopes


def on_the_way() -> bool:
    """Whether a derivative is being taken on the way forward: torch's rule for group normalization then wants rows
    laid out in order.

    Example:
        >>> on_the_way()
        False
    """
    return _ON_THE_WAY.get()


@functools.cache
def _load() -> None:
    """Loads torch's rules, which it compiles when they are first asked for, by a way of its own that it warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))
