"""Optimal transport: the cheapest plan that turns one distribution into another, and the prices that prove it.

A plan π says how much of each x_i goes to each y_j; moving a unit costs c_ij = d(x_i, y_j)^k in any ground metric d,

$$ W_k^k = \\min_{\\pi \\ge 0} \\sum_{ij} \\pi_{ij} c_{ij} \\quad\\text{with}\\quad \\pi 1 = p,\\; \\pi^\\top 1 = q
   \\qquad = \\max_{f_i + g_j \\le c_{ij}} \\sum_i p_i f_i + \\sum_j q_j g_j. $$

Every plan costs at least, and every pair of potentials earns at most, what the best do. So a `Plan` carries both, and
its gap is a proof: zero up to rounding of an exact one, an honest bracket of one that Sinkhorn's iteration found.

Sinkhorn's iteration is written out here, in the log domain, because it is ten lines of torch that run on any device
and need no package; POT's network simplex is used for exact plans where it is installed, SciPy's linear programs
else.

References:
    Kantorovich, 1942, "On the translocation of masses"
    Cuturi, 2013, "Sinkhorn distances: lightspeed computation of optimal transport", arXiv:1306.0895
    Altschuler, Weed & Rigollet, 2017, "Near-linear time approximation algorithms for optimal transport via Sinkhorn
        iteration", arXiv:1705.09634 (rounding)
    Feydy et al., 2019, "Interpolating between optimal transport and MMD using Sinkhorn divergences",
        arXiv:1810.08278
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.distributions.f_divergence import checked_probabilities
from genzoo.distributions.samples import Samples, checked_rows, is_finite

__all__ = [
    "Plan",
    "cityblock",
    "discrete",
    "euclidean",
    "optimal_cost",
    "optimal_plan",
    "sinkhorn_divergence",
    "sinkhorn_plan",
]

GROUND = "A ground metric"
Metric = Callable[[Float[Tensor, "n D"], Float[Tensor, "m D"]], Float[Tensor, "n m"]]
Solver = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
LARGEST = 300 * 300  # entries of a plan that a general linear program finds in seconds
EXTREME = 1e6  # times the median cost: a solver's rounding, as large as the largest cost, would hide the others
PASSES = 3


class Plan(NamedTuple):
    """A transport plan with potentials that bound how much cheaper another could be.

    Attributes:
        coupling: π, how much goes from each i to each j.
        cost: Σ π c, at least the optimum.
        f: The potential of each i.
        g: The potential of each j; f_i + g_j ≤ c_ij.
        dual: Σ p f + Σ q g, at most the optimum.

    Example:
        >>> plan = optimal_plan(torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
        >>> plan.coupling, plan.cost, plan.gap < 1e-12
        (tensor([[0.5000, 0.0000], [0.0000, 0.5000]], dtype=torch.float64), 0.0, True)
    """

    coupling: Float[Tensor, "n m"]
    cost: float
    f: Float[Tensor, " n"]
    g: Float[Tensor, " m"]
    dual: float

    @property
    def gap(self) -> float:
        """By how much the cost may exceed the optimum."""
        return self.cost - self.dual

    def distance(self, k: float | int = 1) -> float:
        """W_k, if the cost was a metric to the power k."""
        return max(0.0, self.cost) ** (1 / k)


def euclidean(a: Samples, b: Samples) -> Float[Tensor, "n m"]:
    """‖a_i − b_j‖, each from the difference, so that copies are at distance zero.

    Args:
        a: Rows.
        b: Other rows.

    Example:
        >>> euclidean(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """
    x, y = checked_rows(a, b, what=GROUND)
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def cityblock(a: Samples, b: Samples) -> Float[Tensor, "n m"]:
    """Σ_d |a_id − b_jd|.

    Args:
        a: Rows.
        b: Other rows.

    Example:
        >>> cityblock(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([[7.]])
    """
    x, y = checked_rows(a, b, what=GROUND)
    return torch.cdist(x, y, p=1.0)


def discrete(a: Samples, b: Samples) -> Float[Tensor, "n m"]:
    """0 between equal rows, 1 between others: the metric whose Wasserstein distance is the total variation.

    Args:
        a: Rows.
        b: Other rows.

    Example:
        >>> discrete(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[1., 0.]])
    """
    x, y = checked_rows(a, b, what=GROUND)
    return (x[:, None] != y[None]).any(-1).to(x)


def optimal_plan(
    cost: Float[Tensor, "n m"], p: Float[Tensor, " n"] | None = None, q: Float[Tensor, " m"] | None = None
) -> Plan:
    """The cheapest plan, with the potentials that prove it; POT's, or without it SciPy's up to 300 × 300.

    Args:
        cost: c_ij, such as `euclidean(x, y) ** k`.
        p: The mass at each i; equal by default.
        q: The mass at each j.

    Raises:
        ValueError: If masses do not sum to one, or a cost is not finite.
        ImportError: If the plan is larger and POT is not installed.

    Example:
        >>> pile, hole = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]])
        >>> optimal_plan(euclidean(pile, hole), torch.tensor([0.75, 0.25])).cost
        1.75
    """
    c, a, b = _checked(cost, p, q)
    coupling, f = _solved(c, a, b, _by_simplex)
    f, g = _feasible(c, f)  # so that the dual is a bound, and the plan a plan, whatever the solver's tolerance
    costs, from_x, to_y = (torch.from_numpy(part) for part in (c, a, b))
    plan = _rounded(torch.from_numpy(coupling), from_x, to_y)
    return Plan(plan, (plan * costs).sum().item(), torch.from_numpy(f), torch.from_numpy(g), float(a @ f + b @ g))


def optimal_cost(cost: Float[np.ndarray, "n m"]) -> float:
    """The mean cost of the best plan between rows of equal weights, without the plan.

    Args:
        cost: What each move costs.

    Raises:
        ValueError: If a cost is not finite.
        ImportError: If the sizes differ, there are more than 90,000 costs and POT is not installed.

    Example:
        >>> optimal_cost(np.array([[0.0, 2.0], [2.0, 0.0]]))
        0.0
    """
    c, a, b = _checked(torch.from_numpy(cost), None, None)
    return float((_solved(c, a, b, _by_assignment if len(a) == len(b) else _by_simplex)[0] * c).sum())


def sinkhorn_plan(
    cost: Float[Tensor, "n m"],
    p: Float[Tensor, " n"] | None = None,
    q: Float[Tensor, " m"] | None = None,
    *,
    epsilon: float = 0.01,
    steps: int = 1000,
) -> Plan:
    """A nearly optimal plan by Sinkhorn's iteration, in n·m time a step, on any device.

    It minimizes Σ π c + ε KL(π ‖ p qᵀ). The iteration's plan is rounded to the exact masses, and its potentials are
    lowered until they are feasible, so that cost and dual hold the optimum between them; ε is relative to the mean
    cost.

    Args:
        cost: c_ij.
        p: The mass at each i; equal by default.
        q: The mass at each j.
        epsilon: How smooth the plan is, as a share of the mean cost; smaller is nearer the optimum and slower.
        steps: At most how many; it ends when the masses agree to 1e-9.

    Raises:
        ValueError: If masses do not sum to one, or a cost is not finite.

    Example:
        >>> x = torch.linspace(0, 1, 20)[:, None]
        >>> plan = sinkhorn_plan(euclidean(x, x + 0.5), epsilon=0.05)
        >>> plan.dual <= 0.5 <= plan.cost + 1e-6, plan.gap < 0.1
        (True, True)
    """
    c, a, b = (part.to(cost.device) for part in map(torch.from_numpy, _checked(cost, p, q)))
    f, g, scale = _potentials(c, a, b, epsilon, steps)
    coupling = _rounded(((f[:, None] + g - c) / scale).exp() * a[:, None] * b, a, b)
    low_f, low_g = (torch.from_numpy(part).to(c) for part in _feasible(c.cpu().numpy(), f.cpu().numpy()))
    return Plan(coupling, (coupling * c).sum().item(), low_f, low_g, (a @ low_f + b @ low_g).item())


def sinkhorn_divergence(
    x: Samples,
    y: Samples,
    *,
    k: float = 2.0,
    epsilon: float = 0.1,
    steps: int = 200,
    metric: Metric = euclidean,
) -> Float[Tensor, ""]:
    """Transport that is smooth, fast and zero between equals,

    $$ S_\\varepsilon = W_\\varepsilon(x, y) - \\tfrac12 W_\\varepsilon(x, x) - \\tfrac12 W_\\varepsilon(y, y), $$

    between W_k^k at ε → 0 and an energy distance at ε → ∞. It is differentiable in the rows: the potentials stand
    still, as the envelope theorem allows.

    Args:
        x: One sample.
        y: The other.
        k: The power of the metric.
        epsilon: The entropy's price, in units of the cost.
        steps: At most how many of Sinkhorn's.
        metric: The ground metric.

    Raises:
        TooFew: If a sample is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> sinkhorn_divergence(x, x).abs() < 1e-9, sinkhorn_divergence(x, x + 3).round(decimals=2)
        (tensor(True), tensor(9., dtype=torch.float64))
    """

    def smooth(one: Tensor, other: Tensor) -> Tensor:
        cost = metric(one.double(), other.double()) ** k
        a, b = (torch.full((len(rows),), 1 / len(rows)).to(cost) for rows in (one, other))
        f, g, _ = _potentials(cost.detach(), a, b, epsilon, steps, relative=False)
        plan = ((f[:, None] + g - cost.detach()) / epsilon).exp() * a[:, None] * b
        return a @ f + b @ g + (plan * (cost - cost.detach())).sum()

    one, other = checked_rows(x, y, what="A Sinkhorn divergence")
    return smooth(one, other) - (smooth(one, one) + smooth(other, other)) / 2


def _potentials(
    c: Tensor, a: Tensor, b: Tensor, epsilon: float, steps: int, *, relative: bool = True
) -> tuple[Tensor, Tensor, float]:
    """Sinkhorn's potentials, f_i = −ε log Σ_j b_j exp((g_j − c_ij)/ε) in turns, and ε in units of the cost."""
    scale = epsilon * (max(c.mean().item(), 1e-300) if relative else 1.0)
    log_a, log_b = a.log(), b.log()
    f, g = torch.zeros_like(a), torch.zeros_like(b)
    for _ in range(steps):
        f = -scale * torch.logsumexp((g - c) / scale + log_b, 1)
        sums = torch.logsumexp((f[:, None] - c) / scale + log_a[:, None], 0)
        off = (b * (torch.exp(sums + g / scale) - 1)).abs().sum()
        g = -scale * sums
        if off < 1e-9:
            break
    return f, g, scale


def _rounded(plan: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The nearest plan with the right masses, as Altschuler and others have it."""
    plan = plan * (a / plan.sum(1).clamp_min(1e-300)).clamp_max(1)[:, None]
    plan = plan * (b / plan.sum(0).clamp_min(1e-300)).clamp_max(1)
    rest_a, rest_b = (a - plan.sum(1)).clamp_min(0), (b - plan.sum(0)).clamp_min(0)
    return plan + rest_a[:, None] * rest_b / rest_a.sum().clamp_min(1e-300)


def _feasible(c: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best potentials that f leads to: g_j = min_i c_ij − f_i, then f_i = min_j c_ij − g_j."""
    g = (c - f[:, None]).min(0)
    return (c - g).min(1), g


def _solved(c: np.ndarray, a: np.ndarray, b: np.ndarray, solver: Solver) -> tuple[np.ndarray, np.ndarray]:
    """The best plan and the potentials f, right also where some places are very far away.

    No best plan pays more for a move than the whole cost over the least mass that moves, so costs above that are cut
    off; what is cut off is a lower cost, hence its potentials are feasible, and its plan is judged by the true costs.
    """
    usual = np.median(c[c > 0]) if (c > 0).any() else 0.0
    if c.max() <= EXTREME * usual:
        return solver(c, a, b)
    least = min(1 / c.size, a[a > 0].min(), b[b > 0].min())
    best, found = float((_greedy(c, a, b) * c).sum()), None
    for _ in range(PASSES):
        unit = max(best, 1e-300)
        coupling, f = solver(np.minimum(c, 2 * unit / least) / unit, a, b)
        value = float((coupling * c).sum())
        if found is not None and value >= best * (1 - 1e-9):
            break
        best, found = min(best, value), (coupling, f * unit)
    return found if found is not None else solver(c, a, b)


def _greedy(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A plan that makes the cheapest moves first."""
    left, right, plan = a.copy(), b.copy(), np.zeros_like(c)
    for place in np.argsort(c, axis=None):
        i, j = divmod(int(place), c.shape[1])
        moved = min(left[i], right[j])
        if moved > 0:
            plan[i, j] = moved
            left[i] -= moved
            right[j] -= moved
    return plan


def _by_simplex(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By POT's network simplex where it is installed, else by SciPy's linear programs."""
    try:
        import ot
    except ImportError:
        return _by_linear_program(c, a, b)
    coupling, log = ot.emd(a, b, c, numItermax=10_000_000, log=True)
    return coupling, log["u"]


def _by_assignment(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of equal masses, one to one, by POT or SciPy; without potentials where SciPy finds it."""
    try:
        import ot  # noqa: F401
    except ImportError:
        from scipy.optimize import linear_sum_assignment

        coupling = np.zeros_like(c)
        coupling[linear_sum_assignment(c)] = 1 / len(c)
        return coupling, np.zeros(len(c))
    return _by_simplex(c, a, b)


def _by_linear_program(c: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plan and potentials by SciPy: rows and columns of π must sum to the masses."""
    from scipy import sparse
    from scipy.optimize import linprog

    n, m = c.shape
    if n * m > LARGEST:
        raise ImportError(
            f"An exact plan of more than {LARGEST:,} entries needs POT, got {n} × {m} without it. "
            "Run: pip install 'genzoo[ot]', or take sinkhorn_plan."
        )
    rows = sparse.kron(sparse.eye_array(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye_array(m))
    exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    masses = np.concatenate([a, b])
    found = linprog(c.ravel(), A_eq=sparse.vstack([rows, columns]), b_eq=masses, method="highs", options=exact)
    if not found.success:
        raise RuntimeError(f"SciPy must find the plan, got: {found.message} Install POT: pip install 'genzoo[ot]'.")
    return found.x.reshape(n, m).clip(0) + 0.0, found.eqlin.marginals[:n]


def _checked(cost: Tensor, p: Tensor | None, q: Tensor | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs and masses in float64; equal masses if none are given."""
    if cost.ndim != 2 or not cost.numel():
        raise ValueError(f"Costs must be a matrix of moves from places to places, got {tuple(cost.shape)}.")
    if not is_finite(cost):
        raise ValueError("Costs must be finite numbers, got ∞ or NaN. Forbid a move by a large cost instead.")
    masses = []
    for given, count in ((p, cost.shape[0]), (q, cost.shape[1])):
        if given is not None and given.shape != (count,):
            raise ValueError(f"There must be a mass for each of {count} places, got {tuple(given.shape)}. Give them.")
        mass = torch.full((count,), 1 / count, dtype=torch.float64) if given is None else given.detach().double().cpu()
        masses.append((checked_probabilities(mass) / mass.sum()).numpy())
    return cost.detach().double().cpu().numpy(), masses[0], masses[1]
