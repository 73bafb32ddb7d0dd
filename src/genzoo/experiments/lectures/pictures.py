"""Denoisers, inspectors, classes, and codes: four ways to make pictures, looked at from inside."""

import itertools
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core.abilities import Denoiser, Latent
from genzoo.data import read
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.training import TrainConfig, train
from genzoo.zoo import recipe_named

__all__ = ["denoiser", "inspector"]

MODES = torch.tensor([[2.0, 0.0], [-1.0, 1.732], [-1.0, -1.732]], dtype=torch.float64)
WIDTH = 0.5


def posterior_mean(y: Tensor, sigma: Tensor, means: Tensor, width: float | Tensor) -> Tensor:
    """E[x | x + σε = y] where x is one of some round Gaussians: their means, each pulled to y, by their chances."""
    total = width**2 + sigma**2  # of each entry
    log_chance = -((y[:, None] - means).square() / (2 * total)).sum(-1)
    chance = log_chance.softmax(1)[..., None]
    return (chance * (means + width**2 / total * (y[:, None] - means))).sum(1)


def denoiser(s: Study) -> None:
    """A denoiser that knows the noise's σ guesses the picture behind it, and the best guess in squares is the mean of
    all that it may have been, D(x, σ) = E[x₀ | x]. Much noise: a blurred mean of everything; little: the picture. By
    Tweedie's formula it is x + σ² ∇ log p_σ(x), so who can denoise at every σ knows the score, and from pure noise
    repeated denoising, each time a part of the way, makes data. Song's two kinds of noise, exploding (VE) and
    preserving (VP), are learned, too, if there is time, and drawn by predictor and corrector; the digit is denoised in
    closed form, for all training digits are known.

    Next: [diffusion](../families/diffusion.md).
    """
    y = 3 * s.noise("y").normal(200, 2, dtype=torch.float64).requires_grad_()
    for sigma in torch.tensor([0.1, 0.5, 2.0, 10.0]).double():
        law = td.MixtureSameFamily(td.Categorical(torch.ones(3).double()), td.Independent(
            td.Normal(MODES, (WIDTH**2 + sigma**2).sqrt().expand(3, 2)), 1))  # fmt: skip
        (score,) = torch.autograd.grad(law.log_prob(y).sum(), y)
        off = (y + sigma**2 * score - posterior_mean(y, sigma, MODES, WIDTH)).abs().max()
        s.most(f"Tweedie's formula less the closed form, σ = {sigma:g}", off, 1e-6)
    x = MODES[s.noise("mode").integers(3, 4000)] + WIDTH * s.noise("x").normal(4000, 2, dtype=torch.float64)
    for kind in ("edm",) if s.quick else ("edm", "score_sde_ve", "score_sde_vp"):
        model = taught(s, kind, read(x.float()), steps=250 if s.quick else 3000, settings={"width": 64})
        off = trained_off(s, model, x)
        s.most(f"trained denoiser of {kind}: error over the spread, of five σ", off, 0.05 if s.quick else 0.02)
        drawn = model.sample(500, seed=s.seed, steps=50, sampler="predictor_corrector").double()
        near = (torch.cdist(drawn, MODES).min(1).values < 3 * WIDTH).double().mean()
        s.least(f"samples of {kind} within three deviations of a mode, of data 0.989", near, 0.85 if s.quick else 0.95)
    _, axes = s.figure(2, 1, size=(6, 2.6), alt="A digit in ten amounts of noise, and below each the mean of all "
                       "digits that it may be: from the digit itself to a blur.")  # fmt: skip
    digits = read("digits")
    known = digits.train.x.flatten(1).double() / 16
    sigmas = torch.logspace(-1, 0.7, 10).double()
    noisy = known[8] + sigmas[:, None] * s.noise("digit").normal(10, 64, dtype=torch.float64)
    guess = torch.cat(
        [posterior_mean(row[None], sigma, known, 1e-3) for row, sigma in zip(noisy, sigmas, strict=True)]
    )
    for axis, rows, title in zip(axes, (noisy, guess), ("x = digit + σ ε, σ from 0.1 to 5", "D(x, σ)"), strict=True):
        wall(axis, rows.reshape(10, 1, 8, 8), 10, title)
    path(s)


def trained_off(s: Study, model: Any, x: Tensor) -> list[float]:
    """The mean squared error of a trained denoiser against the closed form, over the variance of data."""
    at = model.able(Denoiser)
    unit = at.numbers.of(torch.ones(1, 2)) - at.numbers.of(torch.zeros(1, 2))  # numbers are in standard units
    means, numbers, off = at.numbers.of(MODES.float()), at.numbers.of(x.float()), []
    times = torch.linspace(0.01, 1, 400) * at.schedule.t_max
    ratio = at.schedule(times)[1] / at.schedule(times)[0]
    for k, wanted in enumerate((0.1, 0.3, 1.0, 2.0, 5.0)):
        t = times[(ratio - wanted).abs().argmin()]
        alpha, sigma = at.schedule(t)
        x_t = alpha * numbers + sigma * s.noise("noise", k).normal(len(x), 2)
        with torch.no_grad():
            told = at.denoise(x_t, t.expand(len(x)))
        best = posterior_mean(x_t / alpha, sigma / alpha, means, WIDTH * unit)
        off.append((told - best).square().mean().item())
    return off


def path(s: Study) -> None:
    """From pure noise to data by the exact denoiser, each step a part of the way to its guess."""
    sigmas = torch.logspace(1, -2, 60).double()
    x = sigmas[0] * s.noise("start").normal(150, 2, dtype=torch.float64)
    way = [x]
    for sigma, next_sigma in itertools.pairwise(sigmas):
        D = posterior_mean(x, sigma, MODES, WIDTH)
        x = D + next_sigma / sigma * (x - D)
        way.append(x)
    near = (torch.cdist(x, MODES).min(1).values < 3 * WIDTH).double().mean()
    s.least("paths that end within three deviations of a mode", near, 0.95)
    _, axis = s.figure(size=(6, 4.4), alt="Paths of a hundred and fifty points from pure noise into three clusters.")
    for line in torch.stack(way[::2], 1)[:40]:
        axis.plot(*line.T, color="C6", linewidth=0.7)
    axis.plot(*x.T, "o", color="C0", markersize=4)
    axis.set(xlim=(-9, 9), ylim=(-6, 6), aspect="equal", xticks=[], yticks=[])


def inspector(s: Study) -> None:
    """One network makes forgeries, another inspects: it says D(x), how probably x is real. What the forger needs is
    not the verdict but its slope: every fake is pushed to where D rises, up the arrows. Round by round fakes come to
    where data are, and the inspector has less to say: in the end D is near ½ on both, a guess.

    Next: [adversarial models](../families/adversarial.md).
    """
    x = (MODES[s.noise("mode").integers(3, 4000)] + WIDTH * s.noise("x").normal(4000, 2, dtype=torch.float64)).float()
    data, side = read(x), torch.linspace(-4, 4, 36)
    model: Any = recipe_named("gan")(data.space, width=64).model
    plane, seen = torch.cartesian_prod(side, side), []
    _, axes = s.figure(2, 2, size=(6, 6), alt="Four rounds of a game: real points, fakes, what the inspector says of "
                       "the plane, and arrows that push fakes to where it says real.")  # fmt: skip
    ends = (1, 40, 120, 300) if s.quick else (1, 100, 500, 4000)
    for axis, (before, end) in zip(axes.flat, itertools.pairwise((0, *ends)), strict=True):
        config = TrainConfig(
            steps=end - before, batch_size=128, lr=1e-3, betas=(0.5, 0.9), schedule="constant", seed=end
        )
        train(model, data.train, config, begin="warm" if before else "new")
        fake = model.sample(300, seed=s.seed).requires_grad_()
        logit = logits(model, fake)
        (push,) = torch.autograd.grad(torch.nn.functional.logsigmoid(logit).sum(), fake)
        with torch.no_grad():
            D = logits(model, plane).sigmoid().reshape(36, 36)
            seen.append([logits(model, x[:300]).sigmoid().mean().item(), logit.sigmoid().mean().item()])
        axis.imshow(
            D.T.numpy(), origin="lower", extent=(-4, 4, -4, 4), vmin=0, vmax=1, cmap="PuOr", interpolation="none"
        )
        axis.plot(*x[:80].T, "o", color="C2", markersize=2.5)
        axis.plot(*fake[:80].detach().T, "o", color="C0", markersize=2.5)
        steps = 0.8 * push[:24] / push[:24].norm(dim=1).max()
        axis.quiver(*fake[:24].detach().T, *steps.T, color="C0", angles="xy", scale_units="xy", scale=1, width=0.006)
        axis.set(
            title=f"round {end}: D {seen[-1][0]:.2f}, {seen[-1][1]:.2f}",
            xlim=(-4, 4),
            ylim=(-4, 4),
            xticks=[],
            yticks=[],
        )
    s.least("early on D of real less D of fake", seen[1][0] - seen[1][1], 0.02)
    s.near("D of real and of fake, in the end", seen[-1], [0.5, 0.5], within=0.15)
    near = (torch.cdist(fake.detach().double(), MODES).min(1).values < 3 * WIDTH).double().mean()
    s.least("fakes within three deviations of a mode, in the end", near, 0.6 if s.quick else 0.8)
    s.note("D of real and of fake by rounds", seen)


def logits(model: Any, x: Tensor) -> Tensor:
    """What the critic says of rows of data."""
    inner = getattr(model, "model", model)
    return inner.said(model.able(Latent).numbers.of(x), {}).squeeze(1)
