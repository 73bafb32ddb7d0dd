"""What a Bayes net says given evidence, approached: by Gibbs sampling, and by mean field.

Where exact elimination is too dear, Gibbs's sampler draws each unknown variable from its distribution given all
others, which is exact in the limit; mean field seeks the nearest distribution without dependencies,

$$ \\log p(e) \\ge \\sum_x q(x) \\log \\frac{p(x, e)}{q(x)}, \\qquad q(x) = \\prod_i q_i(x_i), \\qquad
   q_i(v) \\propto e^{E_{q_{-i}} \\log p(x_i = v, x_{-i}, e)}, $$

one variable after another, each of which raises the bound. It is fast, deterministic, and too sure of itself.

References:
    Pearl, 1987, "Evidential reasoning using stochastic simulation of causal models" (Gibbs)
    Saul, Jaakkola & Jordan, 1996, "Mean field theory for sigmoid belief networks", arXiv:cs/9603102
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.noise import Noise
from genzoo.mcmc import Kernel, gibbs, levels, run, singles
from genzoo.models.graphical.bayes_net import BayesNet, Evidence
from genzoo.models.graphical.factors import Factor

__all__ = ["MeanField", "gibbs_kernel", "gibbs_marginals", "mean_field"]

LEAST = -70.0  # the logarithm that stands for impossible


class MeanField(NamedTuple):
    """A distribution without dependencies.

    Attributes:
        marginals: (n, levels); a known variable has all its mass at its value.
        bound: The lower bound of log p(e).
        rounds: How many turns over all variables it took.
    """

    marginals: Tensor
    bound: float
    rounds: int


def mean_field(
    net: BayesNet,
    evidence: Evidence | None = None,
    *,
    rounds: int = 200,
    tol: float = 1e-10,
    seed: int = 0,
) -> MeanField:
    """The nearest distribution without dependencies, from a start that the seed names.

    Args:
        net: A Bayes net.
        evidence: Values by variable.
        rounds: The most turns over all variables.
        tol: It has converged when a turn raises the bound by less.
        seed: Names the start; the optimum that is reached may depend on it.

    Example:
        >>> from genzoo.models.graphical import sprinkler
        >>> found, exact = mean_field(sprinkler(), {"rain": 1}), sprinkler().log_evidence({"rain": 1})
        >>> found.bound <= exact, exact - found.bound < 0.2
        (True, True)

    References:
        Saul, Jaakkola & Jordan, 1996, arXiv:cs/9603102
    """
    known = {net.number(variable): value for variable, value in (evidence or {}).items()}
    factors = [Factor(f.variables, f.table.log().clamp_min(LEAST)) for f in net.factors(evidence)]
    start = Noise(seed, "mean field").uniform(net.space.dims, net.levels, dtype=torch.float64).add(1)
    q = [row[:count] / row[:count].sum() for row, count in zip(start, net.alphabets, strict=True)]
    for i, value in known.items():
        q[i] = torch.nn.functional.one_hot(torch.tensor(value), net.alphabets[i])
    bounds = [-torch.inf]
    while len(bounds) <= rounds and (len(bounds) < 3 or bounds[-1] - bounds[-2] >= tol):
        for i in sorted(set(range(net.space.dims)) - set(known)):
            q[i] = _sum(_expected(f, q, i) for f in factors if i in f.variables).softmax(0)
        bounds.append(_bound(factors, q))
    marginals = torch.stack([torch.nn.functional.pad(row, (0, net.levels - len(row))) for row in q])
    return MeanField(marginals, bounds[-1], len(bounds) - 1)


def gibbs_kernel(net: BayesNet, evidence: Evidence | None = None) -> Kernel:
    """Gibbs's sampler on rows (chains, n) of the flattened space, whose known entries stay as they are.

    Args:
        net: A Bayes net.
        evidence: Values by variable.

    References:
        Pearl, 1987
    """
    known = {net.number(variable) for variable in evidence or {}}
    tables = [Factor(f.variables, f.table.log()) for f in net.factors()]

    def logits(sites: Int[Tensor, " sites"], x: Int[Tensor, "chains n"]) -> Float[Tensor, "chains sites levels"]:
        return torch.stack([_sum(_along(f, x, i) for f in tables if i in f.variables) for i in sites.tolist()], 1)

    free = [block for block in singles(net.space.dims) if int(block) not in known]
    return gibbs(levels(logits), free)


def gibbs_marginals(
    net: BayesNet,
    evidence: Evidence | None = None,
    *,
    chains: int = 100,
    sweeps: int = 200,
    seed: int = 0,
) -> Float[Tensor, "n levels"]:
    """Shares of levels among the draws of chains, the first half of the sweeps left out.

    Chains start at draws of the net whose known entries are set, which must not be impossible.

    Args:
        net: A Bayes net.
        evidence: Values by variable.
        chains: How many.
        sweeps: How long.
        seed: Names the noise.

    Example:
        >>> from genzoo.models.graphical import sprinkler
        >>> found, exact = gibbs_marginals(sprinkler(), {"wet": 1}), sprinkler().posterior(["rain"], {"wet": 1})
        >>> bool((found[2] - exact).abs().max() < 0.05)
        True
    """
    x = net.sample(chains, seed=seed).flatten(1).long()
    for variable, value in (evidence or {}).items():
        x[:, net.number(variable)] = value
    trace = run(gibbs_kernel(net, evidence), x, Noise(seed, "gibbs"), sweeps)
    draws = trace.x[sweeps // 2 :].flatten(0, 1)
    return torch.nn.functional.one_hot(draws, net.levels).double().mean(0)


def _along(factor: Factor, x: Tensor, i: int) -> Tensor:
    """(chains, levels): a factor as a function of one variable, the others as in the rows."""
    axis = factor.variables.index(i)
    others = [v for v in factor.variables if v != i]
    table = factor.table.movedim(axis, -1)
    return table[tuple(x[:, v] for v in others)].expand(len(x), table.shape[-1])


def _expected(factor: Factor, q: Sequence[Tensor], i: int | None) -> Tensor:
    """The mean of a logarithm over all variables but i."""
    operands: list[Tensor | list[int]] = [factor.table, list(range(len(factor.variables)))]
    for axis, variable in enumerate(factor.variables):
        if variable != i:
            operands += [q[variable], [axis]]
    return torch.einsum(*operands, [] if i is None else [factor.variables.index(i)])


def _sum(terms: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(0)


def _bound(factors: list[Factor], q: Sequence[Tensor]) -> float:
    entropy = -_sum(torch.special.xlogy(row, row).sum() for row in q)
    return float(_sum(_expected(f, q, None) for f in factors) + entropy)
