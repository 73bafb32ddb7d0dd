"""Mixtures of Gaussians, fitted by expectation maximization from good starts.

EM climbs to the nearest maximum, so that the start decides which. A few rows, those of the start, are cheap to fit:
there several starts are compared, and several numbers of components K by Bayes' information criterion,

$$ \\mathrm{BIC} = -2 \\sum_i \\log p(x_i) + \\nu \\log n, $$

with ν the number of free parameters; the best goes on with all rows.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.game import Batch, Done
from genzoo.core.given import GivenAsked, GivenSpaceLike, RowsAsked
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.classical.kmeans import assigned, lloyd, plus_plus
from genzoo.models.classical.mixture import Covariance, Mixture
from genzoo.models.classical.refusals import FirstRows, some_rows

__all__ = ["GaussianMixture", "Start"]

ROUNDS, PASSES = 10, 100  # of k-means in a start; of EM on its rows
WORSE = 3  # numbers of components in a row that are worse than the best, before no more are tried


@dataclass(frozen=True)
class Start:
    """How a mixture starts.

    Attributes:
        at: Centers of k-means, or random rows.
        restarts: The number of starts, compared by the likelihood of the rows after EM on them.
        rows: The rows that the start may look at, at most.
        most: The largest number of components that the choice by BIC tries.

    Raises:
        ValueError: If a number is not positive, or `at` is none of the two.

    Example:
        >>> Start("random", restarts=5).restarts
        5
    """

    at: Literal["kmeans", "random"] = "kmeans"
    restarts: int = 1
    rows: int = 10_000
    most: int = 20

    def __post_init__(self) -> None:
        if self.at not in ("kmeans", "random") or min(self.restarts, self.rows, self.most) < 1:
            raise ValueError(f"A start is at 'kmeans' or 'random', with positive numbers, got {self}. Correct it.")


class GaussianMixture(Mixture):
    """A mixture of Gaussians,

    $$ p(x) = \\sum_k w_k N(x; \\mu_k, \\Sigma_k), $$

    on real data. With a class label as condition there is one mixture per class and a weight for each class, so the
    null condition is the exact marginal $\\sum_c p(c)\\,p(x \\mid c)$, and rows without a label are fitted as well.
    Missing entries, NaN, are marginalised. Discrete data comes in through `Dequantized`. `responsibilities` are
    p(k | x), `encode` gives the number of the most probable component, `decode` its mean.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        components: K, the number of Gaussians (of each class); "bic" chooses it, on the rows of the start.
        covariance: One matrix for each component, one for all, a diagonal each, one variance each, or low rank.
        rank: Of covariances of low rank.
        start: Where EM begins.
        floor: The smallest variance, as a share of the data's. `None` is 1e-6 for components that collapse, and
            refuses data whose own covariance is singular.
        tol: The fit has converged when a pass gains less than this, in nats per row.

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or a number is out of range.

    Example:
        >>> model = GaussianMixture(Space((2,)), components=3)
        >>> data = Batch(torch.arange(40.0).reshape(20, 2).sin())
        >>> model.prepare([data])
        >>> for _ in range(10):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.sample(5, seed=0).shape
        torch.Size([5, 2])

    References:
        Dempster, Laird & Rubin, 1977, "Maximum likelihood from incomplete data via the EM algorithm"
        Arthur & Vassilvitskii, 2007, "k-means++: the advantages of careful seeding" (the start)
        Schwarz, 1978, "Estimating the dimension of a model" (BIC)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        components: int | Literal["bic"] = 10,
        covariance: Covariance = "full",
        rank: int | None = None,
        start: Start | None = None,
        floor: float | None = None,
        tol: float = 1e-4,
    ) -> None:
        chosen = start or Start()
        count = chosen.most if components == "bic" else components
        super().__init__(space, given_space, components=count, covariance=covariance, rank=rank, floor=floor, tol=tol)
        self.start, self.chooses = chosen, components == "bic"

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Starts from k-means++ and a few rounds of k-means, or from random rows, for each class on its rows."""
        least = 1 if self.chooses else self.components
        rows = some_rows(self, batches, self.start.rows, least=least, lacking=True)
        self.scale_to(rows.x)
        self._begin_best(rows)
        self.reached.fill_(-torch.inf)

    def encode(self, x: RowsAsked, given: GivenAsked = None) -> Int[Tensor, " B"]:
        """The number of the most probable component, of the row's class if that is given."""
        return self.responsibilities(x, given).argmax(1)

    def decode(self, z: RowsAsked, given: GivenAsked = None) -> Float[Tensor, "B *event"]:
        """The means of the components of these numbers."""
        means = self.gaussians.means[self.latents(z).long()]
        return means.to(torch.get_default_dtype()).unflatten(1, self.space.shape)

    def bic(self, log_likelihood: float, rows: int) -> float:
        """Bayes' information criterion, the lower the better, of a sum of log-likelihoods over some rows."""
        return self.parameter_count * math.log(rows) - 2 * log_likelihood

    def _begin_best(self, rows: FirstRows) -> None:
        """Sets the parameters to those of the one start, or of the best after EM on its rows."""
        noise = Noise(rows.batch.noise.seed, *rows.batch.noise.path, "start", device=rows.x.device)
        if self.start.restarts == 1 and not self.chooses:
            self._begin_at(rows, self.components, noise)
            return
        best, best_bic, worse = self._state(), math.inf, 0
        for count in range(1, min(self.components, len(rows.x)) + 1) if self.chooses else [self.components]:
            worse += 1
            for r in range(self.start.restarts):
                self._begin_at(rows, count, noise.at(count, r))
                if (score := self._score(rows)) < best_bic:
                    best, best_bic, worse = self._state(), score, 0
            if worse == WORSE:
                break
        self.load_state_dict(best)

    def _begin_at(self, rows: FirstRows, count: int, noise: Noise) -> None:
        """Sets weights, means and one covariance within."""
        x = torch.where(rows.x.isnan(), rows.x.nanmean(0), rows.x)
        means = x.mean(0).repeat(len(self.weights), self.components, 1)
        within = torch.zeros(x.shape[1], x.shape[1]).to(x)
        self.used.fill_(count)
        self.weights.zero_()
        for c in range(len(self.weights)):
            own = x[rows.labels == c] if (rows.labels == c).sum() >= count else x
            means[c, :count] = centers = self._centers(own, count, noise.at(c))
            nearest = assigned(own, centers)
            residual = own - (centers[nearest] if self.start.at == "kmeans" else own.mean(0))
            within += residual.T @ residual / len(own) / len(self.weights)
            self.weights[c, :count] = (nearest.bincount(minlength=count) + 1) / (len(own) + count)
        if self.given_space:
            seen = rows.labels[rows.labels >= 0].bincount(minlength=len(self.weights)) + 1
            self.class_weights.copy_(seen / seen.sum())
        self.gaussians.start(means.flatten(0, 1), within)

    def _centers(self, x: Tensor, count: int, noise: Noise) -> Tensor:
        if self.start.at == "random":
            return x[noise.permutation(len(x))[:count]]
        return lloyd(x, plus_plus(x, count, noise), rounds=ROUNDS)

    def _score(self, rows: FirstRows) -> float:
        """BIC after EM on the rows of the start."""
        batch = Batch(rows.x, dict.fromkeys(self.given_space, rows.labels))
        self.reached.fill_(-torch.inf)
        for _ in range(PASSES):
            self.begin()
            self.accumulate(batch)
            if isinstance(self.finish(), Done):
                break
        return self.bic(len(rows.x) * float(self.reached), len(rows.x))

    def _state(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.state_dict().items()}
