"""Rows that cannot be read are left out when asked: their number is in the notes, and the rest keep their order."""

import struct
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genzoo.data import DataError, read
from genzoo.data.picture import png


def note(data) -> str:
    return next(note for note in data.notes if "left out" in note)


def test_rows_of_a_table_with_too_many_or_few_cells(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3\n5,6\n7,8,9\n10,11\n")
    with pytest.raises(DataError, match="must have 2 cells as the first has, got 1 in line 3"):
        read(path)
    data = read(path, skip_bad=True)
    assert data.x.tolist() == [[1, 2], [5, 6], [10, 11]]
    assert note(data) == "left out 2 of 5 that cannot be read (skip_bad)"
    assert data.skipped[1] == "x.csv, line 5: 3 cells where most lines have 2"


def test_cells_that_are_no_numbers_among_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,kind\n1.5,red\nx,blue\n3.5,7\n1e999,red\n")
    with pytest.raises(DataError, match="must hold finite numbers"):
        read(path)
    data = read(path, skip_bad=True)
    assert data.codec.cells(data.x) == {"a": ["1.5", "3.5"], "kind": ["red", "7"]}
    assert data.skipped[0] == "row 2: 'x' in column 'a', which holds numbers"
    assert note(data) == "left out 2 of 4 that cannot be read (skip_bad)"


def test_molecules_that_selfies_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "x.smi"
    path.write_text("CCO\nC1CC(=O)(=O)(=O)CCC\nC(\nhello\nCCN\n")
    with pytest.raises(DataError, match="got 1 that do not"):
        read(path, unit="selfies")
    data = read(path, unit="selfies", skip_bad=True)
    assert data.codec.texts(data.x) == ["CCO", "CCN"]
    assert note(data) == "left out 3 of 5 that cannot be read (skip_bad)"
    path.write_text("CCO\nC1CC(=O)(=O)(=O)CCC\n")
    with pytest.raises(DataError) as caught:
        read(path, unit="selfies")
    assert str(caught.value).endswith("got 'C1CC(=O)(=O)(=O)CCC' (failed to parse input). Leave it out.")


def test_sounds(tmp_path: Path) -> None:
    for i in range(3):
        with wave.open(str(tmp_path / f"{i}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.full(20, i, dtype="<i2").tobytes())
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    data = read(tmp_path, skip_bad=True)
    assert (data.x[:, 0] * 32768).tolist() == [0, 2]
    assert note(data) == "left out 1 of 3 that cannot be read (skip_bad)"


def test_pictures(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((2, 2), i, dtype=np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    data = read(tmp_path, skip_bad=True)
    assert (data.x[:, 0, 0, 0].tolist(), note(data)[:14]) == ([0, 2], "left out 1 of ")


def grey_with_alpha(array: np.ndarray) -> bytes:
    """A PNG of 16 bits with a channel of grey and one of alpha, which Pillow does not write."""
    height = len(array)
    lines = np.pad(array.astype(">u2").reshape(height, -1).view(np.uint8), ((0, 0), (1, 0)))
    whole = png(array[..., 0], is_deep=True)
    header = whole[16:24] + struct.pack(">5B", 16, 4, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b"")]
    parts = (struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks)
    return whole[:8] + b"".join(parts)


def test_grey_of_sixteen_bits_with_alpha(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 65536, (5, 4, 2))
    (tmp_path / "a.png").write_bytes(grey_with_alpha(array))
    data = read(tmp_path)
    assert (data.space.shape, data.space.levels) == ((4, 5, 4), 65536)
    grey, alpha = array[..., 0], array[..., 1]
    assert [channel.tolist() for channel in data.x[0]] == [grey.tolist()] * 3 + [alpha.tolist()]
    over_white = (grey * alpha + 65535 * (65535 - alpha) + 32767) // 65535
    assert read(tmp_path, color="grey").x[0, 0].tolist() == over_white.tolist()
    high = read(tmp_path, levels=256).x[0, 3].numpy()
    assert np.abs(high - alpha / 257).max() <= 0.5 + 1e-6


def test_rows_keep_the_numbers_of_the_file(tmp_path: Path) -> None:
    """Whatever was left out: lines of other widths, of empty cells, with an open quote, cells that are no number."""
    lines = ["report,,", "a,b,kind", "1.5,2,red", "2.5,oops,blue", "3.5,4,red,extra", "4.5,5,blue", ",,", '5.5,6,"red',
             "6.5,7,blue", "", "7.5,8,red", "8.5,9,blue"]  # fmt: skip
    path = tmp_path / "t.csv"
    path.write_text("\n".join(lines) + "\n")
    data = read(path, skip_bad=True)
    assert data.x[:, 0].tolist() == [1.5, 4.5, 6.5, 7.5, 8.5]
    assert data.numbers.tolist() == [0, 3, 6, 7, 8]
    assert sorted(data.skipped) == [
        "row 2: 'oops' in column 'b', which holds numbers",
        "t.csv, line 5: 4 cells where most lines have 3",
        "t.csv, line 8: a quote that is open",
    ]
    with pytest.raises(DataError, match=r"quotes are in pairs, got one in line 8 that is not .*skip_bad"):
        read(path)
    path = tmp_path / "m.smi"
    path.write_text("CCO\n???\nCC\n\nCCC\n")
    assert read(path, skip_bad=True).numbers.tolist() == [0, 2, 3]
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a cat"}\n{oops\n\n{"text": "a dog"}\n')
    assert read(path, skip_bad=True).numbers.tolist() == [0, 2]


def test_a_quote_over_lines_is_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,kind\n1.5,"red\nor not"\n2.5,blue\n3.5,blue,x\n4.5,blue\n')
    data = read(path, skip_bad=True)
    assert data.numbers.tolist() == [0, 1, 3]
    assert data.skipped == ("t.csv, line 5: 3 cells where most lines have 2",)
