"""What is made of weights alone is made once, before the graph is written.

A mixture factors its covariances whenever it is asked; in a graph they never change, and few formats can factor.
"""

from typing import Any

import torch
from torch import Tensor, fx

__all__ = ["folded"]

HEAVY = ("cholesky", "inverse", "triangular_solve", "slogdet", "logdet", "det", "qr")


def folded(program: torch.export.ExportedProgram, inputs: tuple[Tensor, ...], shapes: Any) -> Any:
    """The program with what its weights alone decide put in their place, where that spares linear algebra.

    Args:
        program: The program.
        inputs: An example of its inputs.
        shapes: Which axes are free, as `torch.export.export` wants them.
    """
    if not any(_is_heavy(node) for node in program.graph.nodes):
        return program
    module = program.run_decompositions({}).module(check_guards=False)  # of which none changes a tensor in place
    values = _values(module)
    for i, (node, value) in enumerate(values.items()):
        if node.op == "get_attr" or all(user in values for user in node.users):
            continue
        module.register_buffer(f"folded_{i}", value.contiguous())
        with module.graph.inserting_before(node):
            node.replace_all_uses_with(module.graph.get_attr(f"folded_{i}"))
    module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()
    return torch.export.export(module, inputs, dynamic_shapes=shapes, strict=False)


def _values(module: fx.GraphModule) -> dict[fx.Node, Any]:
    """The nodes that weights alone decide, with their values."""
    values: dict[fx.Node, Any] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            values[node] = _attribute(module, str(node.target))
        elif node.op == "call_function" and all(n in values for n in node.all_input_nodes):
            args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: values[n])
            values[node] = node.target(*args, **kwargs)
    return {node: value for node, value in values.items() if isinstance(value, Tensor) or node.users}


def _attribute(module: fx.GraphModule, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _is_heavy(node: fx.Node) -> bool:
    """Whether it is linear algebra, as `aten.det.default` and `aten.linalg_solve_ex.default`; `aten.detach` is not."""
    name = str(node.target).removeprefix("aten.").split(".")[0]
    return name in HEAVY or name.startswith(("linalg_", "cholesky_", "_linalg"))
