"""Rough strokes made into what a model knows: a guide is blurred by noise, and the noise taken away again,

$$ x_t = \\alpha_t\\,g + \\sigma_t\\,\\varepsilon, \\qquad x \\sim p(x \\mid x_t). $$

How much is blurred is how much the model may change. The less, the more faithful to the guide; the more, the more like
data. A model without noise levels turns the guide's latent towards another instead,

$$ x = G(\\cos\\varphi\\; z(g) + \\sin\\varphi\\; \\varepsilon), \\quad \\varphi = \\tfrac{\\pi}{2}\\, strength. $$

References:
    Meng, He, Song, Song, Wu, Zhu & Ermon, 2022, "SDEdit: guided image synthesis and editing with stochastic
    differential equations", arXiv:2108.01073
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

from genzoo.core import Denoiser, Given, GivenAsked, Latent, Noise, fresh_seed
from genzoo.core.given import RowsAsked, given_rows
from genzoo.core.model import Capability, GenerativeModel, Unsupported, evaluating
from genzoo.tasks.inverse.guided import Way
from genzoo.tasks.latents import invert

__all__ = ["strokes"]

STEPS = 50


class Canvas(NamedTuple):
    """What is painted over: rows, which of their entries may change, and what they are given."""

    guide: Tensor
    free: Tensor | None
    given: Given


def strokes(
    model: GenerativeModel,
    guide: RowsAsked,
    *,
    strength: float = 0.5,
    free: Bool[Tensor, "..."] | None = None,
    given: GivenAsked = None,
    n: int = 1,
    seed: int | None = None,
    steps: int = STEPS,
) -> Shaped[Tensor, "n B *event"]:
    """Rows like a guide that look like data: draws for each row, at `strength` · `steps` calls of a denoiser.

    Where there is no denoiser, there must be a latent: an encoder's, or what a search finds.

    Args:
        model: A diffusion, or a model with a latent.
        guide: Rows of the model's space, (B, *event), such as a sketch in a few colors.
        strength: 0 gives the guide back, or what its latent decodes to; 1 is a sample that has nothing to do with it.
        free: Where entries may change, for all rows or each; all others come back bit for bit.
        given: The condition, for all rows or each.
        n: Draws of each row.
        seed: Names the noise; else a fresh one.
        steps: From noise to data, of which `strength` are gone.

    Raises:
        ValueError: If the guide is no row of the space, the strength lies outside [0, 1], or no entry is free.
        Unsupported: If the model has neither.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import Diffusion, Predicts, Straight
        >>> from genzoo.nn import MLP, Timed
        >>> net = Timed(MLP(2, [8], 2, given=4), 4)
        >>> model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
        >>> guide = torch.tensor([[1.0, -1.0]])
        >>> strokes(model, guide, strength=0.0, seed=0).flatten().tolist()
        [1.0, -1.0]
        >>> free = torch.tensor([True, False])
        >>> strokes(model, guide, strength=0.6, free=free, n=3, seed=0)[:, 0, 1].tolist()
        [-1.0, -1.0, -1.0]
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"`strength` must lie in [0, 1], got {strength}. Take 0.5.")
    x = model.checked(guide)
    told, which = model.checked_given(given, len(x)), torch.arange(len(x)).repeat_interleave(n)
    canvas = Canvas(x[which], _free(free, x, which), given_rows(told, which))
    noise = Noise(fresh_seed() if seed is None else seed, "strokes", device=x.device)
    denoiser = model.ability(Denoiser)
    with torch.no_grad(), evaluating(model):
        if denoiser is not None:
            made = _denoised(denoiser, canvas, round(strength * steps), steps, noise)
        else:
            made = _turned(model, canvas, strength, noise)
    if canvas.free is not None:
        made = torch.where(canvas.free, made, canvas.guide)
    return made.unflatten(0, (len(x), n)).transpose(0, 1)


def _free(free: Tensor | None, x: Tensor, which: Tensor) -> Tensor | None:
    """Which entries of every draw may change; None if all may."""
    if free is None:
        return None
    try:
        each = torch.broadcast_to(free.to(x.device), x.shape)
    except RuntimeError:
        raise ValueError(f"`free` must go with rows of {tuple(x.shape[1:])}, got {tuple(free.shape)}.") from None
    if free.dtype != torch.bool or not each.flatten(1).any(1).all():
        raise ValueError(f"`free` must be booleans, some true in every row, got {free.dtype}. Free what is to change.")
    return each[which]


def _denoised(denoiser: Denoiser, canvas: Canvas, left: int, steps: int, noise: Noise) -> Tensor:
    """Draws, the last `left` of all steps being gone; entries that are kept are told at every one."""
    if left == 0:
        return canvas.guide
    guide = denoiser.numbers.of(canvas.guide)
    way, blur, first = Way(denoiser.schedule, steps, guide), noise.at("blur"), steps - left
    kept = None if canvas.free is None or guide.shape != canvas.guide.shape else ~canvas.free
    alone = denoiser.start(len(guide), noise.at("start"))
    x = alone if first == 0 else way.blurred(first, guide, blur.at(first).normal(*guide.shape, dtype=guide.dtype))
    before = None
    for k in range(first, steps):
        mean = denoiser.denoise(x, way.time(k), canvas.given)
        fresh = noise.at("steps").at(k).normal(*x.shape, dtype=x.dtype)
        x, before = way.moved(k, x, mean, mean if before is None else before, fresh), mean
        if kept is not None and k + 1 < steps:
            there = way.blurred(k + 1, guide, blur.at(k + 1).normal(*guide.shape, dtype=guide.dtype))
            x = torch.where(kept, there, x)
    return denoiser.numbers.back(x)


def _turned(model: GenerativeModel, canvas: Canvas, strength: float, noise: Noise) -> Tensor:
    """Draws, the latent of the guide being turned towards another."""
    latent = model.ability(Latent)
    if latent is None:
        raise Unsupported(
            f"Painting needs a denoiser or a latent, got {type(model).__name__}, which has neither. Take a diffusion, "
            "a flow, an autoencoder or a GAN; `solve` with a mask fills what is missing by any model."
        )
    if model.can(Capability.ENCODE):
        z = model.encode(canvas.guide, canvas.given or None)
    else:
        z = invert(latent, canvas.guide, canvas.given).z
    other, angle = latent.draw(len(z), canvas.given, noise.at("start")), 0.5 * math.pi * strength
    turned = other if strength == 1 else math.cos(angle) * z + math.sin(angle) * other.to(z)
    return latent.numbers.back(latent.generate(turned, canvas.given))
