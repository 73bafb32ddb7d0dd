"""Normalizing flows: layers, what they do to volume, and what that costs."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from genzoo.core import GenerativeModel, Noise, seeded
from genzoo.data import toy
from genzoo.experiments.lectures.study import Study
from genzoo.models.flows import (
    ActNorm,
    Affine,
    Bijection,
    Chain,
    Coupling,
    Flow,
    Inverse,
    Mixing,
    Planar,
    Radial,
    Shuffle,
    Spline,
    Sylvester,
)
from genzoo.models.mapped import Mapped
from genzoo.nn import MLP

__all__ = ["layers"]


def layers(s: Study) -> None:
    """log p(x) = log p₀(z) + Σ log |det ∂f_k|: a flow is as strong as what layers are allowed, and these are allowed
    only what keeps the determinant cheap. Each row of the table is held against the determinant that automatic
    differentiation finds, which costs D passes and D³; a coupling's own is a sum of D terms. A few layers, trained,
    push a normal cloud onto two moons, one after another.

    Next: [flows](../families/flows.md), [how exact they are](../families/flows.md#how-exact).
    """
    for name, make in LAYERS.items():
        with seeded(1):
            f = make(6).double()
        shaken(f, s.noise(name))
        x = s.noise(name, "x").normal(4, 6, dtype=torch.float64)
        J = torch.stack([jacobian(partial(z_of, f), row) for row in x])
        s.near(f"log |det| of {name}", f(x)[1], torch.linalg.slogdet(J).logabsdet, within=1e-8)
    sizes = (64, 128, 256, 512) if s.quick else (64, 128, 256, 512, 1024, 2048)
    cheap = [seconds_of(lambda x: coupling(x.shape[1])(x), d) for d in sizes]
    dear = [seconds_of(lambda x: torch.linalg.slogdet(torch.eye(x.shape[1]) + x.T @ x), d) for d in sizes]
    growth = (math.log(dear[-1] / dear[-2]) - math.log(cheap[-1] / cheap[-2])) / math.log(2)
    s.least("D³ grows faster than a coupling, by a power of", growth, 0.0 if s.quick else 0.3)
    wide = [1024, 65_536]
    times = [seconds_of(coupling(d), d) for d in wide]
    slope = math.log(times[1] / times[0]) / math.log(wide[1] / wide[0])
    if not s.quick:  # which may run beside other work, where no clock can be trusted
        s.near("log time of a coupling over log D, slope", slope, 1.0, within=0.1)
    run = s.trained("realnvp", "moons", steps=120 if s.quick else 3000, settings={"width": 64})
    moons, x = toy.density("moons"), toy.density("moons").draw(2000, s.noise("moons"))
    gap = (moons.log_prob(x) - run.generative.log_prob(x)).mean().item()
    s.most("nats that the trained flow lacks", gap, 0.6 if s.quick else 0.1)
    z, parts = [s.noise("z").normal(700, 2)], flat(flow_of(run.generative))
    with torch.no_grad():
        for part in reversed(parts):
            z.append(part.inverse(z[-1]))
    _, axes = s.figure(2, 2, alt="A normal cloud of points after none, a third, two thirds and all layers of a "
                       "trained flow: it becomes two moons.", size=(6, 5.6))  # fmt: skip
    for place, each in zip(axes.flat, torch.linspace(0, len(parts), 4).round().long().tolist(), strict=True):
        place.scatter(*z[each].T, s=3, alpha=0.6, rasterized=True)
        place.set(title=f"after {each} layers", aspect="equal", xticks=[], yticks=[])


LAYERS = {
    "an affine coupling": lambda d: Coupling(MLP(d // 2, [16], d), d),
    "a spline coupling": lambda d: Coupling(MLP(d // 2, [16], d // 2 * Spline(8).numbers), d, Spline(8)),
    "an invertible mixing": lambda d: Mixing(d),
    "a shuffle": lambda d: Shuffle(),
    "an activation normalization": lambda d: ActNorm(d),
    "a planar layer": lambda d: Planar(d),
    "a radial layer": lambda d: Radial(d),
    "a Sylvester layer": lambda d: Sylvester(d, 3),
    "an inverse": lambda d: Inverse(Mixing(d)),
    "a chain": lambda d: Chain(Mixing(d), ActNorm(d), Planar(d)),
}


def flow_of(model: GenerativeModel) -> Bijection:
    """The bijection of a flow, which sees its data in standard units."""
    while isinstance(model, Mapped):
        model = model.model
    assert isinstance(model, Flow)
    return model.bijection


def z_of(f: Bijection, x: Tensor) -> Tensor:
    """What a layer makes of one row."""
    return f(x[None])[0][0]


def flat(f: Bijection) -> list[Bijection]:
    """The layers of a chain, and of the chains in it."""
    return [layer for part in f.parts for layer in flat(part)] if isinstance(f, Chain) else [f]


def shaken(f: Bijection, noise: Noise) -> None:
    """Moves all parameters off their start, where many layers do nothing."""
    for place, weight in enumerate(f.parameters()):
        weight.data += 0.1 * noise.at(place).normal(*weight.shape, dtype=weight.dtype)


def coupling(d: int) -> Bijection:
    """An affine coupling of a fixed small width."""
    return Coupling(MLP((d + 1) // 2, [8], 2 * (d // 2)), d, Affine())


def seconds_of(work: Callable[[Tensor], Any], d: int) -> float:
    """The least of several times, of 64 rows of d entries."""
    x, found = Noise(0).normal(64, d), []
    for _ in range(5):
        start = time.process_time()
        work(x)
        found.append(time.process_time() - start)
    return min(found)
