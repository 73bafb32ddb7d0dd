"""Extractors: rows of a space as vectors in which distances mean something.

A distance between sets of samples is one between their features, so a number without the name of its extractor says
nothing. Each has a fingerprint of its weights and of what happens before them: resizing, range, channels.

References:
    Parmar, Zhang & Zhu, 2022, "On aliased resizing and surprising subtleties in GAN evaluation", arXiv:2104.11222
    Naeem et al., 2020, "Reliable fidelity and diversity metrics …", arXiv:2002.09797 (random networks as features)
"""

import math
import re
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core import Noise, Space, seeded
from genzoo.core.errors import nearest
from genzoo.core.model import evaluating
from genzoo.data.data import fingerprint
from genzoo.data.view import intensity
from genzoo.evaluation.judge import judges, shipped_judge
from genzoo.evaluation.rows import in_chunks
from genzoo.nn.conv import ConvEncoder
from genzoo.nn.mlp import MLP

__all__ = ["Extractor", "OfModule", "RandomFeatures", "Values", "extractor_named", "extractors"]

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
Range = Literal["unit", "signed"] | tuple[Sequence[float], Sequence[float]]


@runtime_checkable
class Extractor(Protocol):
    """What makes features of rows.

    Attributes:
        name: What it is called beside a number.
        fingerprint: A short hash of all that its features depend on.
        dims: The length of a feature vector.

    Example:
        >>> isinstance(Values(Space((1, 8, 8), levels=17)), Extractor)
        True
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dims(self) -> int: ...
    def __call__(self, x: Tensor, /) -> Tensor: ...


class Values:
    """The values themselves: levels scaled to [0, 1], real numbers as they are, padding as zeros.

    Args:
        space: What a row is.

    Example:
        >>> Values(Space((2,), levels=5))(torch.tensor([[0, 2], [4, 1]], dtype=torch.uint8)).tolist()
        [[0.0, 0.5], [1.0, 0.25]]
    """

    name = "values"

    def __init__(self, space: Space) -> None:
        self.space, self.dims = space, space.dims
        self.fingerprint = fingerprint("values")

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The rows as vectors."""
        return in_chunks(lambda part: values(part, self.space).flatten(1), x)


class RandomFeatures:
    """A network with random weights, the same bits on every machine: it needs no training and no classes.

    Images go through convolutions, other rows through two layers; weights are uniform with the variance
    $2 / n_{in}$ that keeps a signal's size.

    Args:
        space: What a row is.
        dims: The length of the features.
        seed: Names the weights.

    Example:
        >>> features = RandomFeatures(Space((1, 8, 8), levels=17), dims=16)
        >>> features(torch.zeros(3, 1, 8, 8, dtype=torch.uint8)).shape, features.fingerprint
        (torch.Size([3, 16]), '7ac97861a9de')
    """

    def __init__(self, space: Space, *, dims: int = 256, seed: int = 0) -> None:
        self.space, self.dims, self.name = space, dims, "random"
        with seeded(seed):
            is_image = len(space.shape) == 3 and min(space.shape[1:]) >= 4
            self.net = (
                ConvEncoder(space.shape, dims, width=16) if is_image else MLP(space.dims, [2 * dims, 2 * dims], dims)
            )
        initialize_uniform(self.net, Noise(seed, "random features"))
        self.fingerprint = fingerprint("random", repr(self.net), dict(self.net.state_dict()))

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The features of rows."""
        return in_chunks(lambda part: self.net(values(part, self.space) - 0.5), x)


class OfModule:
    """The features that any module gives: Inception, DINO, or a network of your own, with its preprocessing.

    Maps of features are averaged over places. The module is kept in eval mode while it is asked.

    Args:
        module: From images to features, or from rows as they are.
        name: What it is called beside a number.
        space: What a row is.
        resize: The side that images are resized to, bilinearly and without aliasing; `None` leaves their size.
        range: "unit" for values in [0, 1], "signed" for [−1, 1], or the means and deviations per channel that are
            taken off and divided by.
        channels: How often grey images are repeated to make so many channels.
        chunk: Rows at a time.

    Raises:
        ValueError: If what it gives is no vector per row.

    Example:
        >>> inception = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
        >>> mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        >>> grey = Space((1, 28, 28), levels=256)
        >>> features = OfModule(inception, "stand-in", grey, resize=75, range=(mean, deviation), channels=3)
        >>> features(torch.zeros(2, 1, 28, 28, dtype=torch.uint8)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        module: nn.Module,
        name: str,
        space: Space,
        *,
        resize: int | None = None,
        range: Range = "unit",
        channels: int | None = None,
        chunk: int = 100,
    ) -> None:
        self.module, self.name, self.space = module, name, space
        self.resize, self.range, self.channels, self.chunk = resize, range, channels, chunk
        empty = torch.zeros(1, *space.shape, dtype=getattr(torch, space.dtype))
        self.dims = self(empty).shape[1]
        weights = {key: t.float() if t.is_floating_point() else t for key, t in module.state_dict().items()}
        self.fingerprint = fingerprint(resize, range, channels, ADDRESS.sub("", repr(module)), weights)

    def __call__(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The features of rows."""
        places = (tensor.device for tensor in (*self.module.parameters(), *self.module.buffers()))
        with evaluating(self.module):
            return in_chunks(self._features, x, device=next(places, torch.device("cpu")), chunk=self.chunk)

    def _features(self, x: Tensor) -> Tensor:
        found = self.module(self._prepared(values(x, self.space)))
        if not isinstance(found, Tensor) or found.ndim not in (2, 4):
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(
                f"{self.name} must give one vector or map per row, got {got}. Wrap it to give its features."
            )
        return found if found.ndim == 2 else found.mean((2, 3))

    def _prepared(self, x: Tensor) -> Tensor:
        if self.resize is not None:
            x = nn.functional.interpolate(x, (self.resize, self.resize), mode="bilinear", antialias=True)
        if self.channels is not None and x.shape[1] == 1:
            x = x.expand(-1, self.channels, -1, -1)
        match self.range:
            case "unit":
                return x
            case "signed":
                return 2 * x - 1
        mean, deviation = (torch.tensor(part, device=x.device)[:, None, None] for part in self.range)
        return (x - mean) / deviation


def values(x: Shaped[Tensor, "n *shape"], space: Space) -> Float[Tensor, "n *shape"]:
    """Levels scaled to [0, 1], real numbers as they are, padding as zeros."""
    if space.columns is not None and not space.is_discrete:
        return x.float()
    if not space.ragged:
        return intensity(x, space)
    if space.levels is None:
        return x.float().nan_to_num(0.0)
    return intensity(x.masked_fill(x >= space.levels, 0), space)


def initialize_uniform(net: nn.Module, noise: Noise) -> None:
    """Weights uniform with variance 2 / (inputs), biases zero; uniform numbers are the same bits everywhere."""
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(False)
        if parameter.ndim < 2:
            parameter.zero_()
            continue
        bound = math.sqrt(6 / math.prod(parameter.shape[1:]))
        drawn = noise.at(name).uniform(*parameter.shape, dtype=torch.float32)
        parameter.copy_((2 * drawn - 1) * bound)


def extractors() -> dict[str, str]:
    """The names of the extractors that come with the package, each with what it is.

    Example:
        >>> list(extractors())[:2]
        ['values', 'random']
    """
    named = {"values": "the values themselves", "random": "a network with random weights"}
    return named | {f"judge-{data}": f"a network trained on {data}" for data in judges()}


def extractor_named(name: str, space: Space) -> Extractor:
    """An extractor by its name, for rows of a space.

    Args:
        name: One of `extractors()`.
        space: What a row is.

    Raises:
        ValueError: If there is none of that name, or it does not know such rows.

    Example:
        >>> extractor_named("judge-digits", Space((1, 8, 8), levels=17)).dims
        48
    """
    if name not in extractors():
        raise ValueError(f"There is no extractor {name!r}. {nearest(name, extractors())}")
    if name == "values":
        return Values(space)
    return RandomFeatures(space) if name == "random" else shipped_judge(name.removeprefix("judge-")).on(space)
