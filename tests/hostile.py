"""Files as somebody hostile, or a failing disk, might leave them: valid ones of each kind, and what spoils them.

Whatever is made of a file, opening it gives a valid result or one of genzoo's own errors, within bounds of time and
memory.
"""

import gzip
import hashlib
import io
import json
import lzma
import random
import shutil
import struct
import tarfile
import tempfile
import time
import warnings
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

import genzoo
from genzoo._files import read_json, told
from genzoo.core import Space
from genzoo.data import DataError, read
from genzoo.data.check import check
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.backbones import BackboneCodec
from genzoo.data.codecs.catalog import check_codec, codec_from_json
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.molecules import MoleculeCodec
from genzoo.data.codecs.sequences import SequenceCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import TextCodec
from genzoo.data.codecs.tokens import TokenCodec
from genzoo.data.marks import marked
from genzoo.data.proteins.pdb import lines_of
from genzoo.evaluation.judge import Judge, JudgeSettings, read_judge, write_judge
from genzoo.training.checkpoint import CheckpointError, checkpoints
from genzoo.zoo.compression import compress, decompress
from genzoo.zoo.loading import Run
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.receipts import looked_at
from tests.backbones import helix

__all__ = ["KINDS", "RUN_KINDS", "Kind", "Trial", "media", "mutated", "packed_kind", "run_kind", "trial"]

TYPED = (DataError, Mistake, CheckpointError)
NAMES = {".idx": "d/train-images-idx3-ubyte", ".png": "d/x.png", ".jpg": "d/x.jpg", ".wav": "d/x.wav",
         ".flac": "d/x.flac", ".meta": "d/metadata.csv"}  # fmt: skip
ARRAY = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
TEXTS = {
    ".csv": b"a,b,kind\n1,2.5,red\n4,5.5,blue\n7,-1e-3,red\n",
    ".tsv": b"a\tb\n1\tred\n?\tblue\n4\tred\n",
    ".jsonl": b'{"text": "one", "n": 1}\n{"text": "two\\n", "n": null}\n',
    ".smi": b"CCO ethanol\nC[C@@H](Cl)Br x\n",
    ".fasta": b">one\nMKVLLA\n>two\nACDEFG*\n",
    ".pdb": "\n".join(lines_of([helix(6)])).encode(),
    ".txt": b"Ring the bells that still can ring\n" * 20,
}


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        name: What it is called.
        content: A valid file.
        file: Where it lies below the folder that `use` gets.
        use: Opens it and does what is usual with it.
        how: How its insides can be spoilt with the outside intact: "json", "tensors", "packed" or "".
    """

    name: str
    content: bytes
    file: str
    use: Callable[[Path], Any]
    how: str = ""


class Trial(NamedTuple):
    """What became of a case.

    Attributes:
        outcome: "valid", "typed", or the error that is neither.
        seconds: How long it took.
    """

    outcome: str
    seconds: float


# --- valid files --------------------------------------------------------------------------------------------------


def _arrays(ending: str) -> bytes:
    buffer = io.BytesIO()
    if ending == ".npy":
        np.save(buffer, ARRAY)
    elif ending == ".npz":
        np.savez_compressed(buffer, x=ARRAY, label=ARRAY[:, 0, 0])
    else:
        return struct.pack(">HBB3I", 0, 8, 3, 3, 4, 4) + ARRAY.tobytes()
    return buffer.getvalue()


def media(ending: str) -> bytes:
    buffer = io.BytesIO()
    if ending == ".wav":
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(ARRAY.tobytes())
    elif ending == ".flac":
        import soundfile

        soundfile.write(buffer, np.sin(np.arange(400) / 9), 8000, format="FLAC")
    else:
        Image.fromarray(ARRAY[0]).save(buffer, format={".png": "PNG", ".jpg": "JPEG"}[ending])
    return buffer.getvalue()


def _archive(ending: str) -> bytes:
    buffer = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for name in ("cat/1.png", "dog/2.png"):
                file.writestr(name, media(".png"))
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz" if ending == ".tgz" else "w") as file:
            member, steps = tarfile.TarInfo("train/a.csv"), b"a,b\n1,2\n3,4\n"
            member.size = len(steps)
            file.addfile(member, io.BytesIO(steps))
    return buffer.getvalue()


def _parquet() -> bytes:
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": [1, 2, 3], "kind": ["red", "blue", "red"]}), buffer)
    return buffer.getvalue()


def _read(path: Path) -> Any:
    """Reads data, and writes and reads the first rows again."""
    options: dict[str, Any] = {".tsv": {"missing": "keep"}, ".pdb": {"window": 5}}.get(path.suffix, {})
    data = read(path, **options)
    data.codec.save(data.x[:2], path.parent / f"again{data.codec.suffix}")
    return check(data)


def _kind(ending: str, content: bytes) -> Kind:
    name = NAMES.get(ending, f"x{ending}")
    subject = name.split("/")[0]
    return Kind(ending.strip("."), content, name, lambda folder: _read(folder / subject))


def _with_picture(folder: Path) -> Any:
    (folder / "d" / "1.png").write_bytes(media(".png"))
    return read(folder / "d", given="kind")


RECEIPT = json.dumps(
    {"by": "genzoo", "recipe": "vae", "model": "1a", "n": 4, "seed": 0, "given": ["label=3"], "options": {"noise": 1},
     "content": "2b"}
).encode()  # fmt: skip


def _marked(ending: str) -> Kind:
    content = marked(media(ending), RECEIPT.decode())
    return Kind(f"marked {ending.strip('.')}", content, f"x{ending}", lambda folder: looked_at(folder / f"x{ending}"))


def _with_receipt(folder: Path) -> Any:
    (folder / "x.csv").write_text("a\n1\n")
    return looked_at(folder / "x.csv")


def _use_codec(folder: Path) -> Any:
    """A codec from JSON, its space beside it, writes two rows of zeros."""
    with told("codec.json", "be JSON"):
        codec = codec_from_json(read_json(folder / "codec.json"))
    space = SPACES[(folder / "kind").read_text()]
    check_codec(codec, space)
    rows = torch.zeros(2, *space.shape, dtype=getattr(torch, space.dtype))
    return codec.save(rows, folder / f"out{codec.suffix}")


CODECS: dict[str, tuple[Any, Space]] = {
    "image": (ImageCodec(17), Space((1, 4, 4), levels=17)),
    "points": (PointsCodec(), Space((2,))),
    "table": (TableCodec(("a", "kind"), words={"kind": ("red", "blue")}, whole=("a",)), Space((2,))),
    "sound": (SoundCodec(8000, 256), Space((8,), levels=256)),
    "sequence": (SequenceCodec(("a", "b"), 3), Space((4, 2), levels=3)),
    "text": (TextCodec("abc"), Space((5,), levels=3)),
    "tokens": (TokenCodec(("a", "b", "ab"), ("a b",)), Space((5,), levels=3)),
    "molecules": (MoleculeCodec(("C", "Cl", "O")), Space((5,), levels=3)),
    "backbone": (BackboneCodec(), Space((5, 3, 3))),
}
SPACES = {name: space for name, (_, space) in CODECS.items()}


def _codec_kind(name: str) -> Kind:
    content = json.dumps(CODECS[name][0].to_json()).encode()

    def use(folder: Path) -> Any:
        (folder / "kind").write_text(name)
        return _use_codec(folder)

    return Kind(f"codec {name}", content, "codec.json", use, "json")


def _judge() -> bytes:
    judge = Judge(JudgeSettings("x", (1, 8, 8), ("a", "b"), (4, 8)))
    with tempfile.TemporaryDirectory() as folder:
        return write_judge(judge, Path(folder) / "judge.safetensors").read_bytes()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        *(_kind(ending, content) for ending, content in TEXTS.items()),
        *(_kind(f"{ending}.gz", gzip.compress(TEXTS[ending])) for ending in (".csv", ".smi")),
        *(_kind(ending, _arrays(ending)) for ending in (".npy", ".npz", ".idx")),
        *(_kind(ending, media(ending)) for ending in (".png", ".jpg", ".wav", ".flac")),
        *(_kind(ending, _archive(ending)) for ending in (".zip", ".tar", ".tgz")),
        _kind(".parquet", _parquet()),
        *(_marked(ending) for ending in (".png", ".wav")),
        Kind("receipt", RECEIPT, "x.json", _with_receipt, "json"),
        Kind("metadata", b"file,kind,split\n1.png,red,train\n", "d/metadata.csv", _with_picture),
        Kind("judge", _judge(), "x.safetensors", lambda folder: read_judge(folder / "x.safetensors"), "tensors"),
        *map(_codec_kind, CODECS),
    )
}


# --- the files of a run -------------------------------------------------------------------------------------------


def _load(folder: Path) -> Any:
    """Loads a run, samples and writes the samples; lists it beside others."""
    from genzoo.apps.cli.catalog import run_row

    run_row(folder)
    run = genzoo.load(folder)
    return run.codec.save(run.generative.sample(2, seed=0), folder / f"out{run.codec.suffix}")


def _resume(folder: Path) -> Any:
    """Goes on with a run whose weights are gone, from its checkpoints."""
    (folder / "model.safetensors").unlink(missing_ok=True)
    return genzoo.resume(folder)


RUN_KINDS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "config": ("config.json", _load, "json"),
    "codec": ("codec.json", _load, "json"),
    "metrics": ("metrics.jsonl", _load, ""),
    "weights": ("model.safetensors", _load, "tensors"),
    "manifest": ("manifest.json", _resume, "json"),
    "state": ("state.json", _resume, "json"),
    "checkpoint": ("model.safetensors", _resume, "tensors"),
    "resumed config": ("config.json", _resume, "json"),
}


def run_kind(name: str, run: Path, place: Path) -> Kind:
    """A kind of file of a run's folder, of which a fresh copy is used for every case.

    Args:
        name: Which.
        run: A trained run.
        place: A folder for the copies.
    """
    file, use, how = RUN_KINDS[name]
    newest = checkpoints(run / "checkpoints")[0].name
    path = f"checkpoints/{newest}/{file}" if name in ("manifest", "state", "checkpoint") else file

    def fresh(folder: Path) -> Any:
        copy = place / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(run, copy)
        shutil.copyfile(folder / Path(path).name, copy / path)
        if name in ("state", "checkpoint"):  # with the sum that belongs to it
            sums = json.loads((copy / path).with_name("manifest.json").read_text())
            sums[file] = hashlib.sha256((copy / path).read_bytes()).hexdigest()
            (copy / path).with_name("manifest.json").write_text(json.dumps(sums))
        return use(copy)

    return Kind(f"run {name}", (run / path).read_bytes(), Path(path).name, fresh, how)


def packed_kind(run: Run, place: Path) -> Kind:
    """A compressed file, which is unpacked.

    Args:
        run: Who packed it: a run of texts.
        place: A folder for it.
    """
    (place / "x.txt").write_bytes(TEXTS[".txt"])
    compress(run, [place / "x.txt"], place / "x.gz0")
    return Kind(
        "compressed",
        (place / "x.gz0").read_bytes(),
        "x.gz0",
        lambda folder: decompress(run, folder / "x.gz0", folder / "again"),
        "packed",
    )


# --- what spoils them ---------------------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 7, 10**9, 10**18, 10**30, 1e308, float("nan"), float("inf"), "", "x", "\x1b[31m", "../../x",
    "/dev/zero", [], [None], [-1], [10**9, 10**9], {}, {"x": 1}, "y" * 5000,
)  # fmt: skip
SCRAPS = (
    b"\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\x00\x00\x00", b"\n", b"\r", b",", b"\t", b'"', b"\\",
    b"[" * 3000, b"99999999999999", b"-1", b"nan", b"1e999", b"\x1b]0;x\x07", b"\xc3", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"../", b"{}",
)  # fmt: skip


def mutated(kind: Kind, draw: random.Random) -> bytes:
    """The file, spoilt somehow.

    Args:
        kind: Its kind.
        draw: Decides how.
    """
    content = kind.content
    if kind.how and draw.random() < 0.7:
        return INSIDES[kind.how](content, draw)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        content = draw.choice(BYTES)(content, draw)
    return content


def _flip(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(max(1, len(content)))
    return (
        content[:place]
        + bytes(byte ^ (1 << draw.randrange(8)) for byte in content[place : place + 1])
        + content[place + 1 :]
    )


def _cut(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[start + draw.choice((1, 2, 8, 64, len(content))) :]


def _insert(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice(SCRAPS) + content[place:]


def _overwrite(content: bytes, draw: random.Random) -> bytes:
    place, scrap = draw.randrange(len(content) + 1), draw.choice(SCRAPS)
    return content[:place] + scrap + content[place + len(scrap) :]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    piece = content[start : start + draw.choice((1, 4, 32))]
    return content[:start] + piece * draw.choice((1, 2, 100)) + content[start:]


def _nines(content: bytes, draw: random.Random) -> bytes:
    """Digits become nines: headers that claim too much, of the same length."""
    places = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not places:
        return _flip(content, draw)
    start, spoilt = draw.choice(places), bytearray(content)
    while start < len(spoilt) and 48 <= spoilt[start] <= 57:
        spoilt[start] = 57
        start += 1
    return bytes(spoilt)


BYTES = (_flip, _cut, _insert, _overwrite, _repeat, _nines)


def _in_json(content: bytes, draw: random.Random) -> bytes:
    """One value of a JSON file becomes another, goes, or comes."""
    whole = json.loads(content)
    parent, key = draw.choice(list(_places(whole)))
    way = draw.random()
    if way < 0.15:
        del parent[key]
    elif way < 0.25 and isinstance(parent, dict):
        parent[draw.choice(("x", "", "steps", "kind"))] = draw.choice(ODD)
    elif way < 0.35 and isinstance(parent[key], list):
        parent[key] = parent[key] * draw.choice((0, 2, 1000))
    else:
        parent[key] = draw.choice(ODD)
    return json.dumps(whole).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield value, key
        yield from _places(part)


def _in_tensors(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file with another header of the right length, or other tensors of the same names."""
    size = struct.unpack("<Q", content[:8])[0]
    header = content[8 : 8 + size]
    if draw.random() < 0.5:
        header = _in_json(header, draw)
        return struct.pack("<Q", len(header)) + header + content[8 + size :]
    kept = json.loads(header)
    said = kept.pop("__metadata__", None)
    tensors = {name: torch.zeros(field["shape"]) for name, field in kept.items()}
    name = draw.choice(sorted(tensors))
    way = draw.choice(("nan", "shape", "type", "gone", "more"))
    if way == "nan":
        tensors[name] = torch.full_like(tensors[name], torch.nan)
    elif way == "shape":
        tensors[name] = torch.zeros(draw.choice([(0,), (3,), (2, 2), (0, 1 << 40), ()]))
    elif way == "type":
        tensors[name] = tensors[name].to(draw.choice([torch.int8, torch.float64, torch.bool, torch.bfloat16]))
    elif way == "gone":
        del tensors[name]
    else:
        tensors["\x1b[31m"] = torch.zeros(2)
    return save(tensors, said)


def _in_packed(content: bytes, draw: random.Random) -> bytes:
    """A compressed file with another header, whose length and sum are right."""
    size = struct.unpack("<I", content[4:8])[0]
    header = _in_json(lzma.decompress(content[12 : 12 + size], lzma.FORMAT_ALONE), draw)
    packed = lzma.compress(header, lzma.FORMAT_ALONE)
    return content[:4] + struct.pack("<II", len(packed), zlib.crc32(packed)) + packed + content[12 + size :]


INSIDES = {"json": _in_json, "tensors": _in_tensors, "packed": _in_packed}


# --- trials -------------------------------------------------------------------------------------------------------


def trial(kind: Kind, content: bytes, folder: Path) -> Trial:
    """What becomes of a file of a kind with some content.

    Args:
        kind: The kind.
        content: The content.
        folder: A folder that is emptied for it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    path = folder / kind.file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind.use(folder)
        outcome = "valid"
    except TYPED as error:
        outcome = "typed" if str(error).strip() else "typed without a word"
    except Exception as error:
        outcome = f"{type(error).__name__}: {str(error)[:200]}"
    return Trial(outcome, time.perf_counter() - began)
