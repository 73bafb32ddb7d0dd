"""Splits: by content, the source's own, and the tail of a text."""

import pytest
import torch

from genzoo.core import Noise
from genzoo.data import DataError, read
from genzoo.data.split import by_content, choose, complete, content_uniform, tail


def rows(n: int) -> torch.Tensor:
    return Noise(0).integers(256, n, 8).to(torch.uint8)


def where(splits: dict[str, torch.Tensor], n: int) -> list[str]:
    of = {int(i): name for name, index in splits.items() for i in index}
    return [of[i] for i in range(n)]


def test_every_row_is_in_one_split_and_shares_are_as_said() -> None:
    splits = by_content(rows(20_000)).splits
    assert torch.cat(list(splits.values())).sort().values.equal(torch.arange(20_000))
    assert [len(splits[name]) / 20_000 for name in ("train", "valid", "test")] == pytest.approx(
        [0.8, 0.1, 0.1], abs=0.01
    )


def test_rows_added_move_none_of_the_old() -> None:
    old, new = rows(500), torch.cat([rows(900)[500:], rows(500)])
    assert where(by_content(new).splits, 900)[400:] == where(by_content(old).splits, 500)


def test_identical_rows_share_a_split() -> None:
    twice = rows(300).repeat(2, 1)
    found = by_content(twice)
    splits = where(found.splits, 600)
    assert found.notes == ()
    assert splits[:300] == splits[300:]


def test_copies_of_few_different_rows_have_one_law_in_every_split() -> None:
    cells = torch.tensor([0] * 500 + [1] * 300 + [2] * 150 + [3] * 50)[:, None]
    x = cells[Noise(1).permutation(1000)]
    splits, notes = by_content(x)
    assert notes == ("rows repeat (4 different among 1,000), so copies of a row are spread over the splits",)
    law = cells.flatten().bincount() / 1000
    for name, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        assert len(splits[name]) / 1000 == pytest.approx(share, abs=0.01)
        assert (x[splits[name]].flatten().bincount(minlength=4) / len(splits[name]) - law).abs().max() < 0.03
    longer = torch.cat([x, x[:100]])
    assert where(by_content(longer).splits, 1100)[:1000] == where(splits, 1000), "rows added move none"
    own = choose({"train": torch.arange(900), "test": torch.arange(900, 1000)}, x)
    assert (x[own.splits["valid"]].flatten().bincount(minlength=4) / len(own.splits["valid"]) - law).abs().max() < 0.05
    assert "4 different among 900" in own.notes[0]


@pytest.mark.parametrize(("n", "sizes"), [(1, (1, 0, 0)), (3, (2, 1, 0)), (5, (3, 1, 1)), (60, (36, 12, 12))])
def test_few_rows_have_splits_that_can_be_used(n: int, sizes: tuple[int, int, int]) -> None:
    splits, notes = by_content(rows(n))
    assert all(abs(len(index) - size) <= n // 8 for index, size in zip(splits.values(), sizes, strict=True))
    assert bool(notes) == (n >= 5)
    equal = by_content(torch.zeros(n, 2)).splits
    assert all(abs(len(index) - size) <= 1 for index, size in zip(equal.values(), sizes, strict=True))
    if n == 60:
        assert where(splits, 60) == where(by_content(rows(61)).splits, 61)[:60], "rows added move none"


def test_no_split_of_few_rows_is_left_without_any() -> None:
    for seed in range(200):
        x = Noise(seed).integers(256, 12, 8)
        assert min(map(len, by_content(x).splits.values())) >= 1


def test_groups_stay_together(tmp_path) -> None:
    lines = "".join(f"s{i % 150},{i * 0.5},{i % 7}\n" for i in range(900))
    (tmp_path / "t.csv").write_text("subject,size,n\n" + lines)
    data = read(tmp_path / "t.csv", group="subject")
    assert data.codec.columns == ("size", "n")
    parts = [{int(2 * size) % 150 for size in data.split(name).x[:, 0]} for name in data.splits]
    assert all(parts)
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    with pytest.raises(DataError, match="`group` must name columns"):
        read(tmp_path / "t.csv", group="subjects")


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
