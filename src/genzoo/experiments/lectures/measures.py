"""What is lowered: axioms of distances, which side of a divergence, and that likelihood is one of them."""

import math
from typing import Any

import torch
from scipy.optimize import minimize
from torch import Tensor
from torch import distributions as td

from genzoo.core import Batch, Space
from genzoo.distributions import DISTANCES, KL, entropy, integrated
from genzoo.distributions.estimate import mean_of
from genzoo.distributions.quadrature import line_nodes
from genzoo.experiments.lectures.study import Study
from genzoo.models.flows import ActNorm, Chain, Flow, Separate, Spline
from genzoo.tasks import ForwardKLFit, NoRows, ReverseKLFit
from genzoo.training import TrainConfig, train

__all__ = ["axioms", "covering", "likelihood"]


def axioms(s: Study) -> None:
    """A divergence is at least zero, and zero between equals only; a metric is symmetric, too, and a detour is never
    shorter. Every distance of the library says which of these it obeys, and is taken at its word: on random sets of
    points no axiom that it grants is broken, and one that it denies is broken somewhere.

    Next: [distances](../distances.md).
    """
    twins = [0, 3, 5, 6, 9, 10, 12, 15], [1, 2, 4, 7, 8, 11, 13, 14]  # their first three moments agree
    known = ([0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 1, 1], *twins)
    sets = [torch.tensor(places).double()[:, None] * torch.tensor([1.0, 0.0]) for places in known]
    sets += list(s.noise("sets").integers(4, 2 if s.quick else 7, 6, 2).double())
    worst = []  # of each distance: below zero, between equals, between others, asymmetry, detour
    for each in DISTANCES:
        d = torch.tensor([[each.between(a, b) for b in sets] for a in sets], dtype=torch.float64)
        others = d + 1e9 * torch.eye(len(d))
        longer = d[:, None, :] - (d[:, :, None] + d[None, :, :])  # d(a, c) − (d(a, b) + d(b, c))
        gaps = [-d.min(), d.diag().max(), -others.min(), (d - d.T).nan_to_num().max(), longer.nan_to_num().max()]
        worst.append(torch.stack(gaps))
    table = torch.stack(worst)
    granted = torch.tensor([[each.definite, each.symmetric, each.triangle] for each in DISTANCES])
    s.most("below zero, the most of all distances", table[:, 0], 1e-12)
    s.most("between equals, the most of all distances", table[:, 1], 1e-6)
    broken = torch.stack([-table[:, 2] < 1e-6, table[:, 3] > 1e-3, table[:, 4] > 1e-3], 1)
    for name, says, seen in zip(
        ("zero between equals only", "symmetric", "no shorter detour"), granted.T, broken.T, strict=True
    ):
        s.equal(f"{name}: granted where it was not broken", (~seen).tolist(), says.tolist())
    s.note("metrics", [each.name for each in DISTANCES if each.is_metric])
    _, axis = s.figure(size=(6, 7), alt="A table of 22 distances: which are zero between equals only, symmetric, and "
                       "obey the triangle; those with three marks are metrics.")  # fmt: skip
    for y, says in enumerate(granted.tolist()):
        for x, yes in enumerate(says):
            axis.plot(x, y, "o" if yes else "x", color="C2" if yes else "C1", markersize=9 if yes else 7)
    axis.set(yticks=range(len(DISTANCES)), yticklabels=[each.name for each in DISTANCES], xlim=(-0.5, 2.5))
    axis.set(xticks=range(3), xticklabels=["definite", "symmetric", "triangle"], ylim=(len(DISTANCES) - 0.4, -0.6))
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def target() -> td.MixtureSameFamily:
    """½N(−3, 1) + ½N(3, 1)."""
    modes = torch.tensor([-3.0, 3.0], dtype=torch.float64)
    return td.MixtureSameFamily(td.Categorical(torch.ones_like(modes)), td.Normal(modes, 1.0))


def best_gaussian(mean: float, scale: float, *, reverse: bool) -> tuple[float, float, float]:
    """Mean, scale and divergence of the Gaussian next to the target, downhill from a start."""
    p = target()

    def lowered(theta: Any) -> tuple[float, Any]:
        at = torch.tensor(theta, requires_grad=True)
        q = td.Normal(at[0], at[1].exp())
        value = integrated(KL, *((q, p) if reverse else (p, q)), window=(-40.0, 40.0), panels=64)
        return value.item(), torch.autograd.grad(value, at)[0].numpy()

    found = minimize(lowered, (mean, math.log(scale)), jac=True, tol=1e-9)
    return found.x[0], math.exp(found.x[1]), found.fun


def covering(s: Study) -> None:
    """KL(p ‖ q) is infinite where q misses mass of p, so a Gaussian under it covers both modes, and the desert between
    them. KL(q ‖ p) is infinite where q puts mass that p lacks, so it sits on one mode; between them it has a minimum,
    too, which is worse. Which is taken matters only for a q that cannot be p: a flow of one spline can, and there both
    divergences fall to zero.

    Next: [divergence minimization](../minimization.md).
    """
    p, fits = target(), {"forward": best_gaussian(1.0, 2.0, reverse=False)}
    fits |= {f"reverse, from {start:g}": best_gaussian(start, 1.5, reverse=True) for start in (2.5, -2.5, 0.0)}
    wanted = ((0, math.sqrt(10), 0.4620), (2.984, 1.0226, 0.6888), (-2.984, 1.0226, 0.6888), (0, 2.744, 0.8406))
    for (name, found), want in zip(fits.items(), wanted, strict=True):
        s.near(f"{name}: μ, σ, divergence", found, want, within=1e-3)
    x, weights = line_nodes(-12, 12)
    at, log_p = torch.linspace(-9, 9, 241, dtype=torch.float64), p.log_prob(x)
    _, axes = s.figure(2, 1, sharex=True, alt="A density of two modes. Above, one Gaussian: by the forward divergence "
                       "it is wide, by the reverse one it sits on a mode. Below, flows cover the target.")  # fmt: skip
    for axis in axes:
        axis.fill_between(at, p.log_prob(at).exp(), color="C6", alpha=0.35)
        axis.set(yticks=[], ylabel="density", ylim=(0, 0.41), xlim=(-9, 9))
    for name in ("forward", "reverse, from 2.5", "reverse, from 0"):
        axes[0].plot(at, td.Normal(*fits[name][:2]).log_prob(at).exp(), label=name)
    for name, style in (("forward", "-"), ("reverse", "--")):
        model = trained_flow(s, name)
        log_q = model.log_prob(x[:, None]).detach()
        both = weights @ (log_p.exp() * (log_p - log_q)), weights @ (log_q.exp() * (log_q - log_p))
        s.near(f"KL(p ‖ q) and KL(q ‖ p) of a flow by the {name} one", torch.stack(both), [0.0, 0.0],
               within=0.05 if s.quick else 0.02)  # fmt: skip
        axes[1].plot(at, model.log_prob(at[:, None]).detach().exp(), style, label=f"flow, {name}")
    for axis in axes:
        axis.legend(fontsize=10, loc="upper left")
    axes[1].set(xlabel="x")


def trained_flow(s: Study, way: str) -> Flow:
    """A flow of one spline on a line, trained by one of the divergences without a row of data."""
    p, model = target(), Flow(Space((1,)), None, Chain(ActNorm(1), Separate(1, Spline(16))))
    model.prepare([Batch(torch.tensor([[-4.0], [4.0]]))])
    wide = Flow(Space((1,)), None, Chain(ActNorm(1)))
    wide.prepare([Batch(torch.tensor([[-5.0], [5.0]]))])

    def log_target(x: Tensor) -> Tensor:
        return p.log_prob(x[:, 0])

    fit = ReverseKLFit(model, log_target) if way == "reverse" else ForwardKLFit(model, log_target, proposal=wide)
    config = TrainConfig(steps=200 if s.quick else 800, batch_size=512, lr=0.03, ema=0.1, seed=s.seed)
    trained: Flow = train(fit, NoRows(), config).model.model
    return trained.double()


def likelihood(s: Study) -> None:
    """With π̂ the distribution of the data, KL(π̂ ‖ p_θ) = −(1/n) Σ log p_θ(xᵢ) − H(π̂), and no θ moves H(π̂): both
    have one gradient and one minimum. So the largest likelihood is the least forward divergence from what the data
    are; and with n draws of π in the data's place, a Monte Carlo estimate of the one from π itself.

    Next: [distances](../distances.md), [what training lowers](../minimization.md).
    """
    pi, n = td.Binomial(10, torch.tensor(0.3, dtype=torch.float64)), 1000
    values = torch.arange(11, dtype=torch.float64)  # successes of ten throws
    x = s.noise("rows").categorical(pi.log_prob(values).expand(n, -1)).double()
    data = torch.bincount(x.long(), minlength=11).double() / n  # π̂
    theta = torch.linspace(0.2, 0.4, 201, dtype=torch.float64, requires_grad=True)
    law = td.Binomial(10, theta)
    nll = -law.log_prob(x[:, None]).mean(0)
    kl = KL(data.expand(201, -1), law.log_prob(values[:, None]).exp().T)
    slopes = [torch.autograd.grad(value.sum(), theta, retain_graph=True)[0] for value in (nll, kl)]
    s.most("largest difference of the gradients in θ", (slopes[0] - slopes[1]).abs().max(), 1e-12)
    s.most("KL(π̂ ‖ p_θ) + H(π̂) − NLL, the largest", (kl + entropy(data) - nll).abs().max(), 1e-12)
    s.equal("the same θ is best", int(nll.argmin()), int(kl.argmin()))
    s.near("it is the share of successes", theta[nll.argmin()], x.mean() / 10, within=0.0005)
    off = td.Binomial(10, torch.tensor(0.35, dtype=torch.float64))
    truth = KL(pi.log_prob(values).exp(), off.log_prob(values).exp()).item()
    counts, guesses = [10, 100, 1000, 10_000], []
    for count in counts:
        rows = s.noise("draws").categorical(pi.log_prob(values).expand(count, -1)).double()
        guesses.append(mean_of(pi.log_prob(rows) - off.log_prob(rows)))
    s.expect("KL(π ‖ p_θ) at θ = 0.35 from 10,000 draws", guesses[-1], truth)
    _, (left, right) = s.figure(1, 2, alt="Negative log-likelihood and forward divergence over θ: curves of one shape "
                                "and one minimum; and estimates from ever more draws, around the truth.")  # fmt: skip
    for name, value in (("NLL", nll), ("KL(π̂ ‖ p)", kl)):
        (line,) = left.plot(theta.detach(), value.detach(), label=name)
        left.plot(theta[value.argmin()].detach(), value.min().detach(), "o", color=line.get_color())
    left.set(xlabel="θ", ylabel="nats", ylim=(-0.1, None))
    left.legend(loc="center right")
    right.errorbar(
        counts, [g.value for g in guesses], [1.96 * float(g.error or 0) for g in guesses], fmt="o", capsize=4
    )
    right.axhline(truth, color="C1", linestyle="--")
    right.set(xscale="log", xlabel="draws", title="KL(π ‖ p) by draws")
