"""MADE: masked autoencoder for distribution estimation.

$$ p(x \\mid given) = \\prod_{d=0}^{D-1} p(x_d \\mid x_{<d}, given), $$

all D conditionals from one pass of a network that is masked so that what it says of x_d comes from x_{<d}.
"""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.abilities import Sequential
from genzoo.core.game import Batch
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.distributions.levels import allowed, flattened
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.autoregressive.heads import CategoricalHead, Head, LogisticsHead
from genzoo.models.sequences import first_tokens, refuse_unlike
from genzoo.nn.embedding import Embedding
from genzoo.nn.masked import Growing, MaskedMLP

__all__ = ["MADE"]

FEW = 32  # levels up to which every one gets a logit


class MADE(Autoregressive):
    """A masked autoencoder for data of a fixed shape on any number of levels, entries in raster order.

    Two levels come in as ±1; more come in by a few numbers each from a table that is learned; all less their mean over
    the training rows. What is said of an entry is a logit for two levels, a logit for each of a few, and a mixture of
    discretized logistics for many: a softmax over 256 levels would make the last layer 17 times as large for what the
    mixture says with 15 numbers. Logits start from the frequencies of the training rows.

    Args:
        space: What one x is: levels, of a fixed shape.
        given_space: What the model is conditioned on, if anything.
        width: Units of a hidden layer.
        depth: Hidden layers.
        head: A logit for each level, a mixture of discretized logistics, or the one that suits their number.
        components: K, the logistics of a mixture.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete or is ragged, or columns are to have logistics.

    Example:
        >>> model = MADE(Space((1, 4, 4), levels=2), width=32)
        >>> x = model.sample(5, seed=0)
        >>> x.dtype, bool((model.log_prob(x) < 0).all())
        (torch.uint8, True)

    References:
        Germain, Gregor, Murray & Larochelle, 2015, "MADE: Masked autoencoder for distribution estimation",
        arXiv:1502.03509
    """

    by_column = True
    center: Tensor
    absent: Tensor | None

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        width: int = 512,
        depth: int = 2,
        head: Literal["auto", "categorical", "logistics"] = "auto",
        components: int = 5,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "MADE", ragged=False)
        if space.columns is not None and head == "logistics":
            raise ValueError(f"Levels of {space} are no order on a line, got head={head!r}. Take 'categorical'.")
        levels = space.levels or 0
        self.drop_given = drop_given
        self.head: Head
        if head == "logistics" or (head == "auto" and levels > FEW and space.columns is None):
            self.head = LogisticsHead(levels, components)
        else:
            self.head = CategoricalHead(levels, by_column=space.columns is not None)
        self.register_buffer("absent", None if space.columns is None else ~allowed(space), persistent=False)
        self.features = None if levels == 2 else nn.Embedding.from_pretrained(waves(levels, 4), freeze=False)
        self.embedding = Embedding(given_space, 32) if given_space else None
        across = 32 if given_space else 0
        self.net = MaskedMLP(
            space.dims, 1 if levels == 2 else 4, self.head.count, width=width, depth=depth, given=across
        )
        self.register_buffer("center", torch.zeros(space.dims, self.net.features))
        with torch.no_grad():
            self.net.last.bias.copy_(self.head.broad().repeat(space.dims))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Centers what comes in, and starts from each entry's frequencies."""
        tokens = first_tokens(batches, self.space)
        with torch.no_grad():
            self.center.zero_()
            total = torch.stack([self.features_of(part).sum(0) for part in tokens.split(500)]).sum(0)
            self.center.copy_(total / len(tokens))
            self.net.last.bias.copy_(self.head.marginal(tokens).flatten())

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens = flattened(x, self.space)
        said = self.net(self.features_of(tokens), self.embedded(given))
        said = said.float() if said.dtype == torch.bfloat16 else said
        return self.head(self.owned(said)).log_prob(tokens.to(said.dtype)).sum(1)

    def steps(self) -> Sequential:
        return Steps(self)

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"

    def owned(self, said: Tensor, entries: slice | int = slice(None)) -> Tensor:
        """What is said of entries, the levels that their columns lack being impossible."""
        return said if self.absent is None else said.masked_fill(self.absent[entries], -torch.inf)

    def features_of(self, tokens: Tensor, entries: slice = slice(None)) -> Tensor:
        """What the network sees of entries."""
        numbers = tokens[..., None].to(self.dtype) * 2 - 1 if self.features is None else self.features(tokens)
        return numbers - self.center[entries]


class Steps(Sequential):
    """A masked network entry by entry: what is known of the hidden units grows."""

    def __init__(self, model: MADE) -> None:
        self.model, self.space, self.symbols = model, model.space, model.space.levels or 0

    def begin(self, n: int, given: Given = NOTHING) -> tuple[Growing, Tensor]:
        growing = Growing(self.model.net, n, self.model.embedded(given))
        return growing, growing.first()

    def logits(self, state: tuple[Growing, Tensor]) -> Float[Tensor, "n symbols"]:
        growing, said = state
        return self.model.head.logits(self.model.owned(said.T, growing.known))

    def take(self, state: tuple[Growing, Tensor], symbol: Int[Tensor, " n"]) -> tuple[Growing, Tensor]:
        growing = state[0]
        entry = slice(growing.known, growing.known + 1)
        return growing, growing.tell(self.model.features_of(symbol[:, None], entry).squeeze(1).T)


def waves(levels: int, features: int) -> Float[Tensor, "levels features"]:
    """Levels as points on cosines of growing frequency, the first of them nearly a line: neighbours stay near.

    Example:
        >>> waves(256, 4).shape
        torch.Size([256, 4])
    """
    middle = (torch.arange(levels)[:, None] + 0.5) / levels
    return -math.sqrt(2) * (math.pi * middle * torch.arange(1, features + 1)).cos()
