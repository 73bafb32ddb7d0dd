"""Masked diffusion: entries are hidden one by one, and a network says what is hidden.

$$ q(x_t \\mid x): \\text{ each entry hidden with probability } t, \\qquad
   -\\log p(x) \\le \\int_0^1 \\frac1t\\, E \\sum_{d \\text{ hidden}} -\\log \\hat p(x_d \\mid x_t)\\, dt. $$

How fast entries are hidden does not matter, for only their order does: with k of D hidden at random, the integral is

$$ \\sum_{k=1}^D \\frac1k\\, E \\sum_{d \\text{ hidden}} -\\log \\hat p(x_d \\mid \\text{the others}), $$

the mean over all orders of what an autoregressive model of that order would say. So the same model fills in whatever
is missing, in any order, and draws several entries at a time where it is to be quick.
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.abilities import Imputation
from genzoo.models.diffusion.discrete_masked import Masked, left
from genzoo.models.diffusion.discrete_samplers import RandomOrder, Unmasking, ranked

__all__ = ["Infilled", "MaskedDiffusion"]


class MaskedDiffusion(Masked):
    """Symbols that are hidden and told.

    In T steps, groups of entries are told together: with $D_0 = D, …, D_T = 0$ hidden before each,

    $$ -\\log p_T(x) \\le \\sum_{j=1}^T \\frac{D_{j-1} - D_j}{D_{j-1}}
       E \\sum_{d \\text{ hidden}} -\\log \\hat p(x_d \\mid \\text{the others}), $$

    of which T = D is the bound above. `log_prob` draws it, `steps` being T; `bracket` bounds p from above, too.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        net: As of `DiscreteModel`; the time that it is told is the share of hidden entries.
        drop_given: The share of conditions dropped in training.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.nn import Infilling
        >>> net = Infilling(27, places=12, width=16, depth=1, heads=2)
        >>> model = MaskedDiffusion(Space((12,), levels=27), None, net)
        >>> x = model.sample(5, seed=0, steps=4, prefix=torch.tensor([3, 1]))
        >>> x[:, :2].unique(dim=0).tolist(), bool((model.log_prob(x, steps=4) < 0).all())
        ([[3, 1]], True)

    References:
        Sahoo et al., 2024, "Simple and effective masked diffusion language models", arXiv:2406.07524
        Shi et al., 2024, "Simplified and generalized masked diffusion for discrete data", arXiv:2406.04329
        Ou et al., 2025, "Your absorbing discrete diffusion secretly models the conditional distributions of clean
        data", arXiv:2406.03736 (orders)
        Hoogeboom et al., 2022, "Autoregressive diffusion models", arXiv:2110.02037 (steps)
    """

    def cost(
        self, tokens: Int[Tensor, "B D"], u: Float[Tensor, " B"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, " B"]:
        hidden = left(self.space.dims, steps).to(tokens.device)
        step = (u * (len(hidden) - 1)).long().clamp_max(len(hidden) - 2)
        count, told = hidden[step], hidden[step] - hidden[step + 1]
        lacking = ranked(torch.ones_like(tokens, dtype=torch.bool), noise.at("order")) < count[:, None]
        said = self.log_p(tokens.masked_fill(lacking, self.hidden), count / tokens.shape[1], given)
        cross = -said.gather(2, tokens[..., None])[..., 0] * lacking
        return (len(hidden) - 1) * told / count * cross.sum(1)

    def path_log_weight(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, steps: int | None
    ) -> Float[Tensor, "B 1"]:
        """log of what the model gives rows along an order that is drawn for each."""
        everything = torch.ones_like(tokens, dtype=torch.bool)
        return self.along(tokens, ranked(everything, noise), given, steps)[:, None]

    def along(
        self, tokens: Int[Tensor, "B D"], order: Int[Tensor, "B D"], given: Given, steps: int | None = None
    ) -> Float[Tensor, " B"]:
        """log p of rows along an order.

        Args:
            tokens: Rows as symbols.
            order: When each entry is told, 0 for the first.
            given: The condition.
            steps: In how many steps, or one entry at a time.
        """
        total = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
        told = tokens.shape[1] - left(tokens.shape[1], steps)
        for before, after in zip(told[:-1].tolist(), told[1:].tolist(), strict=True):
            seen = tokens.masked_fill(order >= before, self.hidden)
            t = torch.full((len(tokens),), 1 - before / tokens.shape[1], device=tokens.device)
            said = self.log_p(seen, t, given).gather(2, tokens[..., None])[..., 0]
            total = total + (said * ((order >= before) & (order < after))).sum(1)
        return total

    def filled(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, sampler: Unmasking, guidance: float = 0.0
    ) -> Int[Tensor, "B D"]:
        """Rows whose hidden entries are told."""

        def say(tokens: Tensor) -> Tensor:
            return self.led(tokens, (tokens == self.hidden).double().mean(1), given, guidance)

        return sampler.fill(tokens, self.hidden, say, noise)

    def abilities(self) -> list[Ability]:
        return [] if self.space.ragged else [Infilled(self)]


class Infilled(Imputation):
    """Missing entries one after the other in a random order, what is there being known.

    No other order is better or worse in the mean of training; each entry's conditional was learned by itself.
    """

    exact = consistent = False

    def __init__(self, model: MaskedDiffusion) -> None:
        self.model, self.space = model, model.space

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Shaped[Tensor, "B *event"]:
        rows = x.nan_to_num(0.0).long()
        tokens, lacking = self.model.tokens(rows), self.model.tokens(x.isnan().long()).bool()
        known = tokens.masked_fill(lacking, self.model.hidden)
        return self.model.rows(self.model.filled(known, given, noise, RandomOrder()))
