"""Small programs as data: what code says and what functions say, and that pairs and constants are withheld."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from genzoo.core.errors import DataError
from genzoo.data import Data, read
from genzoo.data.programs.operations import OPERATIONS
from genzoo.data.programs.tasks import TESTS, Task, task, tasks
from genzoo.data.readers import programs
from genzoo.data.split import content_words
from genzoo.tasks.execution import execute

HOLD_OUT = "op1*op2:0.2"
VALUES: dict[str, list[Any]] = {
    "L": [[], [3, -4, 3, 0, 12, 7]],
    "I": [0, -37, 205],
    "S": ["", "Anna was here", "noon"],
    "W": [[], ["bird", "Apple", "bird", "sea"]],
    "D": [{}, {"a": 3, "b": -1, "c": 3}],
}


@pytest.fixture(scope="module")
def few() -> Iterator[Data]:
    """3,000 tasks of the same series."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(programs.PROGRAMS, "minipython", 3000)
        yield read("minipython", given=["op1", "op2", "language"], hold_out=HOLD_OUT)


def test_code_says_what_functions_say() -> None:
    """Every operation, with the first and the last of its constants, on values of its type, empty ones too."""
    lines, expected = [], []
    for operation in OPERATIONS.values():
        ends = (operation.constants[0], operation.constants[-1]) if operation.constants else (None,)
        for k in ends:
            for value in VALUES[operation.takes]:
                lines.append(f"(lambda v: {operation.code.format(v='v', k=k)})({value!r})")
                expected.append(operation.function(value) if k is None else operation.function(value, k))
    found = execute(f"def f(): return [{', '.join(lines)}]", "f", [()], allow_running_code=True)
    assert found.gives([expected]), found
    assert len(OPERATIONS) > 60


def test_references_pass_their_tests() -> None:
    made = [each for each in tasks(60) if each.tells]
    bodies = "\n".join(each.text.replace(f"def {each.entry}(", f"def f{k}(") for k, each in enumerate(made))
    calls = ", ".join(f"[f{k}(x) for x in {[x for x, _ in each.tests()]!r}]" for k, each in enumerate(made))
    found = execute(f"{bodies}\ndef f(): return [{calls}]", "f", [()], allow_running_code=True)
    assert found.gives([[[y for _, y in each.tests()] for each in made]])


def test_a_task_is_a_function_of_its_number() -> None:
    made = list(tasks(40, start=4080))  # over the end of a block
    assert made[30] == task(4110)
    assert made[30] != task(4110, seed=1)
    assert len(made[0].tests()) == TESTS
    assert made[0].tests() != made[0].tests(seed=1)
    assert {each.language for each in made} == {"en", "zh"}
    seen = content_words(each.text.encode() for each in made)
    assert int(seen.sum()) == int(content_words(task(number).text.encode() for number in range(4080, 4120)).sum())


def test_some_tasks_do_not_tell() -> None:
    """Those whose tests a constant would pass, or the reference without one of its operations."""
    about = {"number": 1, "language": "en", "signature": "def f(xs):", "docstring": "", "body": ""}
    assert not Task(operations=("evens", "odds"), constants=(None, None), **about).tells
    assert not Task(operations=("ascending", "descending"), constants=(None, None), **about).tells
    assert Task(operations=("evens", "squares", "sum"), constants=(None, None, None), **about).tells


def test_pairs_and_constants_are_withheld(few: Data) -> None:
    made = list(tasks(3000))
    assert few.codec.texts(few.x[:50]) == [each.text for each in made[:50]]  # type: ignore[attr-defined]

    def pairs(split: str) -> list[set[tuple[str, str]]]:
        chains = [made[k].operations for k in few.splits[split].tolist()]
        return [set(itertools.pairwise(chain)) for chain in chains]

    trained, withheld = set().union(*pairs("train")), pairs("held_out")
    assert all(each - trained for each in withheld)
    assert len(withheld) > 300
    assert not any(each - trained for each in pairs("train"))
    programs = {(made[k].operations, made[k].constants) for k in few.splits["train"].tolist()}
    tested = [made[k] for split in ("valid", "test") for k in few.splits[split].tolist()]
    assert len(tested) > 50
    assert not programs & {(each.operations, each.constants) for each in tested}
    assert all(any(k is not None for k in each.constants) for each in tested)


def test_texts_alone_are_x() -> None:
    with pytest.raises(DataError, match="must be text"):
        programs.read_programs("minipython", programs.Asked(x=("op1",)))
