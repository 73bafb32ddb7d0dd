"""SimCLR: two views of an image are to be alike, and unlike those of all other images.

With the 2B unit vectors $u$ that a perceptron g makes of the features f of two views of B images,

$$ s_{ij} = u_i \\cdot u_j / \\tau, \\qquad L = \\mathrm{InfoNCE}(s), $$

where to view i belongs the other view of its image, and no view stands against itself. What is kept is f.

References:
    Chen et al., 2020, "A simple framework for contrastive learning of visual representations", arXiv:2002.05709
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.functional import normalize

from genzoo.core.game import Batch, Objective
from genzoo.core.given import GivenAsked, RowsAsked
from genzoo.core.model import evaluating
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.representation.contrastive import info_nce
from genzoo.models.representation.encoding import Encoding
from genzoo.nn.views import varied

__all__ = ["SimCLR", "Viewed"]

View = Callable[[Tensor, Noise], Tensor]


class Viewed(Encoding):
    """Features that do not change with the view of an image.

    Args:
        space: What one image is: levels, seen as brightness between 0 and 1.
        net: f, from images to vectors of `code` entries.
        projection: g, from these to what the loss sees; it is used in training alone.
        code: The length of the features.
        view: Makes a view of images, of its noise.

    Raises:
        ValueError: If x is no image of levels.
    """

    def __init__(self, space: Space, net: nn.Module, projection: nn.Module, *, code: int, view: View = varied) -> None:
        super().__init__(space, code=code)
        if len(space.shape) != 3 or not space.is_discrete:
            raise ValueError(
                f"{type(self).__name__} learns of views of images of levels, got {space}. Take cpc, or an autoencoder."
            )
        self.net, self.projection, self.view = net, projection, view

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The features of images as they are."""
        x = self.checked(x)
        with evaluating(self):
            said: Tensor = self.net(self.seen(x))
            return said

    def seen(self, x: Shaped[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        """Images as brightness between 0 and 1."""
        return x.to(self.dtype) / max(1, (self.space.levels or 2) - 1)

    def views(self, batch: Batch) -> tuple[Float[Tensor, "B P"], Float[Tensor, "B P"]]:
        """What the loss sees of two views of each image."""
        x = self.seen(batch.x)
        both = torch.cat([self.view(x, batch.noise.at("view", k)) for k in (0, 1)])
        first, second = self.projection(self.net(both)).chunk(2)
        return first, second


class SimCLR(Viewed):
    """Features by contrast of views.

    Args:
        space, net, projection, code, view: Those of two views.
        temperature: τ.

    Raises:
        ValueError: If the temperature is not above 0.

    Example:
        >>> from genzoo.nn import MLP, Pyramid
        >>> model = SimCLR(Space((3, 8, 8), levels=256), Pyramid(3, (4, 6), stride=1), MLP(6, [8], 4), code=6)
        >>> model.encode(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([2, 6])
    """

    def __init__(
        self,
        space: Space,
        net: nn.Module,
        projection: nn.Module,
        *,
        code: int,
        view: View = varied,
        temperature: float = 0.2,
    ) -> None:
        super().__init__(space, net, projection, code=code, view=view)
        if temperature <= 0:
            raise ValueError(f"`temperature` must be positive, got {temperature}. 0.2 is usual.")
        self.temperature = temperature

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        u = normalize(torch.cat(self.views(batch)), dim=1)
        n = len(u)
        itself = torch.eye(n, dtype=torch.bool, device=u.device)
        likeness = (u @ u.mT / self.temperature).masked_fill(itself, -math.inf)
        return info_nce(likeness, itself.roll(n // 2, 0))

    def lowers(self) -> Objective:
        return Objective("contrast of views, nats")
