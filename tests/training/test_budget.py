import time

import pytest

from genzoo.models.standardized import Standardized
from genzoo.training import TrainConfig, train
from genzoo.training.budget import rows_judged
from tests.training.toys import Growing, Line, model_of, normal_rows


def test_short_runs_are_judged_on_few_rows_and_long_ones_on_all_that_are_allowed():
    config = TrainConfig(batch_size=128, valid_rows=2000)
    assert [rows_judged(total, 10_000, config) for total in (1, 1000, 10**6)] == [500, 1280, 2000]
    assert rows_judged(10**6, 300, config) == 300


def test_validation_data_of_any_size_leave_a_timed_run_within_its_minutes():
    class Slow(Line):
        rows = 0

        def loss(self, batch):
            if not self.training:
                Slow.rows += len(batch)
            return super().loss(batch)

    minutes = 0.04
    trained = train(Slow(), normal_rows(), TrainConfig(minutes=minutes, device="cpu"), valid=normal_rows(200_000))
    assert trained.seconds < 2.5 * 60 * minutes
    assert trained.steps > 20
    assert Slow.rows < 0.3 * trained.steps * 128 + 21 * 500


def test_costly_rows_in_small_batches_stay_within_their_budget():
    class Costly(Line):
        def loss(self, batch):
            until = time.process_time() + 1e-3 * len(batch)  # a row costs as much to judge as to train on
            while time.process_time() < until:
                pass
            return super().loss(batch)

    config = TrainConfig(core_minutes=0.04, batch_size=2, device="cpu")
    trained = train(Costly(), normal_rows(), config, valid=normal_rows(5000))
    assert trained.core_seconds < 1.3 * 60 * 0.04
    assert sum(row["split"] == "valid" for row in trained.metrics) >= 20


@pytest.mark.parametrize("kind", ["line", "duel", "moments"])
def test_every_course_can_be_timed(kind):
    trained = train(model_of(kind), normal_rows(), TrainConfig(minutes=0.01, device="cpu"), valid=normal_rows())
    assert trained.steps >= 1


def test_core_minutes_count_processor_time_alone():
    class Idle(Line):
        def loss(self, batch):
            time.sleep(0.005)
            return super().loss(batch)

    trained = train(Idle(), normal_rows(), TrainConfig(core_minutes=0.01, device="cpu"), valid=normal_rows())
    assert trained.core_seconds < 2.5 * 0.6
    assert trained.seconds > 2 * trained.core_seconds


class Clock:
    """A clock that goes on only when somebody works."""

    def __init__(self, monkeypatch):
        self.seconds = 0.0
        monkeypatch.setattr(time, "process_time", lambda: self.seconds)


@pytest.mark.parametrize("costs", [(1, 2, 4, 12), (3, 3, 3, 3), (5, 4, 2, 1), (1, 1, 1, 1, 1, 1, 1, 30)])
def test_a_model_whose_steps_grow_dearer_keeps_its_budget(monkeypatch, costs):
    clock = Clock(monkeypatch)

    class Timed(Growing):
        def work(self, cost):
            super().work(cost)
            clock.seconds += cost / 100

    Timed.costs = costs
    config = TrainConfig(core_minutes=0.2, batch_size=32, device="cpu")
    trained = train(Timed(), normal_rows(), config)
    assert int(trained.model.rung) == len(costs) - 1
    assert trained.steps > 40
    assert 0.85 * 12 < clock.seconds < 1.02 * 12


def test_a_part_that_grows_is_timed_through_what_is_around_it(monkeypatch):
    clock = Clock(monkeypatch)

    class Timed(Growing):
        def work(self, cost):
            clock.seconds += cost / 100

    model = Standardized(Timed())
    train(model, normal_rows(), TrainConfig(core_minutes=0.2, batch_size=32, device="cpu"))
    assert int(model.model.rung) == 3
    assert 0.85 * 12 < clock.seconds < 1.02 * 12


def test_two_budgets_are_refused():
    with pytest.raises(ValueError, match="one budget, got minutes=1 and core_minutes=2: keep one"):
        TrainConfig(minutes=1, core_minutes=2)
