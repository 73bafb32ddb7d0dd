"""D3PM: a chain of T steps of noise on symbols, and a network that leads it back.

$$ q(x_t \\mid x_s) = a\\, 1 + (1 - a)\\, \\pi, \\qquad
   p(x_s \\mid x_t) = \\prod_d \\sum_k \\hat p(x_d = k \\mid x_t)\\; q(x_{s,d} \\mid x_{t,d}, x_d = k). $$
"""

import itertools

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import one_hot

from genzoo._random import choose
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.discrete import Discrete
from genzoo.models.diffusion.discrete_model import DiscreteModel
from genzoo.models.diffusion.discrete_noise import Kind, Redrawn

__all__ = ["D3PM"]

FLOOR = 1e-30


class D3PM(DiscreteModel):
    """A denoising diffusion of symbols in discrete time, whose transition matrices hide or draw anew.

    The bound is the chain's, step by step,

    $$ \\log p(x) \\ge -KL(q(x_T \\mid x) \\,\\|\\, \\pi)
       - \\sum_{t=1}^T E\\, KL\\big(q(x_{t-1} \\mid x_t, x) \\,\\|\\, p(x_{t-1} \\mid x_t)\\big), $$

    the first step being $-\\log p(x \\mid x_1)$. With more steps the bound of absorbing noise goes to that of
    `MaskedDiffusion`.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        net: As of `DiscreteModel`; the time that it is told is t / T.
        kind: "absorbing", hidden at an even rate, or "uniform", drawn anew along a quarter circle.
        steps: T.
        drop_given: The share of conditions dropped in training.

    Raises:
        ValueError: If there are fewer than 2 steps, or there is no such noise.

    Example:
        >>> from genzoo.nn import Infilling
        >>> net = Infilling(3, places=5, width=8, depth=1, heads=2, timed=True)
        >>> model = D3PM(Space((5,), levels=3), None, net, steps=10)
        >>> model.sample(4, seed=0, steps=5).shape, bool((model.log_prob(model.sample(4, seed=0)) < 0).all())
        (torch.Size([4, 5]), True)

    References:
        Austin et al., 2021, "Structured denoising diffusion models in discrete state-spaces", arXiv:2107.03006
        Hoogeboom et al., 2021, "Argmax flows and multinomial diffusion", arXiv:2102.05379
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        net: nn.Module,
        *,
        kind: Kind = "uniform",
        steps: int = 100,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, net, drop_given=drop_given)
        if steps < 2:
            raise ValueError(f"A chain must have at least 2 steps, got {steps}. Take 100.")
        self.steps, self.redrawn = steps, Redrawn(self.levels, kind)
        even = 1 - torch.arange(steps + 1, dtype=torch.float64) / steps
        self.alphas = even if self.redrawn.hides else Discrete.cosine(steps).table.double().square()

    def times(self, steps: int | None) -> Int[Tensor, " times"]:
        """The times that are passed, T first and 0 last."""
        count = min(steps or self.steps, self.steps)
        if count < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        return torch.linspace(self.steps, 0, count + 1, dtype=torch.float64).round().long()

    def cost(
        self, tokens: Int[Tensor, "B D"], u: Float[Tensor, " B"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, " B"]:
        times = self.times(steps)
        count = len(times) - 1
        step = (u.cpu() * count).long().clamp_max(count - 1)
        now, then = times[step], times[step + 1]
        alpha, before = self.alphas[now].to(u), self.alphas[then].to(u)
        x_t = self.redrawn.noised(tokens, alpha, noise)
        said = self.log_p(x_t, (now / self.steps).to(tokens.device), given)
        hot = one_hot(tokens, self.levels).to(said)
        truth = self.redrawn.posterior(x_t, hot, alpha / before, before)
        guess = self.redrawn.posterior(x_t, self.redrawn.told(x_t, said), alpha / before, before)
        kl = truth * (truth.clamp_min(FLOOR).log() - guess.clamp_min(FLOOR).log())
        return count * kl.sum((1, 2)) + self.left()

    def left(self) -> float:
        """KL(q(x_T | x) ‖ π): what is left of the data at the last step, the same for every row."""
        if self.redrawn.hides:
            return 0.0
        law = self.redrawn.matrix(float(self.alphas[-1]))[0]
        return float((law * (law * self.levels).log()).sum()) * self.space.dims

    def path_log_weight(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, "B 1"]:
        """log p(x_0, …, x_T) − log q(x_1, …, x_T | x_0) of a path of noise that is drawn for each row."""
        path, total = [tokens], torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
        times = self.times(steps).tolist()
        for number, (now, then) in enumerate(itertools.pairwise(times[::-1])):
            kept = self.alphas[then] / self.alphas[now]
            path.append(self.redrawn.noised(path[-1], kept.expand(len(tokens)).to(total), noise.at("noised", number)))
            moves = self.redrawn.matrix(float(kept)).to(total)[path[-2], path[-1]]
            total = total - moves.log().sum(1)
        total = total + self.redrawn.law(total)[path[-1]].log().sum(1)
        for (now, then), x_t, x_s in zip(itertools.pairwise(times), path[::-1], path[-2::-1], strict=False):
            law = self.back(x_t, now, then, given)
            total = total + law.double().gather(2, x_s[..., None])[..., 0].clamp_min(FLOOR).log().sum(1)
        return total[:, None]

    def back(
        self, x_t: Int[Tensor, "B D"], now: int, then: int, given: Given, guidance: float = 0.0
    ) -> Float[Tensor, "B D S"]:
        """p(x_s | x_t) from one time to an earlier one."""
        kept, before = self.alphas[now] / self.alphas[then], self.alphas[then]
        t = torch.full((len(x_t),), now / self.steps, device=x_t.device)
        p = self.redrawn.told(x_t, self.led(x_t, t, given, guidance))
        return self.redrawn.posterior(x_t, p, kept.expand(len(x_t)).to(p), before.expand(len(x_t)).to(p))

    def draw(
        self, n: int, given: Given, noise: Noise, *, steps: int | None = None, guidance: float = 0.0
    ) -> Integer[Tensor, "n *event"]:
        """Samples, step by step.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            steps: How many of the chain's steps are taken; by default all.
            guidance: How much more the condition counts; 0 is the model.
        """
        tokens = torch.zeros(n, self.space.dims, dtype=torch.long, device=self.device)
        tokens = self.redrawn.drawn(tokens, noise.at("start"))
        for number, (now, then) in enumerate(itertools.pairwise(self.times(steps).tolist())):
            law = self.back(tokens, now, then, given, guidance)
            u = noise.at("step", number).uniform(*tokens.shape, dtype=torch.float64)
            tokens = choose(law.double(), u, probs=True)
        return self.rows(tokens)
