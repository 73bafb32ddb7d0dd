"""Tars that hold one data set together, in WebDataset's layout."""

import gzip
import io
import json
import tarfile

import numpy as np
import pyarrow
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from genzoo.core.errors import DataError
from genzoo.data import read
from genzoo.training import TrainConfig
from genzoo.training.order import order_of

SIZES = (5, 1, 9)  # samples in each: uneven


def png(k):
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), k, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def pack(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def sample(k):
    about = json.dumps({"size": k / 2, "box": [1, 2]}).encode()
    return {f"{k:03}.png": png(k), f"{k:03}.cls": str(k % 3).encode(), f"{k:03}.json": about}


@pytest.fixture
def folder(tmp_path):
    k = 0
    for number, size in enumerate(SIZES):
        members = {}
        for _ in range(size):
            members |= sample(k)
            k += 1
        pack(tmp_path / f"set-{number:02}.tar", members)
    (tmp_path / "README.md").write_text("fifteen pictures")
    return tmp_path


def test_shards_are_one_data_set(folder):
    named = read(folder / "set-{00..02}.tar", given=("label", "size"))
    assert named.name == "set"
    assert named.x[:, 0, 0, 0].tolist() == list(range(15))
    assert named.given["label"].tolist() == [k % 3 for k in range(15)]
    assert named.given["size"].tolist() == [k / 2 for k in range(15)]
    assert torch.equal(read(folder, given="label").x, named.x)
    assert len(read(folder / "set-{00..01}.tar").x) == 6


def test_each_rank_has_its_rows_of_every_batch_whatever_the_shards(folder):
    order = order_of(read(folder).train, TrainConfig(batch_size=5), print)
    for number in (0, 7):  # a position is a number: whoever resumes there sees what would have come
        whole = order.batch(number).x
        shares = [order.batch(number, lambda rows, r=r: slice(r * rows // 2, (r + 1) * rows // 2)).x for r in (0, 1)]
        assert torch.equal(torch.cat(shares), whole)


def test_a_missing_shard_is_named(folder):
    (folder / "set-01.tar").unlink()
    for source in (folder, folder / "set-{00..02}.tar"):
        with pytest.raises(DataError, match=r"got none called set-01.tar\. Fetch it"):
            read(source)
    with pytest.raises(DataError, match="set-03.tar, set-04.tar"):
        read(folder / "set-{02..04}.tar")
    with pytest.raises(DataError, match="must name 1 to 100,000 shards, got -1"):
        read(folder / "set-{02..00}.tar")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../up.png": png(1)}, r"must lie below its root, got '../up.png'"),
        ({"/etc/root.png": png(1)}, r"must lie below its root, got '/etc/root.png'"),
        (sample(3), r"Names in shards must be unlike, got '003.\w+' again in set-03.tar"),
        ({"100.png": png(1)}, "Every sample must have label, size, and 100.png lacks label"),
        ({"100.png": png(1), "100.cls": b"\xff"}, "100.cls must be text in UTF-8"),
        ({"100.png": png(1), "100.cls": b"1", "100.json": b"[" * 100_000}, "100.json must be a JSON object"),
        ({"100.png": png(1), "100.cls": b"1", "100.json": b"[1]"}, "100.json must be a JSON object"),
        ({**sample(100), "100.png": b"no picture"}, "100.png"),
    ],
    ids=lambda part: "" if isinstance(part, dict) else part[:25],
)
def test_what_no_shard_should_hold_is_refused_by_name(folder, members, message):
    pack(folder / "set-03.tar", members)
    with pytest.raises(DataError, match=message):
        read(folder, given="label")


def test_a_packed_shard_is_refused(folder):
    (folder / "set-01.tar").write_bytes(gzip.compress((folder / "set-01.tar").read_bytes()))
    with pytest.raises(DataError, match="got set-01.tar gzipped"):
        read(folder)


def test_a_link_in_a_shard_is_refused(folder):
    with tarfile.open(folder / "set-03.tar", "w") as tar:
        info = tarfile.TarInfo("200.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DataError, match="got a link '200.png'"):
        read(folder)


def test_shards_of_parquet_are_one_table(tmp_path):
    table = pyarrow.table({"age": [30.5, 41.25, 8.75, 52.5, 7.5], "kind": ["a", "b", "a", "b", "b"]})
    for number, rows in enumerate((slice(0, 3), slice(3, 4), slice(4, 5))):
        parquet.write_table(table.slice(rows.start, rows.stop - rows.start), tmp_path / f"part-{number}.parquet")
    parquet.write_table(table, tmp_path / "whole.parquet")
    named, whole = read(tmp_path / "part-{0..2}.parquet"), read(tmp_path / "whole.parquet")
    assert torch.equal(named.x, whole.x)
    assert named.name == "part"
    (tmp_path / "whole.parquet").unlink()
    assert torch.equal(read(tmp_path).x, whole.x)
    parquet.write_table(table.select(["kind"]), tmp_path / "part-2.parquet")
    with pytest.raises(DataError, match=r"got others in part-2.parquet than in part-0.parquet"):
        read(tmp_path)
    (tmp_path / "part-1.parquet").unlink()
    with pytest.raises(DataError, match=r"none called part-1.parquet"):
        read(tmp_path)
