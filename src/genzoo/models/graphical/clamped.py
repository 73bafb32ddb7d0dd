"""Gibbs's sampler of rows that are seen through noise, entry by entry: what is known stays, all else is drawn."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.space import Space
from genzoo.mcmc.kernel import Kernel
from genzoo.models.abilities import Sweeping

__all__ = ["Swept"]


class Swept(Sweeping):
    """Sweeps of a model, from the function that makes them.

    Args:
        space: What one x is.
        kernel: From the evidence and the condition of each row to a kernel.
    """

    def __init__(self, space: Space, kernel: Callable[[Tensor, Given], Kernel]) -> None:
        self.space, self._kernel = space, kernel

    def kernel(self, evidence: Float[Tensor, "B D L"], given: Given) -> Kernel:
        return self._kernel(evidence, given)
