"""VICReg: two views of an image are to have the same vector, whose entries vary, each in its own way.

With vectors $z, z'$ of B views and the covariance C of the entries of each,

$$ L = \\frac{\\lambda}{B P} \\|z - z'\\|^2
   + \\frac{\\mu}{2P} \\sum_{z, z'} \\sum_j \\max(0, 1 - \\sqrt{C_{jj} + \\epsilon})
   + \\frac{\\nu}{P} \\sum_{z, z'} \\sum_{i \\ne j} C_{ij}^2. $$

Nothing is held against other images, so batches may be small; the second term keeps vectors from being all the same.

References:
    Bardes, Ponce & LeCun, 2022, "VICReg: variance-invariance-covariance regularization for self-supervised learning",
    arXiv:2105.04906
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective, Player
from genzoo.core.space import Space
from genzoo.models.representation.simclr import View, Viewed
from genzoo.nn.views import varied

__all__ = ["VICReg"]

EPSILON = 1e-4  # of a variance under its root


class VICReg(Viewed):
    """Features whose views agree, and whose entries vary and do not go together.

    Args:
        space, net, projection, code, view: Those of two views.
        weights: λ, μ, ν.

    Raises:
        ValueError: If a weight is negative.

    Example:
        >>> from genzoo.nn import MLP, Pyramid
        >>> model = VICReg(Space((3, 8, 8), levels=256), Pyramid(3, (4, 6), stride=1), MLP(6, [8], 16), code=6)
        >>> sorted(model.losses(Batch(torch.zeros(4, 3, 8, 8, dtype=torch.uint8))))
        ['covariance', 'invariance', 'loss', 'variance']
    """

    def __init__(
        self,
        space: Space,
        net: nn.Module,
        projection: nn.Module,
        *,
        code: int,
        view: View = varied,
        weights: tuple[float, float, float] = (25.0, 25.0, 1.0),
    ) -> None:
        super().__init__(space, net, projection, code=code, view=view)
        if min(weights) < 0:
            raise ValueError(f"`weights` must not be negative, got {weights}. 25, 25 and 1 are usual.")
        self.weights = weights

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.losses(batch)["loss"]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its three parts."""
        both = self.views(batch)
        invariance = (both[0] - both[1]).square().mean()
        spreads = [spread_and_covariance(z) for z in both]
        variance = torch.stack([each[0] for each in spreads]).mean()
        covariance = torch.stack([each[1] for each in spreads]).sum()
        parts = (invariance, variance, covariance)
        loss = torch.stack([weight * part for weight, part in zip(self.weights, parts, strict=True)]).sum()
        return {"loss": loss, "invariance": invariance, "variance": variance, "covariance": covariance}

    def players(self) -> Sequence[Player]:
        return [Player("model", self, self.losses)]

    def lowers(self) -> Objective:
        return Objective("difference of views, lack of variance, and covariance, weighted")


def spread_and_covariance(z: Float[Tensor, "B P"]) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """What is lacking of a standard deviation of 1, the mean over entries; and the squared covariances of each entry
    with the others, the sum over these and the mean over entries.

    Args:
        z: Vectors.

    Example:
        >>> lacks, covariance = spread_and_covariance(torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]]))
        >>> lacks.item(), round(covariance.item(), 3)
        (0.0, 1.0)
    """
    z = z - z.mean(0)
    c = z.mT @ z / max(1, len(z) - 1)
    lacks = (1 - (c.diagonal() + EPSILON).sqrt()).relu().mean()
    return lacks, (c.square().sum() - c.diagonal().square().sum()) / c.shape[1]
