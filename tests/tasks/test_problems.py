"""Problems and their tests: right programs pass, and those that reach for the verdict do not."""

import pytest

from genzoo.tasks.execution.problems import Problem, judged, parsed_tests, recorded

CHECK = """
def check(candidate):
    values = [3, 1, 2]
    assert candidate(values) == [1, 2, 3]
    assert candidate([float("inf"), 0.5])[1] == float("inf")
    assert helper(candidate([2, 1])) == 3
"""
REFERENCE = "def helper(xs): return sum(xs)\ndef f(xs):\n    xs.sort()\n    return xs\n"
ALWAYS = """
import builtins
class Same(list):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
builtins.abs = builtins.sum = lambda *each: Same()
def f(xs): return Same()
"""


@pytest.fixture(scope="module")
def problem():
    found = recorded("sorted", "def f(xs):", "f", REFERENCE, CHECK, allow_running_code=True)
    assert found is not None
    return found


def test_calls_are_those_of_the_reference(problem):
    assert problem.calls == (([3, 1, 2],), ([float("inf"), 0.5],), ([2, 1],))


@pytest.mark.parametrize(
    ("program", "passes"),
    [
        (REFERENCE, True),
        ("def f(xs): return sorted(xs)", True),
        ("def f(xs): return xs", False),
        (ALWAYS, False),
        ("import os\nos._exit(0)", False),
        ("def f(xs): raise AssertionError", False),
    ],
)
def test_tests_that_are_code(problem, program, passes):
    assert judged(problem, program, allow_running_code=True).passed is passes


def test_a_reference_may_be_called_as_its_tests_are():
    reference, check = (
        "def check(x): return x + 1",
        "def check(candidate):\n    check = candidate\n    assert check(1) == 2",
    )
    found = recorded("same name", "", "check", reference, check, allow_running_code=True)
    assert found is not None
    assert judged(found, reference, allow_running_code=True).passed
    assert not judged(found, "def check(x): return x", allow_running_code=True).passed


def test_what_cannot_be_recorded():
    """A reference that is wrong, and calls with what is no plain data."""
    assert recorded("wrong", "", "f", "def f(x): return 0", CHECK, allow_running_code=True) is None
    odd = "def check(candidate): assert candidate(object()) == 0"
    assert recorded("odd", "", "f", "def f(x): return 0", odd, allow_running_code=True) is None


def test_tests_in_words():
    assert parsed_tests(["f([1, -2], 'a') == (3, None)", "f() == {1: 2}"], "f") == (
        (([1, -2], "a"), ()), ((3, None), {1: 2}),
    )  # fmt: skip
    for words in ("g(1) == 2", "f(1) > 2", "f(x) == 2", "f(1) == open('x')", "f(1", "f(k=1) == 2", "1", "(" * 5000):
        with pytest.raises(ValueError, match="Write it as f"):
            parsed_tests([words], "f")


def test_values_say():
    problem = Problem("next", "", "f", ((1,), (2,)), (2, 3))
    assert judged(problem, "def f(x): return x + 1", allow_running_code=True).passed
    assert not judged(problem, "def f(x): return x + 1.0", allow_running_code=True).passed
