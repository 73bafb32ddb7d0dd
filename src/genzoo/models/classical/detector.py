"""Made or real: the label of a picture, read from the picture and from what a blur leaves of it.

$$ p(y \\mid x) = \\mathrm{softmax}\\big(W\\,[f(x),\\; g(x - B x)] + b\\big), $$

B being a narrow blur: what it takes away are the finest waves, where generators that agree about shapes differ from
cameras. In training some pictures come blurred, and some squeezed as JPEG does, so that what is learned is not only
what the next writer rounds away.

References:
    Wang, Wang, Zhang, Owens & Efros, 2020, "CNN-generated images are surprisingly easy to spot… for now",
        arXiv:1912.11035 (blurred and squeezed in training)
    Fridrich & Kodovský, 2012, "Rich models for steganalysis of digital images" (residuals of a high pass)
"""

import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenLike, GivenSpaceLike, as_given, complete
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.nn.pyramid import Pyramid
from genzoo.nn.spoiled import blurred, squeezed

__all__ = ["Detector"]

FINE = 0.7  # the width, in pixels, of the blur that the residual is taken from
WIDEST, WORST = 1.2, 30.0  # the widest blur and the lowest quality that training shows


class Detector(GenerativeModel):
    """The label of a picture, such as which generator made it or none.

    A detector is a model of the label: x is the label, and the condition the picture.

    Args:
        space: What one label is: one integer below C.
        given_space: What one picture is, levels or reals.
        width: Channels of the first convolution of each of the two networks; those after it have twice and four times
            as many.
        spoil: The share of pictures that training blurs, and the share that it squeezes.

    Raises:
        ValueError: If x is no label, the condition no picture, or the share none.

    Example:
        >>> model = Detector(Space((), levels=2), Space((1, 8, 8), levels=256), width=2)
        >>> model.log_prob(torch.tensor([0, 1]), torch.zeros(2, 1, 8, 8, dtype=torch.uint8)).shape
        torch.Size([2])

    References:
        Wang et al., 2020, "CNN-generated images are surprisingly easy to spot… for now", arXiv:1912.11035
    """

    likelihood = Likelihood.EXACT

    def __init__(self, space: Space, given_space: GivenSpaceLike, *, width: int = 16, spoil: float = 0.5) -> None:
        super().__init__(space, given_space)
        pictures = list(self.given_space.values())
        if space.levels is None or space.dims != 1 or len(pictures) != 1 or len(pictures[0].shape) != 3:
            raise ValueError(
                f"A detector tells one label of one picture, got x of {space} and conditions {self.given_space}. Name "
                "the label as x and the picture as its condition."
            )
        if width < 1 or not 0 <= spoil <= 1:
            raise ValueError(f"`width` must be at least 1 and `spoil` a share, got {width} and {spoil}. Take 16, 0.5.")
        self.spoil = spoil
        (self.name, self.picture), *_ = self.given_space.items()
        widths = (width, 2 * width, 4 * width)
        self.whole = Pyramid(self.picture.shape[0], widths, stride=1, alone=True)
        self.fine = Pyramid(self.picture.shape[0], widths, stride=1, alone=True)
        self.head = nn.Linear(8 * width, space.levels)

    def takes_null(self) -> bool:
        return False

    def log_probs(self, given: GivenLike) -> Float[Tensor, "B classes"]:
        """log p(c | picture) of every class.

        Args:
            given: The pictures.
        """
        rows = complete(given, self.given_space, len(next(iter(as_given(given).values()))), self.device)
        return self.read(Numbers(self.picture, self.dtype).of(rows[self.name]))

    def read(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B classes"]:
        """log p(c | x) of pictures as numbers near [−1, 1]."""
        left = x - blurred(x, torch.full((len(x),), FINE, device=x.device))
        # Residuals are small: eight times as large they are seen like pictures.
        features = torch.cat([self.whole(x), self.fine(8 * left)], 1)
        return self.head(features).log_softmax(1)

    def log_density(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return self.log_probs(given).gather(1, x.long().reshape(-1, 1))[:, 0]

    def draw(self, n: int, given: Given, noise: Noise) -> Integer[Tensor, "n *event"]:
        labels = noise.categorical(self.log_probs(given).double())
        return labels.to(getattr(torch, self.space.dtype)).reshape(n, *self.space.shape)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        x = Numbers(self.picture, self.dtype).of(self.training_given(batch)[self.name])
        told = self.read(spoiled(x, self.spoil, batch.noise))
        return -told.gather(1, batch.x.long().reshape(-1, 1)).mean()

    def lowers(self) -> Objective:
        return Objective("−log p(class | picture)", nats=("loss",))

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, spoil={self.spoil:g}"


def spoiled(x: Float[Tensor, "B C H W"], share: float, noise: Noise) -> Float[Tensor, "B C H W"]:
    """Pictures of which a share is blurred and a share squeezed, each as much as chance says.

    Args:
        x: Pictures, as numbers near [−1, 1].
        share: Of both.
        noise: A row for each picture.
    """
    chance = noise.at("spoiled").uniform(len(x), 4).to(x)
    x = blurred(x, torch.where(chance[:, 0] < share, WIDEST * chance[:, 1], 0.0))
    quality = WORST + (100 - WORST) * chance[:, 2]
    return torch.where((chance[:, 3] < share)[:, None, None, None], squeezed(x, quality), x)
