"""Couplings: which noise, or which other row, is mixed with which row in training.

A flow is learned from pairs (x, z) whose laws are those of the data and of the noise; which z goes with which x is
free. Pairs that lie near make paths that hardly cross, so that few steps follow them.
"""

import abc
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Latent
from genzoo.core.given import Given
from genzoo.core.noise import Noise

__all__ = ["Coupling", "Entropic", "Independent", "MinibatchOT", "Reflow", "assigned"]

SMOOTH, PASSES = 0.05, 20  # ε in units of the mean cost, and Sinkhorn's steps, of potentials to start from


class Coupling(abc.ABC):
    """Pairs of rows and noise.

    Attributes:
        is_independent: Whether noise tells nothing of the row that it goes with.
    """

    is_independent: ClassVar[bool] = False

    @abc.abstractmethod
    def pair(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        """Rows of data, as numbers, and independent noise, paired anew.

        Args:
            x: The rows.
            z: As much noise.
            given: The condition of each row.
            noise: Where the coupling's own draws come from.
        """


@dataclass(frozen=True)
class Independent(Coupling):
    """Any noise with any row."""

    is_independent: ClassVar[bool] = True

    def pair(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        return x, z


@dataclass(frozen=True)
class MinibatchOT(Coupling):
    """Optimal transport within a batch: the permutation of its noise that lies nearest to its rows,

    $$ \\min_\\pi \\sum_i \\|x_i - z_{\\pi(i)}\\|^2. $$

    Every row and every noise is used once. Rows of one condition share out the noise that fell to them: across
    conditions noise would tell of them, and samples given one, which start from any noise, would be of another law.

    References:
        Pooladian et al., 2023, "Multisample flow matching: straightening flows with minibatch couplings",
        arXiv:2304.14772
        Tong et al., 2024, "Improving and generalizing flow-based generative models with minibatch optimal transport",
        arXiv:2302.00482
        Cheng & Schwing, 2025, "The curse of conditions: analyzing and improving optimal transport for conditional
        flow-based generation", arXiv:2503.10636
    """

    def pair(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        order = torch.arange(len(x), device=x.device)
        for rows in alike(given, len(x)):
            order[rows] = rows[assigned(x[rows], z[rows])]
        return x, z[order]


@dataclass(frozen=True)
class Entropic(Coupling):
    """Draws from the entropic plan of a batch, which neither crosses ways nor holds on to one partner,

    $$ \\min_\\pi \\sum_{ij} \\pi_{ij} \\|x_i - z_j\\|^2 + \\varepsilon\\,KL(\\pi \\,\\|\\, p q^\\top). $$

    Every row goes with one z, drawn from its part of the plan. With ε = 2 s² the pairs are those of the Schrödinger
    bridge between both laws, the diffusion from the one to the other that is likest to Brownian motion of variance s².

    Args:
        epsilon: ε, in units of the squared distance.

    Raises:
        ValueError: If ε is not positive.

    References:
        Cuturi, 2013, "Sinkhorn distances: lightspeed computation of optimal transport", arXiv:1306.0895
        Tong et al., 2024, "Simulation-free Schrödinger bridges via score and flow matching", arXiv:2307.03672
    """

    epsilon: float

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise ValueError(f"`epsilon` must be positive, got {self.epsilon}. Take MinibatchOT() for ε = 0.")

    def pair(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        order, u = torch.arange(len(x), device=x.device), noise.uniform(len(x), dtype=torch.float64)
        for rows in alike(given, len(x)):
            shares = entropic(x[rows], z[rows], self.epsilon).cumsum(1)
            chosen = torch.searchsorted(shares, u[rows, None] * shares[:, -1:])[:, 0]
            order[rows] = rows[chosen.clamp_max(len(rows) - 1)]
        return x, z[order]


class Reflow(Coupling):
    """The noise with what a trained flow makes of it: the same law, and paths that hardly cross.

    The batch's own rows are left aside; their conditions are those of what is made.

    Args:
        latent: The trained flow's latent, `model.able(Latent)`.

    References:
        Liu, Gong & Liu, 2023, "Flow straight and fast: learning to generate and transfer data with rectified flow",
        arXiv:2209.03003
    """

    def __init__(self, latent: Latent) -> None:
        self.latent = latent

    def pair(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B *event"], Float[Tensor, "B *event"]]:
        with torch.no_grad():
            return self.latent.generate(z, given), z


def alike(given: Given, n: int) -> list[Int[Tensor, " k"]]:
    """The numbers of rows that have one condition in common.

    Args:
        given: The conditions.
        n: The number of rows.

    Example:
        >>> alike({"label": torch.tensor([1, 0, 1])}, 3)
        [tensor([1]), tensor([0, 2])]
    """
    if not given:
        return [torch.arange(n)]
    columns = torch.cat([rows.reshape(n, -1).double() for rows in given.values()], 1).nan_to_num(torch.inf)
    kinds = columns.unique(dim=0, return_inverse=True)[1]
    return [(kinds == kind).nonzero()[:, 0] for kind in range(int(kinds.max()) + 1)]


def assigned(x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"]) -> Int[Tensor, " B"]:
    """For each row of x the number of the row of z that optimal transport gives it.

    Args:
        x: Rows.
        z: As many others.

    Example:
        >>> assigned(torch.tensor([[0.0], [5.0]]), torch.tensor([[6.0], [1.0]]))
        tensor([1, 0])
    """
    from scipy.optimize import linear_sum_assignment

    a, b = (rows.detach().flatten(1).double().cpu().numpy() for rows in (x, z))
    cost = (a.mean(0) - a) @ (b - b.mean(0)).T  # ‖x − z‖²/2 but for what no permutation changes
    found = linear_sum_assignment(lowered(cost))[1]
    return torch.from_numpy(np.ascontiguousarray(found)).to(z.device)


def lowered(cost: Float[np.ndarray, "B B"]) -> Float[np.ndarray, "B B"]:
    """Costs less a potential of each row and of each column, which leaves the best permutation as it is.

    Those of a smooth plan are near the prices that prove the best one, from which few and short augmenting paths are
    left to be found: half the time of an assignment, or less.

    Args:
        cost: What each pair costs.

    Example:
        >>> lowered(np.array([[3.0, 5.0], [4.0, 7.0]])).argmin(1)  # 5 + 4 is less than 3 + 7
        array([1, 0])
    """
    cost = cost - cost.min(1, keepdims=True)
    cost -= cost.min(0)
    if not (unit := SMOOTH * cost.mean()) > 0:
        return cost
    kernel, v = np.exp(cost / -unit), np.ones(cost.shape[1])
    for _ in range(PASSES):
        u = 1 / (kernel @ v)
        v = 1 / (u @ kernel)
    with np.errstate(all="ignore"):
        smooth = cost - unit * (np.log(u)[:, None] + np.log(v))
    return smooth if np.isfinite(smooth).all() else cost


def entropic(
    x: Float[Tensor, "B *event"], z: Float[Tensor, "B *event"], epsilon: float, steps: int = 100
) -> Float[Tensor, "B B"]:
    """The plan of smoothed transport between rows of equal masses, by Sinkhorn's iteration on potentials.

    Args:
        x: Rows.
        z: As many others.
        epsilon: How smooth, in units of the squared distance.
        steps: At most how many; it ends where the masses agree to a thousandth.

    Example:
        >>> plan = entropic(torch.tensor([[0.0], [5.0]]), torch.tensor([[6.0], [1.0]]), 1.0)
        >>> plan.round(decimals=3)
        tensor([[0.0000, 0.5000],
                [0.5000, 0.0000]], dtype=torch.float64)
    """
    a, b = x.detach().flatten(1).double(), z.detach().flatten(1).double()
    log_kernel = -torch.cdist(a, b).square() / epsilon
    f, g = log_kernel.new_zeros(len(a), 1), log_kernel.new_zeros(1, len(b))
    for step in range(steps):
        f = -torch.logsumexp(log_kernel + g, 1, keepdim=True)
        sums = torch.logsumexp(log_kernel + f, 0, keepdim=True)
        off, g = (sums + g).exp().sub(1).abs().mean(), -sums
        if step and off < 1e-3:
            break
    return (log_kernel + f + g).exp() / len(a)
