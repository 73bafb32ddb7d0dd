"""Plain loops over NumPy arrays, compiled where Numba (extra `fast`) is installed."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["compiled"]


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function as machine code, or None without Numba.

    It is compiled when it is first called, about a second's work, and again in the next process: a cache on disk would
    have to be unpickled. So call it for large arrays only, and keep a path without it that gives the same numbers.
    """
    try:
        import numba
    except ImportError:
        return None
    machine: Callable[..., Any] = numba.njit(nogil=True)(inspect.unwrap(function))
    return machine
