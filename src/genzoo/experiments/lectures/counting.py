"""Tables of relative frequencies: the first model that one thinks of, and how many numbers it has."""

import os

import torch
from torch import Tensor
from torch import distributions as td

from genzoo.core import Batch, DirectFit, Space
from genzoo.data import read
from genzoo.distributions.estimate import mean_of
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.classical import BinnedHistogram, Histogram, parameters

__all__ = ["histogram", "how_many"]


def counted(model: DirectFit, x: Tensor) -> None:
    """Fits a table by one pass over rows."""
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    model.finish()


def histogram(s: Study) -> None:
    """The likeliest distribution of a die is the table of relative frequencies, π̂ₖ = nₖ/n. It is a model of anything
    once one cuts space into cells, and it is right in the limit. But cells multiply with every dimension: with a
    thousand rows the best table of three numbers is already far off, and one of binary pictures of 28 × 28 would
    have 2⁷⁸⁴ − 1 numbers, which the library refuses to count.

    Next: [histograms](../families/classical.md).
    """
    pi = torch.tensor([0.1, 0.1, 0.1, 0.2, 0.2, 0.3], dtype=torch.float64)
    throws = s.noise("die").categorical(pi.log().expand(600, 6))
    die = Histogram(Space((1,), levels=6), smoothing=1e-12)
    counted(die, throws[:, None].byte())
    found, shares = die.log_prob(torch.arange(6)[:, None].byte()).exp(), throws.bincount() / 600
    s.near("π̂ₖ is nₖ/n", found, shares, within=1e-8)
    s.most("π̂ₖ off πₖ, in standard errors", (found - pi).abs() / (pi * (1 - pi) / 600).sqrt(), 4.0)
    bins, best = [2, 4, 8, 16, 32], []
    _, (left, right) = s.figure(2, 1, alt="Relative frequencies of a die beside its probabilities; and the divergence "
                                "of tables of normal numbers over bins, which rises with the dimension.")  # fmt: skip
    left.bar([k - 0.2 for k in range(1, 7)], pi.tolist(), width=0.4, label="π", color="C6")
    left.bar([k + 0.2 for k in range(1, 7)], found.tolist(), width=0.4, label="π̂ of 600 throws")
    left.set(xlabel="k")
    for d in (1, 2, 3):
        x, test = (s.noise(part, d).normal(n, d) for part, n in (("rows", 1000), ("test", 4000)))
        losses = []
        for K in bins:
            table = BinnedHistogram(Space((d,)), bins=K, factorization="joint")
            counted(table, x)
            losses.append(mean_of(td.Normal(0.0, 1.0).log_prob(test).sum(1) - table.log_prob(test)).value)
        best.append(min(losses))
        right.semilogy(bins, losses, "o-", label=f"{d}-D: {(bins[losses.index(best[-1])])} bins are best")
    right.set(xscale="log", xticks=bins, xticklabels=bins, ylim=(1e-3, 3))
    right.set(xlabel="bins of an axis, 1,000 rows", ylabel="KL, nats")
    right.minorticks_off()
    for axis in (left, right):
        axis.legend(loc="upper left" if axis is left else "lower left", fontsize=11)
    s.least("the best table of D dimensions, over that of D − 1", [best[1] / best[0], best[2] / best[1]], 2.0)
    picture = Space((1, 28, 28), levels=2)
    s.near("parameters of a table of pictures, in 10²³⁶", parameters(picture, "joint") / 10**236, 1.017, within=5e-4)
    try:
        Histogram(picture, factorization="joint")
    except ValueError as refusal:
        s.equal("it is refused, with their number", "(2^784 − 1), about 10^236" in str(refusal), True)


def how_many(s: Study) -> None:
    """A table of all binary pictures has a number for each but one. If pixels are independent of each other one number
    a pixel does; if each depends on the one before, two, 2·784 − 1 in all. Between the tables lies what this package
    is about: few numbers, shared, that still say how pixels hang together. Fitted to pictures, the independent table
    gives dust, the chain gives stripes of strokes; and the whole table, which is no larger than the pictures it has
    seen, repeats them and gives every other picture no probability at all.

    Next: [models that share](../families/autoregressive.md).
    """
    bits, bytes_ = Space((1, 28, 28), levels=2), Space((1, 28, 28), levels=256)
    s.equal(
        "independent, a chain: of binary pictures",
        [parameters(bits, "independent"), parameters(bits, "markov")],
        [784, 1567],
    )
    s.equal("of bytes", [parameters(bytes_, "independent"), parameters(bytes_, "markov")], [199_920, 51_114_495])
    data = read("digits" if s.quick or "GENZOO_DATA" not in os.environ else "mnist", binarize="threshold")
    train, test, nats = data.train.x, data.test.x, {}
    _, axes = s.figure(1, 3, size=(6, 2.6), alt="Draws of three tables fitted to binary digits: of independent pixels "
                       "dust, of a chain strokes along lines, of the whole table what it has seen.")  # fmt: skip
    for axis, kind in zip(axes, ("independent", "markov"), strict=False):
        model = Histogram(data.space, factorization=kind)
        counted(model, train)
        nats[kind] = -mean_of(model.log_prob(test)).value
        s.equal(f"numbers of the fitted table, {kind}", model.parameter_count, parameters(data.space, kind))
        wall(axis, model.sample(16, seed=s.seed).float(), 4, {"independent": "independent", "markov": "a chain"}[kind])
    seen = {row.numpy().tobytes() for row in train}
    known = sum(row.numpy().tobytes() in seen for row in test) / len(test)
    s.most("share of test pictures that the whole table has seen", known, 0.05)
    s.most(
        "nats of the chain over those of independence", nats["markov"] / nats["independent"], 0.97 if s.quick else 0.7
    )
    s.note("nats a test picture", [*nats.items()])
    wall(axes[2], train[s.noise("whole").integers(len(train), 16)].float(), 4, "the whole table")
