"""Pictures under suspicion: attacked ones, which a likelihood tells from clean ones; made ones beside real ones."""

import torch
from scipy import stats
from torch import Tensor
from torch.nn.functional import cross_entropy

from genzoo.data import Data, read
from genzoo.evaluation import shipped_judge
from genzoo.evaluation.two_sample import two_sample_test
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.experiments.quiz import BOTH, quiz_of, write_quiz
from genzoo.tasks.outliers import conformal, purify

__all__ = ["attacked", "which_is_real"]

PUSH = 3  # levels of 16 by which an attack may change a pixel


def attacked(s: Study) -> None:
    """A few levels on every pixel, along the sign of the slope of a classifier's loss, and it reads another digit.
    A density of pictures that never saw the classifier finds that such pictures are not likely: the rank of log p(x)
    among those of withheld pictures is a p-value, uniform for clean ones, and small for attacked ones (noise of the
    same size on every pixel is as unlikely). What is unlikely can be led back: pixel by pixel, in the model's order,
    the likeliest level within reach of what is seen (PixelDefend). Song and others, 2018, arXiv:1710.10766.

    Next: [likelihoods of pictures](../families/autoregressive.md).
    """
    data = read("digits", given="label")
    model = taught(s, "softmax_chain", read("digits"), steps=300 if s.quick else 3000)
    rows, labels = data.test.gather(torch.arange(len(data.test)))
    weight, bias = classifier(data)
    bad = pushed(rows, labels, weight, bias)
    kinds = {
        "clean": rows,
        "noise": (rows + PUSH * (2 * s.noise("noise").integers(2, *rows.shape) - 1)).clamp(0, 16).to(rows.dtype),
        "attacked": bad,
        "led back": purify(model, bad, radius=PUSH),
    }
    known = model.log_prob(data.valid.head(len(data.valid))[0])
    p = {name: conformal(-model.log_prob(x), -known) for name, x in kinds.items()}
    right = {name: (read_as(x, weight, bias) == labels).double().mean().item() for name, x in kinds.items()}
    s.least("p-values of clean pictures are uniform: that of Kolmogorov's test",
            stats.kstest(p["clean"].numpy(), "uniform").pvalue, 0.005)  # fmt: skip
    s.most("mean p-value of attacked pictures, of noisy ones", [p["attacked"].mean(), p["noise"].mean()], 0.1)
    s.least("classifier on clean pictures", right["clean"], 0.9)
    s.most("on attacked ones", right["attacked"], 0.3)
    s.least("what leading back regains", right["led back"] - right["attacked"], 0.05)
    s.note("share read rightly", [list(pair) for pair in right.items()])
    _, (left, low) = s.figure(
        1, 2, size=(6.4, 3.4), width_ratios=[1, 1.3], alt="Digits clean, noisy, attacked and led back; and the "
        "distribution of their p-values: only clean ones follow the line."
    )  # fmt: skip
    wall(left, torch.stack([x[:6].float() / 16 for x in kinds.values()], 1).flatten(0, 1), 4, "clean … led back")
    for name, each in p.items():
        low.plot(each.sort().values, torch.arange(1, len(each) + 1) / len(each), label=f"{name}: {right[name]:.0%}")
    low.set(xlabel="p-value", title="share below it")
    low.legend(title="read rightly", fontsize=9, title_fontsize=10, loc="upper left", bbox_to_anchor=(0.03, 1.02))


def classifier(data: Data) -> tuple[Tensor, Tensor]:
    """Weights of a linear classifier of digits, by steps on the cross-entropy."""
    x, y = data.train.head(len(data.train))
    weight = torch.zeros(10, x[0].numel(), requires_grad=True)
    bias = torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(x.flatten(1).float() / 16 @ weight.T + bias, y.long()) + 1e-4 * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


def read_as(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The class that a linear classifier says."""
    return (x.flatten(1).float() / 16 @ weight.T + bias).argmax(1)


def pushed(x: Tensor, label: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Each pixel by some levels along the sign of the loss's slope (Goodfellow's fast attack)."""
    p = (x.flatten(1).float() / 16 @ weight.T + bias).softmax(1)
    slope = (p - torch.nn.functional.one_hot(label.long(), 10)) @ weight
    return (x + PUSH * slope.sign().reshape(x.shape)).clamp(0, 16).to(x.dtype)


def which_is_real(s: Study) -> None:
    """Two pictures side by side, one of them drawn by a model: which is real? Who cannot tell is wrong in half of the
    pairs. `pairs.html`, in the item's folder, asks you, and says your share of errors with its interval; nobody's
    answers stand here. A regression on what a judge of digits sees, which was taught to tell the two kinds apart, was
    asked as well, of pictures that it did not see; and the same of real pictures and other real ones, where it can but
    guess.

    Next: [two-sample tests](../evaluation.md).
    """
    data = read("digits")
    model = taught(s, "vae", data, steps=300 if s.quick else 4000, settings={"net": "mlp", "latent": 8})
    real = torch.cat([part.head(len(part))[0] for part in (data.valid, data.test)])
    real = real[s.noise("order").permutation(len(real))]
    made = model.sample(len(real), seed=s.seed)
    judge, half = shipped_judge("digits"), len(real) // 2
    told = two_sample_test(judge(made), judge(real), seed=s.seed)
    same = two_sample_test(judge(real[:half]), judge(real[half:]), seed=s.seed)
    s.most("the regression's share of errors on pictures made", 1 - told.accuracy.value, 0.35)
    s.expect("its share of errors where both kinds are real", same.accuracy, 0.5)
    s.note("its share of errors, and a standard error", [1 - told.accuracy.value, float(told.accuracy.error or 0.0)])
    quiz = quiz_of(made, data, pairs=40, seed=s.seed)
    s.keep(write_quiz(quiz, data.codec, s.folder / "pairs.html"))
    s.equal("pairs of real pictures, which are not counted", quiz.real.count(BOTH), 4)
    s.note("pairs in which the same regression points at the real one", quiz.classifier)
    _, axis = s.figure(size=(5, 3.2), alt="Ten pairs of digits; of most, one was drawn by a model.")
    wall(axis, quiz.pictures[:10].flatten(0, 1).float() / 16, 4, "a pair: two beside each other")
