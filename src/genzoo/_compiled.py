"""Plain loops over NumPy arrays as machine code, where Numba (extra `fast`) is installed and arrays are large.

Nothing is compiled on import and nothing is kept on disk, for a cache there would have to be unpickled: a kernel is
compiled when it is first called, about a second's work, and again in the next process. So small programs never load
Numba, and each kernel has a path beside it that needs none. Where both give the same bits, `once_it_pays` says which
to take; where they agree to rounding, the size of a call must decide, lest numbers depend on what came before.

A kernel sees its arguments and what is written inside it; another that it calls is handed to it, compiled.
"""

import collections
import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["compiled", "is_there", "once_it_pays"]

WORTH = 1.5e9  # nanoseconds: what it takes to load Numba and compile a kernel

_spent: collections.Counter[tuple[Callable[..., Any], str]] = collections.Counter()


@functools.cache
def is_there() -> bool:
    """Whether Numba is installed."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


@functools.cache
def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel as machine code, made when it is first called.

    Args:
        kernel: A function that Numba understands.

    Raises:
        ImportError: If Numba is missing.
    """
    if not is_there():
        raise ImportError("Compiled loops need Numba, which is not installed. Run: pip install 'genzoo[fast]'.")
    import numba

    machine: Callable[..., Any] = numba.njit(nogil=True)(inspect.unwrap(kernel))
    return machine


def once_it_pays(kernel: Callable[..., Any], work: int, kind: object = "") -> Callable[..., Any] | None:
    """The compiled kernel, once the plain path has cost as many nanoseconds as compiling does; until then None.

    So no program takes more than twice the time of the better choice, and small ones never compile.

    Args:
        kernel: A function that Numba understands, and that has a plain path to the same bits.
        work: What this call costs on the plain path, in nanoseconds.
        kind: What the kernel is compiled for anew, as the type of its numbers.
    """
    _spent[kernel, str(kind)] += work
    return compiled(kernel) if _spent[kernel, str(kind)] >= WORTH and is_there() else None
