"""Types and shapes of every call in the package are checked by beartype; here it is spared what it did before."""

from collections.abc import Callable
from typing import Annotated, Any

import jaxtyping
from beartype import beartype
from beartype.vale import Is

from genzoo._like import is_like

OFTEN = 3  # calls of one function that are checked in a test

_checkers: dict[object, Callable[..., Any]] = {}
_left = [0]
_test = [0]


def begin(calls: int) -> None:
    """So many of the first calls of the next test are checked; by then what comes has come before."""
    _left[0] = calls
    _test[0] += 1
    jaxtyping.config.update("jaxtyping_disable", not calls)


def _count() -> None:
    _left[0] -= 1
    if not _left[0]:
        jaxtyping.config.update("jaxtyping_disable", True)


def checked(stub: Callable[..., Any]) -> Callable[..., Any]:
    """The checker of a function's arguments, or of what it returns: jaxtyping asks for one and then the other.

    Sizes that arguments have bound are still known when the result is checked, so arguments are checked once. A
    checker takes a millisecond to write, so it is written when it is first called, and once for a function that is
    made anew at each call of the one around it.
    """
    if stub.__annotations__.get("return", Any) is not Any:
        stub.__annotations__ = {"return": stub.__annotations__["return"]}
    checker: Callable[..., Any] | None = None
    test = times = 0

    def check(*args: Any, **kwargs: Any) -> Any:
        nonlocal checker, test, times
        test, times = _test[0], 1 + times * (test == _test[0])
        _count()
        if times > OFTEN:
            return None
        checker = checker or _written(stub)
        return checker(*args, **kwargs)

    return check


def _written(stub: Callable[..., Any]) -> Callable[..., Any]:
    key = stub.__module__, stub.__qualname__, stub.__code__, repr(stub.__annotations__)
    if key not in _checkers:
        stub.__annotations__ = {name: _asked(hint) for name, hint in stub.__annotations__.items()}
        _checkers[key] = beartype(stub)
    return _checkers[key]


def _asked(hint: Any) -> Any:
    """A protocol as what has all that it names: `isinstance` would not see the parts of a module."""
    is_protocol = isinstance(hint, type) and getattr(hint, "_is_protocol", False)
    return Annotated[object, Is[lambda thing: is_like(thing, hint)]] if is_protocol else hint
