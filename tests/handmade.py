"""Files that nobody finds by chance, each small and refused by genzoo's own guards: sizes that only a header claims,
names that lead out or stand twice, links in archives, weights and configurations of somebody else.

Every one must end in one of genzoo's own errors.
"""

import functools
import gzip
import io
import json
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from tests.hostile import KINDS, media

__all__ = ["handmade", "handmade_runs"]

Case = tuple[str, bytes]
MOST = 2**32 - 1


@functools.cache
def handmade() -> Mapping[str, Case]:
    """Kind and content of files by what they are."""
    return {**_arrays(), **_archives(), **_tables(), **_media(), **_judges(), **_codecs()}


def _arrays() -> dict[str, Case]:
    huge, nothing, objects = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(huge, {"descr": "|u1", "fortran_order": False, "shape": (1 << 50,)})
    np.lib.format.write_array_header_1_0(nothing, {"descr": "|V0", "fortran_order": False, "shape": (1 << 50,)})
    np.save(objects, np.array([1, None], dtype=object), allow_pickle=True)
    return {
        "a header of 10^15 bytes": ("npy", huge.getvalue()),
        "10^15 values of no bytes": ("npy", nothing.getvalue()),
        "an array of objects": ("npy", objects.getvalue()),
        "an array of objects, packed": ("npz", _zip({"x.npy": objects.getvalue()})),
        "a header of 10^15 bytes, packed": ("npz", _zip({"x.npy": huge.getvalue()})),
        "an array twice": ("npz", _twice("x.npy", KINDS["npy"].content)),
        "IDX of 2^96 pixels": ("idx", struct.pack(">HBB3I", 0, 8, 3, *[MOST] * 3)),
        "IDX of 2^32 images without pixels": ("idx", struct.pack(">HBB3I", 0, 8, 3, MOST, 0, 0)),
        "IDX of 255 dimensions": ("idx", struct.pack(">HBB", 0, 8, 255) + struct.pack(">I", 1) * 255 + b"x"),
        "IDX of no dimension": ("idx", struct.pack(">HBB", 0, 8, 0)),
        "IDX of no known type": ("idx", struct.pack(">HBBI", 0, 7, 1, 3) + b"abc"),
    }


def _archives() -> dict[str, Case]:
    picture, link = media(".png"), zipfile.ZipInfo("cat/1.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    return {
        "a name that leads out": ("zip", _zip({"../x.png": picture})),
        "a name that leads out by strokes the other way": ("zip", _zip({"..\\x.png": picture})),
        "an absolute name": ("zip", _zip({"/x.png": picture})),
        "a name on another drive": ("zip", _zip({"C:/x.png": picture})),
        "a link in a zip": ("zip", _zip({link: b"../secret"})),
        "a name twice": ("zip", _twice("cat/1.png", picture)),
        "a picture that claims 4 GB": ("zip", _claiming(_zip({"cat/1.png": picture}), MOST - 1)),
        "a name that leads out of a tar": ("tar", _tar("../a.csv")),
        "an absolute name in a tar": ("tar", _tar("/a.csv")),
        "a link in a tar": ("tar", _tar("a.csv", tarfile.SYMTYPE)),
        "a hard link in a tar": ("tar", _tar("a.csv", tarfile.LNKTYPE)),
        "a device in a tar": ("tar", _tar("a.csv", tarfile.CHRTYPE)),
        "a pipe in a tar": ("tar", _tar("a.csv", tarfile.FIFOTYPE)),
        "a table that claims 8 TB": ("tar", _tar("a.csv", size=8 << 40)),
        "40 MB of zeros in a packed table": ("csv.gz", gzip.compress(b"0\n" * (20 << 20), 1)),
        "40 MB of zeros in packed molecules": ("smi.gz", gzip.compress(b"C" * (40 << 20), 1)),
    }


def _tables() -> dict[str, Case]:
    fields = json.dumps({f"field{i}": i for i in range(20_000)})
    return {
        "a cell of 2 MB": ("csv", b"a\n" + b"x" * (2 << 20) + b"\n"),
        "20,000 columns": ("csv", b",".join(b"%d" % i for i in range(20_000)) + b"\n"),
        "a column twice": ("csv", b"a,a\n1,2\n3,4\n"),
        "a quote that nothing closes": ("csv", b'a,b\n"1,2\n' + b"3,4\n" * 10),
        "a number of 400 digits": ("csv", b"a,b\n1" + b"0" * 400 + b",2\n3,4\n"),
        "JSON 100,000 deep in a line": ("jsonl", b"[" * 100_000),
        "JSON of 20,000 fields": ("jsonl", fields.encode()),
        "a field twice": ("jsonl", b'{"text": "one", "text": "two"}\n' * 3),
        "a number of 5,000 digits": ("jsonl", b'{"n": ' + b"9" * 5000 + b"}\n"),
        "a Parquet file of its marks alone": ("parquet", b"PAR1" + b"\xff" * 8 + b"PAR1"),
    }


def _media() -> dict[str, Case]:
    sound, photo = media(".wav"), media(".jpg")
    size = photo.index(b"\xff\xc0") + 5
    return {
        "a picture of 10^9 pixels": ("png", _png(40_000, 40_000)),
        "a picture of 2^31 pixels in a line": ("png", _png(2**31 - 1, 1)),
        "a picture of no pixel": ("png", _png(0, 0)),
        "a photo of 4 * 10^9 pixels": ("jpg", _put(photo, size, struct.pack(">HH", 65_500, 65_500))),
        "a sound of a year": ("wav", _put(sound, 40, struct.pack("<I", 2**31 - 1))),
        "a sound of 10^9 samples a second": ("wav", _put(sound, 24, struct.pack("<I", 10**9))),
        "a sound of no samples a second": ("wav", _put(sound, 24, struct.pack("<I", 0))),
        "a sound of no channel": ("wav", _put(sound, 22, struct.pack("<H", 0))),
        "a sound of 65,535 channels": ("wav", _put(sound, 22, struct.pack("<H", 65_535))),
        "a sound of no bits": ("wav", _put(sound, 34, struct.pack("<H", 0))),
    }


def _judges() -> dict[str, Case]:
    one = b'"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    other = one.replace(b'"a"', b'"b"')
    content = KINDS["judge"].content
    return {
        "a pickle in the place of a judge": ("judge", b"\x80\x04}q\x00."),
        "a tensor twice": ("judge", _tensors(b"{%b, %b}" % (one, one), bytes(4))),
        "two tensors in one place": ("judge", _tensors(b"{%b, %b}" % (one, other), bytes(4))),
        "a header 5,000 deep": ("judge", _tensors(b"[" * 5000)),
        "a judge of NaN": ("judge", _reweighed(content, lambda t: t.fill_(torch.nan) if t.dim() else t)),
        "a judge of other shapes": ("judge", _reweighed(content, lambda t: t[None])),
    }


def _codecs() -> dict[str, Case]:
    return {
        "a codec with an alphabet of lists": ("codec text", b'{"kind": "text", "alphabet": [[], []]}'),
        "a codec with a column without words": (
            "codec table",
            b'{"kind": "table", "columns": ["a", "kind"], "words": {"kind": []}}',
        ),
        "a codec of 10^9 levels": ("codec image", b'{"kind": "image", "levels": 1000000000}'),
        "a codec that says its kind twice": ("codec image", b'{"kind": "points", "kind": "image", "levels": 17}'),
    }


def handmade_runs(run: Path) -> Mapping[str, Case]:
    """The same for the files of a run.

    Args:
        run: A trained run, of which the others differ in one place.
    """
    return {
        **_configurations((run / "config.json").read_bytes()),
        **_weights((run / "model.safetensors").read_bytes()),
    }


def _configurations(whole: bytes) -> dict[str, Case]:
    def changed(*path: str, value: Any) -> Case:
        fields = json.loads(whole)
        place = fields
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        return "config", json.dumps(fields).encode()

    target = {"format_version": 2, "_target_": "os.system", "recipe": {"name": "os.system"}}
    settings = ("recipe", "arguments")
    return {
        "a configuration 100,000 deep": ("config", b"[" * 100_000),
        "a configuration that names a function": ("config", json.dumps(target).encode()),
        "a configuration in YAML": ("config", b"recipe: !!python/object/apply:os.system [ls]\n"),
        "a configuration that says its recipe twice": (
            "config",
            whole.rstrip()[:-1] + b', "recipe": {"name": "vae"}}',
        ),
        "a recipe that leads out": changed("recipe", "name", value="../../x"),
        "a recipe of a module": changed("recipe", "name", value="os:system"),
        "a setting that names a function": changed(*settings, "_target_", value="os.system"),
        "10^9 components": changed(*settings, "components", value=10**9),
        "-1 components": changed(*settings, "components", value=-1),
        "NaN components": changed(*settings, "components", value=float("nan")),
        "rows of 10^9 entries": changed("space", "shape", value=[10**9]),
        "rows of 10^18 entries": changed("space", "shape", value=[10**9, 10**9]),
        "rows of 5,000 axes": changed("space", "shape", value=[1] * 5000),
        "rows of -1 entries": changed("space", "shape", value=[-1]),
        "10^9 levels": changed("space", "levels", value=10**9),
        "a seed that is none": changed("train", "seed", value=float("nan")),
        "codecs 100,000 deep": ("codec", b'{"x":' * 100_000),
        "no codecs": ("codec", b"{}"),
    }


def _weights(whole: bytes) -> dict[str, Case]:
    far = json.dumps({"model.weights": {"dtype": "F32", "shape": [1 << 48], "data_offsets": [0, 1 << 50]}}).encode()
    first = min(name for name, t in load(whole).items() if t.is_floating_point() and t.numel() > 1)

    def changed(made: Callable[[torch.Tensor], torch.Tensor]) -> Case:
        return "weights", _reweighed(whole, lambda t: t, {first: made(load(whole)[first])})

    return {
        "a pickle in the place of weights": ("weights", b"\x80\x04}q\x00."),
        "weights of 10^15 bytes": ("weights", _tensors(far)),
        "a header of 2^63 bytes": ("weights", struct.pack("<Q", 1 << 63)),
        "weights of NaN": changed(lambda t: torch.full_like(t, torch.nan)),
        "weights of infinity": changed(lambda t: torch.full_like(t, torch.inf)),
        "weights of another type": changed(torch.Tensor.bool),
        "weights of another shape": changed(lambda t: t[None]),
        "weights of no entry": changed(lambda t: t.flatten()[:0]),
        "weights that nobody asked for": ("weights", _reweighed(whole, lambda t: t, {"../x": torch.zeros(1)})),
        "weights of another model": ("weights", save({"w": torch.zeros(2)})),
    }


# --- what makes them ----------------------------------------------------------------------------------------------


def _zip(members: Mapping[Any, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _twice(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as file:
        warnings.simplefilter("ignore")
        for _ in range(2):
            file.writestr(name, content)
    return buffer.getvalue()


def _claiming(archive: bytes, size: int) -> bytes:
    """A zip whose first member claims a size that it has not."""
    return _put(archive, archive.rindex(b"PK\x01\x02") + 24, struct.pack("<I", size))


def _tar(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    """A tar of one member, which claims a size that it has not."""
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, "../secret" * (kind != tarfile.REGTYPE)
    return member.tobuf() + bytes(2 * tarfile.BLOCKSIZE)


def _png(width: int, height: int) -> bytes:
    return _put(media(".png"), 16, struct.pack(">II", width, height))


def _put(content: bytes, place: int, piece: bytes) -> bytes:
    return content[:place] + piece + content[place + len(piece) :]


def _tensors(header: bytes, content: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + content


def _reweighed(
    content: bytes, made: Callable[[torch.Tensor], torch.Tensor], others: Mapping[str, torch.Tensor] | None = None
) -> bytes:
    """A file of tensors with other ones, which says of itself what it said."""
    said = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]]).get("__metadata__")
    return save({name: made(tensor) for name, tensor in load(content).items()} | dict(others or {}), said)
