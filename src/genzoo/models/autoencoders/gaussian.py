"""Autoencoders with a Gaussian posterior, assembled from two networks."""

from collections.abc import Sequence
from typing import Any, cast

from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from genzoo.core.component import Autoencoder
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.distributions.observation import Observation
from genzoo.distributions.pushed import Invertible, Pushed
from genzoo.nn.embedding import Conditioned
from genzoo.nn.mlp import MLP
from genzoo.nn.strided import StridedDecoder, StridedEncoder

__all__ = ["GaussianAutoencoder"]


class GaussianAutoencoder(Autoencoder):
    """q(z | x, given) = N(μ(x), diag σ²(x)), and p(x | z, given) as suits the space.

    With a flow a draw from this Gaussian is the noise e that an invertible map makes z of: z = f(e; h(x)), h being
    what else the encoder says of x.

    Over levels p(x | z) is a mass, over reals a Gaussian of learned scale: see `Observation`. The networks see levels
    as numbers in [−1, 1].

    Args:
        space: What one x is.
        latent: The length of z.
        encoder: Called as encoder(x, given); 2 · latent numbers a row, μ and log σ, and those of h.
        decoder: Called as decoder(z, given); `Observation(space).count` numbers for each entry of x.
        flow: f, such as a `Bijection`; by default none.

    Example:
        >>> import torch
        >>> space = Space((1, 8, 8), levels=17)
        >>> both = GaussianAutoencoder.mlp(space, latent=2, hidden=[32])
        >>> z = both.posterior(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)).mean
        >>> both.likelihood(z).mode.shape
        torch.Size([5, 1, 8, 8])

    References:
        Kingma & Welling, 2014, "Auto-encoding variational Bayes", arXiv:1312.6114
    """

    def __init__(
        self, space: Space, latent: int, encoder: nn.Module, decoder: nn.Module, flow: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.space, self.latent = space, Space((latent,))
        self.encoder, self.decoder = encoder, decoder
        self.observation, self.flow = Observation(space), flow

    # Networks may run in less: distributions are of the precision of the weights.
    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Distribution:
        loc, scale, rest = self._said(self.numbers(x), given)
        normal = Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
        return normal if self.flow is None else Pushed(normal, cast(Invertible, self.flow), rest)

    def moments(
        self, y: Float[Tensor, "B *event"], given: Given = NOTHING
    ) -> tuple[Float[Tensor, "B latent"], Float[Tensor, "B latent"]]:
        """μ and σ of rows as the encoder sees them."""
        return self._said(y, given)[:2]

    def numbers(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B *event"]:
        """Rows as the encoder sees them."""
        return Numbers(self.space, next(self.encoder.parameters()).dtype).of(x)

    def likelihood(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Distribution:
        return self.observation(self.decoder(z, given or None).to(z.dtype))

    def _said(self, y: Tensor, given: Given) -> tuple[Tensor, Tensor, Tensor | None]:
        """μ, σ and h."""
        said = self.encoder(y, given or None).to(y.dtype)
        loc, log_scale, rest = said.split([*self.latent.shape * 2, said.shape[1] - 2 * self.latent.dims], dim=1)
        return loc, log_scale.exp(), rest if rest.shape[1] else None

    @classmethod
    def mlp(
        cls,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        latent: int = 16,
        hidden: Sequence[int] = (256, 256),
        embedding: int = 32,
        flow: nn.Module | None = None,
        context: int = 0,
    ) -> "GaussianAutoencoder":
        """With multilayer perceptrons, for any space.

        Args:
            space: What one x is.
            given_space: What the networks are conditioned on, if anything.
            latent: The length of z.
            hidden: The widths of the encoder's hidden layers; the decoder has them the other way round.
            embedding: The length of the condition's embedding.
            flow: f of the posterior.
            context: The length of h, the embedding that f was built for.
        """
        width = embedding if given_space else 0
        outputs = Observation(space).count * space.dims
        encoder = MLP(space.dims, hidden, 2 * latent + context, given=width)
        decoder = MLP(latent, hidden[::-1], outputs, given=width)
        both = Conditioned(encoder, given_space, width), Conditioned(decoder, given_space, width)
        return cls(space, latent, *both, flow)

    @classmethod
    def conv(
        cls,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        latent: int = 32,
        width: int = 32,
        hidden: int = 256,
        embedding: int = 32,
        flow: nn.Module | None = None,
        context: int = 0,
    ) -> "GaussianAutoencoder":
        """With convolutional networks, for images; what each convolution says is normalized over all of a row.

        Args:
            space: Images, (C, H, W).
            given_space: What the networks are conditioned on, if anything.
            latent: The length of z.
            width: Channels at half the size, doubled at each smaller one.
            hidden: The width of a layer between the coarsest map and z.
            embedding: The length of the condition's embedding.
            flow: f of the posterior.
            context: The length of h, the embedding that f was built for.
        """
        across = embedding if given_space else 0
        outputs = (Observation(space).count * space.shape[0], *space.shape[1:])
        sizes: dict[str, Any] = {"width": width, "hidden": hidden, "given": across, "norm": _over_row}
        encoder = StridedEncoder(space.shape, 2 * latent + context, **sizes)
        decoder = StridedDecoder(latent, outputs, **sizes)
        both = Conditioned(encoder, given_space, across), Conditioned(decoder, given_space, across)
        return cls(space, latent, *both, flow)


def _over_row(channels: int) -> nn.Module:
    return nn.GroupNorm(1, channels)
