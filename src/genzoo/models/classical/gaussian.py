"""One Gaussian, or one for each class, fitted in closed form.

The likelihood of n rows is highest at their mean and covariance,

$$ \\mu = \\frac1n \\sum_i x_i, \\qquad \\Sigma = \\frac1n \\sum_i (x_i - \\mu)(x_i - \\mu)^\\top, $$

of which a diagonal covariance keeps the diagonal, and one of rank q the q largest eigenvalues, the others becoming
their mean.
"""

import math
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch, Done, Metrics
from genzoo.core.given import GivenSpaceLike
from genzoo.core.space import Space
from genzoo.models.classical.mixture import Covariance, Mixture
from genzoo.models.classical.refusals import some_rows

__all__ = ["Gaussian"]


class Gaussian(Mixture):
    """A Gaussian of maximal likelihood after one pass over complete rows,

    $$ p(x) = N(x; \\mu, \\Sigma), \\qquad \\Sigma = C C^\\top, \\quad \\mathrm{diag}(\\sigma^2), \\quad \\sigma^2 1
       \\quad \\text{or} \\quad W W^\\top + \\sigma^2 1. $$

    With a class label as condition there is one Gaussian for each class (with one covariance for all, if tied).
    Where entries are missing, or labels, the fit goes on by expectation maximization until it has converged.

    Args:
        space: What one x is; real.
        given_space: A label `Space((), levels=C)`, or `None`.
        covariance: Full, diagonal, one variance, low rank, or one full matrix for all classes.
        rank: q, of covariances of low rank.
        floor: The smallest variance, as a share of the data's; `None` refuses data of a singular covariance.
        tol: With something missing: the fit has converged when a pass gains less than this, in nats per row.
        start_rows: The rows that center and scale are taken from, at most.

    Raises:
        ValueError: If the space is discrete, the condition is not a label, or a number is out of range.

    Example:
        >>> model = Gaussian(Space((2,)))
        >>> data = Batch(torch.tensor([[0.0, 1.0], [2.0, 1.0], [1.0, 4.0]]))
        >>> model.prepare([data])
        >>> model.begin(); model.accumulate(data); metrics = model.finish()
        >>> [round(entry, 6) for entry in model.mean.tolist()]
        [1.0, 2.0]

    References:
        Gauss, 1809, "Theoria motus corporum coelestium"
        Tipping & Bishop, 1999, "Probabilistic principal component analysis" (low rank)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        covariance: Covariance = "full",
        rank: int | None = None,
        floor: float | None = None,
        tol: float = 1e-6,
        start_rows: int = 10_000,
    ) -> None:
        super().__init__(space, given_space, components=1, covariance=covariance, rank=rank, floor=floor, tol=tol)
        self.start_rows = start_rows
        self.gaussians.means.zero_()

    @property
    def mean(self) -> Float[Tensor, "*classes D"]:
        """μ, of each class if there are several."""
        means = self.gaussians.means
        return means[0] if not self.given_space else means

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Takes the center and the scale of the data, so that nothing is lost to cancellation."""
        _, x, _ = some_rows(self, batches, self.start_rows, least=2, lacking=True)
        self.scale_to(x)
        variance = (x - self.gaussians.center).square().nanmean(0)
        self.gaussians.start(self.gaussians.center.expand_as(self.gaussians.means), variance.diag())
        self.reached.fill_(-torch.inf)

    def precision(self, x: Tensor) -> torch.dtype:
        return torch.float64

    def finish(self) -> Metrics:
        metrics = super().finish()
        if self.totals[3] > 0:
            return metrics
        # Nothing is hidden: the maximum is reached, and the mean of Mahalanobis' distance is D.
        entropies = (self.gaussians.log_dets() + self.space.dims * (1 + math.log(2 * math.pi))) / 2
        return Done(loss=float(self.class_weights @ entropies))
