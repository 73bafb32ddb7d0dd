"""Whether something has all that a protocol names.

From Python 3.12 on `isinstance` looks at what stands in an object alone, and past `__getattr__`, by which a torch
module has its parts, parameters and buffers: to it no module has any.
"""

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["first_like", "is_like"]

T = TypeVar("T")


def is_like(thing: object, protocol: type[T]) -> "TypeIs[T]":
    """Whether a thing has all that a protocol names.

    Args:
        thing: Anything.
        protocol: A protocol.

    Example:
        >>> import torch
        >>> class Scaled(Protocol):
        ...     scale: torch.Tensor
        >>> module = torch.nn.Module()
        >>> is_like(module, Scaled)
        False
        >>> module.register_buffer("scale", torch.ones(2))
        >>> is_like(module, Scaled)
        True
    """
    return all(hasattr(thing, name) for name in _names(protocol))  # type: ignore[arg-type] # types can be hashed


def first_like(things: Iterable[object], protocol: type[T]) -> T | None:
    """The first of some things that has all that a protocol names, if there is one.

    Args:
        things: Anything.
        protocol: A protocol.
    """
    return next((thing for thing in things if is_like(thing, protocol)), None)


@functools.cache
def _names(protocol: type) -> frozenset[str]:
    """What a protocol and those that it extends name."""
    bodies = [vars(base) for base in protocol.__mro__ if base not in (Protocol, Generic, object)]
    every = {name for body in bodies for name in (*body, *body.get("__annotations__", ()))}
    return frozenset(name for name in every if not name.startswith("_") or name in ("__call__", "__len__"))
