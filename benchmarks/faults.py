"""Kills training at random instants, resumes it, and compares the end with that of a run left alone, bit for bit.

For a recipe of each family one run is left alone, and another, of the same command, is killed by SIGKILL again and
again: every second time at a random instant, the other times while a checkpoint is being written. What is compared:
the weights, the last checkpoint's model, optimizer and average, and every row of metrics but for its wall clock, of
every stage. At the end the newest checkpoint of a finished run is spoilt in several ways, and resuming must fall back
on the one before and end the same. Then processes: SIGTERM to one and to one of several, a second training in the same
folder, files that may not grow, and one that dies under torchrun.

Usage: python -m benchmarks.faults [--kills 4] [--recipes vae,wgan_gp,gaussian_mixture]
"""

import argparse
import importlib
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file

from benchmarks import record
from benchmarks.forked import Forked, genzoo
from genzoo.core import Noise
from genzoo.training.checkpoint import checkpoints
from genzoo.training.journal import CLOCK
from tests.zoo_tests.unclip import unclip

SETTINGS = {
    "gaussian_mixture": "--data digits --steps 300 --train batch_size=64 --train checkpoint_every=5",
    "vae": "--data digits --steps 100 --train checkpoint_every=3 --train ema=0.1",
    "wgan_gp": "--data digits --steps 40 --train checkpoint_every=2 --train ema=0.1",
    "made": "--data digits --binarize threshold --steps 60 --train checkpoint_every=2",
    "realnvp": "--data moons --steps 90 --train checkpoint_every=3",
    "rbm": "--data digits --binarize threshold --steps 90 --train checkpoint_every=3",
    "ddpm": "--data moons --steps 90 --train checkpoint_every=3",
    "autoencoder": "--data digits --steps 120 --train checkpoint_every=4",  # a prior over its codes comes after it
    "progan": "--data digits --steps 60 --set width=4 --set most=8 --train checkpoint_every=3",  # it grows
    "cyclegan": "--data pairs --x a --given b --read paired=false --steps 60 --set width=4 --set pool=8 "
    "--train checkpoint_every=3 --train batch_size=4",  # it has a pool of images
    "unrolled_gan": "--data digits --steps 60 --set hidden=16 --train checkpoint_every=3",  # it looks ahead
    "vq_vae": "--data digits --steps 30 --set width=4 --set codes=16 --train batch_size=8 "
    "--train checkpoint_every=2",  # codes, then their prior
    "unclip": "--data digits --given label --steps 60 --train checkpoint_every=3",  # three stages
    "dcgan": "--data digits --steps 60 --set width=4 --set augment=0.6 --train checkpoint_every=3",  # it adapts
}
PAIRS = 12  # images in each of the two folders that "pairs" stands for
LOADED = ("genzoo.zoo.run", "genzoo.zoo.progress", "genzoo.apps.cli.training")  # before forking
SPOILT_OF = ("gaussian_mixture", "vae")  # whose finished runs are spoilt
STAGES = ("stage-1", "stage-2", ".")  # where the checkpoints of a run may be, the last stage last


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "genzoo", "train", *words]


def start(recipe: str, run: Path) -> list[str]:
    words = [str(run.parent / "pairs") if word == "pairs" else word for word in SETTINGS[recipe].split()]
    return command(recipe, "--device", "cpu", "--seed", "5", "--out", str(run), *words)


def write_pairs(folder: Path) -> None:
    """Two folders of small images."""
    for side in "ab":
        (folder / "pairs" / side).mkdir(parents=True)
        for k in range(PAIRS):
            pixels = Noise(0, side, k).integers(256, 16, 16, 3).to(torch.uint8).numpy()
            Image.fromarray(pixels).save(folder / "pairs" / side / f"{k}.png")


def drafts(run: Path) -> list[Path]:
    return [draft for stage in STAGES for draft in (run / stage / "checkpoints").glob(".draft-*")]


def newest_step(run: Path) -> int:
    """The step of the newest checkpoint; of a later stage it counts a million more."""
    found = [checkpoints(run / stage / "checkpoints") for stage in STAGES]
    steps = [10**6 * stage + int(newest[0].name.removeprefix("step-")) for stage, newest in enumerate(found) if newest]
    if not found[0]:
        steps = [step % 10**6 for step in steps]  # a run of one stage
    return max(steps, default=-1)


def forked(words: list[str]) -> Forked:
    """A command line in a process of its own."""
    return Forked(lambda: genzoo(words[words.index("train") :]))


def kill_once(words: list[str], run: Path, while_writing: bool, draw: random.Random) -> dict | None:
    """Runs a command and kills it after some more checkpoints; None if it ended before."""
    before, more = newest_step(run), draw.randint(1, 5)
    process, seen, last = forked(words), 0, before
    while process.poll() is None and seen < more:
        now = newest_step(run)
        seen, last = seen + (now != last), now
        time.sleep(0.001)
    if while_writing:
        while process.poll() is None and not drafts(run):
            time.sleep(0.0002)
    else:
        time.sleep(draw.uniform(0, 0.3))
    if process.poll() is not None:
        process.finished()
        return None
    process.kill()
    return {"from": before, "killed_after": newest_step(run), "mid_checkpoint": bool(drafts(run))}


def rows_of(run: Path) -> list[dict]:
    files = [run / stage / "metrics.jsonl" for stage in STAGES if (run / stage / "metrics.jsonl").exists()]
    rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


def difference(one: Path, other: Path) -> list[str]:
    """What differs between two runs; nothing, if all is well."""
    ends = [checkpoints(run / "checkpoints")[0] for run in (one, other)]
    files = [(end / name, name) for end in ends[:1] for name in sorted(p.name for p in end.glob("*.safetensors"))]
    unlike = [name for path, name in files if path.read_bytes() != (ends[1] / name).read_bytes()]
    for weights in (path.relative_to(one) for path in one.rglob("model.safetensors")):
        whole = "checkpoints" not in weights.parts  # which of them a run still has depends on when it was killed
        if whole and (one / weights).read_bytes() != (other / weights).read_bytes():
            unlike.append(str(weights))
    if ends[0].name != ends[1].name:
        unlike.append(f"last step {ends[0].name} / {ends[1].name}")
    return unlike + (["metrics.jsonl"] if rows_of(one) != rows_of(other) else [])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


SPOILT = {
    "a bit of the weights": lambda path: flipped(path / "model.safetensors"),
    "a manifest of nothing": lambda path: (path / "manifest.json").write_text("{}"),
    "a manifest of another kind": lambda path: (path / "manifest.json").write_text("[1]"),
    "a manifest too deep": lambda path: (path / "manifest.json").write_text("[" * 200_000),
    "weights cut short": lambda path: (path / "model.safetensors").write_bytes(
        (path / "model.safetensors").read_bytes()[:-100]
    ),
    "no byte of weights": lambda path: (path / "model.safetensors").write_bytes(b""),
    "nothing at all": lambda path: [file.unlink() for file in path.iterdir()],
    "no state": lambda path: (path / "state.json").unlink(),
}


def spoil(run: Path, way: str) -> str:
    """Spoils the newest checkpoint, takes the finished weights away and resumes; returns what resume said."""
    SPOILT[way](checkpoints(run / "checkpoints")[0])
    (run / "model.safetensors").unlink()
    said = forked(command("--resume", str(run))).finished()
    return next(line for line in said.splitlines() if "spoilt" in line)


# --- processes ------------------------------------------------------------------------------------------------------


def stopped(folder: Path) -> dict:
    """SIGTERM in the middle: the exit code, the step that was saved, and whether the rest is the same."""
    whole, cut = folder / "gaussian_mixture-whole", folder / "stopped"
    with subprocess.Popen(
        start("gaussian_mixture", cut), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while child.poll() is None and newest_step(cut) < 6:
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        code = child.wait()
    step = newest_step(cut)
    subprocess.run(command("--resume", str(cut)), check=True, stdout=subprocess.DEVNULL)
    return {"exit": code, "saved": step, "good": code == 143 and not difference(whole, cut)}


def asked_together(folder: Path) -> dict:
    """Two processes that train together, of which one hears SIGTERM: both stop after one step, and both say 143."""
    run, words = folder / "together", start("vae", folder / "together")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    pair = [
        subprocess.Popen(
            words,
            env=os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    while all(child.poll() is None for child in pair) and newest_step(run) < 5:
        time.sleep(0.01)
    pair[1].send_signal(signal.SIGTERM)
    said = [next((line for line in child.communicate()[1].splitlines() if "error" in line), "") for child in pair]
    codes = [child.returncode for child in pair]
    good = codes == [143, 143] and said[0] == said[1] and f"after step {newest_step(run)};" in said[0]
    return {"exit": codes, "said": said, "good": good}


def contested(folder: Path) -> dict:
    """A second training in a folder that is taken: it is told by whom."""
    run = folder / "contested"
    with subprocess.Popen(start("vae", run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while child.poll() is None and newest_step(run) < 5:
            time.sleep(0.01)
        child.send_signal(signal.SIGSTOP)  # so that it is there for as long as the second one takes
        second = subprocess.run(command("--resume", str(run)), capture_output=True, text=True)
        child.send_signal(signal.SIGCONT)
        child.send_signal(signal.SIGTERM)
        child.wait()
    said = second.stderr.strip().splitlines()[0] if second.stderr.strip() else ""
    return {"exit": second.returncode, "said": said, "good": f"process {child.pid}" in said}


def too_large(folder: Path) -> dict:
    """Files that may not grow: a message, and a run that goes on once they may."""
    run = folder / "large"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run(start("vae", run), preexec_fn=limit, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()[-2:]
    good = done.returncode == 2 and "should not have happened" not in done.stderr and bool(said)
    return {"exit": done.returncode, "said": said, "good": good}


def samples_too_large(folder: Path) -> dict:
    """A file of samples that may not grow: a message, and what was there before."""
    out = folder / "samples.csv"
    out.write_text("before")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    words = [sys.executable, "-m", "genzoo", "sample", str(folder / "realnvp-whole"), "-n", "5000", "--out", str(out)]
    done = subprocess.run(words, preexec_fn=limit, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()[-2:]
    kept = out.read_text() == "before" and not list(folder.glob(".samples*"))
    good = done.returncode == 2 and kept and "cannot be written" in done.stderr
    return {"exit": done.returncode, "said": said, "good": good}


def not_finite(folder: Path) -> dict:
    """A rate at which weights become NaN: the training ends with a message, and every checkpoint is finite."""
    run = folder / "not-finite"
    words = [*start("vae", run), "--train", "lr=1e30", "--train", "clip_norm=none"]
    done = subprocess.run(words, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()[-2:]
    kept = [load_file(path) for path in run.rglob("model.safetensors")]
    finite = all(tensor.isfinite().all() for tensors in kept for tensor in tensors.values())
    return {"exit": done.returncode, "said": said, "good": done.returncode == 2 and finite and bool(kept)}


def restarted(folder: Path) -> dict:
    """A process that dies under torchrun, which starts all of them again."""
    script, run = folder / "dies.py", folder / "restarted"
    script.write_text(DIES_ONCE)
    words = ["--standalone", "--nproc-per-node", "2", "--max-restarts", "1", str(script), str(run)]
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", *words], capture_output=True, text=True)
    said = next((line for line in done.stdout.splitlines() if "resuming" in line), "")
    return {"exit": done.returncode, "said": said, "good": done.returncode == 0 and "resuming after step 5" in said}


DIES_ONCE = """
import os, signal, sys
import genzoo
from genzoo.training.callbacks import Callback

class Die(Callback):
    def on_step(self, state):
        if state.step == 8 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0" and os.environ["RANK"] == "0":
            os.kill(os.getpid(), signal.SIGKILL)

genzoo.train("vae", "moons", out=sys.argv[1], callbacks=[Die()], steps=12, checkpoint_every=5, device="cpu")
"""
PROCESSES = {
    "SIGTERM": stopped,
    "SIGTERM to one of two": asked_together,
    "a taken folder": contested,
    "a limit of files": too_large,
    "a limit of samples": samples_too_large,
    "numbers that are not finite": not_finite,
    "torchrun": restarted,
}


def torment(recipe: str, kills: int, folder: Path, draw: random.Random) -> dict:
    """One recipe's kills and comparison."""
    whole, cut = folder / f"{recipe}-whole", folder / f"{recipe}-cut"
    forked(start(recipe, whole)).finished()
    table: list[dict] = []
    while len(table) < kills:
        words = command("--resume", str(cut)) if cut.exists() else start(recipe, cut)
        kill = kill_once(words, cut, while_writing=len(table) % 2 == 1, draw=draw)
        if kill is None:  # it came to its end: again from the beginning
            if unlike := difference(whole, cut):
                raise SystemExit(f"{recipe}: {unlike} differ after {len(table)} kills")
            shutil.rmtree(cut)
            continue
        table.append(kill)
        print(
            f"{recipe:18} kill {len(table):2}: resumed from {kill['from']:4}, newest checkpoint then "
            f"{kill['killed_after']:4}{', while writing one' if kill['mid_checkpoint'] else ''}",
            flush=True,
        )
    forked(command("--resume", str(cut))).finished()
    unlike = difference(whole, cut)
    said, after = {}, []
    for way in SPOILT if recipe in SPOILT_OF else ():
        said[way] = spoil(cut, way)
        after += difference(whole, cut)
    return {"kills": table, "unlike": unlike, "spoilt": said, "unlike_after_spoiling": after}


def placeless(figures: dict, folder: str) -> dict:
    """The figures without the machine that they are of: its folder, its name, the numbers of its processes."""
    text = json.dumps(figures).replace(f"{folder}/", "")
    return json.loads(re.sub(r"process \d+ on \S+ is", "process PID on HOST is", text))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=4, help="kills per recipe")
    parser.add_argument("--recipes", default=",".join(SETTINGS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, results = random.Random(options.seed), {}
    for name in LOADED:
        importlib.import_module(name)
    importlib.import_module("genzoo.zoo").recipes()["unclip"] = unclip  # as a package of a user's would
    whole_set = set(SETTINGS) <= set(options.recipes.split(","))
    with tempfile.TemporaryDirectory() as folder:
        write_pairs(Path(folder))
        for recipe in options.recipes.split(","):
            results[recipe] = result = torment(recipe, options.kills, Path(folder), draw)
            good = not result["unlike"] and not result["unlike_after_spoiling"]
            said = f"bit for bit the same; {len(result['spoilt'])} spoilt checkpoints passed over"
            print(f"{recipe:18} {said if good else f'DIFFERS: {result}'}")
        processes = {name: check(Path(folder)) for name, check in PROCESSES.items()} if whole_set else {}
    for name, found in processes.items():
        print(f"{name:22} {'as it should be' if found['good'] else 'WRONG'}: {found}")
    kills = [kill for result in results.values() for kill in result["kills"]]
    mid = sum(kill["mid_checkpoint"] for kill in kills)
    figures = {"kills": len(kills), "mid_checkpoint": mid, "recipes": results, "processes": processes}
    path = record.write("faults", placeless(figures, folder))
    print(f"{len(kills)} kills, {mid} of them while a checkpoint was being written; written to {path}")
    if not all(found["good"] for found in processes.values()) or any(
        result["unlike"] or result["unlike_after_spoiling"] for result in results.values()
    ):
        sys.exit(1)


if __name__ == "__main__":
    main()
