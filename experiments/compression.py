"""Real bytes: what models make of test files that they never saw, beside the codecs that everybody has.

    python -m experiments.compression [--only clothes,digits,emoji,verse,lossy] [--out runs/bytes]
    python -m experiments.compression --draw      the figure alone, from the record

Each model is trained for its processor time with the settings of its recipe. Then files of test rows are packed by
`genzoo compress`, and unpacked by `genzoo decompress` in a fresh process with another number of threads; all files are
compared by their hashes. Beside stand PNG and WebP without loss, a file a picture as well as all pictures on one
sheet, and zlib, bzip2 and xz over all pixels at once. Of lossy ways the squared error stands beside the bits, and
JPEG's and WebP's of the sheet. Peers are set to their strongest: `optimize`, method 6, level 9, extreme.
"""

import argparse
import bz2
import hashlib
import io
import json
import lzma
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import genzoo
from experiments.drawing import save
from genzoo.data import Data
from genzoo.zoo import Run, load, resume, store
from genzoo.zoo.compression import compress, decompress

IMAGES: dict[str, dict[str, Any]] = {
    "clothes": {"source": "fashion-mnist"},
    "digits": {"source": "mnist"},
    "emoji": {"source": "emoji", "x": "twemoji", "size": 32, "color": "rgb"},
    "verse": {"source": "tinyshakespeare", "window": 256},
}
MODELS = {
    "clothes": {"pixelcnn": 12, "vae": 6, "ladder_vae": 6},
    "digits": {"pixelcnn": 8},
    "emoji": {"pixelcnn": 8},
    "verse": {"gpt": 8},
}
LOSSY: dict[str, dict[str, Any]] = {"vq_vae-256": {}, "vq_vae-16": {"codes": 16}}
LOSSY_MINUTES, WIDTHS, QUALITIES = 3, (0.125, 0.25, 0.5, 1.0, 2.0), (5, 10, 20, 40, 70)
N = 1000
RECORD = Path(__file__).parent / "records" / "compression.json"


def run_of(name: str, data: Data, minutes: float, path: Path, settings: dict[str, Any]) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    return genzoo.train(name, data, settings=settings, out=path, core_minutes=minutes, device="cpu")


def files_of(name: str, data: Data, run: Run, folder: Path) -> list[Path]:
    """Test rows as files: a picture each, or the text of all."""
    if not folder.exists():
        folder.mkdir(parents=True)
        if name == "verse":
            text = run.codec.texts(data.test.x.reshape(1, -1))[0]  # type: ignore[attr-defined]
            (folder / "verse.txt").write_text(text)
        else:
            run.codec.save_each(data.test.x[:N], folder)  # type: ignore[attr-defined]
    return sorted(folder.iterdir())


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def same_files(before: Path, after: Path) -> str:
    """How many files are what they were."""
    pairs = list(zip(hashes(before).items(), hashes(after).items(), strict=True))
    return f"{sum(a == b for a, b in pairs)} of {len(pairs)}"


def packed(run: Run, files: list[Path], out: Path) -> dict[str, Any]:
    """A round trip, the way back in another process with as many threads as there are cores."""
    report = compress(run, files, out, check=False)
    again = out.with_suffix(".again")
    command = [sys.executable, "-m", "genzoo", "decompress", str(run.path), str(out), "-o", str(again)]
    began = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": str(os.cpu_count())})
    return {
        "bytes": report.after,
        "model_bytes": round(report.bits / 8),
        "coder_bytes": report.words // 8,
        "gap": round(report.words / report.bits - 1, 5),
        "bits_per_entry": round(8 * report.after / report.entries, 4),
        "without_mass": report.charged,
        "pack_seconds": round(report.seconds, 1),
        "unpack_seconds": round(time.perf_counter() - began, 1),
        "same_files": same_files(files[0].parent, again),
    }


def sheet(files: list[Path]) -> Image.Image:
    """All pictures on one, edge to edge."""
    pictures = [np.asarray(Image.open(path)) for path in files]
    across = int(np.ceil(np.sqrt(len(pictures))))
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % across)
    lines = [np.concatenate(pictures[i : i + across], 1) for i in range(0, len(pictures), across)]
    return Image.fromarray(np.concatenate(lines))


def written(picture: Image.Image, **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def peers(name: str, files: list[Path]) -> dict[str, int]:
    """Bytes of what everybody has."""
    if name == "verse":
        raw, found = files[0].read_bytes(), {}
    else:
        pictures = [Image.open(path).copy() for path in files]
        raw = b"".join(picture.tobytes() for picture in pictures)
        png, webp = (
            {"format": "PNG", "optimize": True},
            {"format": "WEBP", "lossless": True, "method": 6, "quality": 100},
        )
        found = {
            "png": sum(len(written(picture, **png)) for picture in pictures),
            "webp": sum(len(written(picture, **webp)) for picture in pictures),
            "png, one sheet": len(written(sheet(files), **png)),
            "webp, one sheet": len(written(sheet(files), **webp)),
        }
    packers: dict[str, Callable[[bytes], bytes]] = {
        "zlib": lambda x: zlib.compress(x, 9),
        "bzip2": lambda x: bz2.compress(x, 9),
        "xz": lambda x: lzma.compress(x, preset=9 | lzma.PRESET_EXTREME),
    }
    return {"raw": len(raw)} | found | {each: len(pack(raw)) for each, pack in packers.items()}


def error(before: list[Path], after: list[Path]) -> float:
    """The mean squared difference of pixels, of 255."""
    pairs = zip(before, after, strict=True)
    return float(
        np.mean([(np.asarray(Image.open(a), float) - np.asarray(Image.open(b), float)) ** 2 for a, b in pairs])
    )


def kept(run: Run, files: list[Path], out: Path, width: float | None) -> dict[str, Any]:
    """Codes in place of pictures: bits a pixel, and how far what comes back is."""
    report = compress(run, files, out, lossy=True, width=width)
    again = out.with_suffix(f".again-{width}")
    decompress(run, out, again)
    return rate(report.after, report.entries, error(files, sorted(again.iterdir())))


def rate(size: int, pixels: int, mse: float) -> dict[str, Any]:
    """Bits a pixel and decibels."""
    return {"bits_per_pixel": round(8 * size / pixels, 4), "psnr": round(10 * float(np.log10(255**2 / mse)), 2)}


def lossy(data: Data, out: Path) -> dict[str, Any]:
    """The curves of autoencoders, of JPEG and of WebP."""
    vae = load(out / "vae-clothes")
    files = files_of("clothes", data, vae, out / "clothes")
    found: dict[str, Any] = {
        "vae": [kept(vae, files, out / "vae.lossy", width) | {"width": width} for width in WIDTHS]
    }
    for name, settings in LOSSY.items():
        run = run_of("vq_vae", data, LOSSY_MINUTES, out / f"{name}-clothes", settings)
        found[name] = [kept(run, files, out / f"{name}.lossy", None)]
    whole = sheet(files)
    pixels = whole.size[0] * whole.size[1]
    for name, options in {
        "jpeg": {"format": "JPEG", "optimize": True},
        "webp": {"format": "WEBP", "method": 6},
    }.items():
        points = found[f"{name}, one sheet"] = []
        for quality in QUALITIES:
            content = written(whole, quality=quality, **options)
            back = np.asarray(Image.open(io.BytesIO(content)).convert("L"), float)
            points.append(rate(len(content), pixels, float(((back - np.asarray(whole, float)) ** 2).mean())))
    return found


MEASURED = """
import resource, sys
from pathlib import Path
from genzoo.zoo.compression import compress
from genzoo.zoo.loading import load
run, folder, out, n = sys.argv[1:]
compress(load(run), sorted(Path(folder).iterdir())[: int(n)], Path(out), check=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def memory(data: Data, out: Path) -> dict[str, int]:
    """The most memory, MiB, of a process that packs few and many pictures."""
    run, folder = load(out / "vae-clothes"), out / "many"
    if not folder.exists():
        run.codec.save_each(data.test.x[:8000], folder)  # type: ignore[attr-defined]
    found = {}
    for n in (500, 8000):
        command = [sys.executable, "-c", MEASURED, str(run.path), str(folder), str(out / "many.gz0"), str(n)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[f"{n} pictures"] = int(said)
    return found


def draw(record: dict[str, Any]) -> None:
    """Bits and decibels of lossy ways."""
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    for name, points in record["lossy"].items():
        axes.plot([p["bits_per_pixel"] for p in points], [p["psnr"] for p in points], "o-", label=name, markersize=4)
    axes.set(xlabel="bits a pixel, all bytes counted", ylabel="PSNR, dB", xscale="log")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    save(figure, "compression-lossy", RECORD)


def main() -> None:
    """Trains what is asked for, packs and unpacks, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--only", default=",".join([*MODELS, "lossy"]))
    asked.add_argument("--out", type=Path, default=Path("runs/bytes"))
    asked.add_argument("--draw", action="store_true", help="the figure alone")
    given = asked.parse_args()
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for name in [] if given.draw else given.only.split(","):
        reading = dict(IMAGES["clothes" if name == "lossy" else name])
        data = genzoo.read(reading.pop("source"), **reading)
        if name == "lossy":
            record["lossy"] = lossy(data, given.out)
            record["mebibytes"] = memory(data, given.out)
        for model, minutes in MODELS.get(name, {}).items():
            run = run_of(model, data, minutes, given.out / f"{model}-{name}", {})
            files = files_of(name, data, run, given.out / name)
            found = packed(run, files, given.out / f"{model}-{name}.gz0")
            facts = {"minutes": minutes, "steps": run.metrics[-1]["step"], "data": run.config.data.fingerprint}
            record[name] = record.get(name, {}) | {
                "peers": peers(name, files),
                "files": len(files),
                model: found | facts,
            }
            print(name, model, json.dumps(found), flush=True)
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    if "lossy" in record:
        draw(record)


if __name__ == "__main__":
    main()
