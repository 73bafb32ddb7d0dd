"""Trains a model for five rounds and writes its weights: run alone, or by torchrun with several processes.

Usage: python -m tests.training.together KIND OUT
"""

import os
import sys
from pathlib import Path

import torch

from genzoo.core import Noise, Space, seeded
from genzoo.training import TrainConfig, train
from genzoo.training.checkpoint import write_tensors
from tests.training.toys import KINDS, Rows, model_of

ROUNDS = {"line": 5, "duel": 5, "moments": 25, "vae": 5, "wgan_gp": 5, "gaussian_mixture": 25}


def build(kind):
    """A model in float64 with a batch of five unlike parts, and its rows."""
    if kind in KINDS:
        return model_of(kind), Rows(Noise(0).normal(250, 2) + 2)
    from genzoo.zoo import recipe_named

    with seeded(0):
        model = recipe_named(kind)(Space((2,))).model
    return model, Rows(Noise(0).normal(250, 2) * torch.tensor([1.0, 3.0]))


def main(kind, out):
    model, rows = build(kind)
    config = TrainConfig(steps=ROUNDS[kind], batch_size=50, precision="float64", device="cpu", ema=0.5)
    if kind == "line":
        model.dropout.p = 0.0  # dropout's masks are each process's own
    trained = train(model, rows, config)
    if int(os.environ.get("RANK", 0)) == 0:
        write_tensors(Path(out), trained.model.state_dict())


if __name__ == "__main__":
    main(*sys.argv[1:])
