"""Splits: by content, the source's own, and the tail of a text."""

import pytest
import torch

from genzoo.core import Noise
from genzoo.data import DataError
from genzoo.data.split import by_content, complete, content_uniform, tail


def rows(n: int) -> torch.Tensor:
    return Noise(0).integers(256, n, 8).to(torch.uint8)


def where(splits: dict[str, torch.Tensor], n: int) -> list[str]:
    of = {int(i): name for name, index in splits.items() for i in index}
    return [of[i] for i in range(n)]


def test_every_row_is_in_one_split_and_shares_are_as_said() -> None:
    splits = by_content(rows(20_000))
    assert torch.cat(list(splits.values())).sort().values.equal(torch.arange(20_000))
    assert [len(splits[name]) / 20_000 for name in ("train", "valid", "test")] == pytest.approx(
        [0.8, 0.1, 0.1], abs=0.01
    )


def test_rows_added_move_none_of_the_old() -> None:
    old, new = rows(500), torch.cat([rows(900)[500:], rows(500)])
    assert where(by_content(new), 900)[400:] == where(by_content(old), 500)


def test_identical_rows_share_a_split() -> None:
    twice = rows(300).repeat(2, 1)
    splits = where(by_content(twice), 600)
    assert splits[:300] == splits[300:]


def test_the_hash_sees_values_not_layout() -> None:
    x = rows(50)
    assert content_uniform(x).equal(content_uniform(x.t().contiguous().t()))
    assert not content_uniform(x).equal(content_uniform(x, "other purpose"))
    assert content_uniform(torch.zeros(3, 0)).unique().numel() == 1


def test_own_test_only_lets_a_tenth_of_train_validate() -> None:
    x = rows(5_000)
    splits = complete({"train": torch.arange(4_000), "test": torch.arange(4_000, 5_000)}, x)
    assert list(splits) == ["train", "valid", "test"]
    assert splits["test"].equal(torch.arange(4_000, 5_000))
    assert len(splits["valid"]) / 4_000 == pytest.approx(0.1, abs=0.02)
    assert torch.cat([splits["train"], splits["valid"]]).sort().values.equal(torch.arange(4_000))


def test_own_splits_are_kept() -> None:
    own = {"valid": torch.tensor([3]), "test": torch.tensor([0]), "train": torch.tensor([1, 2])}
    assert {name: index.tolist() for name, index in complete(own, rows(4)).items()} == {
        "train": [1, 2],
        "valid": [3],
        "test": [0],
    }
    with pytest.raises(DataError, match="must have 'train'"):
        complete({"test": torch.tensor([0])}, rows(1))


@pytest.mark.parametrize("n", [10, 11, 25, 1000])
def test_the_tail_of_a_text_is_held_out(n: int) -> None:
    splits = tail(n)
    assert torch.cat(list(splits.values())).equal(torch.arange(n))
    assert len(splits["train"]) == n - -(-n // 10)
    assert len(splits["test"]) <= len(splits["valid"]) <= len(splits["test"]) + 1
