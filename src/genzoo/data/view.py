"""Views: data seen in a way that is drawn, keyed by (seed, epoch, row).

A view changes what a row of training data looks like from epoch to epoch without changing the data. Being keyed, it is
the same after a resume, on every worker and in every batch size. Its name is part of the data's fingerprint.
"""

import abc
from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from genzoo.core import Noise, Space
from genzoo.core.errors import DataError, nearest
from genzoo.data import cache
from genzoo.data.split import content_words

__all__ = ["BINARIZE", "Binarize", "Binarized", "View", "Windows", "binarize", "intensity"]

Binarize = Literal["static", "dynamic", "threshold"]
BINARIZE: tuple[str, ...] = get_args(Binarize)
CHUNK, PIECE, LARGE = 8192, 1 << 22, 1 << 30


class View(abc.ABC):
    """Rows as a function of their numbers, a seed and an epoch."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What the view does, in a few words that the fingerprint covers."""

    @abc.abstractmethod
    def rows(self, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Shaped[Tensor, "n *shape"]:
        """Rows by their numbers in the data."""

    def beside(self, name: str, given: Tensor, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Tensor:
        """A condition of rows, by its name, as it is seen beside them."""
        return given


class Windows(View):
    """Stretches of one long text, each from a place drawn anew in every epoch; the text is kept once.

    Args:
        ids: The text that trains.
        window: The length of a stretch.

    Raises:
        DataError: If the text is shorter than one stretch.

    Example:
        >>> view = Windows(torch.arange(1000), window=4)
        >>> view.rows(torch.tensor([7, 8]), seed=0, epoch=2).diff(dim=1).tolist()
        [[1, 1, 1], [1, 1, 1]]
    """

    def __init__(self, ids: Shaped[Tensor, " T"], window: int) -> None:
        if len(ids) < window:
            raise DataError(f"A text must hold a window of {window}, got {len(ids)} ids. Pass a smaller `window`.")
        self.ids, self.window = ids, window

    @property
    def name(self) -> str:
        return f"windows {self.window}"

    def rows(self, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Shaped[Tensor, "n window"]:
        noise = Noise(seed, "windows", epoch).rows(numbers)
        start = noise.integers(len(self.ids) - self.window + 1, len(numbers))
        return self.ids[start[:, None] + torch.arange(self.window)]


class Binarized(View):
    """Pixels as coin flips with the intensity as probability, flipped anew in every epoch,

    $$ x_i \\sim \\mathrm{Bernoulli}(g_i / (levels - 1)). $$

    Args:
        grey: The intensities.
        space: Their space: levels, or reals in [0, 1].

    Example:
        >>> view = Binarized(torch.full((4, 1, 2, 2), 128, dtype=torch.uint8), Space((1, 2, 2), levels=256))
        >>> first = torch.arange(2)
        >>> torch.equal(view.rows(first, seed=0, epoch=3), view.rows(first, seed=0, epoch=3))
        True

    References:
        Salakhutdinov & Murray, 2008, "On the quantitative analysis of deep belief networks", ICML '08
    """

    name = "binarize dynamic"

    def __init__(self, grey: Shaped[Tensor, "n *shape"], space: Space) -> None:
        self.grey, self.space = grey, space

    def rows(self, numbers: Int[Tensor, " n"], seed: int, epoch: int) -> Shaped[Tensor, "n *shape"]:
        return _flip(self.grey.index_select(0, numbers), self.space, Noise(seed, "binarize", epoch).rows(numbers))


def binarize(x: Shaped[Tensor, "n *shape"], space: Space, how: str) -> tuple[Tensor, Space, View | None]:
    """Data with two levels, its space, and the view of it that training has, if that is drawn.

    The rows that come back are drawn once, keyed by row alone ("static", and what "dynamic" validates and tests on),
    or are those at least half as bright as can be ("threshold").

    Args:
        x: The intensities.
        space: Their space: levels, or reals in [0, 1].
        how: One of "static", "dynamic" and "threshold".

    Raises:
        DataError: If `how` is another word, or the values are no intensities.

    Example:
        >>> x, space, view = binarize(torch.tensor([[3], [8], [16]]), Space((1,), levels=17), "threshold")
        >>> x.flatten().tolist(), space.levels, view
        ([0, 1, 1], 2, None)
    """
    if how not in BINARIZE:
        raise DataError(f"`binarize` must be one of {', '.join(BINARIZE)}, got {how!r}. {nearest(how, BINARIZE)}")
    if not space.is_discrete and len(x) and (x.min() < 0 or x.max() > 1):
        raise DataError(
            f"Binarized reals must lie in [0, 1], got [{x.min():.4g}, {x.max():.4g}]. Scale them to [0, 1] first."
        )
    binary = Space(space.shape, levels=2)
    noise = Noise(0, "binarize")

    step = max(1, min(CHUNK, PIECE // max(1, space.dims)))

    def part(start: int) -> Tensor:
        grey = x[start : start + step]
        if how == "threshold":
            return (intensity(grey, space) >= 0.5).to(torch.uint8)
        return _flip(grey, space, noise.rows(slice(start, None)))

    return _whole(x, how, part, step), binary, Binarized(x, space) if how == "dynamic" else None


def intensity(x: Shaped[Tensor, "n *shape"], space: Space) -> Float[Tensor, "n *shape"]:
    """Brightness in [0, 1]: levels divided by the highest; reals as they are."""
    return x.float() / max(1, space.levels - 1) if space.levels is not None else x


def _whole(x: Tensor, how: str, part: Callable[[int], Tensor], step: int) -> Tensor:
    """All parts end to end: in memory, or in the cache where x is so large that it may not fit there."""
    if x.numel() < LARGE:
        return torch.cat([part(start) for start in range(0, len(x), step)]) if len(x) else x.to(torch.uint8)
    pieces = (content_words([x[i : i + step].contiguous().numpy()]).item() for i in range(0, len(x), step))
    key = cache.key_of([how, *x.shape, *pieces])

    def fill(rows: np.ndarray) -> tuple[int, dict[str, Any]]:
        for start in range(0, len(x), step):
            rows[start : start + step] = part(start).numpy()
        return len(x), {}

    rows, _ = cache.find("binarized", key) or cache.make("binarized", key, tuple(x.shape), np.uint8, fill)
    return torch.from_numpy(rows)


def _flip(grey: Tensor, space: Space, noise: Noise) -> Tensor:
    return noise.bernoulli(intensity(grey, space)).to(torch.uint8)
