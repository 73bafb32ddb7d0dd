"""Dead ends of one's own files: labels in a file of their own, tables called `.txt`, molecules in a table, pictures of
every usual kind, classes in several levels of folders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.core import Noise, Space
from genzoo.data import DataError, read

PIXELS = Noise(3).integers(256, 12, 8, 8).to(torch.uint8).numpy()
LABELS = np.arange(12) % 3
SMILES = ["CCO", "c1ccccc1Cl", "C[C@@H](N)O", "CCBr", "CC(=O)O", "CN"]


def pictures(folder: Path, names: list[str], form: str | None = None) -> Path:
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS[i % 12]).save(folder / name, format=form)
    return folder


@pytest.mark.parametrize("form", ["npy", "npz", "csv"])
def test_labels_of_an_array_in_a_file_of_their_own(tmp_path: Path, form: str) -> None:
    np.save(tmp_path / "images.npy", PIXELS)
    if form == "npy":
        np.save(tmp_path / "y.npy", LABELS)
    elif form == "npz":
        np.savez(tmp_path / "y.npz", label=LABELS)
    else:
        (tmp_path / "y.csv").write_text("label\n" + "\n".join(map(str, LABELS)) + "\n")
    data = read(tmp_path / "images.npy", labels=f"y.{form}", given="label")
    assert (data.space, data.given.tolist()) == (Space((1, 8, 8), levels=256), LABELS.tolist())
    assert data.origin["labels"] == f"y.{form}"


def test_a_folder_of_arrays_is_their_roles(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", PIXELS)
    np.save(tmp_path / "labels.npy", LABELS)
    assert read(tmp_path, given="labels").given.tolist() == LABELS.tolist()


def test_a_folder_of_two_splits_of_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", PIXELS)
    np.save(tmp_path / "test.npy", PIXELS[:5])
    assert len(read(tmp_path).test) == 5


def test_labels_of_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "p", [f"{i:02}.png" for i in range(12)])
    (tmp_path / "kinds.csv").write_text("name,kind\n" + "".join(f"{i:02}.png,{'ab'[i % 2]}\n" for i in range(12)))
    named = read(folder, labels=str(tmp_path / "kinds.csv"), given="kind")
    assert (named.given.tolist(), named.classes) == ([0, 1] * 6, {"": ["a", "b"]})
    np.save(tmp_path / "y.npy", LABELS)
    assert read(folder, labels=str(tmp_path / "y.npy"), given="label").given.tolist() == LABELS.tolist()
    np.save(tmp_path / "y.npy", LABELS[:5])
    with pytest.raises(DataError, match="each of 12 rows"):
        read(folder, labels=str(tmp_path / "y.npy"), given="label")


def test_columns_beside_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("v\n" + "".join(f"{i}.5\n" for i in range(12)))
    np.save(tmp_path / "y.npy", LABELS)
    assert read(tmp_path / "a.csv", labels="y.npy", given="label").given.tolist() == LABELS.tolist()
    (tmp_path / "b.csv").write_text("v\n" + "1\n" * 12)
    with pytest.raises(DataError, match=r"names of their own, got \['v'\]"):
        read(tmp_path / "a.csv", labels="b.csv")


def test_labels_must_be_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", PIXELS)
    with pytest.raises(DataError, match="must name a file, got 'no.npy'"):
        read(tmp_path / "x.npy", labels="no.npy")
    (tmp_path / "y.pt").write_bytes(b"")
    with pytest.raises(DataError, match="npz"):
        read(tmp_path / "x.npy", labels="y.pt")


@pytest.mark.parametrize(("ending", "form"), [
    ("bmp", "BMP"), ("tif", "TIFF"), ("tiff", "TIFF"), ("gif", "GIF"), ("jfif", "JPEG"), ("jpe", "JPEG")
])  # fmt: skip
def test_pictures_of_every_usual_kind(tmp_path: Path, ending: str, form: str) -> None:
    data = read(pictures(tmp_path, [f"{i}.{ending}" for i in range(3)], form))
    assert data.space == Space((3 if form == "GIF" else 1, 8, 8), levels=256)  # a GIF has a palette of colors
    if form != "JPEG":
        assert np.array_equal(data.x[:, 0].numpy(), PIXELS[:3])


def test_sixteen_bits_of_a_tiff(tmp_path: Path) -> None:
    deep = (PIXELS.astype(np.uint16) * 257)[:2]
    for i, plane in enumerate(deep):
        Image.fromarray(plane).save(tmp_path / f"{i}.tif")
    assert np.array_equal(read(tmp_path).x[:, 0].numpy(), deep)


def test_pages_are_refused(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(plane) for plane in PIXELS[:3]]
    first.save(tmp_path / "pages.tif", save_all=True, append_images=others)
    with pytest.raises(DataError, match="got several frames or pages"):
        read(tmp_path)


def test_files_of_other_kinds_are_said_to_be_left_out(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{i}.png" for i in range(3)])
    for name in ("a.heic", "b.heic", "c.svg", "README.md"):
        (tmp_path / name).write_bytes(b"")
    assert "left out files that are no pictures of a known kind: 2 .heic, 1 .svg" in read(tmp_path).notes


def test_classes_in_several_levels(tmp_path: Path) -> None:
    folder = pictures(tmp_path, [f"{a}/{b}/{i}.png" for a in ("cat", "dog") for b in ("in", "out") for i in range(3)])
    data = read(folder, given=["label", "label1", "label2"])
    assert data.classes == {
        "label": ["cat/in", "cat/out", "dog/in", "dog/out"], "label1": ["cat", "dog"], "label2": ["in", "out"]
    }  # fmt: skip
    assert read(folder, given="label1").given.tolist() == [0] * 6 + [1] * 6


@pytest.mark.parametrize("separator", ["\t", ";", ","])
def test_a_table_may_be_called_txt(tmp_path: Path, separator: str) -> None:
    lines = [("a", "b"), *((f"{i}.5", f"{i % 3}") for i in range(30))]
    (tmp_path / "t.txt").write_text("".join(f"{separator.join(line)}\n" for line in lines))
    assert read(tmp_path / "t.txt").codec.columns == ("a", "b")
    assert read(tmp_path / "t.txt", lines=True).codec.kind == "text"


def test_prose_is_no_table(tmp_path: Path) -> None:
    for text in (" 1.50  2.5 \n10.25 -3e-4\n" * 60, "# left right\n1.5 2.5\n3 4\n", "left right\n1.5 NaN\n3 4\n"):
        (tmp_path / "t.txt").write_text(text)
        found = read(tmp_path / "t.txt", missing="keep")
        assert (found.space.dims, float(found.x[0, 0])) == (2, 1.5), text
    (tmp_path / "t.txt").write_text("1 2 3\nfour 5 6\n" * 60)
    assert read(tmp_path / "t.txt").codec.kind == "text"
    (tmp_path / "t.csv").write_text("price\n" + "".join(f"{i} 234\n" for i in range(1, 99)))
    assert read(tmp_path / "t.csv").x[0].tolist() == [1234.0]
    (tmp_path / "t.txt").write_text("a, b\nc, d\n" * 60)
    assert read(tmp_path / "t.txt").codec.kind == "text"


@pytest.mark.parametrize("copies", [1, 30])
def test_molecules_of_a_table_are_molecules(tmp_path: Path, copies: int) -> None:
    rows = [f"{smiles},{i}.5\n" for i, smiles in enumerate(SMILES * copies)]
    (tmp_path / "t.csv").write_text("SMILES,weight\n" + "".join(rows))
    data = read(tmp_path / "t.csv", x="SMILES", given="weight")
    assert (data.codec.kind, data.codec.unit) == ("molecules", "atoms")
    assert "Br" in data.codec.tokens
    assert data.codec.texts(data.x[:6]) == SMILES
    assert read(tmp_path / "t.csv", x="SMILES", unit="chars").codec.kind == "text"


def test_a_column_that_names_its_rows_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,v\n" + "".join(f"p{i},{i}.5\n" for i in range(30)))
    assert any(note.startswith("column 'id' names its rows") for note in read(tmp_path / "t.csv").notes)
