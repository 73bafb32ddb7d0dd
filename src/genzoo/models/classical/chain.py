"""Inference in a hidden chain of states, all sequences of a batch at once.

With $\\alpha_t(j) = p(z_t = j \\mid x_{\\le t})$ and the prediction $p_t(j) = \\sum_i \\alpha_{t-1}(i) A_{ij}$, the
forward pass filters,

$$ \\alpha_t(j) \\propto p_t(j)\\,b_j(x_t), \\qquad \\log p(x) = \\sum_t \\log \\sum_j p_t(j)\\,b_j(x_t), $$

and the backward pass smooths what was filtered: with $\\gamma_t(j) = p(z_t = j \\mid x)$,

$$ \\gamma_t(i) = \\alpha_t(i) \\sum_j A_{ij} \\frac{\\gamma_{t+1}(j)}{p_{t+1}(j)}, \\qquad
   p(z_t = i, z_{t+1} = j \\mid x) = \\alpha_t(i) A_{ij} \\frac{\\gamma_{t+1}(j)}{p_{t+1}(j)}. $$

All are probabilities, normalized at every step, and only emissions are logarithms: nothing under- or overflows however
long the sequence. Sequences may end early: steps from `lengths` on are padding.

References:
    Rabiner, 1989, "A tutorial on hidden Markov models and selected applications in speech recognition"
    Kim, 1994, "Dynamic linear models with Markov-switching" (the smoother)
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Filtered", "Smoothed", "filtered", "likeliest_paths", "safe_log", "smoothed"]


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
    states = torch.zeros_like(chain.states)
    pairs, last = torch.zeros_like(transition), chain.states.shape[0] - 1
    for t in range(last, -1, -1):
        alpha = chain.states[t]
        gamma = alpha * ending
        gamma = gamma / gamma.sum(1, keepdim=True).clamp_min(torch.finfo(gamma.dtype).tiny)
        if t < last:
            after = chain.predicted[t + 1]
            ratio = torch.where(after > 0, states[t + 1] / torch.where(after > 0, after, 1), 0)  # 0 in padding
            pairs += alpha.T @ ratio
            gamma = torch.where((lengths == t + 1)[:, None], gamma, alpha * (ratio @ transition.T))
        states[t] = torch.where((lengths > t)[:, None], gamma, 0)
    return Smoothed(states, pairs * transition)


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
