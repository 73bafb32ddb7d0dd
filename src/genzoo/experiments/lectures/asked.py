"""Pictures asked for by a label, labels asked for by a picture, and networks that grow."""

from typing import Any

import torch

from genzoo.data import read
from genzoo.distributions.estimate import Estimate
from genzoo.evaluation import shipped_judge
from genzoo.evaluation.judge_scores import conditional_fidelity
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.records import record
from genzoo.experiments.lectures.study import Study
from genzoo.models.adversarial import truncated
from genzoo.nn import ProgressiveDecoder, doubled

__all__ = ["grown", "labels_and_tags"]


def labels_and_tags(s: Study) -> None:
    """A conditional GAN tells both players the label: G(z, y) is to be real, and to be a y. Turned around, x is what
    is said of the picture, and the picture is the condition. Whether the pictures are what was asked for, a judge says
    that was trained on the labels of real ones. Tags are words of emoji that no training has seen: of five words for
    each the share that is right, beside the five most frequent words and those of the nearest training picture. A
    thousand pictures and a core minute teach a likelihood more than frequencies, and less than the nearest picture
    says; a GAN of words, the slide's own, they teach nothing.

    Next: [conditional adversarial models](../families/adversarial.md), [judges](../evaluation.md).
    """
    data, judge = read("digits", given="label"), shipped_judge("digits")
    x, label = data.test.gather(torch.arange(len(data.test)))
    real = conditional_fidelity(judge.probabilities(x), label).overall.value
    s.least("the judge on held-out pictures", real, 0.95)
    run = s.trained("conditional_gan", "digits", given="label", steps=150 if s.quick else 6000)
    asked = torch.arange(10).repeat(20)
    drawn = run.generative.sample(200, asked, seed=s.seed)
    found = conditional_fidelity(judge.probabilities(drawn), asked).overall
    s.least("pictures that are what was asked for", found.value, 0.5 if s.quick else 0.9)
    _, axes = s.figure(size=(5.4, 3.2), alt="Six lines of digits from a conditional GAN, a column for each label.")
    style.wall(axes, drawn[:60] / 16, 10, "a label a column")
    tags(s)


def tags(s: Study) -> None:
    """Words for emoji that were withheld, from the record of their training."""
    found = record("tags", s.again)
    right = {name: Estimate(*each) for name, each in found["precision"].items()}
    s.least("emoji that no training has seen", found["pictures"], 100)
    ahead = right["made"].value - right["most frequent"].value
    s.least("precision@5 of made, less that of the most frequent words", ahead, 0.02)
    s.note("words that are known", found["words"])
    s.note("precision@5, and a standard error", [[name, each.value, each.error] for name, each in right.items()])
    _, (left, below) = s.figure(2, 1, size=(6.4, 6), height_ratios=[1, 2], alt="Precision at five of the most "
                                "frequent words, of the nearest picture's, and of two models; and eight withheld "
                                "emoji with the five words that the better model has for each.")  # fmt: skip
    for place, each in enumerate(right.values()):
        left.errorbar(each.value, -place, xerr=1.96 * float(each.error or 0.0), fmt="o", capsize=4, color=f"C{place}")
    left.axvline(found["best possible"], color="C6", linestyle=":")
    left.text(found["best possible"], -3, "if all its own words came first ", ha="right", va="center", fontsize=10)
    left.set(yticks=range(0, -len(right), -1), yticklabels=[name.replace("_", " ") for name in right], xlim=(0, None))
    left.set(title="precision at five words", ylim=(0.5 - len(right), 0.5))
    for k, each in enumerate(found["shown"]):
        x, y = (k % 2) * 10, -(k // 2)
        picture = torch.tensor(list(bytes.fromhex(each["picture"]))).reshape(3, 16, 16).permute(1, 2, 0)
        below.imshow(picture.byte().numpy(), extent=(x, x + 3, y - 0.42, y + 0.42), aspect="auto")
        for line, (word, yes) in enumerate(zip(each["tags"], each["right"], strict=True)):
            at = x + 3.4 + 3.4 * (line % 2), y + 0.28 - 0.28 * (line // 2)
            mark = "✓" if yes else "·"
            below.text(*at, f"{mark} {word}", color="C2" if yes else style.INK, fontsize=10, va="center")
    below.set(xlim=(0, 20), ylim=(-3.5, 0.5))
    below.axis("off")


def grown(s: Study) -> None:
    """A progressive GAN begins at 4×4 and doubles: a new stage fades in, its picture mixed with the old one enlarged,
    so that nothing jumps. At level 1 + a the picture is (1 − a) of the old and a of the new, exactly. (What growth
    saves in minutes has no record here yet.) Latents cut to |z| ≤ τ give less variety and surer pictures, here of a
    generator that does not norm its latents. Matrices held to orthogonal rows were published as what makes that safe;
    the second figure has both axes, a judge's score and the Fréchet distance, by τ, without, as published, and a
    hundred times as much, for a small generator of digits. Within 0.6 core-minutes it is too far from the data for
    truncation to gain anything: the score falls and the distance grows, of all three alike, and orthogonal rows show
    no use here, only the rounds that they cost. The published record of the large model on ImageNet, 166.5 in the
    inception score and 7.4 in the Fréchet distance where 52.52 and 18.65 stood, is quoted, not remade.

    Next: [growth and truncation](../families/adversarial.md), and `python -m experiments.truncation` trains again.
    """
    net, z = ProgressiveDecoder(8, (1, 16, 16), width=8).double(), s.noise("z").normal(4, 8, dtype=torch.float64)
    at = {}
    for level in (0.0, 1.0, 1.25, 1.75, 2.0):
        net.level.fill_(level)
        with torch.no_grad():
            at[level] = net(z)
    s.equal("sizes at levels 0, 1, 2", [at[level].shape[-1] for level in (0.0, 1.0, 2.0)], [4, 8, 16])
    old = doubled(at[1.0], (16, 16))
    for a in (0.25, 0.75):
        s.near(f"level {1 + a}: (1 − a) old + a new", at[1 + a], (1 - a) * old + a * at[2.0], within=1e-12)
    deviations = []
    for tau in (0.5, 1.0, 2.0):
        cut = truncated(s.noise("cut").normal(20_000, dtype=torch.float64), tau)
        s.most(f"largest latent at τ = {tau:g}", cut.abs().max(), tau)
        deviations.append(cut.std().item())
    s.equal("deviation grows with τ", deviations, sorted(deviations))
    run = s.trained("dcgan", "digits", steps=80 if s.quick else 3000)
    model, spread = run.generative, []
    for tau in (0.3, 1.0, 3.0):
        x = model.sample(200, seed=s.seed, truncation=tau).double()
        spread.append((x - x.mean(0)).square().mean().item())
    s.equal("variety of samples grows with τ", spread, sorted(spread))
    s.note("variance of a pixel at τ = 0.3, 1, 3", spread)
    lines = [model.sample(12, seed=s.seed, truncation=tau) for tau in (0.3, 1.0, 3.0)]
    _, axes = s.figure(size=(6.4, 1.9), alt="Three lines of digits, of latents cut to 0.3, 1 and 3: ever more varied.")
    style.wall(axes, torch.cat(lines) / 16, 12, lines=["τ = 0.3", "τ = 1", "τ = 3"])
    cut_short(s, record("truncation", s.again))


def cut_short(s: Study, found: dict[str, Any]) -> None:
    """The judge's score and the distance by the truncation, of several strengths of orthogonality."""
    strengths = [name for name in found if name not in ("minutes", "real", "versions")]
    rows = {name: found[name]["rows"] for name in strengths}
    s.least("strengths of orthogonality, one of them none", len(strengths), 3)
    s.least("distance at the smallest τ over that at the largest, each",
            [each[0][3] / each[-1][3] for each in rows.values()], 1.0)  # fmt: skip
    s.note("τ, score, error, Fréchet distance, error, by strength", [[name, each] for name, each in rows.items()])
    _, axis = s.figure(size=(5.4, 4), alt="The judge's score over the Fréchet distance, a point for each truncation, "
                       "for three strengths of orthogonal regularization.")  # fmt: skip
    for name, mark in zip(strengths, "osD", strict=False):
        tau, score, _, far, _ = zip(*rows[name], strict=True)
        label = "no orthogonality" if float(name) == 0 else f"orthogonality {float(name):g}"
        axis.plot(far, score, f"{mark}-", label=label)
    axis.axhline(found["real"]["score"][0], color="C6", linestyle="--", linewidth=1.5)
    axis.set(xlabel=f"Fréchet distance, τ from {tau[-1]:g} on the left to {tau[0]:g}")
    axis.set(title="score of the judge (dashed: real digits)")
    axis.legend(fontsize=11)
