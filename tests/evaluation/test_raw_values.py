"""Rows as vectors in which no entry outweighs the others."""

import pytest
import torch

from genzoo.core import Column, Space
from genzoo.data import Rows
from genzoo.evaluation.raw_values import TableValues, plain_values

MIXED = Space((3,), columns=(Column("real"), Column("integer"), Column("categorical", 3)))


def rows(x: torch.Tensor, space: Space = MIXED) -> Rows:
    return Rows(x, None, torch.arange(len(x)), space)


def mixed(n: int) -> torch.Tensor:
    x = torch.stack([torch.linspace(-1, 1, n), torch.arange(n) % 10, torch.arange(n) % 3], dim=1).double()
    x[:, 1] += 10**9
    return x


def test_outliers_do_not_move_the_units() -> None:
    x = mixed(1000)
    wild = x.clone()
    wild[:10, :2] = 1e12
    a, b = plain_values(rows(x))(x[20:]), plain_values(rows(wild))(x[20:])
    assert (a - b).abs().max() < 0.1
    normal = torch.randn(20_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    seen = TableValues(Space((1,)), normal)(5 + 3 * normal)
    assert seen.std().item() == pytest.approx(3, rel=0.03)


def test_unlike_words_are_one_apart_whatever_their_places() -> None:
    eye, x = plain_values(rows(mixed(30))), mixed(3)
    x[:, :2] = x[0, :2]
    assert torch.cdist(eye(x), eye(x)).round(decimals=5).tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    assert eye.dims == eye(x).shape[1] == 5


def test_words_alone_are_seen_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    columns = (Column("categorical", 3), Column("categorical", 2))
    x = torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    assert TableValues(Space((2,), columns=columns), x)(x).shape == (2, 5)
    assert not recwarn.list


def test_columns_without_spread_count_for_nothing_and_spikes_have_their_deviation() -> None:
    x = torch.tensor([[7.0, 0, 0]] * 90 + [[7.0, 50, 1]] * 10).double()
    seen = plain_values(rows(x))(x)
    assert (seen[:, 0] == 0).all()
    assert seen[-1, 1].item() == pytest.approx(50 / 15, rel=1e-3)


def test_a_table_of_reals_is_seen_as_a_table() -> None:
    x = torch.randn(50, 4)
    assert plain_values(rows(x, Space((4,))), table=True).name.startswith("table values")
    assert plain_values(rows(x, Space((4,)))).name == "standardized values"
    codes = Space((2,), columns=(Column("categorical", 2), Column("ordered", 5)))
    assert plain_values(rows(torch.zeros(9, 2, dtype=torch.uint8), codes)).dims == 3
