"""Continuous-time diffusion of mixed rows: numbers in Gaussian noise, levels masked, each column at its own rate."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.mixed import Mixed, Parts
from genzoo.models.diffusion.time import spread

__all__ = ["TabDiff"]

LEAST, MOST = 0.002, 80.0  # noise, in standard deviations
FIRST = 1e-5  # the first time that is looked at


class TabDiff(Mixed):
    """Numbers and levels of a row are lost together, each column at a rate of its own,

    $$ q(z_t | z) = N(z, \\sigma_i(t)^2), \\qquad q(x_t = \\mathrm{mask} | x) = t^{k_j}, $$
    $$ \\sigma_i(t)^{1/\\rho_i} = \\sigma_0^{1/\\rho_i} + t\\,(\\sigma_1^{1/\\rho_i} - \\sigma_0^{1/\\rho_i}). $$

    One network says what was lost: numbers D by way of Karras' preconditioning, and the levels behind masks. Training
    lowers a weighted squared error and a weighted cross entropy,

    $$ \\mathbb E_t \\Big[\\tfrac1N \\sum_i \\tfrac{\\sigma_i^2 + 1}{\\sigma_i^2} (z_i - D_i)^2
       + \\tfrac1C \\sum_j \\tfrac{k_j}{t}\\,1[\\mathrm{mask}]\\,(-\\log \\hat p(x_j))\\Big], $$

    and the bound that `log_prob` draws has the weight σ′/σ³ in place of the first, and sums in place of means. The
    paper learns the rates by the gradient of its loss, which does not reach them through masks; here they are told.

    Args:
        space: As of `Mixed`.
        given_space: What the model is conditioned on, if anything.
        powers: ρ, of all columns of numbers or of each.
        rates: k, of all columns of levels or of each.
        width: The units of a hidden layer.
        depth: Hidden layers.
        drop_given: As of `Mixed`.
        sampling_steps: In how many steps rows are drawn, where `sample` is not told otherwise.

    Raises:
        ValueError: If rows are not flat, or powers are not positive or not as many as the columns.

    Example:
        >>> from genzoo.core import Column
        >>> model = TabDiff(Space((2,), columns=(Column("real"), Column("categorical", 3))), width=16)
        >>> model.sample(4, seed=0, steps=5).shape
        torch.Size([4, 2])

    References:
        Shi et al., 2025, "TabDiff: a mixed-type diffusion model for tabular data generation", arXiv:2410.20626
        Karras, Aittala, Aila & Laine, 2022, "Elucidating the design space …", arXiv:2206.00364 (numbers)
        Sahoo et al., 2024, "Simple and effective masked diffusion language models", arXiv:2406.07524 (levels)
        Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630 (the bound)
    """

    powers: Tensor
    rates: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        powers: float | Sequence[float] = 7.0,
        rates: float | Sequence[float] = 1.0,
        width: int = 256,
        depth: int = 3,
        drop_given: float = 0.0,
        sampling_steps: int = 50,
    ) -> None:
        super().__init__(space, given_space, width=width, depth=depth, drop_given=drop_given)
        self.sampling_steps = sampling_steps
        told = {"powers": (powers, self.number_entries), "rates": (rates, self.level_entries)}
        for name, (values, entries) in told.items():
            each = [values] * len(entries) if isinstance(values, int | float) else list(values)
            if len(each) != len(entries) or any(value <= 0 for value in each):
                raise ValueError(f"`{name}` must be positive, one or {len(entries)} of them, got {values}.")
            self.register_buffer(name, torch.tensor(each))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x, given = self.seen(batch)
        t = spread(len(batch), batch.noise.at("time")).to(self.dtype).clamp_min(FIRST)
        sigma, error, cross = self.compared(x, t, given, batch.noise)
        terms = []
        if self.number_entries:
            terms.append(((sigma.square() + 1) / sigma.square() * error.square()).mean(1))
        if self.counts:
            terms.append((self.rates / t[:, None] * cross).mean(1))
        return torch.stack(terms).sum(0).mean()

    def lowers(self) -> Objective:
        return Objective("weighted squared error of the numbers + weighted cross entropy of masked levels")

    def log_density(
        self, x: Shaped[Tensor, "B D"], given: Given, noise: Noise, *, samples: int = 8
    ) -> Float[Tensor, " B"]:
        if samples < 1:
            raise ValueError(f"`samples` must be at least 1, got {samples}.")
        parts, total = self.parts(x), torch.zeros(len(x), dtype=self.dtype, device=x.device)
        for k in range(samples):
            page = noise.at("level", k)
            t = ((k + page.uniform(len(x), dtype=torch.float64)) / samples).to(self.dtype).clamp_min(FIRST)
            sigma, error, cross = self.compared(parts, t, given, page)
            if self.number_entries:
                total = total + (self.slope(t) / sigma**3 * error.square()).sum(1)
            if self.counts:
                total = total + (self.rates / t[:, None] * cross).sum(1)
        return -total / samples - self.ends(parts.numbers)

    def ends(self, z: Float[Tensor, "B N"]) -> Float[Tensor, " B"]:
        """What is left of the numbers in the most noise, and −log p of them given what is left in the least."""
        var = MOST**2
        left = (z.square() - 1) / (2 * (var + 1)) + math.log1p(1 / var) / 2
        return (left + math.log(LEAST) + (1 + math.log(2 * math.pi)) / 2).sum(1)

    def sigma(self, t: Float[Tensor, " B"]) -> Float[Tensor, "B N"]:
        """The noise in each column of numbers."""
        base, step = self._line()
        return (base + t[:, None] * step) ** self.powers

    def slope(self, t: Float[Tensor, " B"]) -> Float[Tensor, "B N"]:
        """dσ/dt."""
        base, step = self._line()
        return self.powers * step * (base + t[:, None] * step) ** (self.powers - 1)

    def _line(self) -> tuple[Tensor, Tensor]:
        """σ₀^(1/ρ), and σ₁^(1/ρ) less that."""
        base = LEAST ** (1 / self.powers)
        return base, MOST ** (1 / self.powers) - base

    def compared(
        self, x: Parts, t: Float[Tensor, " B"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B N"], Float[Tensor, "B N"], Float[Tensor, "B C"]]:
        """How much noise there is, the errors of numbers, and −log p̂ of the levels behind masks."""
        numbers, levels = x
        sigma = self.sigma(t) if self.number_entries else numbers
        drawn = noise.at("noise").normal(*numbers.shape, dtype=self.dtype)
        u = noise.at("masks").uniform(*levels.shape, dtype=self.dtype)
        masked = u < t[:, None] ** self.rates
        now = levels.masked_fill(masked, -1)
        mean, log_p = self.denoised(Parts(numbers + sigma * drawn, now), sigma, t, given)
        cross = [-p.gather(1, level[:, None]).squeeze(1) for p, level in zip(log_p, levels.T, strict=True)]
        told = torch.stack(cross, 1) * masked if cross else levels.to(self.dtype)
        return sigma, mean - numbers, told

    def denoised(
        self, x: Parts, sigma: Float[Tensor, "_ N"], t: Float[Tensor, " B"], given: Given
    ) -> tuple[Float[Tensor, "B N"], list[Tensor]]:
        """E[z | x_t] of the numbers, and the log-probabilities of levels."""
        size = (sigma.square() + 1).sqrt()
        said, log_p = self.said(x.numbers / size, x.levels, t, given)
        return x.numbers / size.square() + sigma / size * said, log_p

    def draw(
        self, n: int, given: Given, noise: Noise, *, steps: int | None = None, fresh: float = 0.3
    ) -> Shaped[Tensor, "n D"]:
        """Samples, step by step.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            steps: How many steps, of two calls of the network; by default those of the model.
            fresh: By how much of a step time goes back before it, with fresh noise and masks; 0 for none.
        """
        steps = self.sampling_steps if steps is None else steps
        if steps < 1 or fresh < 0:
            raise ValueError(f"`steps` must be at least 1 and `fresh` not negative, got {steps} and {fresh}.")
        numbers = noise.at("start").normal(n, len(self.number_entries), dtype=self.dtype) * MOST
        x = Parts(numbers, torch.full((n, len(self.counts)), -1, device=self.device))
        for number in range(steps, 0, -1):
            back = min(1.0, (number + (fresh if number < steps else 0.0)) / steps)
            x = self.step(x, (number / steps, back, (number - 1) / steps), given, noise.at("step", number))
        return self.joined(x)

    def step(self, x: Parts, times: tuple[float, float, float], given: Given, noise: Noise) -> Parts:
        """A step from a time to an earlier one, by way of a later one, Heun's of numbers; the last leaves no noise."""
        now, back, then = torch.tensor(times, dtype=self.dtype, device=self.device)[:, None].unbind()
        numbers, levels = x
        u = noise.at("masks").uniform(*levels.shape, 2, dtype=torch.float64)
        kept_now, kept, kept_then = ((1 - t**self.rates).double() for t in (now, back, then))
        levels = levels.masked_fill(u[..., 0] * kept_now < kept_now - kept, -1)
        sigma = numbers
        if self.number_entries:
            before, sigma = self.sigma(now), self.sigma(back)
            drawn = noise.at("fresh").normal(*numbers.shape, dtype=self.dtype)
            numbers = numbers + (sigma.square() - before.square()).clamp_min(0).sqrt() * drawn
        mean, log_p = self.denoised(Parts(numbers, levels), sigma, back.expand(len(levels)), given)
        drawn_levels = [noise.at("level", j).categorical(p.double()) for j, p in enumerate(log_p)]
        told = (levels < 0) & (u[..., 1] * (1 - kept) < kept_then - kept)
        levels = torch.where(told, torch.stack(drawn_levels, 1), levels) if drawn_levels else levels
        if times[2] == 0 or not self.number_entries:
            return Parts(mean, levels)
        slope, length = (numbers - mean) / sigma, self.sigma(then) - sigma
        ahead = numbers + length * slope
        again = self.denoised(Parts(ahead, levels), sigma + length, then.expand(len(levels)), given)[0]
        return Parts(numbers + length * (slope + (ahead - again) / (sigma + length)) / 2, levels)
