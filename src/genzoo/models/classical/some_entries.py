"""Some entries of a mixture of Gaussians given the others, and the mass of its regions.

A component k is drawn by what it says of the entries that are there, and the others of its Gaussian given these. They
are those of a whole row y ~ N(μ, Σ), moved by what is known of it (Matheron's rule),

$$ x_m = y_m + \\Sigma_{mo} \\Sigma_{oo}^{-1} (x_o - y_o), $$

which has the mean and the covariance of $p(x_m \\mid x_o)$.

References:
    Journel & Huijbregts, 1978, "Mining geostatistics" (conditioning by kriging, which is Matheron's)
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.model import Unsupported
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.region import Range, Region, moved_into
from genzoo.models.abilities import Events, Imputation
from genzoo.models.classical.gaussians import DiagonalGaussians, Gaussians
from genzoo.models.classical.parts import part_logits
from genzoo.models.labels import labels_of

__all__ = ["MixtureEvents", "MixtureImputation", "completed", "log_normal_mass", "normal_within"]

BLOCK = 1 << 22  # numbers in the covariances of a block of rows
FAR = 30.0  # standard deviations from the mean, beyond which a normal is as good as exponential


@runtime_checkable
class Components(Protocol):
    """What is asked of a mixture of Gaussians here."""

    space: Space
    weights: Tensor
    class_weights: Tensor

    @property
    def gaussians(self) -> Gaussians:
        """Its parts."""

    def component_of(self, x: Float[Tensor, "B D"], given: Given, noise: Noise) -> Int[Tensor, " B"]:
        """A part for each row, drawn from p(k | x, given)."""


class MixtureImputation(Imputation):
    """The entries that are missing, given those that are there.

    Args:
        mixture: The mixture.
    """

    def __init__(self, mixture: Components) -> None:
        self.mixture, self.space = mixture, mixture.space

    def impute(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, "B *event"]:
        which = self.mixture.component_of(x.flatten(1), given, noise.at("component"))
        return completed(self.mixture.gaussians, which, x.flatten(1), noise.at("entries")).reshape(x.shape)


class MixtureEvents(Events):
    """Masses of boxes, where the entries that they name are independent in every component, and draws from within.

    Args:
        mixture: The mixture.
    """

    def __init__(self, mixture: Components) -> None:
        self.mixture, self.space = mixture, mixture.space

    def log_mass(self, n: int, region: Region, given: Given) -> Float[Tensor, " n"]:
        return self._joint(n, region, given).logsumexp(1).to(torch.get_default_dtype())

    def draw_within(self, n: int, region: Region, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        which = noise.at("component").categorical(self._joint(n, region, given))
        x = torch.full((n, self.space.dims), torch.nan, dtype=torch.float64, device=which.device)
        means, deviations = self.mixture.gaussians.means, self.mixture.gaussians.deviations()
        for entry, part in region.items():
            assert isinstance(part, Range)
            mean, sigma, u = means[which, entry], deviations[which, entry], noise.at("entry", entry)
            ends = (part.low - mean) / sigma, (part.high - mean) / sigma
            x[:, entry] = mean + sigma * normal_within(*ends, u.uniform(n, dtype=torch.float64))
        x = completed(self.mixture.gaussians, which, x, noise.at("entries")).to(torch.get_default_dtype())
        return moved_into(x, region).unflatten(1, self.space.shape)

    def _joint(self, n: int, region: Region, given: Given) -> Float[Tensor, "n parts"]:
        """log w_k P_k(x in R)."""
        mixture = self.mixture
        if any(not isinstance(part, Range) for part in region.values()):
            raise Unsupported(f"A region of reals must be made of intervals, got {dict(region)}. Give intervals.")
        if len(region) > 1 and not isinstance(mixture.gaussians, DiagonalGaussians):
            raise Unsupported(
                f"A box in {len(region)} entries has no mass in closed form under Gaussians whose entries depend on "
                "each other. Name one entry, or fit with covariance='diag'."
            )
        means, deviations = mixture.gaussians.means, mixture.gaussians.deviations()
        joint = part_logits(mixture.weights, mixture.class_weights, labels_of(given, n, means.device))
        for entry, part in region.items():
            assert isinstance(part, Range)
            mean, sigma = means[:, entry], deviations[:, entry]
            joint = joint + log_normal_mass((part.low - mean) / sigma, (part.high - mean) / sigma)
        return joint


def completed(
    gaussians: Gaussians, which: Int[Tensor, " n"], x: Float[Tensor, "n D"], noise: Noise
) -> Float[Tensor, "n D"]:
    """Rows whose missing entries are drawn given the others, each from its Gaussian.

    Args:
        gaussians: The Gaussians.
        which: The number of each row's.
        x: Rows, missing entries as NaN.
        noise: One row for each.

    Example:
        >>> x = torch.tensor([[1.0, torch.nan]])
        >>> completed(DiagonalGaussians(1, 2), torch.tensor([0]), x, Noise(0))[:, 0]
        tensor([1.])
    """
    there, y = ~x.isnan(), gaussians.draw(which, noise)
    if not isinstance(gaussians, DiagonalGaussians) and bool(there.any()):
        y = y.clone()
        size = max(1, BLOCK // gaussians.dims**2)
        for rows in torch.arange(len(x), device=x.device).split(size):
            y[rows] += _moved(gaussians.covariances(which[rows]), x[rows].double() - y[rows], there[rows])
    return torch.where(there, x, y.to(x.dtype))


def _moved(covariance: Float[Tensor, "n D D"], off: Float[Tensor, "n D"], there: Tensor) -> Float[Tensor, "n D"]:
    """Σ_{·o} Σ_oo⁻¹ (x_o − y_o): outside of what is there, Σ_oo stands beside a unit matrix."""
    mask = there.to(covariance)
    seen = covariance * mask[:, :, None] * mask[:, None, :] + torch.diag_embed(1 - mask)
    residual = torch.where(there, off, 0).unsqueeze(-1)
    solved = torch.cholesky_solve(residual, torch.linalg.cholesky(seen))
    return (covariance @ solved).squeeze(-1)


def log_normal_mass(low: Float[Tensor, "*B"], high: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """log (Φ(high) − Φ(low)), also far out, where both are nearly 0 or 1; −∞ of an empty interval.

    Args:
        low: The lower ends.
        high: The upper ends.

    Example:
        >>> log_normal_mass(torch.tensor([-1.0, 20.0]), torch.tensor([1.0, torch.inf]))
        tensor([  -0.3817, -203.9172])
    """
    low, high = torch.where(low > 0, -high, low), torch.where(low > 0, -low, high)  # the side where Φ is small
    upper, lower = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    gap = (lower - upper).nan_to_num(0.0)  # of two ends at −∞
    return torch.where(low < high, upper + torch.log(-torch.expm1(gap)), -torch.inf)


def normal_within(
    low: Float[Tensor, "*B"], high: Float[Tensor, "*B"], uniform: Float[Tensor, "*B"]
) -> Float[Tensor, "*B"]:
    """A standard normal within an interval, from a uniform number: Φ⁻¹(Φ(low) + u (Φ(high) − Φ(low))).

    Args:
        low: The lower ends.
        high: The upper ends.
        uniform: In [0, 1).

    Example:
        >>> normal_within(torch.tensor([0.0]), torch.tensor([torch.inf]), torch.tensor([0.5]))
        tensor([0.6745])
    """
    is_high = low > 0
    a, b = torch.where(is_high, -high, low), torch.where(is_high, -low, high)
    below, above = (torch.special.log_ndtr(end).exp() for end in (a, b))  # torch's ndtr itself is 0 from −8.3 on
    z = torch.special.ndtri(below + uniform * (above - below))
    # Down there the density falls by e^b for each unit: an exponential, cut at the other end.
    rate = -b.clamp_max(-1.0)
    far = b + torch.log1p(uniform * torch.expm1(-(rate * (b - a)).clamp_max(700.0))) / rate
    z = torch.where(b < -FAR, far, z).clamp(a, b)
    return torch.where(is_high, -z, z)
