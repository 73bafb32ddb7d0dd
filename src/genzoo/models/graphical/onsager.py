"""What is known exactly of the square lattice: Onsager's solution, Kaufman's on a finite torus, Yang's magnetization.

Spins s = ±1 on a square lattice with coupling J = 1, no field, and inverse temperature β = 1/T. Onsager found the free
energy of the infinite lattice, which has a phase transition where sinh 2β = 1,

$$ \\beta_c = \\tfrac12 \\ln(1 + \\sqrt 2) = 0.440687, \\qquad T_c = 2.269185. $$

Kaufman found the whole partition function of a torus of R × C spins, the answer that a simulation must hit.

References:
    Onsager, 1944, "Crystal statistics I: a two-dimensional model with an order-disorder transition"
    Kaufman, 1949, "Crystal statistics II: partition function evaluated by spinor analysis"
    Yang, 1952, "The spontaneous magnetization of a two-dimensional Ising model"
    Binder, 1981, "Finite size scaling analysis of Ising model block distribution functions"
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ellipkm1
from torch import Tensor

__all__ = [
    "BETA_CRITICAL",
    "binder_cumulant",
    "critical_beta",
    "kaufman_energy",
    "kaufman_log_partition",
    "onsager_energy",
    "yang_magnetization",
]

BETA_CRITICAL = math.log(1 + math.sqrt(2)) / 2


def onsager_energy(beta: float) -> float:
    """The energy per spin of the infinite lattice,

    $$ u = -\\coth 2\\beta \\Big[1 + \\frac 2\\pi (2 \\tanh^2 2\\beta - 1) K(k)\\Big],
       \\qquad k = \\frac{2 \\sinh 2\\beta}{\\cosh^2 2\\beta}, $$

    with K the complete elliptic integral of the first kind.

    Args:
        beta: The inverse temperature, positive.

    Raises:
        ValueError: If β is not positive and finite.

    Example:
        >>> round(onsager_energy(BETA_CRITICAL), 6), round(onsager_energy(1 / 2.5), 6)
        (-1.414214, -1.106079)
    """
    check_beta(beta, positive=True)
    slope = 2 * math.tanh(2 * beta) ** 2 - 1
    inner = slope * ellipkm1(slope**2) if slope else 0.0  # for 1 − k² is the square of the factor before K
    return float(-(1 + 2 / math.pi * inner) / math.tanh(2 * beta))


def yang_magnetization(beta: float) -> float:
    """The spontaneous magnetization of the infinite lattice,

    $$ m = (1 - \\sinh^{-4} 2\\beta)^{1/8} \\quad (\\beta > \\beta_c), \\qquad m = 0 \\quad (\\beta \\le \\beta_c). $$

    Args:
        beta: The inverse temperature, not negative.

    Raises:
        ValueError: If β is negative or not finite.

    Example:
        >>> round(yang_magnetization(1 / 2.0), 6), yang_magnetization(1 / 2.3)
        (0.911319, 0.0)
    """
    check_beta(beta)
    return (1 - math.sinh(2 * beta) ** -4) ** 0.125 if beta > BETA_CRITICAL else 0.0


def kaufman_log_partition(beta: float, rows: int, columns: int | None = None) -> float:
    """log Z of a torus of rows × columns spins, exactly,

    $$ Z = \\tfrac12 (2 \\sinh 2\\beta)^{RC/2} \\Big[\\prod_{r} 2\\cosh\\tfrac R2\\gamma_{2r+1}
         + \\prod_r 2\\sinh\\tfrac R2\\gamma_{2r+1} + \\prod_r 2\\cosh\\tfrac R2\\gamma_{2r}
         + \\prod_r 2\\sinh\\tfrac R2\\gamma_{2r}\\Big], $$

    over r = 0, …, C − 1, where cosh γ_l = cosh 2β coth 2β − cos(πl/C) and γ₀ = 2β + ln tanh β.

    Args:
        beta: The inverse temperature, positive.
        rows: R.
        columns: C; by default as many as rows.

    Raises:
        ValueError: If β is not positive and finite, or a side is shorter than 2.

    Example:
        >>> round(kaufman_log_partition(0.4, 3), 6)
        8.456456
    """
    return _log_partition(_as_tensor(beta), *_sides(rows, columns)).item()


def kaufman_energy(beta: float, rows: int, columns: int | None = None) -> float:
    """The energy per spin of a torus, $-\\frac{1}{RC} \\partial \\ln Z / \\partial \\beta$, exactly.

    Args:
        beta: The inverse temperature, positive.
        rows: R.
        columns: C; by default as many as rows.

    Raises:
        ValueError: If β is not positive and finite, or a side is shorter than 2.

    Example:
        >>> round(kaufman_energy(BETA_CRITICAL, 32), 6), round(kaufman_energy(1 / 2.5, 32), 6)
        (-1.433658, -1.107292)
    """
    at, sides = _as_tensor(beta).requires_grad_(), _sides(rows, columns)
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(_log_partition(at, *sides), at)
    return -slope.item() / math.prod(sides)


def binder_cumulant(magnetizations: np.ndarray) -> float:
    """Binder's cumulant $U = 1 - \\langle m^4 \\rangle / 3 \\langle m^2 \\rangle^2$.

    It is 2/3 in order, 0 in disorder, and 0.61069 at the critical point of a large torus, whatever its size: curves of
    two sizes cross there.

    Args:
        magnetizations: Magnetizations per spin, any shape.

    Example:
        >>> round(binder_cumulant(np.array([1.0, -1.0])), 4)
        0.6667
    """
    square = np.square(np.asarray(magnetizations, dtype=np.float64))
    return float(1 - np.square(square).mean() / (3 * square.mean() ** 2))


def critical_beta(betas: Sequence[float], small: Sequence[float], large: Sequence[float]) -> float:
    """Where the cumulants of two sizes cross: the straight line through their difference.

    Args:
        betas: Inverse temperatures on both sides of the crossing.
        small: The smaller lattice's cumulants there.
        large: The larger's.

    Raises:
        ValueError: If the difference does not grow along β, so that nothing crosses.

    Example:
        >>> round(critical_beta([0.43, 0.44, 0.45], [0.5, 0.6, 0.65], [0.4, 0.6, 0.75]), 4)
        0.44
    """
    slope, offset = np.polyfit(betas, np.subtract(large, small), 1)
    if not slope > 0 or not min(betas) <= -offset / slope <= max(betas):
        raise ValueError(
            f"Cumulants of two sizes must cross between the given β, got the differences "
            f"{np.subtract(large, small).round(4).tolist()}. Take β on both sides of 0.4407, and more sweeps."
        )
    return float(-offset / slope)


def check_beta(beta: float, *, positive: bool = False) -> None:
    """Refuses what is no inverse temperature.

    Raises:
        ValueError: If β is negative or not finite, or zero where it must be positive.

    Example:
        >>> check_beta(-1.0)
        Traceback (most recent call last):
        ...
        ValueError: `beta` must be a finite number, not negative, got -1.0. For an antiferromagnet turn J around.
    """
    if not math.isfinite(beta) or beta < 0 or (positive and beta == 0):
        sign = "positive" if positive else "not negative"
        raise ValueError(f"`beta` must be a finite number, {sign}, got {beta}. For an antiferromagnet turn J around.")


def _as_tensor(beta: float) -> Tensor:
    check_beta(beta, positive=True)
    return torch.tensor(beta, dtype=torch.float64)


def _sides(rows: int, columns: int | None) -> tuple[int, int]:
    columns = rows if columns is None else columns
    if min(rows, columns) < 2:
        raise ValueError(f"A torus must have sides of at least 2 spins, got {rows} × {columns}. Take longer ones.")
    return rows, columns


def _log_partition(beta: Tensor, rows: int, columns: int) -> Tensor:
    number = torch.arange(2 * columns, dtype=torch.float64)
    level = (2 * beta).cosh() / (2 * beta).tanh() - (math.pi * number / columns).cos()
    gamma = torch.cat([(2 * beta + beta.tanh().log())[None], level[1:].acosh()])
    terms, signs = [], []
    for part in (gamma[1::2], gamma[0::2]):
        half = rows * part.abs() / 2
        terms += [(half + torch.log1p((-2 * half).exp())).sum(), (half + torch.log(-torch.expm1(-2 * half))).sum()]
        signs += [1.0, math.prod(part.sign().tolist())]
    top = torch.stack(terms)
    ratio = (torch.tensor(signs, dtype=torch.float64) * (top - top.max()).exp()).sum()
    return rows * columns / 2 * (2 * (2 * beta).sinh()).log() - math.log(2) + top.max() + ratio.log()
