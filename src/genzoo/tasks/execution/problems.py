"""Problems with tests, and whether a program solves them.

Tests that are values, calls and what they give, are compared here. Tests that are code, as `assert candidate(3) == 4`,
must not run beside what they test: a program could patch what they compare with. So they are run twice without it.
First with the reference in its place, which tells the calls; then the program answers these calls, as plain data, in a
process of its own; and the tests are run again on its answers, which by then are data and can do nothing.
"""

import ast
import dataclasses
from collections.abc import Sequence
from typing import Any

from genzoo.tasks.execution.running import Limits, Outcome, execute

__all__ = ["Judged", "Problem", "judged", "parsed_tests", "recorded"]

RECORDING = """
{reference}
__entry = {entry}
{check}
import copy, random
random.seed(0)
__calls = []
def candidate(*arguments):
    __calls.append(copy.deepcopy(arguments))
    return __entry(*arguments)
check(candidate)
def calls(): return __calls
"""
REPLAY = """
{check}
import random
random.seed(0)
__answers = iter({answers})
def candidate(*arguments): return next(__answers)
check(candidate)
def verdict(): return True
"""


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is asked, and how it is judged.

    Attributes:
        name: What it is called.
        prompt: What a program begins with: signature and docstring.
        entry: The function that is called.
        calls: The arguments of each call.
        expected: What each call must give; empty where `check` says.
        check: Code that defines `check(candidate)`, which raises for what is wrong; empty where values say.
    """

    name: str
    prompt: str
    entry: str
    calls: tuple[tuple[Any, ...], ...]
    expected: tuple[Any, ...] = ()
    check: str = ""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What became of a program.

    Attributes:
        passed: Whether it gives what it must.
        outcome: How it ended.
    """

    passed: bool
    outcome: Outcome


def recorded(
    name: str, prompt: str, entry: str, reference: str, check: str, *, allow_running_code: bool = False
) -> Problem | None:
    """A problem whose tests are code, with the calls that they make of the reference; None where the reference does
    not pass them, or is called with what is no plain data.

    Args:
        name: What it is called.
        prompt: What a program begins with.
        entry: The function that is called.
        reference: A program that is right.
        check: Code that defines `check(candidate)`.
        allow_running_code: Whether reference and tests may run.

    Example:
        >>> check = "def check(candidate): assert candidate(2) == 4"
        >>> found = recorded("double", "", "f", "def f(x): return 2 * x", check, allow_running_code=True)
        >>> found.calls, judged(found, "def f(x): return x ** 2", allow_running_code=True).passed
        (((2,),), True)
    """
    text = RECORDING.format(reference=reference, entry=entry, check=check)
    outcome = execute(text, "calls", [()], allow_running_code=allow_running_code)
    if outcome.how != "finished" or "value" not in outcome.results[0]:
        return None
    calls = tuple(outcome.results[0]["value"])
    return Problem(name, prompt, entry, calls, check=f"{reference}\n{check}")  # which may call what stands beside it


def judged(
    problem: Problem, program: str, *, allow_running_code: bool = False, limits: Limits | None = None
) -> Judged:
    """Whether a program solves a problem.

    Args:
        problem: The problem.
        program: The whole program.
        allow_running_code: Whether it may run.
        limits: What it may take; by default as `Limits` has it.

    Example:
        >>> problem = Problem("next", "def f(x):", "f", ((1,), (2,)), (2, 3))
        >>> judged(problem, "def f(x): return x + 1", allow_running_code=True).passed
        True
    """
    outcome = execute(program, problem.entry, problem.calls, allow_running_code=allow_running_code, limits=limits)
    if not problem.check:
        return Judged(outcome.gives(problem.expected), outcome)
    answers = _answers(outcome)
    if answers is None or len(answers) != len(problem.calls):
        return Judged(False, outcome)
    replay = REPLAY.format(answers=_spelled(answers), check=problem.check)
    return Judged(execute(replay, "verdict", [()], allow_running_code=allow_running_code).gives([True]), outcome)


def parsed_tests(words: Sequence[str], entry: str) -> tuple[tuple[tuple[Any, ...], ...], tuple[Any, ...]]:
    """Tests as Python writes them: the arguments of each call, and what each must give.

    Args:
        words: Comparisons, as `f([1, 2]) == 3`.
        entry: The function that they call.

    Raises:
        ValueError: If one is no call of the function with plain data, compared with plain data.

    Example:
        >>> parsed_tests(["f([1, 2]) == 3"], "f")
        ((([1, 2],),), (3,))
    """
    found = [_test_in(each, entry) for each in words]
    return tuple(calls for calls, _ in found), tuple(expected for _, expected in found)


def _test_in(words: str, entry: str) -> tuple[tuple[Any, ...], Any]:
    try:
        match ast.parse(words.strip(), mode="eval").body:
            case ast.Compare(
                left=ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]), ops=[ast.Eq()], comparators=[right]
            ) if name == entry:
                return tuple(ast.literal_eval(each) for each in arguments), ast.literal_eval(right)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    raise ValueError(f"A test must compare a call with plain data, got {words!r}. Write it as {entry}([1, 2]) == 3.")


def _answers(outcome: Outcome) -> list[Any] | None:
    """What every call gave; None where one gave nothing."""
    if outcome.how != "finished" or not all("value" in found for found in outcome.results):
        return None
    return [found["value"] for found in outcome.results]


def _spelled(values: Sequence[Any]) -> str:
    """Plain data as an expression of Python, infinite numbers included."""
    return f"(lambda inf, nan: {list(values)!r})(float('inf'), float('nan'))"
