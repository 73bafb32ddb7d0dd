"""What is learned of time: where training looks, so that its loss varies as little as it can.

An integral over times, such as the bound, may be estimated from times of any density; the expectation stays and the
variance does not. It is least where the density is proportional to the root of the mean square of what is integrated.
A `Warp` is such a density, learned beside the network. As a distribution of times it is `Importance`; as a schedule's
own clock it is `Learned`: the two are one idea.

References:
    Kingma, Salimans, Poole & Ho, 2021, "Variational diffusion models", arXiv:2107.00630
    Kingma & Gao, 2023, "Understanding diffusion objectives as the ELBO with simple data augmentation",
    arXiv:2303.00848
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.models.diffusion.schedule import Schedule
from genzoo.models.diffusion.time import Times

__all__ = ["Importance", "Learned", "Warp"]


class Warp(nn.Module):
    """A learned density on [0, 1], a mixture of smooth bumps,

    $$ f(s) = \\sum_k \\pi_k\\,\\frac{\\varphi((s - c_k)/h)}{h\\,(\\Phi((1 - c_k)/h) - \\Phi(-c_k/h))}, $$

    φ and Φ being the logistic density and its integral, c_k spread evenly and h their distance. It begins nearly flat.

    Args:
        bumps: How many.

    Example:
        >>> warp = Warp(8)
        >>> s = warp.quantile(torch.tensor([0.2, 0.9]))
        >>> torch.allclose(warp.share(s), torch.tensor([0.2, 0.9]), atol=1e-5)
        True
    """

    centers: Tensor

    def __init__(self, bumps: int = 24) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(bumps))
        self.register_buffer("centers", (torch.arange(bumps) + 0.5) / bumps, persistent=False)

    def share(self, s: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """How much lies below s."""
        low, high = self._raw(torch.zeros_like(s[:1])), self._raw(torch.ones_like(s[:1]))
        return ((self._raw(s) - low) / (high - low)) @ self._weights(s)

    def density(self, s: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """f."""
        low, high = self._raw(torch.zeros_like(s[:1])), self._raw(torch.ones_like(s[:1]))
        below = self._raw(s)
        return len(self.centers) * (below * (1 - below) / (high - low)) @ self._weights(s)

    def quantile(self, u: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The s below which a share u lies, from a table and by Newton's steps, which can be differentiated."""
        with torch.no_grad():
            places = torch.linspace(0, 1, 257, dtype=u.dtype, device=u.device)
            table = self.share(places)
            below = (torch.searchsorted(table, u.detach().contiguous()) - 1).clamp(0, 255)
            s = (below + (u - table[below]) / (table[below + 1] - table[below])) / 256
            s = s + (u - self.share(s)) / self.density(s)
            share, density = self.share(s), self.density(s)
        return s + (u - share) / density

    def regret(self, s: Float[Tensor, " n"], losses: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        """0, whose gradient is that of the losses' second moment, what their variance is up to a constant, over its
        value: −E[ℓ² ∇ log f] / E[ℓ²] for ℓ that go as 1/f.

        Args:
            s: Where they were drawn.
            losses: ℓ, one a row.
        """
        weight = losses.detach().square()
        weight = weight / weight.mean().clamp_min(torch.finfo(weight.dtype).tiny)
        lowered = -(weight * self.density(s.detach()).log()).mean()
        return lowered - lowered.detach()

    def _raw(self, s: Tensor) -> Tensor:
        return ((s[:, None] - self.centers.to(s.dtype)) * len(self.centers)).sigmoid()

    def _weights(self, s: Tensor) -> Tensor:
        return self.logits.softmax(0).to(s.dtype)


class Importance(nn.Module, Times):
    """Times where a loss that is an integral over them varies least; it wants the weight of the bound.

    Args:
        bumps: How many parts of the range are told apart.
    """

    learns = True

    def __init__(self, bumps: int = 24) -> None:
        super().__init__()
        self.warp = Warp(bumps)

    def quantile(self, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        return self.warp.quantile(u.reshape(-1)).reshape(u.shape)

    def regret(self, share: Float[Tensor, " n"], losses: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return self.warp.regret(share, losses)


class Learned(nn.Module, Schedule):
    """A schedule whose clock is learned: it stands at time t where the base stands when a share t has gone by.

    Any variance-preserving schedule is another's with another clock, so this is as general as a learned λ(t). Its ends
    are the base's.

    Args:
        base: The schedule.
        bumps: How many parts of its range are told apart.

    Example:
        >>> from genzoo.models.diffusion import Cosine
        >>> Learned(Cosine(1.0)).time(torch.tensor(0.0))
        tensor(0.5000)
    """

    is_smooth = False
    learns = True

    def __init__(self, base: Schedule, bumps: int = 24) -> None:
        super().__init__()
        self.base, self.warp, self.t_max = base, Warp(bumps), base.t_max

    def __call__(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        return self.base(self._inner(t))

    def rates(self, t: Float[Tensor, "*rows"]) -> tuple[Float[Tensor, "*rows"], Float[Tensor, "*rows"]]:
        inner = self._inner(t)
        with torch.no_grad():
            density = self.warp.density((inner / self.t_max).reshape(-1)).reshape(t.shape)
        d_alpha, d_sigma = self.base.rates(inner)
        return d_alpha / density, d_sigma / density

    def inverse(self, log_snr: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
        inner = self.base.inverse(log_snr).clamp_max(self.t_max)
        with torch.no_grad():
            return self.warp.share((inner / self.t_max).reshape(-1)).reshape(inner.shape) * self.t_max

    def on_path(self, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        return self.base.on_path(alpha, sigma)

    def regret(self, t: Float[Tensor, " n"], losses: Float[Tensor, " n"]) -> Float[Tensor, ""]:
        return self.warp.regret(self._inner(t) / self.t_max, losses)

    def extra_repr(self) -> str:
        return f"{self.base}"

    def _inner(self, t: Tensor) -> Tensor:
        return self.warp.quantile((t / self.t_max).reshape(-1)).reshape(t.shape) * self.t_max
