"""Codecs: file → space → file is exact where it can be."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genzoo.core import Noise, Space
from genzoo.data import (
    ArrayCodec,
    Codec,
    DataError,
    ImageCodec,
    PointsCodec,
    TableCodec,
    TextCodec,
    codec_from_json,
    read,
)
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.catalog import codec_for
from genzoo.data.codecs.sequences import SequenceCodec
from genzoo.data.columns import cells_of, read_columns, write_columns
from tests.characters import texts


def images(n: int, channels: int, levels: int, size: int = 9) -> torch.Tensor:
    return Noise(2).integers(levels, n, channels, size, size).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_to_space_to_png_is_exact(channels: int, tmp_path: Path) -> None:
    codec, x = ImageCodec(), images(5, channels, 256)
    paths = codec.save_each(x, tmp_path / "first")
    back = torch.cat([codec.load(path) for path in paths])
    assert back.equal(x)
    again = codec.save_each(back, tmp_path / "second")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    with Image.open(paths[0]) as image:
        assert image.mode == {1: "L", 3: "RGB", 4: "RGBA"}[channels]


@pytest.mark.parametrize("levels", [2, 3, 17, 200, 256])
def test_any_number_of_levels_is_spread_for_viewing_and_read_back(levels: int, tmp_path: Path) -> None:
    x = torch.arange(levels).to(torch.uint8).reshape(1, 1, 1, levels)
    codec = ImageCodec(levels)
    assert (int(codec.pixels(x).min()), int(codec.pixels(x).max())) == (0, 255)
    assert codec.load(codec.save(x, tmp_path / "x.png")).equal(x)


def test_reals_are_shown_between_zero_and_one() -> None:
    x = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0]).reshape(1, 1, 1, 5)
    assert ImageCodec(None).pixels(x).flatten().tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_grid_holds_every_image(channels: int, tmp_path: Path) -> None:
    x = images(7, channels, 256, size=40)
    with Image.open(ImageCodec().save(x, tmp_path / "grid.png")) as image:
        pixels = np.asarray(image)
    grid = pixels.reshape(3 * 41 + 1, 3 * 41 + 1, channels)
    for i, image in enumerate(x):
        top, left = 1 + i // 3 * 41, 1 + i % 3 * 41
        assert (grid[top : top + 40, left : left + 40] == image.permute(1, 2, 0).numpy()).all()
    assert (grid[0] == 255).all()
    assert (grid[-40:, -40:] == 255).all()


def test_small_images_are_enlarged_in_a_grid() -> None:
    picture = read("digits").codec.picture(read("digits").x[:4])
    assert picture.size == (2 * (32 + 2) + 2,) * 2


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"1, 3 or 4 channels, got \(1, 2, 3, 3\)"):
        ImageCodec().pixels(torch.zeros(1, 2, 3, 3))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_numbers_in_a_table_round_trip_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = tmp_path_factory.mktemp("table") / "x.csv"
    x = torch.tensor(values)[:, None]
    codec = TableCodec(("value",))
    assert codec.load(codec.save(x, path)).view(torch.int32).equal(x.view(torch.int32))


def test_cells_are_as_short_as_they_can_be(tmp_path: Path) -> None:
    cells = {"a, b": cells_of(np.array([0.1, 3.0, 1e-8], dtype=np.float32)), "n": cells_of(np.array([1, 2, 3]))}
    path = write_columns(tmp_path / "x.csv", [cells])
    assert path.read_text() == '"a, b",n\n0.1,1\n3,2\n1e-08,3\n'
    assert read_columns(path) == {"a, b": ["0.1", "3", "1e-08"], "n": ["1", "2", "3"]}


def test_a_table_of_integers_keeps_its_type(tmp_path: Path) -> None:
    x = torch.tensor([[0, 1], [1, 1]], dtype=torch.uint8)
    codec = TableCodec(("a", "b"), levels=2)
    assert codec.load(codec.save(x, tmp_path / "x.csv")).equal(x)
    assert codec.load(tmp_path / "x.csv").dtype == torch.uint8


def test_loading_a_table_without_a_column_names_the_nearest(tmp_path: Path) -> None:
    path = TableCodec(("width", "height")).save(torch.zeros(1, 2), tmp_path / "x.csv")
    with pytest.raises(DataError, match="Did you mean 'width'"):
        TableCodec(("widht",)).load(path)


def test_points_round_trip_and_are_drawn_where_they_are(tmp_path: Path) -> None:
    codec = PointsCodec(low=(0.0, 0.0), high=(1.0, 1.0))
    x = torch.tensor([[0.25, 0.75], [5.0, 5.0]])
    assert codec.load(codec.save(x, tmp_path / "x.csv")).equal(x)
    picture = np.asarray(codec.picture(x).convert("L")).astype(int)
    inside = picture[25:375, 25:375]
    y, x_ = np.unravel_index(inside.argmin(), inside.shape)
    assert (x_ + 25, y + 25) == pytest.approx((20 + 0.25 * 360, 20 + 0.25 * 360), abs=2)  # up is up
    assert (inside < 200).sum() < 30  # the far point is left out


def test_the_frame_holds_the_points() -> None:
    codec = PointsCodec.around(torch.tensor([[0.0, -2.0], [10.0, 2.0]]), ("a", "b"))
    assert (codec.columns, codec.low, codec.high) == (("a", "b"), (-0.5, -2.2), (10.5, 2.2))
    assert codec.picture(torch.zeros(0, 2)) is not None


@given(texts(50))
@settings(max_examples=50, deadline=None)
def test_text_round_trips_as_bytes(text: str) -> None:
    codec = TextCodec()
    assert codec.texts(codec.ids(text)[None]) == [text]


def test_text_round_trips_through_an_alphabet_and_a_file(tmp_path: Path) -> None:
    codec = TextCodec("\nabé")
    x = torch.stack([codec.ids("ab\né"), codec.ids("é\nba")])
    assert codec.load(codec.save(x, tmp_path / "x.txt")).equal(x)
    assert codec.texts(torch.tensor([[1, 2, 4, 4]])) == ["ab"]  # padding
    with pytest.raises(DataError, match=r"must be in the alphabet, got \['z'\]"):
        codec.ids("zab")


def test_arrays_round_trip(tmp_path: Path) -> None:
    x = Noise(0).normal(3, 2, 2, 2)
    path = ArrayCodec().save(x, tmp_path / "x.bin")
    assert path == tmp_path / "x.bin"
    assert ArrayCodec().load(path).equal(x)


@pytest.mark.parametrize(
    "codec",
    [
        ImageCodec(17),
        TableCodec(("a", "b"), 3),
        PointsCodec(("u", "v"), (0.0, 1.0), (2.0, 3.0)),
        TextCodec("ab"),
        ArrayCodec(),
    ],
    ids=lambda codec: codec.kind,
)
def test_json(codec: Codec) -> None:
    assert codec_from_json(json.loads(json.dumps(codec.to_json()))) == codec


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="Did you mean 'image'"):
        codec_from_json({"kind": "imag"})


def test_codecs_for_spaces() -> None:
    def kind(*shape: int, levels: int | None = None) -> str:
        return codec_for(torch.zeros(2, *shape), Space(shape, levels=levels)).kind

    assert [kind(3, 8, 8, levels=256), kind(2), kind(5), kind(2, levels=4), kind(3, 8, 8), kind(2, 2)] == [
        "image",
        "points",
        "table",
        "table",
        "image",
        "array",
    ]


NAMED = Noise(5).normal(23, 2)
PARTED = {
    "images": (ImageCodec(), images(23, 3, 256)),
    "deep images": (ImageCodec(1000), Noise(3).integers(1000, 23, 1, 5, 7).to(torch.int16)),
    "one image": (ImageCodec(), images(1, 1, 256)),
    "table": (TableCodec(("a", "b"), whole=("a",)), NAMED),
    "points": (PointsCodec.around(NAMED), NAMED),
    "array": (ArrayCodec(), Noise(4).normal(23, 2, 3, 1, 2)),
    "texts": (TextCodec("ab\n"), Noise(6).integers(3, 23, 9)),
    "lines": (TextCodec("abc", lines=True), Noise(6).integers(4, 23, 9)),
    "sounds": (SoundCodec(100), Noise(7).normal(23, 40)),
    "sequences": (SequenceCodec(("u", "v")), Noise(8).normal(23, 4, 2)),
}


@pytest.mark.parametrize("name", PARTED)
def test_rows_that_come_in_parts_make_the_file_of_all_of_them(name: str, tmp_path: Path) -> None:
    codec, x = PARTED[name]
    whole = codec.save(x, tmp_path / f"whole{codec.suffix}")
    parts = codec.save_parts(iter(x.split(5)), len(x), tmp_path / f"parts{codec.suffix}")
    assert whole.read_bytes() == parts.read_bytes()


def test_a_wav_that_would_be_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genzoo.data.codecs.audio.LARGEST", 1000)
    with pytest.raises(DataError, match="less than 4 GiB, got 23 sounds"):
        SoundCodec(100).save(Noise(7).normal(23, 40), tmp_path / "x.wav")


def test_numbers_are_spelled_as_numpy_spells_them() -> None:
    noise = Noise(3)
    sizes = 10.0 ** (40 * noise.uniform(3000, dtype=torch.float64) - 20)
    reals = torch.cat(
        [sizes * noise.normal(3000, dtype=torch.float64), torch.tensor([torch.nan, -0.0, 1e16, torch.inf])]
    )
    for values in (reals.numpy(), reals[:50].round().numpy(), np.array([3.0, -7.0, 0.0]), np.array([-0.0, 2.0])):
        plain = [cell.removesuffix(".0") for cell in values.astype(np.str_).tolist()]
        assert cells_of(values) == ["" if cell == "nan" else cell for cell in plain]


@pytest.mark.parametrize("cell", ["plain", "a,b", 'say "so"', "two\nlines", "", "ends\r"])
def test_columns_are_written_with_quotes_where_they_need_them(cell: str, tmp_path: Path) -> None:
    for columns in ({"a": ["1", cell], "b": ["x", "y"]}, {"a": [cell, "z"]}):
        expected = io.StringIO()
        csv.writer(expected, lineterminator="\n").writerows([list(columns), *zip(*columns.values(), strict=True)])
        written = write_columns(tmp_path / "cells.csv", [columns]).read_bytes()
        assert written.decode() == expected.getvalue()
