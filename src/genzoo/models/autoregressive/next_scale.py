"""A transformer of maps of codes that says a whole map at a time, each finer than the one before.

$$ p(r \\mid given) = \\prod_k p(r_k \\mid r_{<k}, given), \\qquad
   p(r_k \\mid r_{<k}) = \\prod_i p(r_{k,i} \\mid r_{<k}), $$

r_k being the codes of the k-th map. A place of it is told what the coarser maps stand for there, added up and brought
to its size, and looks at all of them and at its own map; so K passes of the network draw as many codes as K maps have.

References:
    Tian et al., 2024, "Visual autoregressive modeling: scalable image generation via next-scale prediction",
    arXiv:2404.02905
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import refuse_unlike, scored
from genzoo.nn.conditioning import Conditioning
from genzoo.nn.transformer import Cache, Looks, Transformer

__all__ = ["VAR"]


class VAR(Autoregressive):
    """Next-scale prediction: codes of several maps, from the coarsest to the finest, one map at a time.

    Args:
        space: The codes of all maps, the coarsest first, (T,).
        given_space: What the model is conditioned on, if anything; its tokens stand before the codes.
        maps: Height and width of each map.
        width: The length of the vectors.
        depth: The number of blocks.
        heads: Heads of attention.
        drop_given: The share of conditions dropped in training.

    Raises:
        ValueError: If the space is not one of so many codes.

    Example:
        >>> model = VAR(Space((5,), levels=9), maps=[(1, 1), (2, 2)], width=16, depth=1, heads=2)
        >>> x = model.sample(3, seed=0)
        >>> x.shape, torch.allclose(model.map_log_probs(x).sum(1), model.log_prob(x))
        (torch.Size([3, 5]), True)

    References:
        Tian et al., 2024, arXiv:2404.02905
    """

    spread: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        maps: Sequence[tuple[int, int]],
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "VAR", ragged=False)
        counts = [height * across for height, across in maps]
        if space.shape != (sum(counts),):
            raise ValueError(f"The codes of maps {list(maps)} are {sum(counts)} in a row, got {space}. Match them.")
        self.drop_given, self.ends = drop_given, [0, *itertools.accumulate(counts)]
        self.prefix = Conditioning(given_space, width) if given_space else None
        self.before = 0 if self.prefix is None else sum(self.prefix.counts)
        self.table = nn.Embedding(len(maps) * (space.levels or 0), width)  # every map has words of its own
        self.place = nn.Parameter(0.5 * torch.randn(space.dims, width))
        self.transformer = Transformer(width, depth, heads, self.before + space.dims)
        self.head = nn.Linear(width, space.levels or 0, bias=False)
        nn.init.zeros_(self.head.weight)  # at first every code is as likely
        self.register_buffer("spread", spreading(maps), persistent=False)

    def log_density(self, x: Integer[Tensor, "B T"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        return scored(self.logits(x.long(), given), x.long(), self.space)

    def map_log_probs(self, x: Integer[Tensor, "B T"], given: Given = NOTHING) -> Float[Tensor, "B K"]:
        """log p of each map given the coarser ones; their sum is log p of all.

        Args:
            x: Codes.
            given: The condition.
        """
        picked = self.logits(x.long(), given).log_softmax(-1).gather(2, x.long()[..., None])[..., 0]
        return torch.stack([picked[:, a:b].sum(1) for a, b in itertools.pairwise(self.ends)], 1)

    def logits(self, codes: Int[Tensor, "B T"], given: Given = NOTHING) -> Float[Tensor, "B T levels"]:
        """What each place says, given the coarser maps: unnormalized log-probabilities.

        Args:
            codes: The codes of all maps; the finest are not looked at.
            given: The condition.
        """
        of = self._of(torch.arange(self.space.dims, device=codes.device))
        seen = torch.cat([torch.full((self.before,), -1, device=codes.device), of])
        h, absent = self.told(codes), None
        if self.prefix is not None:
            before, absent = asked(self.prefix, given)
            h = torch.cat([before.to(h.dtype), h], dim=1)
        return self.head(self.transformer(h, None, absent, Looks(seen[None] <= seen[:, None]))[:, self.before :])

    def told(self, codes: Int[Tensor, "B t"], first: int = 0, last: int | None = None) -> Float[Tensor, "B n width"]:
        """What places are told: the coarser maps, added up there, and where they stand.

        Args:
            codes: The codes of the first places.
            first: The first of the places that are told.
            last: The end of them; by default that of all.
        """
        last, known = self.space.dims if last is None else last, codes.shape[1]
        words = self.table(codes + (self.space.levels or 0) * self._of(torch.arange(known, device=codes.device)))
        return self.spread[first:last, :known].to(words.dtype) @ words + self.place[first:last]

    def steps(self) -> "MapSteps":
        return MapSteps(self)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, ends={self.ends}"

    def _of(self, place: Int[Tensor, " t"]) -> Int[Tensor, " t"]:
        """The number of the map that each place is of."""
        ends = torch.tensor(self.ends[1:], device=place.device)
        return (place[:, None] >= ends).sum(1)


@dataclass
class Maps:
    """The maps so far, and what is said of the next one."""

    caches: list[Cache]
    codes: Int[Tensor, "n t"]
    said: list[Tensor] = field(default_factory=list)


class MapSteps(Sequential):
    """Codes one by one, of which all of a map are said at once: keys and values of the coarser maps are kept."""

    def __init__(self, model: VAR) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0

    def begin(self, n: int, given: Given = NOTHING) -> Maps:
        like = self.model.table.weight
        caches = self.model.transformer.caches(n, like)
        if self.model.prefix is not None:
            before, absent = asked(self.model.prefix, given)
            self.model.transformer(before, caches, absent, Looks())
        return Maps(caches, torch.zeros(n, 0, dtype=torch.long, device=like.device))

    def logits(self, state: Maps) -> Float[Tensor, "n symbols"]:
        model, known = self.model, state.codes.shape[1]
        if not state.said:
            last = next(end for end in model.ends if end > known)
            h = model.transformer(model.told(state.codes, known, last), state.caches, None, Looks())
            state.said = list(model.head(h).unbind(1))
        return state.said.pop(0)

    def take(self, state: Maps, symbol: Int[Tensor, " n"]) -> Maps:
        state.codes = torch.cat([state.codes, symbol[:, None]], dim=1)
        return state


def asked(prefix: Conditioning, given: Given) -> tuple[Float[Tensor, "B P width"], Bool[Tensor, "B P"] | None]:
    """The tokens of a condition, and which of them are absent.

    Args:
        prefix: From conditions to tokens.
        given: The condition.
    """
    told = prefix(given)
    return told.values, ~told.present if len(prefix.counts) < told.present.shape[1] else None


def spreading(maps: Sequence[tuple[int, int]]) -> Float[Tensor, "T T"]:
    """The linear map that adds up all coarser maps and brings them to the size of each,

    $$ M_{kj} = down_k\\, up_j \\quad (j < k), $$

    by way of the finest size: up by straight lines, down by means of areas.

    Args:
        maps: Height and width of each.

    Example:
        >>> spreading([(1, 1), (2, 2)]).tolist()[1:3]
        [[1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    parts = []
    for size in maps:
        units = torch.eye(size[0] * size[1]).reshape(-1, 1, *size)
        parts.append(interpolate(units, size=tuple(maps[-1]), mode="bilinear", align_corners=False))
    rows = []
    for k, size in enumerate(maps):
        told = [
            interpolate(part, size=tuple(size), mode="area").flatten(1).mT * (j < k) for j, part in enumerate(parts)
        ]
        rows.append(torch.cat(told, 1))
    return torch.cat(rows)
