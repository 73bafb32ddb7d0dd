"""The transformer: attention to what came before, and a network at every place.

Every place of a sequence holds a vector h. A block lets each place look at those before it, then changes each on its
own; both only add to h:

$$ h \\leftarrow h + W_o\\,\\mathrm{softmax}\\!\\left(\\frac{Q K^\\top}{\\sqrt{d}} + M\\right) V,
   \\qquad h \\leftarrow h + W_2\\,a(W_1 h), $$

Q, K and V being linear in the normed h, and M −∞ above the diagonal: what comes later is not seen. Keys and values of
the past never change, so generation keeps them (`Cache`) and pays for one place at a time.

References:
    Vaswani et al., 2017, "Attention is all you need", arXiv:1706.03762
    Radford et al., 2019, "Language models are unsupervised multitask learners" (GPT-2)
    Su et al., 2021, "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864
    So et al., 2021, "Primer", arXiv:2109.08668 (squared ReLU)
    Henry et al., 2020, "Query-key normalization for transformers", arXiv:2010.04245
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import gelu, scaled_dot_product_attention

from genzoo._random import at_least_single
from genzoo.nn.lean import normed, squared_relu, turned

__all__ = ["FAST", "GPT2", "Cache", "Looks", "Style", "Transformer"]

# Places up to which, on a CPU, the matrix of scores is made outright: in float32 the fused kernel is no faster there,
# and in bfloat16 it is two to four times slower.
SHORT, SHORT_HALF = 128, 256


@dataclasses.dataclass(frozen=True)
class Style:
    """What the blocks of a transformer are made of; the default is what trains fastest here.

    Args:
        norm: Root-mean-square without a gain, or LayerNorm.
        activation: Squared ReLU, or GELU by its tanh formula.
        rotary: Whether queries and keys are turned by an angle that grows with their place. If not, the places must
            be told otherwise.
        qk_norm: Whether queries and keys are normed.
        bias: Whether linear maps have one.
        from_zero: Whether every block starts as the identity; if not, weights start as GPT-2's do.

    Example:
        >>> GPT2.norm, GPT2.activation
        ('layer', 'gelu')
    """

    norm: Literal["rms", "layer"] = "rms"
    activation: Literal["relu2", "gelu"] = "relu2"
    rotary: bool = True
    qk_norm: bool = True
    bias: bool = False
    from_zero: bool = True

    def make_norm(self, width: int) -> nn.Module:
        """A norm of vectors."""
        if self.norm == "rms":
            return Normed()
        return nn.LayerNorm(width, eps=1e-5, bias=self.bias)

    def activate(self, h: Tensor) -> Tensor:
        """The nonlinearity."""
        return squared_relu(h) if self.activation == "relu2" else gelu(h, approximate="tanh")


class Looks(NamedTuple):
    """Who looks at whom, where that is not all that came before.

    Attributes:
        seen: Whether a place looks at another; None: all look at all.
        places: Where each stands, for its angle; None: one after the other.
    """

    seen: Bool[Tensor, "T T"] | None = None
    places: Int[Tensor, " T"] | None = None


FAST = Style()
GPT2 = Style("layer", "gelu", rotary=False, qk_norm=False, bias=True, from_zero=False)


class Cache:
    """The keys and values of one block for all places so far, in memory that is taken once.

    Args:
        like: A tensor whose type and device they have.
        shape: (rows, heads, places at most, width of a head).

    Example:
        >>> cache = Cache(torch.zeros(()), (2, 4, 10, 8))
        >>> keys, values = cache.extend(torch.ones(2, 4, 3, 8), torch.ones(2, 4, 3, 8))
        >>> keys.shape, cache.used
        (torch.Size([2, 4, 3, 8]), 3)
    """

    def __init__(self, like: Tensor, shape: tuple[int, int, int, int]) -> None:
        self.keys, self.values, self.used = like.new_empty(shape), like.new_empty(shape), 0
        self.absent: Tensor | None = None  # (rows, first places): those that nobody looks at

    def extend(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Takes in the keys and values of the next places; returns all so far."""
        last = self.used + k.shape[2]
        self.keys[:, :, self.used : last] = k
        self.values[:, :, self.used : last] = v
        self.used = last
        return self.keys[:, :, :last], self.values[:, :, :last]

    def select(self, rows: Tensor) -> "Cache":
        """The same for some rows, of which one may come several times."""
        other = Cache(self.keys, (len(rows), *self.keys.shape[1:]))
        other.used, other.absent = self.used, None if self.absent is None else self.absent[rows]
        other.keys[:, :, : self.used] = self.keys[rows, :, : self.used]
        other.values[:, :, : self.used] = self.values[rows, :, : self.used]
        return other


class Normed(nn.Module):
    """Root-mean-square normalization without a gain."""

    def forward(self, h: Tensor) -> Tensor:
        return normed(h)


class Attention(nn.Module):
    """Causal attention with several heads."""

    def __init__(self, width: int, heads: int, style: Style, dropout: float) -> None:
        super().__init__()
        self.heads, self.style = heads, style
        self.qkv = nn.Linear(width, 3 * width, bias=style.bias)
        self.out = nn.Linear(width, width, bias=style.bias)
        self.share = dropout

    def forward(
        self, h: Tensor, turn: Tensor | None, cache: Cache | None, absent: Tensor | None, looks: Looks | None = None
    ) -> Tensor:
        parts = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, heads, T, d)
        qk, v = parts.split((2, 1))  # not by index: on the way back each index would fill zeros and be added
        if turn is not None:
            qk = turned(qk, turn, norm=self.style.qk_norm)
        elif self.style.qk_norm:
            qk = normed(qk)
        (q, k), v = qk.unbind(0), v.squeeze(0)
        if cache is not None:
            k, v = cache.extend(k, v)
        out = attend(q, k, v, self.share if self.training else 0.0, absent, looks)
        return self.out(out.transpose(1, 2).flatten(2))

    def follow(self, h: Tensor, turn: Tensor | None, cache: Cache) -> Tensor:
        """The same for one place that follows, without a way back: as few calls as it takes."""
        parts = functional.linear(h, self.qkv.weight, self.qkv.bias).view(len(h), 3, self.heads, 1, -1)
        qk = parts[:, :2]
        if turn is not None:
            qk = turned(qk, turn, norm=self.style.qk_norm)
        elif self.style.qk_norm:
            qk = normed(qk)
        k, v = cache.extend(qk[:, 1], parts[:, 2])
        out = scaled_dot_product_attention(qk[:, 0], k, v)
        return functional.linear(out.reshape(h.shape), self.out.weight, self.out.bias)


class Block(nn.Module):
    """Attention, then a network at every place."""

    def __init__(self, width: int, heads: int, style: Style, dropout: float) -> None:
        super().__init__()
        self.style = style
        self.norm1, self.norm2 = style.make_norm(width), style.make_norm(width)
        self.attention = Attention(width, heads, style, dropout)
        self.up = nn.Linear(width, 4 * width, bias=style.bias)
        self.down = nn.Linear(4 * width, width, bias=style.bias)
        self.drop = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(
        self, h: Tensor, turn: Tensor | None, cache: Cache | None, absent: Tensor | None, looks: Looks | None = None
    ) -> Tensor:
        h = h + self.drop(self.attention(self.norm1(h), turn, cache, absent, looks))
        return h + self.drop(self.down(self.style.activate(self.up(self.norm2(h)))))

    def follow(self, h: Tensor, turn: Tensor | None, cache: Cache) -> Tensor:
        """The same for one place that follows."""
        h = h + self.attention.follow(self.norm1(h), turn, cache)
        inner = self.style.activate(functional.linear(self.norm2(h), self.up.weight, self.up.bias))
        return h + functional.linear(inner, self.down.weight, self.down.bias)


class Transformer(nn.Module):
    """From a sequence of vectors to one of the same length, each seeing only itself and those before it.

    Args:
        width: The length of the vectors.
        depth: The number of blocks.
        heads: Heads of attention; they share out the width.
        places: The most places that a sequence has.
        style: What the blocks are made of.
        dropout: The share of numbers dropped in training, before each addition and in the attention.

    Raises:
        ValueError: If the width does not divide among the heads.

    Example:
        >>> net = Transformer(16, depth=2, heads=4, places=10)
        >>> h = torch.randn(3, 10, 16)
        >>> caches = net.caches(3, like=h)
        >>> steps = [net(h[:, t : t + 1], caches) for t in range(10)]
        >>> torch.allclose(torch.cat(steps, 1), net(h), atol=1e-5)
        True
    """

    turns: Tensor

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        places: int,
        *,
        style: Style = FAST,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if width % heads or (style.rotary and (width // heads) % 2):
            fits = 2 * heads * max(1, width // (2 * heads))
            raise ValueError(f"`width` must give each of {heads} heads an even share, got {width}. Take {fits}.")
        self.heads, self.places, self.style = heads, places, style
        self.blocks = nn.ModuleList(Block(width, heads, style, dropout) for _ in range(depth))
        self.norm = style.make_norm(width)
        self.register_buffer("turns", turning(places, width // heads), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Starts the weights anew."""
        for name, part in self.named_modules():
            last = name.endswith(("attention.out", "down"))
            if not isinstance(part, nn.Linear):
                continue
            if self.style.from_zero:
                if last:
                    nn.init.zeros_(part.weight)
            else:
                nn.init.normal_(part.weight, std=0.02 / (math.sqrt(2 * len(self.blocks)) if last else 1))
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Transformer":
        """Angles stay float32 in a model of half precision."""
        super()._apply(fn, recurse)
        if self.turns.dtype in (torch.bfloat16, torch.float16):
            angles = turning(self.places, self.turns.shape[-1])
            self.turns = angles.to(self.turns.device, torch.float32)
        return self

    def caches(self, rows: int, like: Tensor) -> list[Cache]:
        """Empty caches for generation, one for each block."""
        size = like.shape[-1] // self.heads
        return [Cache(like, (rows, self.heads, self.places, size)) for _ in self.blocks]

    def forward(
        self,
        h: Float[Tensor, "B T width"],
        caches: list[Cache] | None = None,
        absent: Bool[Tensor, "B P"] | None = None,
        looks: Looks | None = None,
    ) -> Float[Tensor, "B T width"]:
        """The vectors; with caches those of the next places; no place looks at the `absent` among the first, of which
        the very first is none; `looks` says who looks at whom in place of the order, with caches the next places at
        all so far."""
        first = caches[0].used if caches else 0
        if caches:
            absent = caches[0].absent = caches[0].absent if absent is None else absent
        if looks is not None:
            places = slice(first, first + h.shape[1]) if looks.places is None else looks.places
            turn = self.turns[:, places] if self.style.rotary else None
            for i, block in enumerate(self.blocks):
                h = block(h, turn, caches[i] if caches else None, absent, looks)
            return self.norm(h)
        turn = self.turns[:, first : first + h.shape[1]] if self.style.rotary else None
        if caches and h.shape[1] == 1 and absent is None and not torch.is_grad_enabled() and not self.training:
            for block, cache in zip(self.blocks, caches, strict=True):
                h = block.follow(h, turn, cache)  # type: ignore[operator]
            return self.norm(h)
        for i, block in enumerate(self.blocks):
            h = block(h, turn, caches[i] if caches else None, absent)
        return self.norm(h)


def turning(places: int, size: int) -> Float[Tensor, "2 places size"]:
    """Cosines and sines of the angles by which rotary embedding turns each pair of numbers at each place: what both of
    a pair are multiplied by, and what each gets of the other."""
    rates = 10_000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.arange(places, dtype=torch.float64)[:, None] * rates
    cos, sin = angles.cos(), angles.sin()
    both = torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])
    return both.to(at_least_single(torch.get_default_dtype()))


def attend(
    q: Float[Tensor, "B heads T size"],
    k: Float[Tensor, "B heads S size"],
    v: Float[Tensor, "B heads S size"],
    share: float = 0.0,
    absent: Bool[Tensor, "B P"] | None = None,
    looks: Looks | None = None,
) -> Float[Tensor, "B heads T size"]:
    """softmax(q kᵀ / √d) v for the last T of S places, each seeing itself and what came before, or what it `looks` at,
    but for the absent of the first P; a share of the weights is dropped."""
    t, s = q.shape[2], k.shape[2]
    if q.device.type == "cpu" and s <= (SHORT_HALF if q.dtype == torch.bfloat16 else SHORT):
        weights = _scores(q, k, absent, looks).softmax(-1)
        return (functional.dropout(weights, share) if share else weights) @ v
    if looks is not None:
        return scaled_dot_product_attention(q, k, v, _seen(looks, absent, s), share)
    mask = torch.ones(t, s, dtype=torch.bool, device=q.device).tril(s - t) if t > 1 else None
    if absent is not None:
        seen = ~nn.functional.pad(absent, (0, s - absent.shape[1]))[:, None, None]
        mask = seen.expand(-1, 1, t, -1) if mask is None else mask & seen
    causal = t == s and t > 1 and absent is None
    return scaled_dot_product_attention(q, k, v, None if causal else mask, share, is_causal=causal)


def _scores(q: Tensor, k: Tensor, absent: Tensor | None, looks: Looks | None) -> Tensor:
    """q kᵀ / √d, −∞ where a place is not seen; the product itself adds what hides it, which saves two passes."""
    t, s, scale = q.shape[2], k.shape[2], q.shape[-1] ** -0.5
    if t == 1 or (looks is not None and looks.seen is None):
        scores = (q * scale) @ k.mT
    else:
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else q.dtype
        if looks is None or looks.seen is None:
            hidden = torch.full((t, s), -torch.inf, dtype=dtype).triu_(1 + s - t)
        else:
            hidden = torch.zeros(t, s, dtype=dtype).masked_fill_(~looks.seen, -torch.inf)
        scores = torch.baddbmm(hidden, q.flatten(0, 1), k.flatten(0, 1).mT, alpha=scale).view(*q.shape[:2], t, s)
    if absent is None:
        return scores
    return scores.masked_fill(nn.functional.pad(absent, (0, s - absent.shape[1]))[:, None, None], -torch.inf)


def _seen(looks: Looks, absent: Tensor | None, s: int) -> Tensor | None:
    """Which of S places are seen, if not all."""
    if absent is None:
        return looks.seen
    there = ~nn.functional.pad(absent, (0, s - absent.shape[1]))[:, None, None]
    return there if looks.seen is None else there & looks.seen
