"""Attention of frames to frames that turns with them: invariant point attention.

Beside keys and queries each frame T = (R, x) asks by points q and answers by points k that it carries along, and what
it tells are vectors and points, too. Residue i looks at residue j by

$$ a_{ij} \\propto \\exp \\sqrt{\\tfrac13} \\Big( q_i \\cdot k_j / \\sqrt{c} + b_{ij}
   - \\tfrac{\\gamma}{2} \\sum_p \\| T_i q_{ip} - T_j k_{jp} \\|^2 \\Big), $$

and sees points that are told in its own frame, $T_i^{-1} \\sum_j a_{ij} T_j v_{jp}$. Distances and what is seen in
one's own frame do not change when all frames are moved together.

References:
    Jumper et al., 2021, "Highly accurate protein structure prediction with AlphaFold", Nature 596 (algorithm 22)
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

__all__ = ["PointAttention"]


class PointAttention(nn.Module):
    """Invariant point attention.

    Args:
        width: The length of a frame's vector.
        heads: Heads of attention; they share out the width.
        pair: The length of the vector of two frames.
        points: Points by which a head asks and answers.

    Raises:
        ValueError: If the heads do not divide the width.

    Example:
        >>> look = PointAttention(16, heads=2, pair=4)
        >>> rotation, place = torch.eye(3).expand(3, 5, 3, 3), torch.zeros(3, 5, 3)
        >>> look(torch.zeros(3, 5, 16), torch.zeros(3, 5, 5, 4), rotation, place).shape
        torch.Size([3, 5, 16])
    """

    def __init__(self, width: int, *, heads: int, pair: int, points: int = 4) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"Heads must divide the width, got {heads} and {width}. Change one.")
        self.heads, self.points, self.each = heads, points, width // heads
        self.vectors = nn.Linear(width, 3 * width)
        self.places = nn.Linear(width, 3 * heads * points * 3)
        self.bias = nn.Linear(pair, heads)
        self.gamma = nn.Parameter(torch.full((heads,), math.log(math.e - 1)))  # 1 at first
        self.out = nn.Linear(heads * (self.each + 4 * points + pair), width)

    def forward(
        self,
        h: Float[Tensor, "B T width"],
        pairs: Float[Tensor, "B T T pair"],
        rotation: Float[Tensor, "B T 3 3"],
        place: Float[Tensor, "B T 3"],
    ) -> Float[Tensor, "B T width"]:
        q, k, v = self.vectors(h).unflatten(2, (3, self.heads, self.each)).permute(2, 0, 3, 1, 4).unbind(0)
        own = self.places(h).unflatten(2, (-1, 3))
        moved = own @ rotation.mT + place[:, :, None]  # where the points are
        asks, answers, tells = moved.unflatten(2, (3, self.heads, self.points)).permute(2, 0, 3, 1, 4, 5).unbind(0)
        gamma = softplus(self.gamma)[:, None, None] / (2 * self.points)
        score = q @ k.mT / math.sqrt(self.each) + self.bias(pairs).permute(0, 3, 1, 2)
        score = score - gamma * _squares(asks.flatten(3), answers.flatten(3))
        look = (score * math.sqrt(1 / 3)).softmax(-1)
        vectors = (look @ v).transpose(1, 2).flatten(2)
        seen = (look @ tells.flatten(3)).unflatten(3, (-1, 3)).transpose(1, 2).flatten(2, 3)
        seen = (seen - place[:, :, None]) @ rotation
        of_pairs = (look.transpose(1, 2) @ pairs).flatten(2)
        lengths = (seen.square().sum(-1) + 1e-8).sqrt()
        return self.out(torch.cat([vectors, seen.flatten(2), lengths, of_pairs], dim=2))


def _squares(a: Float[Tensor, "*batch T d"], b: Float[Tensor, "*batch S d"]) -> Float[Tensor, "*batch T S"]:
    """The squared distances of points."""
    return a.square().sum(-1)[..., None] + b.square().sum(-1)[..., None, :] - 2 * a @ b.mT
