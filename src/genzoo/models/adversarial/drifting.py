"""Drifting: a generator that goes where its samples are drawn, with no adversary.

At every step each sample is drawn toward the data near it and pushed from the other samples near it; the generator
learns to make it there. Where samples are distributed as the data, both forces are equal and it rests. What diffusion
does in a hundred steps of sampling is done in training; a sample is one call.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Player
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.adversarial.generator import Generator

__all__ = ["Drifting", "drift", "sinkhorn_drift"]

Kernel = Literal["laplace", "gauss", "sinkhorn"]
NARROW = 0.6  # the progress at which widths have come down
Near = tuple[Bool[Tensor, "n m"], Bool[Tensor, "n n"]]


def drift(
    x: Float[Tensor, "n d"],
    data: Float[Tensor, "m d"],
    width: float,
    *,
    kernel: Kernel = "laplace",
    near: Near | None = None,
) -> Float[Tensor, "n d"]:
    """Where samples are drawn by data and pushed by each other,

    $$ V(x_i) = \\sum_j w_{ij} y_j - \\sum_{j \\ne i} \\tilde w_{ij} x_j, \\qquad
       w_{ij} = \\frac{k(x_i, y_j)}{\\sum_l k(x_i, y_l)}, \\quad
       \\tilde w_{ij} = \\frac{k(x_i, x_j)}{\\sum_{l \\ne i} k(x_i, x_l)}, $$

    with k = exp(−‖x − y‖ / h), or exp(−‖x − y‖² / 2h²). With the latter V / h² is the difference of the scores of data
    and samples, both blurred by h.

    Args:
        x: The samples.
        data: Rows of data, as many or not.
        width: h.
        kernel: "laplace" or "gauss".
        near: Which data (n, m) and which other samples (n, n) a sample sees; by default all. One that sees none of
            either stays where it is.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> drift(x, torch.tensor([[2.0]]), width=1.0)
        tensor([[1.],
                [2.]])

    References:
        Deng, Li, Li, Du & He, 2026, "Generative modeling via drifting", arXiv:2602.04770
    """
    itself = torch.eye(len(x), dtype=torch.bool, device=x.device)
    of_data, of_samples = (_logits(torch.cdist(x, rows), width, kernel) for rows in (data, x))
    of_samples = of_samples.masked_fill(itself if near is None else itself | ~near[1], -math.inf)
    if near is not None:
        of_data = of_data.masked_fill(~near[0], -math.inf)
    there = (of_data.amax(1, keepdim=True) > -math.inf) & (of_samples.amax(1, keepdim=True) > -math.inf)
    moved = of_data.softmax(1).nan_to_num() @ data - of_samples.softmax(1).nan_to_num() @ x
    return torch.where(there, moved, 0.0)


def _logits(distance: Tensor, width: float, kernel: Kernel) -> Tensor:
    return -distance / width if kernel == "laplace" else -distance.square() / (2 * width**2)


def sinkhorn_drift(
    x: Float[Tensor, "n d"], data: Float[Tensor, "m d"], width: float, *, steps: int = 40
) -> Float[Tensor, "n d"]:
    """Where smooth transport takes samples, less where it takes them to themselves,

    $$ V(x_i) = n \\sum_j \\pi_{ij} y_j - n \\sum_j \\tilde \\pi_{ij} x_j, $$

    with π the plan from samples to data of least E‖x − y‖² + 2 h² KL, and π̃ that from samples to samples. It is −n/2
    times the gradient of the Sinkhorn divergence, so it is zero only where the laws are equal: a plan gives every row
    of data its mass, where kernels look no further than they reach, and let modes be too heavy or too light.

    Args:
        x: The samples.
        data: Rows of data, as many or not.
        width: h.
        steps: Sinkhorn's steps; the entropy's price comes down to 2 h² along the first half of them.

    Example:
        >>> x = torch.tensor([[0.0], [0.1]])
        >>> sinkhorn_drift(x, torch.tensor([[1.0], [2.0]]), width=0.01).round(decimals=2)
        tensor([[1.0000],
                [1.9000]])

    References:
        Feydy et al., 2019, "Interpolating between optimal transport and MMD using Sinkhorn divergences",
        arXiv:1810.08278
    """
    return _carried(x, data, 2 * width**2, steps) - _carried(x, x, 2 * width**2, steps)


def _carried(x: Tensor, rows: Tensor, price: float, steps: int) -> Tensor:
    """Where the plan from x to rows takes x on average."""
    cost = torch.cdist(x, rows).square()
    g, high = cost.new_zeros(len(rows)), max(price, cost.mean().item())
    for step in range(steps):
        at = max(price, high * (price / high) ** (2 * (step + 1) / steps))
        f = -at * (((g - cost) / at).logsumexp(1) - math.log(len(rows)))
        g = -at * (((f[:, None] - cost) / at).logsumexp(0) - math.log(len(x)))
    return ((g - cost) / price).softmax(1) @ rows


class Drifting(Generator):
    """A generator G that learns to make each of its samples where the drift of several widths h takes it,

    $$ L = \\mathbb E \\Bigl\\|G(z) - \\Bigl[G(z) + \\sum_h V_h(G(z))\\Bigr]_{stop}\\Bigr\\|^2, $$

    where V is found among the rows of a batch. Widths are in units of the data, and may begin larger, for data far off
    to be felt. The value of L is the square of what is left of the drift.

    Args:
        space: What one x is.
        given_space: What the generator is conditioned on, if anything: classes. A sample is drawn by data of its own
            class and pushed by samples of its own class; one of no class is drawn by all.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        widths: The h.
        wider: How many times as wide they begin; they come down to themselves geometrically in the first 60 % of the
            training.
        kernel: "laplace" or "gauss"; "sinkhorn" takes the drift from plans of transport, for models without a
            condition.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If a width is not positive, or a condition is no class.

    Example:
        >>> from genzoo.nn import MLP
        >>> model = Drifting(Space((2,)), None, MLP(8, [32], 2), latent=8)
        >>> model.loss(Batch(torch.zeros(16, 2))).requires_grad
        True

    References:
        Deng, Li, Li, Du & He, 2026, "Generative modeling via drifting", arXiv:2602.04770
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        generator: nn.Module,
        *,
        widths: Sequence[float] = (0.02, 0.05, 0.2),
        wider: float = 1.0,
        kernel: Kernel = "laplace",
        latent: int = 128,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, generator, latent=latent, drop_given=drop_given)
        if not widths or min(widths) <= 0 or wider < 1:
            raise ValueError(
                f"Widths must be positive and begin no smaller, got {list(widths)}, {wider:g} times as wide. Set "
                "widths=[0.05], wider=1."
            )
        if any(each.shape or not each.is_discrete for each in self.given_space.values()):
            raise ValueError(
                f"A sample drifts among rows of its own class, so conditions must be classes, got {self.given_space}. "
                "Name columns of classes, or take a model with a critic."
            )
        if kernel == "sinkhorn" and self.given_space:
            raise ValueError(
                f"Transport of all samples to all rows has no condition, got {sorted(self.given_space)}. Take another "
                "kernel, or train without a condition."
            )
        self.widths, self.wider, self.kernel = tuple(widths), wider, kernel

    def players(self) -> Sequence[Player]:
        return [replace(player, after=self.follow) for player in super().players()]

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        given = self.training_given(batch)
        x = self.generate(self.latent_of(batch), given).flatten(1)
        with torch.no_grad():
            moved = self.moved(x.detach(), self.numbers.of(batch.x).flatten(1), batch, given)
        return (x - moved).square().sum(1).mean()

    def moved(
        self, x: Float[Tensor, "B D"], data: Float[Tensor, "B D"], batch: Batch, given: Given
    ) -> Float[Tensor, "B D"]:
        """Where the drift takes samples."""
        widen = self.wider ** max(0.0, 1 - batch.progress / NARROW)
        if self.kernel == "sinkhorn":
            return x + sum(sinkhorn_drift(x, data, h * widen) for h in self.widths)
        near = _alike(given, self.given_of(batch)) if given else None
        return x + sum(drift(x, data, h * widen, kernel=self.kernel, near=near) for h in self.widths)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, widths={list(self.widths)}, {self.kernel}"


def _alike(given: Given, of_data: Given) -> Near:
    """Which rows of data have a sample's classes, those that it lacks aside; and which samples have just these."""
    n = len(next(iter(given.values())))
    data = samples = torch.ones(n, n, dtype=torch.bool, device=next(iter(given.values())).device)
    for name, rows in given.items():
        data = data & ((rows[:, None] == of_data[name]) | (rows[:, None] < 0))
        samples = samples & (rows[:, None] == rows)
    return data, samples
