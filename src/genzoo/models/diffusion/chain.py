"""The variational bound of a diffusion in finitely many steps, part by part.

The reverse process is a chain over times t_T > … > t_1,

$$ p(x_{t_{k-1}} \\mid x_{t_k}) = N(\\mu_k(x_{t_k}, \\hat x), v_k I), $$

μ being the mean of the posterior q(x_s | x_t, x) with the model's mean in the place of x. Its bound has a part for
what is left at the end, one for each step, and one for the data given the first level,

$$ -\\log p(x) \\le \\underbrace{KL(q(x_{t_T} \\mid x) \\| p)}_{L_T} + \\sum_k \\underbrace{\\mathbb E\\,
   KL(q(x_s \\mid x_t, x) \\| p(x_s \\mid x_t))}_{L_{k-1}}
   \\underbrace{- \\mathbb E \\log p(x \\mid x_{t_1})}_{L_0}. $$

References:
    Sohl-Dickstein et al., 2015, "Deep unsupervised learning using nonequilibrium thermodynamics", arXiv:1503.03585
    Ho, Jain & Abbeel, 2020, "Denoising diffusion probabilistic models", arXiv:2006.11239
    Bao et al., 2022, "Analytic-DPM: an analytic estimate of the optimal reverse variance", arXiv:2201.06503
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch
from genzoo.core.given import Given, GivenAsked, RowsAsked
from genzoo.core.noise import Noise
from genzoo.models.diffusion.bound import level_log_prob, prior_rate, real_log_prob
from genzoo.models.diffusion.diffusion import Diffusion
from genzoo.models.diffusion.schedule import Moment

__all__ = ["Chain", "Parts"]


class Parts(NamedTuple):
    """The parts of −log p(x) ≤ L_T + Σ L_{k−1} + L_0, nats per row."""

    last: Float[Tensor, " B"]
    steps: Float[Tensor, "B T"]
    first: Float[Tensor, " B"]

    @property
    def total(self) -> Float[Tensor, " B"]:
        """Their sum."""
        return self.last + self.steps.sum(1) + self.first


class Chain:
    """A diffusion as a chain of so many steps.

    Args:
        model: The diffusion.
        steps: T − 1, from its last to its first time; equal in λ.
        spread: v_k: the posterior's own variance, that of noise without data, or learned by `learn`, the best there is
            for the mean that the model has.

    Raises:
        ValueError: If there is no step.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import Cosine, Predicts
        >>> from genzoo.nn import MLP, Timed
        >>> net = Timed(MLP(2, [32], 2, given=16), 16)
        >>> model = Diffusion(Space((2,)), None, net, schedule=Cosine(), predicts=Predicts.NOISE)
        >>> parts = Chain(model, steps=20).parts(torch.zeros(3, 2), seed=0)
        >>> parts.steps.shape, bool((parts.steps >= 0).all())
        (torch.Size([3, 20]), True)
    """

    def __init__(self, model: Diffusion, steps: int, spread: Literal["small", "large"] = "small") -> None:
        if steps < 1:
            raise ValueError(f"A chain needs at least one step, got {steps}. Take 50.")
        self.model = model
        first, last = (end.log_snr.double() for end in model.ends())
        times = model.schedule.time(torch.linspace(last.item(), first.item(), steps + 1, dtype=torch.float64))
        self.times = times.to(model.device, model.dtype)
        posterior, free = (torch.stack([v[i] for v in map(self._variances, range(steps))]) for i in range(2))
        self.variances = posterior if spread == "small" else free

    @torch.no_grad()
    def learn(self, batches: Iterable[Batch]) -> None:
        """Takes the variances under which the bound of some rows is least: the posterior's, and that of its mean.

        Args:
            batches: Rows to learn from.
        """
        found, rows = torch.zeros_like(self.variances), 0
        for batch in batches:
            x, given = self.model.numbers.of(batch.x), self.model.given_of(batch)
            for k, error in enumerate(self._errors(x, given, batch.noise.at("chain"))):
                found[k] += error.flatten(1).square().mean(1).sum()
            rows += len(x)
        posterior = torch.stack([self._variances(k)[0] for k in range(len(self.variances))])
        self.variances = posterior + found / max(1, rows)

    @torch.no_grad()
    def parts(self, x: RowsAsked, given: GivenAsked = None, *, seed: int = 0) -> Parts:
        """The parts of the bound, each from one draw of the noise.

        Args:
            x: Rows of data.
            given: Their conditions.
            seed: Names the noise.
        """
        model, noise = self.model, Noise(seed, "chain", device=self.model.device)
        rows = model.checked(x)
        y, condition = model.numbers.of(rows), model.checked_given(given, len(rows))
        steps = []
        for k, error in enumerate(self._errors(y, condition, noise)):
            posterior, v = self._variances(k)[0], self.variances[k]
            spread = (posterior / v - 1 - (posterior / v).log()) * y[0].numel()
            steps.append((error.flatten(1).square().sum(1) / v + spread) / 2)
        first, last = model.schedule.at(self.times[-1]), model.schedule.at(self.times[0])
        if model.space.is_discrete:
            x_t = first.mix(y, noise.at("first").normal(*y.shape, dtype=y.dtype))
            fit = level_log_prob(rows, x_t, first, model.log_share)
        else:
            fit = real_log_prob(y, first)
        return Parts(prior_rate(y, last), torch.stack(steps, 1), -fit)

    def _errors(self, x: Tensor, given: Given, noise: Noise) -> Iterable[Tensor]:
        """By how much the mean of each step misses that of the posterior, from the noisiest on."""
        for k in range(len(self.variances)):
            at_t, at_s = self._ends(k)
            x_t = at_t.mix(x, noise.at(k).normal(*x.shape, dtype=x.dtype))
            yield self._weight(at_t, at_s) * (x - self.model.mean(x_t, at_t.t, given))

    def _ends(self, k: int) -> tuple[Moment, Moment]:
        return self.model.schedule.at(self.times[k]), self.model.schedule.at(self.times[k + 1])

    def _variances(self, k: int) -> tuple[Tensor, Tensor]:
        """Of x_s given x_t and x, and of the noise added between."""
        at_t, at_s = self._ends(k)
        added = at_t.sigma.square() - (at_t.alpha / at_s.alpha * at_s.sigma).square()
        return added * at_s.sigma.square() / at_t.sigma.square(), added * (at_s.alpha / at_t.alpha).square()

    def _weight(self, at_t: Moment, at_s: Moment) -> Tensor:
        added = at_t.sigma.square() - (at_t.alpha / at_s.alpha * at_s.sigma).square()
        return at_s.alpha * added / at_t.sigma.square()
