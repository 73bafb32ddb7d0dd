"""TabDDPM: Gaussian noise on numbers, random levels on categories, one network that takes both back."""

import itertools
import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import one_hot

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.discrete import Discrete
from genzoo.models.diffusion.mixed import Mixed, Parts

__all__ = ["TabDDPM"]

FARTHEST = 6.0  # a normal score that no table reaches


class TabDDPM(Mixed):
    """A chain of T steps in which numbers drown in Gaussian noise and levels are drawn anew, uniformly,

    $$ q(z_t | z) = N(\\alpha_t z, \\sigma_t^2), \\qquad q(x_t | x) = \\alpha_t^2\\, 1_x + (1 - \\alpha_t^2)/K. $$

    The network says the noise of the numbers and the levels $\\hat x$. A step back from t to s is the posterior of
    either with that in place of the data, $q(x_s | x_t, x) \\propto q(x_t | x_s)\\, q(x_s | x)$. Training lowers the
    mean squared error of the noise and the mean of T KL(q ‖ p) over columns of levels; `log_prob` is the bound, the
    sum of both variational bounds over the steps, of which it draws some,

    $$ \\log p \\ge \\log p(z | z_1) - L_T - \\sum_t \\Big[\\tfrac12
       \\Big(\\frac{\\alpha_s^2}{\\sigma_s^2} - \\frac{\\alpha_t^2}{\\sigma_t^2}\\Big) \\|z - \\hat z\\|^2
       + \\sum_j KL(q \\| p)_j\\Big]. $$

    Args:
        space: As of `Mixed`.
        given_space: What the model is conditioned on, if anything.
        steps: T.
        width: The units of a hidden layer.
        depth: Hidden layers.
        drop_given: As of `Mixed`.

    Raises:
        ValueError: If rows are not flat, or there is a single step.

    Example:
        >>> from genzoo.core import Column
        >>> model = TabDDPM(Space((2,), columns=(Column("real"), Column("categorical", 3))), width=16, steps=10)
        >>> model.sample(4, seed=0).shape, model.log_prob(model.sample(4, seed=0)).shape
        (torch.Size([4, 2]), torch.Size([4]))

    References:
        Kotelnikov, Baranchuk, Rubachev & Babenko, 2023, "TabDDPM: modelling tabular data with diffusion models",
        arXiv:2209.15421
        Hoogeboom et al., 2021, "Argmax flows and multinomial diffusion", arXiv:2102.05379
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        steps: int = 100,
        width: int = 256,
        depth: int = 3,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space, width=width, depth=depth, drop_given=drop_given)
        if steps < 2:
            raise ValueError(f"A chain must have at least 2 steps, got {steps}. Take 100.")
        self.steps = steps
        self.alphas: Float[Tensor, " T+1"] = Discrete.cosine(steps).table

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x, given = self.seen(batch)
        n = len(batch)
        step = 1 + batch.noise.at("time").integers(self.steps, n)
        error, _, far = self.compared(x, step, given, batch.noise)
        terms = [error.square().mean(1)] if self.number_entries else []
        terms += [self.steps * torch.stack(far, 1).mean(1)] if far else []
        return torch.stack(terms).sum(0).mean()

    def lowers(self) -> Objective:
        return Objective("squared error of the noise + KL of the chain of levels")

    def log_density(
        self, x: Shaped[Tensor, "B D"], given: Given, noise: Noise, *, samples: int = 8
    ) -> Float[Tensor, " B"]:
        if samples < 1:
            raise ValueError(f"`samples` must be at least 1, got {samples}.")
        parts, total = self.parts(x), torch.zeros(len(x), dtype=self.dtype, device=x.device)
        for k in range(samples):  # one step in each of as many equal parts of the chain
            page = noise.at("step", k)
            place = (k + page.uniform(len(x), dtype=torch.float64)) / samples
            step = 1 + (place * self.steps).long().clamp_max(self.steps - 1)
            error, gain, far = self.compared(parts, step, given, page)
            bound = gain[:, None] * error.square() if self.number_entries else error
            total = total + bound.sum(1) + sum(far, torch.zeros_like(total))
        return -self.steps * total / samples - self.ends(parts)

    def compared(
        self, x: Parts, step: Int[Tensor, " B"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, " B"], list[Tensor]]:
        """Of a step of each row: the error of the noise, what its square costs in the bound, KL(q ‖ p) of levels."""
        alpha, before = self.signal(step), self.signal(step - 1)
        sigma = (1 - alpha.square()).sqrt()
        drawn = noise.at("noise").normal(*x.numbers.shape, dtype=self.dtype)
        levels = self.noised(x.levels, alpha, noise.at("levels"))
        numbers = alpha[:, None] * x.numbers + sigma[:, None] * drawn
        said, log_p = self.said(numbers, levels, step / self.steps, given)
        ratio = (before / alpha * sigma).square() / (1 - before.square()).clamp_min(1e-12)
        gain = torch.where(step > 1, 0.5 * (ratio - 1), 0)
        far = []
        for hot, now, log_said, count in zip(self.hot(x.levels), levels.T, log_p, self.counts, strict=True):
            truth, guess = (self.posterior(now, p, alpha, before, count) for p in (hot, log_said.exp()))
            kl = truth * (truth.clamp_min(1e-30).log() - guess.clamp_min(1e-30).log())
            far.append(kl.sum(1))
        return said - drawn, gain, far

    def ends(self, x: Parts) -> Float[Tensor, " B"]:
        """What is left of the data at the last step, and −log p of the numbers given the first."""
        alpha, first = self.alphas[-1].item(), self.alphas[1].item()
        left = (alpha**2 * (x.numbers.square() - 1) - math.log1p(-(alpha**2))) / 2
        fit = math.log(math.sqrt(1 - first**2) / first) + (1 + math.log(2 * math.pi)) / 2
        lost = 0.0
        for count in self.counts:
            high, low = alpha**2 + (1 - alpha**2) / count, (1 - alpha**2) / count
            lost += high * math.log(high * count) + (count - 1) * low * math.log(max(low * count, 1e-300))
        return (left + fit).sum(1) + lost

    def draw(self, n: int, given: Given, noise: Noise, *, steps: int | None = None) -> Shaped[Tensor, "n D"]:
        """Samples, step by step.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            steps: How many of the chain's steps are taken; by default all.
        """
        count = min(steps or self.steps, self.steps)
        if count < 1:
            raise ValueError(f"`steps` must be at least 1, got {steps}.")
        start = noise.at("start")
        numbers = start.normal(n, len(self.number_entries), dtype=self.dtype)
        sizes = torch.tensor(self.counts, dtype=torch.float64, device=self.device)
        levels = (start.at("levels").uniform(n, len(self.counts), dtype=torch.float64) * sizes).long()
        passed = torch.linspace(self.steps, 0, count + 1).round().long().tolist()
        for number, (now, then) in enumerate(itertools.pairwise(passed)):
            numbers, levels = self.step(Parts(numbers, levels), now, then, given, noise.at("step", number))
        return self.joined(Parts(numbers, levels))

    def step(self, x: Parts, now: int, then: int, given: Given, noise: Noise) -> Parts:
        """A step back."""
        n = len(x.levels)
        alpha, before = (self.signal(torch.full((n,), at, device=self.device)) for at in (now, then))
        t = torch.full((1,), now / self.steps, dtype=self.dtype, device=self.device).expand(n)
        said, log_p = self.said(*x, t, given)
        var, var_before = 1 - alpha.square(), 1 - before.square()
        mean = ((x.numbers - var.sqrt()[:, None] * said) / alpha[:, None]).clamp(-FARTHEST, FARTHEST)
        kept = alpha / before
        fresh = var - kept.square() * var_before
        a, b, spread = kept * var_before / var, before * fresh / var, (var_before * fresh / var).clamp_min(0).sqrt()
        drawn = noise.at("numbers").normal(*x.numbers.shape, dtype=self.dtype)
        numbers = a[:, None] * x.numbers + b[:, None] * mean + spread[:, None] * drawn
        new = [
            noise.at("level", j).categorical(self.posterior(level, p.exp(), alpha, before, count).double().log())
            for j, (level, p, count) in enumerate(zip(x.levels.T, log_p, self.counts, strict=True))
        ]
        return Parts(numbers, torch.stack(new, 1) if new else x.levels)

    def noised(self, levels: Int[Tensor, "B C"], alpha: Float[Tensor, " B"], noise: Noise) -> Int[Tensor, "B C"]:
        """Levels of which each is drawn anew with probability 1 − α²."""
        u = noise.uniform(*levels.shape, 2, dtype=torch.float64)
        sizes = torch.tensor(self.counts, dtype=torch.float64, device=self.device)
        return torch.where(u[..., 0] < alpha.square()[:, None], levels, (u[..., 1] * sizes).long())

    def posterior(
        self,
        now: Int[Tensor, " B"],
        p: Float[Tensor, "B K"],
        alpha: Float[Tensor, " B"],
        before: Float[Tensor, " B"],
        count: int,
    ) -> Float[Tensor, "B K"]:
        """q(x_s | x_t, x) with probabilities p in the place of x."""
        kept, clean = (alpha / before).square()[:, None], before.square()[:, None]
        likely = kept * one_hot(now, count) + (1 - kept) / count
        odds = likely * (clean * p + (1 - clean) / count)
        return odds / odds.sum(1, keepdim=True)

    def signal(self, step: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """α of a step, 1 before the first."""
        return self.alphas.to(step.device)[step].to(self.dtype)
