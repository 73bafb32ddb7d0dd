"""Whatever bytes a file holds, reading it gives data or a `DataError`, never anything else."""

import contextlib
import gzip
import io
import struct
import tarfile
import wave
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
    elif ending == ".wav":
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(array.tobytes())
    elif ending == ".tgz":
        with tarfile.open(fileobj=buffer, mode="w:gz") as file:
            member = tarfile.TarInfo("train/a.csv")
            member.size = len(TEXTS[".csv"])
            file.addfile(member, io.BytesIO(TEXTS[".csv"]))
    elif ending.endswith(".gz"):
        return gzip.compress(TEXTS[ending.removesuffix(".gz")])
    elif ending in TEXTS:
        return TEXTS[ending]
    elif ending == "-ubyte":
        return struct.pack(">HBB3I", 0, 8, 3, 3, 4, 4) + array.tobytes()
    return buffer.getvalue()


NAMES = {"-ubyte": "train-images-idx3-ubyte"}
TEXTS = {
    ".csv": b"a,b,c\n1,2,3\n4,5,6\n",
    ".tsv": b"a\tb\n1\tred\n?\tblue\n4\tred\n",
    ".jsonl": b'{"text": "one", "n": 1}\n{"text": "two\\n", "n": null}\n',
    ".smi": b"CCO ethanol\nC[C@@H](Cl)Br x\n",
    ".txt": b"Ring the bells that still can ring\n" * 20,
}
ENDINGS = [*TEXTS, ".csv.gz", ".jsonl.gz", ".npy", ".npz", ".png", ".smi.gz", ".tgz", ".wav", "-ubyte"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_any_bytes(ending: str, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    path = folder / NAMES.get(ending, f"x{ending}")
    good = whole(ending)
    path.write_bytes(good)
    source = folder if ending in (".png", ".wav", "-ubyte") else path
    options = {"missing": "keep"} if ending == ".tsv" else {}
    assert isinstance(read(source, **options), Data)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.data())
    def damaged(data: st.DataObject) -> None:
        start = data.draw(st.integers(0, len(good)))
        end = data.draw(st.integers(start, min(len(good), start + 8)))
        path.write_bytes(good[:start] + data.draw(st.binary(max_size=8)) + good[end:])
        with contextlib.suppress(DataError):
            assert isinstance(read(source, **options), Data)

    damaged()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text("ab1-./:;,\t\n\"'? é", max_size=60), st.sampled_from(["error", "drop", "impute", "keep"]))
def test_any_table(tmp_path_factory: pytest.TempPathFactory, text: str, missing: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text)
    with contextlib.suppress(DataError):
        data = read(path, missing=missing)
        again = data.codec.load(data.codec.save(data.x, path))
        assert again.nan_to_num(-9.0).equal(data.x.nan_to_num(-9.0))


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
    assert read(tmp_path / "x.csv").x[0, 2].item() == 1e39, "kept in float64"
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,1e390\n")
    with pytest.raises(DataError, match="got '1e390' in row 1"):
        read(tmp_path / "x.csv")
