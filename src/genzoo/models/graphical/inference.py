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
from genzoo.mcmc import Kernel, gibbs, run
from genzoo.models.graphical.bayes_net import BayesNet, Evidence
from genzoo.models.graphical.factors import Factor
from genzoo.models.graphical.support import Block, blocks_of

__all__ = ["MeanField", "gibbs_kernel", "gibbs_marginals", "mean_field"]

LEAST = (-70.0, -1e3, -1e5)  # logarithms that stand for impossible on the way, lower and lower
NEGLIGIBLE = 1e-12  # a mass that would make a bound −∞ where it lies on what is impossible


class MeanField(NamedTuple):
    """A distribution without dependencies.

    Attributes:
        marginals: (n, levels); a known variable has all its mass at its value.
        bound: The lower bound of log p(e); −∞ where no distribution that was met avoids what is impossible.
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

    Raises:
        ValueError: If the evidence is impossible, or a variable or a value does not exist.

    Example:
        >>> from genzoo.models.graphical import sprinkler
        >>> found, exact = mean_field(sprinkler(), {"rain": 1}), sprinkler().log_evidence({"rain": 1})
        >>> found.bound <= exact, exact - found.bound < 0.2
        (True, True)

    References:
        Saul, Jaakkola & Jordan, 1996, arXiv:cs/9603102
    """
    known = {net.number(variable): value for variable, value in (evidence or {}).items()}
    tables = net.factors(evidence)
    require_possible(net, evidence)
    start = Noise(seed, "mean field").uniform(net.space.dims, net.levels, dtype=torch.float64).add(1)
    q = [row[:count] / row[:count].sum() for row, count in zip(start, net.alphabets, strict=True)]
    for i, value in known.items():
        q[i] = torch.nn.functional.one_hot(torch.tensor(value), net.alphabets[i]).double()
    free, turns = sorted(set(range(net.space.dims)) - set(known)), 0
    for least in LEAST if any(bool((f.table == 0).any()) for f in tables) else LEAST[:1]:
        factors = [Factor(f.variables, f.table.log().clamp_min(least)) for f in tables]
        bounds = [-torch.inf]
        while len(bounds) <= rounds and (len(bounds) < 3 or bounds[-1] - bounds[-2] >= tol):
            for i in free:
                q[i] = _sum(_expected(f, q, i) for f in factors if i in f.variables).softmax(0)
            bounds.append(_bound(factors, q))
        turns += len(bounds) - 1
    q = [torch.where(row < NEGLIGIBLE, 0, row) for row in q]
    q = [row / row.sum() for row in q]
    marginals = torch.stack([torch.nn.functional.pad(row, (0, net.levels - len(row))) for row in q])
    return MeanField(marginals, _bound([Factor(f.variables, f.table.log()) for f in tables], q), turns)


def gibbs_kernel(net: BayesNet, evidence: Evidence | None = None) -> Kernel:
    """Gibbs's sampler on rows (chains, n) of the flattened space, whose known entries stay as they are.

    Variables that zeros in tables tie together are drawn at once, so that chains reach all that is possible.

    Args:
        net: A Bayes net.
        evidence: Values by variable.

    Raises:
        ValueError: If the evidence is impossible, a variable or a value does not exist, or zeros tie so many variables
            together that their states cannot be listed.

    References:
        Pearl, 1987
    """
    tables = [Factor(f.variables, f.table.log()) for f in net.factors(evidence)]
    states = {block.variables: block.states for block in require_possible(net, evidence)}

    def draw(sites: Int[Tensor, " sites"], x: Int[Tensor, "chains n"], noise: Noise) -> Int[Tensor, "chains sites"]:
        block = tuple(sites.tolist())
        values = states[block]
        terms = (_along(f, x, block, values) for f in tables if set(block) & set(f.variables))
        return values[noise.categorical(_sum(terms))]

    return gibbs(draw, [torch.tensor(block) for block in states])


def require_possible(net: BayesNet, evidence: Evidence | None) -> list[Block]:
    """The blocks of variables that change together, if the evidence is possible.

    Args:
        net: A Bayes net.
        evidence: Values by variable.

    Raises:
        ValueError: If the evidence is impossible, or zeros tie too many variables together.
    """
    try:
        return blocks_of(net.factors(evidence), net.alphabets)
    except ValueError as problem:
        if "no state" in str(problem):
            raise ValueError(
                f"The evidence {dict(evidence or {})} has probability zero. Check it, or smooth the net."
            ) from None
        raise


def gibbs_marginals(
    net: BayesNet,
    evidence: Evidence | None = None,
    *,
    chains: int = 100,
    sweeps: int = 200,
    seed: int = 0,
) -> Float[Tensor, "n levels"]:
    """Shares of levels among the draws of chains, the first half of the sweeps left out.

    Chains start anywhere that the evidence allows.

    Args:
        net: A Bayes net.
        evidence: Values by variable.
        chains: How many.
        sweeps: How long.
        seed: Names the noise.

    Raises:
        ValueError: As `gibbs_kernel` does.

    Example:
        >>> from genzoo.models.graphical import sprinkler
        >>> found, exact = gibbs_marginals(sprinkler(), {"wet": 1}), sprinkler().posterior(["rain"], {"wet": 1})
        >>> bool((found[2] - exact).abs().max() < 0.05)
        True
    """
    kernel, noise = gibbs_kernel(net, evidence), Noise(seed, "gibbs")
    x = torch.zeros(chains, net.space.dims, dtype=torch.int64)
    for variable, value in (evidence or {}).items():
        x[:, net.number(variable)] = value
    for number, block in enumerate(require_possible(net, evidence)):
        x[:, list(block.variables)] = block.states[noise.at("start", number).integers(len(block.states), chains)]
    draws = run(kernel, x, noise, sweeps).x[sweeps // 2 :].flatten(0, 1)
    return torch.nn.functional.one_hot(draws, net.levels).double().mean(0)


def _along(factor: Factor, x: Tensor, block: tuple[int, ...], values: Tensor) -> Float[Tensor, "chains states"]:
    """A factor as a function of the states of a block, the other variables as in the rows."""
    index = [values[None, :, block.index(v)] if v in block else x[:, v, None] for v in factor.variables]
    return factor.table[tuple(index)].expand(len(x), len(values))


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
    """E log p + H(q): −∞ where mass lies on what is impossible."""
    forbidden = (Factor(f.variables, f.table.isneginf().double()) for f in factors)
    if any(float(_expected(f, q, None)) > 0 for f in forbidden):
        return -torch.inf
    finite = (Factor(f.variables, f.table.nan_to_num(neginf=0.0)) for f in factors)
    entropy = -_sum(torch.special.xlogy(row, row).sum() for row in q)
    return float(_sum(_expected(f, q, None) for f in finite) + entropy)
