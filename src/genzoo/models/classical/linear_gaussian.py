"""Gaussians with few causes: a linear map of a short normal latent, plus noise of its own in every entry.

$$ z \\sim N(0, I_k), \\qquad x \\mid z \\sim N(\\mu + W z, \\Psi), \\qquad
   p(x) = N(x; \\mu, W W^\\top + \\Psi), \\quad \\Psi \\text{ diagonal}. $$

In units of the noise, $y = \\Psi^{-1/2} (x - \\mu)$ and $B = \\Psi^{-1/2} W$, everything costs D·k numbers a row and
never a D×D matrix. With $M = I + B^\\top B$, the posterior is $N(z; M^{-1} B^\\top y, M^{-1})$, and the distance that
the likelihood wants is that of the best explanation,

$$ (x - \\mu)^\\top (W W^\\top + \\Psi)^{-1} (x - \\mu) = \\min_z \\|y - B z\\|^2 + \\|z\\|^2, $$

reached at the posterior mean: a sum of squares, which loses nothing to cancellation where the noise is small.
"""

import abc
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal

from genzoo.core.abilities import Ability
from genzoo.core.game import Batch, DirectFit, Metrics
from genzoo.core.given import NOTHING, Given, GivenAsked, RowsAsked
from genzoo.core.model import GenerativeModel, Likelihood
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.conditioned import Group
from genzoo.distributions.degenerate import refuse_still
from genzoo.distributions.draws import draw
from genzoo.distributions.levels import Numbers
from genzoo.models.abilities import Inference, NormalLatent
from genzoo.models.classical.moments import RunningMoments
from genzoo.models.conditioning import GaussianConditioning

__all__ = ["LinearGaussian", "signed"]


class LinearGaussian(GenerativeModel, DirectFit):
    """$p(x) = N(x; \\mu, W W^\\top + \\mathrm{diag}\\,\\psi)$ with W of k columns; a subclass says how they are found.

    What is stored is float64; rows are worked on in their own precision.

    Args:
        space: What one x is; real.
        rank: k, the length of z, at most the number of entries of x.
        floor: The smallest variance of the noise, as a share of the data's. `None` is a small one, and refuses data
            whose likelihood has no maximum.

    Raises:
        ValueError: If the space is discrete or ragged, the rank is not between 1 and D, or the floor is not positive.

    References:
        Roweis & Ghahramani, 1999, "A unifying review of linear Gaussian models"
    """

    likelihood = Likelihood.EXACT
    mean: Tensor
    loadings: Tensor
    noise_variance: Tensor

    def __init__(self, space: Space, *, rank: int, floor: float | None) -> None:
        super().__init__(space)
        _check(type(self).__name__, space, rank, floor)
        self.rank, self.floor, size = rank, floor, space.dims
        self.moments = RunningMoments(size)
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("loadings", torch.zeros(size, rank, dtype=torch.float64))  # W
        self.register_buffer("noise_variance", torch.ones(size, dtype=torch.float64))  # ψ

    @property
    def parameter_count(self) -> int:
        d, k = self.space.dims, self.rank
        return 2 * d + d * k - k * (k - 1) // 2  # W is known up to a rotation

    def log_density(self, x: Float[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        y, z = self._explained(x)
        distance = (y - z @ self._scaled().to(y.dtype).T).square().sum(1) + z.square().sum(1)
        return -(distance + self._log_det() + self.space.dims * math.log(2 * math.pi)) / 2

    def draw(self, n: int, given: Given, source: Noise, /, *, noise: bool = True) -> Float[Tensor, "n *event"]:
        """Samples; without `noise` the mean of p(x | z), $\\mu + W z$."""
        z = source.normal(n, self.rank, dtype=torch.float64)
        x = self.mean + z @ self.loadings.T
        if noise:
            x = x + self.noise_variance.sqrt() * source.normal(n, self.space.dims, dtype=torch.float64)
        return x.to(torch.get_default_dtype()).reshape(n, *self.space.shape)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B k"]:
        """The posterior mean, $E[z \\mid x] = (I + W^\\top \\Psi^{-1} W)^{-1} W^\\top \\Psi^{-1} (x - \\mu)$."""
        return self._explained(self.checked(x))[1]

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The mean of $p(x \\mid z)$, $\\mu + W z$."""
        z = self.latents(z)
        x = self.mean.to(z.dtype) + z @ self.loadings.to(z.dtype).T
        return x.reshape(len(z), *self.space.shape)

    def abilities(self) -> list[Ability]:
        latent = NormalLatent(Space((self.rank,)), Numbers(self.space), self.decode)
        return [latent, Posterior(self), GaussianConditioning(self.space, self.groups)]

    def groups(self, given: Given, n: int) -> list[Group]:
        """The one Gaussian that x is of."""
        root = torch.cat([self.loadings, self.noise_variance.sqrt().diag()], dim=1)
        return [Group(root.new_zeros(1), self.mean[None], root)]

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.moments.start(Batch(self.checked_batch(batch)[0]) for batch in batches)

    def begin(self) -> None:
        self.moments.clear()

    def accumulate(self, batch: Batch) -> None:
        self.moments.add(self.checked_batch(batch)[0].flatten(1))

    def statistics(self) -> Sequence[Tensor]:
        return [self.moments.sums]

    def finish(self) -> Metrics:
        """Fits mean, loadings and noise to the moments; the loss is −log p of the rows, the mean over them."""
        self.moments.check(self.rank)
        mean, covariance = self.moments.mean, self.moments.covariance
        if self.floor is None:
            refuse_still(mean, covariance.diagonal().clamp_min(0).sqrt())
            self.refuse(covariance)
        self.mean.copy_(mean)
        return self.fit(covariance)

    @abc.abstractmethod
    def refuse(self, covariance: Float[Tensor, "D D"]) -> None:
        """Raises if the likelihood of rows with this covariance has no maximum, though every column varies."""

    @abc.abstractmethod
    def fit(self, covariance: Float[Tensor, "D D"]) -> Metrics:
        """Moves W and ψ to where the likelihood of rows with this covariance is highest; the last metrics."""

    def extra_repr(self) -> str:
        return f"{self.space}, rank={self.rank}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "LinearGaussian":
        # Loadings stay float64 whatever the precision of a model around this one.
        return super()._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)

    def posterior(self, x: Float[Tensor, "B *event"]) -> MultivariateNormal:
        """$p(z \\mid x) = N(M^{-1} B^\\top y, M^{-1})$, exactly."""
        mean = self._explained(x)[1]
        return MultivariateNormal(mean, precision_matrix=self._posterior_precision().to(mean.dtype))

    def given_latent(self, z: Float[Tensor, "B k"]) -> Independent:
        """$p(x \\mid z) = N(\\mu + W z, \\Psi)$."""
        scale = self.noise_variance.sqrt().to(z.dtype).reshape(self.space.shape)
        return Independent(Normal(self.decode(z), scale), len(self.space.shape))

    def _scaled(self) -> Float[Tensor, "D k"]:
        """B, the loadings in units of the noise."""
        return self.loadings / self.noise_variance.sqrt()[:, None]

    def _posterior_precision(self) -> Float[Tensor, "k k"]:
        """M = I + Bᵀ B."""
        scaled = self._scaled()
        return torch.eye(self.rank, dtype=scaled.dtype, device=scaled.device) + scaled.T @ scaled

    def _explained(self, x: Float[Tensor, "B *event"]) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B k"]]:
        """Rows in units of the noise, and the posterior mean of their latents."""
        scale = self.noise_variance.sqrt()
        y = (x.flatten(1) - self.mean.to(x.dtype)) / scale.to(x.dtype)
        weights = torch.linalg.solve(self._posterior_precision(), self._scaled().T)
        return y, y @ weights.T.to(x.dtype)

    def _log_det(self) -> float:
        """log |W Wᵀ + Ψ| = log |Ψ| + log |M|."""
        return float(self.noise_variance.log().sum() + self._posterior_precision().logdet())


class Posterior(Inference):
    """The posterior of a linear-Gaussian model, which is no guess."""

    exact = True

    def __init__(self, model: LinearGaussian) -> None:
        self.model, self.latent = model, Space((model.rank,))

    def posterior(self, x: Float[Tensor, "B *event"], given: Given = NOTHING) -> MultivariateNormal:
        return self.model.posterior(x)

    def log_joint(
        self, x: Float[Tensor, "B *event"], z: Float[Tensor, "B k"], given: Given = NOTHING
    ) -> Float[Tensor, " B"]:
        log_p: Tensor = self.model.given_latent(z).log_prob(x) + self.log_prior(z)
        return log_p

    def joint(self, n: int, given: Given, noise: Noise) -> tuple[Float[Tensor, "n *event"], Float[Tensor, "n k"]]:
        z = noise.at("latent").normal(n, self.model.rank)
        return self.entries(z, given, noise), z

    def log_prior(self, z: Float[Tensor, "B k"], given: Given = NOTHING) -> Float[Tensor, " B"]:
        return Normal(z.new_zeros(()), 1.0).log_prob(z).sum(1)

    def entries(self, z: Float[Tensor, "B k"], given: Given, noise: Noise) -> Float[Tensor, "B *event"]:
        return draw(self.model.given_latent(z), noise)


def signed(columns: Float[Tensor, "D k"]) -> Float[Tensor, "D k"]:
    """Columns with the sign that makes the largest entry of each positive, so that a fit has one answer.

    Example:
        >>> signed(torch.tensor([[1.0, 0.5], [-3.0, 0.2]])).tolist()
        [[-1.0, 0.5], [3.0, 0.2...]]
    """
    largest = columns.gather(0, columns.abs().argmax(0, keepdim=True))
    return torch.where(largest < 0, -columns, columns)


def _check(name: str, space: Space, rank: int, floor: float | None) -> None:
    if space.is_discrete or space.ragged:
        raise ValueError(f"{name} is a density on reals of a fixed shape, got {space}. Use Dequantized on levels.")
    if not 1 <= rank <= space.dims:
        raise ValueError(
            f"`rank` must be between 1 and the {space.dims} entries of x, got {rank}. Lower it, or use Gaussian."
        )
    if floor is not None and floor <= 0:
        raise ValueError(f"`floor` must be positive, got {floor}. Pass 1e-6, say.")
