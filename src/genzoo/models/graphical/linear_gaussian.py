"""Bayes nets of real variables: each is a line through its parents, with Gaussian noise.

$$ x_i = b_i + \\sum_{j \\in \\mathrm{pa}(i)} w_{ij} x_j + \\sigma_i \\epsilon_i, \\qquad \\epsilon_i \\sim N(0, 1). $$

All variables together are Gaussian with covariance $(I - W)^{-1} \\sigma^2 (I - W)^{-\\top}$: the graph says which
regressions are zero, and the likelihood is highest at those by least squares.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import MultivariateNormal

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.given import Given
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import Group
from genzoo.models.conditioning import GaussianConditioning
from genzoo.models.graphical.dag import Parents, ancestral_order, parents_of

__all__ = ["LinearGaussianNet"]


class LinearGaussianNet(GenerativeModel, DirectFit):
    """A Bayes net of lines with Gaussian noise, of maximal likelihood after one pass.

    Args:
        space: What one x is; real; entry i of the flattened row is variable i.
        parents: For each variable its parents; a mapping may leave out those that have none.
        floor: What is added to every variance, as a share of the largest, so that collinear columns have a density.

    Raises:
        ValueError: If the space is discrete, or the graph has a cycle (which is named).

    Example:
        >>> net = LinearGaussianNet(Space((2,)), {1: [0]})
        >>> x = torch.tensor([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [3.0, 7.0]])
        >>> net.begin(); net.accumulate(Batch(x)); metrics = net.finish()
        >>> round(net.weights[1, 0].item(), 3), round(net.bias[1].item(), 3), net.parameter_count
        (2.0, 1.0, 5)

    References:
        Shachter & Kenley, 1989, "Gaussian influence diagrams"
    """

    likelihood = Likelihood.EXACT
    weights: Tensor
    bias: Tensor
    sigma: Tensor
    moments: Tensor

    def __init__(self, space: Space, parents: Parents, *, floor: float = 1e-6) -> None:
        super().__init__(space)
        if space.is_discrete or space.ragged or not floor > 0:
            raise ValueError(
                f"LinearGaussianNet needs reals of a fixed shape and a positive `floor`, got {space} and {floor}. "
                "On levels take BayesNet."
            )
        self.floor, self.parents = floor, parents_of(parents, space.dims)
        self.order, size = ancestral_order(self.parents), space.dims
        self.register_buffer("weights", torch.zeros(size, size, dtype=torch.float64))
        self.register_buffer("bias", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("sigma", torch.ones(size, dtype=torch.float64))
        self.register_buffer("moments", torch.zeros(size + 1, size + 1, dtype=torch.float64))

    @property
    def parameter_count(self) -> int:
        """Free numbers: a weight for each arrow, an offset and a variance for each variable."""
        return sum(map(len, self.parents)) + 2 * self.space.dims

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        flat = x.flatten(1).to(self.bias.dtype)
        z = (flat - self.bias - flat @ self.weights.T) / self.sigma
        constant = self.sigma.log().sum() + self.space.dims * math.log(2 * math.pi) / 2
        return (-0.5 * z.square().sum(1) - constant).to(x.dtype)

    def draw(self, n: int, given: Given, noise: Noise) -> Float[Tensor, "n *event"]:
        x = self.sigma * noise.normal(n, self.space.dims, dtype=self.bias.dtype) + self.bias
        for i in self.order:
            if self.parents[i]:
                above = list(self.parents[i])
                x[:, i] += x[:, above] @ self.weights[i, above]
        return x.to(torch.get_default_dtype()).reshape(n, *self.space.shape)

    def abilities(self) -> list[Ability]:
        return [GaussianConditioning(self.space, self.groups)]

    def groups(self, given: Given, n: int) -> list[Group]:
        """The one Gaussian that all variables together are of."""
        spread = torch.linalg.inv(torch.eye(self.space.dims).to(self.weights) - self.weights)
        return [Group(spread.new_zeros(1), (spread @ self.bias)[None], spread * self.sigma)]

    def begin(self) -> None:
        self.moments.zero_()

    def accumulate(self, batch: Batch) -> None:
        rows = torch.nn.functional.pad(batch.x.flatten(1).to(self.moments.dtype), (0, 1), value=1.0)
        self.moments += rows.T @ rows

    def statistics(self) -> Sequence[Tensor]:
        return [self.moments]

    def finish(self) -> Metrics:
        count = self.moments[-1, -1].clamp_min(1)
        mean = self.moments[-1, :-1] / count
        covariance = self.moments[:-1, :-1] / count - mean[:, None] * mean
        covariance.diagonal().add_(self.floor * covariance.diagonal().max().clamp_min(1e-300))
        self.weights.zero_()
        for i, above in enumerate(self.parents):
            pa = list(above)
            if pa:
                self.weights[i, pa] = torch.linalg.solve(covariance[pa][:, pa], covariance[pa, i])
            left = covariance[i, i] - self.weights[i, pa] @ covariance[pa, i]
            self.sigma[i] = left.clamp_min(1e-12 * covariance[i, i]).sqrt()
        self.bias.copy_(mean - self.weights @ mean)
        return Done(loss=(self.sigma.log() + (1 + math.log(2 * math.pi)) / 2).sum().item())

    def gaussian(self) -> tuple[Float[Tensor, " n"], Float[Tensor, "n n"]]:
        """The mean and covariance of all variables together."""
        spread = torch.linalg.inv(torch.eye(self.space.dims).to(self.weights) - self.weights)
        return spread @ self.bias, (spread * self.sigma.square()) @ spread.T

    def posterior(self, query: Sequence[int], evidence: Mapping[int, float] | None = None) -> MultivariateNormal:
        """$p(x_Q \\mid x_E)$, a Gaussian, exactly.

        Args:
            query: The variables that are asked for.
            evidence: Values by variable.

        Raises:
            ValueError: If a variable does not exist, or is both asked for and known.

        Example:
            >>> net = LinearGaussianNet(Space((2,)), {1: [0]})
            >>> net.weights[1, 0] = 1.0
            >>> found = net.posterior([0], {1: 2.0})
            >>> found.mean.item(), round(found.variance.item(), 6)
            (1.0, 0.5)
        """
        known, asked = dict(evidence or {}), list(query)
        if set(asked) & set(known) or not set(asked) | set(known) <= set(range(self.space.dims)):
            raise ValueError(
                f"Variables must be among 0 to {self.space.dims - 1} and not both asked for and known, got {asked} "
                f"given {sorted(known)}."
            )
        mean, covariance = self.gaussian()
        e, values = list(known), torch.tensor(list(known.values()), dtype=mean.dtype)
        gain = torch.linalg.solve(covariance[e][:, e], covariance[e][:, asked]).T
        center = mean[asked] + gain @ (values - mean[e])
        left = covariance[asked][:, asked] - gain @ covariance[e][:, asked]
        return MultivariateNormal(center, (left + left.T) / 2)
