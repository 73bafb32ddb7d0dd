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

from genzoo.core import Batch, Trainable
from genzoo.evaluation.judge import Judge
from genzoo.nn.views import varied

__all__ = ["Contrast", "whiten", "whitening_filters"]


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
