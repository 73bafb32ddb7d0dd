"""The ladder: latents at several levels, each drawn given the one above it, by the encoder and the prior alike.

Data are made from the top down, $p(z) = p(z_L) \\prod_l p(z_l \\mid z_{l+1})$ and $p(x \\mid z_1)$. What a plain
encoder says of the upper levels is soon ignored, since z_1 could say it all. Here the encoder goes up without drawing
anything, and its draws come down by the way that data are made: what it has seen of x at a level, and what the level
above leads to expect, are two measurements of one z_l, and are put together as such.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, constraints

from genzoo.core.component import Autoencoder
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.draws import draw
from genzoo.distributions.levels import Numbers
from genzoo.distributions.observation import Observation
from genzoo.models.autoencoders.priors import Prior
from genzoo.models.autoencoders.rate import by_entry
from genzoo.nn.conv import ConvDecoder, ConvEncoder
from genzoo.nn.embedding import Conditioned
from genzoo.nn.mlp import MLP

__all__ = ["Ladder", "LadderAutoencoder", "LadderPrior", "combined"]

WIDEST = 7.0  # |log σ| of a level


def combined(one: Normal, other: Normal) -> Normal:
    """Two measurements of one number, each weighted by its precision, as one,

    $$ \\sigma^{-2} = \\sigma_1^{-2} + \\sigma_2^{-2}, \\qquad
       \\mu = \\sigma^2 (\\mu_1 \\sigma_1^{-2} + \\mu_2 \\sigma_2^{-2}). $$

    It is the product of their densities, normalized.

    Args:
        one: N(μ_1, σ_1²).
        other: N(μ_2, σ_2²).

    Example:
        >>> both = combined(Normal(torch.tensor(0.0), 1.0), Normal(torch.tensor(4.0), 1.0))
        >>> round(both.loc.item(), 3), round(both.variance.item(), 3)
        (2.0, 0.5)
    """
    first, second = one.scale.pow(-2), other.scale.pow(-2)
    scale = (first + second).rsqrt()
    return Normal((one.loc * first + other.loc * second) * scale.square(), scale, validate_args=False)


class Ladder(Distribution):
    """q(z | x) of all levels side by side, z = (z_1, …, z_L): a chain of Gaussians from the top down.

    Args:
        seen: What the encoder says of each level by x alone.
        autoencoder: What each level leads to expect of the one below.
        given: The condition.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, seen: Sequence[Normal], autoencoder: "LadderAutoencoder", given: Given = NOTHING) -> None:
        self.seen, self.autoencoder, self.given = seen, autoencoder, given
        batch, dims = seen[0].loc.shape[:1], autoencoder.latent.dims
        super().__init__(batch, torch.Size([dims]), validate_args=False)

    def draw(self, noise: Noise) -> Float[Tensor, "B latent"]:
        """A draw, from the top down."""
        return self._down(lambda q: draw(q, noise))

    @property
    def mean(self) -> Float[Tensor, "B latent"]:
        """The mean of each level given the mean of the one above."""
        return self._down(lambda q: q.loc)

    def levels(self, z: Float[Tensor, "B latent"]) -> Distribution:
        """q(z_l | z_{l+1}, x) of all levels side by side, at some z."""
        expected = self.autoencoder.expected(z, self.given)
        return _side_by_side([combined(seen, prior) for seen, prior in zip(self.seen, expected, strict=True)])

    def log_prob(self, value: Float[Tensor, "B latent"]) -> Float[Tensor, " B"]:
        """log q(z | x)."""
        return self.levels(value).log_prob(value)

    def _down(self, chosen: Callable[[Normal], Tensor]) -> Tensor:
        return self.autoencoder.descent(chosen, self.given, self.seen, top=_standard(self.seen[-1].loc))


class LadderAutoencoder(Autoencoder):
    """An encoder that goes up, and one way down for data and latents.

    Args:
        space: What one x is.
        sizes: The lengths of z_1, …, z_L.
        up: One network for each level: the first called with x as numbers, each other with the features of the one
            below; each gives features. All are called with the condition.
        seen: One for each level, from its features to μ and log σ.
        down: One for each level but the last, called as net(z_{l+1}, given): μ and log σ of z_l.
        decoder: Called as decoder(z_1, given); `Observation(space).count` numbers for each entry of x.

    Raises:
        ValueError: If there are fewer than two levels, or not as many networks.

    Example:
        >>> both = LadderAutoencoder.mlp(Space((4,)), sizes=[3, 2], hidden=[16])
        >>> q = both.posterior(torch.zeros(5, 4))
        >>> q.draw(Noise(0)).shape, both.likelihood(q.mean).mean.shape
        (torch.Size([5, 5]), torch.Size([5, 4]))

    References:
        Sønderby et al., 2016, "Ladder variational autoencoders", arXiv:1602.02282
    """

    def __init__(
        self,
        space: Space,
        sizes: Sequence[int],
        *,
        up: Sequence[nn.Module],
        seen: Sequence[nn.Module],
        down: Sequence[nn.Module],
        decoder: nn.Module,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or {len(up), len(seen), len(down) + 1} != {len(sizes)}:
            raise ValueError(
                f"A ladder must have two levels or more and networks for each, got sizes {list(sizes)}, {len(up)} up, "
                f"{len(seen)} seen and {len(down)} down. Pass one less down than the others."
            )
        self.space, self.sizes, self.latent = space, tuple(sizes), Space((sum(sizes),))
        self.up, self.seen, self.down = nn.ModuleList(up), nn.ModuleList(seen), nn.ModuleList(down)
        self.decoder, self.observation = decoder, Observation(space)

    def posterior(self, x: Shaped[Tensor, "B *event"], given: Given = NOTHING) -> Ladder:
        h = Numbers(self.space, next(self.decoder.parameters()).dtype).of(x)
        dtype, said = h.dtype, []
        for up, seen in zip(self.up, self.seen, strict=True):
            h = up(h, given or None)
            said.append(_normal(seen(h).to(dtype)))
        return Ladder(said, self, given)

    def likelihood(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> Distribution:
        return self.observation(self.decoder(z[:, : self.sizes[0]], given or None).to(z.dtype))

    def expected(self, z: Float[Tensor, "B latent"], given: Given = NOTHING) -> list[Normal]:
        """p(z_l | z_{l+1}) of each level, the last of them N(0, I)."""
        parts = z.split(self.sizes, dim=1)
        below = [self.led(part, level, given) for level, part in enumerate(parts[1:])]
        return [*below, _standard(parts[-1])]

    def led(self, above: Float[Tensor, "B above"], level: int, given: Given = NOTHING) -> Normal:
        """p(z_l | z_{l+1}), what a level is led to expect by the one above; levels are counted from 0."""
        return _normal(self.down[level](above, given or None).to(above.dtype))

    def descent(
        self, chosen: Callable[[Normal], Tensor], given: Given, seen: Sequence[Normal] | None, *, top: Normal
    ) -> Float[Tensor, "n latent"]:
        """z from the top down.

        Args:
            chosen: A z_l of its distribution.
            given: The condition.
            seen: What is seen of x at each level, if anything is.
            top: p(z_L), a row for each row.
        """
        z = [chosen(top if seen is None else combined(seen[-1], top))]
        for level in reversed(range(len(self.down))):
            prior = self.led(z[0], level, given)
            z.insert(0, chosen(prior if seen is None else combined(seen[level], prior)))
        return torch.cat(z, dim=1)

    @classmethod
    def mlp(
        cls,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        sizes: Sequence[int] = (32, 16, 8),
        hidden: Sequence[int] = (256, 256),
        embedding: int = 32,
    ) -> "LadderAutoencoder":
        """With multilayer perceptrons, for any space.

        Args:
            space: What one x is.
            given_space: What the networks are conditioned on, if anything.
            sizes: The lengths of z_1, …, z_L.
            hidden: The widths of hidden layers, the encoder's order.
            embedding: The length of the condition's embedding.
        """
        across = embedding if given_space else 0
        encoder = MLP(space.dims, hidden, hidden[-1], given=across)
        decoder = MLP(sizes[0], hidden[::-1], Observation(space).count * space.dims, given=across)
        return cls._of(space, given_space, sizes, encoder, decoder, width=hidden[-1], across=across)

    @classmethod
    def conv(
        cls,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        sizes: Sequence[int] = (32, 16, 8),
        width: int = 16,
        hidden: int = 256,
        embedding: int = 32,
    ) -> "LadderAutoencoder":
        """With convolutions between x and z_1, and perceptrons above, for images of at least 4×4.

        Args:
            space: Images, (C, H, W).
            given_space: What the networks are conditioned on, if anything.
            sizes: The lengths of z_1, …, z_L.
            width: Channels at full size.
            hidden: Units of the perceptrons.
            embedding: The length of the condition's embedding.
        """
        across = embedding if given_space else 0
        outputs = (Observation(space).count * space.shape[0], *space.shape[1:])
        encoder = ConvEncoder(space.shape, hidden, width=width, given=across)
        decoder = ConvDecoder(sizes[0], outputs, width=width, given=across)
        return cls._of(space, given_space, sizes, encoder, decoder, width=hidden, across=across)

    @classmethod
    def _of(
        cls,
        space: Space,
        given_space: GivenSpaceLike,
        sizes: Sequence[int],
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        width: int,
        across: int,
    ) -> "LadderAutoencoder":
        """With perceptrons of one hidden layer between levels."""

        def told(net: nn.Module) -> nn.Module:
            return Conditioned(net, given_space, across)

        rungs = [MLP(width, [width], width, given=across) for _ in sizes[1:]]
        down = [MLP(above, [width], 2 * size, given=across) for size, above in itertools.pairwise(sizes)]
        return cls(
            space,
            sizes,
            up=[told(net) for net in (encoder, *rungs)],
            seen=[nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * size)) for size in sizes],
            down=[told(net) for net in down],
            decoder=told(decoder),
        )


class LadderPrior(Prior):
    """What a ladder's levels lead to expect of each other, the top one N(0, I). Its networks are the autoencoder's.

    Example:
        >>> from genzoo.models.autoencoders import VAE
        >>> space = Space((3,))
        >>> model = VAE(space, None, LadderAutoencoder.mlp(space, sizes=[2, 1], hidden=[8]), prior=LadderPrior())
        >>> model.sample(4, seed=0).shape
        torch.Size([4, 3])

    References:
        Sønderby et al., 2016, "Ladder variational autoencoders", arXiv:1602.02282
    """

    def log_prob(
        self, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        return _side_by_side(_checked(autoencoder).expected(z, given)).log_prob(z)

    def draw(
        self, n: int, noise: Noise, autoencoder: Autoencoder, dtype: torch.dtype, given: Given = NOTHING
    ) -> Float[Tensor, "n latent"]:
        ladder = _checked(autoencoder)
        top = next(ladder.decoder.parameters()).new_zeros(n, ladder.sizes[-1], dtype=dtype)
        return ladder.descent(lambda p: draw(p, noise), given, None, top=_standard(top))

    def rates(
        self, q: Distribution, z: Float[Tensor, "B latent"], autoencoder: Autoencoder, given: Given = NOTHING
    ) -> Float[Tensor, "B latent"] | None:
        if not isinstance(q, Ladder):
            return None
        return by_entry(q.levels(z), _side_by_side(_checked(autoencoder).expected(z, given)))

    def levels(self, autoencoder: Autoencoder) -> Mapping[str, slice]:
        ends = list(itertools.accumulate(_checked(autoencoder).sizes, initial=0))
        return {f"level-{i + 1}": slice(*pair) for i, pair in enumerate(itertools.pairwise(ends))}


def _checked(autoencoder: Autoencoder) -> LadderAutoencoder:
    if not isinstance(autoencoder, LadderAutoencoder):
        raise TypeError(
            f"This prior is that of a LadderAutoencoder, got {type(autoencoder).__name__}. Take another prior."
        )
    return autoencoder


def _normal(said: Float[Tensor, "B outputs"]) -> Normal:
    """N(μ, σ²) of μ and log σ, which is bent to stay within ±7: precisions of two sides are added and divided by."""
    loc, log_scale = said.chunk(2, dim=1)
    return Normal(loc, (WIDEST * (log_scale / WIDEST).tanh()).exp(), validate_args=False)


def _standard(like: Tensor) -> Normal:
    return Normal(torch.zeros_like(like), torch.ones_like(like), validate_args=False)


def _side_by_side(levels: Sequence[Normal]) -> Distribution:
    loc, scale = (torch.cat(parts, dim=1) for parts in zip(*((each.loc, each.scale) for each in levels), strict=True))
    return Independent(Normal(loc, scale, validate_args=False), 1, validate_args=False)
