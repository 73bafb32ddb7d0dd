"""Models with a latent: why it cannot be averaged away, bounds over guesses at it, and what networks make of both."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence

from genzoo.core import Batch, Space
from genzoo.core.given import NOTHING, Given
from genzoo.experiments.lectures.clusters import ellipse, passes
from genzoo.experiments.lectures.study import Study
from genzoo.models.abilities import Inference
from genzoo.models.classical import PPCA, FactorAnalysis
from genzoo.models.classical.linear_gaussian import Posterior
from genzoo.tasks import elbo, fitted, iwae

__all__ = ["doomed", "free"]


def around(d: int, variance: float) -> FactorAnalysis:
    """z of N(0, 1), x of N(z, variance), both of d entries: a linear autoencoder whose log p(x) is known."""
    model = FactorAnalysis(Space((d,)), rank=d)
    model.loadings.copy_(torch.eye(d))
    model.noise_variance.fill_(variance)
    return model


def doomed(s: Study) -> None:
    """p(x) is the mean of p(x | z) over draws of the prior, and averaging those is unbiased; but with z of N(0, 1) and
    a decoder of deviation 0.1 hardly any draw comes near the z that made x, and the variance of a single draw, in
    units of p(x)², grows exponentially with the dimension. Draws from q near the posterior, weighted by p(x, z)/q(z),
    answer the same question with the same number of draws.

    The slide draws z uniformly over a box, so a factor of its volume is missing where it writes ∝ and then ≈; drawn
    from the prior there is none.

    Next: [naive sampling](../expectations.md), and guesses that are learned, [001.9](001.md).
    """
    sigma, dims, M = 0.1, (1, 2, 5, 10, 20), (10, 40, 160) if s.quick else (10, 100, 1000)
    errors: dict[str, list[list[float]]] = {"prior": [], "q": []}
    variances = []
    for d in dims:
        x, model = torch.full((1, d), math.sqrt(1.01), dtype=torch.float64), around(d, sigma**2)
        log_p = model.log_prob(x)
        square = around(d, sigma**2 / 2).log_prob(x) - d * math.log(2 * sigma * math.sqrt(math.pi))  # E p(x | z)²
        variances.append(torch.expm1(square - 2 * log_p).item())
        near = model.posterior(x.expand(100, d))
        guesses = {
            "prior": Independent(Normal(torch.zeros(100, d, dtype=torch.float64), 1.0), 1),
            "q": Independent(Normal(near.mean, 1.1 * near.stddev), 1),
        }
        for name, q in guesses.items():
            log_means = (iwae(model.able(Inference), x.expand(100, d), k=k, q=q, seed=s.seed) for k in M)
            errors[name].append([float((each - log_p).abs().mean()) for each in log_means])
    for d, found, said in zip(dims, variances, (10.7, 136, 2.2e5, 4.9e10, 2.4e21), strict=True):
        s.near(f"relative variance of one draw, d = {d}", found, said, within=0.02 * said)
    first, last, near_last = errors["prior"][0], errors["prior"][-1][-1], [each[-1] for each in errors["q"]]
    s.most(f"nats off by {M[-1]} draws of the prior, d = 1", first[-1], 0.4)
    s.least("the same, d = 20", last, 50)
    s.most(f"by {M[-1]} draws of q, any d", near_last, 0.1)
    s.near("slope of the error in M, d = 1", math.log(first[-1] / first[1]) / math.log(M[-1] / M[1]), -0.5, within=0.2)
    _, axes = s.figure(
        1, 2, sharey=True, alt="Error of log p against the number of draws for five dimensions: by draws of the prior "
        "it stays at hundreds of nats in 20 dimensions, by draws of q it is below a tenth in all."
    )  # fmt: skip
    for axis, each in zip(axes, errors.values(), strict=True):
        for d, curve in zip(dims, each, strict=True):
            axis.loglog(M, curve, "o-", label=f"d = {d}")
        axis.set(xlabel="draws M")
    axes[0].set(ylabel="nats off log p(x)", title="z from the prior")
    axes[1].set_title("z from q near p(z | x)")
    axes[1].legend(fontsize=10)


class Moved(Posterior):
    """A model whose guesses are no network's, but whatever q has come to."""

    def __init__(self, model: PPCA, q: Distribution) -> None:
        super().__init__(model)
        self.q = q

    def posterior(self, x: Tensor, given: Given = NOTHING) -> Any:
        return self.q


def free(s: Study) -> None:
    """log p(x) = ELBO + KL(q ‖ p(z | x)), so whoever raises the bound over q lowers the divergence: nobody asks for
    the posterior, and q comes to approximate it. Here each row has a Gaussian of its own, 2 d numbers, moved by
    gradients from the prior on. In a linear-Gaussian model the posterior is such a Gaussian, so nothing is left: the
    bound reaches log p(x).

    Next: [what a guess is worth](../families/autoencoders.md), and one network for all rows, [001.9](001.md).
    """
    n, D, d = 50, 8, 3
    noise = s.noise("data")
    x = noise.normal(n, d, dtype=torch.float64) @ noise.at("W").normal(d, D, dtype=torch.float64)
    x = x + 0.5 * noise.at("own").normal(n, D, dtype=torch.float64)
    model = PPCA(Space((D,)), rank=d)
    model.prepare([Batch(x)])
    passes(model, x, 1)
    log_p, exact = model.log_prob(x), model.posterior(x)
    rows = Moved(model, Independent(Normal(torch.zeros(n, d, dtype=torch.float64), 1.0), 1))
    gap, left_over = [], []
    for rate in (None, 0.2, 0.2, 0.1, 0.05, 0.02, 0.01):
        if rate is not None:
            rows.q = fitted(rows, x, steps=60, draws=2, lr=rate, seed=s.seed)
        gap.append((log_p - elbo(rows, x, draws=64, seed=s.seed)).mean())
        q = MultivariateNormal(rows.q.mean, covariance_matrix=rows.q.variance.diag_embed())
        left_over.append(kl_divergence(q, exact).mean())
    s.least("nats between log p and ELBO before the first step", gap[0], 1)
    s.most("after the last", gap[-1].abs(), 1e-3)
    off = torch.stack(gap) / torch.stack(left_over) - 1
    s.most("log p − ELBO by draws, off KL(q ‖ p(z | x)), before and after 60 steps", off[:2].abs(), 0.1)
    s.most("means of q off those of p(z | x)", (q.mean - exact.mean).abs().max(), 5e-3)
    s.most("its deviations off", (q.stddev - exact.stddev).abs().max(), 5e-3)
    s.equal("numbers of q, a row", (rows.q.mean.numel() + rows.q.stddev.numel()) / n, 2 * d)
    _, (left, right) = s.figure(
        1, 2, alt="Left: the gap between likelihood and bound falls to a thousandth of a nat. Right: the fitted "
        "Gaussian of one row lies on its exact posterior, away from the prior."
    )  # fmt: skip
    left.semilogy(range(0, 361, 60), left_over, "o-")
    left.set(xlabel="steps of q", ylabel="nats", title="log p − ELBO")
    look: dict[str, dict[str, Any]] = {
        "prior": {"color": "C6"},
        "p(z | x)": {"linewidth": 5, "alpha": 0.4},
        "q(z)": {"linestyle": "--"},
    }
    laws = (Independent(Normal(torch.zeros(n, d), 1.0), 1), exact, q)
    for (name, how), law in zip(look.items(), laws, strict=True):
        ellipse(right, law.mean[0, :2].double(), law.stddev[0, :2].double().diag(), label=name, **how)
    right.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal", ylim=(-2.3, 4.6))
    right.legend(fontsize=10, loc="upper left")
