"""Rules: what to say where a better and a worse answer are known.

The better is E[x | x_t, given]. The worse does not know the condition, or knows one that is not wanted, or is that of
a poorer model. What tells them apart is followed further.
"""

import abc
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from genzoo.models.diffusion.schedule import Moment

__all__ = ["Plain", "Rule"]


class Rule(abc.ABC):
    """One answer from two."""

    @abc.abstractmethod
    def __call__(
        self,
        better: Float[Tensor, "B *event"],
        worse: Float[Tensor, "B *event"],
        x_t: Float[Tensor, "B *event"],
        at: Moment,
    ) -> Float[Tensor, "B *event"]:
        """The answer.

        Args:
            better: What the better says x is.
            worse: What the worse says.
            x_t: The noised rows.
            at: The time, ready to be multiplied with rows.
        """


@dataclass(frozen=True)
class Plain(Rule):
    """Beyond the better, away from the worse,

    $$ \\hat x = \\hat x_1 + w\\,(\\hat x_1 - \\hat x_0). $$

    Args:
        weight: w; 0 is the better, −1 the worse.

    Example:
        >>> import torch
        >>> from genzoo.models.diffusion import Straight
        >>> at = Straight().at(torch.tensor(0.5))
        >>> Plain(2.0)(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2), at)
        tensor([[3., 3.]])

    References:
        Ho & Salimans, 2022, "Classifier-free diffusion guidance", arXiv:2207.12598
    """

    weight: float

    def __call__(
        self,
        better: Float[Tensor, "B *event"],
        worse: Float[Tensor, "B *event"],
        x_t: Float[Tensor, "B *event"],
        at: Moment,
    ) -> Float[Tensor, "B *event"]:
        return better + self.weight * (better - worse)
