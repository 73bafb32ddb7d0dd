"""Denoisers, inspectors, classes, and codes: four ways to make pictures, looked at from inside."""

import io
import itertools
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo._files import read_bytes
from genzoo.core import Batch, Space
from genzoo.core.abilities import Denoiser, Latent
from genzoo.data import read
from genzoo.data.picture import grid
from genzoo.evaluation import judge_made_for
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.fitting import fitted
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.classical import PPCA
from genzoo.training import TrainConfig, train
from genzoo.zoo import recipe_named
from genzoo.zoo.compression import compress, decompress

__all__ = ["classes", "compression", "denoiser", "inspector"]

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
        axis.plot(*x[:80].T, "s", color="C2", markersize=2.5, label="real")
        axis.plot(*fake[:80].detach().T, "o", color="C0", markersize=2.5, label="fake")
        steps = 0.8 * push[:24] / push[:24].norm(dim=1).max()
        axis.quiver(*fake[:24].detach().T, *steps.T, color="C0", angles="xy", scale_units="xy", scale=1, width=0.006)
        axis.set(title=f"round {end}: D = {seen[-1][0]:.2f}, {seen[-1][1]:.2f}", xticks=[], yticks=[])
        axis.set(xlim=(-4, 4), ylim=(-4, 4))
    axes[0, 0].legend(fontsize=11, loc="upper left", markerscale=2.5, labelcolor="black")  # on a light ground
    gaps = [real - fake for real, fake in seen]
    s.least("D of real less D of fake, at its most", max(gaps[:-1]), 0.02)
    s.most("the same in the end, over that", gaps[-1] / max(gaps[:-1]), 0.8)
    s.near("D of real and of fake, in the end", seen[-1], [0.5, 0.5], within=0.15)
    near = (torch.cdist(fake.detach().double(), MODES).min(1).values < 3 * WIDTH).double().mean()
    s.least("fakes within three deviations of a mode, in the end", near, 0.6 if s.quick else 0.8)
    s.note("D of real and of fake by rounds", seen)


def logits(model: Any, x: Tensor) -> Tensor:
    """What the critic says of rows of data."""
    inner = getattr(model, "model", model)
    return inner.said(model.able(Latent).numbers.of(x), {}).squeeze(1)


def classes(s: Study) -> None:
    """A conditional model p(x | y) is one network for all classes. The same noise under each class keeps what the
    class leaves open, slant and thickness, and changes the digit. Whether the class is obeyed, a judge says, which
    never saw the model. Guidance follows the condition more than the data do: classes get surer and the pictures
    of a class more alike.

    Next: [guidance](../families/diffusion.md), [judges](../evaluation.md).
    """
    digits = read("digits", given="label")
    judge: Any = judge_made_for(digits)
    how: dict[str, Any] = {"steps": 200, "settings": {"width": 128, "net": "mlp"}} if s.quick else {"steps": 6000}
    model = taught(s, "edm", digits, **how)
    n, calls = (200, 8) if s.quick else (1000, 20)
    label, scales = torch.arange(n) % 10, (0.0, 0.5, 1.0, 2.0, 4.0)
    obeyed, spread = [], []
    for guidance in scales:
        x = model.sample(n, label, seed=s.seed, steps=calls, guidance=guidance)
        obeyed.append((judge.probabilities(x).argmax(1) == label).double().mean().item())
        each = x.double().flatten(1).reshape(-1, 10, 64)
        spread.append(each.var(0).sum(1).mean().sqrt().item())
    least = 0.15 if s.quick else 0.85
    s.least("share of samples in which the judge sees the class, without guidance", obeyed[0], least)
    s.least("the same with guidance 2, less without", obeyed[3] - obeyed[0], 0.0)
    s.most("spread within a class with guidance 4, over that without", spread[4] / spread[0], 0.95)
    s.note("judge's share and spread by guidance", [list(row) for row in zip(scales, obeyed, spread, strict=True)])
    rows = [model.sample(4, [c] * 4, seed=s.seed, steps=calls, guidance=1.0) for c in range(10)]  # noise i in row i
    _, (top, below) = s.figure(2, 1, size=(6, 5.4), alt="Four noises, each under the classes 0 to 9; and the share "
                               "that a judge recognizes, and the spread within a class, by guidance.")  # fmt: skip
    wall(top, torch.stack(rows, 1).flatten(0, 1).float() / 16, 10, "one noise a line, a class a column")
    below.plot(scales, obeyed, "o-", label="class seen by the judge")
    below.plot(scales, [each / spread[0] for each in spread], "s-", label="spread within a class, of that at 0")
    below.set(xlabel="guidance", ylim=(0, 1.3))
    below.legend(fontsize=11, loc="lower right")


def compression(s: Study) -> None:
    """To generate and to compress is one thing: who knows what to expect needs few bits to say what came. A linear
    autoencoder keeps k numbers of a picture, and loses exactly the variance of the directions that it leaves out.
    Without loss, −log₂ p is the length of the best code, and an entropy coder that asks a model of pixels comes within
    a few bits of it in real bytes, which come back to the last bit.

    Next: [compression](../compression.md).
    """
    digits = read("digits")
    x, test = (part.x.flatten(1).double() / 16 for part in (digits.train, digits.test))
    values = torch.linalg.eigvalsh(x.T.cov(correction=0)).flip(0)
    sizes = [1, 2, 4, 8, 16, 32]
    lost: list[float] = []
    withheld: list[float] = []
    for k in sizes:
        model = fitted(PPCA(Space((64,)), rank=k, floor=1e-6), Batch(x))
        directions = torch.linalg.qr(model.loadings).Q
        for rows, found in ((x, lost), (test, withheld)):
            centered = rows - model.mean
            found.append((centered - centered @ directions @ directions.T).square().sum(1).mean().item())
    others = [values[k:].sum() for k in sizes]
    s.near("variance lost with k numbers is that of the other directions", lost, others, within=1e-6)
    run = s.trained("softmax_chain", digits, steps=150 if s.quick else 3000)
    pictures = run.codec.save_each(digits.test.x[: 60 if s.quick else 168], run.path / "pictures")
    report = compress(run, pictures, run.path / "pictures.gz0")
    decompress(run, run.path / "pictures.gz0", run.path / "again")
    same = [read_bytes(run.path / "again" / path.name) == read_bytes(path) for path in pictures]
    s.equal("pictures that came back", sum(same), len(pictures))
    s.most("bytes of the coder over −log₂ p", report.words / report.bits, 1.01)
    sheet = grid(digits.test.x[: len(pictures)].mul(15), side=8)
    files = {"PNG": written(sheet, "PNG", optimize=True), "WebP": written(sheet, "WEBP", lossless=True, method=6)}
    s.least("bytes of the better of PNG and WebP over the coder's", 8 * min(files.values()) / report.words, 1.0)
    s.note("bytes", [["coder", report.words / 8], ["−log₂ p", report.bits / 8], *map(list, files.items())])
    _, (left, right) = s.figure(1, 2, alt="Loss over the numbers of a code, training and withheld rows; and bytes "
                                "of pictures without loss: PNG, WebP, the coder, and −log₂ p.")  # fmt: skip
    for name, found in (("training", lost), ("withheld", withheld)):
        left.plot(sizes, found, "o-", label=name)
    left.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="numbers of a code", title="squared error")
    left.minorticks_off()
    left.legend()
    bytes_ = files | {"coder": report.words / 8, "−log₂ p": report.bits / 8}
    right.bar(range(4), list(bytes_.values()), color=["C6", "C6", "C0", "C1"])
    right.set(xticks=range(4), title=f"bytes of {len(pictures)} pictures")
    right.set_xticklabels(list(bytes_), fontsize=11)


def written(picture: Any, kind: str, **how: Any) -> int:
    """How many bytes a picture takes as a file."""
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return len(file.getvalue())
