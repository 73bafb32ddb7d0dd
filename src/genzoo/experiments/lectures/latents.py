"""Latents of pictures: how a generator makes its picture large, ways between latents, and what makes them smooth."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import conv2d, conv_transpose2d, pad

from genzoo.core import GenerativeModel, Latent, Noise
from genzoo.data import read
from genzoo.distributions.draws import draw
from genzoo.evaluation import information_gap, shipped_judge
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.study import Study
from genzoo.models.abilities import Inference
from genzoo.tasks import between, pictured, plane, summed, traversed

__all__ = ["smooth", "transposed"]


def transposed(s: Study) -> None:
    """The generator of a DC-GAN doubles its picture by transposed convolutions. One is an ordinary convolution of a
    picture between whose pixels zeros were put, and around which there is a margin: the same numbers. Latents are
    draws of a normal law, whose mass lies on a sphere, so the way between two of them goes along a great circle, and
    the pictures on it change little by little. And means of latents add up as meanings do: of pictures of noughts and
    ones in red and in blue, red ones less red noughts plus blue noughts are blue ones. A judge of digits says whether
    they are: of ten pictures a group nearly all, of three, as published, most. (Of ten classes sums make nothing: a
    class is not one direction.)

    Next: [latents of a generator](../families/adversarial.md).
    """
    x, w = s.noise("x").normal(2, 3, 5, 5, dtype=torch.float64), s.noise("w").normal(3, 4, 4, 4, dtype=torch.float64)
    stride, padding, k = 2, 1, 4
    spread = torch.zeros(2, 3, 2 * 5 - 1, 2 * 5 - 1, dtype=torch.float64)
    spread[:, :, ::stride, ::stride] = x
    by_hand = conv2d(pad(spread, [k - 1 - padding] * 4), w.flip(2, 3).transpose(0, 1))
    s.near("zeros between, a margin, a convolution", by_hand,
           conv_transpose2d(x, w, stride=stride, padding=padding), within=1e-12)  # fmt: skip
    run = s.trained("dcgan", "digits", steps=60 if s.quick else 3000)
    latent = run.generative.able(Latent)
    z = latent.draw(8, {}, s.noise("z"))
    way = torch.stack([between(a, b, 9) for a, b in zip(z[:4], z[4:], strict=True)])
    lengths = way.flatten(2).norm(dim=2)
    ends = lengths[:, [0, -1]]
    s.least("shortest latent on the way, over the shorter end", (lengths.amin(1) / ends.amin(1)).min(), 0.999)
    s.most("longest latent on the way, over the longer end", (lengths.amax(1) / ends.amax(1)).max(), 1.001)
    pictures = pictured(latent, way.flatten(0, 1)).unflatten(0, (4, 9)).double()
    steps = pictures.diff(dim=1).flatten(2).norm(dim=2)
    far = (pictures[:, -1] - pictures[:, 0]).flatten(1).norm(dim=1)
    s.most("largest step of a way, over the distance of its ends", (steps.amax(1) / far).max(), 0.75)
    _, axes = s.figure(size=(6.2, 2.9), alt="Four rows of digits, each changing little by little from one to another.")
    style.wall(axes, pictures.flatten(0, 1) / 16, 9, "a great circle a line")
    sums(s)


def sums(s: Study) -> None:
    """Sums and differences of means of latents, of noughts and ones in red and blue."""
    x, label = read("digits", given="label").train.gather(torch.arange(1400))
    x, hues = x[label < 2], torch.tensor([[1.0, 0.35, 0.2], [0.3, 0.5, 1.0]])
    x = (x * hues[s.noise("hue").integers(2, len(x))][:, :, None, None]).round().byte()
    latent = s.trained("dcgan", read(x, levels=17), "tinted", steps=40 if s.quick else 1500).generative.able(Latent)
    z = latent.draw(2000, {}, s.noise("z"))
    group = torch.stack(read_as(pictured(latent, z)), 1)  # of each: is it blue? which digit?
    wanted = torch.tensor([[blue, digit] for blue in (0, 1) for digit in (0, 1)]).repeat(25, 1)
    right, shown = {}, []
    for n in (3, 10):
        made = []
        for k, want in enumerate(wanted):
            other = 1 - want
            of = torch.stack([torch.stack([want[0], other[1]]), other, torch.stack([other[0], want[1]])])
            rows = [some(group, each, n, s.noise("some", n, k, i)) for i, each in enumerate(of)]
            made.append(summed(z, [rows[0], rows[2]], [rows[1]]))
            if n == 3 and k < 4:
                shown.append(torch.stack([*(z[row[0]] for row in rows), made[-1]]))
        right[n] = (torch.stack(read_as(pictured(latent, torch.stack(made))), 1) == wanted).all(1).double().mean()
    if not s.quick:  # in seconds pictures cannot be read yet
        s.least("sums of the color and the digit meant, of three latents a group, chance being ¼", right[3], 0.5)
        s.least("the same, of ten", right[10], 0.8)
    _, axes = s.figure(size=(4, 3.4), alt="Four sums of means of latents: a picture of each of three groups, and what "
                       "the first less the second plus the third is.")  # fmt: skip
    style.wall(axes, pictured(latent, torch.cat(shown)).double() / 16, 4, "a of three, − b, + c, made")


def read_as(x: Tensor) -> tuple[Tensor, Tensor]:
    """Whether tinted digits are blue rather than red, and the digit that a judge reads."""
    x = x.double()
    digit = shipped_judge("digits").probabilities(x.amax(1, keepdim=True).round().byte()).argmax(1)
    return (x[:, 2] - x[:, 0]).flatten(1).sum(1).gt(0).long(), digit


def some(group: Tensor, wanted: Tensor, n: int, noise: Noise) -> list[int]:
    """Rows of one group, drawn by lot; any rows, where it is too small."""
    there = (group == wanted).all(1).nonzero()[:, 0]
    there = there if len(there) >= n else torch.arange(len(group))
    return [int(row) for row in there[noise.permutation(len(there))[:n]]]


def smooth(s: Study) -> None:
    """A variational autoencoder's code is noisy, so its neighbors must mean nearly the same: decoded along a straight
    line, pictures change in smaller steps than those of an autoencoder whose codes are points. Two latents at evenly
    spaced quantiles show the whole manifold. What the bound leaves is the divergence from the posterior:
    log p(x) − KL(q‖p(z|x)) = E log p(x|z) − KL(q‖p), here to the last digit. A larger β pays less rate for more
    distortion, and was published as a way to entries that mean one thing each. Spots of known place and width say
    whether they do: the gap of mutual information is one if each is told by one entry alone. (It depends on the seed
    as much as on β: Locatello and others, 2019, arXiv:1811.12359. Where the slide's objective has g(xᵢ), the decoder
    is given z: g(z).)

    Next: [autoencoders](../families/autoencoders.md).
    """
    W, x, sigma = s.noise("W").normal(3, 2, dtype=torch.float64), s.noise("x").normal(3, dtype=torch.float64), 0.5
    p, eye = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()), torch.eye(3).double()
    precision = torch.eye(2).double() + W.T @ W / sigma**2
    posterior = MultivariateNormal(precision.inverse() @ W.T @ x / sigma**2, precision_matrix=precision)
    q = MultivariateNormal(torch.tensor([0.3, -0.2]).double(), 0.4 * torch.eye(2).double())
    distortion = ((x - W @ q.loc).square().sum() + (W @ q.covariance_matrix @ W.T).trace()) / sigma**2
    expected = -(distortion + 3 * math.log(2 * math.pi * sigma**2)) / 2
    log_p = MultivariateNormal(torch.zeros(3).double(), W @ W.T + sigma**2 * eye).log_prob(x)
    s.near("log p − KL(q‖p(z|x)) and E log p(x|z) − KL(q‖p)", log_p - kl_divergence(q, posterior),
           expected - kl_divergence(q, p), within=1e-10)  # fmt: skip
    steps, net = (100, {"net": "mlp", "hidden": 64}) if s.quick else (5000, {})
    vae = s.trained("vae", "digits", settings={"latent": 2, **net}, steps=steps).generative
    points = s.trained("autoencoder", "digits", settings={"code": 2}, steps=steps).generative
    x, _ = read("digits").test.gather(torch.arange(100))
    jump = {}
    for name, model in (("vae", vae), ("autoencoder", points)):
        with torch.no_grad():
            start, end = model.encode(x).flatten(1).chunk(2)
            way = torch.stack([start.lerp(end, t.item()) for t in torch.linspace(0, 1, 20)], dim=1).flatten(0, 1)
            change = model.decode(way).double().unflatten(0, (50, 20)).diff(dim=1).flatten(2).norm(dim=2)
        jump[name] = (change.amax(1) / change.sum(1).clamp_min(1e-9)).mean().item()
    s.least("largest of 19 steps on a line, as a share of the way: autoencoder's less VAE's",
            jump["autoencoder"] - jump["vae"], -0.2 if s.quick else 0.0)  # fmt: skip
    grid = plane(vae.able(Latent), 20)
    s.equal("pictures of the manifold, at 20 by 20 quantiles", list(grid.shape[:2]), [20, 20])
    _, axes = s.figure(size=(6, 6), alt="Digits decoded from a grid of two latents, 20 by 20: neighbors look alike.")
    style.wall(axes, pictured(vae.able(Latent), grid.flatten(0, 1)).double() / 16, 20)
    of_beta(s)


def of_beta(s: Study) -> None:
    """What β buys, on spots whose factors are known: rate, distortion, and whether an entry means one thing."""
    x, factors = spots()
    betas, steps = ((1.0, 4.0), 100) if s.quick else ((0.25, 1.0, 4.0, 16.0), 3000)
    paid, gap, lines = [], {}, []
    for beta in betas:
        settings = {"latent": 4, "beta": beta, "net": "mlp", "hidden": 64}
        model: Any = s.trained("vae", read(x, levels=17), f"vae-{beta:g}", settings=settings, steps=steps).generative
        with torch.no_grad():
            q = model.able(Inference).posterior(x)
            distortion = -model.autoencoder.likelihood(draw(q, s.noise("z"))).log_prob(x).mean().item()
        paid.append((rate_of(model, x), distortion))
        if beta in (1.0, 4.0):
            gap[beta] = information_gap(q.mean, factors).value
            moved = traversed(model.able(Latent), q.mean[90], torch.linspace(-2, 2, 7).tolist())
            lines.append(pictured(model.able(Latent), moved.flatten(0, 1)).double() / 16)
    rates, lost = zip(*paid, strict=True)
    s.equal("rates fall with β", rates, sorted(rates, reverse=True))
    if not s.quick:
        s.least("nats of distortion at β = 16 over those at β = 1", lost[-1] - lost[1], 1.0)
    s.near("the gap of factors themselves", information_gap(factors.double(), factors).value, 1.0, within=1e-9)
    s.note("gap of mutual information by β", [[beta, value] for beta, value in gap.items()])
    s.note("rate and distortion by β", [[beta, *each] for beta, each in zip(betas, paid, strict=True)])
    _, (curve, *walls) = s.figure(3, 1, size=(5, 7.4), height_ratios=[1, 1, 1], alt="Distortion over rate by β; "
                                  "and spots as each entry of a latent is moved, at β = 1 and at β = 4.")  # fmt: skip
    curve.plot(rates, lost, "o-")
    for beta, at in zip(betas, paid, strict=True):
        curve.annotate(f"β = {beta:g}", at, (0, 8), textcoords="offset points", ha="center", fontsize=12)
    curve.set(xlabel="rate, nats", ylabel="distortion, nats")
    curve.margins(x=0.12, y=0.25)
    for axis, beta, line in zip(walls, gap, lines, strict=True):
        style.wall(axis, line, 7, f"β = {beta:g}: gap {gap[beta]:.2f}")


def spots() -> tuple[Tensor, Tensor]:
    """Bright spots of 8 × 8 pixels, and their factors: line, column and width."""
    factors, line = torch.cartesian_prod(torch.arange(8), torch.arange(8), torch.arange(3)), torch.arange(8)
    down, across = ((line - 1.75 - factors[:, k, None] / 2).square() for k in (0, 1))
    width = 0.7 + factors[:, 2, None, None] / 2
    x = (-(down[:, :, None] + across[:, None]) / (2 * width.square())).exp()
    return (16 * x).round().byte()[:, None], factors


def rate_of(model: GenerativeModel, x: Tensor) -> float:
    """KL(q(z | x) ‖ N(0, I)), the mean over rows."""
    with torch.no_grad():
        q = model.able(Inference).posterior(x)
        zero = torch.zeros_like(q.mean)
        return kl_divergence(q, Independent(Normal(zero, zero + 1), 1)).mean().item()
