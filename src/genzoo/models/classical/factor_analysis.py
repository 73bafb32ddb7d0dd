"""Factor analysis: few common causes, and a noise of its own for every column.

Unlike principal components, the answer does not change when a column is measured in another unit. There is no closed
form, but each half has one. Let S be the covariance of the rows, and λ, U the eigenvalues and eigenvectors of
$\\Psi^{-1/2} S \\Psi^{-1/2}$. Given Ψ, the best W is

$$ W = \\Psi^{1/2} U_k (\\Lambda_k - I)_+^{1/2}, $$

and given that W, the M-step of expectation maximization is $\\Psi = \\mathrm{diag}(S - W W^\\top)$. The rows are seen
once; the steps need S alone. No step lowers the likelihood.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Done, Metrics
from genzoo.core.space import Space
from genzoo.distributions.degenerate import refuse_dependent
from genzoo.models.classical.linear_gaussian import LinearGaussian, signed

__all__ = ["FactorAnalysis"]


class FactorAnalysis(LinearGaussian):
    """Factor analysis, $p(x) = N(x; \\mu, W W^\\top + \\mathrm{diag}\\,\\psi)$, by EM on the covariance of one pass.

    Args:
        space: What one x is; real.
        rank: k, the number of factors.
        floor: The smallest ψ of a column, as a share of its variance. `None` is 1e-4, and refuses columns that never
            vary and k + 1 columns or fewer that determine each other: k factors give them without noise, and the
            density is infinite. (One column without noise of its own, Heywood's case, is no such harm.)
        tol: The fit has converged when a step gains less than this, in nats per row.
        steps: The most steps of EM.

    Raises:
        ValueError: If the space is discrete or ragged, the rank is not between 1 and D, or a number is not positive.

    Example:
        >>> from genzoo.core import Batch, Noise
        >>> model = FactorAnalysis(Space((4,)), rank=1)
        >>> cause, own = Noise(0).normal(900, 1), Noise(1).normal(900, 4)
        >>> model.begin(); model.accumulate(Batch(cause + torch.tensor([0.5, 1.0, 2.0, 3.0]) * own))
        >>> metrics = model.finish()
        >>> (model.noise_variance.diff() > 0).tolist()
        [True, True, True]

    References:
        Rubin & Thayer, 1982, "EM algorithms for ML factor analysis"
        Barber, 2012, "Bayesian reasoning and machine learning", Algorithm 21.1 (the best W in one go)
    """

    def __init__(
        self, space: Space, *, rank: int = 2, floor: float | None = None, tol: float = 1e-6, steps: int = 1000
    ) -> None:
        super().__init__(space, rank=rank, floor=floor)
        if tol < 0 or steps < 1:
            raise ValueError(f"`tol` must not be negative and `steps` be positive, got {tol} and {steps}.")
        self.tol, self.steps = tol, steps

    def refuse(self, covariance: Float[Tensor, "D D"]) -> None:
        refuse_dependent(covariance, most=self.rank + 1)

    def fit(self, covariance: Float[Tensor, "D D"]) -> Metrics:
        variances = covariance.diagonal()
        typical = variances.mean() if variances.any() else torch.ones_like(variances[0])
        least = (self.floor or 1e-4) * torch.where(variances > 0, variances, typical)
        psi, losses = torch.maximum(variances, least), [math.inf]
        for _ in range(self.steps):
            loadings, loss = best_loadings(covariance, psi, self.rank)
            losses.append(loss)
            self.loadings.copy_(signed(loadings))
            self.noise_variance.copy_(psi)
            if losses[-2] - loss < self.tol:
                break
            psi = torch.maximum(variances - loadings.square().sum(1), least)
        return Done(loss=losses[-1], steps=float(len(losses) - 1))


def best_loadings(
    covariance: Float[Tensor, "D D"], psi: Float[Tensor, " D"], rank: int
) -> tuple[Float[Tensor, "D k"], float]:
    """The W of highest likelihood for a given noise, and −log p of a row under both, the mean over rows.

    Example:
        >>> loadings, loss = best_loadings(torch.diag(torch.tensor([5.0, 1.0])), torch.ones(2), 1)
        >>> loadings.abs().flatten().tolist()
        [2.0, 0.0]
    """
    scale = psi.sqrt()
    values, vectors = torch.linalg.eigh(covariance / scale / scale[:, None])
    above = (values[-rank:] - 1).clamp_min(0)
    loadings = scale[:, None] * vectors[:, -rank:].flip(1) * above.flip(0).sqrt()
    # log |C| = log |Ψ| + Σ log(1 + above), tr C⁻¹ S = Σ λ − Σ above, for C takes each λ above one away, to one.
    terms = len(psi) * math.log(2 * math.pi) + psi.log().sum() + above.log1p().sum() + values.sum() - above.sum()
    return loadings, float(terms) / 2
