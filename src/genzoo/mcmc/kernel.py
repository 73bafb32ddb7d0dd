"""Kernels: one move of many chains.

A Markov kernel T leaves a density p as it is if

$$ \\int p(x)\\,T(x' \\mid x)\\,dx = p(x'). $$

Started anywhere and applied often, it then draws from p, provided it can go everywhere. Here a kernel is a pair of
pure functions on states whose first axis is the axis of parallel chains; what a step draws comes from its `noise`, so
**chain i depends on (seed, i) alone**, however many others run beside it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo._random import at_least_single
from genzoo.core.noise import Noise

__all__ = ["Chains", "Kernel", "State", "Trace", "accepted", "along", "certain", "run"]


class Kernel(NamedTuple):
    """A Markov kernel: how chains start, and how they move.

    Attributes:
        init: Rows (chains, *event) to a state, a named tuple of tensors with at least `x` and `accept`.
        step: A state and the noise of this step to the next state.

    Example:
        >>> from genzoo.mcmc import random_walk
        >>> kernel = random_walk(lambda x: -x.square().sum(1) / 2, scale=1.0)
        >>> kernel.step(kernel.init(torch.zeros(4, 2)), Noise(0)).x.shape
        torch.Size([4, 2])
    """

    init: Callable[[Tensor], Any]
    step: Callable[[Any, Noise], Any]


class Chains(NamedTuple):
    """Chains of a kernel that needs to know nothing but where they are.

    Attributes:
        x: (chains, *event).
        accept: (chains,), the probability with which the last move was accepted.
    """

    x: Tensor
    accept: Tensor


class State(NamedTuple):
    """Chains with their log-densities.

    Attributes:
        x: (chains, *event).
        log_prob: (chains,), up to a constant.
        score: Its gradient, (chains, *event); (chains, 0) where the kernel needs none.
        accept: (chains,), the probability with which the last move was accepted.
    """

    x: Tensor
    log_prob: Tensor
    score: Tensor
    accept: Tensor


class Trace(NamedTuple):
    """What was kept of a run.

    Attributes:
        state: Where the chains are, to go on from.
        x: (kept, chains, …), every `thin`-th state's x, or what `keep` makes of the state.
        accept: (steps, chains), acceptance probabilities.
    """

    state: Any
    x: Tensor
    accept: Tensor


def run(
    kernel: Kernel,
    start: Any,
    noise: Noise,
    steps: int,
    *,
    thin: int = 1,
    first: int = 0,
    keep: Callable[[Any], Tensor] = lambda state: state.x,
) -> Trace:
    """Moves chains a number of steps.

    Args:
        kernel: How they move.
        start: Rows (chains, *event) to start from, or a state to go on from.
        noise: Where randomness comes from; step t sees `noise.tick(first + t)`.
        steps: How many.
        thin: Every so many steps the state is kept.
        first: The number of the first step: runs of 0…9 and 10…19 make the run of 0…19.
        keep: What to keep of a state.

    Raises:
        ValueError: If `steps` is negative or `thin` not positive.

    Example:
        >>> from genzoo.mcmc import random_walk
        >>> kernel = random_walk(lambda x: -x.square().sum(1) / 2, scale=2.0)
        >>> trace = run(kernel, torch.zeros(8, 1), Noise(0), 200)
        >>> trace.x.shape, round(trace.x[50:].var().item(), 1)
        (torch.Size([200, 8, 1]), 1.0)
    """
    if steps < 0 or thin < 1:
        raise ValueError(f"`steps` must not be negative and `thin` at least 1, got {steps} and {thin}.")
    state = kernel.init(start) if isinstance(start, Tensor) else start
    kept, accept = [], []
    for t in range(steps):
        state = kernel.step(state, noise.tick(first + t))
        accept.append(state.accept)
        if (t + 1) % thin == 0:
            kept.append(keep(state))
    return Trace(state, _stacked(kept, keep(state)), _stacked(accept, state.accept))


def accepted(noise: Noise, log_ratio: Float[Tensor, " chains"], new: State, old: State) -> State:
    """Metropolis's and Hastings's choice, chain by chain: the new state with probability

    $$ a = \\min\\left(1, \\frac{p(x')\\,q(x \\mid x')}{p(x)\\,q(x' \\mid x)}\\right). $$

    Args:
        noise: The step's.
        log_ratio: The logarithm of the fraction; one that is not a number is a rejection.
        new: Where the chains would go.
        old: Where they are.
    """
    accept = log_ratio.nan_to_num(-torch.inf, posinf=torch.inf).clamp_max(0).exp()
    goes = noise.uniform(len(accept), dtype=at_least_single(accept.dtype)) < accept
    x, log_prob, score = (torch.where(along(goes, a), a, b) for a, b in zip(new[:3], old[:3], strict=True))
    return State(x, log_prob, score, accept)


def certain(x: Shaped[Tensor, "chains *event"]) -> Float[Tensor, " chains"]:
    """The acceptance of moves that are always made."""
    return torch.ones(len(x), dtype=x.dtype if x.is_floating_point() else None, device=x.device)


def along(rows: Shaped[Tensor, " chains"], like: Shaped[Tensor, "chains *event"]) -> Shaped[Tensor, "chains *ones"]:
    """One value for each chain, shaped to go with entries of its row.

    Example:
        >>> along(torch.zeros(3), torch.zeros(3, 2, 2)).shape
        torch.Size([3, 1, 1])
    """
    return rows.reshape(-1, *[1] * (like.ndim - 1))


def _stacked(parts: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(parts) if parts else like.new_empty(0, *like.shape)
