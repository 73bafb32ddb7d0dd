"""WaveNet: raw sound, sample by sample, from convolutions that look back with holes.

$$ p(x \\mid given) = \\prod_t p(x_t \\mid x_{t-r}, \\dots, x_{t-1}, given), $$

samples as levels of the μ-law, each said by a softmax; r is the reach of the convolutions (`genzoo.nn.dilated`).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from genzoo._random import at_least_single
from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike, as_given_space
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import centered
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import counted, read, refuse_unlike, scored, symbols
from genzoo.nn.dilated import Dilated, Ends, Rings
from genzoo.nn.embedding import Embedding

__all__ = ["WaveNet"]

PARTS = 4  # of a frame, each with a vector of its own


class WaveNet(Autoregressive):
    """Dilated, gated convolutions over symbols: samples of sound, or any other long sequence; lengths may vary.

    Sampling keeps what each layer was told in a ring, so a sample costs one place, not the reach.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything; its vector goes into every gate. What has a vector
            for each frame, reals of shape (frames, …), is told frame by frame, together with its neighbors: the
            spectrum of a word, as van den Oord's linguistic features are.
        width: The length of the vectors between layers.
        depth: Layers of a cycle; the i-th looks 2^i places back.
        cycles: How often that is repeated.
        frame: Symbols of a frame. Each is told, together with the condition, in which frame it lies, as a word is
            longer than the reach; 0: it is told of none, and the model says the same wherever a symbol stands.
        taps: How many of the last symbols each is told as numbers, too, as a linear predictor is.
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
        Shen et al., 2018, "Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions",
        arXiv:1712.05884 (a spectrum, frame by frame)
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 32,
        depth: int = 9,
        cycles: int = 1,
        frame: int = 0,
        taps: int = 0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "WaveNet")
        self.drop_given, skip = drop_given, 2 * width  # the length of what layers say of a place together
        self.table = nn.Embedding(1 + (space.levels or 0), width)  # the last one starts
        self.taps = nn.Linear(taps, width) if taps else None
        self.frames = Frames(-(-space.dims // frame), given_space, width, frame) if frame else None
        rest = self.frames.rest if self.frames else as_given_space(given_space)
        self.embedding = Embedding(rest, width) if rest else None
        given = width if given_space or frame else 0
        piece = self.frames.piece if self.frames else 0
        self.net = Dilated(width, skip=skip, depth=depth, cycles=cycles, given=given, frame=piece)
        last = nn.Linear(skip, symbols(space))
        nn.init.zeros_(last.weight)  # at first every symbol is as likely
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(skip, skip), nn.ReLU(), last)

    @property
    def reach(self) -> int:
        """r, how many samples each is told by."""
        return self.net.reach + (self.taps.in_features - 1 if self.taps else 0)

    def told(self, given: Given) -> Float[Tensor, "B frames width"] | None:
        """What is told of each frame."""
        vector = self.embedded(given)
        if self.frames is not None:
            return self.frames(vector, given)
        return None if vector is None else vector[:, None]

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens, told = read(x, self.space), self.told(given)
        before = torch.cat([self.start(len(tokens))[:, None], tokens[:, :-1]], dim=1)
        if not self.space.ragged or torch.compiler.is_exporting():  # a graph looks at no values
            return scored(self.said(before, told), tokens, self.space)
        counts = counted(tokens, self.space)
        row, place = counts.nonzero(as_tuple=True)  # one after another: padding would cost as much as sound
        logits = self.said(before[counts], told, Ends(row, place))
        nats = cross_entropy(logits.to(at_least_single(logits.dtype)), tokens[counts], reduction="none")
        return -nats.new_zeros(tokens.shape).masked_scatter(counts, nats).sum(1)

    def said(
        self, before: Int[Tensor, "*rest T"], told: Float[Tensor, "B frames width"] | None, ends: Ends | None = None
    ) -> Float[Tensor, "*rest T symbols"]:
        """Logits of every place from the symbols before: rows of one length, or one after another as `ends` tells."""
        h = self.table(before)
        if self.taps is not None:
            h = h + self.taps(self.last(before, self.taps.in_features, ends))
        return self.head(self.net(h, told, ends))

    def last(self, before: Int[Tensor, "*rest T"], taps: int, ends: Ends | None) -> Float[Tensor, "*rest T taps"]:
        """The last symbols before each place, as numbers; 0 before the first."""
        windows = pad(self.numbers(before), (taps - 1, 0)).unfold(-1, taps, 1)
        if ends is None:
            return windows
        ago = torch.arange(taps - 1, -1, -1, device=before.device)
        return windows * (ends.place[:, None] >= ago)  # what another sequence ended with is nothing to this one

    def numbers(self, symbols: Int[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Levels as numbers in [−1, 1]; the start is 0."""
        levels = self.space.levels or 0
        return centered(symbols, levels, self.dtype).masked_fill(symbols == levels, 0)

    def steps(self) -> Sequential:
        return Steps(self)

    def start(self, n: int) -> Int[Tensor, " n"]:
        """The start symbol, for each row."""
        return torch.full((n,), self.space.levels or 0, device=self.device)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, reach={self.reach}"


class Frames(nn.Module):
    """Vectors for the pieces of each frame, which know the condition and where the frame stands: what is said in the
    third of a seven is not what is said in the third of a one."""

    def __init__(self, n: int, given_space: GivenSpaceLike, width: int, frame: int) -> None:
        super().__init__()
        spaces = as_given_space(given_space)
        self.names = [name for name, space in spaces.items() if space.is_real and space.shape[:-1] == (n,)]
        self.rest = {name: space for name, space in spaces.items() if name not in self.names}
        parts = math.gcd(frame, PARTS)
        self.piece = frame // parts
        self.table = nn.Embedding(n, width)
        self.heard = nn.Linear(sum(spaces[name].shape[-1] for name in self.names), width) if self.names else None
        self.null = nn.Parameter(torch.zeros(width)) if self.names else None
        self.net = nn.Sequential(
            nn.Conv1d(width, 2 * width, 5, padding=2), nn.SiLU(), nn.Conv1d(2 * width, parts * width, 3, padding=1)
        )

    def forward(self, told: Float[Tensor, "B width"] | None, given: Given) -> Float[Tensor, "B pieces width"]:
        h = self.table.weight[None]
        h = h if told is None else h + told[:, None]
        if self.heard is not None and self.null is not None and given:
            frames = torch.cat([given[name] for name in self.names], dim=-1).to(h.dtype)
            null = frames.isnan().any(-1, keepdim=True)
            h = h + torch.where(null, self.null, self.heard(frames.masked_fill(null, 0)))
        return self.net(h.mT).mT.unflatten(-1, (-1, h.shape[-1])).flatten(1, 2)


class Heard(NamedTuple):
    """What the layers keep, the last numbers, and what the layers say of the next sample."""

    rings: Rings
    last: Float[Tensor, "n taps"]
    said: Float[Tensor, "n skip"]


class Steps(Sequential):
    """A WaveNet sample by sample."""

    def __init__(self, model: WaveNet) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Heard:
        model = self.model
        rings = model.net.begin(n, model.told(given))
        taps = model.taps.in_features if model.taps is not None else 0
        return self.take(Heard(rings, model.table.weight.new_zeros(n, taps), torch.empty(0)), model.start(n))

    def logits(self, state: Heard) -> Float[Tensor, "n symbols"]:
        return self.model.head(state.said)

    def take(self, state: Heard, symbol: Int[Tensor, " n"]) -> Heard:
        h, last = self.model.table(symbol), state.last
        if self.model.taps is not None:
            last = torch.cat([last[:, 1:], self.model.numbers(symbol)[:, None]], dim=1)
            h = h + self.model.taps(last)
        return Heard(state.rings, last, self.model.net.tell(state.rings, h))
