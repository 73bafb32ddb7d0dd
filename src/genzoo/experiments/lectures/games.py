"""Games of a generator and a critic: slopes, saddles, and the best critic."""

import math
from functools import partial

import torch
from torch import Tensor
from torch import distributions as td
from torch.nn.functional import logsigmoid

from genzoo.distributions import JENSEN_SHANNON, optimal_discriminator
from genzoo.distributions.measure import distance
from genzoo.distributions.quadrature import line_nodes
from genzoo.experiments.lectures.study import Study
from genzoo.models.adversarial import Minimax, NonSaturating, alternating, extragradient, fate, path, simultaneous

__all__ = ["best_critic", "saddle", "slopes"]


def slopes(s: Study) -> None:
    """Early on the critic is sure of every sample, D(G(z)) near 0, and there log(1 − D) is flat: a generator that
    lowers it learns nothing. The trick is to raise log D instead. Both have the same best answer to a fixed critic;
    what differs is the slope in the critic's logit f, with D = σ(f): −D for the first, −(1 − D) for the second.

    Next: [objectives of adversarial models](../families/adversarial.md).
    """
    f = torch.linspace(-8, 8, 401, dtype=torch.float64, requires_grad=True)
    D = f.sigmoid().detach()
    lost, slope = {}, {}
    for name, objective in (("log(1 − D)", Minimax()), ("−log D", NonSaturating())):
        losses = torch.stack([objective.toward(each[None, None]) for each in f])
        lost[name] = losses.detach()
        (slope[name],) = torch.autograd.grad(losses.sum(), f)
    at = torch.tensor([[math.log(0.01 / 0.99)]], dtype=torch.float64, requires_grad=True)
    sure = [torch.autograd.grad(o.toward(at), at)[0].item() for o in (Minimax(), NonSaturating())]
    s.near("∂ log(1 − D)/∂f where D = 0.01", sure[0], -0.01, within=1e-12)
    s.near("∂ (−log D)/∂f where D = 0.01", sure[1], -0.99, within=1e-12)
    s.near("slopes are −D and −(1 − D)", torch.stack(list(slope.values())), torch.stack([-D, D - 1]), within=1e-12)
    _, (left, right) = s.figure(
        1, 2, alt="Both losses of the generator over D(G(z)), and their slopes in the critic's logit: that of "
        "log(1 − D) vanishes where D is near 0."
    )  # fmt: skip
    for name in lost:
        left.plot(D, lost[name], label=name)
        right.plot(D, slope[name].abs(), label=name)
    left.set(xlabel="D(G(z))", ylim=(-5, 5), title="loss")
    right.set(xlabel="D(G(z))", title="size of its slope in f")
    left.legend()


def saddle(s: Study) -> None:
    """min over x, max over y of x y has its saddle at zero, and gradient steps need not find it: both players at once
    spiral out by √(1 + η²) a step, one after the other they go round for ever, and steps that foresee the next one
    come in by √(1 − η² + η⁴). So nothing guarantees that a game of two networks ends where theory has its solution.
    k steps of y to one of x only make the orbit longer. A GAN on a line, G(z) = θ + z against D(x) = σ(ψ x) with data
    of N(0, 1), has such a saddle at θ = ψ = 0, but what D gains is curved there, and that is a brake: it comes to
    rest, and the sooner, the larger k.

    Next: [the saddle of a game](../families/adversarial.md).
    """
    eta, steps = 0.1, 200
    start = (torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    growth = {simultaneous: math.sqrt(1 + eta**2), extragradient: math.sqrt(1 - eta**2 + eta**4)}
    fates = {simultaneous: "runs away", alternating: "goes around", extragradient: "comes to rest"}
    _, (left, right) = s.figure(
        1, 2, alt="Paths of two players of x y: simultaneous steps spiral outward, alternating ones go around, "
        "extragradient steps spiral into the saddle; and their distance from it."
    )  # fmt: skip
    for step, expected in fates.items():
        points = path(lambda x, y: x * y, start, step, rate=eta, steps=steps)
        far = points.flatten(1).norm(dim=1)
        name = step.__name__
        s.equal(name, fate(lambda x, y: x * y, points), expected)
        if step in growth:
            s.near(f"growth of a step, {name}", (far[1:] / far[:-1]).mean(), growth[step], within=1e-12)
        else:
            s.most(f"farthest, {name}", far.max(), 1.1)
        left.plot(points[:, 0, 0], points[:, 1, 0], linewidth=1.2, label=name)
        right.semilogy(far, label=name)
    left.set(aspect="equal", xlabel="x", ylabel="y")
    right.set(xlabel="step", title="distance from the saddle")
    right.set(yticks=[0.5, 1, 2, 3], yticklabels=["½", "1", "2", "3"], ylim=(0.3, 6))
    right.minorticks_off()
    right.legend(fontsize=10)
    turns(s, start)


def turns(s: Study, start: tuple[Tensor, Tensor]) -> None:
    """What k steps of y to one of x do to the game x y, and to a GAN on a line."""
    x, weights = line_nodes(-9, 9)
    p = weights * td.Normal(0.0, 1.0).log_prob(x).exp()

    def gan(theta: Tensor, psi: Tensor) -> Tensor:  # E log D(x) + E log(1 − D(θ + z))
        return p @ logsigmoid(psi * x) + p @ logsigmoid(-psi * (x + theta))

    s.near("the GAN's value at its saddle, −log 4", gan(0 * start[0], 0 * start[1]), -math.log(4), within=1e-9)
    _, axes = s.figure(1, 2, sharex=True, alt="Distance from the saddle over steps, for one, two and five steps of y "
                       "to one of x: on x y all go around, on a GAN of a line all come to rest.")  # fmt: skip
    for axis, (name, game, fated) in zip(axes, (("x y", lambda x, y: x * y, "goes around"),
                                                ("a GAN on a line", gan, "comes to rest")), strict=True):  # fmt: skip
        ends = []
        for k, line in zip((1, 2, 5), ("-", "--", ":"), strict=True):
            points = path(game, start, partial(alternating, critic_steps=k), rate=0.3, steps=100)
            far = points.flatten(1).norm(dim=1)
            ends.append(far[-1].item())
            s.equal(f"{name}, k = {k}", fate(game, points), fated)
            axis.semilogy(far, line, label=f"k = {k}")
        axis.set(xlabel="steps of x", title=name)
    s.equal("what is left on the GAN falls with k", ends, sorted(ends, reverse=True))
    axes[0].set(
        ylabel="distance from the saddle", ylim=(0.3, 10), yticks=[0.5, 1, 2, 5], yticklabels=["½", "1", "2", "5"]
    )
    axes[0].minorticks_off()
    axes[0].legend(fontsize=11)


def best_critic(s: Study) -> None:
    """Of all critics the best is D* = p / (p + q), and against it the generator's value is −log 4 + 2 JS(p, q): it is
    least, −log 4, where the generator's law is the data's. A small network, trained as a classifier of draws of
    p = N(0, 1) and q = N(θ, 1), finds D*, whose logit is a straight line here.

    Next: [distances](../distances.md), [adversarial models](../families/adversarial.md).
    """
    p, thetas = td.Normal(torch.tensor(0.0).double(), 1.0), (0.0, 1.0, 2.0, 4.0)
    values = [-math.log(4) + 2 * distance(JENSEN_SHANNON, p, td.Normal(torch.tensor(t).double(), 1.0)).value
              for t in thetas]  # fmt: skip
    s.near("C(G) at θ = 0, 1, 2, 4", values, [-1.386294, -1.16345, -0.71263, -0.12085], within=2e-5)
    q, x = td.Normal(torch.tensor(2.0).double(), 1.0), torch.linspace(-3, 5, 201, dtype=torch.float64)
    best = optimal_discriminator(p.log_prob(x) - q.log_prob(x))
    steps, line, bias = (800 if s.quick else 5000), torch.zeros((), dtype=torch.float64), torch.zeros(()).double()
    for step in range(steps):  # stochastic gradient ascent on the critic's value, one batch of each side a step
        real = s.noise("p").tick(step).normal(256, dtype=torch.float64)
        fake = 2 + s.noise("q").tick(step).normal(256, dtype=torch.float64)
        push = torch.stack([1 - (line * real + bias).sigmoid(), -(line * fake + bias).sigmoid()])
        rate = 0.5 / (1 + step / 200)
        line += rate * (push * torch.stack([real, fake])).mean()
        bias += rate * push.mean()
    trained = (line * x + bias).sigmoid()
    s.most("largest |D − D*|", (trained - best).abs().max(), 0.02)
    _, axes = s.figure(
        alt="The densities p and q, the best discriminator p / (p + q), and a trained one that covers it."
    )
    for name, law in (("p", p), ("q", q)):
        axes.fill_between(x, law.log_prob(x).exp(), alpha=0.35, label=name)
    axes.plot(x, best, label="D* = p/(p + q)")
    axes.plot(x, trained, "--", label="D, trained")
    axes.set(xlabel="x")
    axes.legend()
