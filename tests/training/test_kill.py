"""A real SIGKILL, in processes of their own, for each kind of model: the run goes on as if nothing had happened."""

import json
import signal

import pytest

import genzoo
from genzoo.training.journal import CLOCK

KILLED = """
import json, os, signal, sys
import genzoo
from genzoo.training.callbacks import Callback

class Kill(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, state):
        if state.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

for recipe, (settings, step) in json.loads(sys.argv[1]).items():
    child = os.fork()
    if not child:
        genzoo.train(recipe, "digits", out=f"{sys.argv[2]}/{recipe}", callbacks=[Kill(step)], **settings)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

CASES = {
    "gaussian_mixture": ({"steps": 12, "batch_size": 200, "checkpoint_every": 3, "device": "cpu"}, 10),
    "vae": ({"steps": 12, "checkpoint_every": 5, "ema": 0.3, "device": "cpu"}, 9),
    "wgan_gp": ({"steps": 6, "checkpoint_every": 2, "ema": 0.3, "device": "cpu"}, 5),
    "r3gan": ({"steps": 8, "checkpoint_every": 3, "device": "cpu", "settings": {"every": 2}}, 7),  # a lazy penalty
    "unrolled_gan": ({"steps": 4, "checkpoint_every": 2, "device": "cpu", "settings": {"hidden": 16}}, 3),
    "sngan": ({"steps": 6, "checkpoint_every": 2, "device": "cpu", "settings": {"hidden": 16}}, 5),  # a power method
}


def rows_of(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


def state_of(run):
    last = max((run / "checkpoints").glob("step-*"))
    return {path.name: path.read_bytes() for path in [*last.glob("*.safetensors"), run / "model.safetensors"]}


@pytest.fixture(scope="module")
def killed(tmp_path_factory, fresh):
    """A folder of runs, each killed in a process of its own."""
    home = tmp_path_factory.mktemp("killed")
    done = fresh(KILLED, json.dumps(CASES), home)
    assert done.stdout.split() == [str(-signal.SIGKILL)] * len(CASES), done.stderr
    return home


@pytest.mark.parametrize("recipe", CASES)
def test_a_killed_run_resumes_bit_for_bit(tmp_path, killed, recipe):
    cut = killed / recipe
    assert not (cut / "model.safetensors").exists()
    genzoo.train(recipe, "digits", out=tmp_path / "whole", **CASES[recipe][0])
    genzoo.resume(cut)
    assert rows_of(tmp_path / "whole") == rows_of(cut)
    assert state_of(tmp_path / "whole") == state_of(cut)
