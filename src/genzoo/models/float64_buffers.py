"""State that stays in float64."""

from collections.abc import Callable

from torch import Tensor, nn

__all__ = ["Wide"]


class Wide(nn.Module):
    """A module whose sums and factors stay float64, whatever the precision of a model around it.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import KMeans
        >>> isinstance(KMeans(Space((2,))), Wide), KMeans(Space((2,))).float().centers.dtype
        (True, torch.float64)
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Wide":
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
