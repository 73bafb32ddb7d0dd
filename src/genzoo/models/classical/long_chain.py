"""Inference in long chains, block by block at once.

Step after step, a sequence of T steps costs T small operations however little each computes. Both passes are linear
between normalizations, $\\alpha_t \\propto \\alpha_{t-1} M_t$ forward and $r_t = W_t r_{t+1}$ backward, so their steps
can be multiplied up within about √T blocks, all blocks at once; a short walk over the blocks then says where each
begins, and the plain passes run in all of them at once. It takes N times the arithmetic and some √T operations.

Each row of a product is scaled by itself, with its logarithm kept aside: a state whose block is e⁻¹⁰⁰⁰ times as likely
as another's, as that of another class may be, is not lost.

References:
    Särkkä & García-Fernández, 2021, "Temporal parallelization of Bayesian smoothers", arXiv:1905.13002
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

from genzoo.models.classical import chain as plain

__all__ = ["filtered", "is_long", "smoothed"]

SELDOM, LEAST = 8, 1e-200  # steps between which products are not rescaled, if their rows stay above the least
LONG, FEW, NARROW = 512, 256, 32  # steps from which blocks pay; rows × states, and states, up to which they do


def is_long(steps: int, rows: int, states: int) -> bool:
    """Whether a chain is worth being cut into blocks.

    Example:
        >>> is_long(50_000, 1, 2), is_long(100, 1, 2), is_long(50_000, 1, 1024)
        (True, False, False)
    """
    return steps >= LONG and rows * states <= FEW and states <= NARROW


def filtered(
    initial: Float[Tensor, "B N"],
    transition: Float[Tensor, "N N"],
    log_emission: Float[Tensor, "T B N"],
    lengths: Int[Tensor, " B"],
) -> plain.Filtered:
    """The forward pass of `genzoo.models.classical.chain`, by blocks: the same to rounding.

    Example:
        >>> emission = torch.zeros(600, 1, 2, dtype=torch.float64)
        >>> start, a = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[0.9, 0.1], [0.2, 0.8]]).double()
        >>> found = filtered(start, a, emission, torch.tensor([600]))
        >>> found.states[-1, 0].tolist()  # the chain's own balance
        [0.66666..., 0.33333...]
    """
    steps, rows, states = log_emission.shape
    side = math.isqrt(steps - 1) + 1
    blocks = -(-steps // side)
    parts = pad(log_emission, (0, 0, 0, 0, 0, blocks * side - steps)).reshape(blocks, side, rows, states)
    first = _starts(initial, transition, parts)
    inside = (lengths - side * torch.arange(blocks, device=lengths.device)[:, None]).clamp(0, side)
    found = plain.filtered(
        first.reshape(-1, states), transition, parts.transpose(0, 1).reshape(side, -1, states), inside.reshape(-1)
    )
    ordered, predicted = (_in_time(part, blocks, steps) for part in (found.states, found.predicted))
    last = torch.arange(steps, device=lengths.device)[:, None].minimum((lengths - 1).clamp_min(0))
    ordered = ordered.gather(0, last[..., None].expand(-1, -1, states))  # in padding the last state stays
    ordered = torch.where((lengths > 0)[None, :, None], ordered, initial)
    return plain.Filtered(ordered, predicted, found.log_prob.reshape(blocks, rows).sum(0))


def smoothed(
    chain: plain.Filtered,
    transition: Float[Tensor, "N N"],
    lengths: Int[Tensor, " B"],
    ending: Float[Tensor, "B N"],
) -> plain.Smoothed:
    """The backward pass of `genzoo.models.classical.chain`, by blocks: the same to rounding."""
    steps, rows, states = chain.states.shape
    side = math.isqrt(steps - 1) + 1
    blocks = -(-steps // side)
    after = _ratios(chain, transition, lengths, ending, (blocks, side))
    begins = side * torch.arange(blocks, device=lengths.device)[:, None]
    inside = (lengths - begins).clamp(0, side)
    goes_on = (lengths > begins + side)[..., None]
    ends = torch.where(goes_on, after @ transition.T, ending)
    cut = [_cut(part, blocks, side).transpose(0, 1).reshape(side, -1, states) for part in chain[:2]]
    part = plain.Filtered(cut[0], cut[1], chain.log_prob)
    found = plain.smoothed(part, transition, inside.reshape(-1), ends.reshape(-1, states))
    last = cut[0].reshape(side, blocks, rows, states)[-1]
    across = torch.einsum("kbi,kbj->ij", torch.where(goes_on, last, 0), torch.where(goes_on, after, 0))
    return plain.Smoothed(_in_time(found.states, blocks, steps), found.transitions + across * transition)


def _starts(initial: Tensor, transition: Tensor, parts: Float[Tensor, "K L B N"]) -> Float[Tensor, "K B N"]:
    """p(z | all before) at the first step of each block."""
    emitted = (parts - parts.amax(-1, keepdim=True).clamp_min(-1e300)).exp()
    product, scale = _multiplied(emitted[:, :-1], transition)
    product = product * emitted[:, -1][:, :, None]
    weight = (scale - scale.amax(-1, keepdim=True).clamp_min(-1e300)).exp()
    across = weight[..., None] * product
    found, totals = [initial], []
    for block in range(len(parts) - 1):
        state = (found[-1][:, None] @ across[block]).squeeze(1)
        totals.append(state.sum(-1, keepdim=True))
        found.append(state / totals[-1] @ transition)
    if not totals or bool((torch.stack(totals) > LEAST).all()):
        return torch.stack(found)
    return _starts_by_logarithms(initial, transition, product, scale)


def _starts_by_logarithms(
    initial: Tensor, transition: Tensor, product: Float[Tensor, "K B N N"], scale: Float[Tensor, "K B N"]
) -> Float[Tensor, "K B N"]:
    """The same, where a block is so unlikely from the states before it that digits would be lost."""
    found = [initial]
    for block in range(len(product) - 1):
        weight = plain.safe_log(found[-1]) + scale[block]
        top = weight.amax(-1, keepdim=True).clamp_min(-1e300)
        state = ((weight - top).exp()[:, None] @ product[block]).squeeze(1)
        found.append(state / state.sum(-1, keepdim=True).clamp_min(1e-300) @ transition)
    return torch.stack(found)


def _ratios(
    chain: plain.Filtered, transition: Tensor, lengths: Tensor, ending: Tensor, shape: tuple[int, int]
) -> Float[Tensor, "K B N"]:
    """γ/p at the first step after each block; after the end what follows there."""
    (blocks, side), states = shape, transition.shape[0]
    gain = torch.where(chain.predicted > 0, chain.states / torch.where(chain.predicted > 0, chain.predicted, 1), 0)
    time = torch.arange(len(gain), device=lengths.device)[:, None]
    gain = torch.where((time < lengths)[..., None], gain, 1)
    gain, moves = _cut(gain, blocks, side, value=1.0), _cut((time < lengths - 1).float()[..., None], blocks, side)
    product, scale = _multiplied(gain, transition, moves)
    last = chain.states.gather(0, (lengths - 1).clamp_min(0)[None, :, None].expand(1, -1, states))[0]
    after = ending / (last * ending).sum(-1, keepdim=True).clamp_min(1e-300)
    found = [after]
    across = scale.exp()[..., None] * product
    for block in reversed(range(1, blocks)):
        found.append((across[block] @ found[-1][..., None]).squeeze(-1))
    return torch.stack(found[::-1])


def _multiplied(
    gain: Float[Tensor, "K L B N"], transition: Tensor, moves: Float[Tensor, "K L B 1"] | None = None
) -> tuple[Float[Tensor, "K B N N"], Float[Tensor, "K B N"]]:
    """The products of diag(gain) A over the steps of each block, A being I where nothing moves: rows that sum to one,
    and the logarithms of what they were divided by. That is done at some steps, or, where digits would be lost, at
    each."""
    found, scale = _some_rescaled(gain, transition, moves, SELDOM)
    return (found, scale) if scale is not None else _some_rescaled(gain, transition, moves, 1)


def _some_rescaled(gain: Tensor, transition: Tensor, moves: Tensor | None, every: int) -> tuple[Tensor, Any]:
    blocks, side, rows, states = gain.shape
    eye = torch.eye(states, dtype=gain.dtype, device=gain.device)
    product, scale = eye.expand(blocks, rows, states, states), gain.new_zeros(blocks, rows, states)
    for step in range(side):
        product = product * gain[:, step][:, :, None]
        moved = (product.reshape(-1, states) @ transition).view_as(product)
        product = moved if moves is None else torch.where(moves[:, step, :, :, None] > 0, moved, product)
        if step % every == every - 1 or step == side - 1:
            total = product.sum(-1)
            if every > 1 and not bool(((total > LEAST) & (total < 1 / LEAST)).all()):
                return product, None
            product, scale = _rescaled(product, scale)
    return product, scale


def _rescaled(product: Float[Tensor, "K B N N"], scale: Float[Tensor, "K B N"]) -> tuple[Tensor, Tensor]:
    """Rows that sum to one, and the logarithms of what they were divided by."""
    total = product.sum(-1, keepdim=True)
    return product / torch.where(total > 0, total, 1), scale + plain.safe_log(total.squeeze(-1))


def _cut(rows: Float[Tensor, "T B M"], blocks: int, side: int, value: float = 0.0) -> Float[Tensor, "K L B M"]:
    padded = pad(rows, (0, 0, 0, 0, 0, blocks * side - len(rows)), value=value)
    return padded.reshape(blocks, side, *rows.shape[1:])


def _in_time(rows: Float[Tensor, "L KB N"], blocks: int, steps: int) -> Float[Tensor, "T B N"]:
    side, states = rows.shape[0], rows.shape[2]
    return rows.reshape(side, blocks, -1, states).transpose(0, 1).reshape(blocks * side, -1, states)[:steps]
