"""Trains some models for a few rounds and writes their weights: alone, and by two processes with half a batch each."""

import contextlib
import os
import shutil
import socket
import sys
import traceback
from pathlib import Path

import pytest
import torch

from genzoo._ranks import meet
from genzoo.core import Noise, Space, seeded
from genzoo.evaluation.likelihood import score
from genzoo.evaluation.protocol import draw
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import write_tensors
from genzoo.zoo import recipe_named
from tests.training.toys import KINDS, Rows, model_of

ROUNDS = {"line": 5, "duel": 5, "moments": 25, "vae": 5, "wgan_gp": 5, "gaussian_mixture": 25, "kde": 5}


def build(kind):
    """A model and its rows, whose number is no multiple of the batch size."""
    if kind in KINDS:
        return model_of(kind), Rows(Noise(0).normal(230, 2) + 2)
    with seeded(0):
        model = recipe_named(kind)(Space((2,))).model
    return model, Rows(Noise(0).normal(230, 2) * torch.tensor([1.0, 3.0]))


def weights(folder):
    for kind, rounds in ROUNDS.items():
        model, rows = build(kind)
        if kind == "line":
            model.dropout.p = 0.0  # dropout's masks are each process's own
        config = TrainConfig(steps=rounds, batch_size=50, precision="float64", device="cpu", ema=0.5)
        trained = train(model, rows, config)
        if os.environ.get("RANK", "0") == "0":
            write_tensors(Path(folder) / kind, trained.model.state_dict())


HALTS = {"gaussian_mixture": 13, "kde": 3}  # steps, in the middle of a pass


class Halt(Callback):
    """Ends a training at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, state):
        if state.step == self.step:
            raise RuntimeError("halted")


def passes(folder, begin, callbacks=()):
    """Fits models by passes: those that are ended in the middle of one, or that go on there."""
    for kind, step in HALTS.items():
        model, rows = build(kind)
        config = TrainConfig(
            steps=ROUNDS[kind], batch_size=50, precision="float64", device="cpu", checkpoint_every=2, ema=0.5
        )
        with pytest.raises(RuntimeError, match="halted") if callbacks else contextlib.nullcontext():
            train(
                model, rows, config, run=Path(folder) / kind, begin=begin, say=lambda remark: None,
                callbacks=[each(step) for each in callbacks],
            )  # fmt: skip


def sharded(folder, steps=6):
    """Trains a U-Net into a folder, or goes on with it there; two ranks hold a half of it each."""
    with seeded(0):
        recipe = recipe_named("ddpm")(Space((1, 8, 8)), width=4, depth=1)
    rows = Rows(Noise(0).normal(40, 1, 8, 8))
    config = TrainConfig(
        steps=steps, checkpoint_every=3, batch_size=7, precision="float32", device="cpu", ema=0.5, shard=True,
        clip_norm=0.5, keep="best", validate_every=3, schedule="constant",
    )  # fmt: skip
    begun = "resumed" if Path(folder).exists() else "new"
    train(recipe.model, rows, config, valid=rows, run=Path(folder), begin=begun, say=lambda remark: None)


def rows_of(folder):
    """Draws rows and scores them: nine parts, of which two ranks make every other."""
    meet()
    model, rows = build("vae")
    drawn = draw(model, 25, None, seed=3, chunk=3)
    scores = score(model, rows.x[:26], chunk=3)
    if os.environ.get("RANK", "0") == "0":
        write_tensors(Path(folder) / "rows", {"drawn": drawn, "scores": scores})


def forked(work, **environment):
    """The number of a new process that does some work: a copy of this one, which has imported what is needed."""
    if child := os.fork():
        return child
    code = 1
    try:
        os.environ.update({key: str(value) for key, value in environment.items()})
        work()
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def team(work, others=()):
    """Whether any of two processes failed that do some work together; or of others beside them."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    children = list(others)
    for rank in range(2):
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_WORLD_SIZE": 2, "WORLD_SIZE": 2}
        children.append(forked(work, RANK=rank, LOCAL_RANK=rank, **place))
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    return any(codes)


def main(folder):
    sharded(f"{folder}/shards", steps=3)  # whole; two ranks go on from there, and one again from where they stopped

    def alone():
        weights(f"{folder}/one")
        rows_of(f"{folder}/one")
        sharded(f"{folder}/whole", steps=9)

    def together():
        weights(f"{folder}/two")
        rows_of(f"{folder}/two")
        passes(f"{folder}/passes", "new", [Halt])
        torch.distributed.barrier()  # until what the first has written is there
        if os.environ["RANK"] == "0":
            shutil.copytree(f"{folder}/passes", f"{folder}/alone")
        passes(f"{folder}/passes", "resumed")
        sharded(f"{folder}/shards")

    failed = team(together, [forked(alone)])
    sharded(f"{folder}/shards", steps=9)
    passes(f"{folder}/alone", "resumed")
    sys.exit(failed)
