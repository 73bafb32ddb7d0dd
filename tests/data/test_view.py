"""Binarized views: keyed by row, or by seed, epoch and row."""

import pytest
import torch

from genzoo.core import Noise, Space
from genzoo.data import Data, DataError, read
from genzoo.data.view import CHUNK, binarize

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
