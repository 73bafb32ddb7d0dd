"""What a run's folder may suffer, and what a run leaves alone."""

import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import genzoo
from genzoo.zoo.mistakes import Mistake


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    genzoo.train("gaussian_mixture", "moons", steps=30, device="cpu", out=path)
    return path


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_refused(run, bad):
    file = run / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.ndim > 1)
    tensors[name].view(-1)[1] = bad
    save_file(tensors, file)
    with pytest.raises(Mistake, match=f"must be finite, and {name} holds {'NaN' if math.isnan(bad) else 'infinite'}"):
        genzoo.load(run)


def test_a_number_where_a_row_of_numbers_is_expected_is_refused(run):
    file = run / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 0)
    tensors[name] = torch.ones(3, dtype=tensors[name].dtype)
    save_file(tensors, file)
    with pytest.raises(Mistake, match=f"{name} has shape"):
        genzoo.load(run)


@pytest.mark.parametrize(
    "tail", ['{"step": 31, "spl', "\x00\x00\x00", "5\n", "null\n", "[" * 100_000, '{"step": "\udce9']
)
def test_a_spoilt_line_of_metrics_keeps_no_run_from_loading(run, tail):
    before = genzoo.load(run).metrics
    with (run / "metrics.jsonl").open("a", errors="surrogateescape") as file:
        file.write(tail)
    assert genzoo.load(run).metrics == before


def test_a_finished_run_without_checkpoints_is_not_trained_over(run):
    shutil.rmtree(run / "checkpoints")
    before = (run / "model.safetensors").read_bytes()
    with pytest.raises(Mistake, match="its checkpoints are gone"):
        genzoo.resume(run)
    assert (run / "model.safetensors").read_bytes() == before


def test_a_run_that_lost_its_checkpoints_half_way_says_that_it_begins_again(run, capsys):
    shutil.rmtree(run / "checkpoints")
    (run / "model.safetensors").unlink()
    genzoo.resume(run)
    assert "no checkpoint is left: the training begins again" in capsys.readouterr().out
