"""What data cost: gathering rows in memory, rows on a mapped file, and images decoded once.

Three figures, each a ratio of two loops that alternate in one process on one thread:

- gathering shuffled batches in memory beside `clone()` of the same bytes: at least ½ of its bandwidth;
- with `--large`, a training step and gathering alone, per row, on 5 GB of generated rows in a file beside 500 MB in
  memory: at most 1.05 for the step, with less than 2 GB of anonymous memory;
- reading a folder of 60,000 PNG files the second time, from the cache, beside the first, which decodes them.

Usage: python -m benchmarks.data [--large] [--images N]
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from benchmarks import record
from genzoo.core import Noise
from genzoo.data import read

BATCH, SHAPE, BLOCKS = 256, (3, 32, 32), 9
WIDTH = int(np.prod(SHAPE))


def anonymous() -> float:
    """Gigabytes of memory of this process that are in no file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1e6


def seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def alternate(runs: dict[str, Callable[[], object]], blocks: int = BLOCKS) -> dict[str, list[float]]:
    """CPU seconds of each, taken in turns; the first turn warms up and is dropped."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for block in range(blocks + 1):
        for name, run in runs.items():
            took = seconds(run)
            if block:
                times[name].append(took)
    return times


def ratio(first: list[float], second: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(first, second, strict=True)), 3)


def gathering() -> dict[str, float]:
    """Bandwidth of shuffled batches over that of `clone()`."""
    x = Noise(0).integers(256, 1000, *SHAPE).to(torch.uint8).repeat(50, 1, 1, 1)
    rows = read(x).train
    n = len(rows) // BATCH * BATCH
    order = Noise(0).permutation(len(rows))[:n].split(BATCH)
    plain = x[:n].clone()
    times = alternate({
        "gather": lambda: [rows.gather(index) for index in order],
        "clone": lambda: [part.clone() for part in plain.split(BATCH)],
        "clone whole": plain.clone,
    })  # fmt: skip
    gigabytes = n * WIDTH / 1e9
    return {
        "gather_gb_per_s": round(gigabytes / min(times["gather"]), 2),
        "clone_gb_per_s": round(gigabytes / min(times["clone"]), 2),
        "clone_whole_gb_per_s": round(gigabytes / min(times["clone whole"]), 2),
        "gather_over_clone": ratio(times["clone"], times["gather"]),
        "gather_over_clone_whole": ratio(times["clone whole"], times["gather"]),
    }


def generate(path: Path, n: int) -> None:
    """n rows of bytes in a file, written a piece at a time."""
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, *SHAPE))
    for start in range(0, n, 20_000):
        words = Noise(0, "rows", start).words(min(20_000, n - start), WIDTH // 4).to(torch.int32)
        rows[start : start + len(words)] = words.view(torch.uint8).reshape(-1, *SHAPE).numpy()


def large(folder: Path) -> dict[str, float]:
    """Rows of a file of 5 GB beside rows of 500 MB in memory."""
    few, many = 500_000_000 // WIDTH, 5_000_000_000 // WIDTH
    generate(folder / "large.npy", many)
    start = time.time()
    mapped = read(folder / "large.npy")
    whole, opening = mapped.train, time.time() - start
    start = time.time()
    mark, hashing = mapped.fingerprint, time.time() - start
    bare = anonymous()
    small = read(torch.from_numpy(np.load(folder / "large.npy", mmap_mode="r")[:few].copy())).train
    model = nn.Sequential(nn.Flatten(), nn.Linear(WIDTH, 400), nn.ReLU(), nn.Linear(400, WIDTH))
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    place = {"large": 0, "small": 0}

    def batches(name: str, count: int) -> list[torch.Tensor]:
        rows = {"large": whole, "small": small}[name]
        order = orders[name]
        first = place[name]
        place[name] = (first + count * BATCH) % (len(order) - count * BATCH)
        return [rows.gather(part)[0] for part in order[first : first + count * BATCH].split(BATCH)]

    def steps(name: str) -> None:
        for _ in range(40):
            x = batches(name, 1)[0].flatten(1).float() / 255
            loss = (model(x) - x).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    orders = {name: Noise(1).permutation(len(rows)) for name, rows in (("large", whole), ("small", small))}
    training = alternate({name: (lambda name=name: steps(name)) for name in place})
    alone = alternate({name: (lambda name=name: batches(name, 200)) for name in place})
    return {
        "gb": round(many * WIDTH / 1e9, 2),
        "fingerprint": mark,
        "seconds_to_read": round(opening, 1),
        "seconds_to_fingerprint": round(hashing, 1),
        "anonymous_gb_mapped_alone": round(bare, 3),
        "anonymous_gb_with_500_mb_in_memory": round(anonymous(), 3),
        "step_per_row_over_memory": ratio(training["large"], training["small"]),
        "gather_per_row_over_memory": ratio(alone["large"], alone["small"]),
        "us_per_row_step_in_memory": round(1e6 * min(training["small"]) / (40 * BATCH), 2),
        "us_per_row_gather_in_memory": round(1e6 * min(alone["small"]) / (200 * BATCH), 3),
        "us_per_row_gather_mapped": round(1e6 * min(alone["large"]) / (200 * BATCH), 3),
    }


def decoding(folder: Path, n: int) -> dict[str, float]:
    """A folder of PNG files, read twice."""
    for start in range(0, n, 1000):
        images = Noise(0, "images", start).integers(256, min(1000, n - start), 28, 28).to(torch.uint8).numpy()
        (folder / "png" / f"{start // 1000:03d}").mkdir(parents=True)
        for i, image in enumerate(images):
            Image.fromarray(image).save(folder / "png" / f"{start // 1000:03d}" / f"{i:03d}.png", compress_level=1)
    times = []
    for _ in range(2):
        start_ = time.time()
        data = read(folder / "png", given="label")
        for index in torch.arange(len(data.train)).split(BATCH):
            data.train.gather(index)
        times.append(time.time() - start_)
    return {
        "images": n,
        "seconds_first": round(times[0], 2),
        "seconds_second": round(times[1], 2),
        "first_over_second": round(times[0] / times[1], 1),
        "ms_per_image_first": round(1e3 * times[0] / n, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="the 5 GB of generated rows as well")
    parser.add_argument("--images", type=int, default=60_000, help="how many PNG files")
    said = parser.parse_args()
    torch.set_num_threads(1)
    figures: dict[str, dict[str, float]] = {"gathering in memory": gathering()}
    with tempfile.TemporaryDirectory() as place:
        os.environ["GENZOO_CACHE"] = f"{place}/cache"
        if said.images:
            figures["a folder of PNG files"] = decoding(Path(place), said.images)
        if said.large:
            figures["larger than memory"] = large(Path(place))
    for name, values in figures.items():
        print(name)
        for what, value in values.items():
            print(f"  {what:36} {value}")
    print(
        "targets: gather_over_clone ≥ 0.5, step_per_row_over_memory ≤ 1.05, anonymous < 2 GB; written to",
        record.write("data", {"batch": BATCH, "figures": figures}),
    )


if __name__ == "__main__":
    main()
