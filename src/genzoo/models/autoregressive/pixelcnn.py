"""PixelCNN: convolutions that see the pixels before each pixel.

$$ p(x \\mid given) = \\prod_{i} p(x_i \\mid x_{<i}, given), $$

pixels in reading order, the channels of a pixel together. What is said of a pixel comes from gated convolutions of all
that lie above it or left of it (`genzoo.nn.gated`), whatever the size of the image.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import centered
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.autoregressive.pixel_head import Said, pixel_head
from genzoo.models.sequences import refuse_unlike
from genzoo.nn.embedding import Embedding
from genzoo.nn.gated import GatedPixels, Reading

__all__ = ["PixelCNN"]


class PixelCNN(Autoregressive):
    """Gated convolutions over images of levels; colors by logistics of which each moves with those before it.

    Args:
        space: What one x is: an image of levels.
        given_space: What the model is conditioned on, if anything; its vector goes into every gate.
        width: Channels.
        depth: Gated layers.
        kernel: The side of what a layer sees.
        components: The logistics of a mixture, for more than 32 levels or several channels.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is no image of levels, or width, depth or kernel does not fit.

    Example:
        >>> model = PixelCNN(Space((3, 4, 4), levels=256), width=8, depth=2)
        >>> x = model.sample(2, seed=0)
        >>> x.shape, bool((model.log_prob(x) < 0).all())
        (torch.Size([2, 3, 4, 4]), True)

    References:
        van den Oord, Kalchbrenner & Kavukcuoglu, 2016, "Pixel recurrent neural networks", arXiv:1601.06759
        van den Oord et al., 2016, "Conditional image generation with PixelCNN decoders", arXiv:1606.05328
        Salimans, Karpathy, Chen & Kingma, 2017, "PixelCNN++", arXiv:1701.05517 (colors)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 48,
        depth: int = 8,
        kernel: int = 5,
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "PixelCNN", ragged=False)
        if len(space.shape) != 3:
            raise ValueError(f"PixelCNN makes images, (channels, height, width), got {space}. Take made or gpt.")
        channels, *_ = space.shape
        self.drop_given = drop_given
        self.head = pixel_head(space.levels or 0, channels, components)
        self.embedding = Embedding(given_space, width) if given_space else None
        given = width if given_space else 0
        self.net = GatedPixels(channels, self.head.count, width=width, depth=depth, kernel=kernel, given=given)
        with torch.no_grad():
            if self.net.last.bias is not None:
                self.net.last.bias.copy_(self.head.broad())

    def log_density(self, x: Integer[Tensor, "B C H W"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        said = self.net(self.numbers(x), self.embedded(given)).movedim(1, -1)
        said = said.float() if said.dtype in (torch.bfloat16, torch.float16) else said
        return self.head.log_prob(said, x.movedim(1, -1).long()).sum((1, 2))

    def steps(self) -> Sequential:
        return Steps(self)

    def numbers(self, x: Integer[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Levels as numbers in [−1, 1]."""
        return centered(x, self.space.levels or 0, self.dtype)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"


class Read(NamedTuple):
    """What has been read of images: whole pixels, what is said of the next, and its channels that are known."""

    reading: Reading
    said: Said
    channels: tuple[Tensor, ...]


class Steps(Sequential):
    """A PixelCNN entry by entry: what was made of pixels is kept."""

    def __init__(self, model: PixelCNN) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0

    def begin(self, n: int, given: Given = NOTHING) -> Read:
        _, height, width = self.space.shape
        reading = Reading(self.model.net, n, (height, width), self.model.embedded(given))
        return Read(reading, self.model.head.begin(reading.first()), ())

    def logits(self, state: Read) -> Float[Tensor, "n symbols"]:
        return self.model.head.logits(state.said)

    def take(self, state: Read, symbol: Int[Tensor, " n"]) -> Read:
        channels = (*state.channels, symbol)
        if len(channels) < self.space.shape[0]:
            return Read(state.reading, self.model.head.take(state.said, symbol), channels)
        pixel = self.model.numbers(torch.stack(channels, dim=1))
        return Read(state.reading, self.model.head.begin(state.reading.tell(pixel)), ())

    def select(self, state: Read, rows: Int[Tensor, " m"]) -> Read:
        """What has been read of some of the images, of which one may come several times."""
        numbers, *told = state.said
        said = Said(numbers[rows], *(None if part is None else part[rows] for part in told))
        return Read(state.reading.select(rows), said, tuple(channel[rows] for channel in state.channels))
