"""Bits back: models with latents as entropy coders.

To send x, decode a z from the bits sent so far by the law q(z | x), as if they were noise; send x by p(x | z) and z by
p(z). Who receives finds z and x, knows q(z | x), and gets those bits back by sending z into them. The length is

$$ -\\log_2 p(x \\mid z) - \\log_2 p(z) + \\log_2 q(z \\mid x), $$

the evidence lower bound of a draw, and not the much longer −log p(x, z). A stack of bits does it: asymmetric numeral
systems take out last what was put in last. Reals z are points of a grid whose width cancels between p and q.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from genzoo.core.errors import DataError
from genzoo.core.given import NOTHING, Given, given_rows
from genzoo.core.space import Space
from genzoo.tasks.coding.fixed_point import STEP, TOP, Doubts, priced, scales, weights
from genzoo.tasks.coding.road import Packed, Road, coder, words_of

__all__ = ["BitsBack", "LayersLike", "Points"]

WIDTH, WIDEST = 2.0**-8, 64.0  # between points of the grid of z, and how far it reaches
FINE = 2.0**-12  # to which μ is rounded
CELLS, MOST = 160, 2.0  # on either side of μ; the largest σ that is drawn with
GROUP, ROWS = 16, 1024  # rows whose z are drawn together; rows of one stack


class LayersLike(Protocol):
    """Latents in layers from the top down, and x below them: entries of a layer are independent given those above."""

    space: Space
    sizes: tuple[int, ...]

    def guess(self, x: Tensor, above: Sequence[Tensor], given: Given) -> Normal:
        """q(z_l | x, z above)."""

    def expected(self, n: int, above: Sequence[Tensor], given: Given) -> Normal:
        """p(z_l | z above)."""

    def observed(self, z: Sequence[Tensor], given: Given) -> Distribution:
        """p(x | z)."""


class Points:
    """Normal laws on a grid, for an entropy coder.

    An entropy coder gives every point a mass, however far it is: what is drawn from it may come from far away. So z is
    drawn by cells of 1/16 to 1/8 σ, of which there are few, and within a cell evenly.

    Args:
        doubts: Round what networks say.
        width: Between two points.

    Raises:
        DataError: If the width is too small or too large.
    """

    def __init__(self, doubts: Doubts, width: float = WIDTH) -> None:
        if not WIDTH <= width <= WIDEST / 16:
            raise DataError(f"A grid must be {WIDTH:g} to {WIDEST / 16:g} wide, got {width:g}. Take 0.5.")
        self.doubts, self.width, self.reach = doubts, width, int(WIDEST / width)
        models = coder().model
        self.family = models.QuantizedGaussian(-self.reach, self.reach)
        self.cells, self.within = models.QuantizedGaussian(-CELLS, CELLS), models.Uniform()

    def law(self, normal: Normal, key: int) -> tuple[np.ndarray, np.ndarray]:
        """μ and σ in widths, as who decodes has them too; two keys are used."""
        loc = self.doubts.round(_numbers(normal.loc), FINE, key)
        scale = self.doubts.round(_numbers(normal.scale.log()), STEP, key + 1)
        return np.clip(loc * (FINE / self.width), -self.reach, self.reach), scales(scale) / self.width

    def draw(self, stack: Any, normal: Normal, key: int) -> np.ndarray:
        """Points taken from a stack of bits."""
        first, law, size = self._near(normal, key)
        found: np.ndarray = (first + stack.decode(self.cells, *law)) * size + stack.decode(self.within, size)
        return found.astype(np.int32)

    def give_back(self, stack: Any, normal: Normal, key: int, points: np.ndarray) -> None:
        """The bits that points were drawn from; undoes `draw`.

        Raises:
            DataError: If nobody draws such points.
        """
        first, law, size = self._near(normal, key)
        cells = (points // size - first).astype(np.int32)
        if (np.abs(cells) > CELLS).any():
            raise DataError("Latents must lie where they are drawn from, got others. Fetch the file again.")
        stack.encode_reverse((points % size).astype(np.int32), self.within, size)
        stack.encode_reverse(cells, self.cells, *law)

    def nearest(self, z: Tensor) -> np.ndarray:
        """The points next to latents."""
        found: np.ndarray = np.clip(np.rint(_numbers(z) / self.width), -self.reach, self.reach).astype(np.int32)
        return found

    def z(self, points: np.ndarray, like: Tensor) -> Tensor:
        """Points as latents."""
        return torch.from_numpy(points.astype(np.float64) * self.width).reshape(like.shape)

    def _near(self, normal: Normal, key: int) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
        """The first cell, the law of the cells from there on, and how many points each has."""
        loc, scale = self.law(normal, key)
        loc, scale = np.clip(loc, -self.reach / 4, self.reach / 4), np.minimum(scale, MOST / self.width)
        size = np.maximum(2, 2 ** (np.frexp(scale)[1] - 4).clip(0)).astype(np.int32)
        first = np.floor(loc / size).astype(np.int32)
        return first, ((loc - (size - 1) / 2) / size - first, scale / size), size


class BitsBack(Road):
    """Rows by a model with latents in layers.

    Args:
        layers: The model's, in double precision; x has levels.

    Example:
        >>> from genzoo.models.abilities import Layers
        >>> from genzoo.models.autoencoders import VAE, GaussianAutoencoder
        >>> space = Space((6, 6), levels=2)
        >>> model = VAE(space, None, GaussianAutoencoder.mlp(space, latent=2, hidden=[8])).double()
        >>> road, x = BitsBack(model.able(Layers)), torch.randint(2, (50, 6, 6), dtype=torch.uint8)
        >>> packed = road.pack(x, {})
        >>> torch.equal(road.unpack(packed.words, packed.doubts, 50, {}), x)
        True

    References:
        Frey & Hinton, 1997, "Efficient stochastic source coding and an application to a Bayesian network source model"
        Townsend, Bird & Barber, 2019, "Practical lossless compression with latent variables using bits back coding",
            arXiv:1901.04866
        Kingma, Abbeel & Ho, 2019, "Bit-Swap: recursive bits-back coding for lossless compression with hierarchical
            latent variables", arXiv:1905.06845
    """

    name = "bits-back"

    def __init__(self, layers: LayersLike) -> None:
        self.layers, self.space, self.rows = layers, layers.space, ROWS

    @torch.no_grad()
    def pack(self, x: Shaped[Tensor, "n *event"], given: Given = NOTHING) -> Packed:
        doubts, first = Doubts(), _first(self._needed(len(x)))
        stack, laws = coder().stack.AnsCoder(first, seal=True), Points(doubts)
        nats, charged = 0.0, 0
        for group, rows in enumerate(_groups(len(x))):
            paid, without = self._push(stack, laws, x[rows], given_rows(given, rows), group)
            nats, charged = nats + paid, charged + without
        words = stack.get_compressed()
        same = _alike(words, first)
        head = np.array([same], dtype="<u4").tobytes()
        return Packed(head + words[same:].astype("<u4").tobytes(), doubts.to_bytes(), nats, charged)

    @torch.no_grad()
    def unpack(self, words: bytes, doubts: bytes, n: int, given: Given = NOTHING) -> Shaped[Tensor, "n *event"]:
        first, said = _first(self._needed(n)), words_of(words)
        if not len(said) or said[0] > len(first):
            raise DataError("The bytes must begin with a count of words, got none. Fetch the file again.")
        stack = coder().stack.AnsCoder(np.concatenate([first[: said[0]], said[1:]]))
        laws, found = Points(Doubts(doubts)), []
        for group, rows in reversed(list(enumerate(_groups(n)))):
            found.append(self._pop(stack, laws, rows.stop - rows.start, given_rows(given, rows), group))
        try:
            left = stack.get_compressed(unseal=True)
        except (AssertionError, ValueError) as error:
            raise DataError(f"The stack must end as it began, got: {error}. Fetch the file again.") from error
        if not np.array_equal(left, first):
            raise DataError("The stack must end as it began, got another. Fetch the file again.")
        return torch.cat(found[::-1]) if found else torch.zeros(0, *self.space.shape, dtype=torch.uint8)

    def _push(self, stack: Any, laws: Points, x: Tensor, given: Given, group: int) -> tuple[float, int]:
        """Puts rows on the stack; what it should cost, in nats, and how many entries have no mass."""
        z: list[Tensor] = []
        points, nats = [], 0.0
        for layer in range(len(self.layers.sizes)):
            q = self.layers.guess(x, z, given)
            points.append(laws.draw(stack, q, self._key(group, layer, 0)))
            z.append(laws.z(points[-1], q.loc))
            nats += float(q.log_prob(z[-1]).sum())
        found, said = self._surprises(z, given), _symbols(x)
        masses = weights(laws.doubts.round(found, STEP, self._key(group, -1, 0), TOP))
        stack.encode_reverse(said, _categorical(), masses)
        paid, charged = priced(found, said)
        nats += paid
        for layer in reversed(range(len(self.layers.sizes))):
            p = self.layers.expected(len(x), z[:layer], given)
            stack.encode_reverse(points[layer], laws.family, *laws.law(p, self._key(group, layer, 1)))
            nats -= float(p.log_prob(z[layer]).sum())
        return nats, charged

    def _pop(self, stack: Any, laws: Points, n: int, given: Given, group: int) -> Tensor:
        """Takes rows from the stack."""
        z: list[Tensor] = []
        points = []
        for layer in range(len(self.layers.sizes)):
            p = self.layers.expected(n, z, given)
            points.append(stack.decode(laws.family, *laws.law(p, self._key(group, layer, 1))))
            z.append(laws.z(points[-1], p.loc))
        masses = weights(laws.doubts.round(self._surprises(z, given), STEP, self._key(group, -1, 0), TOP))
        said = torch.from_numpy(stack.decode(_categorical(), masses).astype(np.int64))
        x = said.reshape(n, *self.space.shape).to(getattr(torch, self.space.dtype))
        for layer in reversed(range(len(self.layers.sizes))):
            q = self.layers.guess(x, z[:layer], given)
            laws.give_back(stack, q, self._key(group, layer, 0), points[layer])
        return x

    def _surprises(self, z: Sequence[Tensor], given: Given) -> Float[np.ndarray, "entries levels"]:
        """−log p of every level of every entry."""
        law = self.layers.observed(z, given)
        entries = law.base_dist if isinstance(law, Independent) else law
        levels = torch.arange(self.space.levels or 0).reshape(-1, *[1] * (1 + len(self.space.shape)))
        found = -entries.log_prob(levels).flatten(1).T  # one row an entry
        return _numbers(found).reshape(-1, self.space.levels or 0)

    def _key(self, group: int, layer: int, kind: int) -> int:
        return 4 * ((1 + len(self.layers.sizes)) * group + 1 + layer) + 2 * kind

    def _needed(self, n: int) -> int:
        """Words that are enough to draw the first z from."""
        return n * sum(self.layers.sizes) // 2 + 8  # 16 bits an entry


def _groups(n: int) -> list[slice]:
    """Rows whose z are drawn together: one at first, since what the first z are drawn from has to be sent, too."""
    found, first = list[slice](), 0
    while first < n:
        found.append(slice(first, min(n, first + min(GROUP, max(1, first)))))
        first = found[-1].stop
    return found


def _first(count: int) -> np.ndarray:
    """The noise at the bottom of a stack, the same everywhere."""
    return np.frombuffer(hashlib.shake_128(b"bits back").digest(4 * count), dtype="<u4").astype(np.uint32)


def _alike(words: np.ndarray, first: np.ndarray) -> int:
    """How many words are still those of the beginning."""
    n = min(len(words), len(first))
    unlike = np.flatnonzero(words[:n] != first[:n])
    return int(unlike[0]) if len(unlike) else n


def _categorical() -> Any:
    return coder().model.Categorical(perfect=False)


def _symbols(x: Tensor) -> np.ndarray:
    found: np.ndarray = x.flatten().cpu().numpy().astype(np.int32)
    return found


def _numbers(x: Tensor) -> np.ndarray:
    found: np.ndarray = x.detach().to(torch.float64).flatten().cpu().numpy()
    return found
