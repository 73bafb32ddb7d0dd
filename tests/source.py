"""The files of the project as trees, each read once for all the tests that look at them."""

import ast
import functools
from pathlib import Path


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a tree, from the root downwards."""
    return tuple(ast.walk(tree(path)))
