"""What variational autoencoders are to who codes by them: layers of latents, each with its two laws."""

from collections.abc import Sequence

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.distributions import Distribution, Normal

from genzoo.core.component import Autoencoder
from genzoo.core.given import NOTHING, Given
from genzoo.models.abilities import Layers
from genzoo.models.autoencoders.gaussian import GaussianAutoencoder
from genzoo.models.autoencoders.ladder import LadderAutoencoder, LadderPrior, combined
from genzoo.models.autoencoders.priors import Prior, StandardNormal

__all__ = ["OneLayer", "Rungs", "layers_of"]


class OneLayer(Layers):
    """A Gaussian posterior and N(0, I).

    Args:
        autoencoder: The model's, without a flow.

    Example:
        >>> from genzoo.core import Space
        >>> both = GaussianAutoencoder.mlp(Space((3,), levels=5), latent=2, hidden=[8])
        >>> layers = OneLayer(both)
        >>> layers.guess(torch.zeros(4, 3, dtype=torch.uint8), []).loc.shape, layers.expected(4, []).loc.shape
        (torch.Size([4, 2]), torch.Size([4, 2]))
    """

    def __init__(self, autoencoder: GaussianAutoencoder) -> None:
        self.autoencoder, self.space, self.sizes = autoencoder, autoencoder.space, (autoencoder.latent.dims,)

    def guess(self, x: Shaped[Tensor, "B *event"], above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        loc, scale = self.autoencoder.moments(self.autoencoder.numbers(x), given)
        return Normal(loc, scale, validate_args=False)

    def expected(self, n: int, above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        return _standard(self.autoencoder, n, self.sizes[0])

    def observed(self, z: Sequence[Tensor], given: Given = NOTHING) -> Distribution:
        return self.autoencoder.likelihood(z[0], given)


class Rungs(Layers):
    """The levels of a ladder, from the top.

    Args:
        autoencoder: The ladder.
    """

    def __init__(self, autoencoder: LadderAutoencoder) -> None:
        self.autoencoder, self.space, self.sizes = autoencoder, autoencoder.space, autoencoder.sizes[::-1]

    def guess(self, x: Shaped[Tensor, "B *event"], above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        seen = self.autoencoder.posterior(x, given).seen[-1 - len(above)]
        return combined(seen, self.expected(len(x), above, given))

    def expected(self, n: int, above: Sequence[Tensor], given: Given = NOTHING) -> Normal:
        if not above:
            return _standard(self.autoencoder, n, self.sizes[0])
        return self.autoencoder.led(above[-1], len(self.sizes) - 1 - len(above), given)

    def observed(self, z: Sequence[Tensor], given: Given = NOTHING) -> Distribution:
        return self.autoencoder.likelihood(torch.cat(list(z[::-1]), dim=1), given)


def layers_of(autoencoder: Autoencoder, prior: Prior) -> list[Layers]:
    """The layers of an autoencoder with its prior, one or none: posteriors through a flow and priors that are mixtures
    have entries that depend on each other."""
    if isinstance(autoencoder, GaussianAutoencoder) and autoencoder.flow is None and isinstance(prior, StandardNormal):
        return [OneLayer(autoencoder)]
    if isinstance(autoencoder, LadderAutoencoder) and isinstance(prior, LadderPrior):
        return [Rungs(autoencoder)]
    return []


def _standard(autoencoder: Autoencoder, n: int, size: int) -> Normal:
    like = next(autoencoder.parameters())
    return Normal(like.new_zeros(n, size), like.new_ones(n, size), validate_args=False)
