"""Files into bytes and back: byte for byte, by whoever has the run, and by nobody else."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo import read, train
from genzoo.tasks.coding import Reader, Writer
from genzoo.zoo import members
from genzoo.zoo.compression import compress, decompress
from genzoo.zoo.loading import Run, load
from genzoo.zoo.members import Member
from genzoo.zoo.mistakes import Mistake

VERSE = "".join(f"Shall I compare thee to a summer's day number {i}? Thou art more lovely!\n" for i in range(60))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of each kind, hardly trained, and pictures of digits."""
    home = tmp_path_factory.mktemp("compression")
    (home / "verse.txt").write_text(VERSE)
    tiny = {"width": 4, "depth": 1}
    train("pixelcnn", "digits", settings=tiny, steps=1, out=home / "pixels", device="cpu")
    train("pixelcnn", "digits", given="label", settings=tiny, steps=1, out=home / "label", device="cpu")
    train("vae", "digits", settings={"hidden": 16, "latent": 2}, steps=30, out=home / "vae", device="cpu")
    train("vq_vae", "digits", settings={"codes": 8}, steps=2, out=home / "codes", device="cpu")
    train("bigram", str(home / "verse.txt"), steps=1, out=home / "verse", device="cpu")
    train("bigram", "names", steps=1, out=home / "names", device="cpu")
    train("gaussian", "digits", out=home / "gaussian", device="cpu")
    load(home / "pixels").codec.save_each(read("digits").test.x[:40], home / "digits")
    return home


def round_trip(run: Run, files: Path, folder: Path, **options: object) -> tuple[Path, list[str]]:
    report = compress(run, [files], folder / "out.gz0", **options)
    again = decompress(run, folder / "out.gz0", folder / "again")
    assert (report.files, report.entries) == (again.files, again.entries)
    assert not list(folder.glob(".*"))  # no draft is left
    return folder / "again", [*report.notes, *again.notes]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["pixels", "vae", "label"])
def test_pictures_come_back_byte_for_byte(home: Path, tmp_path: Path, name: str) -> None:
    words = {"label": "3"} if name == "label" else {}
    again, notes = round_trip(load(home / name), home / "digits", tmp_path, words=words)
    assert contents(again) == contents(home / "digits")
    assert notes == ["All files come back byte for byte."]


def test_the_price_is_the_model_s(home: Path, tmp_path: Path) -> None:
    run = load(home / "pixels")
    report = compress(run, [home / "digits"], tmp_path / "out.gz0", check=False)
    said = -run.generative.log_prob(read("digits").test.x[:40]).sum().item() / np.log(2)
    assert report.bits == pytest.approx(said, rel=1e-5)
    assert 0 <= report.words / report.bits - 1 < 0.01
    assert report.after == (tmp_path / "out.gz0").stat().st_size < report.words / 8 + 600
    assert report.charged == 0


def test_another_process_with_other_threads_unpacks_the_same(home: Path, tmp_path: Path, fresh) -> None:
    compress(load(home / "pixels"), [home / "digits"], tmp_path / "out.gz0", check=False)
    fresh(f"""
        import torch
        torch.set_num_threads(2)
        from pathlib import Path
        from genzoo.zoo.compression import decompress
        from genzoo.zoo.loading import load
        decompress(load({str(home / "pixels")!r}), Path({str(tmp_path / "out.gz0")!r}), Path({str(tmp_path / "x")!r}))
    """)
    assert contents(tmp_path / "x") == contents(home / "digits")


def test_texts_come_back_byte_for_byte(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name, text in {"long.txt": VERSE * 3, "short.txt": "Thou", "none.txt": ""}.items():
        (folder / name).write_text(text)
    again, _ = round_trip(load(home / "verse"), folder, tmp_path)
    assert contents(again) == contents(folder)


def test_lines_come_back_byte_for_byte(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lines"
    folder.mkdir()
    (folder / "names.txt").write_text("ada\nemmy\n\nsofya\n")
    (folder / "open.txt").write_text("ada\nemmy")
    again, notes = round_trip(load(home / "names"), folder, tmp_path)
    assert contents(again) == contents(folder) | {"open.txt": b"ada\nemmy\n"}
    assert "1 of 2 files come back with the same content" in notes[0]


def test_files_of_other_writers_keep_their_bytes_or_say_that_they_do_not(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    for name, options in {"plain.png": {}, "best.png": {"optimize": True}, "flat.bmp": {}}.items():
        Image.open(home / "digits" / "07.png").save(folder / name, **options)
    paths = sorted(folder.iterdir())
    run = load(home / "pixels")
    report = compress(run, paths, tmp_path / "out.gz0")
    decompress(run, tmp_path / "out.gz0", tmp_path / "again")
    found = contents(tmp_path / "again")
    assert set(found) == {"best.png", "flat.png", "plain.png"}  # a picture whose file is not kept is a PNG
    assert found["plain.png"] == (folder / "plain.png").read_bytes()
    pixels = {Image.open(tmp_path / "again" / name).tobytes() for name in found}
    assert pixels == {Image.open(folder / "flat.bmp").tobytes()}
    assert "same content and other bytes" in report.notes[0]


def test_what_is_kept_of_codes_is_what_they_decode_to(home: Path, tmp_path: Path) -> None:
    x = read("digits").test.x[:40]
    for name in ("codes", "vae"):
        run, folder = load(home / name), tmp_path / name
        folder.mkdir()
        width = {} if name == "codes" else {"width": 2.0**-8}
        again, notes = round_trip(run, home / "digits", folder, lossy=True, **width)
        found = torch.cat([run.codec.load(path) for path in sorted(again.iterdir())])
        wanted = run.generative.decode(run.generative.encode(x))
        assert (found.int() - wanted.int()).abs().max() <= (0 if name == "codes" else 1)
        assert "what the codes stand for" in notes[0]
        assert (folder / "out.gz0").stat().st_size < 1200


def test_who_writes_files_otherwise_says_so(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(home / "pixels")
    compress(run, [home / "digits" / "00.png"], tmp_path / "out.gz0", check=False)
    written = members._written
    monkeypatch.setattr(members, "_written", lambda *rest: written(*rest) + b"x")
    assert "other bytes" in decompress(run, tmp_path / "out.gz0", tmp_path / "again").notes[0]


def test_what_is_no_file_is_not_replaced_by_one(home: Path, tmp_path: Path) -> None:
    run, pipe = load(home / "pixels"), tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path):
        with pytest.raises(Mistake, match="plain file"):
            compress(run, [home / "digits" / "00.png"], path)
    assert pipe.is_fifo()


def test_it_depends_on_the_run_alone(home: Path, tmp_path: Path) -> None:
    for k in range(2):
        compress(load(home / "vae"), [home / "digits"], tmp_path / f"{k}.gz0", check=False)
    one, other = (hashlib.sha256((tmp_path / f"{k}.gz0").read_bytes()).digest() for k in range(2))
    assert one == other


def test_another_run_is_refused(home: Path, tmp_path: Path) -> None:
    compress(load(home / "pixels"), [home / "digits"], tmp_path / "out.gz0", check=False)
    with pytest.raises(Mistake, match="unpacked by the model that packed it, pixelcnn on digits"):
        decompress(load(home / "label"), tmp_path / "out.gz0", tmp_path / "again")


def test_spoilt_files_leave_nothing(home: Path, tmp_path: Path) -> None:
    run = load(home / "pixels")
    compress(run, [home / "digits"], tmp_path / "out.gz0", check=False)
    whole = (tmp_path / "out.gz0").read_bytes()
    for n in (0, 3, 9, 300, len(whole) // 2, len(whole) - 1):
        for spoilt in (whole[:n], whole[:n] + bytes([whole[n] ^ 4]) + whole[n + 1 :]):
            (tmp_path / "spoilt.gz0").write_bytes(spoilt)
            with pytest.raises(Mistake):
                decompress(run, tmp_path / "spoilt.gz0", tmp_path / "again")
            assert sorted(path.name for path in tmp_path.iterdir()) == ["out.gz0", "spoilt.gz0"]


def test_names_that_lead_elsewhere_are_refused(home: Path, tmp_path: Path) -> None:
    for name in ("../x.png", "/x.png", "a/../../x.png", "", "a\\..\\x"):
        with pytest.raises(Mistake, match="names below one folder"):
            Member.of_json(name, [1, 1, 0, 64])
    with pytest.raises(Mistake, match="whole numbers"):
        Member.of_json("x.png", [1, 1, 0, -1])
    run = load(home / "pixels")
    far = claimed(home, run, tmp_path)
    unsaid = {name: value for name, value in far.items() if name != "size"}
    twice = far | {"files": {name: values * 2 for name, values in far["files"].items()}}
    for header, said in (({"model": "x"}, "whole compressed file"), (far, "all its rows"),
                         (unsaid, "got: KeyError 'size'"), (twice, "got '00.png' twice")):  # fmt: skip
        with (tmp_path / "made.gz0").open("wb") as file:
            Writer(file, header).close()
        with pytest.raises(Mistake, match=said):
            decompress(run, tmp_path / "made.gz0", tmp_path / "again")


def claimed(home: Path, run: Run, folder: Path) -> dict[str, Any]:
    """A header that claims more rows than any memory holds."""
    compress(run, [home / "digits" / "00.png"], folder / "one.gz0", check=False)
    with (folder / "one.gz0").open("rb") as file:
        header = Reader(file).header
    return header | {"files": header["files"] | {"count": [1 << 40]}}


def test_what_is_there_already_stays(home: Path, tmp_path: Path) -> None:
    run = load(home / "pixels")
    compress(run, [home / "digits"], tmp_path / "out.gz0", check=False)
    (tmp_path / ".again.draft").mkdir()  # of one that was killed
    decompress(run, tmp_path / "out.gz0", tmp_path / "again")
    assert contents(tmp_path / "again") == contents(home / "digits")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(Mistake, match="new folder"):
        decompress(run, tmp_path / "out.gz0", tmp_path / "full")
    before = (tmp_path / "out.gz0").read_bytes()
    Image.new("L", (5, 5)).save(tmp_path / "small.png")
    with pytest.raises(Mistake, match="small"):
        compress(run, [tmp_path / "small.png"], tmp_path / "out.gz0")
    assert (tmp_path / "out.gz0").read_bytes() == before


@pytest.mark.parametrize(
    ("run", "content", "said"),
    [
        ("pixels", Image.new("L", (8, 8), 7), "levels to come back"),
        ("verse", "Здравствуй", "must be in the alphabet"),
        ("gaussian", Image.new("L", (8, 8), 0), "conditionals over an order"),
        ("pixels", None, "files of the run's kind"),
    ],
)
def test_what_cannot_be_packed_is_refused(home: Path, tmp_path: Path, run: str, content: object, said: str) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    if isinstance(content, Image.Image):
        content.save(folder / "x.png")
    elif content is not None:
        (folder / "x.txt").write_text(str(content))
    with pytest.raises(Mistake, match=said):
        compress(load(home / run), [folder], tmp_path / "out.gz0")
    assert not (tmp_path / "out.gz0").exists()


def test_two_files_of_one_name_are_refused(home: Path, tmp_path: Path) -> None:
    path = home / "digits" / "00.png"
    with pytest.raises(Mistake, match=r"'00.png' twice"):
        compress(load(home / "pixels"), [path, path], tmp_path / "out.gz0")


def test_what_has_no_codes_says_so(home: Path, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="Train vq_vae"):
        compress(load(home / "pixels"), [home / "digits"], tmp_path / "out.gz0", lossy=True)
