import itertools
import time

import pytest
import torch

from genzoo.core import Player
from genzoo.models.standardized import Standardized
from genzoo.training import TrainConfig, budget, train
from genzoo.training.budget import rows_judged
from genzoo.training.callbacks import SampleGrid
from tests.training.toys import Clock, Growing, Line, Moments, model_of, normal_rows


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

    config = TrainConfig(core_minutes=0.02, device="cpu")  # of processor time, which no neighbor takes away
    trained = train(Slow(), normal_rows(), config, valid=normal_rows(200_000))
    assert trained.core_seconds < 2.5 * 60 * 0.02
    assert trained.steps > 20
    assert Slow.rows < 0.3 * trained.steps * 128 + 21 * 500


def test_costly_rows_in_small_batches_stay_within_their_budget():
    class Costly(Line):
        def loss(self, batch):
            until = time.process_time() + 1e-3 * len(batch)  # a row costs as much to judge as to train on
            while time.process_time() < until:
                pass
            return super().loss(batch)

    config = TrainConfig(core_minutes=0.02, batch_size=2, device="cpu")
    trained = train(Costly(), normal_rows(), config, valid=normal_rows(5000))
    assert trained.core_seconds < 1.3 * 60 * 0.02
    assert sum(row["split"] == "valid" for row in trained.metrics) >= 20


@pytest.mark.parametrize("kind", ["line", "duel", "moments"])
def test_every_course_can_be_timed(kind):
    trained = train(model_of(kind), normal_rows(), TrainConfig(minutes=0.005, device="cpu"), valid=normal_rows())
    assert trained.steps >= 1


def test_core_minutes_count_processor_time_alone():
    class Idle(Line):
        def loss(self, batch):
            time.sleep(0.005)
            return super().loss(batch)

    trained = train(Idle(), normal_rows(), TrainConfig(core_minutes=0.01, device="cpu"), valid=normal_rows())
    assert trained.core_seconds < 2.5 * 0.6
    assert trained.seconds > 2 * trained.core_seconds


@pytest.mark.parametrize("costs", [(1, 2, 4, 12), (3, 3, 3, 3), (5, 4, 2, 1), (1, 1, 1, 1, 1, 1, 1, 30)])
def test_a_model_whose_steps_grow_dearer_keeps_its_budget(monkeypatch, costs):
    clock = Clock(monkeypatch)

    class Timed(Growing):
        def work(self, cost):
            super().work(cost)
            clock.seconds += cost / 40

    Timed.costs = costs
    config = TrainConfig(core_minutes=0.2, batch_size=32, device="cpu")
    trained = train(Timed(), normal_rows(), config)
    assert int(trained.model.rung) == len(costs) - 1
    assert trained.steps > 40
    assert 0.85 * 12 < clock.seconds < 1.02 * 12


def test_an_hour_is_not_spent_on_timing(monkeypatch):
    """A part of any budget that is spent on timing would be minutes of a long one, and tells nothing more."""
    clock = Clock(monkeypatch)

    class Timed(Line):
        def loss(self, batch):
            clock.seconds += 2
            return super().loss(batch)

    trained = train(Timed(), normal_rows(), TrainConfig(core_minutes=60, batch_size=32, device="cpu", log_every=1))
    assert trained.metrics[0]["core_seconds"] < 2 * budget.LONGEST + 20
    assert 0.9 * 3600 < clock.seconds < 1.02 * 3600


def test_a_part_that_grows_is_timed_through_what_is_around_it(monkeypatch):
    clock = Clock(monkeypatch)

    class Timed(Growing):
        def work(self, cost):
            clock.seconds += cost / 40

    model = Standardized(Timed())
    train(model, normal_rows(), TrainConfig(core_minutes=0.2, batch_size=32, device="cpu"))
    assert int(model.model.rung) == 3
    assert 0.85 * 12 < clock.seconds < 1.02 * 12


def test_a_part_that_comes_seldom_and_costs_much_is_in_the_budget(monkeypatch):
    """Too little time is spent on timing to meet it by chance."""
    clock = Clock(monkeypatch)

    class Lazy(Line):
        def players(self):
            return [Player("often", self, self.takes(0.05)), Player("seldom", self, self.takes(0.8), every=16)]

        def takes(self, seconds):
            def loss(batch):
                clock.seconds += seconds
                return self.loss(batch)

            return loss

    train(Lazy(), normal_rows(), TrainConfig(core_minutes=0.2, batch_size=32, device="cpu"))
    assert 0.85 * 12 < clock.seconds < 1.1 * 12


class Costly(Line):
    """What training, judging and drawing cost is dictated."""

    def __init__(self, clock, step=0.05, judged=(0.0, 0.0), drawn=(0.0, 0.0)):
        super().__init__()
        self.costs = {True: (step, 0.0), False: judged, "draw": drawn}
        self.clock = clock

    def work(self, kind, rows):
        base, row = self.costs[kind]
        for _ in range(10):
            self.clock.seconds += (base + row * rows) / 10
            torch.zeros(1).add(1)

    def loss(self, batch):
        self.work(self.training, len(batch))
        return super().loss(batch)

    def draw(self, n, given, noise):
        self.work("draw", n)
        return super().draw(n, given, noise)


class Files:
    suffix = ".txt"

    def __init__(self):
        self.saved = []

    def save(self, x, path):
        self.saved.append(len(x))


@pytest.mark.parametrize("step", [0.7, 1.9, 2.6, 3.3, 3.9])
def test_few_dear_steps_come_as_near_to_their_budget_as_whole_steps_can(monkeypatch, step):
    clock = Clock(monkeypatch)
    train(Costly(clock, step=step), normal_rows(), TrainConfig(core_minutes=0.2, batch_size=32, device="cpu"))
    assert abs(clock.seconds - 12) <= 0.5 * step + 0.05 * 12


COSTS = [
    ({}, 5, 64),
    ({"drawn": (0.001, 0.0)}, 5, 64),
    ({"drawn": (0.0, 0.00001)}, 5, 64),
    ({"drawn": (0.0, 0.02)}, 5, 10),
    ({"drawn": (0.4, 0.001)}, 2, 1),
    ({"drawn": (50.0, 0.0)}, 0, 0),
    ({"judged": (0.001, 0.0001)}, 5, 64),
    ({"judged": (0.0, 0.02)}, 5, 64),
    ({"judged": (0.05, 0.0)}, 5, 64),
    ({"step": 0.5, "judged": (0.1, 0.001), "drawn": (0.1, 0.01)}, 5, 10),
]


@pytest.mark.parametrize(("costs", "grids", "rows"), COSTS, ids=str)
def test_samples_and_validations_are_in_the_plan(monkeypatch, tmp_path, costs, grids, rows):
    clock, files = Clock(monkeypatch), Files()
    config = TrainConfig(core_minutes=0.2, batch_size=32, device="cpu")
    seen = [SampleGrid(tmp_path, files, 64)]
    trained = train(Costly(clock, **costs), normal_rows(), config, valid=normal_rows(1000, seed=1), callbacks=seen)
    assert (0.92 if costs.get("drawn", (0, 0))[1] <= 0.00001 else 0.85) * 12 < clock.seconds < 1.08 * 12
    assert len(files.saved) == grids
    assert all(0.5 * rows <= n <= rows for n in files.saved)
    assert trained.best is not None


@pytest.mark.parametrize(("seconds", "batch", "passes"), [(12, 0.1, 8), (12, 1.0, 1), (3, 1.0, 1), (12, 0.01, 80)])
def test_passes_keep_their_budget_but_for_the_first(monkeypatch, seconds, batch, passes):
    clock, heard = Clock(monkeypatch), []

    class Slow(Moments):
        def accumulate(self, rows):
            clock.seconds += batch
            super().accumulate(rows)

        def finish(self):
            return dict(super().finish())

    config = TrainConfig(core_minutes=seconds / 60, batch_size=40, device="cpu")
    trained = train(Slow(), normal_rows(400), config, say=heard.append)
    assert trained.steps >= 10 * passes
    assert trained.steps % 10 == 0
    assert clock.seconds < max(1.02 * seconds, 12 * batch)
    told = "a pass over the data that moves the model takes longer than the budget leaves: it is made nonetheless"
    assert heard == [told] * (seconds == 3)


def test_checkpoints_of_large_models_are_in_the_plan(monkeypatch, tmp_path):
    monkeypatch.setattr(budget, "BYTE", 0.01)
    config = TrainConfig(core_minutes=0.2, batch_size=32, device="cpu")
    used = []
    for folder in (None, tmp_path):
        clock = Clock(monkeypatch)
        model = Costly(clock)
        size = sum(part.nbytes for part in model.state_dict().values())
        train(model, normal_rows(), config, run=folder)
        used.append(clock.seconds)
    assert used[0] > 11
    assert used[1] < used[0] - 0.9 * 4 * 0.01 * size


def test_a_slow_first_step_is_not_taken_for_the_rest(monkeypatch):
    clock, made = Clock(monkeypatch), []

    class Warming(Costly):
        def loss(self, batch):
            made.append(clock.seconds)
            clock.seconds += 0.0 if len(made) > 1 else 0.6
            return super().loss(batch)

    train(Warming(clock, step=1.0), normal_rows(), TrainConfig(core_minutes=0.2, batch_size=32, device="cpu"))
    assert 0.85 * 12 < clock.seconds < 1.02 * 12


def test_a_step_that_takes_longer_than_the_budget_is_made_once(monkeypatch):
    clock, heard = Clock(monkeypatch), []
    config = TrainConfig(core_minutes=0.05, batch_size=32, device="cpu")
    trained = train(Costly(clock, step=100.0), normal_rows(), config, say=heard.append)
    assert trained.steps == 1
    assert clock.seconds < 120, "the trial is left in its middle"
    assert heard == ["a step that moves the model takes longer than the budget leaves: it is made nonetheless"]


def test_a_run_of_steps_draws_few_samples_where_they_are_slow(tmp_path, monkeypatch):
    clock, files = Clock(monkeypatch), Files()
    monkeypatch.setattr(time, "monotonic", lambda: clock.seconds)
    monkeypatch.setattr("genzoo.training.budget.LEAST", 3.0)
    model = Costly(clock, step=0.5, drawn=(0.0, 1.0))
    train(model, normal_rows(), TrainConfig(steps=2, device="cpu"), callbacks=[SampleGrid(tmp_path, files, 64)])
    assert files.saved in ([2], [3])  # the last one alone
    assert clock.seconds < 20


def test_a_long_run_of_steps_draws_as_many_samples_as_a_tenth_of_it_bears(tmp_path, monkeypatch):
    clock, files = Clock(monkeypatch), Files()
    monkeypatch.setattr(time, "monotonic", lambda: clock.seconds)
    model = Costly(clock, step=2.0, drawn=(0.0, 1.0))
    train(model, normal_rows(), TrainConfig(steps=50, device="cpu"), callbacks=[SampleGrid(tmp_path, files, 64)])
    assert len(files.saved) == 5
    assert 5 <= sum(files.saved) <= 10


def test_rows_and_validations_are_as_many_as_planned():
    config = TrainConfig(steps=333, device="cpu", batch_size=16)
    trained = train(model_of("line"), normal_rows(64), config, valid=normal_rows(20, seed=1))
    steps = [row["step"] for row in trained.metrics if row["split"] == "valid"]
    assert len(steps) == 20
    assert steps[-1] == 333
    assert max(b - a for a, b in itertools.pairwise([0, *steps])) == 17


def test_two_budgets_are_refused():
    with pytest.raises(ValueError, match="one budget, got minutes=1 and core_minutes=2: keep one"):
        TrainConfig(minutes=1, core_minutes=2)
