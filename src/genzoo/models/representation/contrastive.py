"""Contrast: what belongs together is to be more alike than what does not.

Of B things and M others, with likenesses $s_{ij}$ and the set $P_i$ of those that belong to thing i,

$$ L = -\\frac1B \\sum_i \\frac1{|P_i|} \\sum_{j \\in P_i} \\log \\frac{e^{s_{ij}}}{\\sum_k e^{s_{ik}}}, $$

the cross entropy of a softmax over the others. With one that belongs and M − 1 drawn independently, log M − L is a
lower bound of the mutual information of the two.

References:
    van den Oord, Li & Vinyals, 2018, "Representation learning with contrastive predictive coding", arXiv:1807.03748
    Khosla et al., 2020, "Supervised contrastive learning", arXiv:2004.11362 (several that belong)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from genzoo.core.given import Given

__all__ = ["alike", "info_nce"]


def info_nce(likeness: Float[Tensor, "B M"], belongs: Bool[Tensor, "B M"] | None = None) -> Float[Tensor, ""]:
    """The contrastive loss, nats.

    Args:
        likeness: s, −∞ for what is not among the others.
        belongs: What belongs to each row, at least one; by default number i to number i.

    Example:
        >>> info_nce(torch.zeros(4, 8)).exp().item()
        8.0
    """
    shares = likeness.log_softmax(1)
    if belongs is None:
        return -shares.diagonal().mean()
    return -(shares.masked_fill(~belongs, 0).sum(1) / belongs.sum(1)).mean()


def alike(given: Given) -> Bool[Tensor, "B B"]:
    """Which rows of a condition say the same, every row the same as itself.

    Args:
        given: The condition by names.

    Example:
        >>> alike({"label": torch.tensor([1, 2, 1])}).int().tolist()
        [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    same = [(rows.flatten(1)[:, None] == rows.flatten(1)[None]).all(2) if rows.ndim > 1 else rows[:, None] == rows
            for rows in given.values()]  # fmt: skip
    found = torch.stack(same).all(0)
    return found | torch.eye(len(found), dtype=torch.bool, device=found.device)
