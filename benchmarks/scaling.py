"""What a second rank brings and costs: time of a step, bytes that a rank holds, bytes that it sends.

Each rank has a processor of its own, on a host of its own where that is permitted (`benchmarks.hosts`). Strong scaling
keeps the batch and halves each rank's share; weak scaling doubles the batch. What a rank holds is counted tensor by
tensor after a step, and its peak of memory is the kernel's; what it sends is counted by its network interface. The
plan in docs/scaling.md takes its arithmetic from here.

Usage: python -m benchmarks.scaling
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from benchmarks import record
from benchmarks.hosts import INTERFACE, Hosts, namespaces
from genzoo.core import seeded
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.sharding import local, networks
from genzoo.training.state import State
from genzoo.zoo import recipe_named

MODELS: dict[str, dict[str, Any]] = {
    "gpt": {"data": "verse", "batch": 16, "settings": {"width": 256, "depth": 8}},
    "ddpm": {"data": "digits", "batch": 64, "settings": {"width": 64}},
}
STEPS, WARM = 12, 4  # steps of a run, and the first of them that are not timed
MEGA = 2**20


def held(tensors: Iterable[Tensor]) -> int:
    return sum(local(tensor.detach()).nbytes for tensor in tensors)


def sent() -> int:
    """Bytes that this host has sent, by its interface to the other one, or among the processes of one host."""
    for name in (INTERFACE, "lo") if "RANK" in os.environ else ():
        if (path := Path(f"/sys/class/net/{name}/statistics/tx_bytes")).exists():
            return int(path.read_text())
    return 0


class Probe(Callback):
    """Looks at the clock and the interface between steps, and at the end at what is held."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.found: dict[str, Any] = {}
        self.begun = 0

    def on_step(self, state: State) -> None:
        self.ticks.append(time.monotonic())
        if state.step == WARM:
            self.begun = sent()
        if state.step == STEPS - 1:  # a checkpoint or a validation comes after the last
            (turn,) = state.course.turns
            parameters = list(state.model.parameters())
            self.found = {
                "parameters": held(parameters),
                "gradients": held(p.grad for p in parameters if p.grad is not None),
                "moments": held(t for kept in turn.mover.adamw.state.values() for t in kept.values()),
                "average": held(state.average.model.parameters()),
                "sent per step": (sent() - self.begun) / (STEPS - 1 - WARM),
            }

    def told(self) -> dict[str, Any]:
        apart = [b - a for a, b in zip(self.ticks[WARM - 1 :], self.ticks[WARM:-1], strict=False)]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return self.found | {"seconds per step": statistics.median(apart), "peak": peak}


def work(name: str, batch: int, shard: bool) -> None:
    """Trains a few steps on this rank and prints what was found."""
    torch.set_num_threads(1)
    about, data = MODELS[name], genzoo.read(MODELS[name]["data"])
    with seeded(0):
        model = recipe_named(name)(data.space, **about["settings"]).model
    whole = [sum(p.numel() for p in part.parameters()) for part in networks(model)]
    config = TrainConfig(steps=STEPS, batch_size=batch, ema=0.5, shard=shard, device="cpu", lr=1e-4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    probe = Probe()
    train(model, data.train, config, callbacks=[probe], say=lambda remark: None)
    sizes = {"numbers": model.parameter_count, "in networks": sum(whole), "before": before}
    print("FOUND " + json.dumps({"rank": int(os.environ.get("RANK", 0))} | sizes | probe.told()), flush=True)


def measured(name: str, batch: int, *, ranks: int = 1, shard: bool = False, hosts: Hosts) -> list[dict[str, Any]]:
    """What each rank found."""
    words = ["-m", "benchmarks.scaling", "--work", name, "--batch", str(batch), *(["--shard"] if shard else [])]
    if ranks == 1:
        alone = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
        said = [alone.stdout]
    else:
        said = hosts.run(words)
    lines = [line.partition("FOUND ")[2] for text in said for line in text.splitlines() if "FOUND " in line]
    return sorted((json.loads(line) for line in lines), key=lambda found: found["rank"])


def scaled(name: str, hosts: Hosts) -> dict[str, Any]:
    batch = MODELS[name]["batch"]
    one = measured(name, batch, hosts=hosts)
    strong = measured(name, batch, ranks=2, hosts=hosts)
    weak = measured(name, 2 * batch, ranks=2, hosts=hosts)
    sharded = measured(name, batch, ranks=2, shard=True, hosts=hosts)
    seconds = [found[0]["seconds per step"] for found in (one, strong, weak, sharded)]
    return {
        "batch": batch,
        "speed-up, one batch over two ranks": round(seconds[0] / seconds[1], 3),
        "efficiency, a batch on each rank": round(seconds[0] / seconds[2], 3),
        "speed-up, one batch over two ranks, sharded": round(seconds[0] / seconds[3], 3),
        "one": one,
        "two": strong,
        "two, twice the batch": weak,
        "two, sharded": sharded,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", choices=MODELS)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--shard", action="store_true")
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.batch, options.shard)
    with namespaces() as why:
        hosts = Hosts(why)
        table = {name: scaled(name, hosts) for name in MODELS}
    for name, row in table.items():
        print(name, {key: value for key, value in row.items() if isinstance(value, float)})
        for key in ("one", "two", "two, sharded"):
            for found in row[key]:
                print("   ", key, {what: round(value / MEGA, 2) for what, value in found.items() if value > 1e4})
    print("written to", record.write("scaling", {"one host, because": why, "models": table}))
    return None


if __name__ == "__main__":
    main()
