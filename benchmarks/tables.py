"""What reading tables costs beside pandas and pyarrow, which only parse, and a folder of PNG files beside Pillow.

genzoo also decides what every column is, hashes every row for its split and looks for spikes and lost digits. Each
ratio is the peer's processor time over genzoo's in turns, in one process: more than 1 means that genzoo is faster.

Usage: python -m benchmarks.tables [--rows N] [--images N] [--rounds N]
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import torch
from PIL import Image
from pyarrow import parquet

from benchmarks import record
from benchmarks.data import seconds
from genzoo.core import Noise
from genzoo.data import read


def compared(ours: Callable[[], object], peer: Callable[[], object], rounds: int) -> dict[str, float]:
    """Ratios of processor time in turns; the first turn warms up."""
    pairs = [(seconds(ours), seconds(peer)) for _ in range(rounds + 1)][1:]
    ratios = [theirs / mine for mine, theirs in pairs]
    return {
        "genzoo_seconds": round(statistics.median(mine for mine, _ in pairs), 3),
        "peer_seconds": round(statistics.median(theirs for _, theirs in pairs), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
    }


def frames(rows: int) -> dict[str, pandas.DataFrame]:
    """Reals alone, and reals with gaps beside words and whole numbers."""
    reals = Noise(0).normal(rows, 8).numpy()
    plain = pandas.DataFrame(reals, columns=[f"x{i}" for i in range(8)])
    mixed = plain.iloc[: rows // 4, :4].copy()
    mixed.loc[mixed.index % 50 == 0, "x1"] = np.nan
    mixed["color"] = np.array(["red", "white", "blue"])[Noise(1).integers(3, len(mixed)).numpy()]
    mixed["city"] = np.array([f"city {i}" for i in range(50)])[Noise(2).integers(50, len(mixed)).numpy()]
    mixed["age"] = Noise(3).integers(90, len(mixed)).numpy()
    return {"reals": plain, "words and gaps": mixed}


def tables(folder: Path, rows: int, rounds: int) -> dict[str, dict[str, float]]:
    """CSV beside pandas, Parquet beside pyarrow."""
    found = {}
    for name, frame in frames(rows).items():
        path, packed = folder / "t.csv", folder / "t.parquet"
        frame.to_csv(path, index=False)
        frame.to_parquet(packed)
        found[f"CSV, {name}"] = compared(
            lambda path=path: read(path, missing="keep"), lambda path=path: pandas.read_csv(path), rounds
        )
        found[f"Parquet, {name}"] = compared(
            lambda packed=packed: read(packed, missing="keep"),
            lambda packed=packed: parquet.ParquetFile(packed).read(),
            rounds,
        )
    return found


def images(folder: Path, n: int, rounds: int) -> dict[str, float]:
    """The first reading of a folder of PNG files beside a loop that decodes them."""
    for start in range(0, n, 1000):
        pixels = Noise(0, "images", start).integers(256, min(1000, n - start), 32, 32, 3).to(torch.uint8).numpy()
        (folder / "png" / str(start)).mkdir(parents=True)
        for i, image in enumerate(pixels):
            Image.fromarray(image).save(folder / "png" / str(start) / f"{i:03d}.png")
    files, turn = sorted((folder / "png").rglob("*.png")), iter(range(rounds + 1))

    def ours() -> None:
        os.environ["GENZOO_CACHE"] = str(folder / f"cache{next(turn)}")
        read(folder / "png", given="label")

    def peer() -> None:
        np.stack([np.asarray(Image.open(path)) for path in files])

    return compared(ours, peer, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500_000, help="how many rows of reals; a quarter of the others")
    parser.add_argument("--images", type=int, default=3000, help="how many PNG files")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns")
    said = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        figures = tables(Path(place), said.rows, said.rounds)
        figures["a folder of PNG files, read first"] = images(Path(place), said.images, said.rounds)
    for name, values in figures.items():
        print(f"{name:36}", *(f"{what} {value}" for what, value in values.items()))
    sizes = {"rows": said.rows, "images": said.images}
    print("written to", record.write("tables", sizes | {"figures": figures}))


if __name__ == "__main__":
    main()
