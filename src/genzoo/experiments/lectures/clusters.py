"""A Gaussian, k-means, mixtures of Gaussians, and how the second is a limit of the third."""

from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch import distributions as td

from genzoo.core import Batch, Noise, Space
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import INK
from genzoo.models.classical import Gaussian, GaussianMixture, KMeans, Start

__all__ = ["ellipse", "expectation_maximization", "gaussian", "k_means", "limit", "stretched"]

CIRCLE = torch.stack([torch.linspace(0, 2 * torch.pi, 80).cos(), torch.linspace(0, 2 * torch.pi, 80).sin()]).double()


def ellipse(axes: Any, mean: Tensor, scale: Tensor, **look: Any) -> None:
    """The line at two standard deviations of N(mean, scale scaleᵀ)."""
    axes.plot(*(mean[:, None] + 2 * scale @ CIRCLE).numpy(), **{"linewidth": 1.5} | look)


def passes(model: Any, x: Tensor, count: int) -> list[float]:
    """Looks so often at all rows, and tells each time the loss of the parameters before."""
    losses = []
    for _ in range(count):
        model.begin()
        model.accumulate(Batch(x))
        losses.append(float(model.finish()["loss"]))
    return losses


def blobs(noise: Noise, n: int, stretch: tuple[float, float] = (4.0, 0.5)) -> tuple[Tensor, Tensor]:
    """Three Gaussians side by side, eight times as long as wide, and which row is of which."""
    which = noise.integers(3, n)
    x = noise.normal(n, 2, dtype=torch.float64) * torch.tensor(stretch)
    x[:, 1] += 3 * which
    return x @ torch.tensor([[0.9, 0.44], [-0.44, 0.9]], dtype=torch.float64), which


def gaussian(s: Study) -> None:
    """Of all Gaussians the one with the mean and the covariance of the rows (divided by n, not by n − 1) gives them
    the largest likelihood. So nothing has to be searched for: the top of the likelihood, seen on the right over μ and
    σ of one column, is known in closed form, and any other θ lies lower.

    Next: [Classical models](../families/classical.md).
    """
    n = 400
    x = s.noise("x").normal(n, 2, dtype=torch.float64) @ torch.tensor([[1.5, 0.8], [0.0, 0.6]]).double() + 1.0
    model = Gaussian(Space((2,)))
    model.prepare([Batch(x)])
    passes(model, x, 1)
    mu, C = model.mean, model.gaussians.scale[0]
    off = x - x.sum(0) / n
    s.near("μ is the mean", mu, x.sum(0) / n, within=1e-12)
    s.near("Σ is the covariance, by 1/n", C @ C.mT, off.T @ off / n, within=1e-12)

    def likelihood(mu: Tensor, C: Tensor) -> Tensor:  # of a row in the mean
        return td.MultivariateNormal(mu[:, None], scale_tril=C[:, None]).log_prob(x).mean(1)

    best = likelihood(mu[None], C[None])
    s.near("log-likelihood, of the model and by hand", model.log_prob(x).mean(), best, within=1e-12)
    moves = 0.1 * s.noise("moves").normal(1000, 6, dtype=torch.float64)
    others = likelihood(mu + moves[:, :2], C + moves[:, 2:].reshape(-1, 2, 2).tril())
    s.most("nats that the best of 1,000 perturbed θ gains", others.max() - best, 0.0)
    _, (left, right) = s.figure(
        1, 2, alt="Left: rows and the ellipse of the Gaussian fitted to them. Right: contours of the likelihood over "
        "the mean and the deviation of one column, with a single top at the closed form."
    )  # fmt: skip
    left.scatter(*x.T, s=5, alpha=0.5, rasterized=True)
    ellipse(left, mu, C, color="C1")
    left.set(xlabel="$x_1$", ylabel="$x_2$")
    m, sd = x[:, 0].mean(), x[:, 0].std(correction=0)
    grid_m, grid_s = torch.linspace(m - 0.8, m + 0.8, 61), torch.linspace(sd - 0.5, sd + 0.9, 61)
    surface = td.Normal(grid_m[:, None, None], grid_s[:, None]).log_prob(x[:, 0]).mean(-1)
    right.contour(grid_m, grid_s, surface.T, levels=12, linewidths=1)
    right.plot(m, sd, "o", color="C1")
    right.set(xlabel="μ", ylabel="σ")


def k_means(s: Study) -> None:
    """Give each row to its nearest center, then move each center to the mean of its rows: each half lowers, or leaves,
    the sum J of squared distances, so this alternation ends. It ends in a local optimum that depends on the start: of
    ten random starts several end at unlike J, with two centers in one blob and one for two.

    Next: [k-means](../families/classical.md), and the mixtures that it approximates, [001.5](001.md).
    """
    n, K = 500, 7
    means = 4 * s.noise("means").uniform(K, 2, dtype=torch.float64)
    x = means[s.noise("which").integers(K, n)] + 0.3 * s.noise("x").normal(n, 2, dtype=torch.float64)
    frames, curves = [], []
    for start in range(10):
        model = KMeans(Space((2,)), clusters=K)
        model.prepare([Batch(x)])
        model.centers.copy_(x[s.noise("start", start).permutation(n)[:K]])
        J = []
        for step in range(40):
            if start == 0:
                frames.append((step, model.encode(x), model.centers.clone()))
            J.append((x - model.centers[model.encode(x)]).square().sum())
            passes(model, x, 1)
        curves.append(torch.stack(J))
    s.most("largest rise of J in a pass, of ten starts", torch.stack(curves).diff(dim=1).max(), 1e-9)
    ends = torch.stack(curves)[:, -1]
    s.least("unlike ends of ten starts", len(ends.round(decimals=3).unique()), 3)
    s.least("worst end over the best", ends.max() / ends.min(), 1.1)
    _, axes = s.figure(1, 3, size=(6, 2.4), alt="Rows colored by nearest center at the start, after one pass and "
                       "at the end of one start.")  # fmt: skip
    for axis, (step, nearest, centers) in zip(axes, (frames[0], frames[1], frames[-1]), strict=True):
        axis.scatter(*x.T, c=[f"C{k}" for k in nearest], s=4, linewidths=0, rasterized=True)
        axis.plot(*centers.T, "X", color=INK, markersize=8)
        axis.set(xticks=[], yticks=[], aspect="equal", title="start" if step == 0 else "end" if step > 1 else "pass 1")
    _, axes = s.figure(size=(6, 3), alt="The objective over passes for ten random starts: all fall, and they end at "
                       "several unlike values.")  # fmt: skip
    for curve in curves:
        axes.plot(curve[:16], ".-", linewidth=1.2)
    axes.set(xlabel="pass", ylabel="J", yscale="log", yticks=[50, 100, 200, 400], yticklabels=[50, 100, 200, 400])
    axes.minorticks_off()


def stretched(s: Study) -> None:
    """k-means knows only distances to centers, so its clusters are cells between them, about as wide as long. Three
    blobs that lie side by side, eight times as long as wide, it cuts across; a mixture whose covariances are free
    finds each of them. The adjusted Rand index counts pairs of rows that both ways keep together or apart: 0 for
    chance, 1 for the same clusters.

    Next: [Mixtures of Gaussians](../families/classical.md).
    """
    from sklearn.metrics import adjusted_rand_score

    x, which = blobs(s.noise("x"), 600)
    starts = Start("random", restarts=10)
    found = {}
    for model in (
        KMeans(Space((2,)), clusters=3, restarts=10),
        GaussianMixture(Space((2,)), components=3, start=starts),
    ):
        model.prepare([Batch(x)])
        passes(model, x, 40)
        found["k-means" if isinstance(model, KMeans) else "mixture"] = model
    rand = {name: adjusted_rand_score(which, model.encode(x)) for name, model in found.items()}
    s.most("adjusted Rand index of k-means", rand["k-means"], 0.3)
    s.least("adjusted Rand index of the mixture", rand["mixture"], 0.98)
    _, axes = s.figure(1, 2, alt="Three long blobs side by side, colored by cluster: k-means cuts them across, the "
                       "mixture of Gaussians gives each blob one color.")  # fmt: skip
    for axis, (name, model) in zip(axes, found.items(), strict=True):
        axis.scatter(*x.T, c=[f"C{k}" for k in model.encode(x)], s=5, linewidths=0, rasterized=True)
        axis.set(title=f"{name}: {rand[name]:.2f}", aspect="equal", xticks=[], yticks=[])
    for mean, scale in zip(found["mixture"].gaussians.means, found["mixture"].gaussians.scale, strict=True):
        ellipse(axes[1], mean, scale, color=INK)


def expectation_maximization(s: Study) -> None:
    """p(x) = Σ p(z = k) N(x; μ_k, Σ_k): first a component z is drawn, then x from its Gaussian. To fit it, ask of each
    row how probable each component is (E), then give every component the mean and covariance of the rows, weighted by
    that (M). Every round raises the likelihood or leaves it, since each maximizes a bound that touches it where the
    round began.

    Next: [Mixtures of Gaussians](../families/classical.md), and the same bound with networks, [001.8](001.md).
    """
    x, _ = blobs(s.noise("x"), 600)
    model = GaussianMixture(Space((2,)), components=3, tol=0.0)
    model.prepare([Batch(x)])
    model.gaussians.start(x[s.noise("start").permutation(len(x))[:3]], torch.eye(2).double())
    model.weights.fill_(1 / 3)
    _, axes = s.figure(2, 2, size=(6, 5), alt="Rows in mixed colors of three components, and their ellipses, at the "
                       "start, after 5, 20 and 120 rounds: round, then long as the blobs.")  # fmt: skip
    loss, done, panels = [], 0, iter(axes.flat)
    colors = torch.tensor([[0, 0.51, 0.77], [0.88, 0.42, 0], [0, 0.62, 0.45]]).double()
    for rounds in (0, 5, 20, 120):
        loss += passes(model, x, rounds - done)
        done, axis, r = rounds, next(panels), model.responsibilities(x).double()
        axis.scatter(*x.T, s=4, c=(r @ colors).clamp(0, 1).numpy(), linewidths=0, rasterized=True)
        for mean, scale in zip(model.gaussians.means, model.gaussians.scale, strict=True):
            ellipse(axis, mean, scale, color=INK)
        axis.set(xticks=[], yticks=[], aspect="equal", title=f"{rounds} rounds")
    s.most("largest fall of the log-likelihood in a round", torch.tensor(loss).diff().max(), 1e-9)
    s.most("|sum of a row's responsibilities − 1|", (r.sum(1) - 1).abs().max(), 1e-6)
    joint = model.weights.log() + td.MultivariateNormal(
        model.gaussians.means, scale_tril=model.gaussians.scale).log_prob(x[:, None])  # fmt: skip
    s.most("|log p(x) − log Σ p(z = k) N(x; μ_k, Σ_k)|", (model.log_prob(x) - joint.logsumexp(1)).abs().max(), 1e-9)
    n, edges = 40_000, np.linspace(-18, 18, 25)
    drawn = np.histogramdd(model.sample(n, seed=s.seed).numpy(), bins=[edges, edges])[0]
    fine = torch.linspace(-18, 18, 24 * 16 + 1)[:-1] + 18 / (24 * 16)
    mass = model.log_prob(torch.cartesian_prod(fine, fine)).exp().reshape(24, 16, 24, 16).sum((1, 3)).double()
    often = mass * (36 / (24 * 16)) ** 2 * n
    seen = (often >= 5).numpy()
    s.least(
        "χ² of drawn z, then x, on cells of the plane, p",
        stats.chisquare([*drawn[seen], n - drawn[seen].sum()], [*often[seen], n - often[seen].sum()]).pvalue,
        1e-3,
    )


def limit(s: Study) -> None:
    """k-means lowers J, and J is up to constants the negative log-likelihood of a mixture of equal weights and equal
    round Gaussians when every row counts for its likeliest component alone. Let their σ fall: then responsibilities
    become hard, and from the same start the means of EM end in the centers of k-means. So that is the likelihood it
    approximately maximizes, with σ → 0.

    Next: [k-means and mixtures](../families/classical.md).
    """
    places = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.5, 2.5]], dtype=torch.float64)
    x = places[s.noise("which").integers(3, 400)] + s.noise("x").normal(400, 2, dtype=torch.float64)
    hard, space = KMeans(Space((2,)), clusters=3, tol=0.0), Space((2,))
    hard.prepare([Batch(x)])
    hard.centers.copy_(places)
    passes(hard, x, 40)
    sigmas, gap, sure = (2.0, 1.4, 1.0, 0.7, 0.5, 0.3, 0.2, 0.1), [], []
    for sigma in sigmas:
        soft = GaussianMixture(space, components=3, covariance="spherical", tol=0.0)
        soft.prepare([Batch(x)])
        soft.gaussians.means.copy_(places)
        for _ in range(60 if s.quick else 600):
            soft.gaussians.variances.fill_(sigma**2)
            soft.weights.fill_(1 / 3)
            passes(soft, x, 1)
        gap.append((soft.gaussians.means - hard.centers).norm(dim=1).max())
        soft.gaussians.variances.fill_(sigma**2)
        sure.append(soft.responsibilities(x).amax(1).mean())
    s.note("gap", gap)
    s.least("farthest mean from its center, σ = 1", gap[2], 0.1)
    s.most("at σ = 0.1", gap[-1], 0.02)
    s.least("largest responsibility of a row, mean, at σ = 0.1", sure[-1], 0.995)
    nearest = soft.responsibilities(x).argmax(1) == hard.encode(x)
    s.least("rows with the same cluster, at σ = 0.1", nearest.double().mean(), 0.99)
    _, (left, right) = s.figure(1, 2, alt="As σ falls the means of the mixture approach the centers of k-means, and "
                                "the largest responsibility of a row rises to one.")  # fmt: skip
    left.semilogx(sigmas, gap, "o-")
    left.set(xlabel="σ", title="means from centers")
    right.semilogx(sigmas, sure, "o-", color="C1")
    right.set(xlabel="σ", title="largest p(k | x)", ylim=(None, 1.02))
    for axis in (left, right):
        axis.invert_xaxis()
