"""Diffusion: the forward law, the bound part by part, and the way back."""

import itertools
import math

import torch

from genzoo.core import Batch, GenerativeModel, Noise
from genzoo.data import read, toy
from genzoo.experiments.lectures.embedded import by_way_of_vectors
from genzoo.experiments.lectures.study import Study
from genzoo.models.diffusion import Chain, Diffusion, Discrete
from genzoo.models.mapped import Mapped
from genzoo.models.standardized import Standardized

__all__ = ["forward_and_bound"]


def forward_and_bound(s: Study) -> None:
    """T small steps x_t = √α_t x_{t−1} + √(1 − α_t) ε are one large one, x_T = √Πα x₀ + √(1 − Πα) ε. What is left of
    the data at the end costs L_T, and each step back costs the divergence between its posterior and the model's:
    L_VLB = L_T + Σ L_{t−1} + L_0, never below the cross-entropy. A chain of few steps pays for its variances, and
    learning them helps most where steps are few. The picture is a spiral on its way to noise and back. And unCLIP: a
    text and a picture have vectors that CLIP brings together, v and u; a prior draws u given v, entry by entry or by
    diffusion, and a decoder draws the picture given u. Here on digits in three colors under captions of two words,
    with the small `clip` of the library, whose weights stay as they are; a judge and the nearest color say whether the
    picture is what was asked for, of the vector of either prior, of the text's own in its place, and of a real
    picture's. Both priors do as well as real pictures' vectors, four in ten; the rest is lost by the decoder, whose
    minute is enough for colors and not for strokes. Ramesh and others, 2022, arXiv:2204.06125.

    Next: [the bound of a chain](../families/diffusion.md), [texts and pictures](../text_to_image.md).
    """
    beta, x0 = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 1.0
    mean, variance = torch.tensor(x0).double(), torch.zeros(()).double()
    for b in beta:
        mean, variance = (1 - b).sqrt() * mean, (1 - b) * variance + b
    alpha, sigma = Discrete.linear(1000)(torch.ones(1, dtype=torch.float64))
    s.near("mean and variance of x_T: steps, closed form", [mean, variance], [alpha * x0, sigma**2], within=1e-12)
    s.near("Πα", alpha.square(), 4.04e-5, within=5e-8)
    left = (alpha**2 * x0**2 + sigma**2 - 1 - (sigma**2).log()) / 2 / math.log(2)
    s.near("L_T in bits/dim", left, 2.9e-5, within=5e-7)
    run = s.trained("ddpm", "spirals", steps=150 if s.quick else 6000, settings={"width": 64} if s.quick else {})
    model = run.generative
    x = toy.density("spirals").draw(512, s.noise("x"))
    plane, y = inside(model, x)
    entropy = toy.density("spirals").entropy + stretch(model)
    loss = {}
    for steps in (5, 20) if s.quick else (5, 20, 100):
        fixed, learned = Chain(plane, steps), Chain(plane, steps)
        learned.learn([Batch(inside(model, read("spirals").x[:1024])[1], noise=s.noise("learn"))])
        loss[steps] = [mean_and_error(chain.parts(y, seed=s.seed).total) for chain in (fixed, learned)]
        path = simulated(learned, y, s.noise("path"))
        s.near(f"L_VLB along whole paths, T = {steps}, and by its parts", path[0], loss[steps][1][0],
               within=4 * math.hypot(path[1], loss[steps][1][1]))  # fmt: skip
    s.least("bounds less the entropy", min(min(pair)[0] for pair in loss.values()) - entropy, 0.0)
    s.least("nats that learned variances save at T = 5", loss[5][0][0] - loss[5][1][0], 0.05)
    s.note("bounds by T, fixed and learned", [[T, *pair] for T, pair in loss.items()])
    times, z = (0.02, 0.3, 0.6, 1.0), s.noise("z").normal(*x.shape)
    film: list[torch.Tensor] = []
    model.sample(512, seed=0, watch=lambda passed: film.append(passed.x))
    _, axes = s.figure(2, 4, alt="Above, a spiral dissolves into noise; below, noise becomes a spiral again.",
                       size=(6.4, 3.4))  # fmt: skip
    for axis, t in zip(axes[0], times, strict=True):
        axis.scatter(*plane.schedule.at(torch.full((len(y), 1), t)).mix(y, z).T, s=2, rasterized=True)
        axis.set(title=f"t = {t:g}")
    for axis, place in zip(axes[1], torch.linspace(0, len(film) - 1, 4).long().tolist(), strict=True):
        axis.scatter(*film[place].T, s=2, color="C1", rasterized=True)
    for axis in axes.flat:
        axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
    by_way_of_vectors(s)


def inside(model: GenerativeModel, x: torch.Tensor) -> tuple[Diffusion, torch.Tensor]:
    """The diffusion itself, and rows as it sees them, in standard units."""
    while isinstance(model, Mapped):
        x, model = model.within(x, {})[0], model.model
    assert isinstance(model, Diffusion)
    return model, x


def mean_and_error(values: torch.Tensor) -> tuple[float, float]:
    """Of some rows."""
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def simulated(chain: Chain, x: torch.Tensor, noise: Noise) -> tuple[float, float]:
    """log q(x_{1:T} | x) − log p(x, x_{1:T}) of paths x_T, …, x_1 drawn from q, the mean and its error."""
    at = [chain.model.schedule.at(t) for t in chain.times]
    x_t = at[0].mix(x, noise.at("end").normal(*x.shape))
    total = law(x_t, at[0].alpha * x, at[0].sigma ** 2) - law(x_t, 0 * x, at[0].scale ** 2)
    for k, (t, s) in enumerate(itertools.pairwise(at)):
        added = t.sigma**2 - (t.alpha / s.alpha * s.sigma) ** 2
        posterior, of_x, of_x_t = added * s.sigma**2 / t.sigma**2, s.alpha * added, t.alpha / s.alpha * s.sigma**2
        meant, truth = ((of_x * mean + of_x_t * x_t) / t.sigma**2 for mean in (chain.model.mean(x_t, t.t, {}), x))
        x_s = truth + posterior.sqrt() * noise.at(k).normal(*x.shape)
        total = total + law(x_s, truth, posterior) - law(x_s, meant, chain.variances[k])
        x_t = x_s
    return mean_and_error((total - law(x, x_t / at[-1].alpha, (at[-1].sigma / at[-1].alpha) ** 2)).detach())


def law(x: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """log N(x; mean, variance) of rows."""
    return -((x - mean).square() / variance + (2 * math.pi * variance).log()).sum(1) / 2


def stretch(model: GenerativeModel) -> float:
    """What the entropy gains in standard units, −Σ log s."""
    return -model.scale.log().sum().item() if isinstance(model, Standardized) else 0.0
