"""Hostile files: thousands of spoilt files of each kind, each read as usual, and what became of them.

Every case must end valid, or in one of genzoo's own errors, within two seconds of processor time and 200 MB; and no
process may start, nothing be unpickled, no connection be made, and no file be written but beside the case.
`python -m benchmarks.hostile --cases 100`
"""

import argparse
import collections
import contextlib
import io
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import genzoo
from benchmarks import record
from tests.handmade import handmade, handmade_runs
from tests.hostile import KINDS, RUN_KINDS, Kind, mutated, packed_kind, run_kind, trial

SECONDS, MEGABYTES = 2.0, 200
FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pickle.find_class")
RUNS = {
    "mixture": ("gaussian_mixture", "moons", {"steps": 8}),
    "images": ("vae", "digits", {"steps": 4, "given": "label", "settings": {"width": 8, "latent": 2}}),
    "text": ("bigram", "verse", {"steps": 2}),
}


def peak() -> float:
    """The most memory that this process has held since the last `forget`, in megabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def now() -> float:
    """The memory that it holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


EVENTS: collections.Counter[str] = collections.Counter()
WATCHED: list[str] = []  # where files may be written, as long as what no file may cause is counted


@contextlib.contextmanager
def watched(place: Path) -> Iterator[None]:
    """A time in which what no file may cause is counted.

    Args:
        place: Where files may be written.
    """
    WATCHED[:] = [str(place), os.devnull]
    try:
        yield
    finally:
        WATCHED.clear()


def note(event: str, said: tuple) -> None:
    if WATCHED and event in FORBIDDEN:
        EVENTS[event] += 1
    elif WATCHED and event == "open" and _is_elsewhere(*said):
        EVENTS["written elsewhere"] += 1


def _is_elsewhere(path: object, _: object, flags: int) -> bool:
    writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return writes and not str(path).startswith(tuple(WATCHED))


class Count:
    """What became of the cases of one kind."""

    def __init__(self) -> None:
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.seconds = self.megabytes = 0.0

    def add(self, kind: Kind, content: bytes, folder: Path) -> None:
        forget()
        before, began = now(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()), watched(folder.parent):
            found = trial(kind, content, folder)
        self.seconds = max(self.seconds, time.process_time() - began)
        self.megabytes = max(self.megabytes, peak() - before)
        self.outcomes[found.outcome] += 1

    def to_json(self) -> dict:
        other = {name: n for name, n in self.outcomes.items() if name not in ("valid", "typed")}
        kept = {"cases": self.outcomes.total(), "valid": self.outcomes["valid"], "typed": self.outcomes["typed"]}
        return kept | {"untyped": other, "seconds": round(self.seconds, 2), "megabytes": round(self.megabytes, 1)}

    @property
    def is_good(self) -> bool:
        said = self.to_json()
        return not said["untyped"] and said["seconds"] < SECONDS and said["megabytes"] < MEGABYTES


def kinds(folder: Path) -> Iterator[tuple[str, Kind]]:
    """Every kind of file, and the files of some runs."""
    yield from KINDS.items()
    for name, (recipe, data, how) in RUNS.items():
        run = genzoo.train(recipe, data, checkpoint_every=2, device="cpu", out=folder / name, **how).path
        for file in RUN_KINDS:
            yield f"{name}: {file}", run_kind(file, run, folder)
    yield "compressed", packed_kind(genzoo.load(folder / "text"), folder)


def by_hand(run: Path, folder: Path) -> dict[str, Count]:
    """What became of each file that was made by hand.

    Args:
        run: A trained mixture.
        folder: Where copies of files may lie.
    """
    kept = {kind: run_kind(kind, run, folder) for kind in RUN_KINDS}
    cases = [(KINDS, handmade()), (kept, handmade_runs(run))]
    counts: dict[str, Count] = collections.defaultdict(Count)
    for kinds_, files in cases:
        for kind in {kind for kind, _ in files.values()}:
            trial(kinds_[kind], kinds_[kind].content, folder / "case")  # what is imported once
        for what, (kind, content) in files.items():
            counts[what].add(kinds_[kind], content, folder / "case")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=100, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    sys.addaudithook(note)
    counts: dict[str, Count] = collections.defaultdict(Count)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, kind in kinds(folder):
            draw = random.Random(f"{options.seed} {name}")
            with contextlib.redirect_stdout(io.StringIO()):
                trial(kind, kind.content, folder / "case")  # what is imported and made once
            for _ in range(options.cases):
                counts[name].add(kind, mutated(kind, draw), folder / "case")
            print(f"{name:24} {counts[name].to_json()}", flush=True)
        made = by_hand(folder / "mixture", folder)
        counts |= made
        print(f"{len(made)} by hand: {sum((count.outcomes for count in made.values()), collections.Counter())}")
    whole = sum((count.outcomes for count in counts.values()), collections.Counter())
    total, good = whole.total(), whole["valid"] + whole["typed"]
    figures = {"cases": total, "typed or valid": good, "typed": whole["typed"], "forbidden": dict(EVENTS)}
    path = record.write("hostile", figures | {"kinds": {name: count.to_json() for name, count in counts.items()}})
    print(f"{total:,} hostile files: {whole['typed']:,} typed, {whole['valid']:,} valid, {total - good:,} untyped; "
          f"{EVENTS.total()} processes, connections or pickles; written to {path}")  # fmt: skip
    if EVENTS or not all(count.is_good for count in counts.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
