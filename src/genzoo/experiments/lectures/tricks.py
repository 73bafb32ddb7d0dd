"""The small theorems that all of it stands on: gradients of means, Jensen, changes of variables, point masses."""

import itertools
import math
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core import NOTHING, Autoencoder, Given, Space
from genzoo.distributions import Estimate, PointMass, distance
from genzoo.distributions.draws import draw
from genzoo.distributions.estimate import mean_of
from genzoo.distributions.quadrature import line_nodes
from genzoo.experiments.lectures.study import Study
from genzoo.models.autoencoders import VAE
from genzoo.models.classical import Gaussian
from genzoo.tasks import expectation, reparametrized_gradients, score_gradients

__all__ = ["change_of_variables", "delta", "jensen", "log_derivative", "unconscious"]


def log_derivative(s: Study) -> None:
    """To lower E f(x) one needs its gradient in the parameters of p, and p is under the expectation. The trick
    ∇p = p ∇log p makes a mean of it again, of f(x) ∇log p(x), which asks nothing of f; moving the draw itself,
    x = μ + ε, needs ∇f and has far less variance. For E x² under N(μ, 1) both means are 2μ, and the variances are
    known: μ⁴ + 14μ² + 15, with the mean of f as a baseline 8μ² + 10, with the best baseline 8μ² + 6, and 4.

    Next: [gradients of expectations](../expectations.md).
    """
    n, places = (50_000 if s.quick else 200_000), torch.linspace(0, 3, 7, dtype=torch.float64)
    laws = {
        "none": lambda m: m**4 + 14 * m**2 + 15, "mean": lambda m: 8 * m**2 + 10, "optimal": lambda m: 8 * m**2 + 6,
        "reparametrized": lambda m: 4 + 0 * m,
    }  # fmt: skip

    def family(theta: Tensor) -> td.Normal:
        return td.Normal(theta[:, 0], 1.0)

    found: dict[str, list[float]] = {way: [] for way in laws}
    off: dict[str, list[float]] = {way: [] for way in laws}
    for mu in places:
        for way in laws:
            how = family, mu[None], torch.square, s.noise(way, str(mu.item())), n
            rows = (reparametrized_gradients(*how) if way == "reparametrized"
                    else score_gradients(*how, baseline=way))[:, 0]  # fmt: skip
            mean = mean_of(rows)
            off[way].append(abs(mean.value - 2 * mu.item()) / float(mean.error or 1))
            found[way].append(rows.var().item())
    s.least("variance saved by the mean as a baseline at μ = 3", found["none"][-1] / found["mean"][-1], 2.5)
    _, axes = s.figure(
        alt="Variance of one gradient over μ on a logarithmic scale: the score function's is highest, baselines lower "
        "it, and that of reparametrization is 4 everywhere; dots lie on the curves of theory."
    )
    fine = torch.linspace(0, 3, 100, dtype=torch.float64)
    for (way, law), name in zip(laws.items(), ("score", "score, mean", "score, best", "draw moved"), strict=True):
        s.most(f"∇ E x² off 2μ, in standard errors, {name}", off[way], 4.0)
        ratio = torch.tensor(found[way]) / law(places)
        s.near(f"variance over its law, {name}", ratio, torch.ones(7), within=0.2 if s.quick else 0.1)
        (line,) = axes.semilogy(fine, law(fine), label=name)
        axes.plot(places, found[way], "o", color=line.get_color())
    axes.set(xlabel="μ", ylabel="variance of one row", ylim=(2, 1000))
    axes.legend(ncols=2, loc="upper left")


class Line(Autoencoder):
    """z ~ N(0, 1), x | z ~ N(z, 1), so x ~ N(0, 2) and z | x ~ N(x/2, 1/2); the encoder guesses too wide."""

    latent = Space((1,))

    def posterior(self, x: Tensor, given: Given = NOTHING) -> td.Distribution:
        return td.Independent(td.Normal(x / 2, 1.0), 1)

    def likelihood(self, z: Tensor, given: Given = NOTHING) -> td.Distribution:
        return td.Independent(td.Normal(z, 1.0), 1)


def jensen(s: Study) -> None:
    """The mean of a convex function is at least the function of the mean, and for the concave logarithm it is the
    other way round: E log w ≤ log E w. That is all there is to the evidence lower bound, where w = p(x, z) / q(z) has
    the mean p(x). The gap is what w scatters, so the mean of k draws within the logarithm closes it: the bounds of
    importance-weighted autoencoders rise to log p(x), here of a linear model whose log p is known.

    Next: [variational autoencoders](../families/autoencoders.md).
    """
    x = s.noise("rows").normal(200, 50, dtype=torch.float64)  # 200 random variables, each on 50 places
    slopes = s.noise("f").normal(200, 8, dtype=torch.float64)  # f: the largest of eight lines, hence convex
    starts = s.noise("f", 1).normal(200, 8, dtype=torch.float64)

    def f(x: Tensor) -> Tensor:
        return (slopes[:, None] * x[..., None] + starts[:, None]).amax(-1)

    gaps = f(x).mean(1) - f(x.mean(1, keepdim=True))[:, 0]
    s.least("E f(x) − f(E x), the least of 200 random convex f", gaps, -1e-12)
    grown = expectation(Gaussian(Space((1,))), lambda x: x[:, 0].exp(), 100_000, seed=s.seed)
    s.near("E eˣ of N(0, 1), where e⁰ = 1", grown.mean().value, 1.6487, within=0.03)
    model, n = VAE(Space((1,)), None, Line()), 20_000
    data = torch.full((n, 1), 1.5, dtype=torch.float64)
    truth = td.Normal(0.0, math.sqrt(2)).log_prob(torch.tensor(1.5)).item()
    ks = [1, 2, 5, 10, 20, 50] + ([] if s.quick else [100, 200, 500])
    bounds = [mean_of(model.log_prob(data, samples=k, seed=s.seed)) for k in ks]
    below = [(later.value - now.value) / float(now.error or 1) for now, later in itertools.pairwise(bounds)]
    s.least("rise from each k to the next, in standard errors", below, -1.0)
    s.most("bounds above log p(x), in standard errors", [(b.value - truth) / float(b.error or 1) for b in bounds], 4.0)
    s.near("the bound of the most draws is log p(x)", bounds[-1].value, truth, within=0.02)
    elbo = truth - td.kl_divergence(td.Normal(0.75, 1.0), td.Normal(0.75, math.sqrt(0.5))).item()
    s.expect("k = 1: the gap is KL(q ‖ p(z | x))", bounds[0], elbo)
    _, (left, right) = s.figure(1, 2, alt="A convex function with a chord above it; and bounds that rise to log p(x).")
    at = torch.linspace(-2, 2, 100)
    left.plot(at, at.exp(), label="eˣ")
    left.plot([-1.5, 1.5], [math.exp(-1.5), math.exp(1.5)], "o-", label="mean of two")
    left.plot([0], [1], "s", label="e to the mean")
    left.legend(fontsize=10)
    right.semilogx(ks, [b.value for b in bounds], "o-", label="bound of k draws")
    right.axhline(truth, color="C1", linestyle="--", label="log p(x)")
    right.set(xlabel="k", ylim=(truth - 0.25, truth + 0.05))
    right.legend(loc="lower right", fontsize=10)


def change_of_variables(s: Study) -> None:
    """If y = f(x) and f is invertible, the share of draws below y is the share of draws of x on the side that f sends
    there: F_Y = F_X ∘ f⁻¹ where f rises, 1 − F_X ∘ f⁻¹ where it falls. The derivative is the rule that flows use,
    p(y) = p(f⁻¹(y)) |d f⁻¹(y) / dy|; the absolute value serves both directions.

    Next: [flows](../families/flows.md).
    """
    base = td.Normal(torch.zeros((), dtype=torch.float64), 1.0)
    maps: dict[str, list[Any]] = {
        "y = eˣ": [td.ExpTransform()],
        "y = 1/(1 + e⁻ˣ)": [td.SigmoidTransform()],
        "y = 3 − eˣ, falling": [td.ExpTransform(), td.AffineTransform(3.0, -1.0)],
    }
    spans, n = ((0.0, 6.0), (0.0, 1.0), (-3.0, 3.0)), (20_000 if s.quick else 100_000)
    _, axes = s.figure(3, 1, size=(6, 6), alt="Three maps of a normal number: histograms of draws lie under the "
                       "curves of the density that the rule gives, for a falling map as well.")  # fmt: skip
    for (name, steps), (low, high), axis in zip(maps.items(), spans, axes, strict=True):
        law = td.TransformedDistribution(base, steps, validate_args=False)
        y = draw(law, s.noise(name), rows=n).sort().values
        grid = torch.linspace(low, high, 203, dtype=torch.float64)[1:-1].requires_grad_()
        back = td.ComposeTransform(steps).inv
        F = [share if steps[-1].sign == 1 else 1 - share for share in map(base.cdf, map(back, (y, grid)))]
        ranks = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        s.most(f"Kolmogorov's √n sup |F̂ − F|, {name}", math.sqrt(n) * (F[0] - ranks).abs().max(), 1.95)
        (slope,) = torch.autograd.grad(F[1].sum(), grid)
        y_at = grid.detach()
        s.most(f"largest |p(y) − dF/dy|, {name}", (law.log_prob(y_at).exp() - slope).abs().max(), 1e-12)
        bars = torch.histc(y, 40, low, high) / n * 40 / (high - low)
        axis.stairs(bars, torch.linspace(low, high, 41), fill=True, alpha=0.4)
        axis.plot(y_at, slope, color="C1")
        axis.set(ylabel="p(y)", xlabel=name, yticks=[])


def unconscious(s: Study) -> None:
    """E g(y) of y = f(x) needs no density of y: average g(f(x)) over draws of x. It is done so often that nobody
    notices, hence the name. Both sides agree: as integrals over x and over y, and as means over draws of either.
    With f = eˣ and x ~ N(0, 1) the mean of y is √e = 1.6487.

    Next: [expectations](../expectations.md).
    """
    zero = torch.zeros((), dtype=torch.float64)
    x_law, y_law, n = td.Normal(zero, 1.0), td.LogNormal(zero, 1.0), (50_000 if s.quick else 400_000)
    asked = {"y": lambda y: y, "√y": torch.sqrt, "log(1 + y)": torch.log1p, "cos y": torch.cos}
    x, w = line_nodes(-12, 12, panels=2048)
    u, v = line_nodes(-12, 12, panels=512)  # y = e^u, so that dy = y du
    ways: dict[str, list[Estimate]] = {"draws of x": [], "draws of y": []}
    exact = []
    for name, g in asked.items():
        over_x = (w * x_law.log_prob(x).exp() * g(x.exp())).sum().item()
        over_y = (v * u.exp() * y_law.log_prob(u.exp()).exp() * g(u.exp())).sum().item()
        s.near(f"E g as an integral over x and over y, g = {name}", over_x, over_y, within=1e-9)
        exact.append(over_x)
        ways["draws of x"].append(mean_of(g(draw(x_law, s.noise("x"), rows=n).exp())))
        uniform = s.noise("y").uniform(n, dtype=torch.float64).clamp_min(2**-53)
        ways["draws of y"].append(mean_of(g(y_law.icdf(uniform))))
        for way, found in ways.items():
            s.expect(f"E g by {way}, g = {name}", found[-1], over_x)
    s.near("E eˣ", exact[0], 1.6487, within=5e-5)
    _, axes = s.figure(alt="For four functions g the errors of both estimates, in percent, with intervals that reach "
                       "zero.")  # fmt: skip
    for place, (name, found) in zip((-0.1, 0.1), ways.items(), strict=True):
        off = [100 * (each.value / truth - 1) for each, truth in zip(found, exact, strict=True)]
        bars = [196 * float(each.error or 0) / abs(truth) for each, truth in zip(found, exact, strict=True)]
        axes.errorbar([i + place for i in range(4)], off, bars, fmt="o", capsize=4, label=f"by {name}")
    axes.axhline(0, color="C6", linewidth=1)
    axes.set(xticks=range(4), xticklabels=[f"g = {name}" for name in asked], ylabel="off by, %")
    axes.legend()


def delta(s: Study) -> None:
    """All mass in one point: every draw is the point, and E f = f(x₀). Over reals its density is ∞ there and zero
    elsewhere, the limit of N(x₀, σ²) as σ → 0; over levels it is a mass of one. Autoencoders without noise are such
    conditional distributions, and a distance that compares densities sees them as strangers, while transport does not:
    W₁(N(x₀, σ²), δ) is σ √(2/π).

    Next: [a point mass](../expectations.md), [distances](../distances.md).
    """
    x0 = torch.tensor(0.7, dtype=torch.float64)
    point = PointMass(x0)
    s.equal("draws", draw(point, s.noise("point"), rows=5), [0.7] * 5)
    s.equal("log p at x₀ and beside it", point.log_prob(torch.stack([x0, x0 + 1e-9])), [math.inf, -math.inf])
    s.equal("log P of levels", PointMass(torch.tensor(3)).log_prob(torch.tensor([3, 4])), [0.0, -math.inf])
    s.near("E cos x under δ", draw(point, s.noise("cos"), rows=100).cos().mean(), x0.cos(), within=1e-12)
    sigmas, (z, w) = [1.0, 0.3, 0.1, 0.03, 0.01, 0.001], line_nodes(-12, 12)
    weights = w * td.Normal(0.0, 1.0).log_prob(z).exp()
    off = torch.stack([(weights * (x0 + sigma * z).cos()).sum() - x0.cos() for sigma in sigmas])
    s.near("E cos x under N(x₀, σ²) − cos x₀ is cos x₀ (e^(−σ²/2) − 1)", off,
           x0.cos() * torch.expm1(-torch.tensor(sigmas, dtype=torch.float64).square() / 2), within=1e-9)  # fmt: skip
    narrow = [td.Normal(x0, sigma) for sigma in sigmas]
    s.near("W₁(N(x₀, σ²), δ) = σ √(2/π)", [distance("Wasserstein-1", q, point).value for q in narrow],
           [sigma * math.sqrt(2 / math.pi) for sigma in sigmas], within=1e-9)  # fmt: skip
    s.equal("KL of both, either way, at σ = 0.001", [distance("KL", *pair).value for pair in
            ((narrow[-1], point), (point, narrow[-1]))], [math.inf] * 2)  # fmt: skip
    peaks = [q.log_prob(x0).item() for q in narrow]
    s.near("log p(x₀) rises by −log σ", [p - peaks[0] for p in peaks], [-math.log(v) for v in sigmas], within=1e-9)
    _, (left, right) = s.figure(1, 2, alt="Distribution functions of ever narrower normals become a step at x₀; the "
                                "error of E cos x falls with σ².")  # fmt: skip
    x = torch.linspace(-1, 2.4, 300, dtype=torch.float64)
    for sigma, q in zip(sigmas[:4], narrow, strict=False):
        left.plot(x, q.cdf(x), label=f"σ = {sigma:g}")
    left.plot(x, point.cdf(x), color="C6", linestyle="--", label="δ")
    left.set(xlabel="x", ylabel="F(x)")
    left.legend(fontsize=10)
    right.loglog(sigmas, off.abs(), "o-")
    right.set(xlabel="σ", title="|E cos x − cos x₀|")
