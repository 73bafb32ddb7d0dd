"""A masked autoencoder: from a few patches of an image the others are to be told.

Of the patches of an image all but a share are hidden. A transformer sees those that are left, and a lighter one makes
of its vectors, and of one learned vector in every hidden place, the hidden patches, each normed to mean 0 and
variance 1,

$$ L = \\mathbb E\\,\\frac{1}{|M|} \\sum_{k \\in M} \\frac1D \\|\\hat p_k - \\mathrm{norm}(p_k)\\|^2. $$

What is kept is the mean of the first transformer's vectors of all patches.

References:
    He et al., 2022, "Masked autoencoders are scalable vision learners", arXiv:2111.06377
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from genzoo.core.game import Batch, Objective
from genzoo.core.given import GivenAsked, RowsAsked
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.representation.encoding import Encoding
from genzoo.nn.patches import Patches
from genzoo.nn.uvit import Block

__all__ = ["MAE"]


class MAE(Encoding):
    """Features from which hidden patches can be told. Levels are seen as numbers in [−1, 1].

    Args:
        space: What one x is: an image, a clip's frame or a line, (C, H, W), (L,) or (L, D).
        code: The length of the vectors, and of the features.
        depth: Blocks of the first transformer.
        heads: Heads of attention; they share out the code.
        patch: The side of a patch, or the length of a stretch.
        hidden: The share of patches that is hidden in training.

    Raises:
        ValueError: If the share leaves or hides no patch, or the heads do not divide the code.

    Example:
        >>> model = MAE(Space((1, 8, 8), levels=17), code=16, depth=1, heads=2, patch=2)
        >>> model.encode(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape
        torch.Size([3, 16])
    """

    def __init__(
        self, space: Space, *, code: int = 128, depth: int = 4, heads: int = 4, patch: int = 4, hidden: float = 0.75
    ) -> None:
        super().__init__(space, code=code)
        self.patches = Patches(space.shape, patch)
        count, width = self.patches.places, max(2, code // 2) // 2 * 2
        self.kept = min(max(1, round((1 - hidden) * count)), count - 1)
        if not 0 < hidden < 1 or count < 2:
            raise ValueError(f"`hidden` must leave and hide a patch of {count}, got {hidden}. 0.75 is usual.")
        if code % heads:
            raise ValueError(f"`code` must be a multiple of `heads`, got {code} and {heads}.")
        self.first, self.norm = nn.Linear(self.patches.width, code), nn.LayerNorm(code)
        self.places = nn.Parameter(0.5 * torch.randn(count, code))  # 0.5: to be told beside the patches
        self.blocks = nn.ModuleList(Block(code, heads, skips=False) for _ in range(depth))
        self.narrow, self.lacking = nn.Linear(code, width), nn.Parameter(0.02 * torch.randn(width))
        self.order = nn.Parameter(0.5 * torch.randn(count, width))
        self.told = nn.ModuleList(Block(width, 2, skips=False) for _ in range(2))
        self.last = nn.Linear(width, self.patches.width)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B K"]:
        """The mean of the vectors of all patches."""
        parts = self.cut(self.checked(x))
        every = torch.arange(parts.shape[1], device=parts.device).expand(len(parts), -1)
        return self.seen(parts, every).mean(1)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        parts = self.cut(batch.x)
        order = batch.noise.at("hidden").uniform(*parts.shape[:2]).argsort(1).to(parts.device)
        kept, hidden = order[:, : self.kept], order[:, self.kept :]
        h = self.lacking + torch.zeros(*parts.shape[:2], len(self.lacking)).to(parts)
        h = put(h, kept, self.narrow(self.seen(parts, kept))) + self.order
        for block in self.told:
            h = block(h)
        wanted = layer_norm(parts, parts.shape[-1:])
        return (taken(self.last(h), hidden) - taken(wanted, hidden)).square().mean()

    def lowers(self) -> Objective:
        return Objective("squared error of hidden patches, each normed, the mean over entries")

    def cut(self, x: Shaped[Tensor, "B *event"]) -> Float[Tensor, "B T D"]:
        """The patches of rows as numbers."""
        return self.patches.cut(Numbers(self.space, self.dtype).of(x))

    def seen(self, parts: Float[Tensor, "B T D"], kept: Int[Tensor, "B k"]) -> Float[Tensor, "B k W"]:
        """The vectors of some patches, which see each other alone."""
        h = self.first(taken(parts, kept)) + self.places[kept]
        for block in self.blocks:
            h = block(h)
        said: Tensor = self.norm(h)
        return said


def taken(h: Float[Tensor, "B T W"], places: Int[Tensor, "B k"]) -> Float[Tensor, "B k W"]:
    """The vectors of some places of each row.

    Args:
        h: The vectors.
        places: Which.
    """
    return h.gather(1, places[..., None].expand(-1, -1, h.shape[2]))


def put(h: Float[Tensor, "B T W"], places: Int[Tensor, "B k"], new: Float[Tensor, "B k W"]) -> Float[Tensor, "B T W"]:
    """Vectors with those of some places put in their stead.

    Args:
        h: The vectors.
        places: Which.
        new: What stands there afterwards.
    """
    return h.scatter(1, places[..., None].expand(-1, -1, h.shape[2]), new.to(h.dtype))
