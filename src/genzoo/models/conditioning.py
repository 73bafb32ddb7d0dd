"""The law of a row given a linear measurement, for models that are mixtures of Gaussians."""

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.space import Space
from genzoo.distributions.conditioned import Conditioned, Group
from genzoo.models.abilities import Conditioning

__all__ = ["GaussianConditioning"]


class GaussianConditioning(Conditioning):
    """The law of x given y = A x + ε, of a mixture of Gaussians, in float64.

    Args:
        space: What one x is.
        groups: From the condition of some rows, and how many they are, to the Gaussians that x may be of.
    """

    def __init__(self, space: Space, groups: Callable[[Given, int], Sequence[Group]]) -> None:
        self.space, self._groups = space, groups

    def condition(
        self, matrix: Float[Tensor, "m D"], y: Float[Tensor, "B m"], variance: Float[Tensor, " m"], given: Given
    ) -> Conditioned:
        return Conditioned(self._groups(given, len(y)), matrix.double(), y.double(), variance.double())
