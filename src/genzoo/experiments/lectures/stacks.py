"""Distances of mass: a divergence in three ways, and earth that is moved."""

import math

import torch
from torch import distributions as td

from genzoo.distributions import (
    JENSEN_SHANNON,
    KL,
    TOTAL_VARIATION,
    cityblock,
    discrete,
    entropy,
    euclidean,
    integrated,
    optimal_plan,
    wasserstein_1d,
)
from genzoo.experiments.lectures.study import Study

__all__ = ["jensen_shannon", "stacks"]


def jensen_shannon(s: Study) -> None:
    """Halfway between p and q lies their mixture m = (p + q)/2. The Jensen–Shannon divergence is the mean of the
    divergences of both from m, or what is the same, the entropy of m beyond the mean of both entropies: how much a
    draw tells of the coin that chose p or q. So it is symmetric, and never more than the ln 2 nats of that coin,
    however far p and q are apart.

    Next: [distances](../distances.md), and what a discriminator makes of it, [003.4](003.md).
    """
    zero = torch.zeros((), dtype=torch.float64)
    thetas = (1.0, 2.0, 4.0)
    ways: dict[str, list[torch.Tensor]] = {"as two KL": [], "by entropies": [], "by quadrature": []}
    cells = torch.arange(-12, 16, 2e-3, dtype=torch.float64)
    for theta in thetas:
        p, q = td.Normal(zero, 1.0), td.Normal(zero + theta, 1.0)
        m = td.MixtureSameFamily(
            td.Categorical(torch.ones(2).double()), td.Normal(torch.stack([zero, zero + theta]), 1.0)
        )
        ways["as two KL"].append((integrated(KL, p, m) + integrated(KL, q, m)) / 2)
        P, Q, M = (each.log_prob(cells).exp() * 2e-3 for each in (p, q, m))
        ways["by entropies"].append(entropy(M / M.sum()) - entropy(P / P.sum()) / 2 - entropy(Q / Q.sum()) / 2)
        ways["by quadrature"].append(integrated(JENSEN_SHANNON, p, q))
    for name, found in ways.items():
        s.near(f"JS of N(0, 1) and N(θ, 1) at θ = 1, 2, 4, {name}", found, [0.11142, 0.33683, 0.63272], within=1e-5)
    s.most("farthest of the three from each other", torch.tensor(list(ways.values())).std(0).max(), 1e-6)
    grid = torch.linspace(0, 12, 121, dtype=torch.float64)
    curve = integrated(JENSEN_SHANNON, td.Normal(zero, 1.0), td.Normal(grid, 1.0))
    s.most("largest, up to θ = 12", curve.max(), math.log(2))
    s.most(
        "q and p exchanged",
        (integrated(JENSEN_SHANNON, td.Normal(grid, 1.0), td.Normal(zero, 1.0)) - curve).abs().max(),
        1e-12,
    )
    _, (left, right) = s.figure(1, 2, alt="Left: the densities p and q, two apart, and the mixture m between them. "
                                "Right: the divergence rises with θ and levels off at ln 2.")  # fmt: skip
    p, q, x = td.Normal(zero, 1.0), td.Normal(zero + 2, 1.0), torch.linspace(-4, 6, 201).double()
    for name, density in (("p", p.log_prob(x).exp()), ("q", q.log_prob(x).exp())):
        left.fill_between(x, density, alpha=0.35, label=name)
    left.plot(x, (p.log_prob(x).exp() + q.log_prob(x).exp()) / 2, color="C2", label="m")
    left.set(xlabel="x", ylim=(0, 0.52))
    left.legend(ncols=3, loc="upper center")
    right.plot(grid, curve, label="JS(p, q)")
    right.plot(thetas, ways["as two KL"], "o", label="θ = 1, 2, 4")
    right.axhline(math.log(2), color="C6", linestyle=":", label="ln 2")
    right.set(xlabel="θ")
    right.legend(loc="lower right")


def stacks(s: Study) -> None:
    """Ten stacks of earth are to become ten others. A plan says how much goes from where to where, and costs mass
    times way; the least cost is the distance. Its dual sets a price f at every place that may differ by no more than
    the way between them, and asks what is earned by buying all of p and selling all of q: the most that can be earned
    is the least that must be paid. On a line both are the area between the distribution functions. Other powers and
    other ground metrics only change the costs; if every move costs 1, the distance is the total variation.

    Next: [Transport](../distances.md), and critics that learn the price, [003.6](003.md).
    """
    x = torch.arange(10.0, dtype=torch.float64)
    p = torch.tensor([4, 3, 2, 1, 0, 0, 1, 1, 0, 0], dtype=torch.float64) / 12
    q = torch.tensor([0, 1, 0, 1, 1, 2, 1, 1, 2, 3], dtype=torch.float64) / 12
    d = euclidean(x[:, None], x[:, None])
    plan, area = optimal_plan(d, p, q), (p - q).cumsum(0).abs().sum()
    s.near(
        "W₁: plan, potentials, area between distribution functions", [plan.cost, plan.dual], [area] * 2, within=1e-9
    )
    s.near("what leaves, and what arrives", [plan.coupling.sum(1), plan.coupling.sum(0)], [p, q], within=1e-12)
    s.most("steepest slope of f", ((plan.f[:, None] - plan.f) / d.clamp_min(1)).max(), 1 + 1e-9)
    s.near("∫ f dp − ∫ f dq", (p - q) @ plan.f, area, within=1e-9)
    square, quantiles = optimal_plan(d**2, p, q), wasserstein_1d(x, x, 2.0, weights=(p, q))
    s.near("W₂: plan and potentials", [square.distance(2), math.sqrt(square.dual)], [quantiles] * 2, within=1e-9)
    s.near("on a line W₂'s plan is the best for W₁ too", (square.coupling * d).sum(), area, within=1e-9)
    every = optimal_plan(discrete(x[:, None], x[:, None]), p, q)
    s.near("each move costs 1: total variation", [every.cost, every.dual], [TOTAL_VARIATION(p, q)] * 2, within=1e-9)
    spread = s.noise("places").normal(10, 2, dtype=torch.float64)
    blocks = optimal_plan(cityblock(spread, spread) ** 2, p, q)
    s.near("city blocks in a plane, squared: cost = dual", blocks.cost, blocks.dual, within=1e-9)
    _, ((stack, way), (price, functions)) = s.figure(
        2, 2, alt="Ten stacks p, mostly left, and ten stacks q, mostly right; the plan between them, a staircase; the "
        "price f, falling with slope one; and the area between both distribution functions."
    )  # fmt: skip
    stack.bar(x.numpy(), p.numpy())
    stack.bar(x.numpy(), -q.numpy())
    stack.set(yticks=[], title="p up, q down")
    start, end = square.coupling.nonzero().T
    way.scatter(start, end, s=900 * square.coupling[start, end])
    way.set(xlabel="from", ylabel="to", xlim=(-1, 10), ylim=(-1, 10), title="plan")
    price.plot(x, plan.f, "o-", color="C2")
    price.set(xlabel="place", title="price f")
    for mass in (p, q):
        functions.step(x, mass.cumsum(0), where="post")
    functions.fill_between(x, p.cumsum(0), q.cumsum(0), step="post", alpha=0.3, color="C6")
    functions.set(xlabel="place", title=f"area {area:.2f}")
