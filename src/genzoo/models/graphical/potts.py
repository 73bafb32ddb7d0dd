"""Potts's model: sites of q colors, neighbors that gain by agreeing.

$$ E(x) = -\\sum_{i < j} J_{ij} [x_i = x_j] - \\sum_i h_i(x_i), \\qquad p(x) = \\frac{e^{-\\beta E(x)}}{Z}. $$

With q = 2 it is Ising's model at half the coupling: $[x_i = x_j] = (1 + s_i s_j) / 2$. On the square lattice its
transition lies at $\\beta_c = \\ln(1 + \\sqrt q)$, and is of first order from q = 5 on.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.space import Space
from genzoo.models.graphical.graph import Couplings
from genzoo.models.graphical.pairwise import PairwiseField

__all__ = ["Potts"]


class Potts(PairwiseField):
    """Sites of q colors with couplings J on any graph and a field h, at inverse temperature β.

    It can do what `Ising` can, in the same words; up to 2²⁰ states everything is exact.

    Args:
        space: What one x is: entries of q levels.
        couplings: J, a `Graph` or a symmetric matrix, dense or sparse.
        field: h, a number for each site and color; by default none.
        beta: The inverse temperature β, not negative.
        sweeps: How long chains run for a sample.
        temperatures: How many steps of annealing log Z takes, where it is estimated.

    Raises:
        ValueError: If there are fewer than two levels, J is not symmetric, finite and without a diagonal, h is not
            finite, or β is negative.

    Example:
        >>> from genzoo.models.graphical import Graph
        >>> model = Potts(Space((2, 3), levels=3), Graph.torus((2, 3)), beta=0.5)
        >>> x, probs = model.enumerate()
        >>> x.shape, round(probs.sum().item(), 6)
        (torch.Size([729, 2, 3]), 1.0)

    References:
        Potts, 1952, "Some generalized order-disorder transformations"
    """

    def __init__(
        self,
        space: Space,
        couplings: Couplings,
        field: Float[Tensor, "n q"] | None = None,
        *,
        beta: float = 1.0,
        sweeps: int = 100,
        temperatures: int = 500,
    ) -> None:
        if (space.levels or 0) < 2 or space.ragged:
            raise ValueError(f"Potts needs rows of two levels or more, of one length, got {space}.")
        colors = torch.eye(space.levels or 0)
        super().__init__(space, couplings, colors, field, beta=beta, sweeps=sweeps, temperatures=temperatures)
