"""Minibatch standard deviation: a critic that sees how unlike the rows are that it judges together."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike

__all__ = ["Deviating", "deviation_in_groups"]


def deviation_in_groups(h: Float[Tensor, "B features"], group: int = 4) -> Float[Tensor, "B 1"]:
    """How far the features of a group's rows spread, on average over features; the same number for all of a group,

    $$ s = \\frac1F \\sum_f \\sqrt{\\frac1M \\sum_{i} (h_{if} - \\bar h_f)^2 + 10^{-8}}. $$

    Groups are of rows that stand beside each other; where their number does not divide the batch, all rows are one.

    Args:
        h: Features.
        group: M, rows in a group.

    Example:
        >>> deviation_in_groups(torch.tensor([[1.0], [3.0], [5.0], [5.0]]), group=2).T.round(decimals=2)
        tensor([[1., 1., 0., 0.]])
    """
    m = group if len(h) % group == 0 else len(h)
    rows = h.unflatten(0, (-1, m))
    spread = (rows - rows.mean(1, keepdim=True)).square().mean(1).add(1e-8).sqrt().mean(1, keepdim=True)
    return spread.repeat_interleave(m, dim=0)


class Deviating(nn.Module):
    """A critic of features and of their deviation within groups of rows: it sees a generator that repeats itself.

    Args:
        features: φ, called as features(x, given).
        width: How many features there are.
        group: Rows in a group.

    Example:
        >>> from genzoo.nn import MLP
        >>> Deviating(MLP(2, [16], 8), 8)(torch.zeros(8, 2)).shape
        torch.Size([8, 1])

    References:
        Karras, Aila, Laine & Lehtinen, 2018, "Progressive growing of GANs", arXiv:1710.10196 (section 3)
    """

    def __init__(self, features: nn.Module, width: int, group: int = 4) -> None:
        super().__init__()
        self.features, self.last, self.group = features, nn.Linear(width + 1, 1), group

    def forward(self, x: Float[Tensor, "B *event"], given: GivenLike = None) -> Float[Tensor, "B 1"]:
        h = self.features(x) if given is None else self.features(x, given)
        said: Tensor = self.last(torch.cat([h, deviation_in_groups(h, self.group)], dim=1))
        return said
