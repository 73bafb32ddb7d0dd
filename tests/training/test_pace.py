import json

import pytest
import torch
from pydantic import ValidationError

from genzoo.core import seeded
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.optimizers import rate
from genzoo.training.pace import Knot, Pace
from genzoo.training.state import Kept
from tests.training.toys import Clock, Growing, Line, Moments, model_of, normal_rows

BUDGET = 12.0
CONFIG = TrainConfig(core_minutes=BUDGET / 60, batch_size=32, device="cpu")
TIMED = 0.04 * BUDGET  # what timing steps takes


class Changing(Line):
    """A step takes some seconds, and others once the clock has passed a part of the budget."""

    def __init__(self, clock, before, after, when=0.1):
        with seeded(0):
            super().__init__()
        self.clock, self.takes, self.when = clock, (before, after), when * BUDGET

    def loss(self, batch):
        if self.training:
            self.clock.seconds += self.takes[self.clock.seconds > self.when]
        return super().loss(batch)


class Heard(Callback):
    def __init__(self):
        self.progress = []

    def on_step(self, state):
        self.progress.append(state.progress)


def test_without_a_bend_every_step_is_where_it_was_planned():
    pace = Pace.even(7)
    assert [pace.place(step) for step in range(9)] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert [pace.progress(step) for step in range(8)] == [step / 7 for step in range(8)]
    assert Pace.even(0).progress(0) == 0
    long = Pace.even(10**9 + 7)
    assert [long.reached(step, 1000) for step in (10**6, 10**6 + 1)] == [0, 1]


def test_a_bend_changes_what_comes_and_nothing_that_was():
    even = Pace.even(100)
    bent = even.bent(20, 60).bent(40, 45)
    assert bent.knots == (Knot(0, 0), Knot(20, 20), Knot(40, 60), Knot(45, 100))
    assert [bent.place(step) for step in (10, 20, 30, 40, 44, 45)] == [10, 20, 40, 60, 92, 100]
    assert even.bent(20, 20).place(20) == 100, "it may end at once"
    config = TrainConfig(warmup=10)
    assert rate(40, bent, config) == rate(60, even, config)
    assert rate(45, bent, config) == 0


@pytest.mark.parametrize(("after", "when"), [(0.2, 0.1), (0.4, 0.1), (0.04, 0.1), (0.2, 0.5), (0.05, 0.6)])
def test_steps_that_cost_other_than_they_were_timed_keep_the_budget(monkeypatch, after, when):
    clock, heard = Clock(monkeypatch), Heard()
    model = Changing(clock, 0.1, after, when)
    trained = train(model, normal_rows(), CONFIG, valid=normal_rows(500, seed=1), callbacks=[heard])
    assert 0.9 * BUDGET < clock.seconds < 1.03 * BUDGET
    assert heard.progress[-1] == 1
    assert heard.progress == sorted(set(heard.progress)), "it goes on with every step"
    judged = [row["step"] for row in trained.metrics if row["split"] == "valid"]
    assert 12 <= len(judged) <= 20
    assert judged[-1] == trained.steps


def test_passes_of_changing_cost_end_with_a_whole_one(monkeypatch):
    clock = Clock(monkeypatch)

    class Slow(Moments):
        def accumulate(self, rows):
            clock.seconds += 0.01 if clock.seconds < 2 else 0.04
            super().accumulate(rows)

        def finish(self):
            return dict(super().finish())

    trained = train(Slow(), normal_rows(400), CONFIG.model_copy(update={"batch_size": 40}))
    assert trained.steps % 10 == 0
    assert 0.9 * BUDGET < clock.seconds < 1.03 * BUDGET


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_a_model_that_grows_is_known_to_take_longer_at_its_end(monkeypatch, tmp_path, factor):
    clock = Clock(monkeypatch)

    class Timed(Growing):
        def work(self, cost):
            super().work(cost)
            clock.seconds += cost / 40 * (factor if clock.seconds > 1.2 else 1.0)

    trained = train(Timed(), normal_rows(), CONFIG, run=tmp_path)
    assert int(trained.model.rung) == len(Timed.costs) - 1
    assert 0.88 * BUDGET < clock.seconds < 1.04 * BUDGET
    assert len(_kept(tmp_path, trained.steps)["pace"]["knots"]) == 2 or factor != 1.0


def test_steps_that_cost_what_they_were_timed_are_the_run_of_as_many_steps(monkeypatch, tmp_path):
    clock = Clock(monkeypatch)
    timed = train(Changing(clock, 0.1, 0.1), normal_rows(), CONFIG, run=tmp_path)
    assert _kept(tmp_path, timed.steps)["pace"]["knots"] == [[0, 0.0], [timed.steps, timed.steps]]
    counted = train(Changing(clock, 0, 0), normal_rows(), TrainConfig(steps=timed.steps, batch_size=32, device="cpu"))
    for name, value in timed.model.state_dict().items():
        assert torch.equal(value, counted.model.state_dict()[name])


def test_a_bend_is_in_the_checkpoint_and_goes_on_from_there(monkeypatch, tmp_path):
    clock = Clock(monkeypatch)

    class Stopped(Exception):
        pass

    class Stop(Callback):
        def on_step(self, state):
            if clock.seconds > 0.9 * BUDGET:
                raise Stopped

    model = Changing(clock, 0.1, 0.3)
    with pytest.raises(Stopped):
        train(model, normal_rows(), CONFIG, run=tmp_path, callbacks=[Stop()])
    newest = max((tmp_path / "checkpoints").glob("step-*"))
    kept = json.loads((newest / "state.json").read_text())["pace"]["knots"]
    assert len(kept) > 2
    clock.seconds = 100.0
    resumed = train(Changing(clock, 0.3, 0.3), normal_rows(), CONFIG, run=tmp_path, begin="resumed")
    assert resumed.core_seconds == pytest.approx(BUDGET, rel=0.1)
    assert _kept(tmp_path, resumed.steps)["pace"]["knots"][: len(kept) - 1] == kept[:-1]


def test_a_checkpoint_that_says_steps_alone_has_an_even_pace(tmp_path):
    config = TrainConfig(steps=7, batch_size=32, device="cpu")
    train(model_of("line"), normal_rows(), config, run=tmp_path)
    found = _kept(tmp_path, 7)
    del found["pace"]
    assert Kept(**found, total=7).pace == Pace.even(7)
    with pytest.raises(ValidationError):
        Kept(**found)


def _kept(run, steps):
    return json.loads((run / f"checkpoints/step-{steps:08d}/state.json").read_text())
