"""Scanners that see few lines or views: drawn ellipses, and slices of real heads under a prior of another head."""

import os
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genzoo.core import Noise
from genzoo.data import read
from genzoo.distributions.estimate import Estimate, mean_of
from genzoo.experiments.lectures.answers import mixed
from genzoo.experiments.lectures.policies import lower
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.tasks.inverse import Fourier, Gaussian, Linear, Radon, measure, solve

__all__ = ["scanners"]

SIDE, KNOWN, ROWS = 24, ("chris_t1", "chris_PD"), 5000
WAYS = ("least picture", "little variation", "mean of answers")


def scanners(s: Study) -> None:
    """A scanner of resonances measures lines of a Fourier transform, one of X-rays the sums along rays: fewer lines or
    views take less time, or less radiation, and leave the picture open. The least picture that fits (zeros for the
    lines that lack; the pseudo-inverse, which filtered back-projection approximates) has streaks; little total
    variation is a better guess, and what such pictures look like, p(x), a better one still. Two measures, each with
    intervals of 95 %: the peak signal over the error, in decibels, and SSIM, the likeness of small windows (Wang and
    others, 2004). Ellipses in an ellipse stand for slices of patients, for there are data of two heads alone: the
    second figure is of real ones, slices of a template of heads under a prior of one other head, with the settings of
    the ellipses. Its decibels stand above the pictures: least picture, little variation, mean of answers. So narrow a
    prior gains one and three where lines lack, and loses one and four where views do. Song and others, 2022,
    arXiv:2111.08005.

    Next: [inverse problems](../inverse.md).
    """
    (side, n), noise = (16, 20) if s.quick else (24, 60), Gaussian(0.02)
    shape, x = (1, side, side), phantoms(2000 if s.quick else 15_000, side, s.noise("phantoms"))
    train, truth = x[n:], x[:n]
    prior: Any = mixed(train, 10 if s.quick else 25, 1e-3)
    scans: dict[str, Linear] = {"4× fewer lines": Fourier.at_random(shape, 1 / 4, seed=1),
                                "8× fewer lines": Fourier.at_random(shape, 1 / 8, seed=1),
                                "23 views": Radon(shape, 23), "10 views": Radon(shape, 10)}  # fmt: skip
    names, shown = ("least picture", "little variation", "mean of answers"), []
    told: dict[str, list[list[Estimate]]] = {"dB": [], "SSIM": []}
    for name, operator in scans.items():
        seen = measure(operator, truth, noise, seed=s.seed)
        answer = solve(prior, seen, n=20, seed=s.seed, method="closed").mean()
        made = [operator.pinv(seen.y), calm(operator, seen.y), answer.to(truth)]
        for measured, each in (("dB", peak), ("SSIM", likeness)):
            found = [each(x, truth) for x in made]
            told[measured].append([mean_of(of) for of in found])
            for k in range(2):
                gain = mean_of(found[2] - found[k])
                s.least(f"{name}: {measured} gained on {names[k]}, its interval's lower end", lower(gain), 0.0)
        shown.append(torch.stack([truth[:2], *(x[:2] for x in made)], 1).flatten(0, 1))
    s.least("SSIM of a picture and itself", likeness(truth, truth), 1 - 1e-5)
    for measured, rows in told.items():
        s.note(f"{measured}, and a standard error", [[[e.value, e.error] for e in row] for row in rows])
    how: dict[str, Any] = {"size": (6.4, 6), "height_ratios": [1, 1, 1.5]}
    _, axes = s.figure(3, 2, **how, alt="Two phantoms for each of four scans: the truth, the least picture that fits, "
                       "that of little variation, and the mean of answers; below, the decibels and the "
                       "SSIM of these three with intervals.")  # fmt: skip
    for axis, name, pictures in zip(axes.flat, scans, shown, strict=False):
        wall(axis, pictures.float(), 4, name)
    for axis, (measured, rows) in zip(axes[2], told.items(), strict=True):
        for k, way in enumerate(names):
            of = [row[k] for row in rows]
            bars = [1.96 * float(each.error or 0.0) for each in of]
            at = [place + 0.2 * (k - 1) for place in range(4)]
            axis.errorbar([e.value for e in of], at, xerr=bars, fmt="o", capsize=3, markersize=5, label=way)
        named = list(scans) if measured == "dB" else []
        axis.set(yticks=range(4), yticklabels=named, ylim=(3.5, -0.5), title=measured)
    axes[2, 1].legend(fontsize=10)
    slices(s)


def peak(x: Tensor, truth: Tensor) -> Tensor:
    """(n,) the peak signal over the error of each picture, in decibels."""
    return -10 * (x.clamp(0, 1) - truth).square().flatten(1).mean(1).log10()


def likeness(x: Tensor, truth: Tensor, window: int = 7) -> Tensor:
    """(n,) structural similarity of gray pictures in [0, 1]: means, deviations and their correlation in windows."""
    (a, b), c1, c2 = ((each.clamp(0, 1) for each in (x, truth)), 0.01**2, 0.03**2)
    mean_a, mean_b, aa, bb, ab = (avg_pool2d(each, window, stride=1) for each in (a, b, a * a, b * b, a * b))
    alike = (2 * mean_a * mean_b + c1) * (2 * (ab - mean_a * mean_b) + c2)
    of = (mean_a**2 + mean_b**2 + c1) * (aa - mean_a**2 + bb - mean_b**2 + c2)
    return (alike / of).flatten(1).mean(1)


def phantoms(n: int, side: int, noise: Noise) -> Tensor:
    """A gray ellipse with three smaller ones inside, brighter or darker."""
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    b, a = torch.meshgrid(line, line, indexing="ij")
    place = 0.6 * noise.at("place").uniform(n, 4, 2) - 0.3
    size = 0.12 + 0.2 * noise.at("size").uniform(n, 4, 2)
    place[:, 0], size[:, 0] = 0.0, 0.75 + 0.15 * noise.at("whole").uniform(n, 2)
    light = torch.cat([torch.full((n, 1), 0.5), 0.8 * noise.at("light").uniform(n, 3) - 0.4], 1)
    off = ((a - place[..., 0, None, None]) / size[..., 0, None, None]).square()
    off = off + ((b - place[..., 1, None, None]) / size[..., 1, None, None]).square()
    soft = (side / 4 * (1 - off)).sigmoid()  # edges of about a pixel
    return (light[..., None, None] * soft).sum(1, keepdim=True).clamp(0, 1)


def calm(operator: Linear, y: Tensor, weight: float = 0.01, steps: int = 150) -> Tensor:
    """The picture of least squares and little total variation, by Adam."""
    x = torch.zeros(len(y), *operator.domain, requires_grad=True)
    optimizer = torch.optim.Adam([x], lr=0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        edges = sum((x.diff(dim=axis).square() + 1e-6).sqrt().sum() for axis in (2, 3))
        ((operator(x) - y).square().sum() + weight * edges).backward()
        optimizer.step()
    return x.detach()


def slices(s: Study) -> None:
    """The same four scans of a template of heads, by a mixture of Gaussians of one other head in two contrasts."""
    if s.quick or "GENZOO_DATA" not in os.environ:
        return
    heads = volumes()
    truth, shape = heads["spm152"][::2], (1, SIDE, SIDE)
    prior = mixed(moved(torch.cat([heads[name] for name in KNOWN]), s.noise("moved")), 25, 1e-3)
    scans: dict[str, Linear] = {"4× fewer lines": Fourier.at_random(shape, 1 / 4, seed=1),
                                "8× fewer lines": Fourier.at_random(shape, 1 / 8, seed=1),
                                "23 views": Radon(shape, 23), "10 views": Radon(shape, 10)}  # fmt: skip
    told: dict[str, list[list[Estimate]]] = {"dB": [], "SSIM": []}
    shown = []
    for operator in scans.values():
        seen = measure(operator, truth, Gaussian(0.02), seed=s.seed)
        answer = solve(prior, seen, n=10, seed=s.seed, method="closed").mean().to(truth)
        made = [operator.pinv(seen.y), calm(operator, seen.y), answer]
        for measured, each in (("dB", peak), ("SSIM", likeness)):
            told[measured].append([mean_of(each(x, truth)) for x in made])
        shown.append(torch.stack([truth[12:24:6], *(x[12:24:6] for x in made)], 1).flatten(0, 1))
    s.equal("real slices: rows of the template, of the other head", [len(truth), sum(len(heads[k]) for k in KNOWN)],
            [39, 137])  # fmt: skip
    decibels = {name: [each.value for each in row] for name, row in zip(scans, told["dB"], strict=True)}
    s.least("real slices, 8× fewer lines: dB of the answers' mean less the better of the others",
            decibels["8× fewer lines"][2] - max(decibels["8× fewer lines"][:2]), 0.0)  # fmt: skip
    for measured, rows in told.items():
        s.note(f"real slices: {measured}, and a standard error", [[[e.value, e.error] for e in row] for row in rows])
    _, axes = s.figure(2, 2, size=(6.4, 4.4), alt="Two slices of a template of heads for each of four scans: the "
                       "truth, the least picture, that of little variation, and the mean of answers.")  # fmt: skip
    for axis, (name, values), pictures in zip(axes.flat, decibels.items(), shown, strict=True):
        wall(axis, pictures.float().clamp(0, 1), 4, f"{name}: {', '.join(f'{each:.1f}' for each in values)} dB")
        axis.title.set_size(11)


def volumes() -> dict[str, Tensor]:
    """Slices of each volume, numbers in [0, 1] of which one in two hundred is at the top."""
    data = read("mri-slices", size=SIDE, fit="pad", given="volume")
    assert isinstance(data.given, Tensor)
    found = {}
    for k, name in enumerate(data.classes[""]):
        x = data.x[(data.given == k).nonzero()[:, 0]].float()
        top = x.flatten().sort().values[int(0.995 * x.numel())]
        found[name] = (x / top).clamp(0, 1)
    return found


def moved(x: Tensor, noise: Noise) -> Tensor:
    """Many rows of few: moved by up to two pixels, mirrored, brighter or darker."""
    rows = x[noise.at("row").integers(len(x), ROWS)]
    rows = torch.where(noise.at("mirror").uniform(ROWS, 1, 1, 1) < 0.5, rows.flip(3), rows)
    down, across = (noise.at(name).integers(5, ROWS) - 2 for name in ("down", "across"))
    rows = torch.stack([row.roll((int(a), int(b)), (1, 2)) for row, a, b in zip(rows, down, across, strict=True)])
    return (0.8 + 0.4 * noise.at("light").uniform(ROWS, 1, 1, 1)) * rows
