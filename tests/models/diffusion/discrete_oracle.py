"""A law on few symbols, and a network that knows it."""

import itertools

import torch
from torch import Tensor, nn

from genzoo.core import Given, Space

THREE = Space((3,), levels=2)


def a_law(space: Space, seed: int = 0, sharp: float = 1.5) -> Tensor:
    """Some law on all rows, in the order of `genzoo.testing.density.every`."""
    generator = torch.Generator().manual_seed(seed)
    count = (space.levels or 1) ** space.dims
    return (sharp * torch.randn(count, generator=generator, dtype=torch.float64)).softmax(0)


class Knowing(nn.Module):
    """log p(x_d | x_t) by Bayes' rule from a sum over all rows.

    Entries are kept with probability α(t) or drawn anew: hidden, or any symbol alike.
    """

    def __init__(self, space: Space, law: Tensor, uniform: bool = False) -> None:
        super().__init__()
        levels = range(space.levels or 1)
        self.register_buffer("all_rows", torch.tensor(list(itertools.product(levels, repeat=space.dims))))
        self.register_buffer("law", law)
        self.levels, self.uniform, self.seen = space.levels or 1, uniform, 0
        self.unused = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def kept(self, t: Tensor) -> Tensor:
        """α at a time."""
        return 1 - t.double()

    def forward(self, tokens: Tensor, t: Tensor, given: Given | None = None) -> Tensor:
        self.seen += 1
        rows: Tensor = self.all_rows
        same = tokens[:, None] == rows
        if self.uniform:
            alpha = self.kept(t)[:, None, None]
            fits = (alpha * same + (1 - alpha) / self.levels).prod(2)
        else:
            fits = (same | (tokens[:, None] == self.levels)).all(2).double()
        joint = fits * self.law
        each = [joint[:, rows[:, d] == k].sum(1) for d in range(rows.shape[1]) for k in range(self.levels)]
        said = torch.stack(each, 1).reshape(*tokens.shape, self.levels)
        return (said + self.unused).clamp_min(1e-300).log()


def share_of(rows: Tensor, drawn: Tensor) -> Tensor:
    """How often each row was drawn."""
    return torch.stack([(drawn == row).flatten(1).all(1).double().mean() for row in rows])


def variation(p: Tensor, q: Tensor) -> float:
    """Half the sum of all differences."""
    return ((p - q).abs().sum() / 2).item()
