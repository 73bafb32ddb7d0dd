"""A real SIGKILL, in a process of its own, for each kind of model: the run goes on as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys

import pytest

import genzoo
from genzoo.training.journal import CLOCK

KILLED = """
import json, os, signal, sys
import genzoo
from genzoo.training.callbacks import Callback

class Kill(Callback):
    def on_step(self, state):
        if state.step == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

genzoo.train(sys.argv[1], "digits", out=sys.argv[2], callbacks=[Kill()], **json.loads(sys.argv[4]))
"""

CASES = {
    "gaussian_mixture": ({"steps": 12, "batch_size": 200, "checkpoint_every": 3}, 10),
    "vae": ({"steps": 12, "checkpoint_every": 5, "ema": 0.3}, 9),
    "wgan_gp": ({"steps": 6, "checkpoint_every": 2, "ema": 0.3}, 5),
}


def rows_of(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


def state_of(run):
    last = max((run / "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in [*last.glob("*.safetensors"), run / "model.safetensors"]}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", CASES)
def test_a_killed_run_resumes_bit_for_bit(tmp_path, recipe):
    settings, step = CASES[recipe]
    settings = settings | {"device": "cpu"}
    genzoo.train(recipe, "digits", out=tmp_path / "whole", **settings)
    command = [sys.executable, "-c", KILLED, recipe, str(tmp_path / "cut"), str(step), json.dumps(settings)]
    killed = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    genzoo.resume(tmp_path / "cut")
    assert rows_of(tmp_path / "whole") == rows_of(tmp_path / "cut")
    assert state_of(tmp_path / "whole") == state_of(tmp_path / "cut")
