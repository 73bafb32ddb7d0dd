"""Symbols as unit vectors keep their places, and a transformer looks where it is told."""

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Given, Space
from genzoo.nn import Hot, Infilling, Looks
from tests.zoo.entry import TEXT


class Same(nn.Module):
    """Says what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, t: Tensor, given: Given | None) -> Tensor:
        return x * self.scale


@pytest.mark.parametrize("shape", [(6,), (2, 3, 4)])
def test_unit_vectors_come_back_where_they_were(shape: tuple[int, ...]) -> None:
    tokens = torch.randint(0, 4, (5, torch.Size(shape).numel()))
    said = Hot(Same(), shape, symbols=3)(tokens, torch.ones(5))  # type: ignore[arg-type]
    seen = tokens < 3
    assert torch.equal(said.argmax(2)[seen], tokens[seen])
    assert torch.equal(said.sum(2), seen.float())


def stirred(**options: object) -> Infilling:
    torch.manual_seed(0)
    net = Infilling(4, 6, width=8, depth=2, heads=2, **options)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return net.double()


def reached(net: Infilling, looks: Looks | None, given: Given | None = None) -> Tensor:
    """(T, T) booleans: whether what is said at a place changes with the symbol at another."""
    tokens, t = torch.zeros(1, 6, dtype=torch.long), torch.ones(1, dtype=torch.float64)
    base = net(tokens, t, given, looks)[0]
    moved = [net(tokens.index_fill(1, torch.tensor([d]), 2), t, given, looks)[0] for d in range(6)]
    return torch.stack([(each - base).abs().amax(1) > 1e-9 for each in moved], 1)


@pytest.mark.parametrize("timed", [False, True])
def test_all_look_at_all_or_at_what_they_are_told(timed: bool) -> None:
    net, block = stirred(timed=timed), torch.arange(6) // 2
    assert reached(net, None).all()
    seen = block[:, None] >= block
    assert torch.equal(reached(net, Looks(seen)), seen)


def test_places_are_told_by_their_angles() -> None:
    """The same symbol at two places that are one: what is said there is the same."""
    net, places = stirred(), torch.tensor([0, 1, 2, 0, 1, 2])
    tokens = torch.tensor([[3, 1, 2, 3, 1, 2]])
    said = net(tokens, torch.ones(1), None, Looks(None, places))
    assert torch.allclose(said[:, :3], said[:, 3:])
    assert not torch.allclose(net(tokens, torch.ones(1))[:, :3], said[:, :3])


def test_what_is_not_there_of_a_condition_is_not_seen() -> None:
    spaces = {name: space if isinstance(space, Space) else Space((2,)) for name, space in TEXT.items()}
    net = stirred(given_space=spaces, timed=True)
    given = {"label": torch.tensor([1]), "words": torch.tensor([[0, 3, 3, 3]]), "angle": torch.zeros(1, 2).double()}
    said = net(torch.zeros(1, 6, dtype=torch.long), torch.ones(1).double(), given)
    with torch.no_grad():  # of the symbols after the end of a text
        net.prefix.parts[1].place[2:] += 1.0  # type: ignore[union-attr,index]
    assert torch.equal(said, net(torch.zeros(1, 6, dtype=torch.long), torch.ones(1).double(), given))
