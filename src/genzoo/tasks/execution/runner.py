"""What runs a program: the text of this file is run by a fresh interpreter, inside what `guard` has closed around it.

It is told a program, the name of a function and the arguments of some calls, and tells what each call gives as plain
data. It knows nothing of what is expected: whoever asked compares, so there is no verdict here that a program could
forge. Nothing but the standard library may be imported.
"""

import json
import os
import sys
from typing import Any

__all__ = ["RESULTS", "decoded", "encoded", "main"]

RESULTS = 3  # the descriptor that results are written to
SHOWN = 200  # characters of an error that are told


def encoded(value: Any) -> Any:
    """A value as JSON that tells lists from tuples and integers from truth values.

    Args:
        value: None, a truth value, a number, a string, or a list, tuple, set or dictionary of such.

    Raises:
        TypeError: If it is anything else, a subclass of these included.

    Example:
        >>> encoded((1, [True, "a"], {2: 0.5}))
        {'tuple': [1, [True, 'a'], {'dict': [[2, {'float': '0.5'}]]}]}
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return {"float": repr(value)}
    if kind is list:
        return [encoded(each) for each in value]
    if kind is tuple:
        return {"tuple": [encoded(each) for each in value]}
    if kind in (set, frozenset):
        return {"set": [encoded(each) for each in value]}
    if kind is dict:
        return {"dict": [[encoded(key), encoded(each)] for key, each in value.items()]}
    raise TypeError(f"A result must be plain data, got {kind.__name__}. Return numbers, strings, lists or the like.")


def decoded(found: Any) -> Any:
    """The value that `encoded` spelled.

    Args:
        found: What JSON held.

    Raises:
        ValueError: If it spells nothing.

    Example:
        >>> decoded(encoded((1, {2: {3}})))
        (1, {2: {3}})
    """
    if isinstance(found, list):
        return [decoded(each) for each in found]
    if not isinstance(found, dict):
        return found
    match list(found.items()):
        case [("float", str(text))]:
            return float(text)
        case [("tuple", list(parts))]:
            return tuple(decoded(each) for each in parts)
        case [("set", list(parts))]:
            return {decoded(each) for each in parts}
        case [("dict", list(pairs))] if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            return {decoded(key): decoded(each) for key, each in pairs}
    raise ValueError(f"A value must be spelled as `encoded` does, got {str(found)[:SHOWN]}. Encode it again.")


def main() -> None:
    """Reads what to run, runs it, and writes what came out."""
    asked = json.load(sys.stdin)
    told = json.dumps(_answered(asked["program"], asked["entry"], asked["calls"])).encode()
    while told:
        told = told[os.write(RESULTS, told) :]
    os._exit(0)  # threads and handlers that the program left have no turn


def _answered(program: str, entry: str, calls: list[Any]) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "program"}
    try:
        exec(compile(program, "<program>", "exec"), space)
        function = space[entry]
    except BaseException as problem:  # SystemExit is one
        return {"failed": _said(problem)}
    return {"results": [_called(function, arguments) for arguments in calls]}


def _called(function: Any, arguments: Any) -> dict[str, Any]:
    try:
        value = encoded(function(*decoded(arguments)))
        json.dumps(value)  # whole numbers can be too long to be written
        return {"value": value}
    except BaseException as problem:
        return {"error": _said(problem)}


def _said(problem: BaseException) -> str:
    try:
        return f"{type(problem).__name__}: {problem}"[:SHOWN]
    except BaseException:  # its own words may raise, too
        return type(problem).__name__


if __name__ == "__main__":
    main()
