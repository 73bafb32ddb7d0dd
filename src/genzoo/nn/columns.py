"""A network for each column of a table, which sees any of the other columns: all of them in a few matrix products."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu

__all__ = ["ColumnNets", "Tokens"]

SCALES = (3, 6, 12, 24, 48)  # knots of tents of growing fineness


class Tokens(nn.Module):
    """A vector for each token of a column; those of neighbours in an order move together,

    $$ v_k = f_k + \\sum_m \\Lambda_m(r_k)\\, c_m, $$

    Λ being tents of several widths over the places r_k ∈ [0, 1] of tokens.

    Args:
        count: The number of tokens.
        width: The length of the vectors.
        ordered: Whether there is an order; else v_k = f_k.
        scale: The deviation of f at the start.

    Example:
        >>> Tokens(5, 3, ordered=True)(torch.linspace(0, 1, 4)).shape
        torch.Size([4, 3])
    """

    def __init__(self, count: int, width: int, *, ordered: bool, scale: float = 0.0) -> None:
        super().__init__()
        self.free = nn.Parameter(scale * torch.randn(count, width))
        self.coarse = nn.Parameter(scale * torch.randn(sum(SCALES), width)) if ordered else None

    def forward(self, ranks: Float[Tensor, " used"]) -> Float[Tensor, "used width"]:
        """The vectors of the first tokens, whose places these are."""
        free = self.free[: len(ranks)]
        return free if self.coarse is None else free + tents(ranks.to(free.dtype)) @ self.coarse


def tents(ranks: Float[Tensor, " n"]) -> Float[Tensor, "n tents"]:
    """Tents of several widths at places in [0, 1]; those of one width add up to 1.

    Example:
        >>> tents(torch.tensor([0.0, 0.25]))[:, :3].tolist()
        [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
    """
    parts = []
    for count in SCALES:
        knots = torch.linspace(0, 1, count, dtype=ranks.dtype, device=ranks.device)
        parts.append((1 - (ranks[:, None] - knots).abs() * (count - 1)).clamp_min(0))
    return torch.cat(parts, dim=1)


class ColumnNets(nn.Module):
    """Logits of the tokens of every column given the tokens of some others, a residual perceptron for each,

    $$ h_j = a\\Big(b_j + \\sum_i m_{ji} W_{ji} v_{x_i}\\Big), \\quad h_j \\leftarrow h_j + U_j\\,a(h_j), \\quad
       \\ell_{jk} = w_{jk} \\cdot h_j + b_{jk}. $$

    What m leaves out is not seen, so the same weights answer for any set of known columns.

    Args:
        counts: The number of tokens of each column.
        ordered: Whether the tokens of each are in an order.
        width: The length of h.
        depth: The number of layers.
        features: The length of v.
        given: The length of the vector of a condition, 0 for none.

    Example:
        >>> nets = ColumnNets([3, 4], [False, True], width=8, depth=2, features=4)
        >>> ranks = [torch.linspace(0, 1, 3), torch.linspace(0, 1, 4)]
        >>> seen = torch.zeros(5, 2, 2, dtype=torch.bool)
        >>> logits = nets(nets.vectors(torch.zeros(5, 2, dtype=torch.int64), ranks), seen, ranks)
        >>> [tuple(part.shape) for part in logits]
        [(5, 3), (5, 4)]
    """

    def __init__(
        self,
        counts: Sequence[int],
        ordered: Sequence[bool],
        *,
        width: int,
        depth: int,
        features: int,
        given: int = 0,
    ) -> None:
        super().__init__()
        columns = len(counts)
        self.inputs = nn.ModuleList(
            Tokens(count, features, ordered=known, scale=1.0) for count, known in zip(counts, ordered, strict=True)
        )
        self.outputs = nn.ModuleList(
            Tokens(count, width, ordered=known) for count, known in zip(counts, ordered, strict=True)
        )
        self.biases = nn.ParameterList(torch.zeros(count) for count in counts)
        fan_in = columns * (features + 1)
        self.first = nn.Parameter(torch.randn(columns, fan_in, width) / math.sqrt(fan_in))
        self.shift = nn.Parameter(torch.zeros(columns, 1, width))
        self.given = nn.Parameter(torch.randn(columns, given, width) / math.sqrt(given)) if given else None
        self.layers = nn.ParameterList(
            nn.Parameter(torch.randn(columns, width, width) / math.sqrt(width)) for _ in range(depth - 1)
        )
        self.shifts = nn.ParameterList(torch.zeros(columns, 1, width) for _ in range(depth - 1))

    def tables(self, ranks: Sequence[Tensor]) -> list[Tensor]:
        """What is seen of the tokens of each column, and that it is seen; zeros, the last, of what is no token."""
        found = [part(rank) for part, rank in zip(self.inputs, ranks, strict=True)]
        return [nn.functional.pad(nn.functional.pad(each, (0, 1), value=1.0), (0, 0, 0, 1)) for each in found]

    def vectors(self, tokens: Int[Tensor, "B D"], ranks: Sequence[Tensor]) -> Float[Tensor, "B D vector"]:
        """What is seen of rows."""
        parts = zip(tokens.T, self.tables(ranks), strict=True)
        return torch.stack([table[_known(token, len(table) - 1)] for token, table in parts], dim=1)

    def forward(
        self,
        vectors: Float[Tensor, "B D vector"],
        seen: Bool[Tensor, "B D D"],
        ranks: Sequence[Tensor],
        given: Float[Tensor, "B given"] | None = None,
    ) -> list[Tensor]:
        """Logits of all columns; column j sees those i with seen[:, j, i]."""
        x = (vectors[:, None] * seen[..., None]).movedim(1, 0).flatten(2)
        h = self._hidden(x, slice(None), given)
        return [self._logits(part, j, ranks[j]) for j, part in enumerate(h)]

    def one(
        self,
        tokens: Int[Tensor, "B D"],
        column: int,
        ranks: Sequence[Tensor],
        given: Float[Tensor, "B given"] | None = None,
        *,
        seen: Sequence[int] | None = None,
        tables: Sequence[Tensor] | None = None,
    ) -> Float[Tensor, "B used"]:
        """Logits of one column, which sees all that there is.

        The first layer is a sum over columns of what their tokens bring to it, which is looked up: a part of the time
        that products of matrices would take.

        Args:
            tokens: Those of rows; what is no token is not seen.
            column: The column.
            ranks: Places of the tokens of all columns.
            given: The condition of rows.
            seen: The columns of which anything is there, by default all.
            tables: `tables(ranks)`, by default made.
        """
        tables = self.tables(ranks) if tables is None else tables
        seen = range(len(ranks)) if seen is None else seen
        if seen:
            weights = self.first[column].unflatten(0, (len(ranks), -1))
            brought = torch.cat([tables[i] @ weights[i] for i in seen])
            counts = [len(tables[i]) for i in seen]
            starts = torch.tensor([0, *counts[:-1]], device=tokens.device).cumsum(0)
            most = torch.tensor(counts, device=tokens.device) - 1
            h = _sums(brought, _known(tokens[:, list(seen)], most) + starts)
        else:
            h = self.shift.new_zeros(len(tokens), self.shift.shape[2])
        h = (h + self.shift[column])[None]
        return self._logits(self._deeper(h, slice(column, column + 1), given)[0], column, ranks[column])

    def _hidden(self, x: Tensor, columns: slice, given: Tensor | None) -> Float[Tensor, "columns B width"]:
        return self._deeper(torch.baddbmm(self.shift[columns], x, self.first[columns]), columns, given)

    def _deeper(self, h: Tensor, columns: slice, given: Tensor | None) -> Float[Tensor, "columns B width"]:
        if self.given is not None and given is not None:
            h = h + given @ self.given[columns]
        for layer, shift in zip(self.layers, self.shifts, strict=True):
            h = h + torch.baddbmm(shift[columns], silu(h), layer[columns])
        return silu(h)

    def _logits(self, h: Tensor, column: int, rank: Tensor) -> Float[Tensor, "B used"]:
        return torch.addmm(self.biases[column][: len(rank)], h, self.outputs[column](rank).T)


def _known(tokens: Int[Tensor, "*B"], count: Tensor | int) -> Int[Tensor, "*B"]:
    """Tokens, what is none as the number after the last."""
    return torch.where((tokens >= 0) & (tokens < count), tokens, count)


def _sums(rows: Float[Tensor, "n width"], which: Int[Tensor, "B k"]) -> Float[Tensor, "B width"]:
    """Σ of k rows of a table."""
    if torch.compiler.is_exporting():  # by operations that every format has
        return rows[which].sum(1)
    return nn.functional.embedding_bag(which, rows, mode="sum")
