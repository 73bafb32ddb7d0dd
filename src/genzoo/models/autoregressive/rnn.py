"""A recurrent network over symbols.

$$ h_t = f(h_{t-1}, x_{t-1}, given), \\qquad p(x_t \\mid x_{<t}, given) = \\mathrm{softmax}(W h_t + b). $$

All that has come before stands in one vector h, so a further symbol costs the same however many came before it.
"""

import contextlib
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from genzoo.core.abilities import Sequential
from genzoo.core.given import NOTHING, Given, GivenSpaceLike
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.autoregressive.autoregressive import Autoregressive
from genzoo.models.sequences import read, refuse_unlike, scored, symbols
from genzoo.nn.embedding import Embedding

__all__ = ["RNN"]


class RNN(Autoregressive):
    """A recurrent network on symbols: letters, notes, SMILES, pixels; lengths may vary.

    A condition is a vector that is added to every symbol's.

    Args:
        space: What one x is: levels, of a fixed shape or ragged.
        given_space: What the model is conditioned on, if anything.
        cell: Long short-term memory, or the gated recurrent unit, which has three gates' weights for its four.
        width: The length of h, and of the vectors of symbols.
        depth: Networks one above the other.
        dropout: The share of numbers between them, and before the softmax, dropped in training.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Raises:
        ValueError: If the space is not discrete.

    Example:
        >>> model = RNN(Space((12,), levels=27, ragged=True), width=16)
        >>> x = model.sample(5, seed=0, prefix=torch.tensor([3, 1]))
        >>> x.shape, bool((model.log_prob(x) < 0).all())
        (torch.Size([5, 12]), True)

    References:
        Hochreiter & Schmidhuber, 1997, "Long short-term memory"
        Cho et al., 2014, "Learning phrase representations using RNN encoder–decoder", arXiv:1406.1078 (the unit)
        Graves, 2013, "Generating sequences with recurrent neural networks", arXiv:1308.0850
    """

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike = None,
        *,
        cell: Literal["lstm", "gru"] = "lstm",
        width: int = 256,
        depth: int = 1,
        dropout: float = 0.0,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        refuse_unlike(space, "RNN")
        self.drop_given = drop_given
        self.table = nn.Embedding(1 + (space.levels or 0), width)  # the last one starts
        self.embedding = Embedding(given_space, width) if given_space else None
        kind = nn.LSTM if cell == "lstm" else nn.GRU
        self.net = kind(width, width, depth, batch_first=True, dropout=dropout if depth > 1 else 0.0)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, symbols(space))
        nn.init.zeros_(self.head.weight)  # at first every symbol is as likely

    def log_density(self, x: Integer[Tensor, "B *event"], given: Given, noise: Noise) -> Float[Tensor, " B"]:
        tokens = read(x, self.space)
        before = torch.cat([self.start(len(tokens))[:, None], tokens[:, :-1]], dim=1)
        with torch.autocast(x.device.type, enabled=False) if _lacks_half(x.device) else contextlib.nullcontext():
            h, _ = self.net(self.read(before, self.embedded(given)))
        return scored(self.head(self.drop(h)), tokens, self.space)

    def steps(self) -> Sequential:
        return Steps(self)

    def start(self, n: int) -> Int[Tensor, " n"]:
        """The start symbol, for each row."""
        return torch.full((n,), self.space.levels or 0, device=self.device)

    def read(self, tokens: Int[Tensor, "B T"], told: Float[Tensor, "B width"] | None) -> Float[Tensor, "B T width"]:
        """What the network reads: symbols and the condition."""
        vectors = self.table(tokens)
        return vectors if told is None else vectors + told[:, None]

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}"


class Memory(NamedTuple):
    """What a recurrent network remembers.

    Attributes:
        said: The last network's h, from which the next symbol is told.
        hidden: h of all networks, and of an LSTM the cells beside it.
        told: The condition as a vector.
    """

    said: Tensor
    hidden: Any
    told: Tensor | None


def _lacks_half(device: torch.device) -> bool:
    """Whether recurrent networks cannot be computed in half precision: oneDNN has none for older processors."""
    return device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported()


class Steps(Sequential):
    """A recurrent network symbol by symbol: all that has come stands in h."""

    def __init__(self, model: RNN) -> None:
        self.model, self.space, self.symbols = model, model.space, symbols(model.space)

    def begin(self, n: int, given: Given = NOTHING) -> Memory:
        return self._read(self.model.start(n), None, self.model.embedded(given))

    def logits(self, state: Memory) -> Float[Tensor, "n symbols"]:
        return self.model.head(state.said)

    def take(self, state: Memory, symbol: Int[Tensor, " n"]) -> Memory:
        return self._read(symbol, state.hidden, state.told)

    def _read(self, symbol: Tensor, hidden: Any, told: Tensor | None) -> Memory:
        h, hidden = self.model.net(self.model.read(symbol[:, None], told), hidden)
        return Memory(h.squeeze(1), hidden, told)
