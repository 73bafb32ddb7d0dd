"""From noise to data: one target reached in six ways, and the way along an exact score."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from torch import distributions as td

from genzoo.data import toy
from genzoo.distributions import distance, energy_distance
from genzoo.experiments.lectures.study import Study
from genzoo.models.diffusion import Schedule
from genzoo.randomness import inverse_cdf

__all__ = ["exact_score", "six_ways"]

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "flow": ("realnvp", {"layers": 6, "width": 32}),
    "VAE": ("vae", {"latent": 2, "hidden": 64}),
    "GAN": ("gan", {"hidden": 64}),
    "diffusion": ("ddpm", {"predicts": "v", "sampler": "heun", "sampling_steps": 30}),
    "flow matching": ("flow_matching", {}),
}


def six_ways(s: Study) -> None:
    """A simple distribution becomes a complex one if every draw of noise is sent somewhere. The inverse of the
    distribution function does it exactly where the density is known: first x₁ by its own, then x₂ by that given x₁.
    All others learn the map from rows: a flow inverts it layer by layer, a variational autoencoder adds noise after
    it, a GAN asks only that nobody can tell, and diffusion and flow matching go many small steps, drawn as paths.

    Next: [How the families differ](../concepts.md).
    """
    target, n = toy.density("moons"), 500 if s.quick else 1000
    rows, real = target.draw(5000 if s.quick else 50_000, s.noise("rows")), target.draw(n, s.noise("real"))
    found = {"inverse CDF": by_inverse(target, s.noise("inverse").uniform(n, 2, dtype=torch.float64).numpy())}
    paths: dict[str, Tensor] = {}
    for name, (recipe, settings) in WAYS.items():
        how: Any = {"steps": 20} if s.quick else {"steps": 6000 if name == "GAN" else 2000}
        small = {"width": 32} if s.quick and recipe in ("ddpm", "flow_matching") else {}
        model: Any = s.trained(recipe, rows, settings=settings | small, **how).generative
        film: list[Tensor] = []
        watch: Any = (
            {"watch": lambda passed, film=film: film.append(passed.x)} if "diff" in name or "ch" in name else {}
        )
        found[name] = model.sample(n, seed=s.seed, **watch)
        if film:
            paths[name] = model.shift + model.scale * torch.stack(film)[:, :200]
    judged(s, target, found, real)
    _, axes = s.figure(
        2, 3, size=(6.4, 4.8), alt="Two moons drawn in six ways: by the inverse distribution function, a flow, a VAE, "
        "a GAN, and along two hundred paths from noise by diffusion and by flow matching."
    )  # fmt: skip
    for axis, (name, x) in zip(axes.flat, found.items(), strict=True):
        axis.scatter(*x.T, s=1.5, linewidths=0, rasterized=True)
        for path in paths.get(name, torch.zeros(0, 0, 2)).transpose(0, 1):
            axis.plot(*path.T, color="C1", linewidth=0.4, alpha=0.5, zorder=0, rasterized=True)
        axis.set(title=name, xlim=(-2, 3), ylim=(-1.6, 2.1), xticks=[], yticks=[])


def judged(s: Study, target: toy.Density, found: dict[str, Tensor], real: Tensor) -> None:
    """How far draws are from the target, and whether they lie where it is likely."""
    noise = energy_distance(s.noise("z").normal(*real.shape), real)
    for name, x in found.items():
        off = energy_distance(x, real)
        s.note(f"energy distance, {name}", off)
        if name == "inverse CDF":
            s.expect("energy distance of the inverse CDF's rows from the target's",
                     distance("energy distance", x, real), 0.0)  # fmt: skip
        elif name != "GAN" or not s.quick:  # which needs more steps than seconds have, and stays behind
            s.most(
                f"energy distance of {name}, noise being at {noise:.3f}",
                off,
                noise if s.quick else 0.05 if name == "GAN" else 0.01,
            )
    sharp = {name: target.entropy + target.log_prob(x).mean().item() for name, x in found.items()}
    s.note("mean log p of draws, less that of the target's own", [list(pair) for pair in sharp.items()])
    s.least("the same of flow, diffusion and flow matching: none draws between the moons",
            [sharp[name] for name in ("flow", "diffusion", "flow matching")], -9.0 if s.quick else -0.25)  # fmt: skip


def by_inverse(target: toy.Density, u: np.ndarray, cells: int = 400) -> Tensor:
    """Rows of a density of the plane, of uniform numbers: x₁ by its distribution function, x₂ by that given x₁."""
    edges = [np.linspace(low, high, cells + 1) for low, high in zip(target.low, target.high, strict=True)]
    middles = [torch.from_numpy((each[1:] + each[:-1]) / 2) for each in edges]
    mass = target.log_prob(torch.cartesian_prod(*middles)).exp().reshape(cells, cells).numpy()
    first = np.concatenate([[0], mass.sum(1).cumsum()]) / mass.sum()
    x1 = inverse_cdf(u[:, 0], lambda x: np.interp(x, edges[0], first), edges[0][0], edges[0][-1])
    row = np.searchsorted(edges[0], x1).clip(1, cells) - 1
    second = np.concatenate([np.zeros((cells, 1)), mass.cumsum(1) / mass.sum(1, keepdims=True)], 1)

    def given(x: np.ndarray) -> np.ndarray:  # F(x₂ | x₁), linear within a cell
        place = (x - edges[1][0]) / (edges[1][1] - edges[1][0])
        cell = place.astype(int).clip(0, cells - 1)
        below, above = second[row, cell], second[row, cell + 1]
        return below + (place - cell) * (above - below)

    return torch.from_numpy(np.stack([x1, inverse_cdf(u[:, 1], given, edges[1][0], edges[1][-1])], 1))


def denoiser_of(means: Tensor, scale: Tensor, schedule: Schedule) -> Callable[..., Tensor]:
    """E[x | x_t] of a mixture of equal Gaussians, by Tweedie's formula from its exact score."""

    def denoise(x_t: Tensor, t: Tensor, given: Any = None) -> Tensor:
        at = schedule.at(t.reshape(-1)[:1].double())
        spread = ((at.alpha * scale) ** 2 + at.sigma**2).sqrt().expand_as(means)
        blurred = td.MixtureSameFamily(td.Categorical(torch.ones(len(means)).double()),
                                       td.Independent(td.Normal(at.alpha * means, spread), 1))  # fmt: skip
        with torch.enable_grad():
            x = x_t.detach().double().requires_grad_()
            (score,) = torch.autograd.grad(blurred.log_prob(x).sum(), x)
        return ((x.detach() + at.sigma**2 * score) / at.alpha).to(x_t.dtype)

    return denoise


def exact_score(s: Study) -> None:
    """Noise x_t = α x + σ ε blurs a mixture of Gaussians to another mixture of Gaussians, so its score ∇ log p_t is
    known at every time, and with it the mean of the data, E[x | x_t] = (x_t + σ² ∇ log p_t) / α. The same sampler
    that draws from a trained network follows it from pure noise to the eight Gaussians: what diffusion needs is simple
    at every step. Below, the network that has learned E[x | x_t] from rows, from the same noise.

    Next: [Diffusion](../families/diffusion.md), the denoiser itself, [002.7](002.md).
    """
    target: Any = toy.density("8gaussians")
    rows = target.draw(5000 if s.quick else 50_000, s.noise("rows"))
    how: Any = {"steps": 150} if s.quick else {"steps": 4000}
    small, calls = ({"width": 64}, 60) if s.quick else ({}, 120)
    model: Any = s.trained(
        "ddpm", rows, settings=small | {"sampler": "heun", "sampling_steps": calls}, **how
    ).generative
    exact = denoiser_of((target.means - model.shift) / model.scale, target.scale / model.scale, model.model.schedule)
    films: dict[str, list[Any]] = {"exact": [], "trained": []}
    n = 1000
    found = {
        name: model.sample(n, seed=s.seed, watch=film.append, **({"wrap": lambda _: exact} if name == "exact" else {}))
        for name, film in films.items()
    }  # fmt: skip
    off, nearest = (found["exact"][:, None] - target.means).norm(dim=2).min(1)
    s.least("χ² of eight equal modes, exact score, p", stats.chisquare(nearest.bincount(minlength=8)).pvalue, 1e-3)
    s.near(
        "deviation of a mode, exact score", (off.square().mean() / 2).sqrt(), target.scale, within=0.04 * target.scale
    )
    near = (found["trained"][:, None] - target.means).norm(dim=2).amin(1) < 4 * target.scale
    s.least("share of rows within 4 σ of a mode, network", near.double().mean(), 0.2 if s.quick else 0.95)
    x, t = target.draw(2000, s.noise("x")), torch.tensor([0.3])
    at = model.model.schedule.at(t)
    x_t = at.mix((x - model.shift) / model.scale, s.noise("blur").normal(2000, 2)).float()
    wrong = (model.model.denoise(x_t, t) - exact(x_t, t)).square().mean()
    s.most("mean squared error of the network's E[x | x_t] at t = 0.3", wrong, 0.3 if s.quick else 0.02)
    _, axes = s.figure(2, 4, size=(6.4, 3.4), alt="Two film strips from a round cloud of noise to eight spots on a "
                       "circle: above along the exact score, below along a trained network's.")  # fmt: skip
    for row, (name, film) in zip(axes, films.items(), strict=True):
        for axis, place in zip(row, (0, len(film) // 2, 3 * len(film) // 4, len(film) - 1), strict=True):
            axis.scatter(
                *film[place].x.T, s=1.5, linewidths=0, color="C1" if name == "trained" else "C0", rasterized=True
            )
            axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal",
                     title=f"t = {float(film[place].at.t):.2f}" if name == "exact" else "")  # fmt: skip
        row[0].set_ylabel(name)
