"""Fitting: a density moved over data, regressions, means by draws, and the likelihood that nobody passes."""

import math
from typing import Any

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core import Batch, Noise, Space
from genzoo.core.abilities import Sequential
from genzoo.data import read
from genzoo.distributions import KL, Estimate, cross_entropy, entropy
from genzoo.distributions.estimate import mean_of
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.autoregressive import Bigram, SoftmaxChain
from genzoo.models.classical import Gaussian, SoftmaxRegression
from genzoo.tasks import Expectation

__all__ = ["ceiling", "logistic", "monte_carlo", "moved", "regressions"]


def fitted(model: Any, batch: Batch, passes: int = 1) -> Any:
    """A model that is fitted by passes over rows."""
    model.prepare([batch])
    for _ in range(passes):
        model.begin()
        model.accumulate(batch)
        model.finish()
    return model


def moved(s: Study) -> None:
    """With a parametric density the budget is spent by a few numbers θ, here a mean and a width. Move them to where
    the data become likelier and a hill of probability wanders over the points, gets taller where they crowd and pays
    for it elsewhere. Each step raises the likelihood, and the top is known: mean and variance of the data.

    Next: [classical models](../families/classical.md).
    """
    x = 2 + 0.7 * s.noise("rows").normal(200, dtype=torch.float64)
    theta = torch.tensor([-2.0, math.log(2.0)], dtype=torch.float64, requires_grad=True)  # μ and log σ
    meter, frames = [], {}
    for step in range(201):
        p = td.Normal(theta[0], theta[1].exp())
        likelihood = p.log_prob(x).mean()
        meter.append(likelihood.item())
        if step in (0, 25, 50, 200):
            frames[step] = td.Normal(theta[0].item(), theta[1].exp().item())
        (slope,) = torch.autograd.grad(likelihood, theta)
        theta = (theta + 0.1 * slope).detach().requires_grad_()
    s.least("rise of the log-likelihood, the least of 200 steps", torch.tensor(meter).double().diff(), -1e-12)
    s.near(
        "θ after 200 steps is mean and log of the deviation",
        theta,
        [x.mean(), x.var(correction=0).log() / 2],
        within=1e-3,
    )
    model = fitted(Gaussian(Space((1,))), Batch(x[:, None]))
    s.near("its likelihood is the closed form's", meter[-1], model.log_prob(x[:, None]).mean(), within=1e-5)
    _, axes = s.figure(2, 2, size=(6, 4.4), sharex=True, sharey=True, alt="Four frames: a Gaussian curve moves over a "
                       "histogram of data and fits it in the end; the mean log-likelihood rises.")  # fmt: skip
    at = torch.linspace(-7, 6, 200, dtype=torch.float64)
    bars = torch.histc(x, 26, -7, 6) / len(x) / 0.5
    for axis, (step, p) in zip(axes.flat, frames.items(), strict=True):
        axis.stairs(bars, torch.linspace(-7, 6, 27), fill=True, alpha=0.4)
        axis.plot(at, p.log_prob(at).exp(), color="C1")
        axis.set(title=f"step {step}: {meter[step]:.2f} nats".replace("-", "−"), yticks=[])


def logistic(s: Study) -> None:
    """Logistic regression is a generative model, of the label given the row: p(y | x) = softmax(W x + b). What it
    lowers is the expected KL(π(y | x) ‖ p(y | x)), which is the cross-entropy less an entropy that no W moves. Its
    gradient for one row is (p − y) xᵀ: the classes that were promised too much lose the picture, the right one gains
    it, so each row of W becomes a picture of what speaks for a class. (The slides write argmax of L(θ) as argmax of
    −E log p, where argmin belongs, and log p(x | y) once for log p(y | x).)

    Next: [softmax regression](../families/classical.md).
    """
    pi = s.noise("table").normal(8, 3, dtype=torch.float64).softmax(1)  # π(y | x) of eight kinds of rows
    q, shares = (
        s.noise("q").normal(8, 3, dtype=torch.float64).softmax(1),
        s.noise("x").normal(8, dtype=torch.float64).softmax(0),
    )
    s.near(
        "E KL = cross-entropy − entropy",
        shares @ KL(pi, q),
        shares @ (cross_entropy(pi, q) - entropy(pi)),
        within=1e-12,
    )
    digits = read("digits", x="label", given="image")
    y, images = digits.train.x.flatten(), digits.train.given
    model = fitted(SoftmaxRegression(digits.space, digits.given_space), Batch(digits.train.x, images), 12)
    rows = model.features(images[:200]).double()
    W = model.solver.point.detach().clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(rows @ W.T, y[:200].long(), reduction="sum")
    p = (rows @ W.T).softmax(1).detach()
    hand = (p - torch.nn.functional.one_hot(y[:200].long(), 10)).T @ rows
    s.most("Σ (p − y) xᵀ less the gradient", (torch.autograd.grad(loss, W)[0] - hand).abs().max(), 1e-9)
    s.most("difference from scikit-learn's weights", beside_sklearn(model, images, y), 1e-3)
    right = (model.log_probs(digits.test.given).argmax(1) == digits.test.x.flatten()).double().mean()
    s.least("share of withheld digits that it tells", right, 0.9)
    s.most(
        "nats a label, where equal odds cost log 10 = 2.30",
        -model.log_prob(digits.test.x, digits.test.given).mean(),
        0.4,
    )
    _, axes = s.figure(2, 5, size=(6, 2.9), alt="Ten rows of weights as pictures: strokes that speak for a digit "
                       "in violet, those that speak against it in orange.")  # fmt: skip
    for digit, (axis, row) in enumerate(zip(axes.flat, model.weight, strict=True)):
        most = row.abs().max()
        axis.imshow(row.reshape(8, 8).numpy(), cmap="PuOr", vmin=-most, vmax=most, interpolation="none")
        axis.set(title=str(digit), xticks=[], yticks=[])


def beside_sklearn(model: SoftmaxRegression, images: Any, y: Tensor) -> float:
    """The largest difference of weights from those of scikit-learn, both of them centered over classes."""
    from sklearn.linear_model import LogisticRegression

    x = model.features(images)[:, :-1].double().numpy()
    other = LogisticRegression(C=1.0, tol=1e-8, max_iter=2000).fit(x, y.numpy())
    theirs, ours = torch.from_numpy(other.coef_), model.weight.double()
    return float((ours - ours.mean(0) - theirs + theirs.mean(0)).abs().max())


def monte_carlo(s: Study) -> None:
    """E f(x) is an integral, and a mean of f over draws estimates it: in any number of dimensions, without a density,
    and with an error that says how large it is. Four times the draws halve it, no more, no less. And the interval
    around the mean holds the truth as often as it says.

    Next: [expectations](../expectations.md).
    """
    counts, repeats = [10, 30, 100, 300, 1000, 3000], 400
    errors = []
    for n in counts:
        x = s.noise("draws", n).normal(repeats, n, dtype=torch.float64)
        errors.append((x.square().mean(1) - 1).square().mean().sqrt())  # E x² = 1
    logs = torch.tensor(counts).double().log()
    logs = logs - logs.mean()
    slope = (logs @ torch.stack(errors).log()) / logs.square().sum()
    s.near("slope of log error over log N", slope, -0.5, within=0.03)
    trials = 2000 if s.quick else 10_000
    found = [Expectation(row).mean() for row in s.noise("trials").normal(trials, 1000, dtype=torch.float64).square()]
    s.near("share of 95 % intervals that hold the truth", sum(1.0 in each for each in found) / trials, 0.95,
           within=0.02 if s.quick else 0.01)  # fmt: skip
    _, (left, right) = s.figure(1, 2, alt="The error of a mean over N on logarithmic axes, along a line of "
                                "slope −½; and fifty intervals, most of which hold the truth.")  # fmt: skip
    left.loglog(counts, errors, "o", label="root mean square")
    left.loglog(counts, [math.sqrt(2 / n) for n in counts], label="√(2/N)")
    left.set(xlabel="N", title="error", yticks=[0.03, 0.1, 0.3], yticklabels=[0.03, 0.1, 0.3])
    left.minorticks_off()
    left.legend(fontsize=11)
    for y, each in enumerate(found[:50]):
        right.plot([each.low, each.high], [y, y], color="C0" if 1.0 in each else "C1", linewidth=1.5)
    right.axvline(1, color="C6", linewidth=1)
    right.set(yticks=[], xlabel="E x²", title="50 intervals")


def regressions(s: Study) -> None:
    """The first deep model that one would write down: for each of 784 pixels a softmax regression on the pixels before
    it. Of 256 levels each has 256 × i numbers, the bias counted as the last column, and together they are 78,776,320:
    nothing is shared, so every stroke has to be learned anew at every place. (The slide's W_i of 256 × i beside
    i − 1 pixels is right if b_i is its last column.) Untrained it says that all levels are alike, eight bits a pixel.

    Next: [a regression for each entry](../families/autoregressive.md).
    """
    with torch.device("meta"):
        whole = SoftmaxChain(Space((1, 28, 28), levels=256))
    s.equal(
        "numbers of 784 regressions", [whole.parameter_count, sum(256 * i for i in range(1, 785))], [78_776_320] * 2
    )
    small = Space((1, 8, 8), levels=256)
    x = s.noise("bytes").integers(256, 20, 1, 8, 8).byte()
    s.near(
        "bits a pixel, untrained", small.bits_per_dim(SoftmaxChain(small).log_prob(x).mean().item()), 8.0, within=1e-5
    )
    digits = read("digits")
    model = taught(s, "softmax_chain", digits, steps=150 if s.quick else 3000)
    bits = digits.space.bits_per_dim(model.log_prob(digits.test.x).mean().item())
    s.most("bits a pixel of small digits, where equal odds cost 4.09", bits, 2.5 if s.quick else 2.1)
    drawn = model.sample(5, seed=s.seed).float() / 16
    place, grown = torch.arange(64).reshape(8, 8), []
    for known in (8, 20, 32, 44, 64):
        grown.append(torch.where(place < known, drawn, 0.5))
    _, axis = s.figure(size=(6, 5.2), alt="Five digits that grow pixel by pixel, from the first line to the last; "
                       "gray is not drawn yet.")  # fmt: skip
    wall(axis, torch.stack(grown, 1).flatten(0, 1), 5, "after 8, 20, 32, 44 and 64 pixels")


def ceiling(s: Study) -> None:
    """E_π log p ≤ E_π log π = −H(π): no model of data can be likelier, on average, than the law that made them. So
    with growing data the log-likelihood of withheld rows rises to −H, and what is missing is KL(π ‖ p), exactly. A
    training likelihood beyond it has learned rows by heart. (The slide's H = E log p lacks the minus.)

    Next: [distances](../distances.md), [evaluation](../evaluation.md).
    """
    A = torch.tensor([[0.8, 0.15, 0.05], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]], dtype=torch.float64)
    first, T, sizes = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), 32, [3, 10, 30, 100, 300, 1000]
    at = [first]
    for _ in range(T - 1):
        at.append(at[-1] @ A)
    H = entropy(first) + sum(p @ entropy(A) for p in at[:-1])  # of a row
    train, test = sampled(first, A, T, 1000, s.noise("train")), sampled(first, A, T, 5000, s.noise("test"))
    log_pi = first.log()[test[:, 0]] + A.log()[test[:, :-1], test[:, 1:]].sum(1)
    gaps, missing = [], []
    for n in sizes:
        model = fitted(Bigram(Space((T,), levels=3)), Batch(train[:n].byte()))
        chain = model.able(Sequential)
        q = [chain.logits(chain.begin(3)).double().softmax(-1)[0],
             chain.logits(chain.take(chain.begin(3), torch.arange(3))).double().softmax(-1)]  # fmt: skip
        missing.append((KL(first, q[0]) + sum(p @ KL(A, q[1]) for p in at[:-1])).item())
        gaps.append(mean_of(log_pi - model.log_prob(test.byte()).double()))
        s.expect(f"KL is the gap, {n} rows", gaps[-1], missing[-1])
    above: list[Estimate] = [mean_of(log_pi + float(H))]
    s.expect("E log π of withheld rows is −H", above[0], 0.0)
    s.least("gaps to the ceiling, in standard errors", [gap.value / float(gap.error or 1) for gap in gaps], -4.0)
    s.most("nats a symbol that 1,000 rows leave", gaps[-1].value / T, 1e-3)
    _, axis = s.figure(alt="Log-likelihood of withheld rows over the number of training rows: it rises to minus the "
                       "entropy and stays below.")  # fmt: skip
    below = [(-float(H) - gap.value) / T for gap in gaps]  # what the rows happen to be is taken out by log π of them
    axis.errorbar(sizes, below, [2 * float(gap.error or 0) / T for gap in gaps], fmt="o-", label="withheld rows")
    axis.set_xscale("log")
    axis.axhline(-float(H) / T, color="C1", linestyle="--", label="−H")
    axis.set(xlabel="training rows", ylabel="nats a symbol")
    axis.legend(loc="lower right")


def sampled(first: Tensor, A: Tensor, T: int, n: int, noise: Noise) -> Tensor:
    """Rows of a Markov chain."""
    x = [noise.tick(0).categorical(first.log().expand(n, -1))]
    for t in range(1, T):
        x.append(noise.tick(t).categorical(A.log()[x[-1]]))
    return torch.stack(x, 1)
