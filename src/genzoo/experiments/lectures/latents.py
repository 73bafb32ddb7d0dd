"""Latents of pictures: how a generator makes its picture large, ways between latents, and what makes them smooth."""

import math

import torch
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import conv2d, conv_transpose2d, pad

from genzoo.core import GenerativeModel, Latent
from genzoo.data import read
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.study import Study
from genzoo.models.abilities import Inference
from genzoo.tasks import between, pictured, plane

__all__ = ["smooth", "transposed"]


def transposed(s: Study) -> None:
    """The generator of a DC-GAN doubles its picture by transposed convolutions. One is an ordinary convolution of a
    picture between whose pixels zeros were put, and around which there is a margin: the same numbers. Latents are
    draws of a normal law, whose mass lies on a sphere, so the way between two of them goes along a great circle, and
    the pictures on it change little by little. (Sums of latents, as of a man and a smile, need latents whose pictures
    have attributes.)

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
    style.wall(axes, pictures.flatten(0, 1) / 16, 9)


def smooth(s: Study) -> None:
    """A variational autoencoder's code is noisy, so its neighbors must mean nearly the same: decoded along a straight
    line, pictures change in smaller steps than those of an autoencoder whose codes are points. Two latents at evenly
    spaced quantiles show the whole manifold. What the bound leaves is the divergence from the posterior:
    log p(x) − KL(q‖p(z|x)) = E log p(x|z) − KL(q‖p), here to the last digit. A larger β pays less rate for more
    distortion.

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
    runs = {
        beta: s.trained("vae", "digits", f"vae-{beta}", settings={"latent": 2, "beta": beta, **net}, steps=steps)
        for beta in (1.0, 4.0)
    }
    points = s.trained("autoencoder", "digits", settings={"code": 2}, steps=steps).generative
    x, _ = read("digits").test.gather(torch.arange(100))
    rate = {beta: rate_of(run.generative, x) for beta, run in runs.items()}
    s.least("rate at β = 1, over that at β = 4", rate[1.0] / rate[4.0], 1.05)
    vae, jump = runs[1.0].generative, {}
    for name, model in (("vae", vae), ("autoencoder", points)):
        with torch.no_grad():
            start, end = model.encode(x).flatten(1).chunk(2)
            way = torch.stack([start.lerp(end, t.item()) for t in torch.linspace(0, 1, 20)], dim=1).flatten(0, 1)
            change = model.decode(way).double().unflatten(0, (50, 20)).diff(dim=1).flatten(2).norm(dim=2)
        jump[name] = (change.amax(1) / change.sum(1)).mean().item()
    s.note("largest of 19 steps on a line, as a share of the way", [[name, value] for name, value in jump.items()])
    grid = plane(vae.able(Latent), 10)
    pictures = pictured(vae.able(Latent), grid.flatten(0, 1)).double()
    s.equal("pictures of the manifold", len(pictures), 100)
    _, axes = s.figure(size=(5.4, 5.4), alt="Digits decoded from a grid of two latents: neighbors look alike.")
    style.wall(axes, pictures / 16, 10)


def rate_of(model: GenerativeModel, x: Tensor) -> float:
    """KL(q(z | x) ‖ N(0, I)), the mean over rows."""
    with torch.no_grad():
        q = model.able(Inference).posterior(x)
        zero = torch.zeros_like(q.mean)
        return kl_divergence(q, Independent(Normal(zero, zero + 1), 1)).mean().item()
