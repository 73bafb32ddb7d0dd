"""What of each recipe is the same bit for bit, and what within rounding: again in one process, in another process that
meets the recipes in another order, by two threads, and in batches of other sizes.

Every tiny instance of `tests/zoo`, fitted to some rows where that takes passes over them alone, draws samples (or
codes, where it has none), scores them where it can, and takes its loss with the gradient. Differences are the largest
of any number, in units of that number where it is above 1.
Instances are small, so products are seldom split among threads: what is exact here may be off by rounding where
networks are large.

Usage: python -m benchmarks.determinism [--only gpt]
"""

import argparse
import copy
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import record
from genzoo.core import Capability, DirectFit, GenerativeModel, Noise
from genzoo.core.game import Batch
from genzoo.core.given import map_given
from tests.zoo import ZOO, batch, ready

MOST = 1e-5  # by other threads, and in other batches
ROWS, PARTS, SEED = 6, ((0, 1), (1, 3), (3, 6)), 11
FITTED, PASSES = 64, 3

Numbers = dict[str, Tensor]


def drawn(model: GenerativeModel, first: int = 0, last: int = ROWS) -> Tensor:
    """Rows of a seed, or codes where the model does not sample."""
    data = batch(model, ROWS)
    given = map_given(lambda part: part[first:last], data.given)
    if model.can(Capability.SAMPLE):
        return model.sample(last - first, given, seed=SEED, start=first)
    return model.encode(data.x[first:last], given).detach()


def scored(model: GenerativeModel, first: int = 0, last: int = ROWS) -> Tensor:
    """The log-probabilities of rows."""
    data = batch(model, ROWS)
    given = map_given(lambda part: part[first:last], data.given)
    with torch.no_grad():
        return model.log_prob(data.x[first:last], given, seed=SEED, start=first)


def learned(model: GenerativeModel) -> Tensor:
    """The loss of some rows, and the size of the gradient of each parameter."""
    model = model.train()
    data = batch(model, ROWS)
    loss = model.loss(Batch(data.x, data.given, Noise(SEED, "loss")))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    slopes = torch.autograd.grad(loss, weights, allow_unused=True) if loss.requires_grad else ()
    return torch.stack([loss.detach().double(), *(g.double().norm() for g in slopes if g is not None)])


WAYS: dict[str, Callable[[GenerativeModel], Tensor]] = {"samples": drawn, "scores": scored, "losses": learned}


def fitted(name: str) -> GenerativeModel:
    """An instance, which has met some rows in two batches if it is fitted by passes over them."""
    model = ready(name)
    if isinstance(model, DirectFit) and model.can(Capability.DIRECT_FIT):
        data, noise = batch(model, FITTED), Noise(SEED, "fit")
        rows = Batch(data.x, data.given, noise)
        for _ in range(model.looks() + PASSES):
            model.begin()
            for part in (rows[: FITTED // 2], rows[FITTED // 2 :]):
                model.accumulate(part)
            list(model.statistics())
            model.finish()
    return model


def found(name: str) -> Numbers:
    """All that an instance tells."""
    model, able = fitted(name), {"scores": Capability.LOG_PROB, "losses": Capability.LOSS}
    asked = {what: way for what, way in WAYS.items() if what not in able or model.can(able[what])}
    return {what: way(copy.deepcopy(model)) for what, way in asked.items()}


def by_parts(name: str) -> Numbers:
    """The same rows in batches of one, two and three."""
    model = fitted(name)
    kept = {"samples": torch.cat([drawn(model, *part) for part in PARTS])}
    if model.can(Capability.LOG_PROB):
        kept["scores"] = torch.cat([scored(model, *part) for part in PARTS])
    return kept


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference, in units of a number where it is above 1."""
    if one.shape != other.shape:
        return float("inf")
    a, b = one.double().nan_to_num(0.0, 9e99, -9e99), other.double().nan_to_num(0.0, 9e99, -9e99)
    return float(((a - b).abs() / a.abs().clamp(min=1)).max()) if a.numel() else 0.0


def fingerprint(numbers: Numbers) -> str:
    """A hash of every bit."""
    digest = hashlib.sha256()
    for name, value in sorted(numbers.items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode() + value.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def state() -> tuple[Any, ...]:
    """That of every generator that a user may have seeded."""
    return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002


def told(name: str) -> dict[str, Any]:
    """What differs of an instance in this process."""
    before = state()
    first = found(name)
    row: dict[str, Any] = {"fingerprint": fingerprint(first), "again": fingerprint(found(name)) == fingerprint(first)}
    torch.set_num_threads(2)
    other = found(name)
    torch.set_num_threads(1)
    row["threads"] = {what: difference(first[what], other[what]) for what in first}
    parted = by_parts(name)
    row["batches"] = {what: difference(first[what], parted[what]) for what in parted}
    return row | {"untouched": state() == before}


def fingerprints(names: list[str]) -> Iterator[tuple[str, str]]:
    """The hashes of instances, met in another order."""
    shuffled = sorted(names)
    random.Random(SEED).shuffle(shuffled)
    for name in shuffled:
        yield name, fingerprint(found(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="instances whose names begin so")
    parser.add_argument("--hashes", action="store_true", help="print the hashes alone, as the other process does")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [name for name in ZOO if name.startswith(options.only)]
    if options.hashes:
        print(json.dumps(dict(fingerprints(names))))
        return
    words = [sys.executable, "-m", "benchmarks.determinism", "--hashes", "--only", options.only]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        rows = {}
        for name in names:
            rows[name] = told(name)
            print(f"{name:36} {rows[name]}", flush=True)
        hashes = json.loads(other.communicate()[0])
    for name, row in rows.items():
        row["elsewhere"] = hashes[name] == row.pop("fingerprint")
    unlike = [name for name, row in rows.items() if not all((row["again"], row["elsewhere"], row["untouched"]))]
    off = [name for name, row in rows.items() if max((*row["threads"].values(), *row["batches"].values())) > MOST]
    path = "no file" if options.only else record.write("determinism", {"rows": ROWS, "instances": rows})
    said = f"{len(unlike)} of them not the same again: {unlike}, {off} off by more than {MOST:g}"
    print(f"{len(rows)} instances, {said}; written to {path}")
    sys.exit(bool(unlike or off))


if __name__ == "__main__":
    main()
