"""The files of the project as trees, each read once for all the tests that look at them; their sizes.

python -m tests.source
"""

import ast
import functools
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "src" / "genzoo").rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a tree, from the root downwards."""
    return tuple(ast.walk(tree(path)))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions() -> Iterator[tuple[Path, Function]]:
    """Those of the package, with their files."""
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, Function):
                yield path, node


def lines_of(node: ast.stmt) -> set[int]:
    return set(range(node.lineno, (node.end_lineno or 0) + 1))


def docstring_lines(node: ast.AST) -> set[int]:
    """The numbers of the lines that the docstring of a module, class or function takes."""
    body = getattr(node, "body", [])
    first = body[0] if isinstance(body, list) and body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return lines_of(first)
    return set()


def length(node: Function) -> int:
    """The lines of a function, its docstring aside."""
    return (node.end_lineno or 0) - node.lineno + 1 - len(docstring_lines(node))


def lines_in(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Prints how long functions and files are."""
    found = sorted((length(node), f"{name_of(path)}:{node.name}") for path, node in functions())
    lengths = [each for each, _ in found]
    print(f"{len(found)} functions: median {statistics.median(lengths):g} lines, 90 % within {nine_in_ten(lengths)}")
    longest = sorted((lines_in(path), name_of(path)) for path in FILES)
    for size, name in (*found[:-11:-1], *longest[:-11:-1]):
        print(f"{size:5} {name}")


def nine_in_ten(lengths: list[int]) -> int:
    """What nine in ten sorted lengths are at most."""
    return lengths[int(0.9 * len(lengths))]


if __name__ == "__main__":
    main()
