"""`read`: every kind of source, its roles, and what it says when something is wrong."""

import dataclasses
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.core import Column, Noise, Space
from genzoo.data import Data, DataError, read, toy
from genzoo.data.source import READERS, Asked, Options


def pixels(n: int, *shape: int) -> np.ndarray:
    return Noise(4).integers(256, n, *shape).to(torch.uint8).numpy()


# Embedded data


def test_digits() -> None:
    data = read("digits", given="label")
    assert data.space == Space((1, 8, 8), levels=17)
    assert (data.x.shape, data.x.dtype) == ((1797, 1, 8, 8), torch.uint8)
    assert (int(data.x.min()), int(data.x.max())) == (0, 16)
    assert data.given_space == Space((), levels=10)
    assert data.given.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.classes == {"": [str(k) for k in range(10)]}
    assert [len(rows) for rows in (data.train, data.valid, data.test)] == [1469, 168, 160]
    assert read("digits").given is None


def test_labels_are_data_too() -> None:
    turned, plain = read("digits", x="label", given="image"), read("digits", given="label")
    assert (turned.space, turned.given_space) == (Space((1,), levels=10), plain.space)
    assert torch.equal(turned.x[:, 0].long(), plain.given)
    assert torch.equal(turned.given, plain.x)
    assert all(torch.equal(turned.splits[name], plain.splits[name]) for name in plain.splits)
    assert turned.codec.cells(turned.x[:2]) == {"label": ["0", "1"]}


def test_labels_among_arrays_are_data_too() -> None:
    arrays = {"images": pixels(20, 4, 4), "label": np.arange(20) % 3}
    turned, plain = read(arrays, x="label", given="images"), read(arrays, given="label")
    assert turned.space == Space((1,), levels=3)
    assert torch.equal(turned.x[:, 0].long(), plain.given)
    assert all(torch.equal(turned.splits[name], plain.splits[name]) for name in plain.splits)


def test_everything_else_is_given(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(
        "age,kind,pay\n" + "".join(f"{i}.5,{'ab'[i % 2]},{'low' if i % 3 else 'high'}\n" for i in range(9))
    )
    data = read(table, x="pay", given="*")
    assert data.space == Space((1,), levels=2)
    assert data.given_space == {"age": Space(()), "kind": Space((), levels=2)}
    assert list(read("digits", x="label", given="*").given) == ["image"]
    assert list(read({"x": torch.zeros(5, 2), "a": torch.arange(5)}, given="*").given) == ["a"]


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    theirs = load_digits()
    data = read("digits", given="label")
    assert data.x[:, 0].numpy().astype(float).tolist() == theirs.images.tolist()
    assert data.given.tolist() == theirs.target.tolist()


def test_verse() -> None:
    data = read("verse", window=50)
    text = "".join(data.codec.texts(data.x))
    assert text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
    assert len(data.x) == len(text) // 50
    assert [len(rows) for rows in (data.train, data.valid, data.test)] == [1778, 99, 99]
    assert "".join(data.codec.texts(data.test.x)) == text[-99 * 50 :]


@pytest.mark.parametrize("name", toy.names())
def test_toys_are_finite_samples_that_stay_the_same(name: str) -> None:
    data = read(name)
    assert [len(rows) for rows in (data.train, data.valid, data.test)] == [16_000, 2_000, 2_000]
    assert data.x[:10].equal(toy.density(name).draw(10, Noise(0, "toy", name)))
    assert data.fingerprint == read(name).fingerprint


# Tensors


def test_a_tensor_of_reals() -> None:
    data = read(torch.arange(40, dtype=torch.float64).reshape(20, 2))
    assert (data.space, data.x.dtype, data.codec.kind) == (Space((2,)), torch.float32, "points")


def test_bytes_become_images_with_channels_first() -> None:
    assert read(pixels(5, 8, 8)).space == Space((1, 8, 8), levels=256)
    assert read(torch.from_numpy(pixels(5, 3, 8, 8))).space == Space((3, 8, 8), levels=256)
    last = read(pixels(5, 8, 8, 3))
    assert last.space == Space((3, 8, 8), levels=256)
    assert last.x[2, :, 4, 6].tolist() == pixels(5, 8, 8, 3)[2, 4, 6].tolist()


def test_integers_say_their_levels() -> None:
    x = torch.tensor([[0, 6], [3, 2]])
    assert read(x, levels=7).x.dtype == torch.uint8
    assert read(x > 2).space == Space((2,), levels=2)
    with pytest.raises(DataError, match="Pass `levels=`"):
        read(x[:, None])
    with pytest.raises(DataError, match=r"must lie in \[0, 5\), got \[0, 6\]"):
        read(x, levels=5)
    with pytest.raises(DataError, match="whole numbers"):
        read(x / 4, levels=5)


def test_integers_in_flat_rows_are_whole_numbers() -> None:
    data = read(torch.tensor([[-3, 10**12], [5, 10**12 + 1]]))
    assert data.space.columns == (Column("integer"),) * 2
    assert data.codec.cells(data.x) == {"x1": ["-3", "5"], "x2": ["1000000000000", "1000000000001"]}
    assert "levels=" in data.notes[0]
    assert read(torch.tensor([[-3.0, 2.0]])).space == Space((2,)), "floats are reals, whatever they hold"


def test_doubles_stay_apart_where_float32_would_merge_them() -> None:
    julian = 2459000.5 + torch.arange(100.0, dtype=torch.float64)[:, None] / 1440
    data = read(julian)
    assert len(data.x.unique()) == 100
    assert data.space.is_real
    assert "float64" in data.notes[0]
    assert read(torch.randn(100, 3, dtype=torch.float64)).space == Space((3,)), "rounding that does not matter"


def test_a_pair_brings_its_condition() -> None:
    x, label, age = torch.randn(30, 3), torch.arange(30) % 4, torch.rand(30)
    single = read((x, label))
    assert (single.given_space, single.given.tolist()) == (Space((), levels=4), label.tolist())
    both = read((x, {"label": label, "age": age}))
    assert both.given_space == {"label": Space((), levels=4), "age": Space(())}
    assert read((x, {"label": label, "age": age}), given="age").given.equal(age)
    assert read((x, None)).given is None


def test_a_mapping_names_roles() -> None:
    arrays = {"x": torch.randn(30, 3), "label": np.arange(30) % 3, "word": np.array(["red", "blue"] * 15)}
    assert read(arrays).given is None
    data = read(arrays, given=["label", "word"])
    assert sorted(data.given) == ["label", "word"]
    assert data.classes == {"label": ["0", "1", "2"], "word": ["blue", "red"]}
    x, given = data.train.gather(torch.tensor([3, 1]))
    numbers = data.splits["train"][[3, 1]]
    assert x.equal(arrays["x"][numbers])
    assert given["label"].tolist() == (numbers % 3).tolist()
    assert given["word"].tolist() == (1 - numbers % 2).tolist()


def test_errors_about_tensors() -> None:
    with pytest.raises(DataError, match="there, got 1 of 2 rows"):
        read(torch.tensor([[1.0], [torch.nan]]))
    with pytest.raises(DataError, match="expected 4, got 3"):
        read((torch.randn(4, 1), torch.zeros(3).long()))
    with pytest.raises(DataError, match="class numbers from 0"):
        read((torch.randn(2, 1), torch.tensor([-1, 0])))
    with pytest.raises(DataError, match="must have rows"):
        read(torch.zeros(0, 2))
    with pytest.raises(DataError, match="Did you mean 'label'"):
        read({"x": torch.randn(4, 1), "label": torch.zeros(4).long()}, given="lable")
    with pytest.raises(DataError, match=r"One array must be x, got \['a', 'b'\]"):
        read({"a": torch.randn(4, 1), "b": torch.randn(4, 1)})


# NumPy files


def test_npy_and_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", pixels(6, 8, 8))
    assert read(tmp_path / "images.npy").space == Space((1, 8, 8), levels=256)
    np.savez(
        tmp_path / "own.npz",
        train_images=pixels(40, 8, 8),
        train_labels=np.arange(40)[:, None] % 3,
        val_images=pixels(5, 8, 8),
        val_labels=np.zeros((5, 1), dtype=int),
        test_images=pixels(7, 8, 8),
        test_labels=np.ones((7, 1), dtype=int),
    )
    data = read(tmp_path / "own.npz", given="labels")
    assert [len(rows) for rows in (data.train, data.valid, data.test)] == [40, 5, 7]
    assert data.test.given.tolist() == [1] * 7
    np.savez(tmp_path / "keras.npz", x_train=pixels(40, 8, 8), y_train=np.arange(40), x_test=pixels(4, 8, 8))
    assert len(read(tmp_path / "keras.npz").test) == 4
    with pytest.raises(DataError, match="must have the splits of x"):
        read(tmp_path / "keras.npz", given="y")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "objects.npz", x=np.array([{}, []], dtype=object))
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 no more")
    for name in ("objects.npy", "objects.npz", "torn.npz"):
        with pytest.raises(DataError, match="plain NumPy arrays"):
            read(tmp_path / name)


# IDX


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def idx_folder(folder: Path, n: int = 60) -> Path:
    for split, k in (("train", n), ("t10k", 12)):
        with gzip.open(folder / f"{split}-images-idx3-ubyte.gz", "wb") as file:
            file.write(idx(pixels(k, 5, 4)))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx(np.arange(k) % 3))
    return folder


def test_idx_pairs(tmp_path: Path) -> None:
    data = read(idx_folder(tmp_path), given="label")
    assert (data.space, data.given_space) == (Space((1, 5, 4), levels=256), Space((), levels=3))
    assert len(data.train) + len(data.valid) == 60
    assert len(data.valid) > 0
    assert data.test.x[:, 0].numpy().tolist() == pixels(12, 5, 4).tolist()
    assert data.test.given.tolist() == [0, 1, 2] * 4


def test_a_bare_name_lies_below_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny-mnist").mkdir()
    idx_folder(tmp_path / "tiny-mnist")
    monkeypatch.setenv("GENZOO_DATA", str(tmp_path))
    assert read("tiny-mnist").name == "tiny-mnist"
    with pytest.raises(DataError, match="Did you mean 'tiny-mnist'"):
        read("tiny-minst")
    monkeypatch.delenv("GENZOO_DATA")
    with pytest.raises(DataError, match="Set GENZOO_DATA"):
        read("tiny-mnist")


def test_broken_idx(tmp_path: Path) -> None:
    idx_folder(tmp_path)
    path = tmp_path / "train-labels-idx1-ubyte"
    whole = path.read_bytes()
    for broken, message in (
        (whole[:-1], "60 bytes of values as it says, got 59"),
        (whole + b"\0", "got more"),
        (b"\1" + whole[1:], "must begin as IDX does"),
        (whole[:3], "must be a whole IDX file"),
        (idx(np.arange(50) % 3), "got 60 images"),
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=message):
            read(tmp_path)


def test_a_torn_gzip(tmp_path: Path) -> None:
    path = idx_folder(tmp_path) / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="must be a whole IDX file"):
        read(tmp_path)


# Tables

TABLE = "length;width;kind;grade\n1.5;2;red;3\n0.1;-4e-3;white;5\n7;8;red;3\n"


def table(tmp_path: Path, text: str = TABLE, name: str = "wine.csv") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_columns_of_a_table(tmp_path: Path) -> None:
    data = read(table(tmp_path), given=["kind", "grade"])
    assert data.name == "wine"
    assert data.x.equal(torch.tensor([[1.5, 2], [0.1, -4e-3], [7, 8]]))
    assert data.codec.columns == ("length", "width")
    assert data.given_space == {"kind": Space((), levels=2), "grade": Space((), levels=2)}
    assert data.classes == {"kind": ["red", "white"], "grade": ["3", "5"]}
    assert data.given["grade"].tolist() == [0, 1, 0]


def test_a_condition_of_reals_and_a_choice_of_x(tmp_path: Path) -> None:
    data = read(table(tmp_path), given="length", x=["width", "grade"])
    assert (data.given_space, data.space.columns) == (Space(()), (Column("real"), Column("integer")))
    assert data.given.equal(torch.tensor([1.5, 0.1, 7]))


def test_splits_of_a_table_do_not_depend_on_roles(tmp_path: Path) -> None:
    lines = [f"{i},{i * 0.5},{'ab'[i % 2]}" for i in range(300)]
    path = table(tmp_path, "\n".join(["a,b,c", *lines]))
    first, second = read(path, given="c"), read(path, x="a")
    assert all(first.splits[name].equal(second.splits[name]) for name in first.splits)
    more = read(table(tmp_path, "\n".join(["a,b,c", "9,9,z", *lines]), "more.csv"), given="c")
    assert (more.splits["test"] - 1)[-len(first.test) :].equal(first.splits["test"])


def test_file_to_space_to_file(tmp_path: Path) -> None:
    path = table(tmp_path, "a,b,c\n0.1,3,1e-08\n-7.25,0,2\n")
    data = read(path)
    assert data.codec.save(data.x, tmp_path / "again.csv").read_text() == path.read_text()


def test_a_gzipped_table(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("a,b,c\n1,2,3\n4,5,6\n")
    data = read(tmp_path / "t.csv.gz")
    assert (data.name, data.x.tolist()) == ("t", [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "must have 2 cells as the first has, got 1 in line 3"),
        ("a,b\n1,\n1,2\n", r"got 1 of 2 rows with some missing: 'b' 1. Pass missing='drop'"),
        ("a,b\n1,\n", r"must hold values, got none in 'b'. Leave it out"),
        ("a,b\n1,2\n1,3\n1,red\n", r"Column 'b' must hold finite numbers, got 'red' in row 3. Correct it"),
        ("a,b\n1,inf\n", "got 'inf' in row 1"),
        ("a,a\n3,4\n", r"different names, got \['a'\] twice"),
        ("a,b\n", "at least one row"),
        ('a,b\n"1,2\n', "must be a CSV file"),
    ],
)
def test_broken_tables(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(table(tmp_path, text))


def test_a_missing_column_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`given` must name columns of wine, got 'knd'\. Did you mean 'kind'"):
        read(table(tmp_path), given="knd")
    with pytest.raises(DataError, match="must be left for x"):
        read(table(tmp_path), given=["length", "width", "kind", "grade"])


def test_no_text_and_no_known_ending(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="in UTF-8"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.xlsx").touch()
    with pytest.raises(DataError, match=r"must end in one of .csv, .*got 'x.xlsx'"):
        read(tmp_path / "x.xlsx")


def test_text(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_bytes("schöne Zeit\n".encode() * 20)
    data = read(tmp_path / "poem.txt", window=12)
    assert set(data.codec.texts(data.x)) == {"schöne Zeit\n"}
    with pytest.raises(DataError, match="at least ten windows long"):
        read(tmp_path / "poem.txt")


# Data


def test_read_returns_data_as_it_is() -> None:
    data = read("digits")
    assert read(data) is data
    assert read(data, binarize="threshold").space.levels == 2
    with pytest.raises(DataError, match="has its roles already"):
        read(data, given="label")


def test_fingerprints_see_contents_splits_and_conditions() -> None:
    x = torch.from_numpy(pixels(50, 8, 8))
    changed = x.clone()
    changed[3, 2, 1] ^= 1
    own = {"train_x": x[:40], "test_x": x[40:]}
    label = torch.arange(50) % 2
    found = [read(x), read(changed), read(own), read((x, label)), read((x, 1 - label)), read(x.flatten(1))]
    assert len({data.fingerprint for data in found}) == len(found)
    assert read(x).fingerprint == read(x.clone()).fingerprint


def test_a_mistyped_split_gets_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean 'train'"):
        read("ring").split("trian")


def test_data_must_fit_its_space() -> None:
    digits = read("digits")

    def made(x: torch.Tensor, **changes: object) -> Data:
        return Data("d", digits.space, x, digits.splits, digits.codec, **changes)

    with pytest.raises(DataError, match=r"must have shape \(1, 8, 8\), got \(8, 8\)"):
        made(digits.x[:, 0])
    with pytest.raises(DataError, match=r"must lie in \[0, 17\), got \[1, 17\]"):
        made(digits.x + 1)
    with pytest.raises(DataError, match=r"got torch.float32"):
        made(digits.x.float())
    with pytest.raises(DataError, match="must say its space"):
        made(digits.x, given=torch.zeros(1797).long())
    null = made(digits.x, given=torch.full((1797,), -1), given_space=Space((), levels=10))
    assert null.train.given.max() == -1


def test_gathering_keeps_bytes() -> None:
    rows = read("digits", given="label").test
    index = torch.tensor([5, 0, 5])
    x, label = rows.gather(index)
    assert x.dtype == torch.uint8
    assert x.equal(rows.x[index])
    assert label.equal(rows.given[index])
    assert repr(rows).startswith("Rows(space=")


def test_every_option_has_a_reader_and_one_description() -> None:
    """What `read` takes is what `Asked` describes, and readers declare which of it they heed."""
    fields = {field.name for field in dataclasses.fields(Asked)} - {"given", "x"}
    assert fields == set(Options.__annotations__)
    declared = {option for takes in READERS.values() for option in takes.options}
    assert fields - declared == {"levels", "paired", "skip_bad", "hold_out"}  # these say something to all
    assert declared <= fields


def test_a_class_of_no_row_that_trains_is_told(tmp_path):
    for split, classes in (("train", "ab"), ("test", "abc")):
        for name in classes:
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(3):
                pixels = torch.full((4, 4), 10 * i + ord(name) + 100 * (split == "train"), dtype=torch.uint8)
                Image.fromarray(pixels.numpy()).save(tmp_path / split / name / f"{i}.png")
    told = [note for note in read(tmp_path, given="label").notes if "no row that trains" in note]
    assert told == ["no row that trains is of label c"]
    assert not [note for note in read("digits", given="label").notes if "no row that trains" in note]
