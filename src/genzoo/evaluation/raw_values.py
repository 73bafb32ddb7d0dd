"""Rows as vectors in which no entry outweighs the others: the eye for data that have no judge."""

from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.space import Space
from genzoo.data import Rows
from genzoo.data.data import fingerprint
from genzoo.evaluation.extractors import Extractor, Values

__all__ = ["StandardValues", "plain_values"]

LOOKED_AT = 10_000  # rows that the units are taken from


class StandardValues:
    """Real numbers in standard units: each entry less its mean, over its standard deviation, in the training rows.

    Args:
        space: What a row is.
        mean: The mean of each entry.
        scale: The standard deviation of each.

    Example:
        >>> import torch
        >>> StandardValues(Space((2,)), torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0]))(torch.tensor([[3.0, 4.0]]))
        tensor([[1., 4.]])
    """

    name = "standardized values"

    def __init__(self, space: Space, mean: Float[Tensor, " D"], scale: Float[Tensor, " D"]) -> None:
        self.space, self.dims, self.mean, self.scale = space, space.dims, mean, scale
        self.fingerprint = fingerprint("standardized values", mean, scale)

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The rows as vectors."""
        return (Values(self.space)(x) - self.mean) / self.scale


def plain_values(rows: Rows) -> Extractor:
    """The values of rows: levels between 0 and 1, reals in the standard units of these rows.

    Args:
        rows: The rows of which the units are taken.

    Example:
        >>> import genzoo
        >>> plain_values(genzoo.read("moons").train).name, plain_values(genzoo.read("digits").train).name
        ('standardized values', 'values')
    """
    if rows.space.levels is not None:
        return Values(rows.space)
    values = Values(rows.space)(rows.head(LOOKED_AT)[0]).double()
    scale = values.std(0)
    return StandardValues(rows.space, values.mean(0).float(), scale.where(scale > 0, 1.0).float())
