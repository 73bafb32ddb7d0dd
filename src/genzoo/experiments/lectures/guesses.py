"""Variational autoencoders: their loss, what their guesses lose, mixtures without end, conditions, many levels."""

import itertools
import math
import os
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from genzoo.core import Batch
from genzoo.data import read
from genzoo.distributions.draws import draw
from genzoo.distributions.estimate import mean_of
from genzoo.evaluation import Judge, shipped_judge
from genzoo.evaluation.judge_scores import conditional_fidelity
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.clusters import ellipse
from genzoo.experiments.lectures.conditions import NAMES, spelled
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import INK
from genzoo.models.abilities import Inference
from genzoo.models.diffusion import Chain
from genzoo.tasks import elbo, gaps

__all__ = ["amortized", "infinitely_many", "levels", "loss", "told"]


def digits(s: Study, **how: Any) -> Any:
    """Digits of ones and noughts: 8×8 that come with the package, or 28×28 where there is time and they are there."""
    return read("digits" if s.quick or "GENZOO_DATA" not in os.environ else "mnist", binarize="threshold", **how)


def loss(s: Study) -> None:
    """L_{θ,φ}(x) = −E_q log p_θ(x | z) + KL(q_φ(z | x) ‖ p(z)): what it costs to tell x given z, and what it costs to
    tell z. Their sum is −ELBO, at least −log p(x). Between Gaussians the second is known in closed form; the mean of
    log q − log p over draws is the same with noise. Training lowers the sum, and spends on z only what it saves on x.

    Next: [Variational autoencoders](../families/autoencoders.md).
    """
    how: Any = {"steps": 250, "log_every": 10} if s.quick else {"steps": 3000, "log_every": 100}
    run = s.trained("vae", digits(s), settings={"latent": 2, "net": "mlp", "hidden": 64}, **how)
    model: Any = run.generative
    x = digits(s).test.head(100)[0]
    with torch.no_grad():
        q = model.autoencoder.posterior(x)
        z = draw(q, s.noise("loss"))
        reconstruction = -model.autoencoder.likelihood(z).log_prob(x)
        kl = kl_divergence(q.base_dist, Normal(0.0, 1.0)).sum(1)
        parts = model.losses(Batch(x, {}, s.noise("loss")))  # of the same z
        s.near("reconstruction + KL, by hand", (reconstruction + kl).mean(), parts["loss"], within=1e-4)
        s.near("its two parts", [reconstruction.mean(), kl.mean()], [parts["distortion"], parts["rate"]], within=1e-4)
        bound = elbo(model.able(Inference), x, draws=200, seed=s.seed)  # E_q [log p(x, z) − log q(z | x)]
        same = torch.stack([model.log_density(x, {}, s.noise("bound", k)) for k in range(50)])
        s.expect("−L, the mean over draws, beside E log p(x, z) − log q", mean_of((same - bound).mean(1)), 0.0)
        many = [draw(q, s.noise("kl", k)) for k in range(400)]
        log_ratio = [(q.log_prob(z) - Normal(0.0, 1.0).log_prob(z).sum(1)).mean() for z in many]
        s.expect("sampled KL, beside the closed form", mean_of(torch.stack(log_ratio)), kl.mean().item())
        s.least("by how much −log p undercuts the loss, 500 weighted draws",
                (bound * 0 + model.log_prob(x, seed=s.seed, samples=500) - bound).mean(), 0.0)  # fmt: skip
    rows, unit = [row for row in run.metrics if row["split"] == "train"], x[0].numel() * math.log(2)  # of bits/dim
    s.most("loss at the end over that at the start", rows[-1]["loss"] / rows[0]["loss"], 0.9)
    _, (left, right) = s.figure(1, 2, alt="Reconstruction falls over the training, the divergence settles at a "
                                "few nats; their sum falls.")  # fmt: skip
    for name, label in (("loss", "L"), ("distortion", "reconstruction")):
        left.plot([row["step"] for row in rows], [unit * row[name] for row in rows], label=label)
    right.plot([row["step"] for row in rows], [unit * row["rate"] for row in rows], color="C2", label="KL")
    for axis in (left, right):
        axis.set(xlabel="step")
        axis.legend()
    left.set_ylabel("nats a row")


def infinitely_many(s: Study) -> None:
    """p(x) = ∫ p(z) N(x; μ(z), Σ(z)) dz is a mixture with a Gaussian for every z, and a network that says μ and σ of
    each entry needs no more numbers for infinitely many of them than for three. Here z is a single number and x two,
    so that all can be seen: the Gaussians of K equally likely values of z, which at K = 30 hide each other.

    Next: [Variational autoencoders](../families/autoencoders.md).
    """
    noise, n = s.noise("rows"), 4000
    t = 6 * noise.at("t").uniform(n) - 3
    width = 0.06 + 0.04 * (t + 3)[:, None]
    rows = torch.stack([t, 0.6 * t + 0.5 * (2 * t).sin()], 1) + width * noise.at("width").normal(n, 2)
    how: Any = {"steps": 300} if s.quick else {"steps": 4000}
    model: Any = s.trained("vae", rows[1000:], settings={"latent": 1, "hidden": 64}, **how).generative

    def gaussians(K: int) -> tuple[Tensor, Tensor]:
        z = Normal(0.0, 1.0).icdf((torch.arange(K) + 0.5) / K)[:, None]
        with torch.no_grad():
            p = model.model.autoencoder.likelihood(z).base_dist
        return model.shift + model.scale * p.mean, model.scale * p.stddev  # of each entry

    def log_p(x: Tensor, K: int) -> Tensor:
        mu, sd = gaussians(K)
        return Normal(mu, sd).log_prob(x[:, None]).sum(2).logsumexp(1) - math.log(K)

    test = rows[:1000]
    fit = {K: log_p(test, K).mean().item() for K in (3, 30, 500, 1000)}
    s.least("log p(x) of held-out rows: what K = 30 gains on K = 3", fit[30] - fit[3], 0.1)
    s.near("500 and 1,000 are already ∞", fit[500], fit[1000], within=0.01)
    bound = elbo(model.able(Inference), test, draws=64, seed=s.seed).mean() - model.scale.log().sum()
    s.least("nats between log p and the ELBO", fit[1000] - bound, 0.0)
    line = torch.linspace(-8, 8, 161)
    mass = log_p(torch.cartesian_prod(line, line), 300).exp().sum() * 0.1**2
    s.near("∫ p(x) dx", mass, 1.0, within=0.02)
    _, axes = s.figure(1, 3, size=(6.2, 2.6), alt="A bent band of points, with the ellipses of 3 and of 30 Gaussians "
                       "along it, and the density of infinitely many.")  # fmt: skip
    for axis, K in zip(axes, (3, 30), strict=False):
        axis.scatter(*test[:400].T, s=3, color="C6", linewidths=0, rasterized=True)
        for mu, sd in zip(*gaussians(K), strict=True):
            ellipse(axis, mu.double(), sd.double().diag(), color="C1", linewidth=1)
    x, y = torch.linspace(-4, 4, 90), torch.linspace(-3, 3, 70)
    density = log_p(torch.cartesian_prod(x, y), 1000).exp().reshape(90, 70).T
    axes[2].imshow(density.numpy(), origin="lower", extent=(-4, 4, -3, 3), aspect="auto")
    for axis, name in zip(axes, ("K = 3", "K = 30", "∞"), strict=True):
        axis.set(title=name, xlim=(-4, 4), ylim=(-3, 3), xticks=[], yticks=[])


def amortized(s: Study) -> None:
    """One network that guesses the latents of any row costs a fixed number of weights, where a Gaussian for each row
    costs 2 d numbers a row. What it loses to the best Gaussian of the row is the amortization gap; what that loses to
    log p(x) is what no Gaussian says. Both are measured on held-out rows, in nats.

    Next: [what a guess is worth](../families/autoencoders.md), free posteriors, [001.8](001.md).
    """
    data, d = digits(s), 8
    how: Any = {"steps": 250} if s.quick else {"steps": 4000}
    model: Any = s.trained("vae", data, settings={"latent": d, "net": "mlp", "hidden": 64}, **how).generative
    rows = data.test.head(40 if s.quick else min(300, len(data.test)))[0]
    found = gaps(
        model.able(Inference), rows, steps=60 if s.quick else 300, draws=100 if s.quick else 5000, seed=s.seed
    )
    gap, lost = found.amortization, found.approximation
    s.least("amortization gap, nats a row", gap.value, 2 * float(gap.error or 0.0))
    s.least("what no Gaussian says, nats a row", lost.value, 0.0)
    s.near("both gaps are all that lies between", found.likelihood.value - found.elbo.value, gap.value + lost.value,
           within=1e-6)  # fmt: skip
    weights, table = sum(p.numel() for p in model.autoencoder.encoder.parameters()), 2 * d * len(data.train)
    s.note("numbers of φ, and of q_i for all training rows", [weights, table])
    s.least("numbers of a table of q_i over those of φ", table / weights, 2.0)
    _, (left, right) = s.figure(
        1, 2, alt="Left: the likelihood of held-out rows, the bound of a Gaussian for each row, a little lower, and "
        "that of the encoder, lowest. Right: both gaps with their errors, in nats."
    )  # fmt: skip
    bounds = {"log p": found.likelihood, "ELBO of a\nGaussian a row": found.fitted, "ELBO of the\nencoder": found.elbo}
    lost_by = {"no Gaussian\nsays": lost, "amortized": gap}
    for k, each in enumerate(bounds.values()):
        left.plot([each.value], [-k], "o", markersize=9)
    for k, each in enumerate(lost_by.values()):
        right.barh(
            [-k], [each.value], xerr=[1.96 * float(each.error or 0.0)], capsize=5, color=f"C{k + 1}", ecolor=INK
        )
    for axis, names in ((left, bounds), (right, lost_by)):
        axis.set(xlabel="nats a row", yticks=range(0, -len(names), -1), ylim=(0.5 - len(names), 0.5))
        axis.set_yticklabels(names, fontsize=10)
    left.margins(x=0.2)


def told(s: Study) -> None:
    """p(x | y) = ∫ p(z | y) p(x | z, y) dz: encoder, decoder and prior are told the condition, so the same z under
    another y is another picture in the same hand. Whether the pictures are what was asked for, a judge says that was
    trained on real ones. A text is a condition like any other: told “seven” letter by letter, the same recipe draws
    sevens. (Emoji by their names, over a thousand with one picture each, have no record here yet.)

    Next: [Told a condition](../families/autoencoders.md), adversarial ones, [003.8](003.md).
    """
    judge = shipped_judge("digits")
    how: Any = {"steps": 250} if s.quick else {"steps": 4000}
    run = s.trained("cvae", "digits", given="label", settings={"net": "mlp", "latent": 8}, **how)
    asked = torch.arange(10).repeat(20)
    found = conditional_fidelity(
        judge.probabilities(run.generative.sample(200, asked, seed=s.seed, noise=False)), asked
    )
    s.least("pictures that are what was asked for", found.overall.value, 0.6 if s.quick else 0.95)
    z = run.generative.sample(1, seed=s.seed)  # a draw under the null condition
    s.equal("one picture under no condition", list(z.shape), [1, 1, 8, 8])
    data = read("digits", given="label")
    x, label = data.test.gather(torch.arange(len(data.test)))
    right = run.generative.log_prob(x, label, seed=s.seed).mean()
    wrong = run.generative.log_prob(x, (label + 1) % 10, seed=s.seed).mean()
    s.least("nats that the right class saves beside the next one", right - wrong, 1.0)
    hand = run.generative.encode(x[:6], label[:6])
    drawn = torch.cat([run.generative.decode(each.expand(10, -1), torch.arange(10)) for each in hand])
    _, axes = s.figure(size=(5.8, 4.0), alt="Six lines of the digits 0 to 9; in each line one latent was decoded "
                       "under each of the ten classes. Two more lines were asked for by their names.")  # fmt: skip
    named = spelled_out(s, judge, how)
    lines = [*(f"latent {k + 1}" for k in range(6)), "by name", "by name"]
    style.wall(axes, torch.cat([drawn, named]) / 16, 10, "one class a column", lines)


def spelled_out(s: Study, judge: Judge, how: dict[str, Any]) -> Tensor:
    """Digits asked for by their names, "zero" to "nine"."""
    x, label = read("digits", given="label").train.gather(torch.arange(1400))
    data = read((x, spelled(NAMES)[label]), levels=17)
    run = s.trained("cvae", data, "by-name", settings={"net": "mlp", "latent": 8}, **how)
    asked = torch.arange(10).repeat(20)
    drawn = run.generative.sample(200, spelled(NAMES)[asked], seed=s.seed, noise=False)
    found = conditional_fidelity(judge.probabilities(drawn), asked)
    s.least("pictures that are what was asked for by name", found.overall.value, 0.5 if s.quick else 0.9)
    return drawn[:20]


def levels(s: Study) -> None:
    """Data, a little noisier, noisier still: a diffusion is an autoencoder of T levels whose encoder q is fixed, each
    latent as large as x, and its bound has a term for each, L_T + Σ L_{t−1} + L_0, as any hierarchical one. With T = 1
    the decoder must make data of pure noise in one Gaussian step. The more levels, the nearer is each reverse step to
    a Gaussian, and the bound falls to that of continuous time.

    Next: [the bound of a chain](../families/diffusion.md), part by part, [003.15](003.md).
    """
    how: Any = {"steps": 120} if s.quick else {"steps": 4000}
    model: Any = s.trained("ddpm", "digits", settings={"predicts": "v", "net": "mlp"}, **how).generative
    x = read("digits").test.head(16 if s.quick else 150)[0]
    T, unit = ((1, 2, 5, 20, 50) if s.quick else (1, 2, 5, 20, 100, 1000)), x[0].numel() * math.log(2)
    parts = [Chain(model, steps).parts(x, seed=s.seed) for steps in T]
    bits = [each.total.mean().item() / unit for each in parts]
    s.least("what each further level saves, bits/dim", [a - b for a, b in itertools.pairwise(bits)], 0.0)
    limit = -model.log_prob(x, seed=s.seed, samples=16 if s.quick else 300).mean().item() / unit
    s.near("the last, beside continuous time", bits[-1], limit, within=1.0 if s.quick else 0.05)
    s.equal("terms of the bound besides L_T and L_0", [each.steps.shape[1] for each in parts], list(T))
    s.note("bits/dim by T", [list(pair) for pair in zip(T, bits, strict=True)])
    _, axes = s.figure(alt="Bits per dimension against the number of levels: very many with one, falling to the bound "
                       "of continuous time.")  # fmt: skip
    axes.loglog(T, bits, "o-", label="T levels")
    axes.axhline(limit, color="C1", linestyle="--", label="continuous time")
    axes.set(xlabel="levels T", ylabel="bits/dim", yticks=[2, 5, 10, 20, 50], yticklabels=[2, 5, 10, 20, 50])
    axes.minorticks_off()
    axes.legend()
