"""Scales: samples and data must be told in the same units before a distance between them means anything.

Images in [0, 1] where bytes are meant, or bytes scaled twice, give a number like any other, only a false one. So what
can be told from the values is told before anything is measured.
"""

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Space

__all__ = ["WrongScale", "check_scale"]

APART, CLOSER = 0.05, 3.0  # total variation that is no accident; how much closer the undone scale must come
OUTSIDE = 0.05  # the share of values that chance may put there


class WrongScale(ValueError):
    """Two sets of rows are not told in the same units; the message says what was got and what to do."""


def check_scale(samples: Shaped[Tensor, "n *shape"], reference: Shaped[Tensor, "m *other"], space: Space) -> None:
    """Refuses samples whose values are not on the scale of the reference's.

    Args:
        samples: What a model made.
        reference: Real rows.
        space: What both are meant to be.

    Raises:
        WrongScale: If the shapes differ, reals stand where levels are meant, levels are out of range or only 0 and 1
            where the reference has more, bytes were scaled twice, or reals have another range.

    Example:
        >>> space = Space((1, 2, 2), levels=256)
        >>> bytes_ = torch.tensor([[[[0, 90], [180, 255]]]], dtype=torch.uint8)
        >>> check_scale(bytes_, bytes_, space)
        >>> check_scale(bytes_ / 255, bytes_, space)
        Traceback (most recent call last):
        ...
        genzoo.evaluation.scale.WrongScale: Samples must hold integers in [0, 256), got reals in [0, 1]. \
Multiply them by 255, round, and convert to uint8.
    """
    if samples.shape[1:] != reference.shape[1:]:
        shapes = f"{tuple(reference.shape[1:])} and {tuple(samples.shape[1:])}"
        raise WrongScale(f"Samples must have the reference's shape, got {shapes}. Resize one like the other.")
    if not samples.numel() or not reference.numel():
        return
    if space.levels is None:
        _check_reals(samples, reference, space)
    elif samples.is_floating_point():
        raise _reals_for_levels(samples, space.levels)
    else:
        _check_levels(samples, reference, space, space.levels)


def _reals_for_levels(samples: Tensor, levels: int) -> WrongScale:
    low, high = samples.min().item(), samples.max().item()
    top, kind = levels - 1, "uint8" if levels <= 256 else "int64"
    scaled, fix = f"reals in [{low:.4g}, {high:.4g}]", f"Round them, and convert to {kind}."
    if low >= 0 and high <= 1:
        scaled, fix = "reals in [0, 1]", f"Multiply them by {top}, round, and convert to {kind}."
    elif low >= -1 and high <= 1:
        scaled, fix = "reals in [−1, 1]", f"Take (x + 1) / 2 · {top}, round, and convert to {kind}."
    return WrongScale(f"Samples must hold integers in [0, {levels}), got {scaled}. {fix}")


def _check_levels(samples: Tensor, reference: Tensor, space: Space, levels: int) -> None:
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high > levels - (not space.ragged):
        fix = f"Divide them by {255 / (levels - 1):.4g} and round." if high <= 255 else "Clip them, or set `levels`."
        raise WrongScale(f"Samples must hold integers in [0, {levels}), got {low} to {high}. {fix}")
    if levels > 2 and (low, high) == (0, 1) and int(reference.max()) > 1:
        raise WrongScale(
            f"Samples must hold integers in [0, {levels}) as the reference does, got only 0 and 1. "
            f"Multiply them by {levels - 1}, or binarize the reference too."
        )
    if levels == 256 and not space.ragged and _is_wrapped(samples, reference):
        raise WrongScale(
            "Samples must hold bytes on the reference's scale, got what bytes become when they are multiplied by 255 "
            "again. Leave the second scaling out."
        )


def _is_wrapped(samples: Tensor, reference: Tensor) -> bool:
    """Whether values look like 255 x modulo 256, which is −x: the undone ones are far nearer to the reference's."""
    real, made = _histogram(reference), _histogram(samples)
    undone = made.roll(-1).flip(0)  # the count of −y modulo 256 at y
    before, after = ((real - other).abs().sum().item() / 2 for other in (made, undone))
    return before > APART and CLOSER * after < before


def _histogram(x: Tensor) -> Tensor:
    return torch.bincount(x.flatten().int(), minlength=256).double() / x.numel()


def _check_reals(samples: Tensor, reference: Tensor, space: Space) -> None:
    """Reals of images: bytes for [0, 1], and [−1, 1] for [0, 1], in more places than by chance."""
    if not samples.is_floating_point():
        raise WrongScale(f"Samples must hold {space}, got {samples.dtype}. Convert them on the reference's scale.")
    if len(space.shape) != 3:
        return
    low, high = reference.min().item(), reference.max().item()
    if low >= -1 and high <= 1 and _share(samples > 2) > OUTSIDE:
        raise WrongScale(
            f"Samples must lie in [{low:.4g}, {high:.4g}] as the reference does, got values up to "
            f"{samples.max().item():.4g}. Divide bytes by 255."
        )
    if low >= 0 and high <= 1 and _share(samples < -0.25) > OUTSIDE:
        raise WrongScale(
            f"Samples must lie in [0, 1] as the reference does, got values down to {samples.min().item():.4g}. "
            "Take (x + 1) / 2."
        )


def _share(mask: Tensor) -> float:
    return mask.double().mean().item()
