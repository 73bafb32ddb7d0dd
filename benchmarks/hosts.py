"""Two hosts on one machine, and what torchrun trains on both: equal to one process, and through the death of a rank.

A host is a network namespace with an address of its own, joined to the other by a pair of virtual interfaces; torchrun
runs in each as an administrator would start it on two machines. A recipe of four kinds is trained by one process and
by two ranks, one on each host, in float64 and in float32; what is compared is the weights, the losses in the journal
and samples. Then one rank is killed by SIGKILL: torchrun starts both again (`--max-restarts`), they go on from the
newest checkpoint, and must end bit for bit where the two that were left alone ended.

Namespaces need an administrator's rights; without them both ranks share one host, and the record says so.

Usage: python -m benchmarks.hosts [--recipes gpt,ddpm]
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

import genzoo
from benchmarks import record
from benchmarks.faults import difference, newest_step
from benchmarks.forked import Forked
from benchmarks.forked import genzoo as genzoo_says
from genzoo.training.journal import CLOCK

SETTINGS = {
    "gpt": "--data verse --steps 12 --set width=32 --set depth=2 --train batch_size=8 --train checkpoint_every=4",
    "ddpm": "--data digits --steps 12 --set width=16 --train batch_size=32 --train checkpoint_every=4",
    "r3gan": "--data digits --steps 12 --set width=8 --train batch_size=32 --train checkpoint_every=4",
    "gaussian_mixture": "--data digits --steps 40 --train batch_size=256 --train checkpoint_every=4",
}
SHARDED = ("gpt", "ddpm")
KILLED_AFTER = 4  # the step of the checkpoint after which a rank is killed
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}  # of weights, losses and samples, in units of each number above 1
ROUGH = {"r3gan": 5}  # times as much: second derivatives at two players in turn make rounding larger each time
PORT = 29_441
NAMES = tuple(f"genzoo-{os.getpid()}-{rank}" for rank in range(2))
INTERFACE = "veth0"
ADDRESSES = ("10.199.77.1", "10.199.77.2")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def namespaces() -> Iterator[str | None]:
    """Two network namespaces that reach one another and nothing else; yields why not, where they are not permitted."""
    try:
        for name in NAMES:
            ip("netns", "add", name)
        one, two = (("name", INTERFACE, "netns", name) for name in NAMES)
        ip("link", "add", *one, "type", "veth", "peer", *two)
        for name, address in zip(NAMES, ADDRESSES, strict=True):
            ip("-n", name, "address", "add", f"{address}/24", "dev", INTERFACE)
            for device in ("lo", INTERFACE):
                ip("-n", name, "link", "set", device, "up")
        yield None
    except (OSError, subprocess.CalledProcessError) as error:
        yield str(getattr(error, "stderr", None) or error).strip()
    finally:
        for name in NAMES:
            with contextlib.suppress(OSError):
                subprocess.run(["ip", "netns", "delete", name], capture_output=True)


class Hosts:
    """Where the two ranks run.

    Args:
        why: Why they share one host; None if each has its own.
    """

    def __init__(self, why: str | None) -> None:
        self.why = why

    def start(self, words: Sequence[str], restarts: int = 0) -> list[subprocess.Popen[str]]:
        """torchrun on each host, with one rank each."""
        addresses = ADDRESSES if self.why is None else ("127.0.0.1", "127.0.0.1")
        started = []
        for rank, (name, address) in enumerate(zip(NAMES, addresses, strict=True)):
            inside = ["ip", "netns", "exec", name] if self.why is None else []
            how = [
                "--nnodes=2", "--nproc-per-node=1", f"--max-restarts={restarts}", "--rdzv-backend=c10d",
                f"--rdzv-endpoint={addresses[0]}:{PORT}", "--rdzv-id=genzoo", f"--local-addr={address}",
                f"--rdzv-conf=is_host={int(rank == 0)}",
            ]  # fmt: skip
            started.append(
                subprocess.Popen(
                    [*inside, sys.executable, "-m", "torch.distributed.run", *how, *words],
                    env=os.environ
                    | {"GLOO_SOCKET_IFNAME": INTERFACE if self.why is None else "lo", "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            )
        return started

    def run(self, words: Sequence[str]) -> list[str]:
        """Runs a command in two ranks to its end; returns what each said."""
        return ended(self.start(words))


def ended(hosts: Sequence[subprocess.Popen[str]]) -> list[str]:
    said = [host.communicate()[0] for host in hosts]
    if any(host.returncode for host in hosts):
        raise SystemExit("\n".join(said))
    return said


def words(recipe: str, run: Path, *more: str) -> list[str]:
    return [
        "-m",
        "genzoo",
        "train",
        recipe,
        "--device",
        "cpu",
        "--seed",
        "5",
        "--out",
        str(run),
        *SETTINGS[recipe].split(),
        *more,
    ]


def off(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two tensors, in units of each number above 1."""
    one, other = one.double(), other.double()
    return float(((one - other).abs() / one.abs().clamp(min=1)).max()) if one.numel() else 0.0


def losses(run: Path) -> torch.Tensor:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return torch.tensor(
        [value for row in rows for name, value in row.items() if name not in CLOCK and isinstance(value, float)]
    )


def equality(recipe: str, precision: str, hosts: Hosts, folder: Path) -> dict[str, dict[str, float]]:
    """How far two ranks end from one process, with a whole model each, and with a half where that can be."""
    more, one = ("--train", f"precision={precision}"), folder / f"{recipe}-{precision}-one"
    Forked(lambda: genzoo_says(words(recipe, one, *more)[2:])).finished()
    ways = {"two": (), "sharded": ("--shard",)} if recipe in SHARDED else {"two": ()}
    found = {}
    for way, how in ways.items():
        run = folder / f"{recipe}-{precision}-{way}"
        hosts.run(words(recipe, run, *more, *how))
        found[f"{precision}, sharded" if how else precision] = apart(one, run)
    return found


def apart(one: Path, two: Path) -> dict[str, float]:
    """How far the ends of two trainings are from one another: weights, losses, samples, of levels the share that
    differs."""
    kept = [load_file(run / "model.safetensors") for run in (one, two)]
    drawn = [genzoo.load(run).model.sample(8, seed=0) for run in (one, two)]
    return {
        "weights": max(off(value, kept[1][name]) for name, value in kept[0].items()),
        "losses": off(losses(one), losses(two)),
        "samples": off(*drawn) if drawn[0].is_floating_point() else float((drawn[0] != drawn[1]).double().mean()),
    }


def worker(agent: int) -> int:
    """The process that an agent of torchrun has started."""
    return int(Path(f"/proc/{agent}/task/{agent}/children").read_text().split()[0])


def killed(recipe: str, hosts: Hosts, folder: Path) -> dict[str, Any]:
    """One rank dies; torchrun starts both again, and they end where two that were left alone end."""
    whole, cut = folder / f"{recipe}-float32-two", folder / f"{recipe}-killed"
    pair = hosts.start(words(recipe, cut, "--train", "precision=float32"), restarts=1)
    while newest_step(cut) < KILLED_AFTER and all(host.poll() is None for host in pair):
        time.sleep(0.001)
    victim, other = worker(pair[1].pid), worker(pair[0].pid)
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while os.path.exists(f"/proc/{other}"):
        time.sleep(0.01)
    gone = time.monotonic() - began
    said = next((line for line in ended(pair)[0].splitlines() if "resuming" in line), "")
    return {"other rank ended within": round(gone, 1), "said": said, "unlike": difference(whole, cut)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", default=",".join(SETTINGS))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the namespaces go
    table: dict[str, Any] = {}
    with namespaces() as why, tempfile.TemporaryDirectory() as folder:
        hosts = Hosts(why)
        print("two hosts with addresses of their own" if why is None else f"one host: {why}")
        for recipe in options.recipes.split(","):
            row: dict[str, Any] = {}
            for precision in TOLERANCE:
                row |= equality(recipe, precision, hosts, Path(folder))
            row["killed"] = killed(recipe, hosts, Path(folder))
            table[recipe] = row
            print(recipe, json.dumps(row), flush=True)
    if set(table) == set(SETTINGS):
        print(
            "written to",
            record.write(
                "hosts", {"one host, because": why, "tolerance": TOLERANCE, "times": ROUGH, "recipes": table}
            ),
        )
    bad = [
        f"{recipe}, {way}: {found}"
        for recipe, row in table.items()
        for way, found in row.items()
        if way != "killed" and max(found.values()) > ROUGH.get(recipe, 1) * TOLERANCE[way.partition(",")[0]]
    ] + [
        f"{recipe}: {row['killed']}"
        for recipe, row in table.items()
        if row["killed"]["unlike"] or not row["killed"]["said"]
    ]
    if bad:
        sys.exit("\n".join(bad))


if __name__ == "__main__":
    main()
