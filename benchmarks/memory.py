"""Memory that files of samples and scores take: a hundred times the rows, the same memory.

For every form of output a small model draws 1,000 and 100,000 rows into a file by the command line, each time in a
process of its own, which says at its end how much memory it had at most. Rows are scored likewise, from an array that
is mapped, not read.

Usage: python -m benchmarks.memory [--rows 100000]
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

import genzoo
from benchmarks import record
from genzoo.core import Noise
from genzoo.data.codecs.audio import SoundCodec

WATCHED = """
import sys
from pathlib import Path
from genzoo.apps.cli.root import main
try:
    main()
finally:
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""


def runs(folder: Path) -> Iterator[tuple[str, Path]]:
    """A trained run for each form of output."""
    yield "points (.csv)", trained("gaussian_mixture", "moons", folder / "points")
    np.save(folder / "table.npy", Noise(0).normal(500, 12).numpy())
    yield "table (.csv)", trained("gaussian", folder / "table.npy", folder / "table")
    np.save(folder / "array.npy", Noise(0).normal(500, 2, 3, 2, 5).numpy())
    yield "array (.npy)", trained("gaussian", folder / "array.npy", folder / "array")
    yield "images (.png)", trained("histogram", "digits", folder / "images")
    yield "text (.txt)", trained("bigram", "verse", folder / "text")
    SoundCodec(1000).save_each(Noise(0).normal(60, 100) / 9, folder / "sounds")
    yield "sounds (.wav)", trained("gaussian", folder / "sounds", folder / "sound", covariance="diag")
    np.save(folder / "paths.npy", Noise(0).normal(200, 6, 2).cumsum(1).numpy())
    yield "sequences", trained("hmm", folder / "paths.npy", folder / "sequences", states=3)


def trained(recipe: str, data: object, path: Path, **settings: object) -> Path:
    data = str(data)
    return genzoo.train(recipe, data, out=path, settings=settings, steps=2, device="cpu", keep="last").path


def largest(*words: object) -> float:
    """The largest resident memory of a command in MB, since its beginning: `ru_maxrss` would count its parent's."""
    done = subprocess.run([sys.executable, "-c", WATCHED, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return int(done.stderr.split()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, run in runs(folder):
            suffix = genzoo.load(run).codec.suffix
            sizes = (rows // 100, rows)
            few, many = (largest("sample", run, "-n", n, "--seed", 0, "--out", folder / f"x{suffix}") for n in sizes)
            figures[what] = said(what, few, many)
        for n in (rows // 100, rows):
            np.save(folder / f"{n}.npy", Noise(1).normal(n, 12).numpy())
        few, many = (
            largest("score", folder / "table", "--data", folder / f"{n}.npy", "--out", folder / "s.csv")
            for n in (rows // 100, rows)
        )
        figures["scores (.csv)"] = said("scores (.csv)", few, many)
    path = record.write("memory", {"rows": rows, "megabytes": figures})
    worst = max(found["more"] for found in figures.values())
    print(f"at most {worst:.1f} MB more for {rows:,} rows than for {rows // 100:,}; written to {path}")


def said(what: str, few: float, many: float) -> dict[str, float]:
    print(f"{what:16} {few:7.1f} MB {many:7.1f} MB  {many - few:+7.1f} MB", flush=True)
    return {"few": round(few, 1), "many": round(many, 1), "more": round(many - few, 1)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
