"""What can be done in a latent: ways between pictures, sums of them, directions that mean something, and the way back.

All of it asks a model for its `Latent`, z under N(0, I) as a rule and x = G(z), and so works for a GAN, an autoencoder
with a prior, a flow or a diffusion alike.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core import Latent, Noise
from genzoo.core.given import NOTHING, Given, given_rows
from genzoo.core.model import Capability, GenerativeModel

__all__ = [
    "Direction",
    "Found",
    "along",
    "between",
    "direction",
    "invert",
    "pictured",
    "plane",
    "recovered",
    "summed",
    "traversed",
]

DRAWS = 2000  # from which the law of an entry is known

Way = Literal["slerp", "lerp"]


def pictured(
    latent: Latent, z: Shaped[Tensor, "B *latent"], given: Given = NOTHING, *, block: int = 64
) -> Shaped[Tensor, "B *event"]:
    """The data that latents stand for.

    Args:
        latent: A model's.
        z: Latents.
        given: Their conditions, as the model has them.
        block: How many at a time.
    """
    with torch.no_grad():
        parts = [slice(i, i + block) for i in range(0, len(z), block)]
        return torch.cat([latent.numbers.back(latent.generate(z[i], given_rows(given, i))) for i in parts])


def between(
    z: Float[Tensor, "*latent"], other: Float[Tensor, "*latent"], steps: int, way: Way = "slerp"
) -> Float[Tensor, "steps *latent"]:
    """The way from one latent to another: a straight line, or the great circle on which draws of N(0, I) lie,

    $$ z_t = \\frac{\\sin((1 - t)\\,\\Omega) \\, z_0 + \\sin(t\\,\\Omega) \\, z_1}{\\sin \\Omega}, \\qquad
       \\cos \\Omega = \\frac{z_0 \\cdot z_1}{\\|z_0\\| \\|z_1\\|}. $$

    In the middle of a straight line latents are shorter by √2 than any that the generator has seen.

    Args:
        z: The first.
        other: The last.
        steps: How many, both ends included.
        way: Slerp, on the circle, or lerp.

    Example:
        >>> between(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 3).round(decimals=3)[1]
        tensor([0.7070, 0.7070])

    References:
        White, 2016, "Sampling generative networks", arXiv:1609.04468
    """
    t = torch.linspace(0, 1, steps, dtype=z.dtype).reshape(-1, *[1] * z.ndim)
    if way == "slerp":
        cosine = (z * other).sum() / (z.norm() * other.norm()).clamp(min=1e-12)
        angle = math.acos(min(1.0, max(-1.0, cosine.item())))
        if math.sin(angle) > 1e-4:
            return (((1 - t) * angle).sin() * z + (t * angle).sin() * other) / math.sin(angle)
    return torch.lerp(z.expand(steps, *z.shape), other.expand(steps, *z.shape), t)


def summed(
    z: Float[Tensor, "B *latent"], plus: Sequence[Sequence[int]], minus: Sequence[Sequence[int]] = ()
) -> Float[Tensor, "*latent"]:
    """Sums and differences of the means of groups of latents: a man with glasses, less a man, and a woman. The result
    is made as long as the mean length of the latents, for means are shorter.

    Args:
        z: Latents.
        plus: The numbers of those in each group whose mean is added.
        minus: Likewise, subtracted.

    Raises:
        ValueError: If a group is empty or names a latent that is not there.

    Example:
        >>> z = torch.eye(3)
        >>> summed(z, [[0], [1]], [[2]]).round(decimals=3)
        tensor([ 0.5770,  0.5770, -0.5770])

    References:
        Radford, Metz & Chintala, 2016, "Unsupervised representation learning with DCGANs", arXiv:1511.06434
        (section 6.3.2)
    """
    if not plus or not all((*plus, *minus)):
        raise ValueError("There must be a group to begin with, and something in each, got none. Name rows as 3,7,9.")
    if wrong := [i for group in (*plus, *minus) for i in group if not 0 <= i < len(z)]:
        raise ValueError(f"Rows must lie in [0, {len(z)}), got {wrong[0]}. Draw more of them, or name others.")
    sums = [sum((z[list(group)].mean(0) for group in side), torch.zeros_like(z[0])) for side in (plus, minus)]
    total = sums[0] - sums[1]
    length = z.flatten(1).norm(dim=1).mean()
    return total * (length / total.norm().clamp(min=1e-12))


@dataclass(frozen=True)
class Direction:
    """A direction of a latent along which a number of x grows.

    Attributes:
        unit: The direction, of length one.
        explained: R² of the linear fit on latents that it has not seen: what share of the number's variance it tells.
    """

    unit: Float[Tensor, "*latent"]
    explained: float


def direction(
    latent: Latent,
    value: Callable[[Tensor], Tensor],
    n: int = 2000,
    *,
    given: Callable[[int], Given] = lambda n: NOTHING,
    seed: int = 0,
) -> Direction:
    """The direction of z that a number of x follows: the slope of the best linear fit of the number, over draws of z.

    Args:
        latent: A model's.
        value: From data to a number a row, or whether something holds.
        n: How many draws; a third of them judge the fit.
        given: From a number of rows to the conditions of so many.
        seed: Names the draws.

    Raises:
        ValueError: If there are too few draws for a fit, or the number is always the same.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.distributions.levels import Numbers
        >>> from genzoo.models.abilities import NormalLatent
        >>> twice = NormalLatent(Space((3,)), Numbers(Space((3,))), lambda z, given: 2 * z)
        >>> found = direction(twice, lambda x: x[:, 1])
        >>> found.unit.round(decimals=3).abs(), round(found.explained, 3)
        (tensor([0., 1., 0.]), 1.0)

    References:
        Shen, Gu, Tang & Zhou, 2020, "Interpreting the latent space of GANs for semantic face editing",
        arXiv:1907.10786
    """
    kept = 2 * n // 3
    if kept <= latent.space.dims + 1:
        raise ValueError(
            f"A fit in {latent.space.dims} latents needs more draws, got {n}. Draw {3 * latent.space.dims}."
        )
    rows = given(n)
    z = latent.draw(n, rows, Noise(seed, "direction"))
    y = value(pictured(latent, z, rows)).double().flatten()
    if y.std() < 1e-12:
        raise ValueError(f"What is asked of x must vary, got {y[0].item():g} for all {n} samples. Ask something else.")
    flat = z.flatten(1).double()
    mean, center = y[:kept].mean(), flat[:kept].mean(0)
    slope = torch.linalg.lstsq(flat[:kept] - center, (y[:kept] - mean)[:, None]).solution[:, 0]
    left = (y[kept:] - mean - (flat[kept:] - center) @ slope).square().mean() / (y[kept:] - mean).square().mean()
    return Direction((slope / slope.norm().clamp(min=1e-300)).to(z.dtype).reshape(z.shape[1:]), 1 - left.item())


def along(
    z: Float[Tensor, "B *latent"], unit: Float[Tensor, "*latent"], places: Sequence[float]
) -> Float[Tensor, "B places *latent"]:
    """Latents moved to places along a direction, in standard deviations; what is across it stays.

    Args:
        z: Latents.
        unit: A direction of length one.
        places: Where, 0 being the middle.
    """
    across = z - torch.tensordot(z.flatten(1), unit.flatten(), 1).reshape(-1, *[1] * unit.ndim) * unit
    moved = torch.tensor(places, dtype=z.dtype).reshape(1, -1, *[1] * unit.ndim) * unit
    return across[:, None] + moved


def traversed(
    latent: Latent,
    z: Float[Tensor, "*latent"],
    places: Sequence[float],
    *,
    given: Callable[[int], Given] = lambda n: NOTHING,
    seed: int = 0,
) -> Float[Tensor, "entries places *latent"]:
    """A latent of which each entry in turn is moved through its own law, and the others stay.

    Args:
        latent: A model's.
        z: The latent.
        places: Where to, in standard deviations from the mean of the entry, as draws of the latent have them.
        given: From a number of rows to the conditions of so many.
        seed: Names the draws.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.distributions.levels import Numbers
        >>> from genzoo.models.abilities import NormalLatent
        >>> twice = NormalLatent(Space((2,)), Numbers(Space((2,))), lambda z, given: 2 * z)
        >>> traversed(twice, torch.tensor([5.0, 7.0]), [-1, 1]).round().tolist()
        [[[-1.0, 7.0], [1.0, 7.0]], [[5.0, -1.0], [5.0, 1.0]]]

    References:
        Higgins et al., 2017, "beta-VAE: learning basic visual concepts with a constrained variational framework"
    """
    flat = latent.draw(DRAWS, given(DRAWS), Noise(seed, "traversed")).flatten(1)
    moved = z.flatten().expand(flat.shape[1], len(places), -1).clone()
    each, steps = torch.arange(flat.shape[1]), torch.tensor(places, dtype=z.dtype, device=z.device)
    moved[each, :, each] = flat.mean(0)[:, None] + flat.std(0)[:, None] * steps
    return moved.unflatten(2, z.shape)


def plane(
    latent: Latent,
    n: int,
    entries: tuple[int, int] = (0, 1),
    *,
    given: Callable[[int], Given] = lambda n: NOTHING,
    seed: int = 0,
) -> Float[Tensor, "lines columns *latent"]:
    """A grid of latents over two of their entries, at quantiles of what draws have, so that each stands for as many
    samples as any other; the other entries are at their means.

    Args:
        latent: A model's.
        n: Lines, and columns.
        entries: Which entry changes from line to line, and which from column to column.
        given: From a number of rows to the conditions of so many.
        seed: Names the draws.

    Raises:
        ValueError: If there are no two such entries.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.distributions.levels import Numbers
        >>> from genzoo.models.abilities import NormalLatent
        >>> twice = NormalLatent(Space((3,)), Numbers(Space((3,))), lambda z, given: 2 * z)
        >>> grid = plane(twice, 5)
        >>> grid.shape, bool((grid[1:, :, 0] > grid[:-1, :, 0]).all())
        (torch.Size([5, 5, 3]), True)

    References:
        Kingma & Welling, 2014, "Auto-encoding variational Bayes", arXiv:1312.6114 (appendix A)
    """
    dims = latent.space.dims
    if len(set(entries)) < 2 or not all(0 <= i < dims for i in entries):
        raise ValueError(f"Two entries in [0, {dims}) must be named, got {entries[0]} and {entries[1]}. Name others.")
    drawn = latent.draw(DRAWS, given(DRAWS), Noise(seed, "plane"))
    flat = drawn.flatten(1)
    shares = (torch.arange(n, dtype=flat.dtype, device=flat.device) + 0.5) / n
    grid = flat.mean(0).expand(n, n, -1).clone()
    grid[:, :, entries[0]] = flat[:, entries[0]].quantile(shares)[:, None]
    grid[:, :, entries[1]] = flat[:, entries[1]].quantile(shares)
    return grid.unflatten(2, drawn.shape[1:])


@dataclass(frozen=True)
class Found:
    """Latents of rows.

    Attributes:
        z: The latents.
        residual: The root of the mean squared difference between each row and G(z), in the numbers that networks see.
        start: The same at the best of the draws that the search began from.
    """

    z: Float[Tensor, "B *latent"]
    residual: Float[Tensor, " B"]
    start: Float[Tensor, " B"]


def invert(
    latent: Latent,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    steps: int = 200,
    starts: int = 32,
    lr: float = 0.1,
    begin: Float[Tensor, "B *latent"] | None = None,
    seed: int = 0,
) -> Found:
    """The latents whose pictures are nearest to rows, by descent from the nearest of many draws,

    $$ \\hat z = \\arg\\min_z \\tfrac1D \\|x - G(z)\\|^2 + \\tfrac{1}{1000}\\,\\tfrac1d \\|z\\|^2. $$

    A generator may not reach a row at all: look at the residual.

    Args:
        latent: A model's.
        x: Rows of the data.
        given: Their conditions.
        steps: Steps of Adam, at a rate that falls to zero.
        starts: Draws of which the nearest is begun from.
        lr: The rate.
        begin: Latents to begin from in place of draws, as an encoder's.
        seed: Names the draws.

    References:
        Zhu, Krähenbühl, Shechtman & Efros, 2016, "Generative visual manipulation on the natural image manifold",
        arXiv:1609.03552
        Menon et al., 2020, "PULSE", arXiv:2003.03808
    """
    wanted = latent.numbers.of(x)
    if begin is None:
        z, start = _nearest(latent, wanted, given, starts, seed)
    else:
        z, start = begin, _away(latent, begin, wanted, given)
    z = z.clone().requires_grad_()
    adam = torch.optim.Adam([z], lr=lr)
    with torch.enable_grad():
        for step in range(steps):
            adam.param_groups[0]["lr"] = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            lost = _squared(latent.generate(z, given), wanted)
            (slope,) = torch.autograd.grad((lost + 1e-3 * z.flatten(1).square().mean(1)).sum(), z)
            z.grad = slope
            adam.step()
    return Found(z.detach(), _away(latent, z, wanted, given), start)


def recovered(
    model: GenerativeModel,
    x: Shaped[Tensor, "B *event"],
    given: Given = NOTHING,
    *,
    steps: int = 200,
    near: float = 0.02,
    seed: int = 0,
) -> Found:
    """The latents of rows, by the model's encoder where it has one, and by a search from there where that is not near.

    A flow's encoder is the way back, a diffusion's goes back by its differential equation in steps, and `residual` is
    the error of the round trip; an autoencoder's is a guess, and a GAN has none.

    Args:
        model: A model with a latent.
        x: Rows of the data.
        given: Their conditions.
        steps: Of the search.
        near: How far, of numbers from −1 to 1, every G(z) may lie from its row without a search.
        seed: Names the draws that a search begins from where there is no encoder.

    Raises:
        Unsupported: If the model has no latent.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> found = recovered(PPCA(Space((3,)), rank=1), torch.zeros(2, 3))
        >>> found.z.shape, found.residual.tolist()
        (torch.Size([2, 1]), [0.0, 0.0])

    References:
        Song et al., 2021, "Score-based generative modeling through stochastic differential equations",
        arXiv:2011.13456 (the encoder of a diffusion)
    """
    latent = model.able(Latent)
    if not model.can(Capability.ENCODE):
        return invert(latent, x, given, steps=steps, seed=seed)
    with torch.no_grad():
        z = model.encode(x, given or None)
    off = _away(latent, z, latent.numbers.of(x), given)
    if not steps or bool((off < near).all()):
        return Found(z, off, off)
    return invert(latent, x, given, steps=steps, begin=z)


def _nearest(latent: Latent, wanted: Tensor, given: Given, starts: int, seed: int) -> tuple[Tensor, Tensor]:
    """Of draws of z, those whose pictures are nearest to rows, and how near they are."""
    n, noise = len(wanted), Noise(seed, "invert")
    best, least = latent.draw(n, given, noise.at(0)), torch.full((n,), torch.inf, dtype=wanted.dtype)
    with torch.no_grad():
        for k in range(max(1, starts)):
            z = latent.draw(n, given, noise.at(k))
            lost = _squared(latent.generate(z, given), wanted)
            nearer = lost < least
            best = torch.where(nearer.reshape(-1, *[1] * (z.ndim - 1)), z, best)
            least = torch.where(nearer, lost, least)
    return best, least.sqrt()


def _away(latent: Latent, z: Tensor, wanted: Tensor, given: Given) -> Float[Tensor, " B"]:
    """How far what latents make is from rows as numbers."""
    with torch.no_grad():
        return _squared(latent.generate(z, given), wanted).sqrt()


def _squared(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).flatten(1).square().mean(1)
