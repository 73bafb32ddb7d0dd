"""Contrastive predictive coding: from what came before, what comes next is to be picked out.

A row is cut into parts $z_t$, stretches of a line or patches of an image read from above, and a recurrent network sums
up the past in a context $c_t$. For each k up to K,

$$ s_{ij} = z_{i} \\cdot W_k c_{j - k}, \\qquad L = \\frac1K \\sum_k \\mathrm{InfoNCE}(s), $$

where to a context belongs the part k places later in its own row (its own column of patches), among the parts at the
same distance of all rows and columns. What is kept is the mean of the contexts.

References:
    van den Oord, Li & Vinyals, 2018, "Representation learning with contrastive predictive coding", arXiv:1807.03748
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import GivenAsked, RowsAsked
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.representation.contrastive import info_nce
from genzoo.models.representation.encoding import Encoding
from genzoo.nn.mlp import MLP
from genzoo.nn.patches import Patches

__all__ = ["CPC"]

MOST = 512  # contexts that are held against each other, the first of a batch


class CPC(Encoding):
    """Features of the past that tell the future. Levels are seen as numbers in [−1, 1].

    Args:
        space: What one x is: an image or a line, (C, H, W), (L,) or (L, D).
        code: The length of a part's vector, of a context, and of the features.
        patch: The side of a patch, or the length of a stretch.
        horizon: K, how far is told.

    Raises:
        ValueError: If there are fewer than two parts in a line, or `horizon` is not below their number.

    Example:
        >>> model = CPC(Space((64,)), code=8, patch=8, horizon=2)
        >>> model.encode(torch.zeros(3, 64)).shape
        torch.Size([3, 8])
    """

    def __init__(self, space: Space, *, code: int = 128, patch: int = 4, horizon: int = 2) -> None:
        super().__init__(space, code=code)
        self.patches, self.horizon = Patches(space.shape, patch), horizon
        self.steps = self.patches.grid[0]
        if not 1 <= horizon < self.steps:
            raise ValueError(
                f"`horizon` must be between 1 and {self.steps - 1}, one less than the parts of a line, got {horizon}. "
                "Lower it, or `patch`."
            )
        self.parts = MLP(self.patches.width, [2 * code], code)
        self.context = nn.GRU(code, code, batch_first=True)
        self.later = nn.ModuleList(nn.Linear(code, code, bias=False) for _ in range(horizon))

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The mean of the contexts."""
        x = self.checked(x)
        _, c = self.lines(x)
        return c.mean(1).unflatten(0, (len(x), -1)).mean(1)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        z, c = self.lines(batch.x)
        z, c = z[:MOST], c[:MOST]
        losses = []
        for k, later in enumerate(self.later, 1):
            t = int(batch.noise.at("from", k).rows(slice(0, 1)).integers(self.steps - k, 1))  # one place for all
            losses.append(info_nce(later(c[:, t]) @ z[:, t + k].mT / math.sqrt(z.shape[2])))
        return torch.stack(losses).mean()

    def lowers(self) -> Objective:
        return Objective("contrast of what comes later, nats")

    def lines(self, x: Shaped[Tensor, "B *event"]) -> tuple[Float[Tensor, "N T K"], Float[Tensor, "N T K"]]:
        """The parts of every line, and the contexts: of an image a line for each column of patches."""
        parts = self.patches.cut(Numbers(self.space, self.dtype).of(x))
        z = self.parts(parts.flatten(0, 1)).unflatten(0, (len(parts), self.steps, -1))
        z = z.transpose(1, 2).flatten(0, 1)
        return z, self.context(z)[0]
