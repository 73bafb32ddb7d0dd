"""Batches and players."""

import torch
from torch import nn

from genzoo.core import Batch, Done, Noise, Player


def test_parts_of_a_batch_keep_their_noise() -> None:
    batch = Batch(torch.arange(6.0), {"label": torch.arange(6)}, Noise(0))
    part = batch[2:5]
    assert part.x.tolist() == [2, 3, 4]
    assert part.given["label"].tolist() == [2, 3, 4]
    assert torch.equal(part.noise.normal(3), batch.noise.normal(6)[2:5])


def test_players_move_each_parameter_once() -> None:
    shared = nn.Linear(2, 2)
    player = Player("both", [shared, nn.Sequential(shared, nn.Linear(2, 1))], lambda batch: batch.x.mean())
    assert len(player.parameters()) == 4


def test_done_is_a_mapping_of_metrics() -> None:
    assert Done(loss=1.0) == {"loss": 1.0}
