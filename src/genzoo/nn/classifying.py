"""A critic that tells the class, too: one trunk with two heads."""

from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.given import GivenLike

__all__ = ["Classifying"]


class Classifying(nn.Module):
    """A critic that sees no condition, and logits of the classes from the same features φ,

    $$ D(x) = w^\\top \\varphi(x) + b, \\qquad \\log p(y \\mid x) = (V \\varphi(x) + c)_y + const. $$

    Args:
        features: φ, called as features(x).
        width: How many features there are.
        classes: How many classes there are.

    Example:
        >>> import torch
        >>> from genzoo.nn import MLP
        >>> critic = Classifying(MLP(2, [16], 8), 8, 3)
        >>> critic(torch.zeros(4, 2)).shape, critic.classes(torch.zeros(4, 2)).shape
        (torch.Size([4, 1]), torch.Size([4, 3]))
    """

    def __init__(self, features: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.features, self.last, self.label = features, nn.Linear(width, 1), nn.Linear(width, classes)

    def forward(self, x: Float[Tensor, "B *event"], given: GivenLike = None) -> Float[Tensor, "B 1"]:
        said: Tensor = self.last(self.features(x))
        return said

    def classes(self, x: Float[Tensor, "B *event"]) -> Float[Tensor, "B K"]:
        """The logits of the classes."""
        logits: Tensor = self.label(self.features(x))
        return logits
