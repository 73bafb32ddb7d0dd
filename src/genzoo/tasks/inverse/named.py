"""Operators and channels from words: `mask(0.7)`, `pool(2) @ blur(1)`, `poisson(1000)`."""

import re
from collections.abc import Callable
from typing import Any

import torch

from genzoo.tasks.inverse.cosines import jpeg
from genzoo.tasks.inverse.frequency import Fourier, LowPass, Radon, decimate
from genzoo.tasks.inverse.measurement import Channel, Exact, Gaussian, Interval, Poisson
from genzoo.tasks.inverse.operator import Identity, Linear
from genzoo.tasks.inverse.pixels import AveragePool, Blur, Gray, Mask, bayer, box, half, hidden, strokes, uncrop

__all__ = ["OPERATORS", "channel_named", "operator_named"]

Shape = tuple[int, ...]
WORD = re.compile(r"^([a-z_]+)(?:\(([^()]*)\))?$")


def without(shape: Shape, *entries: float) -> Mask:
    """A mask that hides entries of a row by number: columns of a table, tokens of a text.

    Args:
        shape: The shape of one x.
        entries: Their numbers in the row laid flat.

    Example:
        >>> without((4,), 1, 3).known
        tensor([ True, False,  True, False])
    """
    known = torch.ones(shape, dtype=torch.bool)
    known.view(-1)[[int(entry) for entry in entries]] = False
    return Mask(known)


OPERATORS: dict[str, tuple[Callable[..., Any], str]] = {
    "mask": (lambda shape, share, seed=0: hidden(shape, share, seed=int(seed)), "mask(0.7): hides a share of pixels"),
    "box": (lambda shape, size: box(shape, int(size)), "box(14): hides a square in the middle"),
    "uncrop": (lambda shape, size: uncrop(shape, int(size)), "uncrop(14): leaves a square in the middle alone"),
    "half": (half, "half(lower): hides half; lower, upper, left or right"),
    "strokes": (lambda shape, share=0.25, seed=0: strokes(shape, share, seed=int(seed)), "strokes(0.25): a brush's"),
    "without": (without, "without(3,5): hides entries by number"),
    "mosaic": (bayer, "mosaic: one color of each pixel, as a camera sees"),
    "gray": (Gray, "gray: brightness alone"),
    "pool": (lambda shape, k: AveragePool(shape, int(k)), "pool(4): means of squares"),
    "blur": (Blur, "blur(1.5): a Gaussian's"),
    "fourier": (
        lambda shape, share, seed=0: Fourier.at_random(shape, share, seed=int(seed)),
        "fourier(0.25): a share of the lines of the transform",
    ),
    "radon": (lambda shape, views: Radon(shape, int(views)), "radon(23): rays from so many sides"),
    "low_pass": (LowPass, "low_pass(0.5): the lower share of frequencies"),
    "decimate": (lambda shape, k: decimate(shape, int(k)), "decimate(4): sound recorded so many times as slowly"),
    "jpeg": (
        lambda shape, quality, subsampling="4:4:4": jpeg(shape, int(quality), subsampling),
        "jpeg(10): with its own channel, of bins; jpeg(10,4:2:0) as most files are",
    ),
    "quantise": (
        lambda shape, levels: (Identity(shape), Interval(1 / (levels - 1))),
        "quantise(4): so many levels, with its own channel",
    ),
    "identity": (Identity, "identity: all of it, through the noise"),
}
CHANNELS: dict[str, Callable[..., Channel]] = {"exact": Exact, "gaussian": Gaussian, "poisson": Poisson}


def operator_named(words: str, shape: Shape) -> tuple[Linear, Channel | None]:
    """An operator by name, or some after one another, and its channel where it has one of its own.

    Args:
        words: As "mask(0.7)", or "pool(2) @ blur(1)" for a pool of what is blurred.
        shape: The shape of one x.

    Raises:
        ValueError: If there is none of that name, or it does not take these numbers.

    Example:
        >>> operator_named("pool(2) @ blur(1)", (1, 8, 8))[0].range
        (1, 4, 4)
    """
    *outer, inner = words.split("@")
    made = _made(inner, shape)
    operator, channel = made if isinstance(made, tuple) else (made, None)
    for one in reversed(outer):
        made = _made(one, operator.range)
        last, channel = made if isinstance(made, tuple) else (made, channel)
        operator = last @ operator
    return operator, channel


def channel_named(words: str) -> Channel:
    """A channel by name, or Gaussian noise by its σ.

    Args:
        words: As "0.05", "exact" or "poisson(1000)".

    Raises:
        ValueError: If there is none of that name.

    Example:
        >>> channel_named("0.05"), channel_named("poisson(100)")
        (Gaussian(sigma=0.05), Poisson(peak=100.0))
    """
    try:
        return Gaussian(float(words))
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
    name, arguments = _parsed(words)
    if name not in CHANNELS:
        raise ValueError(f"A channel must be a σ or one of {', '.join(CHANNELS)}, got {words!r}. Write 0.05, say.")
    try:
        return CHANNELS[name](*arguments)
    except TypeError:
        raise ValueError(f"A channel must be told its number, got {words!r}. Write poisson(1000), say.") from None


def _made(words: str, shape: Shape) -> Any:
    name, arguments = _parsed(words)
    if name not in OPERATORS:
        raise ValueError(f"An operator must be one of {', '.join(OPERATORS)}, got {words.strip()!r}. Choose one.")
    make, told = OPERATORS[name]
    try:
        return make(shape, *arguments)
    except (TypeError, IndexError):
        raise ValueError(f"An operator must be told what it asks for, got {words.strip()!r}. Write {told}.") from None


def _parsed(words: str) -> tuple[str, list[Any]]:
    """A name and its arguments, numbers or words."""
    found = WORD.match(words.strip())
    if found is None:
        raise ValueError(f"It must be a name with arguments, such as mask(0.7), got {words.strip()!r}. Write it so.")
    name, inside = found[1], found[2]
    return name, [_value(part.strip()) for part in inside.split(",")] if inside else []


def _value(word: str) -> Any:
    try:
        return float(word)
    except ValueError:
        return word
