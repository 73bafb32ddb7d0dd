"""Problems of others: HumanEval and MBPP, read from their files.

References:
    Chen et al., 2021, "Evaluating large language models trained on code", arXiv:2107.03374 (HumanEval)
    Austin et al., 2021, "Program synthesis with large language models", arXiv:2108.07732 (MBPP)
"""

import ast
import dataclasses
import textwrap
from pathlib import Path
from typing import Any

from genzoo._files import from_json, opened, told
from genzoo.core.errors import DataError

__all__ = ["Mirror", "mirrors"]

HUMAN_EVAL = {"task_id", "prompt", "entry_point", "canonical_solution", "test"}
MBPP = {"task_id", "text", "code", "test_list"}
TESTED = range(11, 511)  # numbers of the problems of MBPP that test; the first ten are shown, the rest train
LARGEST = 1 << 26  # bytes of a file once unpacked


@dataclasses.dataclass(frozen=True)
class Mirror:
    """A problem of others.

    Attributes:
        name: What it is called there.
        prompt: What a program begins with, imports included.
        signature: The line that begins the function.
        docstring: What is asked, without examples, in one line.
        entry: The function's name.
        reference: A program that is right.
        check: Code that defines `check(candidate)`.
    """

    name: str
    prompt: str
    signature: str
    docstring: str
    entry: str
    reference: str
    check: str


def mirrors(path: str | Path) -> list[Mirror]:
    """The problems of a file of HumanEval or MBPP, of the latter those that test.

    Args:
        path: The file, packed or not.

    Raises:
        DataError: If it holds neither.
    """
    name = Path(path).name
    with told(name, fix="Fetch it again."), opened(path) as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{name} must have at most {LARGEST >> 20} MB of problems, got more. Split it.")
    with told(name, "hold an object of JSON in each line", "Fetch it again."):
        rows = [from_json(line) for line in content.decode().splitlines() if line.strip()]
    if rows and all(isinstance(row, dict) and set(row) >= HUMAN_EVAL for row in rows):
        return [_human_eval(row) for row in rows]
    if rows and all(isinstance(row, dict) and set(row) >= MBPP for row in rows):
        return [_mbpp(row) for row in rows if row["task_id"] in TESTED]
    raise DataError(f"{name} must hold problems of HumanEval or MBPP, got other fields. Name another file.")


def _human_eval(row: dict[str, Any]) -> Mirror:
    entry, prompt = row["entry_point"], row["prompt"]
    function = _function(prompt + "    pass\n", entry)
    asked = (ast.get_docstring(function) or "").split(">>>")[0]
    reference = prompt + row["canonical_solution"]
    return Mirror(row["task_id"], prompt.rstrip(), _signature(function), _line(asked), entry, reference, row["test"])


def _mbpp(row: dict[str, Any]) -> Mirror:
    code = row["code"].replace("\r\n", "\n")
    entry = _called(row["test_list"][0])
    function = _function(code, entry)
    signature, asked = _signature(function), _line(row["text"])
    tests = textwrap.indent("\n".join([f"{entry} = candidate", *row["test_list"]]), "    ")
    check = f"{row.get('test_setup_code', '')}\ndef check(candidate):\n{tests}\n"
    return Mirror(f"MBPP/{row['task_id']}", f'{signature}\n    """{asked}"""', signature, asked, entry, code, check)


def _function(text: str, entry: str) -> ast.FunctionDef:
    """The function of a name, the last where there are several."""
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name == entry]
    if not found:
        raise DataError(f"A problem must define the function that it tests, got no {entry!r}. Fetch the file again.")
    return found[-1]


def _signature(function: ast.FunctionDef) -> str:
    """The line that begins a function, without annotations."""
    names = [each.arg for each in function.args.args]
    return f"def {function.name}({', '.join(names)}):"


def _called(test: str) -> str:
    """The function that an assertion is about: the first that is called and no builtin of the comparison."""
    calls = [node.func.id for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call)
             and isinstance(node.func, ast.Name)]  # fmt: skip
    own = [name for name in calls if name not in ("set", "sorted", "list", "tuple", "abs", "round", "str", "len")]
    return (own or calls or [""])[0]


def _line(text: str) -> str:
    return " ".join(text.replace('"""', "").split())
