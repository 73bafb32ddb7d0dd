"""What the rate of a variational autoencoder counts while it is trained."""

import math
from dataclasses import dataclass
from typing import TypeGuard

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

__all__ = ["Rate", "by_entry", "total_correlation"]


@dataclass(frozen=True)
class Rate:
    """What is added to the distortion in training, where the bound itself adds the rate R = KL(q(z | x) ‖ p(z)),

    $$ L = D + \\beta \\min(1, t / w) \\sum_i \\max(\\lambda, \\overline{R_i}) + (\\gamma - 1)\\, TC(z), $$

    t being the progress of the training. Free nats are of each latent R_i, the mean over a batch, where the prior is
    N(0, I), else of all together.

    Attributes:
        beta: β.
        free: λ, nats that cost nothing.
        warm_up: w, the share of the training in which β rises; 0 for none.
        exact: Whether R is taken in closed form, where there is one, or of a draw of z as the distortion is.
        correlation: γ, what the total correlation counts beside the rest of the rate, of which it is a part.

    Raises:
        ValueError: If one is negative, or more than the whole training warms up.

    Example:
        >>> Rate(beta=4.0, warm_up=0.5).at(0.25)
        2.0

    References:
        Higgins et al., 2017, "beta-VAE: learning basic visual concepts with a constrained variational framework"
        Kingma et al., 2016, "Improved variational inference with inverse autoregressive flow", arXiv:1606.04934 (λ)
        Sønderby et al., 2016, "Ladder variational autoencoders", arXiv:1602.02282 (w)
        Chen, Li, Grosse & Duvenaud, 2018, "Isolating sources of disentanglement in VAEs", arXiv:1802.04942 (γ)
    """

    beta: float = 1.0
    free: float = 0.0
    warm_up: float = 0.0
    exact: bool = True
    correlation: float = 1.0

    def __post_init__(self) -> None:
        for name in ("beta", "free", "warm_up", "correlation"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must not be negative, got {getattr(self, name)}. Set 0 for none of it.")
        if self.warm_up > 1:
            raise ValueError(f"`warm_up` is a share of the training, at most 1, got {self.warm_up}. Set 0.2.")

    @property
    def is_that_of_the_bound(self) -> bool:
        """Whether the loss is the negative bound."""
        return (self.beta, self.free, self.warm_up, self.correlation) == (1.0, 0.0, 0.0, 1.0)

    def at(self, progress: float) -> float:
        """β at some progress of the training."""
        return self.beta * (min(1.0, progress / self.warm_up) if self.warm_up else 1.0)

    def __str__(self) -> str:
        """The loss, in words."""
        parts = ["distortion", f"{self.beta:g} × rate" if self.beta != 1 else "rate"]
        if self.free:
            parts[1] += f", {self.free:g} nats of it free"
        if self.warm_up:
            parts[1] += f", warmed up over {self.warm_up:.0%}"
        if self.correlation != 1:
            parts.append(f"{self.correlation - 1:g} × total correlation")
        return " + ".join(parts)


def by_entry(q: Distribution, p: Distribution | None = None) -> Float[Tensor, "B latent"] | None:
    """KL(q ‖ p) of each latent, for Gaussians whose latents are independent; None for any others.

    Args:
        q: The posterior.
        p: The prior, by default N(0, I).

    Example:
        >>> import torch
        >>> q = Independent(Normal(torch.tensor([[0.0, 1.0]]), 1.0), 1)
        >>> by_entry(q).tolist(), by_entry(q, q).tolist()
        ([[0.0, 0.5]], [[0.0, 0.0]])
    """
    if not _is_gaussian(q) or not (p is None or _is_gaussian(p)):
        return None
    loc, scale = q.base_dist.loc, q.base_dist.scale
    if p is not None:
        loc, scale = (loc - p.base_dist.loc) / p.base_dist.scale, scale / p.base_dist.scale
    return ((loc.square() + scale.square() - 1) / 2 - scale.log()).flatten(1)


def _is_gaussian(each: Distribution) -> TypeGuard["Independent[Normal]"]:
    return isinstance(each, Independent) and isinstance(each.base_dist, Normal)


def total_correlation(q: Distribution, z: Float[Tensor, "B latent"]) -> Float[Tensor, ""]:
    """How far latents are from independent, KL(q(z) ‖ ∏ q(z_i)), by the rows of a batch,

    $$ q(z_n) \\approx \\frac1B \\sum_m q(z_n \\mid x_m), $$

    of which the own row has too large a share: an estimate for training, low by up to (L − 1) log(N / B) nats and
    more, whose gradient is of use.

    Args:
        q: The posteriors, each a Gaussian with independent latents.
        z: A draw from each.

    Raises:
        TypeError: If the posteriors are others.

    References:
        Chen, Li, Grosse & Duvenaud, 2018, "Isolating sources of disentanglement in VAEs", arXiv:1802.04942
    """
    if not _is_gaussian(q) or z.ndim != 2:
        raise TypeError("The total correlation needs Gaussian posteriors of vectors, got others. Set correlation=1.")
    normal = q.base_dist
    each = Normal(normal.loc, normal.scale, validate_args=False).log_prob(z[:, None])  # (B, B, L): z of n under row m
    together, apart = each.sum(2).logsumexp(1), each.logsumexp(1).sum(1)
    return (together - apart).mean() + (z.shape[1] - 1) * math.log(len(z))
