"""What a machine is quick at: advice follows from what was measured."""

import json

import pytest
import torch
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.core import Space
from genzoo.experiments import speed
from genzoo.experiments.speed import Case, Way, advice, measured, ways
from genzoo.training.precision import Half

PLAIN, HALF, PLAIN_TWO, HALF_TWO = Way(False, 1), Way(True, 1), Way(False, 2), Way(True, 2)


@pytest.mark.parametrize("quick", [True, False])
def test_advice_follows_from_times(monkeypatch, quick):
    monkeypatch.setattr(speed, "half_on", lambda device: Half(quick, "as said"))
    found = {
        "gpt": {PLAIN: 10.0, HALF: 5.0, PLAIN_TWO: 8.0, HALF_TWO: 3.0},
        "vae": {PLAIN: 10.0, HALF: 20.0, PLAIN_TWO: 11.0, HALF_TWO: 19.0},
    }
    half, costs, threads, one, extra = advice(found, ["audio", "fast"])
    assert half.startswith("bf16 pays for gpt (2.7 ×)")
    assert ("precision=bf16" in half) is not quick
    assert costs == "bf16 costs time for vae (1.9 ×): leave these in float32."
    assert threads == "2 threads pay for gpt (1.7 ×)."
    assert one.startswith("One thread is as quick for vae: set OMP_NUM_THREADS=1")
    assert extra == "pip install 'genzoo[fast]' compiles loops of draws, sorting and chains."


def test_nothing_that_pays_is_said_where_precision_would_take_it(monkeypatch):
    monkeypatch.setattr(speed, "half_on", lambda device: Half(True, "as said"))
    assert advice({"vae": {PLAIN: 10.0, HALF: 9.9}}) == [
        "bf16 pays for nothing that was measured: set --train precision=float32."
    ]


def test_every_way_is_measured_and_threads_are_put_back():
    before = torch.get_num_threads()
    found = measured(Case("realnvp", Space((2,)), 4, {"depth": 2, "width": 4}), ways(2), rounds=1)
    assert sorted(map(str, found)) == ["bf16, 1 thread", "bf16, 2 threads", "float32, 1 thread", "float32, 2 threads"]
    assert all(time > 0 for time in found.values())
    assert torch.get_num_threads() == before


def test_the_command_prints_times_and_advice(monkeypatch):
    monkeypatch.setattr(speed, "CASES", {"realnvp": Case("realnvp", Space((2,)), 4, {"depth": 2, "width": 4})})
    found = json.loads(CliRunner().invoke(app, ["bench", "--threads", "1", "--json"]).stdout)
    assert list(found["milliseconds"]) == ["realnvp"]
    assert set(found["milliseconds"]["realnvp"]) == {"float32, 1 thread", "bf16, 1 thread"}
    assert all(isinstance(sentence, str) for sentence in found["advice"])
    refused = CliRunner().invoke(app, ["bench", "--only", "x"])
    assert refused.exit_code
    assert "must begin with 'x', got realnvp" in str(refused.exception) + refused.output
