import io
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from genzoo.core import Space
from genzoo.training import TrainConfig, train
from genzoo.training.checkpoint import write_json
from genzoo.zoo.progress import Watch, stage_of
from genzoo.zoo.store import CONFIG, DataRecord, RecipeRecord, RunConfig
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
    assert lines[1] == "loss: −log p, nats/row"
    assert lines[2].startswith("toy: 2/10 (20%) · 1.0 steps/s · ETA 0:08")


@pytest.mark.parametrize(("stages", "said"), [(2, ", stage 1 of 2"), (1, "")])
def test_a_stage_says_which_it_is(tmp_path, stages, said):
    config = RunConfig(
        recipe=RecipeRecord(name="latent_flow", arguments={}), train=TrainConfig(), space=Space((2,)).to_json(),
        data=DataRecord(name="toy", fingerprint=""), stage=1, stages=stages,
    )  # fmt: skip
    write_json(tmp_path / CONFIG, config.model_dump(mode="json"))
    assert stage_of(SimpleNamespace(journal=SimpleNamespace(path=tmp_path / "metrics.jsonl"))) == said
    assert stage_of(SimpleNamespace(journal=SimpleNamespace(path=None))) == ""
