"""Pictures asked for by a label, labels asked for by a picture, and networks that grow."""

import torch

from genzoo.data import read
from genzoo.evaluation import shipped_judge
from genzoo.evaluation.judge_scores import conditional_fidelity
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.study import Study
from genzoo.models.adversarial import truncated
from genzoo.nn import ProgressiveDecoder, doubled

__all__ = ["grown", "labels_and_tags"]


def labels_and_tags(s: Study) -> None:
    """A conditional GAN tells both players the label: G(z, y) is to be real, and to be a y. Turned around, x is the
    label and the picture is the condition. Whether the pictures are what was asked for, a judge says that was trained
    on the labels of real ones; tags are held against always naming the most frequent label. (Tags of several words
    are to come.)

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
    turned = read("digits", x="label", given="image")
    tagger = s.trained("softmax_regression", turned, "tags").generative
    tags, picture = turned.test.gather(torch.arange(len(turned.test)))
    each = torch.stack([tagger.log_prob(torch.full_like(tags, c), picture) for c in range(10)], dim=1)
    right = (each.argmax(1) == tags.flatten()).double().mean().item()
    prior = torch.bincount(turned.train.gather(torch.arange(len(turned.train)))[0].flatten().long()).argmax()
    s.least("labels named from pictures", right, 0.9)
    s.most("the most frequent label always", (tags == prior).double().mean().item(), 0.2)
    _, axes = s.figure(size=(5.4, 3.2), alt="Six lines of digits from a conditional GAN, a column for each label.")
    style.wall(axes, drawn[:60] / 16, 10)


def grown(s: Study) -> None:
    """A progressive GAN begins at 4×4 and doubles: a new stage fades in, its picture mixed with the old one enlarged,
    so that nothing jumps. At level 1 + a the picture is (1 − a) of the old and a of the new, exactly. Latents cut to
    |z| ≤ τ give less variety and surer pictures, here of a generator that does not norm its latents. The published
    record of the large model on ImageNet, 166.5 in the inception score and 7.4 in the Fréchet distance where 52.52 and
    18.65 stood, is quoted, not remade.

    Next: [growth and truncation](../families/adversarial.md).
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
    _, axes = s.figure(size=(6.0, 1.9), alt="Three lines of digits, of latents cut to 0.3, 1 and 3: ever more varied.")
    style.wall(axes, torch.cat(lines) / 16, 12)
