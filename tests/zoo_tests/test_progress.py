import io
import time

import pytest
from rich.console import Console

from genzoo.training import TrainConfig, train
from genzoo.zoo.progress import Watch
from tests.training.toys import Line, Moments, normal_rows


class Slow(Line):
    """A step and a look at a batch take seconds, of a clock that is dictated."""

    def __init__(self, clock, step, look):
        super().__init__()
        self.clock, self.step, self.look = clock, step, look

    def prepare(self, batches):
        for _ in batches:
            self.clock[0] += self.look

    def loss(self, batch):
        self.clock[0] += self.step
        return super().loss(batch)


@pytest.fixture
def clock(monkeypatch):
    seconds = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def shown(model, steps, batch_size):
    text = io.StringIO()
    watch = Watch("toy", Console(file=text, width=200))
    train(model, normal_rows(), TrainConfig(steps=steps, batch_size=batch_size, device="cpu"), callbacks=[watch])
    return text.getvalue().splitlines()


def test_slow_steps_are_told_in_seconds_a_step_and_early(clock):
    lines = shown(Slow(clock, 4.0, 0.0), 10, 400)
    assert lines[1].startswith("toy: 1/10 (10%) · 4.0 s/step · ETA 0:36")
    assert lines[2].startswith("toy: 4/10")


def test_a_long_look_at_the_data_is_told(clock):
    lines = shown(Slow(clock, 0.0, 1.5), 2, 40)
    assert lines[0] == "toy: looking at the data: batch 3 of 10"
    assert lines[1] == "toy: looking at the data: batch 10 of 10"


def test_a_long_pass_is_told_while_it_is_made(clock):
    class Heavy(Moments):
        def accumulate(self, batch):
            clock[0] += 1.0
            super().accumulate(batch)

    lines = shown(Heavy(), 10, 40)
    assert lines[1].startswith("toy: 2/10 (20%) · 1.0 steps/s · ETA 0:08")
