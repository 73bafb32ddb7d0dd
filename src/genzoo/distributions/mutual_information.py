"""How much columns of levels say of each other."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["mutual_information"]


def mutual_information(probs: Float[Tensor, "n n q q"]) -> Float[Tensor, "n n"]:
    """I_ij in nats, from the joint distributions of all pairs; its diagonal holds entropies.

    Args:
        probs: p_ij(u, v), of levels u of column i and v of column j.

    Example:
        >>> import math
        >>> alike = torch.eye(2).expand(2, 2, 2, 2) / 2
        >>> mutual_information(alike).div(math.log(2)).round(decimals=4).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    own = torch.einsum("iiuu->iu", probs)
    alone = own[:, None, :, None] * own[None, :, None, :]
    return (torch.special.xlogy(probs, probs) - torch.special.xlogy(probs, alone)).sum((2, 3))
