import os
import signal
import subprocess
import sys

import pytest

from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.guard import Busy, Interrupted, Signals, locked
from tests.training.toys import model_of, normal_rows


class Send(Callback):
    def __init__(self, number, step):
        self.number, self.step = number, step

    def on_step(self, state):
        if state.step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_and_resume_goes_on_from_it(tmp_path, number):
    config = TrainConfig(steps=30, device="cpu")
    whole = train(model_of("line"), normal_rows(), config, run=tmp_path / "whole")
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match="after step 11") as caught:
        train(model_of("line"), normal_rows(), config, run=tmp_path / "cut", callbacks=[Send(number, 11)])
    assert caught.value.signal == number
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    heard = []
    train(model_of("line"), normal_rows(), config, run=tmp_path / "cut", begin="resumed", say=heard.append)
    assert heard == ["resuming after step 11 of 30"]
    assert (tmp_path / "cut/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()
    assert whole.steps == 30


def test_a_second_interrupt_is_obeyed_at_once():
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signals.caught == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_folder_has_one_owner_and_a_dead_one_lets_go(tmp_path):
    hold = f"import os, signal; from genzoo.training.guard import locked; from pathlib import Path\n\
with locked(Path({str(tmp_path)!r})): print('held', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Busy, match=f"process {other.pid} on .* is in"), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):
        pass
