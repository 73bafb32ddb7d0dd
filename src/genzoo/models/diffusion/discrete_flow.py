"""Discrete flow matching: entries jump, one by one, from noise to what the network says of the data.

$$ p_t(x_{t,d} \\mid x) = (1 - t)\\, \\delta_{x_d} + t\\, \\pi, \\qquad
   \\text{a jump at the rate } \\tfrac1t \\text{ to } x' \\sim \\hat p(x_d \\mid x_t), $$

time running from 1, the noise, to 0, the data. A chain in continuous time with this rate carries π to the data where
p̂ is the law of x given x_t: on average over x it moves mass just as the mixtures above do.
"""

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo._random import choose
from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.discrete_model import DiscreteModel
from genzoo.models.diffusion.discrete_noise import Kind, Redrawn
from genzoo.models.diffusion.time import spread

__all__ = ["DiscreteFlow"]


class DiscreteFlow(DiscreteModel):
    """A flow of symbols, from a law that knows no data, along mixtures.

    Training lowers the cross-entropy of the data given x_t, at all times alike, of hidden entries or, where noise may
    look like data, of all,

    $$ L = E_t \\sum_d -\\log \\hat p(x_d \\mid x_t). $$

    In steps of 1/T an entry jumps with probability h = 1/j between the times j/T and (j−1)/T. The bound is that of a
    chain that is told the data, and jumps to them with the same probability:

    $$ -\\log p(x) \\le \\sum_j E \\sum_d KL\\big((1 - h)\\, \\delta_{x_{t,d}} + h\\, \\delta_{x_d} \\,\\|\\,
       (1 - h)\\, \\delta_{x_{t,d}} + h\\, \\hat p\\big). $$

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        net: As of `DiscreteModel`.
        kind: π: "absorbing", all hidden, or "uniform", all symbols alike.
        steps: T, in which rows are drawn and scored where nothing else is asked for.
        drop_given: The share of conditions dropped in training.

    Raises:
        ValueError: If `steps` is not positive, or there is no such noise.

    Example:
        >>> from genzoo.nn import Infilling
        >>> net = Infilling(3, places=5, width=8, depth=1, heads=2, timed=True)
        >>> model = DiscreteFlow(Space((5,), levels=3), None, net, steps=10)
        >>> model.sample(4, seed=0).shape, bool((model.log_prob(model.sample(4, seed=0)) < 0).all())
        (torch.Size([4, 5]), True)

    References:
        Campbell et al., 2024, "Generative flows on discrete state-spaces", arXiv:2402.04997
        Gat et al., 2024, "Discrete flow matching", arXiv:2407.15595
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
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        self.steps, self.redrawn = steps, Redrawn(self.levels, kind)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        tokens, given = self.tokens(batch.x), self.training_given(batch)
        t = spread(len(batch), batch.noise.at("time"))
        x_t = self.redrawn.noised(tokens, 1 - t, batch.noise)
        nats = -self.log_p(x_t, t, given).gather(2, tokens[..., None])[..., 0]
        return (nats * (x_t == self.hidden) if self.redrawn.hides else nats).sum(1).mean()

    def lowers(self) -> Objective:
        return Objective("cross-entropy of the data given what is left of them, nats/row")

    def cost(
        self, tokens: Int[Tensor, "B D"], u: Float[Tensor, " B"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, " B"]:
        count = steps or self.steps
        step = count - (u * count).long().clamp_max(count - 1)
        t = step.to(u) / count
        x_t = self.redrawn.noised(tokens, 1 - t, noise)
        p = self.redrawn.told(x_t, self.log_p(x_t, t, given))
        h = (1 / step.to(p))[:, None]
        right, here = self._of(p, tokens), self._of(p, x_t)
        stays = (1 - h) * ((1 - h).clamp_min(1e-30).log() - (1 - h + h * here).clamp_min(1e-30).log())
        wrong = stays - h * right.clamp_min(1e-30).log()
        kl = torch.where(x_t == tokens, -(1 - h + h * right).clamp_min(1e-30).log(), wrong)
        return count * kl.sum(1)

    def path_log_weight(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, "B 1"]:
        """log of what the model gives a path to each row over what the chain gives it that is told the row.

        Raises:
            ValueError: If noise may look like data: the model may then leave what is right and come back, and the
                chain that is told the row never does, so that the mean of the weights is less than p.
        """
        if not self.redrawn.hides:
            raise ValueError("A flow is bounded from above only where its noise is absorbing, got uniform. Take d3pm.")
        total = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
        x_t, count = self.redrawn.drawn(tokens, noise.at("start")), steps or self.steps
        for step in range(count, 0, -1):
            p, h = self.said(x_t, step / count, given).double(), 1 / step
            jumps = noise.at("step", step).uniform(*tokens.shape, dtype=torch.float64) < h
            there = torch.where(jumps, tokens, x_t)
            model = (1 - h) * (there == x_t) + h * self._of(p, there)
            told = torch.where(x_t == tokens, 1.0, torch.where(jumps, h, 1 - h))
            total, x_t = total + (model.clamp_min(1e-300).log() - told.log()).sum(1), there
        return total[:, None]

    def said(self, x_t: Int[Tensor, "B D"], t: float, given: Given, guidance: float = 0.0) -> Float[Tensor, "B D K"]:
        """p̂ at a time."""
        times = torch.full((len(x_t),), t, device=x_t.device)
        return self.redrawn.told(x_t, self.led(x_t, times, given, guidance))

    def draw(
        self, n: int, given: Given, noise: Noise, *, steps: int | None = None, guidance: float = 0.0
    ) -> Integer[Tensor, "n *event"]:
        """Samples, step by step.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            steps: In how many steps; by default those of the model.
            guidance: How much more the condition counts; 0 is the model.
        """
        count = self.steps if steps is None else steps
        if count < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        tokens = torch.zeros(n, self.space.dims, dtype=torch.long, device=self.device)
        tokens = self.redrawn.drawn(tokens, noise.at("start"))
        for step in range(count, 0, -1):
            u = noise.at("step", step).uniform(*tokens.shape, 2, dtype=torch.float64)
            drawn = choose(self.said(tokens, step / count, given, guidance).double(), u[..., 0], probs=True)
            tokens = torch.where(u[..., 1] * step < 1, drawn, tokens)
        return self.rows(tokens)

    def _of(self, p: Float[Tensor, "B D K"], tokens: Int[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """p of symbols, 0 of hidden ones."""
        found = p.gather(2, tokens.clamp_max(self.levels - 1)[..., None])[..., 0]
        return found * (tokens < self.levels)
