"""The page of reliability says what stands: its tests exist, and its figures are those of the records."""

import ast
from functools import cache
from pathlib import Path

import pytest

from benchmarks.promises import TABLE
from benchmarks.reliability import PAGE, page

TESTS = Path(__file__).parent
NAMED = sorted({test for promises in TABLE.values() for promise in promises for test in promise.tests})


@cache
def functions(path: str) -> set[str]:
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("test", NAMED)
def test_what_it_names_exists(test: str) -> None:
    path, _, name = test.partition("::")
    assert name in functions(path)


def test_the_page_is_made_of_the_table_and_the_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m benchmarks.reliability"


def test_every_statement_has_a_test() -> None:
    assert all(promise.tests for promises in TABLE.values() for promise in promises)
