"""Where a loss or its gradient first stopped being finite: the layer and the rows, found by making the step again."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from genzoo.training.finite import what_is_odd

__all__ = ["rows_named", "traced"]

NAMED = 3  # rows that are named; the rest are counted


def traced(model: nn.Module, rows: int, loss: Callable[[], Tensor]) -> tuple[str, list[int]] | None:
    """The first layer whose output is not finite, or of a finite loss the first on the way back at whose output the
    gradient is not; and the rows where.

    Layers within layers come first. Buffers and gradients are as before; what the loss draws must be the same again.

    Args:
        model: Whose layers are looked at.
        rows: The rows of the batch; a tensor of another length tells of none.
        loss: The loss, which is computed again with its gradient.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.Tanh())
        >>> traced(model, 2, lambda: model(torch.tensor([[1.0], [torch.inf]]) * 0).sum())
        ('the output of 0 (Linear) holds NaN', [1])
    """
    forward: list[tuple[str, list[int]]] = []
    backward: list[tuple[str, list[int]]] = []

    def look_back(where: str, grad: Tensor) -> None:
        backward.extend(_found(where, grad, rows))

    def look(name: str, layer: nn.Module, output: Any) -> None:
        for tensor in _tensors(output):
            where = f"the output of {name} ({type(layer).__name__})"
            forward.extend(_found(where, tensor, rows))
            if tensor.requires_grad:
                tensor.register_hook(functools.partial(look_back, f"the gradient at {where}"))

    with _unchanged(model), contextlib.ExitStack() as hooks:
        for name, layer in model.named_modules():
            if name:
                hook = layer.register_forward_hook(lambda layer, _, output, name=name: look(name, layer, output))
                hooks.callback(hook.remove)
        value = loss()
        if not forward and value.isfinite() and value.requires_grad:
            value.backward()
    found = forward or backward
    return found[0] if found else None


def _found(where: str, tensor: Tensor, rows: int) -> list[tuple[str, list[int]]]:
    """What there is to say of a tensor that is not finite."""
    if not tensor.is_floating_point() or bool(tensor.isfinite().all()):
        return []
    by_row = tensor.ndim > 0 and len(tensor) == rows
    odd = (~tensor.isfinite()).flatten(1).any(1).nonzero().flatten().tolist() if by_row and tensor.ndim > 1 else []
    odd = (~tensor.isfinite()).nonzero().flatten().tolist() if by_row and tensor.ndim == 1 else odd
    return [(f"{where} holds {what_is_odd(tensor)}", odd)]


@contextlib.contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Buffers and gradients put back as they were."""
    buffers = {name: tensor.detach().clone() for name, tensor in model.named_buffers()}
    grads = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in grads:
        parameter.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            for name, tensor in model.named_buffers():
                if name in buffers and tensor.shape == buffers[name].shape:
                    tensor.copy_(buffers[name])
        for parameter, grad in grads:
            parameter.grad = grad


def _tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _tensors(part)
    elif isinstance(output, dict):
        yield from _tensors(list(output.values()))


def rows_named(rows: list[int], size: int, numbers: Tensor | None) -> str:
    """Rows of a batch in words, with their numbers in the data where these are known; "" for none.

    Args:
        rows: Their places in the batch.
        size: The rows of the batch.
        numbers: The number in the data of each row of the batch.

    Example:
        >>> rows_named([1, 4], 5, torch.tensor([7, 8, 9, 10, 11]))
        ', in rows 1 and 4 of the batch (8 and 11 of the data)'
        >>> rows_named([0, 1, 2, 3], 9, None), rows_named([0, 1], 2, None), rows_named([], 2, None)
        (', in rows 0, 1, 2 and 1 more of the batch', ', in all rows of the batch', '')
    """
    if not rows:
        return ""
    if len(rows) == size > 1:
        return ", in all rows of the batch"
    of_data = "" if numbers is None else f" ({_listed([int(numbers[row]) for row in rows])} of the data)"
    return f", in {'rows' if len(rows) > 1 else 'row'} {_listed(rows)} of the batch{of_data}"


def _listed(numbers: list[int]) -> str:
    words = [str(number) for number in numbers[:NAMED]]
    words += [f"{len(numbers) - NAMED:,} more"] if len(numbers) > NAMED else []
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
