"""Networks that read rows of symbols of which some are hidden or wrong, and say at every place what stands there.

$$ (x_t, t, given) \\mapsto \\log \\hat p(x_d \\mid x_t) + c_d, \\qquad d = 1, …, D. $$

Of K + 1 symbols that are read the last one means "hidden"; it is never said.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.nn.conditioning import Conditioning
from genzoo.nn.time import Timed, TimeEmbedding
from genzoo.nn.transformer import Cache, Looks, Transformer

__all__ = ["Hot", "Infilling"]


class Infilling(nn.Module):
    """A transformer in which every place looks at every other, or at those that it is told.

    The time and a condition stand before the symbols, as vectors of their own.

    Args:
        symbols: K, how many may stand at a place.
        places: D, the entries of a row.
        given_space: What the condition is, if there is one.
        width: The length of the vectors.
        depth: The number of blocks.
        heads: Heads of attention.
        dropout: The share of numbers dropped in training.
        timed: Whether the time is told; where hidden symbols tell it, it need not be.

    Raises:
        ValueError: If the width does not divide among the heads.

    Example:
        >>> net = Infilling(3, places=6, width=16, depth=1, heads=2)
        >>> net(torch.full((2, 6), 3), torch.ones(2)).shape
        torch.Size([2, 6, 3])

    References:
        Devlin et al., 2019, "BERT: pre-training of deep bidirectional transformers", arXiv:1810.04805
    """

    def __init__(
        self,
        symbols: int,
        places: int,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 128,
        depth: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        timed: bool = False,
    ) -> None:
        super().__init__()
        self.prefix = Conditioning(given_space, width) if given_space else None
        self.time = TimeEmbedding(width) if timed else None
        self.before = timed + (0 if self.prefix is None else sum(self.prefix.counts))
        self.table, self.drop = nn.Embedding(symbols + 1, width), nn.Dropout(dropout)
        self.transformer = Transformer(width, depth, heads, self.before + places, dropout=dropout)
        self.head = nn.Linear(width, symbols, bias=False)
        nn.init.zeros_(self.head.weight)  # at first every symbol is as likely

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        t: Float[Tensor, " B"],
        given: Given | None = None,
        looks: Looks | None = None,
    ) -> Float[Tensor, "B T K"]:
        """Unnormalized log-probabilities at every place.

        Args:
            tokens: Symbols.
            t: The time of each row.
            given: The condition.
            looks: Who looks at whom; all at all by default. All look at the time and the condition.
        """
        parts, absent = self._told(t, given)
        h = self.drop(torch.cat([*parts, self.table(tokens)], 1))
        said: Tensor = self.head(self.transformer(h, None, absent, self._looks(looks))[:, self.before :])
        return said

    def begun(self, t: Float[Tensor, " B"], given: Given | None = None) -> list[Cache]:
        """Keys and values of the time and the condition, for places that follow block by block.

        Args:
            t: The time of each row.
            given: The condition.
        """
        caches = self.transformer.caches(len(t), self.table.weight)
        parts, absent = self._told(t, given)
        if parts:
            self.transformer(torch.cat(parts, 1), caches, absent, Looks())
        return caches

    def follow(self, tokens: Int[Tensor, "B n"], caches: list[Cache], *, keep: bool) -> Float[Tensor, "B n K"]:
        """What is said at the next places, which look at each other and at all that is kept.

        Args:
            tokens: Symbols.
            caches: Keys and values of what came before.
            keep: Whether those of these are kept as well.
        """
        used = caches[0].used
        said: Tensor = self.head(self.transformer(self.table(tokens), caches, None, Looks()))
        for cache in [] if keep else caches:
            cache.used = used
        return said

    def _told(self, t: Tensor, given: Given | None) -> tuple[list[Tensor], Tensor | None]:
        """The vectors before the symbols, and which of them are absent."""
        parts, absent = list[Tensor](), None
        if self.time is not None:
            parts.append(self.time(t)[:, None].to(self.table.weight.dtype))
        if self.prefix is not None:
            told = self.prefix(given or NOTHING)
            parts.append(told.values.to(self.table.weight.dtype))
            absent = pad(~told.present, (int(self.time is not None), 0))
        return parts, absent

    def _looks(self, looks: Looks | None) -> Looks:
        """Who looks at whom, the time and the condition before them."""
        if looks is None or not self.before:
            return looks or Looks()
        seen, places = looks.seen, looks.places
        if seen is not None:
            seen = pad(pad(seen, (self.before, 0), value=True), (0, 0, self.before, 0))
            seen[: self.before, : self.before] = True
        if places is not None:
            places = torch.cat([torch.arange(self.before, device=places.device), places + self.before])
        return Looks(seen, places)


class Hot(nn.Module):
    """Any network of reals on symbols as unit vectors: a perceptron of flat rows, a U-Net of images of few levels.

    Args:
        net: From ((K + 1) C, H, W), or (K + 1) D numbers, to as many, of which those of the last symbol are left out.
        shape: The shape of one row.
        symbols: K, how many may stand at a place.

    Example:
        >>> from genzoo.nn.mlp import MLP
        >>> net = Hot(Timed(MLP(12, [8], 12, given=4), 4), (4,), symbols=2)
        >>> net(torch.full((5, 4), 2), torch.ones(5)).shape
        torch.Size([5, 4, 2])
    """

    def __init__(self, net: Timed, shape: tuple[int, ...], *, symbols: int) -> None:
        super().__init__()
        self.net, self.shape, self.symbols = net, shape, symbols

    def forward(
        self, tokens: Int[Tensor, "B D"], t: Float[Tensor, " B"], given: Given | None = None
    ) -> Float[Tensor, "B D K"]:
        dtype = next(self.net.parameters()).dtype
        hot: Any = one_hot(tokens, self.symbols + 1).to(dtype)
        if len(self.shape) != 3:
            said: Tensor = self.net(hot.flatten(1), t.to(dtype), given or None)
            return said.reshape(*tokens.shape, -1)[..., : self.symbols]
        channels, height, width = self.shape
        image = hot.reshape(-1, height, width, channels * (self.symbols + 1)).permute(0, 3, 1, 2)
        said = self.net(image.contiguous(), t.to(dtype), given or None)
        return said.permute(0, 2, 3, 1).reshape(*tokens.shape, -1)[..., : self.symbols]
