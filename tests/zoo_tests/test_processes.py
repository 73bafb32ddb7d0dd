"""Runs whose processes die, are asked to stop, or run out of something."""

import json
import signal
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.apps.cli.mistakes import _judged
from genzoo.models.autoencoders import VAE
from genzoo.training.checkpoint import CheckpointError
from genzoo.training.guard import Interrupted
from genzoo.training.resources import OutOfMemory
from genzoo.zoo.health import examined
from tests.logged import logged

SETTINGS = {"steps": 12, "checkpoint_every": 5, "device": "cpu"}

ASKED = """
import os, signal, sys
import genzoo
from genzoo.training.callbacks import Callback
from genzoo.training.guard import Interrupted
from tests.training.together import team

class Send(Callback):
    def on_step(self, state):
        if state.step == 3 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGTERM)

def work():
    try:
        genzoo.train("vae", "moons", out=sys.argv[1], callbacks=[Send()], steps=12, checkpoint_every=5, device="cpu")
    except Interrupted as asked:
        os.write(1, f"process {os.environ['RANK']} was {asked}\\n".encode())  # whole lines, whoever else writes

sys.exit(team(work))
"""


def weights(path):
    return (path / "model.safetensors").read_bytes()


def test_processes_that_torchrun_starts_again_go_on(tmp_path, monkeypatch, capsys):
    genzoo.train("vae", "moons", out=tmp_path / "run", **SETTINGS)
    before = weights(tmp_path / "run")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    genzoo.train("vae", "moons", out=tmp_path / "run", **SETTINGS)
    assert "resuming after step 12 of 12" in capsys.readouterr().out
    assert weights(tmp_path / "run") == before


def test_processes_stop_at_one_step(tmp_path, fresh):
    done = fresh(ASKED, tmp_path / "asked")
    assert done.returncode == 0, done.stderr[-3000:]
    asked = sorted(line for line in done.stdout.splitlines() if " was interrupted" in line)
    assert asked == [f"process {i} was interrupted by SIGTERM after step 3; a checkpoint was saved" for i in (0, 1)]
    assert (tmp_path / "asked" / "checkpoints" / "step-00000003").exists()


def test_a_finished_run_goes_on_for_more_steps(tmp_path):
    short = SETTINGS | {"schedule": "constant", "keep": "last", "ema": None}
    run = genzoo.train("vae", "moons", out=tmp_path / "one", **short)
    again = genzoo.resume(run.path, steps=20)
    assert again.metrics[-1]["step"] == 20
    assert genzoo.load(run.path).config.train.steps == 20
    with pytest.raises(CheckpointError, match="Only steps may grow"):
        genzoo.resume(run.path, steps=7)
    assert genzoo.load(run.path).config.train.steps == 20
    result = CliRunner().invoke(app, ["train", "--resume", str(run.path), "--steps", "25"])
    assert result.exit_code == 0, result.output
    assert genzoo.load(run.path).metrics[-1]["step"] == 25


def test_the_exit_code_tells_which_signal_asked():
    assert _judged(Interrupted(signal.SIGTERM, 3))[0] == 143
    assert _judged(Interrupted(signal.SIGINT, 3))[0] == 130


def hungry(monkeypatch, most):
    """Batches of more rows than that do not fit."""
    loss = VAE.losses if "losses" in vars(VAE) else VAE.loss

    def guarded(self, batch):
        if len(batch) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total of …")
        return loss(self, batch)

    monkeypatch.setattr(VAE, loss.__name__, guarded)


def test_what_does_not_fit_into_the_memory_is_told_and_can_be_halved(tmp_path, monkeypatch, capsys):
    hungry(monkeypatch, 40)
    with pytest.raises(OutOfMemory, match=r"batches of 128 rows \(2.50 GiB more were wanted\).* --auto-batch"):
        genzoo.train("vae", "moons", out=tmp_path / "one", batch_size=128, **SETTINGS)
    with logged("genzoo") as messages:
        run = genzoo.train("vae", "moons", out=tmp_path / "two", batch_size=128, auto_batch=True, **SETTINGS)
    assert run.config.train.batch_size == genzoo.load(run.path).config.train.batch_size == 32
    told = "batches of {} rows do not fit into the memory: trying {}".format
    assert [message for message in messages if "do not fit" in message] == [told(128, 64), told(64, 32)]
    assert "begins again" not in capsys.readouterr().out
    whole = genzoo.train("vae", "moons", out=tmp_path / "three", batch_size=32, **SETTINGS)
    assert weights(run.path) == weights(whole.path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "no space is left"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "no space is left"),
        (OSError(27, "File too large"), "files may not become so large"),
    ],
    ids=str,
)
def test_a_full_disk_is_the_users_message(tmp_path, monkeypatch, error, words):
    def full(tensors, path):
        if "step-" in str(path) or "draft-00000005" in str(path):
            Path(path).write_bytes(b"half")
            raise error
        return save(tensors, path)

    from genzoo.training import checkpoint

    save = checkpoint.save_file
    monkeypatch.setattr(checkpoint, "save_file", full)
    line = f"train vae --data moons --steps 12 --train checkpoint_every=5 --device cpu --out {tmp_path}/run"
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert f"--resume {tmp_path}/run" in result.stderr
    assert "should not have happened" not in result.stderr
    monkeypatch.setattr(checkpoint, "save_file", save)
    (found,) = examined(tmp_path / "run")
    assert found.state == "failed"
    assert type(error).__name__ in found.ending
    genzoo.resume(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 12
