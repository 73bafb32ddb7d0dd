"""Features without labels: two views of an image are to be alike, and unlike those of every other image.

With unit vectors u, v of the two views of image i, and those of all other images of the batch,

$$ L = -\\frac1B \\sum_i \\Bigl( \\frac{u_i \\cdot v_i}{\\tau}
   - \\log \\sum_{j \\ne i} e^{u_i \\cdot v_j / \\tau} + e^{u_i \\cdot u_j / \\tau} \\Bigr), $$

where the positive pair is left out of the sum, which lets small batches learn as well as large ones.

References:
    Chen et al., 2020, "A simple framework for contrastive learning of visual representations", arXiv:2002.05709
    Yeh et al., 2021, "Decoupled contrastive learning", arXiv:2110.06848
    Coates, Ng & Lee, 2011, "An analysis of single-layer networks in unsupervised feature learning" (whitened patches)
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core import Batch, Noise, Trainable
from genzoo.evaluation.judge import GREY, Judge

__all__ = ["Contrast", "varied", "whiten", "whitening_filters"]


class Contrast(Trainable):
    """The training of a judge's network on images alone.

    Args:
        judge: Its network is what learns.
        temperature: τ.
        width: Of the projection, which is thrown away afterwards.
    """

    def __init__(self, judge: Judge, *, temperature: float = 0.2, width: int = 256) -> None:
        super().__init__()
        self.judge, self.temperature = judge, temperature
        self.projection = nn.Sequential(
            nn.Linear(judge.dims, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width // 2)
        )

    def prepare(self, batches: Iterable[Batch]) -> None:
        """The first convolution starts from the whitened patches of the images."""
        whiten(self.judge, next(iter(batches)).x)

    def loss(self, batch: Batch) -> Tensor:
        x = self.judge.shown(batch.x)
        views = torch.cat([varied(x, batch.noise.at("view", i)) for i in range(2)])
        z = self.projection(self.judge.net(views)).float()
        with torch.autocast(z.device.type, enabled=False):  # half precision would blur what is nearly alike
            return decoupled(z, self.temperature)


def decoupled(z: Float[Tensor, "n D"], temperature: float) -> Tensor:
    """The decoupled contrastive loss; rows i and B + i are the two views of one image.

    Args:
        z: Projections of all views.
        temperature: τ.

    Example:
        >>> z = torch.eye(4)[[0, 1, 0, 1]]
        >>> bool(decoupled(z, 0.5) < decoupled(torch.eye(4), 0.5))
        True
    """
    u = nn.functional.normalize(z, dim=1)
    alike, n = u @ u.T / temperature, len(u) // 2
    image = torch.arange(2 * n, device=z.device) % n
    others = alike.masked_fill(image[:, None] == image, -math.inf).logsumexp(1)
    return (others - alike.diagonal(n).repeat(2)).mean()


def whiten(judge: Judge, x: Shaped[Tensor, "n *shape"]) -> None:
    """Makes the whitened patches of some images the first convolution of a judge.

    Args:
        judge: A judge that has learned nothing yet.
        x: Images of its space.
    """
    first = next(part for part in judge.net.modules() if isinstance(part, nn.Conv2d))
    filters = whitening_filters(judge.shown(x), first.kernel_size[0], len(first.weight))
    first.weight.data.copy_(filters)


def whitening_filters(x: Float[Tensor, "n C H W"], size: int, count: int) -> Float[Tensor, "count C size size"]:
    """The principal directions of patches, each with its negative, as filters of unit response.

    Args:
        x: Images.
        size: The side of a patch.
        count: How many filters, at most twice the entries of a patch.

    Example:
        >>> whitening_filters(torch.rand(8, 1, 8, 8), 3, 4).shape
        torch.Size([4, 1, 3, 3])
    """
    patches = nn.functional.unfold(x, size).mT.flatten(0, 1).double()
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    best = (vectors / (values + 1e-4).sqrt()).T.flip(0)[: -(-count // 2)]
    return torch.cat([best, -best])[:count].reshape(count, x.shape[1], size, size).to(x.dtype)


def varied(x: Float[Tensor, "B C H W"], noise: Noise) -> Float[Tensor, "B C H W"]:
    """Images cropped, flipped, and changed in color or, where they have none, in brightness and contrast, at random.

    Args:
        x: Images in [0, 1].
        noise: Where the choices come from.
    """
    return _colored(_cropped(x, noise.at("crop")), noise.at("color"))


def _cropped(x: Tensor, noise: Noise) -> Tensor:
    """A part of a fifth to the whole of each image, of a width 3/4 to 4/3 of its height, at the size of the whole."""
    area, ratio, across, down, flip = noise.uniform(len(x), 5).unbind(1)
    side, stretch = (0.2 + 0.8 * area).sqrt(), ((2 * ratio - 1) * math.log(4 / 3) / 2).exp()
    wide, high = (side * stretch).clamp_max(1), (side / stretch).clamp_max(1)
    zero = torch.zeros(len(x))
    rows = [
        torch.stack([torch.where(flip < 0.5, wide, -wide), zero, (2 * across - 1) * (1 - wide)], 1),
        torch.stack([zero, high, (2 * down - 1) * (1 - high)], 1),
    ]
    grid = nn.functional.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False).to(x)
    return nn.functional.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def _colored(x: Tensor, noise: Noise) -> Tensor:
    """Brightness, contrast, saturation and hue changed in four of five images; one in five made grey."""
    u = noise.uniform(len(x), 6).to(x)[:, :, None, None, None]
    strength = torch.where(u[:, 4] < 0.8, 1.0, 0.0)
    bright, contrast, saturation = (1 + 0.8 * (u[:, i] - 0.5) * strength for i in range(3))
    x = (x * bright).clamp(0, 1)
    x = x + (contrast - 1) * (x - x.mean((1, 2, 3), keepdim=True))
    if x.shape[1] != 3:
        return x.clamp(0, 1)
    grey = (x * torch.tensor(GREY).to(x)[:, None, None]).sum(1, keepdim=True)
    angle = 0.2 * math.pi * (2 * u[:, 3] - 1) * strength
    color = x - grey
    mean = color.mean(1, keepdim=True)
    turned = torch.stack([color[:, 1] - color[:, 2], color[:, 2] - color[:, 0], color[:, 0] - color[:, 1]], 1)
    color = mean + (color - mean) * angle.cos() + turned * angle.sin() / math.sqrt(3)  # about the axis of greys
    saturation = torch.where(u[:, 5] < 0.2, 0.0, saturation)
    return (grey + saturation * color).clamp(0, 1)
