"""Losses are told in the sign and the unit of an evaluation: what a run logs is what is measured of it."""

import pytest
import torch

from genzoo.core import Column, Noise, Space, seeded
from genzoo.data import Rows
from genzoo.evaluation.likelihood import code_length
from genzoo.training import TrainConfig, train
from genzoo.training.journal import loss_words
from genzoo.zoo import recipe_named

MIXED = Space((3,), columns=(Column("real"), Column("categorical", 3), Column("integer")))
RAGGED = Space((6,), levels=4, ragged=True)


def rows(space: Space) -> Rows:
    """Rows in units far from standard ones."""
    noise, n = Noise(3), 200
    if space is MIXED:
        word = noise.integers(3, n)
        x = [5000 * noise.normal(n, dtype=torch.float64), word.double(), (word + noise.integers(40, n)).double()]
        return Rows(torch.stack(x, dim=1), None, torch.arange(n), space)
    if space is RAGGED:
        symbols, length = noise.integers(4, n, 6), 1 + noise.integers(6, n)
        x = torch.where(torch.arange(6) < length[:, None], symbols, 4)
    elif space.levels:
        x = noise.integers(space.levels, n, *space.shape).to(torch.uint8)
    else:
        x = torch.tensor([3000.0, 0.01]) * noise.normal(n, 2)
    return Rows(x, None, torch.arange(n), space)


@pytest.mark.parametrize(
    ("name", "space", "steps", "said", "tolerance"),
    [
        ("gaussian_mixture", Space((2,)), 12, "−log p, nats/row", 4e-3),
        ("gaussian_mixture", MIXED, 12, "−(bound on log p), nats/row", 0.06),
        ("realnvp", Space((2,)), 3, "−log p, nats/row", 1e-4),
        ("vae", MIXED, 3, "−(bound on log p), nats/row", 0.3),
        ("gaussian_mixture", Space((1, 2, 2), 9), 12, "−(bound on log p), bits/dim", 0.03),
        ("gpt", RAGGED, 3, "−log p, bits/dim", 1e-4),
        ("histogram", Space((2,), 3), 3, "−log p, bits/dim", 1e-4),
    ],
)
def test_what_is_logged_is_what_is_measured(name, space, steps, said, tolerance):
    data = rows(space)
    with seeded(0):
        model = recipe_named(name)(space).model
    config = TrainConfig(steps=steps, batch_size=100, ema=None, keep="last", warmup=0, validate_every=1)
    trained = train(model, data, config, valid=data, say=lambda _: None)
    assert loss_words(trained.metrics) == said
    losses = {row["split"]: row["loss"] for row in trained.metrics if "loss" in row}
    got = code_length(trained.model, data)
    assert got.unit == said.rpartition(" ")[2]
    assert losses["valid"] == pytest.approx(got.value, abs=tolerance)
    if model.can("direct_fit"):
        assert losses["train"] == pytest.approx(got.value, abs=5 * tolerance), "of the draws that it was fitted to"
    for row in trained.metrics:
        assert row["loss"] == pytest.approx(row.get("distortion", row["loss"]) + row.get("rate", 0), rel=1e-5)


def test_missing_entries_have_no_unit():
    data = rows(Space((2,)))
    x, _ = data.gather(torch.arange(len(data)))
    x[::3, 0] = torch.nan
    space = Space((2,), columns=(Column("real", missing=True), Column("real")))
    with seeded(0):
        model = recipe_named("gaussian")(space).model
    holey = Rows(x.double(), None, torch.arange(len(x)), space)
    trained = train(model, holey, TrainConfig(steps=20, batch_size=100), say=lambda _: None)
    assert trained.metrics[-1]["loss"] == pytest.approx(-trained.model.log_prob(x.double()).mean().item(), abs=1e-3)
