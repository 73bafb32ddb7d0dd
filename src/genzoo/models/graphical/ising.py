"""Ising's model: spins on a graph, each pulled by its neighbors and by a field.

$$ E(s) = -\\tfrac12 s^\\top J s - h^\\top s, \\qquad P(s) = \\frac{e^{-\\beta E(s)}}{Z}, \\qquad
   P(s_i = 1 \\mid s_{-i}) = \\frac{1}{1 + e^{-2 \\beta H_i}}, \\quad H_i = h_i + \\sum_j J_{ij} s_j. $$

With couplings that are learned it is the Boltzmann machine without hidden units, the distribution of the largest
entropy among those with the data's means and correlations.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from genzoo.core.space import Space
from genzoo.models.graphical.graph import Couplings
from genzoo.models.graphical.pairwise import PairwiseField

__all__ = ["Ising"]


class Ising(PairwiseField):
    """Spins $s = 2x - 1$ with couplings J on any graph and a field h, at inverse temperature β.

    Up to 20 spins everything is exact. Beyond, `sample` runs a Markov chain for each row (Gibbs by colors; clusters on
    a ferromagnet), `log_prob` takes log Z from annealed importance sampling, and training raises the
    pseudo-likelihood. `diagnose` says whether chains mix.

    Args:
        space: What one x is: entries of two levels.
        couplings: J, a `Graph` or a symmetric matrix, dense or sparse.
        field: h, a number for each spin; by default none.
        beta: The inverse temperature β, not negative.
        sweeps: How long chains run for a sample.
        temperatures: How many steps of annealing log Z takes, where it is estimated.

    Raises:
        ValueError: If the levels are not two, J is not symmetric, finite and without a diagonal, h is not finite, or β
            is negative.

    Example:
        >>> from genzoo.models.graphical import Graph
        >>> model = Ising(Space((9,), levels=2), Graph.torus((3, 3)), beta=0.4).double()
        >>> round(model.log_partition().value, 6)
        8.456456
        >>> model.sample(4, seed=0).shape
        torch.Size([4, 9])

    References:
        Ising, 1925, "Beitrag zur Theorie des Ferromagnetismus"
        Ackley, Hinton & Sejnowski, 1985, "A learning algorithm for Boltzmann machines"
    """

    def __init__(
        self,
        space: Space,
        couplings: Couplings,
        field: Float[Tensor, " n"] | None = None,
        *,
        beta: float = 1.0,
        sweeps: int = 100,
        temperatures: int = 500,
    ) -> None:
        if space.levels != 2 or space.ragged:
            raise ValueError(f"Ising needs rows of two levels, got {space}. Binarize the data, or take Potts.")
        column, spins = None if field is None else torch.as_tensor(field)[:, None], torch.tensor([[-1.0], [1.0]])
        super().__init__(space, couplings, spins, column, beta=beta, sweeps=sweeps, temperatures=temperatures)

    def magnetization(self, x: Integer[Tensor, "B *event"]) -> Float[Tensor, " B"]:
        """The mean spin of each row."""
        return 2 * x.flatten(1).to(self.dtype).mean(1) - 1
