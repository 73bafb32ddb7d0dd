"""Inference in a hidden chain of states, all sequences of a batch at once.

With $\\alpha_t(j) = p(z_t = j \\mid x_{\\le t})$ and the prediction $p_t(j) = \\sum_i \\alpha_{t-1}(i) A_{ij}$, the
forward pass filters,

$$ \\alpha_t(j) \\propto p_t(j)\\,b_j(x_t), \\qquad \\log p(x) = \\sum_t \\log \\sum_j p_t(j)\\,b_j(x_t), $$

and the backward pass smooths what was filtered: with $\\gamma_t(j) = p(z_t = j \\mid x)$,

$$ \\gamma_t(i) = \\alpha_t(i) \\sum_j A_{ij} \\frac{\\gamma_{t+1}(j)}{p_{t+1}(j)}, \\qquad
   p(z_t = i, z_{t+1} = j \\mid x) = \\alpha_t(i) A_{ij} \\frac{\\gamma_{t+1}(j)}{p_{t+1}(j)}. $$

All are probabilities, normalized at every step, and only emissions are logarithms: nothing under- or overflows however
long the sequence. Where no emission is e⁻⁵⁷⁰ times as likely as another, plain products do, at a third of the cost.
Sequences may end early: steps from `lengths` on are padding.

References:
    Rabiner, 1989, "A tutorial on hidden Markov models and selected applications in speech recognition"
    Kim, 1994, "Dynamic linear models with Markov-switching" (the smoother)
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from genzoo._compiled import once_it_pays

__all__ = ["Filtered", "Smoothed", "filtered", "likeliest_paths", "safe_log", "smoothed"]

STEP = 40_000  # nanoseconds that a step of the plain path takes at least
LEAST = 1e-250  # a step's probability beside its likeliest emission, from which products keep their digits


class Filtered(NamedTuple):
    """What the forward pass finds: p(z_t | x_≤t) and p(z_t | x_<t), time first, and log p of each sequence's steps."""

    states: Float[Tensor, "T B N"]
    predicted: Float[Tensor, "T B N"]
    log_prob: Float[Tensor, " B"]


class Smoothed(NamedTuple):
    """What the backward pass finds: p(z_t | x), zero in padding, and the expected transitions, over all rows."""

    states: Float[Tensor, "T B N"]
    transitions: Float[Tensor, "N N"]


def safe_log(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """log x, −∞ at zero and with gradient zero there.

    Example:
        >>> safe_log(torch.tensor([0.0, 1.0])).tolist()
        [-inf, 0.0]
    """
    return torch.where(x > 0, x, 1).log().masked_fill(x <= 0, -torch.inf)


def filtered(
    initial: Float[Tensor, "B N"],
    transition: Float[Tensor, "N N"],
    log_emission: Float[Tensor, "T B N"],
    lengths: Int[Tensor, " B"],
) -> Filtered:
    """The forward pass.

    Args:
        initial: p(z_1) of each row.
        transition: A, whose rows sum to at most one.
        log_emission: log b_j(x_t), zero in padding.
        lengths: The steps of each row.

    Example:
        >>> chain = filtered(torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.zeros(3, 1, 2), torch.tensor([3]))
        >>> chain.states[-1].tolist(), chain.log_prob.tolist()
        ([[1.0, 0.0]], [0.0])
    """
    found = _filtered_by_products(initial, transition, log_emission, lengths)
    return _filtered_by_logarithms(initial, transition, log_emission, lengths) if found is None else found


def _filtered_by_products(
    initial: Float[Tensor, "B N"],
    transition: Float[Tensor, "N N"],
    log_emission: Float[Tensor, "T B N"],
    lengths: Int[Tensor, " B"],
) -> Filtered | None:
    """The forward pass on emissions that are divided by the largest of their step; None, where all that is possible
    is so much less likely than that largest one that digits would be lost."""
    top = log_emission.amax(2, keepdim=True)
    top = torch.where(top > -torch.inf, top, 0)
    emission, there = (log_emission - top).exp(), _before(lengths, len(log_emission))
    states: list[Tensor] = []
    predictions: list[Tensor] = []
    totals: list[Tensor] = []
    state, all_there = initial, there.all(1).tolist()
    for t, b in enumerate(emission):
        predicted = state @ transition if t else initial
        joint = predicted * b
        total = joint.sum(1, keepdim=True)
        state = joint / total if all_there[t] else torch.where(there[t, :, None], joint / total, state)
        states.append(state)
        predictions.append(predicted)
        totals.append(total)
    total = torch.where(there, torch.stack(totals).squeeze(2), 1)
    if not bool((total > LEAST).all()):
        return None
    log_prob = torch.where(there, total.log() + top.squeeze(2), 0).sum(0)
    return Filtered(torch.stack(states), torch.stack(predictions), log_prob)


def _before(lengths: Int[Tensor, " B"], steps: int) -> Bool[Tensor, "T B"]:
    return torch.arange(steps, device=lengths.device)[:, None] < lengths


def _filtered_by_logarithms(
    initial: Float[Tensor, "B N"],
    transition: Float[Tensor, "N N"],
    log_emission: Float[Tensor, "T B N"],
    lengths: Int[Tensor, " B"],
) -> Filtered:
    states: list[Tensor] = []
    predictions: list[Tensor] = []
    predicted, log_prob = initial, log_emission.new_zeros(len(lengths))
    for t, log_b in enumerate(log_emission):
        if t:
            predicted = states[-1] @ transition
        joint = safe_log(predicted) + log_b
        total = joint.logsumexp(1)
        there = lengths > t
        possible = (total > -torch.inf)[:, None]
        alpha = torch.where(possible, joint - torch.where(possible, total[:, None], 0), -torch.inf).exp()
        states.append(torch.where(there[:, None], alpha, states[-1] if t else initial))
        predictions.append(predicted)
        log_prob = log_prob + torch.where(there, total, 0)
    return Filtered(torch.stack(states), torch.stack(predictions), log_prob)


def smoothed(
    chain: Filtered,
    transition: Float[Tensor, "N N"],
    lengths: Int[Tensor, " B"],
    ending: Float[Tensor, "B N"],
) -> Smoothed:
    """The backward pass.

    Args:
        chain: What the forward pass found.
        transition: A.
        lengths: The steps of each row.
        ending: p(what follows the last step | z), as one, or the probability to end there.

    Example:
        >>> chain = filtered(torch.tensor([[0.5, 0.5]]), torch.eye(2), torch.zeros(3, 1, 2), torch.tensor([3]))
        >>> smoothed(chain, torch.eye(2), torch.tensor([3]), torch.tensor([[1.0, 0.0]])).states[0].tolist()
        [[1.0, 0.0]]
    """
    inverse = torch.where(chain.predicted > 0, 1 / torch.where(chain.predicted > 0, chain.predicted, 1), 0)
    final = chain.states.gather(0, (lengths - 1).clamp_min(0)[None, :, None].expand(1, *ending.shape))[0] * ending
    final = final / final.sum(1, keepdim=True).clamp_min(torch.finfo(final.dtype).tiny)
    ends, steps = set(lengths.tolist()), len(chain.states)
    gamma = torch.where((lengths == steps)[:, None], final, 0)
    states, ratios = [gamma], []
    for t in range(steps - 2, -1, -1):
        ratios.append(gamma * inverse[t + 1])  # 0 in padding
        gamma = chain.states[t] * (ratios[-1] @ transition.T)
        if t + 1 in ends:
            gamma = torch.where((lengths == t + 1)[:, None], final, gamma)
        states.append(gamma)
    after = torch.stack(ratios[::-1]).flatten(0, 1) if ratios else final[:0]
    pairs = chain.states[:-1].flatten(0, 1).T @ after
    return Smoothed(torch.stack(states[::-1]), pairs * transition)


def likeliest_paths(
    initial: Float[Tensor, "B N"],
    transition: Float[Tensor, "N N"],
    log_emission: Float[Tensor, "T B N"],
    lengths: Int[Tensor, " B"],
    ending: Float[Tensor, "B N"],
) -> Int[Tensor, "B T"]:
    """The path of states of highest probability for each row, −1 in padding, by Viterbi's recursion,

    $$ \\delta_t(j) = \\max_i \\delta_{t-1}(i) + \\log A_{ij} + \\log b_j(x_t). $$

    Args:
        initial: p(z_1) of each row.
        transition: A.
        log_emission: log b_j(x_t).
        lengths: The steps of each row.
        ending: p(what follows the last step | z).

    Example:
        >>> one = torch.tensor([[1.0, 1.0]])
        >>> likeliest_paths(one / 2, torch.eye(2), torch.tensor([[[0.0, 1.0]]]), torch.tensor([1]), one).tolist()
        [[1]]

    References:
        Viterbi, 1967, "Error bounds for convolutional codes and an asymptotically optimum decoding algorithm"
    """
    log_a, still = safe_log(transition), torch.arange(initial.shape[1], device=initial.device)
    steps, rows, count = log_emission.shape
    if not log_emission.requires_grad and log_emission.device.type == "cpu":
        work = steps * (STEP + rows * count * count)
        if (walk := once_it_pays(_walk, work)) is not None:
            first, last = safe_log(initial) + log_emission[0], safe_log(ending)
            parts = (part.detach().numpy() for part in (first, log_a, log_emission, last, lengths))
            return torch.from_numpy(walk(*parts))
    best, came = safe_log(initial) + log_emission[0], []
    for t in range(1, len(log_emission)):
        score, back = (best[:, :, None] + log_a).max(1)
        there = (lengths > t)[:, None]
        came.append(torch.where(there, back, still))
        best = torch.where(there, score + log_emission[t], best)
    path = [(best + safe_log(ending)).argmax(1)]
    for back in reversed(came):
        path.append(back.gather(1, path[-1][:, None]).squeeze(1))
    paths = torch.stack(path[::-1], dim=1)
    return paths.masked_fill(torch.arange(len(log_emission), device=paths.device) >= lengths[:, None], -1)


def _walk(
    first: np.ndarray, log_a: np.ndarray, log_emission: np.ndarray, last: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Viterbi's recursion as machine code, row by row; ties go to the first, and sums are taken in the same order."""
    steps, rows, count = log_emission.shape
    paths = np.full((rows, steps), -1)
    came = np.empty((steps, count), np.int32)
    for row in range(rows):
        best, after = first[row].copy(), np.empty(count)
        for t in range(1, lengths[row]):
            for j in range(count):
                score, back = best[0] + log_a[0, j], 0
                for i in range(1, count):
                    other = best[i] + log_a[i, j]
                    if other > score:
                        score, back = other, i
                came[t, j], after[j] = back, score + log_emission[t, row, j]
            best, after = after, best
        state = 0
        for j in range(1, count):
            if best[j] + last[row, j] > best[state] + last[row, state]:
                state = j
        for t in range(lengths[row] - 1, -1, -1):
            paths[row, t] = state
            state = came[t, state]
    return paths
