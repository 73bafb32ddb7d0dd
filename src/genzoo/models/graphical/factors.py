"""Factors: tables over a few variables, and sums of their products, one variable at a time.

A product of factors is summed over a variable where it is smallest: only those that speak of the variable are
multiplied, and the sum is a factor again,

$$ \\sum_v \\prod_k f_k = \\prod_{k: v \\notin f_k} f_k \\cdot \\Big(\\sum_v \\prod_{k: v \\in f_k} f_k\\Big). $$

The cost is that of the largest table on the way, so the order matters; the next variable is the one that leaves the
smallest table.

References:
    Zhang & Poole, 1994, "A simple approach to Bayesian network computations" (variable elimination)
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Factor", "eliminate", "eliminate_scaled", "observed", "product"]

LARGEST = 1 << 26  # entries of a table


class Factor(NamedTuple):
    """A table with an axis for each of its variables.

    Attributes:
        variables: The variables' numbers.
        table: Their values' factors, axes in the same order.

    Example:
        >>> coin, copy = Factor((0,), torch.tensor([0.5, 0.5])), Factor((0, 1), torch.eye(2))
        >>> eliminate([coin, copy], keep=[1]).table
        tensor([0.5000, 0.5000])
    """

    variables: tuple[int, ...]
    table: Tensor


def observed(factor: Factor, evidence: Mapping[int, int]) -> Factor:
    """The factor with some variables at known values.

    Args:
        factor: Any.
        evidence: Values by variable.
    """
    index = tuple(evidence.get(variable, slice(None)) for variable in factor.variables)
    return Factor(tuple(v for v in factor.variables if v not in evidence), factor.table[index])


def product(factors: Sequence[Factor], over: Sequence[int]) -> Factor:
    """The product of factors, summed over all variables but some.

    Args:
        factors: At least one.
        over: The variables of the result, in their order.

    Raises:
        ValueError: If the table would be too large.
    """
    size = math.prod({v: n for f in factors for v, n in zip(f.variables, f.table.shape, strict=True)}.values())
    if size > LARGEST:
        raise ValueError(f"A table of {size:,} entries is too large to sum exactly. Take gibbs or mean_field.")
    label = {variable: i for i, variable in enumerate(sorted({v for f in factors for v in f.variables}))}
    operands: list[Tensor | list[int]] = []
    for factor in factors:
        operands += [factor.table, [label[v] for v in factor.variables]]
    return Factor(tuple(over), torch.einsum(*operands, [label[v] for v in over]))


def eliminate(factors: Sequence[Factor], keep: Sequence[int]) -> Factor:
    """The product of all factors, summed over all variables but those to keep.

    Args:
        factors: At least one.
        keep: The variables that remain, in the order of the result's axes.

    Raises:
        ValueError: If a table on the way would be too large.

    Example:
        >>> chain = [Factor((i, i + 1), torch.full((2, 2), 0.5)) for i in range(20)]
        >>> eliminate(chain, keep=[20]).table
        tensor([1., 1.])
    """
    found, log_scale = eliminate_scaled(factors, keep)
    return Factor(found.variables, found.table * math.exp(log_scale))


def eliminate_scaled(factors: Sequence[Factor], keep: Sequence[int]) -> tuple[Factor, float]:
    """The same as a table whose largest entry is 1, and the logarithm of what it is multiplied by.

    Products of many small numbers underflow; a table at a time is brought to 1. Of what is impossible both are zero.

    Args:
        factors: At least one.
        keep: The variables that remain.

    Raises:
        ValueError: If a table on the way would be too large.

    Example:
        >>> many = [Factor((0,), torch.tensor([1e-9, 3e-9]))] * 100
        >>> math.isclose(eliminate_scaled(many, keep=[])[1], 100 * math.log(3e-9))
        True
    """
    rest, left, scale = list[Factor](), {v for f in factors for v in f.variables} - set(keep), 0.0
    for factor in factors:
        part, more = _scaled(factor)
        rest, scale = [*rest, part], scale + more
    while left:
        scopes = {v: {u for f in rest if v in f.variables for u in f.variables} - {v} for v in left}
        variable = min(sorted(left), key=lambda v: len(scopes[v]))
        touched = [f for f in rest if variable in f.variables]
        part, more = _scaled(product(touched, sorted(scopes[variable])))
        rest, scale = [f for f in rest if variable not in f.variables] + [part], scale + more
        left.remove(variable)
    last, more = _scaled(product(rest, keep))
    return last, scale + more


def _scaled(factor: Factor) -> tuple[Factor, float]:
    """A factor over its largest entry, and the logarithm of that; zeros stay zeros."""
    top = factor.table.max().item()
    return (Factor(factor.variables, factor.table / top), math.log(top)) if top > 0 else (factor, 0.0)
