"""What pictures and sounds may have been of which only a part was seen: answers that differ and all fit."""

import math
from typing import Any

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn.functional import interpolate

from genzoo.core import Batch, GenerativeModel, Noise, Space
from genzoo.data import read
from genzoo.evaluation import frechet_of_features, shipped_judge, spread_error
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.fitting import fitted
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.classical import GaussianMixture
from genzoo.tasks.inverse import (
    AveragePool,
    Gaussian,
    Gray,
    Linear,
    as_numbers,
    box,
    decimate,
    half,
    measure,
    solve,
    uncrop,
)

__all__ = ["four_tasks", "several"]

HUES = torch.tensor([[1.0, 0.35, 0.2], [0.2, 0.8, 0.35], [0.3, 0.5, 1.0]])


def digits(split: str) -> Tensor:
    """Digits as numbers in [0, 1]."""
    data = read("digits")
    part = getattr(data, split)
    return as_numbers(data.space, part.head(len(part))[0])


def mixed(x: Tensor, components: int, floor: float = 0.02, passes: int = 12) -> GenerativeModel:
    """A mixture of Gaussians of some rows."""
    model = GaussianMixture(Space(tuple(x.shape[1:])), components=components, floor=floor)
    return fitted(model, Batch(x), passes=passes)


def several(s: Study) -> None:
    """A picture of four times four pixels, of an upper half, or without its colors: what was the whole? There is no
    one answer, and the mean of all is a blur that no digit looks like. Draws of p(x | y) differ where y says nothing
    and agree with it where it does. Here p(x) is a mixture of Gaussians, so that draws are exact; of truths that are
    draws of the model itself the spread of answers is then as large as the error of their mean. A sound of which every
    other number was kept is the same question: beside a spline through what is there, the mean of the answers knows
    what tones are.

    Next: [inverse problems](../inverse.md).
    """
    shape, noise, shown, truth = (1, 8, 8), Gaussian(0.03), [], digits("test")[10:14]
    gray, color = mixed(digits("train"), 30), mixed(tinted(digits("train"), s.noise("tints")), 3)
    kinds: dict[str, tuple[GenerativeModel, Linear, Tensor]] = {
        "a quarter": (gray, AveragePool(shape, 2), truth), "the upper half": (gray, half(shape), truth),
        "no colors": (color, Gray((3, 8, 8)), tinted(truth, s.noise("tint"))),
    }  # fmt: skip
    for name, (model, operator, x) in kinds.items():
        seen, own = measure(operator, x, noise, seed=s.seed), model.sample(300, seed=s.seed)
        found = solve(model, seen, n=200, seed=s.seed, method="closed")
        off = (operator(found.x.flatten(0, 1)) - seen.y.repeat(200, *[1] * (seen.y.dim() - 1))).square()
        s.most(f"{name}: how far answers are from what was seen, root mean square", off.mean().sqrt(), 1.5 * 0.03)
        spread = found.std()[found.mean() > 0.3].mean()
        s.least(f"{name}: deviation of answers on strokes, over that of the noise", spread / 0.03, 2.0)
        right = spread_error(solve(model, measure(operator, own, noise, seed=1), n=20, seed=2, method="closed").x, own)
        s.expect(f"{name}: spread over error, truths of the model", right, 1.0)
        wide = torch.cat([looked(seen.y), *(looked(each) for each in (*found.x[:4], found.mean(), x))])
        shown.append(wide.unflatten(0, (7, 4)).transpose(0, 1).flatten(0, 1))
    sound(s)
    _, axes = s.figure(
        3, 1, size=(5, 9.6), alt="Digits seen with a quarter of their pixels, by their upper half, and without their "
        "colors; four answers each, the mean of two hundred, and the truth."
    )  # fmt: skip
    for axis, rows, name in zip(axes, shown, kinds, strict=True):
        wall(axis, rows.float(), 7, f"{name}, four answers, mean, truth")


def sound(s: Study) -> None:
    """Sounds of which every other number was kept, told in full."""
    x, _ = tones(1200, s.noise("tones"))
    train, test = x[:1000], x[1000:]
    operator = decimate((64,), 2)
    seen = measure(operator, test, Gaussian(0.01), seed=s.seed)
    made = solve(mixed(train, 8, 1e-3), seen, n=50, seed=s.seed, method="closed").mean()
    places = torch.arange(0, 64, 2)
    spline = torch.from_numpy(CubicSpline(places, seen.y, axis=1)(torch.arange(64))).float()
    ratio = {name: to_noise(each, test) for name, each in (("mean of answers", made), ("spline", spline))}
    far = {name: spectral(each, test) for name, each in (("mean of answers", made), ("spline", spline))}
    s.least(
        "sound, mean of answers: signal to noise gained on a spline, dB", ratio["mean of answers"] - ratio["spline"], 1
    )
    s.most("its log-spectral distance over the spline's", far["mean of answers"] / far["spline"], 1.0)
    s.note("signal to noise in dB, log-spectral distance", [[name, ratio[name], far[name]] for name in ratio])


def tones(n: int, noise: Noise) -> tuple[Tensor, Tensor]:
    """Sixty-four numbers of tones with eight harmonics, whose loudness falls with their number; and which of five
    notes each is."""
    k, t, note = torch.arange(1, 9), torch.arange(64) / 64, noise.at("pitch").integers(5, n)
    pitch = 2.0 + 0.5 * note[:, None, None]
    phase = noise.at("phase").uniform(n, 1, 1)
    return ((2 * math.pi * k[:, None] * (pitch * t + phase)).sin() / k[:, None]).sum(1) / 2, note


def to_noise(x: Tensor, truth: Tensor) -> float:
    """Signal over error, in decibels."""
    return (10 * (truth.square().sum() / (x - truth).square().sum()).log10()).item()


def spectral(x: Tensor, truth: Tensor) -> float:
    """Log-spectral distance: root mean square over waves, mean over sounds, of decibels."""
    a, b = (20 * (torch.fft.rfft(each).abs() + 1e-2).log10() for each in (x, truth))
    return (a - b).square().mean(1).sqrt().mean().item()


def tinted(x: Tensor, noise: Noise) -> Tensor:
    """Digits in one of three colors, drawn by lot."""
    return x * HUES[noise.integers(3, len(x))][:, :, None, None]


def four_tasks(s: Study) -> None:
    """A picture without its colors, without its middle, without its margin, or coarse: one network that is told y
    learns all four tasks at once, since y itself says which it is, and draws x given y. The other way needs no task in
    its training: p(x) and a word for what was seen make p(x | y). Both are held against leaving y as it is, the
    network by the mean of its draws, and by what a judge reads in them. The digits are tinted by lot, so that colors
    are truly unknown when they are gone: gray is then the best guess in squares, and only draws have colors. Saharia
    and others, 2022, arXiv:2111.05826.

    Next: [inverse problems](../inverse.md), [bridges](../families/diffusion.md).
    """
    shape = (3, 8, 8)
    x, truth = tinted(digits("train"), s.noise("train")), tinted(digits("test"), s.noise("test"))
    tasks: dict[str, Linear] = {"colorization": Gray(shape), "inpainting": box(shape, 4),
                                "uncropping": uncrop(shape, 4), "restoration": AveragePool(shape, 2)}  # fmt: skip
    seen = {name: measure(operator, truth, Gaussian(0.02), seed=s.seed) for name, operator in tasks.items()}
    pairs = [
        (x[k::4], looked(measure(each, x[k::4], Gaussian(0.02), seed=k).y)) for k, each in enumerate(tasks.values())
    ]
    data = tuple(torch.cat(parts) for parts in zip(*pairs, strict=True))
    how: dict[str, Any] = {"settings": {"net": "mlp", "width": 128 if s.quick else 512, "spread": 0.5}}
    model = taught(s, "bridge", read(data), steps=200 if s.quick else 8000, batch_size=64, **how)
    prior, draws = mixed(x, 9, passes=3 if s.quick else 12), 2 if s.quick else 4
    gained: dict[str, list[float]] = {}
    lines = []
    for name, each in seen.items():
        y = looked(each.y)
        trained = torch.stack([model.sample(len(y), y, seed=k) for k in range(draws)])
        zero_shot = solve(prior, each, n=draws, seed=s.seed, method="closed").x.to(y)
        gained[name] = [decibels(made.mean(0), truth) - decibels(y, truth) for made in (trained, zero_shot)]
        s.least(f"{name}: deviation among draws", [trained.std(0).mean(), zero_shot.std(0).mean()], 0.01)
        judged(s, name, {"y": y[None], "trained": trained, "zero-shot": zero_shot}, truth)
        lines.append(torch.stack([y[:2], *trained[:, :2], *zero_shot[:2, :2], truth[:2]], 1).flatten(0, 1))
    network, posterior = torch.tensor([pair for name, pair in gained.items() if name != "colorization"]).T
    s.least("dB that the mean of the network's draws gains on y, of three tasks", network, -0.5 if s.quick else 1.0)
    s.least("dB that the mean of the posterior's draws gains on y, of three tasks", posterior, 1.0)
    s.note("dB gained, trained and zero-shot", [[name, *each] for name, each in gained.items()])
    _, axis = s.figure(size=(6.4, 6), alt="Two digits for each of four tasks: what was seen, four draws of a trained "
                       "network, two of a posterior, and the truth.")  # fmt: skip
    before = [line for name in tasks for line in (name, "")]
    wall(axis, torch.cat(lines).float(), 4 + draws, f"y, {draws} trained, 2 zero-shot, truth", before)


def judged(s: Study, name: str, ways: dict[str, Tensor], truth: Tensor) -> None:
    """In which share of draws a judge reads the digit, and how far they are from truths in its features."""
    judge, label = shipped_judge("digits"), read("digits", given="label").test.given

    def gray(x: Tensor) -> Tensor:
        return (16 * x.flatten(0, -4).amax(1, keepdim=True)).round().clamp(0, 16).byte()

    right = {way: (judge.probabilities(gray(x)).argmax(1) == label.repeat(len(x))).double().mean().item()
             for way, x in ways.items()}  # fmt: skip
    far = {way: frechet_of_features(judge(gray(x)), judge(gray(truth))).value for way, x in ways.items()}
    s.note(f"{name}: share read rightly, Fréchet distance", [[way, right[way], far[way]] for way in ways])
    if name != "colorization":  # which the judge does not see
        s.most(f"{name}: Fréchet distance of the posterior's draws over that of y", far["zero-shot"] / far["y"], 1.0)
        s.most(f"{name}: that of the network's draws", far["trained"] / far["y"], 2.0 if s.quick else 1.0)


def looked(y: Tensor) -> Tensor:
    """What was seen, as a picture of the full size and colors."""
    y = y if y.shape[-1] == 8 else interpolate(y, size=(8, 8))
    return y.expand(-1, 3, -1, -1).float()


def decibels(x: Tensor, truth: Tensor) -> float:
    """Peak signal to noise, of numbers in [0, 1]."""
    return (-10 * (x.clamp(0, 1) - truth).square().mean().log10()).item()
