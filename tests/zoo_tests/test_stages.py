"""Two trainings in one run: stopped in either, resumed, loaded in a process of its own."""

import json

import pytest
import torch
from safetensors.torch import load_file

import genzoo
from genzoo.training.callbacks import Callback
from genzoo.training.journal import CLOCK

SETTINGS = {"settings": {"latent": 2, "depth": 2}, "steps": 20, "checkpoint_every": 3, "device": "cpu"}


class Stop(Callback):
    """Ends a training as a crash would, in its n-th stage."""

    def __init__(self, stage, step):
        self.stage, self.step, self.seen = stage, step, 0

    def on_start(self, state):
        self.seen += 1

    def on_step(self, state):
        if self.seen == self.stage and state.step == self.step:
            raise ConnectionAbortedError


def trained(path, data="digits", **more):
    return genzoo.train("latent_flow", data, out=path, **SETTINGS | more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("whole") / "run", given="label")


def without_clock(path):
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


@pytest.mark.parametrize(("stage", "step"), [(1, 1), (1, 8), (2, 1), (2, 8)])
def test_a_run_that_stopped_in_either_stage_ends_as_if_it_had_not(tmp_path, whole, stage, step):
    with pytest.raises(ConnectionAbortedError):
        trained(tmp_path / "cut", given="label", callbacks=[Stop(stage, step)])
    genzoo.resume(tmp_path / "cut")
    for part in (".", "stage-1"):
        one, other = whole.path / part, tmp_path / "cut" / part
        assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
        assert without_clock(one) == without_clock(other)


def test_stage_two_leaves_the_autoencoder_as_stage_one_made_it(whole):
    first = load_file(whole.path / "stage-1" / "model.safetensors")
    second = load_file(whole.path / "model.safetensors")
    parts = [name for name in first if name.startswith("autoencoder.")]
    assert parts
    assert all(torch.equal(first[name], second[name]) for name in parts)
    assert whole.config.stage == 2
    assert genzoo.load(whole.path / "stage-1").config.stage == 1


def test_both_stages_share_the_budget(whole):
    steps = [without_clock(whole.path / part)[-1]["step"] for part in ("stage-1", ".")]
    assert steps == [10, 10]


def test_a_run_of_two_stages_loads_in_a_fresh_process(whole, fresh):
    label = torch.arange(3)
    ask = (
        f"import torch, genzoo; run = genzoo.load({str(whole.path)!r}); "
        "print(run.model.sample(3, torch.arange(3), seed=1).tolist())"
    )
    assert json.loads(fresh(ask).stdout) == whole.model.sample(3, label, seed=1).tolist()
