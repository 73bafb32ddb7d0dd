"""Views: keyed by row, or by seed, epoch and row."""

import numpy as np
import pytest
import torch

from genzoo.core import Noise, Space
from genzoo.data import Data, DataError, read
from genzoo.data.augment import Augmented, parse
from genzoo.data.view import CHUNK, Windows, binarize

SPACE = Space((1, 4, 4), levels=256)
INDEX = torch.arange(20)


def grey(n: int = 400) -> torch.Tensor:
    return Noise(5).integers(256, n, 1, 4, 4).to(torch.uint8)


def seen(how: str, n: int = 400) -> Data:
    return read(grey(n), binarize=how)


def test_threshold_is_at_half() -> None:
    data = seen("threshold")
    assert data.x.equal((grey() >= 128).to(torch.uint8))
    assert data.space == Space((1, 4, 4), levels=2)
    digits = read("digits", binarize="threshold")
    assert digits.x.equal((read("digits").x >= 8).to(torch.uint8))


def test_static_depends_on_the_row_alone() -> None:
    few, many = seen("static", 100), seen("static", 400)
    assert few.x.equal(many.x[:100])
    assert many.view is None
    rows = many.train
    assert rows.gather(INDEX, seed=1, epoch=2)[0].equal(rows.gather(INDEX, seed=3, epoch=4)[0])


def test_static_does_not_depend_on_how_many_are_drawn_at_once() -> None:
    x = torch.full((CHUNK + 3, 1), 128, dtype=torch.uint8)
    whole = binarize(x, Space((1,), levels=256), "static")[0]
    assert whole[CHUNK:].equal((Noise(0, "binarize", start=CHUNK).uniform(3, 1) < 128 / 255).to(torch.uint8))


def test_dynamic_is_keyed_by_seed_epoch_and_row() -> None:
    rows = seen("dynamic").train
    first = rows.gather(INDEX, seed=1, epoch=2)[0]
    assert first.equal(rows.gather(INDEX, seed=1, epoch=2)[0])
    assert first[7:9].equal(rows.gather(INDEX[7:9], seed=1, epoch=2)[0])
    assert not first.equal(rows.gather(INDEX, seed=1, epoch=3)[0])
    assert not first.equal(rows.gather(INDEX, seed=2, epoch=2)[0])
    assert first.dtype == torch.uint8


def test_dynamic_validates_and_tests_on_one_draw() -> None:
    static, dynamic = seen("static"), seen("dynamic")
    assert dynamic.test.gather(INDEX, epoch=1)[0].equal(dynamic.test.gather(INDEX, epoch=2)[0])
    assert dynamic.test.fingerprint == static.test.fingerprint
    assert dynamic.train.fingerprint != static.train.fingerprint


def test_means_are_the_intensities() -> None:
    x = torch.arange(0, 256, 51).to(torch.uint8).repeat(4000, 1)
    drawn, _, view = binarize(x, Space((6,), levels=256), "dynamic")
    again = view.rows(torch.arange(4000), seed=0, epoch=0)
    for sample in (drawn, again):
        assert sample.float().mean(0).tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1], abs=0.03)
        assert sample[:, 0].max() == 0
        assert sample[:, 5].min() == 1


def test_splits_are_those_of_the_grey_images_and_the_fingerprint_is_not() -> None:
    plain, views = read(grey()), [seen(how) for how in ("static", "dynamic", "threshold")]
    for data in views:
        assert all(data.splits[name].equal(plain.splits[name]) for name in plain.splits)
    assert len({data.fingerprint for data in [plain, *views]}) == 4


def test_reals_in_the_unit_interval_can_be_binarized() -> None:
    x = torch.tensor([[0.2, 0.5]]).repeat(30, 1)
    assert read(x, binarize="threshold").x[0].tolist() == [0, 1]
    with pytest.raises(DataError, match=r"must lie in \[0, 1\], got \[-3"):
        read(x - 3.2, binarize="static")


def test_errors() -> None:
    with pytest.raises(DataError, match="Did you mean 'static'"):
        binarize(grey(), SPACE, "statik")
    with pytest.raises(DataError, match="must have no view yet"):
        read(seen("dynamic"), binarize="static")


# Augmentation


def augmented(how: str, n: int = 400) -> Data:
    return read(grey(n), augment=how)


def test_augmentation_is_keyed_by_seed_epoch_and_row() -> None:
    rows = augmented("flip,shift=1,crop=3").train
    first = rows.gather(INDEX, seed=1, epoch=2)[0]
    assert first.shape == (20, 1, 3, 3)
    assert first.equal(rows.gather(INDEX, seed=1, epoch=2)[0])
    assert first[7:9].equal(rows.gather(INDEX[7:9], seed=1, epoch=2)[0])
    assert not first.equal(rows.gather(INDEX, seed=1, epoch=3)[0])
    assert not first.equal(rows.gather(INDEX, seed=2, epoch=2)[0])


def test_a_flip_is_of_half_the_rows() -> None:
    data = augmented("flip", 3000)
    index = torch.arange(len(data.train))
    plain, seen_ = data.train.x, data.train.gather(index, seed=1)[0]
    same, turned = (plain == seen_).all(-1).all(-1).all(-1), (plain.flip(-1) == seen_).all(-1).all(-1).all(-1)
    assert (same | turned).all()
    assert turned.float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("edge", ["zero", "reflect"])
def test_every_shift_is_as_likely_and_brings_in_its_edge(edge: str) -> None:
    x = torch.arange(1, 17).to(torch.uint8).reshape(1, 1, 4, 4).repeat(4000, 1, 1, 1)
    drawn = Augmented(x, SPACE, parse(f"shift=1:{edge}")).rows(torch.arange(4000), seed=0, epoch=0)
    kinds, counts = drawn.flatten(1).unique(dim=0, return_counts=True)
    padded = np.pad(x[0, 0].numpy(), 1, mode="reflect" if edge == "reflect" else "constant")
    expected = sorted(padded[i : i + 4, j : j + 4].ravel().tolist() for i in range(3) for j in range(3))
    assert sorted(kinds.tolist()) == expected
    assert counts.tolist() == pytest.approx([4000 / 9] * 9, rel=0.2)


def test_a_crop_is_random_in_training_and_of_the_middle_elsewhere() -> None:
    data = augmented("crop=2")
    assert data.space == Space((1, 2, 2), levels=256)
    assert data.x.equal(grey()[:, :, 1:3, 1:3])
    assert data.test.gather(INDEX, epoch=1)[0].equal(data.test.x[INDEX])
    x = torch.arange(16).to(torch.uint8).reshape(1, 1, 4, 4).repeat(900, 1, 1, 1)
    drawn = Augmented(x, SPACE, parse("crop=2")).rows(torch.arange(900), seed=0, epoch=0)
    assert drawn[:, 0, 0, 0].unique().tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]


def test_augmentation_composes_with_binarization_and_both_are_in_the_fingerprint() -> None:
    plain, data = seen("dynamic"), read(grey(), binarize="dynamic", augment="shift=1")
    assert data.view.name == "binarize dynamic, augment shift=1"
    assert data.train.gather(INDEX)[0].unique().tolist() == [0, 1]
    marks = {d.train.fingerprint for d in (plain, data, seen("static"), read(grey(), augment="shift=1"), read(grey()))}
    assert len(marks) == 5
    assert data.test.fingerprint == plain.test.fingerprint
    assert all(data.splits[name].equal(plain.splits[name]) for name in plain.splits)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("flop", "Did you mean 'flip'"),
        ("shift", "Write flip, shift=2"),
        ("flip=3", "Write flip, shift=2"),
        ("shift=1:wrap", "Write flip, shift=2"),
        ("shift=4", "below the side 4"),
        ("crop=5", "within 4×4"),
        ("", "must be of flip"),
    ],
)
def test_errors_of_augmentation(how: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        augmented(how)


def test_only_images_are_augmented() -> None:
    with pytest.raises(DataError, match="Only images can be augmented"):
        read("ring", augment="flip")


# Windows


def test_windows_are_stretches_of_the_text_drawn_anew() -> None:
    ids = torch.arange(500)
    view = Windows(ids, 10)
    first = view.rows(INDEX, seed=1, epoch=2)
    assert first.shape == (20, 10)
    assert (first.diff(dim=1) == 1).all()
    assert first.equal(view.rows(INDEX, seed=1, epoch=2))
    assert first[3:5].equal(view.rows(INDEX[3:5], seed=1, epoch=2))
    assert not first.equal(view.rows(INDEX, seed=1, epoch=3))
    starts = view.rows(torch.arange(20_000), seed=0, epoch=0)[:, 0]
    assert (int(starts.min()), int(starts.max())) == (0, 490)
    assert starts.float().mean().item() == pytest.approx(245, abs=5)
    with pytest.raises(DataError, match="must hold a window of 501"):
        Windows(ids, 501)


# Pairs that are none


def test_tensors_can_be_unpaired() -> None:
    x = torch.arange(200).float()[:, None]
    data = read((x, x + 1000), paired=False)
    assert not data.paired
    index = torch.arange(len(data.train))
    (x0, given0), (x1, given1) = (data.train.gather(index, seed=3, epoch=epoch) for epoch in (0, 1))
    assert x0.equal(x1)
    assert not given0.equal(given1)
    assert given0.sort().values.equal(x0.flatten().sort().values + 1000)
    assert not data.valid.given.equal(data.valid.x.flatten() + 1000)
    assert data.fingerprint != read((x, x + 1000)).fingerprint
