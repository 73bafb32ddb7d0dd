"""From uniform numbers to others: each map as the lecture writes it.

All take numbers U in [0, 1), 0 included, as a generator gives them; where a logarithm would meet 0 they use 1 − U,
which is as uniform and never 0. What takes an unknown number of them takes a source, any function from a count to so
many numbers: `LinearCongruential().uniform`, or `lambda n: noise.uniform(n, dtype=torch.float64).numpy()`.

References:
    Box & Muller, 1958, "A note on the generation of random normal deviates"
    Marsaglia & Bray, 1964, "A convenient method for generating normal variables" (the polar form)
    von Neumann, 1951, "Various techniques used in connection with random digits" (rejection)
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

__all__ = ["Rejected", "Uniforms", "box_muller", "exponential", "inverse_cdf", "polar", "rejection"]

Numbers = Float[np.ndarray, " n"]
Uniforms = Callable[[int], np.ndarray]


def box_muller(u1: Numbers, u2: Numbers) -> tuple[Numbers, Numbers]:
    """Two independent standard normal numbers of two uniform ones,

    $$ Z_0 = \\sqrt{-2 \\ln U_1} \\cos 2\\pi U_2, \\qquad Z_1 = \\sqrt{-2 \\ln U_1} \\sin 2\\pi U_2. $$

    With b bits, $|Z| \\le \\sqrt{2 b \\ln 2}$: 6.5555 for words modulo 2³¹. If U₂ is the word after U₁ in the
    lecture's generator, even less is reached: Z₀ runs from −5.938 to 6.541 over the period, tails that are not even.

    Args:
        u1: Numbers in [0, 1), for the radius; taken as 1 − U₁.
        u2: As many, for the angle.

    Example:
        >>> z0, z1 = box_muller(np.array([0.0, 1 - 2.0**-31]), np.array([0.3, 0.0]))
        >>> z0.round(4) + 0.0
        array([0.    , 6.5555])
    """
    radius, angle = np.sqrt(-2 * np.log1p(-u1)), 2 * np.pi * u2
    return radius * np.cos(angle), radius * np.sin(angle)


def polar(u1: Numbers, u2: Numbers) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Normal numbers without sine or cosine, from those pairs that fall into the unit disk (π/4 of them).

    $$ V_i = 2 U_i - 1, \\quad S = V_1^2 + V_2^2 < 1, \\qquad Z_i = V_i \\sqrt{-2 \\ln S / S} $$

    Args:
        u1: Numbers in [0, 1).
        u2: As many.

    Example:
        >>> z0, z1 = polar(np.array([0.9, 0.5, 0.25]), np.array([0.9, 0.5, 0.5]))  # outside, the center, inside
        >>> z0.round(4), z1
        (array([-1.6651]), array([0.]))
    """
    v1, v2 = 2 * u1 - 1, 2 * u2 - 1
    s = v1**2 + v2**2
    inside = (s > 0) & (s < 1)
    v1, v2, s = v1[inside], v2[inside], s[inside]
    stretch = np.sqrt(-2 * np.log(s) / s)
    return v1 * stretch, v2 * stretch


def exponential(u: Numbers, rate: float = 1.0) -> Numbers:
    """The inverse distribution function of the exponential law, $X = -\\ln(1 - U) / \\lambda$.

    Args:
        u: Numbers in [0, 1).
        rate: λ > 0.

    Raises:
        ValueError: If the rate is not positive.

    Example:
        >>> exponential(np.array([0.0, 0.5]), rate=2.0).round(4)
        array([0.    , 0.3466])
    """
    if not rate > 0:
        raise ValueError(f"The rate must be positive, got {rate}. The mean is 1 / rate.")
    return -np.log1p(-u) / rate


def inverse_cdf(u: Numbers, cdf: Callable[[Numbers], Numbers], low: float, high: float) -> Numbers:
    """The generalized inverse $F^{-1}(U) = \\inf \\{x : F(x) \\ge U\\}$ of any distribution function, by bisection.

    Args:
        u: Numbers in [0, 1).
        cdf: F, nondecreasing, for arrays.
        low: A number below which F is 0, or as good as.
        high: A number above which F is 1, or as good as.

    Raises:
        ValueError: If low is not below high, or F reaches less at `high` than some U asks for.

    Example:
        >>> inverse_cdf(np.array([0.25, 0.81]), np.square, 0.0, 1.0)
        array([0.5, 0.9])
    """
    if not low < high:
        raise ValueError(f"The interval must have low < high, got [{low}, {high}]. Swap the ends.")
    reached = float(cdf(np.array([high]))[0])
    if np.any(u > reached):
        raise ValueError(f"F({high}) must be at least the largest U, got {reached} < {u.max()}. Move `high` out.")
    below, above = np.full(u.shape, float(low)), np.full(u.shape, float(high))
    while True:
        middle = below + (above - below) / 2
        if not np.any((below < middle) & (middle < above)):
            return above
        enough = cdf(middle) >= u
        below, above = np.where(enough, below, middle), np.where(enough, middle, above)


class Rejected(NamedTuple):
    """What rejection gave: the draws, and how many proposals it took."""

    x: np.ndarray
    proposals: int
    accepted: int

    @property
    def acceptance(self) -> float:
        """The share of proposals that were kept: 1/M in the mean, if both densities are normalized."""
        return self.accepted / self.proposals


def rejection(
    n: int,
    density: Callable[[np.ndarray], np.ndarray],
    propose: Callable[[Numbers], np.ndarray],
    proposal: Callable[[np.ndarray], np.ndarray],
    bound: float,
    uniform: Uniforms,
) -> Rejected:
    """Draws from a density f that lies under M times another, g: propose x from g, keep it with probability

    $$ \\frac{f(x)}{M g(x)}, \\qquad P(\\text{kept}) = \\frac{1}{M} \\int f. $$

    Args:
        n: How many draws.
        density: f, normalized or not.
        propose: From uniform numbers to draws from g.
        proposal: g.
        bound: M, with f ≤ M g everywhere.
        uniform: The source of uniform numbers.

    Raises:
        ValueError: If n is not positive, or f exceeds M g at a proposal.

    Example:
        >>> from genzoo.randomness import LinearCongruential
        >>> half = lambda x: 2 * x  # a triangle under twice the uniform density
        >>> found = rejection(10_000, half, lambda u: u, np.ones_like, 2.0, LinearCongruential().uniform)
        >>> round(float(found.x.mean()), 1), round(found.acceptance, 1)
        (0.7, 0.5)
    """
    if n < 1:
        raise ValueError(f"The number of draws must be positive, got {n}. Ask for one at least.")
    kept: list[np.ndarray] = []
    proposals = accepted = 0
    while accepted < n:
        size = max(1024, int(1.1 * bound * (n - accepted)))
        x = propose(uniform(size))
        ratio = density(x) / (bound * proposal(x))
        if np.any(ratio > 1 + 1e-12):
            worst = float(np.max(ratio)) * bound
            raise ValueError(f"M must bound f / g, got M = {bound} where f / g = {worst}. Raise the bound.")
        kept.append(x[uniform(size) < ratio])
        proposals, accepted = proposals + size, accepted + len(kept[-1])
    return Rejected(np.concatenate(kept)[:n], proposals, accepted)
