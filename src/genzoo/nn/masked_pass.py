"""A pass through a masked network whose way back is written out.

Composed of small operations, a pass masks each weight twice, adds the shortcut by a product of its own and copies what
was said into the order that a transform reads. Here the last hidden layer and the entries stand side by side, so that
one product tells all,

$$ y = [W\\; S]\\, \\begin{pmatrix} h_L \\\\ x \\end{pmatrix} + c_L, \\qquad
   \\bar h_l = \\bar h_{l+1} + W_l^\\top (\\bar h_{l+1} \\cdot [a_l > 0]), \\qquad
   \\bar W_l = M_l \\cdot (\\bar h_{l+1} \\cdot [a_l > 0])\\, h_l^\\top, $$

rows of weights are put in order rather than rows of activations, and a mask is a factor of a gradient.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, relu

__all__ = ["Plan", "masked_pass"]


class Plan(NamedTuple):
    """What a pass is told besides numbers.

    Attributes:
        masks: Masks of 0 and 1: of the hidden layers, the last one and the shortcut.
        entries: D.
        dtype: In which numbers are multiplied.
    """

    masks: tuple[Tensor, ...]
    entries: int
    dtype: torch.dtype

    def ordered(self, said: Tensor, axis: int) -> Tensor:
        """Entry by entry along an axis → all first numbers, then all second ones."""
        return _turned(said, axis, self.entries)

    def restored(self, said: Tensor, axis: int) -> Tensor:
        """The other way."""
        return _turned(said, axis, said.shape[axis] // self.entries)


def _turned(said: Tensor, axis: int, count: int) -> Tensor:
    """So many groups along an axis: all of their first ones, then all second ones."""
    return said.unflatten(axis, (count, -1)).transpose(axis, axis + 1).flatten(axis, axis + 1)


def masked_pass(
    plan: Plan, x: Float[Tensor, "B inputs"], constants: Sequence[Tensor], weights: Sequence[Tensor]
) -> Float[Tensor, "B said"]:
    """What a masked residual network says, all first numbers of entries before all second ones.

    Args:
        plan: Its masks.
        x: Entries, by some numbers each; the shortcut sees the first of each.
        constants: What is added to each hidden layer and to the output, one for all rows or one a row.
        weights: Of the hidden layers, the last one and the shortcut, not masked yet.

    Example:
        >>> one = torch.ones(1, 1)
        >>> plan = Plan((one, one, one), entries=1, dtype=torch.float32)
        >>> masked_pass(plan, one, [torch.zeros(1)] * 2, [one, one, one])
        tensor([[2.]])
    """
    said: Tensor = _MaskedPass.apply(plan, x, *constants, *weights)
    return said


def composed(plan: Plan, x: Tensor, constants: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """The same by operations that can be differentiated again."""
    *hidden, last, shortcut = (weight * mask for weight, mask in zip(weights, plan.masks, strict=True))
    h = x
    for i, (weight, constant) in enumerate(zip(hidden, constants, strict=False)):
        new = relu(linear(h, weight) + constant)
        h = h + new if i else new
    said = linear(h, last) + linear(x[:, :: x.shape[1] // plan.entries], shortcut) + constants[-1]
    return plan.ordered(said, 1)


class _MaskedPass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, plan: Plan, x: Tensor, *given: Tensor) -> Tensor:
        depth, dtype = len(plan.masks) - 2, plan.dtype
        constants, masked = given[: depth + 1], list[Tensor]()
        for weight, mask in zip(given[depth + 1 :], plan.masks, strict=True):
            masked.append((weight * mask).to(dtype))
        tip = torch.cat([plan.ordered(weight, 0) for weight in masked[depth:]], 1)
        h, seen, grown = x.to(dtype), list[Tensor](), list[Tensor]()
        for weight, constant in zip(masked, constants[:-1], strict=False):
            seen.append(h)
            new = torch.addmm(constant.to(dtype), h, weight.T).relu_()
            h = h + new if grown else new
            grown.append(new)
        wide = torch.cat([h, seen[0][:, :: x.shape[1] // plan.entries]], 1)
        ctx.plan = plan
        ctx.save_for_backward(x, *given, *masked[:depth], tip, *seen, wide, *grown)
        constant = plan.ordered(constants[-1], constants[-1].ndim - 1)
        return torch.addmm(constant.to(dtype), wide, tip.T)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        plan, depth, (x, *rest) = ctx.plan, len(ctx.plan.masks) - 2, ctx.saved_tensors
        given, kept = rest[: 2 * depth + 3], iter(rest[2 * depth + 3 :])
        if torch.is_grad_enabled():  # a second derivative is asked for
            return None, *_again(plan, (x, *given), grad, ctx.needs_input_grad[1:])
        hidden, (tip,), seen, grown = (list(itertools.islice(kept, n)) for n in (depth, 1, depth + 1, depth))
        onward, to_first = (grad @ tip).tensor_split([-plan.entries], 1)
        last, shortcut = plan.restored(grad.T @ seen[-1], 0).tensor_split([-plan.entries], 1)
        weights, summed = [last * plan.masks[-2], shortcut * plan.masks[-1]], _summed(grad, given[depth])
        constants = [plan.restored(summed, summed.ndim - 1)]
        for i in reversed(range(depth)):
            new = torch.ops.aten.threshold_backward(onward, grown[i], 0)
            constants.insert(0, _summed(new, given[i]))
            weights.insert(0, (new.T @ seen[i]).mul_(plan.masks[i]))
            onward = torch.addmm(onward, new, hidden[i]) if i else new @ hidden[0]
        onward[:, :: onward.shape[1] // plan.entries] += to_first
        found = (onward, *constants, *weights)
        return None, *(part.to(of.dtype) for part, of in zip(found, (x, *given), strict=True))


def _again(plan: Plan, given: Sequence[Tensor], grad: Tensor, needed: Sequence[bool]) -> list[Tensor | None]:
    """Gradients that can be differentiated once more."""
    depth, wanted = len(plan.masks) - 2, [tensor for tensor, asked in zip(given, needed, strict=True) if asked]
    told = composed(plan, given[0], given[1 : depth + 2], given[depth + 2 :])
    found = iter(torch.autograd.grad(told, wanted, grad, create_graph=True, materialize_grads=True))
    return [next(found) if asked else None for asked in needed]


def _summed(grad: Tensor, of: Tensor) -> Tensor:
    """The gradient of a constant of each row, or of all rows."""
    return grad if of.ndim > 1 else grad.sum(0)
