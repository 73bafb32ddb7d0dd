"""Noise on symbols: each entry is kept, or drawn anew from a law that knows no data.

$$ q(x_t = j \\mid x = k) = \\alpha_t\\, \\delta_{jk} + (1 - \\alpha_t)\\, \\pi_j, $$

and from one time s to a later one t the same with $a = \\alpha_t / \\alpha_s$ in place of α. With π on a symbol that
means "hidden" nothing comes back once it is lost; with all symbols alike every entry may be wrong, and none says so.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from genzoo.core.noise import Noise

__all__ = ["Kind", "Redrawn"]

Kind = Literal["absorbing", "uniform"]
LEAST = 1e-300


class Redrawn:
    """That noise.

    Args:
        levels: K, the symbols of data; "hidden" is symbol K.
        kind: Whether what is lost is hidden ("absorbing") or drawn anew, all symbols alike ("uniform").

    Raises:
        ValueError: If there is no such kind.

    Example:
        >>> Redrawn(2, "absorbing").matrix(0.75)
        tensor([[0.7500, 0.0000, 0.2500],
                [0.0000, 0.7500, 0.2500],
                [0.0000, 0.0000, 1.0000]], dtype=torch.float64)

    References:
        Austin et al., 2021, "Structured denoising diffusion models in discrete state-spaces", arXiv:2107.03006
        Hoogeboom et al., 2021, "Argmax flows and multinomial diffusion", arXiv:2102.05379 (uniform)
    """

    def __init__(self, levels: int, kind: Kind) -> None:
        if kind not in ("absorbing", "uniform"):
            raise ValueError(f"Noise must be absorbing or uniform, got {kind!r}. Choose one.")
        self.levels, self.hides = levels, kind == "absorbing"
        self.states = levels + self.hides

    def law(self, like: Tensor) -> Float[Tensor, " S"]:
        """π."""
        if self.hides:
            return one_hot(torch.tensor(self.levels), self.states).to(like)
        return torch.full((self.states,), 1 / self.levels, dtype=like.dtype, device=like.device)

    def matrix(self, kept: float) -> Float[Tensor, "S S"]:
        """q(x_t = column | x = row), where a share is kept."""
        like = torch.zeros((), dtype=torch.float64)
        return kept * torch.eye(self.states, dtype=torch.float64) + (1 - kept) * self.law(like)

    def drawn(self, like: Int[Tensor, "B D"], noise: Noise) -> Int[Tensor, "B D"]:
        """Symbols from π."""
        if self.hides:
            return torch.full_like(like, self.levels)
        u = noise.uniform(*like.shape, dtype=torch.float64)
        return (u * self.levels).long()

    def noised(self, tokens: Int[Tensor, "B D"], kept: Float[Tensor, " B"], noise: Noise) -> Int[Tensor, "B D"]:
        """Rows of which a share is kept."""
        u = noise.at("kept").uniform(*tokens.shape, dtype=torch.float64)
        return torch.where(u < kept[:, None], tokens, self.drawn(tokens, noise.at("drawn")))

    def told(self, now: Int[Tensor, "B D"], log_p: Float[Tensor, "B D K"]) -> Float[Tensor, "B D K"]:
        """p̂(x | x_t) from what a network says: where nothing is hidden that can be lost, it is what is there."""
        p = log_p.exp()
        if not self.hides:
            return p
        there = one_hot(now.clamp_max(self.levels - 1), self.levels).to(p)
        return torch.where((now == self.levels)[..., None], p, there)

    def posterior(
        self,
        now: Int[Tensor, "B D"],
        p: Float[Tensor, "B D K"],
        kept: Float[Tensor, " B"],
        before: Float[Tensor, " B"],
    ) -> Float[Tensor, "B D S"]:
        """The law of x_s given x_t and a law of x,

        $$ \\sum_k p_k\\, q(x_s \\mid x_t, x = k), \\qquad q(x_s \\mid x_t, x) = \\frac{q(x_t \\mid x_s)\\,
           q(x_s \\mid x)}{q(x_t \\mid x)}. $$

        It is the mean of the posteriors, which is what the reverse of the noise is where p is the law of x given x_t;
        the posterior with p in place of x is another law.

        Args:
            now: x_t.
            p: The law of x at every place.
            kept: $\\alpha_t / \\alpha_s$.
            before: $\\alpha_s$.
        """
        law, a, alpha = self.law(p), kept[:, None, None].to(p), before[:, None, None].to(p)
        here = one_hot(now, self.states).to(p)
        p = torch.cat([p, torch.zeros_like(p[..., :1])], 2) if self.hides else p
        lost = (1 - a * alpha) * law[now][..., None]
        share = p / (a * alpha * here + lost).clamp_min(LEAST if p.dtype == torch.float64 else 1e-30)
        came = alpha * share + (1 - alpha) * law * share.sum(2, keepdim=True)
        return (a * here + (1 - a) * law[now][..., None]) * came
