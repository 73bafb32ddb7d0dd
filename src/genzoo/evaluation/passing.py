"""How many problems are solved by at least one of k tries.

Of n tries at a problem c are right. The chance that k of the n, chosen without looking, hold a right one,

$$ \\text{pass@}k = 1 - \\binom{n-c}{k} \\Big/ \\binom{n}{k}, $$

is an estimate without bias of the chance that k fresh tries do, where $1 - (1 - c/n)^k$ is too low. Its mean over
problems has an interval over problems, which is what another set of problems would change.

References:
    Chen et al., 2021, "Evaluating large language models trained on code", arXiv:2107.03374
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.distributions.estimate import Estimate, mean_of

__all__ = ["pass_at", "pass_rate"]


def pass_at(k: int, right: Int[Tensor, "*problems"], tries: int) -> Float[Tensor, "*problems"]:
    """The chance that k of a problem's tries hold a right one, 1 − C(n − c, k) / C(n, k), in float64.

    Args:
        k: How many tries there may be.
        right: c, how many of a problem's tries are right.
        tries: n, how many there were.

    Raises:
        ValueError: If there are fewer tries than k, or more right ones than tries.

    Example:
        >>> pass_at(2, torch.tensor([0, 1, 3, 4]), 4).tolist()
        [0.0, 0.5, 1.0, 1.0]
    """
    if not 1 <= k <= tries:
        raise ValueError(f"pass@k must have k from 1 to the number of tries, got k={k} of {tries}. Try more often.")
    if len(right.flatten()) and not 0 <= int(right.min()) <= int(right.max()) <= tries:
        raise ValueError(
            f"Right tries must be 0 to {tries}, got {int(right.min())} to {int(right.max())}. Count anew."
        )
    c, place = right.double()[..., None], torch.arange(k, dtype=torch.float64)
    factors = (tries - c - place).clamp(min=0) / (tries - place)  # C(n − c, k) / C(n, k), factor by factor
    return 1 - factors.prod(-1)


def pass_rate(k: int, right: Int[Tensor, " problems"], tries: int) -> Estimate:
    """pass@k of a set of problems, with its standard error over problems.

    Args:
        k: How many tries there may be.
        right: How many of each problem's tries are right.
        tries: How many there were.

    Example:
        >>> pass_rate(1, torch.tensor([0, 2, 4]), 4).value
        0.5

    Reference:
        Chen et al., 2021, arXiv:2107.03374
    """
    return mean_of(pass_at(k, right, tries))
