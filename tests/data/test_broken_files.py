"""Whatever bytes a file holds, reading it gives data or a `DataError`, never anything else."""

import contextlib
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genzoo.data import Data, DataError, read


def whole(ending: str) -> bytes:
    """A small file that can be read."""
    buffer = io.BytesIO()
    array = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    if ending == ".png":
        Image.fromarray(array[0]).save(buffer, format="PNG")
    elif ending == ".npy":
        np.save(buffer, array)
    elif ending == ".npz":
        np.savez(buffer, x=array, label=array[:, 0, 0])
    elif ending == ".csv":
        return b"a,b,c\n1,2,3\n4,5,6\n"
    elif ending == "-ubyte":
        return struct.pack(">HBB3I", 0, 8, 3, 3, 4, 4) + array.tobytes()
    return buffer.getvalue()


NAMES = {"-ubyte": "train-images-idx3-ubyte"}


@pytest.mark.parametrize("ending", [".csv", ".npy", ".npz", ".png", "-ubyte"])
def test_any_bytes(ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    path = folder / NAMES.get(ending, f"x{ending}")
    good = whole(ending)
    path.write_bytes(good)
    source = folder if ending in (".png", "-ubyte") else path
    assert isinstance(read(source), Data)

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        start = data.draw(st.integers(0, len(good)))
        end = data.draw(st.integers(start, min(len(good), start + 8)))
        path.write_bytes(good[:start] + data.draw(st.binary(max_size=8)) + good[end:])
        with contextlib.suppress(DataError):
            assert isinstance(read(source), Data)

    damaged()


def test_a_header_that_claims_too_much(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3))
    with pytest.raises(DataError, match="must hold"):
        read(tmp_path)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)})
    (tmp_path / "x.npy").write_bytes(header.getvalue())
    with pytest.raises(DataError, match="plain NumPy arrays"):
        read(tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("x.npy", header.getvalue())
    with pytest.raises(DataError, match="plain NumPy arrays"):
        read(tmp_path / "x.npz")


def test_numbers_beyond_float32(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,1e39\n")
    with pytest.raises(DataError, match="got '1e39' in row 1"):
        read(tmp_path / "x.csv")
