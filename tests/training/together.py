"""Trains some models for a few rounds and writes their weights: run alone, or by torchrun with several processes.

Usage: python -m tests.training.together FOLDER
"""

import os
import sys
from pathlib import Path

import torch

from genzoo.core import Noise, Space, seeded
from genzoo.training import TrainConfig, train
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


def main(folder):
    for kind, rounds in ROUNDS.items():
        model, rows = build(kind)
        if kind == "line":
            model.dropout.p = 0.0  # dropout's masks are each process's own
        config = TrainConfig(steps=rounds, batch_size=50, precision="float64", device="cpu", ema=0.5)
        trained = train(model, rows, config)
        if os.environ.get("RANK", "0") == "0":
            write_tensors(Path(folder) / kind, trained.model.state_dict())


if __name__ == "__main__":
    main(*sys.argv[1:])
