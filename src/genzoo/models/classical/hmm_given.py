"""Paths of a hidden chain given what was seen of its steps, clearly, through noise or not at all.

With $g_t(x) = p(y_t \\mid x_t = x)$, which is 1 where nothing was seen,

$$ p(y_t \\mid z_t = j) = \\prod_d \\sum_v b_{jd}(v)\\,g_{td}(v), $$

a forward pass over these finds p(z_t | y_≤t) and p(y), a backward one draws the path, and each symbol is drawn from
$b_{z_t}(v)\\,g_t(v)$: independent draws of p(x | y). Of Gaussian steps that are seen with a noise of variances R,

$$ p(y_t \\mid z_t = j) = N(y_t;\\ \\mu_j, \\Sigma_j + R_t) $$

in the entries that were seen, and the step is a draw of the state's own, moved by what y says otherwise:
$x = x' + \\Sigma_j S^{-1} (y - y')$, $S = \\Sigma_j + R_t$.

References:
    Carter & Kohn, 1994, "On Gibbs sampling for state space models" (forward filtering, backward sampling)
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.models.classical.chain import Filtered, filtered, safe_log
from genzoo.models.classical.gaussians import DiagonalGaussians, Gaussians

__all__ = ["Filtering", "RealFiltering", "drawn_path"]

Starts = Callable[[int, Given], Tensor]
BLOCK = 1 << 22  # numbers of covariances at a time


class Filtering(Ability):
    """Rows of a hidden chain given evidence about each of their symbols; of rows of one length.

    Args:
        starts: p(z_1 | given) for n rows, the end in the last column.
        transition: A, the end in the last column.
        tables: b_k of every level of every entry of a step.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import HMM
        >>> chain = next(a for a in HMM(Space((6,), levels=3), states=2).abilities() if isinstance(a, Filtering))
        >>> x, log_p = chain.drawn(torch.zeros(4, 6, 3), {}, Noise(0))
        >>> x.shape, bool(log_p.abs().max() < 1e-9)  # nothing was seen
        (torch.Size([4, 6]), True)
    """

    def __init__(
        self,
        starts: Starts,
        transition: Float[Tensor, "N after"],
        tables: Float[Tensor, "D levels N"],
    ) -> None:
        self.starts, self.transition, self.tables = starts, transition[:, :-1], tables

    def drawn(
        self, evidence: Float[Tensor, "B T levels"], given: Given, noise: Noise
    ) -> tuple[Int[Tensor, "B T"], Float[Tensor, " B"]]:
        """A row for each, and log p(y).

        Args:
            evidence: log p(y_i | x_i) of every value of every entry, row by row.
            given: The condition.
            noise: A row for each.
        """
        log_g = evidence.double().unflatten(1, (-1, len(self.tables)))
        top = log_g.amax(3, keepdim=True).nan_to_num(neginf=0.0)
        of_entries = torch.einsum("btdv,dvn->btdn", (log_g - top).exp(), self.tables)
        log_emission = (safe_log(of_entries) + top).sum(2)
        path, log_p = _paths(self.starts, self.transition, log_emission, given, noise)
        tables = safe_log(self.tables).permute(2, 0, 1)[path]  # (B, T, D, levels)
        flat = (tables + log_g).flatten(1, 2)
        x = [noise.at("symbol", i).categorical(flat[:, i]) for i in range(flat.shape[1])]
        return torch.stack(x, 1), log_p


class RealFiltering(Ability):
    """Rows of a hidden chain of Gaussian steps given entries that are seen, each with noise of its own.

    Args:
        starts: p(z_1 | given) for n rows, the end in the last column.
        transition: A, the end in the last column.
        gaussians: b_k.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import HMM
        >>> chain = next(a for a in HMM(Space((5, 2)), states=3).abilities() if isinstance(a, RealFiltering))
        >>> variance = torch.full((4, 10), torch.inf)
        >>> variance[:, 0] = 0.0  # the first entry is seen as it is
        >>> x, log_p = chain.drawn_near(torch.ones(4, 10), variance, {}, Noise(0))
        >>> x[:, 0].tolist(), log_p.shape
        ([1.0, 1.0, 1.0, 1.0], torch.Size([4]))
    """

    def __init__(self, starts: Starts, transition: Float[Tensor, "N after"], gaussians: Gaussians) -> None:
        self.starts, self.transition, self.gaussians = starts, transition[:, :-1], gaussians

    def drawn_near(
        self, y: Float[Tensor, "B D"], variance: Float[Tensor, "B D"], given: Given, noise: Noise
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, " B"]]:
        """A row for each, and log p(y).

        Args:
            y: What was seen of the entries, step by step.
            variance: That of its noise: 0 where an entry is seen as it is, ∞ where it is not seen.
            given: The condition.
            noise: A row for each.
        """
        dims = self.gaussians.dims
        y, r = (each.double().unflatten(1, (-1, dims)) for each in (y, variance))
        seen = r.isfinite()
        log_emission = _log_emission(self.gaussians, y, r)
        path, log_p = _paths(self.starts, self.transition, log_emission, given, noise)
        normal = noise.at("step").normal(*y.shape, dtype=torch.float64)
        missed = noise.at("missed").normal(*y.shape, dtype=torch.float64) * torch.where(seen, r, 0).sqrt()
        which = path.flatten()
        x = self.gaussians.means[which] + self.gaussians.spread(which, normal.flatten(0, 1))
        off = torch.where(seen, y - missed, 0).flatten(0, 1) - torch.where(seen.flatten(0, 1), x, 0)
        x = (x + _moved(self.gaussians, which, off, r.flatten(0, 1))).view_as(y)
        return torch.where(r == 0, y, x).flatten(1), log_p


def _paths(
    starts: Starts, transition: Float[Tensor, "N N"], log_emission: Float[Tensor, "B T N"], given: Given, noise: Noise
) -> tuple[Int[Tensor, "B T"], Float[Tensor, " B"]]:
    """States of each step, drawn from the last to the first, each given the one after it; and log p(y)."""
    n, steps = log_emission.shape[:2]
    lengths = torch.full((n,), steps, device=log_emission.device)
    found: Filtered = filtered(starts(n, given)[:, :-1], transition, log_emission.transpose(0, 1), lengths)
    return drawn_path(found.states, transition, lengths, torch.ones_like(found.states[-1]), noise), found.log_prob


def drawn_path(
    states: Float[Tensor, "T B N"],
    transition: Float[Tensor, "N N"],
    lengths: Int[Tensor, " B"],
    ending: Float[Tensor, "B N"],
    noise: Noise,
) -> Int[Tensor, "B T"]:
    """States of each step, drawn from the last to the first, each given the one after it; N in padding.

    Args:
        states: p(z_t | x_≤t), by the forward pass.
        transition: A.
        lengths: The steps of each row.
        ending: The probability to end after the last step, in each state, where that is a choice; else one.
        noise: A row for each.
    """
    (steps, n, count), log_a, path, draws = states.shape, safe_log(transition), [], noise.at("path")
    after = torch.zeros(n, dtype=torch.int64, device=states.device)
    for t in range(steps - 1, -1, -1):
        then = torch.where((lengths == t + 1)[:, None], safe_log(ending), log_a[:, after].T)
        log_p = (safe_log(states[t]) + then).masked_fill((lengths <= t)[:, None], 0)
        after = draws.tick(t).categorical(log_p)
        path.append(after.masked_fill(lengths <= t, count))
    return torch.stack(path[::-1], 1)


def _log_emission(
    gaussians: Gaussians, y: Float[Tensor, "B T D"], r: Float[Tensor, "B T D"]
) -> Float[Tensor, "B T N"]:
    """log N(y; μ_k, Σ_k + R) of the entries that are seen, for every state."""
    found, each = [], max(1, BLOCK // (gaussians.dims**2 if not _are_apart(gaussians) else gaussians.dims))
    for part, noise in zip(y.flatten(0, 1).split(each), r.flatten(0, 1).split(each), strict=True):
        seen = noise.isfinite()
        of_states = []
        for k, mean in enumerate(gaussians.means):
            off = torch.where(seen, part - mean, 0)
            half, log_det = _whitened(gaussians, torch.full((len(part),), k, device=y.device), off, noise)
            of_states.append(-half.square().sum(1) / 2 - log_det)
        found.append(torch.stack(of_states, 1) - seen.sum(1, keepdim=True) * (math.log(2 * math.pi) / 2))
    return torch.cat(found).unflatten(0, y.shape[:2])


def _whitened(
    gaussians: Gaussians, which: Int[Tensor, " n"], off: Float[Tensor, "n D"], r: Float[Tensor, "n D"]
) -> tuple[Float[Tensor, "n D"], Float[Tensor, " n"]]:
    """L⁻¹ (y − …) and log |L|, with L Lᵀ = S of what is seen and 1 elsewhere."""
    if _are_apart(gaussians):
        deviation = torch.where(r.isfinite(), gaussians.deviations()[which].square() + r, 1).sqrt()
        return off / deviation, deviation.log().sum(1)
    factor = _factor(gaussians, which, r)
    half = torch.linalg.solve_triangular(factor, off[..., None], upper=False).squeeze(-1)
    return half, factor.diagonal(dim1=1, dim2=2).log().sum(1)


def _moved(
    gaussians: Gaussians, which: Int[Tensor, " n"], off: Float[Tensor, "n D"], r: Float[Tensor, "n D"]
) -> Float[Tensor, "n D"]:
    """Σ S⁻¹ (y − …), zero of what is not seen."""
    if _are_apart(gaussians):
        variance = gaussians.deviations()[which].square()
        return torch.where(r.isfinite(), variance / (variance + r), 0) * off
    found = []
    each = max(1, BLOCK // gaussians.dims**2)
    for k, part, noise in zip(which.split(each), off.split(each), r.split(each), strict=True):
        weights = torch.cholesky_solve(part[..., None], _factor(gaussians, k, noise))
        found.append((gaussians.covariances(k) @ weights).squeeze(-1))
    return torch.cat(found)


def _factor(gaussians: Gaussians, which: Int[Tensor, " n"], r: Float[Tensor, "n D"]) -> Float[Tensor, "n D D"]:
    """Cholesky's of Σ + R among what is seen, of 1 elsewhere."""
    seen = r.isfinite()
    both = seen[:, :, None] & seen[:, None, :]
    spread = torch.where(both, gaussians.covariances(which), 0)
    return torch.linalg.cholesky(spread + torch.where(seen, r, 1).diag_embed())


def _are_apart(gaussians: Gaussians) -> bool:
    """Whether the entries of a step are independent given its state."""
    return isinstance(gaussians, DiagonalGaussians)
