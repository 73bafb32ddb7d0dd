"""WaveNet: raw sound, sample by sample, from convolutions that look back with holes.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{t-r}, \\dots, x_{t-1}, given), $$

samples as levels of the μ-law, each said by a softmax; r is the reach of the convolutions (`genzoo.nn.dilated`).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genzoo._random import at_least_single
from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import counted, read, refuse_unlike, scored, symbols
from genzoo.nn.dilated import Dilated, Ends, Rings
from genzoo.nn.embedding import Embedding

__all__ = ["WaveNet"]


class WaveNet(Autoregressive):
    """Dilated, gated convolutions over symbols: samples of sound, or any other long sequence; lengths may vary.

    Sampling keeps what each layer was told in a ring, so a sample costs one place, not the reach.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything; its vector goes into every gate.
        width: The length of the vectors between layers.
        skip: The length of what layers say of a place together.
        depth: Layers of a cycle; the i-th looks 2^i places back.
        cycles: How often that is repeated.
        frame: Symbols of a frame. Each is told, together with the condition, in which frame it lies, as a word is
            longer than the reach; 0: it is told of none, and the model says the same wherever a symbol stands.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete.

    Example:
        >>> model = WaveNet(Space((40,), levels=256), width=8, depth=4)
        >>> x = model.sample(2, seed=0)
        >>> model.reach, x.shape, bool((model.log_prob(x) < 0).all())
        (16, torch.Size([2, 40]), True)

    References:
        van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499
        Le Paine et al., 2016, "Fast Wavenet generation algorithm", arXiv:1611.09482
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 32,
        skip: int | None = None,
        depth: int = 9,
        cycles: int = 1,
        frame: int = 0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "WaveNet")
        self.drop_given, self.frame, skip = drop_given, frame, skip or 2 * width
        self.table = nn.Embedding(1 + (space.levels or 0), width)  # the last one starts
        self.embedding = Embedding(given_space, width) if given_space else None
        self.frames = Frames(1 + space.dims // frame, width) if frame else None
        given = width if given_space else 0
        self.net = Dilated(width, skip=skip, depth=depth, cycles=cycles, given=given)
        last = nn.Linear(skip, symbols(space))
        nn.init.zeros_(last.weight)  # at first every symbol is as likely
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(skip, skip), nn.ReLU(), last)

    @property
    def reach(self) -> int:
        """r, how many samples each is told by."""
        return self.net.reach

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens, told = read(x, self.space), self.embedded(given)
        before = torch.cat([self.start(len(tokens))[:, None], tokens[:, :-1]], dim=1)
        if not self.space.ragged or torch.compiler.is_exporting():  # a graph looks at no values
            return scored(self.said(before, told), tokens, self.space)
        counts = counted(tokens, self.space)
        row, place = counts.nonzero(as_tuple=True)  # one after another: padding would cost as much as sound
        logits = self.said(before[counts], told, Ends(row, place))
        nats = cross_entropy(logits.to(at_least_single(logits.dtype)), tokens[counts], reduction="none")
        return -nats.new_zeros(tokens.shape).masked_scatter(counts, nats).sum(1)

    def said(
        self, before: Int[Tensor, "*rest T"], told: Float[Tensor, "B width"] | None, ends: Ends | None = None
    ) -> Float[Tensor, "*rest T symbols"]:
        """Logits of every place from the symbols before: rows of one length, or one after another as `ends` tells."""
        h = self.table(before)
        if self.frames is not None and ends is not None:
            h = h + self.frames(told)[ends.row if told is not None else 0, ends.place // self.frame]
        elif self.frames is not None:
            h = h + self.frames(told).repeat_interleave(self.frame, dim=1)[:, : h.shape[1]]
        return self.head(self.net(h, told, ends))

    def steps(self) -> Sequential:
        return Steps(self)

    def start(self, n: int) -> Int[Tensor, " n"]:
        """The start symbol, for each row."""
        return torch.full((n,), self.space.levels or 0, device=self.device)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, reach={self.reach}"


class Frames(nn.Module):
    """A vector for each frame, which knows the condition: what is said in the third of a seven is not what is said in
    the third of a one."""

    def __init__(self, n: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(n, width)
        self.net = nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))

    def forward(self, told: Float[Tensor, "B width"] | None) -> Float[Tensor, "B n width"]:
        frames = self.table.weight[None]
        return self.net(frames if told is None else frames + told[:, None])


class Heard(NamedTuple):
    """What the layers keep, and what they say of the next sample."""

    rings: Rings
    frames: Float[Tensor, "B frames width"] | None
    said: Float[Tensor, "n skip"]


class Steps(Sequential):
    """A WaveNet sample by sample."""

    def __init__(self, model: WaveNet) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Heard:
        model, told = self.model, self.model.embedded(given)
        rings = model.net.begin(n, told)
        frames = None if model.frames is None else model.frames(told)
        return self.take(Heard(rings, frames, torch.empty(0)), model.start(n))

    def logits(self, state: Heard) -> Float[Tensor, "n symbols"]:
        return self.model.head(state.said)

    def take(self, state: Heard, symbol: Int[Tensor, " n"]) -> Heard:
        h = self.model.table(symbol)
        if state.frames is not None:
            h = h + state.frames[:, state.rings.place // self.model.frame]
        return state._replace(said=self.model.net.tell(state.rings, h))
