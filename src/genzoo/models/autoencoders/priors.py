"""What the latents of a variational autoencoder are drawn from.

The best prior of an encoder is the mean of its posteriors over the data, $p(z) = \\frac1N \\sum_n q(z \\mid x_n)$:
with it the rate is what z tells of x, and no less would do. Priors that are learned come near to it.
"""

import abc
import math
from collections.abc import Iterable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genzoo.core.component import Autoencoder
from genzoo.core.game import Batch
from genzoo.core.given import NOTHING, Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoencoders.gaussian import GaussianAutoencoder
from genzoo.models.autoencoders.rate import by_entry

__all__ = ["MixturePrior", "Prior", "StandardNormal", "VampPrior"]


class Prior(nn.Module, abc.ABC):
    """A density over latents that is easy to draw from. It is told the autoencoder, which may be a part of it, and the
    condition, which most have no use for."""

    @abc.abstractmethod
    def log_prob(
        self, z: Float[Tensor, "B *latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        """log p(z | given)."""

    @abc.abstractmethod
    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n *latent"]:
        """n draws of z."""

    def rates(
        self, q: Distribution, z: Float[Tensor, "B *latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, "B latent"] | None:
        """KL(q ‖ p) of each entry of z, z being a draw from q, where it has a closed form; else None."""
        return None

    def levels(self, autoencoder: Autoencoder) -> Mapping[str, slice]:
        """The levels of z by name, where it has several: which entries are whose."""
        return {}

    def start(self, batches: Iterable[Batch], autoencoder: Autoencoder) -> None:
        """Takes a start from training rows, where it has one."""


class StandardNormal(Prior):
    """N(0, I).

    Example:
        >>> from genzoo.models.autoencoders import GaussianAutoencoder
        >>> both = GaussianAutoencoder.mlp(Space((3,)), latent=2, hidden=[4])
        >>> round(StandardNormal().log_prob(torch.zeros(1, 2), both).item(), 3)
        -1.838
    """

    def log_prob(
        self, z: Float[Tensor, "B *latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        return -(z.square().flatten(1).sum(1) + z[:1].numel() * math.log(2 * math.pi)) / 2

    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n *latent"]:
        return noise.normal(n, *autoencoder.latent.shape, dtype=dtype)

    def rates(
        self, q: Distribution, z: Float[Tensor, "B *latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, "B latent"] | None:
        return by_entry(q)


class Components(Prior):
    """A mixture of Gaussians,

    $$ p(z) = \\sum_k \\pi_k \\, N(z; \\mu_k, \\mathrm{diag}\\, \\sigma_k^2). $$
    """

    @abc.abstractmethod
    def components(self, autoencoder: Autoencoder) -> tuple[Tensor, Tensor, Tensor]:
        """log π, (K,), and μ and σ, (K, L)."""

    def log_prob(
        self, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        log_weight, loc, scale = (part.to(z.dtype) for part in self.components(autoencoder))
        normal = Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
        return (log_weight + normal.log_prob(z[:, None])).logsumexp(1)

    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n latent"]:
        log_weight, loc, scale = (part.to(dtype) for part in self.components(autoencoder))
        k = noise.at("component").categorical(log_weight.expand(n, -1))
        return torch.addcmul(loc[k], scale[k], noise.normal(n, loc.shape[1], dtype=dtype))


class MixturePrior(Components):
    """A mixture of Gaussians whose weights, means and scales are learned with the rest.

    Args:
        latent: What one z is, a vector of reals.
        count: K.

    Raises:
        ValueError: If z is no vector of reals, or there is no component.

    Example:
        >>> from genzoo.models.autoencoders import VAE, GaussianAutoencoder
        >>> both = GaussianAutoencoder.mlp(Space((3,)), latent=2, hidden=[8])
        >>> VAE(Space((3,)), None, both, prior=MixturePrior(both.latent, 5)).sample(4, seed=0).shape
        torch.Size([4, 3])

    References:
        Dilokthanakul et al., 2016, "Deep unsupervised clustering with Gaussian mixture VAEs", arXiv:1611.02648
    """

    def __init__(self, latent: Space, count: int) -> None:
        super().__init__()
        _check(latent, count)
        size = (count, *latent.shape)
        self.log_weight = nn.Parameter(torch.zeros(count))
        self.loc = nn.Parameter(nn.init.normal_(torch.empty(size)))
        self.log_scale = nn.Parameter(torch.zeros(size))

    def components(self, autoencoder: Autoencoder) -> tuple[Tensor, Tensor, Tensor]:
        return self.log_weight.log_softmax(0), self.loc, self.log_scale.exp()


class VampPrior(Components):
    """The mean of the posteriors of K made-up rows, which are learned,

    $$ p(z) = \\frac1K \\sum_k q(z \\mid u_k). $$

    They begin as the first rows that train. An encoder that is told a condition sees none of them with one.

    Args:
        space: What one x is.
        count: K.

    Raises:
        ValueError: If there is no row.

    Example:
        >>> from genzoo.models.autoencoders import VAE, GaussianAutoencoder
        >>> space = Space((3,))
        >>> both = GaussianAutoencoder.mlp(space, latent=2, hidden=[8])
        >>> VAE(space, None, both, prior=VampPrior(space, 5)).sample(4, seed=0).shape
        torch.Size([4, 3])

    References:
        Tomczak & Welling, 2018, "VAE with a VampPrior", arXiv:1705.07120
    """

    def __init__(self, space: Space, count: int) -> None:
        super().__init__()
        _check(Space((1,)), count)
        self.rows = nn.Parameter(
            nn.init.normal_(torch.empty(count, *space.shape), std=0.25)
        )  # as the encoder sees them

    def components(self, autoencoder: Autoencoder) -> tuple[Tensor, Tensor, Tensor]:
        if not isinstance(autoencoder, GaussianAutoencoder):
            raise TypeError(
                f"Rows that are made up need a Gaussian encoder of numbers, got {type(autoencoder).__name__}. "
                "Take a MixturePrior."
            )
        if autoencoder.flow is not None:
            raise TypeError(
                "Rows that are made up need Gaussian posteriors, got some pushed through a flow, whose density at any "
                "other z is slow. Take a MixturePrior, or no flow."
            )
        loc, scale = autoencoder.moments(self.rows)
        return loc.new_full((len(loc),), -math.log(len(loc))), loc, scale

    @torch.no_grad()
    def start(self, batches: Iterable[Batch], autoencoder: Autoencoder) -> None:
        if not isinstance(autoencoder, GaussianAutoencoder):
            return
        taken = 0
        for batch in batches:
            some = autoencoder.numbers(batch.x[: len(self.rows) - taken])
            self.rows[taken : taken + len(some)] = some
            taken += len(some)
            if taken == len(self.rows):
                return


def _check(latent: Space, count: int) -> None:
    if count < 1:
        raise ValueError(f"A prior must have at least one component, got {count}. Set components=50.")
    if not latent.is_real or len(latent.shape) != 1:
        raise ValueError(f"A mixture is over vectors of reals, got latents {latent}. Take another prior.")
