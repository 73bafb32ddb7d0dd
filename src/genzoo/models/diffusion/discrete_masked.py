"""What models that hide and tell symbols share: how many are hidden at each step, and how samples are asked for."""

import abc
from typing import Unpack

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.diffusion.discrete_model import DiscreteModel
from genzoo.models.diffusion.discrete_samplers import Telling, Unmasking, unmasking_named
from genzoo.models.stepping import first_symbols

__all__ = ["Masked", "left"]


class Masked(DiscreteModel):
    """A model that draws by telling what is hidden.

    References:
        Sahoo et al., 2024, "Simple and effective masked diffusion language models", arXiv:2406.07524
    """

    @abc.abstractmethod
    def filled(
        self, tokens: Int[Tensor, "B D"], given: Given, noise: Noise, sampler: Unmasking, guidance: float = 0.0
    ) -> Int[Tensor, "B D"]:
        """Rows whose hidden entries are told, and the others as they are."""

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        prefix: Integer[Tensor, "..."] | None = None,
        sampler: Unmasking | str = "random",
        guidance: float = 0.0,
        **telling: Unpack[Telling],
    ) -> Integer[Tensor, "n *event"]:
        """Samples.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where the draws come from.
            prefix: The first symbols, (t,) for all rows or (n, t) for each.
            sampler: How hidden symbols are told, or "random", "entropy" or "remask".
            guidance: How much more the condition counts; 0 is the model.
            telling: `steps`, `bound`, `fresh` and `temperature` of a sampler that is named, as in `Telling`.

        Raises:
            ValueError: If an option is out of range.
        """
        if isinstance(sampler, str):
            sampler = unmasking_named(sampler, **telling)
        tokens = torch.full((n, self.space.dims), self.hidden, device=self.device)
        if (known := first_symbols(self.space, n, prefix)) is not None:
            tokens[:, : known.shape[1]] = known.to(self.device)
        return self.rows(self.filled(tokens, given, noise, sampler, guidance))

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (frozenset(Telling.__annotations__) if method == "draw" else frozenset())


def left(dims: int, steps: int | None) -> Int[Tensor, " times"]:
    """How many of D entries are hidden before each step, and after the last; one is told at a time by default.

    Args:
        dims: D.
        steps: How many steps, of which there are at most D.

    Example:
        >>> left(5, 2).tolist(), left(3, None).tolist()
        ([5, 2, 0], [3, 2, 1, 0])
    """
    return torch.linspace(dims, 0, min(steps or dims, dims) + 1, dtype=torch.float64).round().long()
