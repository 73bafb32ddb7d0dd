"""Images of few colors: a palette in place of an encoder.

K colors, the centers of k-means on the pixels of the data, and for each pixel the nearest of them,

$$ z_i = \\arg\\min_k \\| x_i - c_k \\|, \\qquad
   p(x \\mid z) = \\prod_i \\mathrm{Logistic}(x_i; c_{z_i}, s), \\quad s = \\sigma \\sqrt 3 / \\pi, $$

σ² being the mean squared distance of a channel from its color. A picture of C channels of 256 levels becomes one
symbol a pixel, which a model of symbols can read.

References:
    Chen et al., 2020, "Generative pretraining from pixels" (image GPT)
    Linde, Buzo & Gray, 1980, "An algorithm for vector quantizer design"
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor
from torch.distributions import Distribution, Independent

from genzoo._like import is_like
from genzoo.core.component import Autoencoder
from genzoo.core.game import Batch, DirectFit, Done, Metrics, Objective
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked
from genzoo.core.model import Capability, GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.discretized_logistic import DiscretizedLogistic
from genzoo.distributions.levels import centered
from genzoo.distributions.point_mass import PointMass

__all__ = ["Colors", "Palette"]

PIXELS = 1 << 14  # of a batch, about
LEAST = 1e-3  # the smallest spread of a channel, where levels span [−1, 1]


class Palette(Autoencoder):
    """z is the number of each pixel's nearest color, p(x | z) logistics about the colors.

    Args:
        space: What one x is: an image of levels.
        colors: K, how many colors there are.

    Raises:
        ValueError: If the space is none of images of levels.

    Example:
        >>> palette = Palette(Space((3, 4, 4), levels=256), 8)
        >>> palette.latent, palette.posterior(torch.zeros(2, 3, 4, 4, dtype=torch.uint8)).mean.shape
        (Space(shape=(1, 4, 4), levels=8, ragged=False), torch.Size([2, 1, 4, 4]))
    """

    colors: Tensor
    spread: Tensor

    def __init__(self, space: Space, colors: int) -> None:
        super().__init__()
        if not space.is_discrete or len(space.shape) != 3:
            raise ValueError(f"A palette is of images of levels, (channels, height, width), got {space}. Take gpt.")
        self.space, self.latent = space, Space((1, *space.shape[1:]), levels=colors)
        self.register_buffer("colors", torch.linspace(-1, 1, colors)[:, None].repeat(1, space.shape[0]))
        self.register_buffer("spread", torch.ones(()))

    def pixels(self, x: Integer[Tensor, "B C H W"]) -> Float[Tensor, "pixels C"]:
        """Pixels as numbers, in reading order."""
        return centered(x, self.space.levels or 0, self.colors.dtype).movedim(1, -1).flatten(0, 2)

    def codes(self, x: Integer[Tensor, "B C H W"]) -> Int[Tensor, "B 1 H W"]:
        """The number of the color nearest to each pixel."""
        scores = torch.addmm(-self.colors.square().sum(1) / 2, self.pixels(x), self.colors.T)
        return scores.argmax(1).view(len(x), 1, *x.shape[2:])

    def posterior(self, x: Integer[Tensor, "B C H W"], given: Given = NOTHING) -> Distribution:
        return PointMass(self.codes(x), 3)

    def likelihood(self, z: Integer[Tensor, "B 1 H W"], given: Given = NOTHING) -> Distribution:
        loc = self.colors[z.long().squeeze(1)].movedim(-1, 1)
        log_scale = (self.spread.clamp_min(LEAST) * math.sqrt(3) / math.pi).log().expand_as(loc)
        return Independent(DiscretizedLogistic(loc, log_scale, self.space.levels or 0), 3, validate_args=False)

    def mean(self, z: Integer[Tensor, "B 1 H W"], given: Given = NOTHING) -> Float[Tensor, "B C H W"]:
        """The colors themselves, as levels: the mean of a logistic that is cut off would be greyer."""
        levels: Tensor = (self.colors[z.long().squeeze(1)].movedim(-1, 1) + 1) / 2 * ((self.space.levels or 0) - 1)
        return levels.clamp(0, (self.space.levels or 0) - 1)


@runtime_checkable
class Clusters(Protocol):
    """A fit of centers by passes, with what is left to them, as k-means is."""

    centers: Tensor
    variance: Tensor

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from data."""


class Colors(GenerativeModel, DirectFit):
    """The colors of images, by passes over their pixels; a model of the codes makes it generate.

    Args:
        space: What one x is: an image of levels.
        clusters: Finds the colors of pixels, rows of as many reals as there are channels: k-means.

    Raises:
        ValueError: If the space is no image of levels.
        TypeError: If the clusters are of another kind.

    Example:
        >>> from genzoo.models.classical import KMeans
        >>> model = Colors(Space((1, 2, 2), levels=256), KMeans(Space((1,)), clusters=2))
        >>> data = Batch(torch.tensor([[[[0, 1], [254, 255]]]], dtype=torch.uint8).repeat(9, 1, 1, 1))
        >>> model.prepare([data])
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.decode(model.encode(data.x[:1]))[0, 0].tolist()
        [[0, 0], [254, 254]]
    """

    likelihood = Likelihood.NONE

    def __init__(self, space: Space, clusters: DirectFit) -> None:
        super().__init__(space)
        if not is_like(clusters, Clusters):
            raise TypeError(
                f"`clusters` must have centers and a variance, got {type(clusters).__name__}. Take KMeans."
            )
        self.clusters = clusters
        self.autoencoder = Palette(space, len(clusters.centers))

    @property
    def parameter_count(self) -> int:
        return self.autoencoder.colors.numel()

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Int[Tensor, "B 1 H W"]:
        """The number of the color nearest to each pixel."""
        return self.autoencoder.codes(self.checked(x))

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Integer[Tensor, "B C H W"]:
        """Images of these colors."""
        mean = self.autoencoder.mean(torch.as_tensor(z, device=self.device))
        return mean.round().to(getattr(torch, self.space.dtype))

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.clusters.prepare(self._pixels(batches))

    def begin(self) -> None:
        self.clusters.begin()

    def accumulate(self, batch: Batch) -> None:
        for pixels in self._pixels([batch]):
            self.clusters.accumulate(pixels)

    def statistics(self) -> Iterable[Tensor]:
        return self.clusters.statistics()

    def finish(self) -> Metrics:
        """Moves the colors; the loss is the mean squared distance of a pixel from its own, levels spanning [−1, 1]."""
        told = self.clusters.finish()
        self.autoencoder.colors.copy_(self.clusters.centers)
        self.autoencoder.spread.copy_(self.clusters.variance.sqrt())
        loss = self.clusters.variance.item() * self.space.shape[0]
        return Done(loss=loss) if isinstance(told, Done) else {"loss": loss}

    def lowers(self) -> Objective:
        return Objective("squared distance of a pixel from its color")

    def draw(self, n: int, given: Given, noise: Noise, *_: Any, **options: Any) -> NoReturn:
        raise self.lacks(Capability.SAMPLE)

    def can(self, capability: Capability | str) -> bool:
        return Capability(capability) is not Capability.SAMPLE and super().can(capability)

    def extra_repr(self) -> str:
        return f"{self.space}, colors={len(self.autoencoder.colors)}"

    def _pixels(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Pixels of batches, of large ones as many as do, spread over them evenly."""
        for batch in batches:
            pixels = self.autoencoder.pixels(self.checked(batch.x))
            yield Batch(pixels[:: max(1, len(pixels) // PIXELS)].contiguous(), {}, batch.noise)
