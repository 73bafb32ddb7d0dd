import math

import pytest
import torch
from safetensors.torch import load_file

from genzoo.core import Player, Trainable, seeded
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import checkpoints
from genzoo.training.finite import NotFinite
from genzoo.training.journal import CLOCK, read_rows
from genzoo.training.order import KeyedOrder
from tests.training.toys import Duel, Line, Rows, normal_rows


def quiet(remark):
    """Says nothing."""


class Slope(Line):
    """A finite loss whose gradient is NaN at some steps: the slope of a root at zero."""

    def __init__(self, spoilt, steps):
        super().__init__(dropout=0.0)
        self.root = torch.nn.Parameter(torch.zeros(3, 2))
        self.spoilt, self.steps = spoilt, steps

    def loss(self, batch):
        step = round(batch.progress * self.steps)
        flat = (self.root[0] * 0).square().sum().sqrt() if step in self.spoilt else 0
        return super().loss(batch) + flat + self.root.sum() ** 2


def finite(module):
    return all(tensor.isfinite().all() for tensor in module.state_dict().values())


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_whose_gradient_is_not_finite_is_skipped_and_told(clip_norm, optimizer):
    heard, config = [], TrainConfig(steps=8, device="cpu", clip_norm=clip_norm, optimizer=optimizer)
    trained = train(Slope({2, 4}, 8), normal_rows(), config, say=heard.append)
    assert finite(trained.model)
    why = "was skipped: the gradient of root (Slope) holds NaN"
    assert heard[:2] == [f"step 2 {why}", f"step 4 {why}"]
    assert heard[2:] == ["2 steps were skipped, for their loss or gradient was not finite"]
    events = [(row["step"], row["event"], row["said"]) for row in trained.metrics if row["split"] == "event"]
    assert events == [(3, "skipped", heard[0]), (5, "skipped", heard[1])]


def test_a_skipped_step_moves_nothing():
    ends = []
    for steps in (0, 1):
        with seeded(0):
            model = Slope({0}, 1)
        ends.append(train(model, normal_rows(), TrainConfig(steps=steps, device="cpu"), say=quiet))
    for name, value in ends[0].model.named_parameters():
        assert torch.equal(value, ends[1].model.get_parameter(name))


def test_gradients_that_stay_nan_end_the_training_and_every_checkpoint_is_finite(tmp_path):
    config = TrainConfig(steps=40, checkpoint_every=1, device="cpu")
    with pytest.raises(NotFinite, match=r"10 steps in a row .* to step 14: the gradient of root \(Slope\) holds NaN"):
        train(Slope(set(range(5, 99)), 40), normal_rows(), config, run=tmp_path, say=quiet)
    for path in checkpoints(tmp_path / "checkpoints"):
        assert all(t.isfinite().all() for t in load_file(path / "model.safetensors").values())


class Harmed(Line):
    """Weights that a step makes infinite, as an update of a codebook might."""

    def players(self):
        def after(now):
            if now.step >= 12:
                self.start.fill_(math.inf)

        return [Player("model", self, lambda batch: self.net(batch.x).square().mean(), after=after)]


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    config = TrainConfig(steps=20, checkpoint_every=5, device="cpu")
    with pytest.raises(NotFinite, match="after step 15: start holds infinite numbers"):
        train(Harmed(), normal_rows(), config, run=tmp_path)
    assert [path.name for path in checkpoints(tmp_path / "checkpoints")] == ["step-00000010", "step-00000005"]
    assert not (tmp_path / "model.safetensors").exists()
    with pytest.raises(NotFinite, match="after step 20"):
        train(Harmed(), normal_rows(), TrainConfig(steps=20, device="cpu"))


def test_what_is_infinite_from_the_start_may_stay_so(tmp_path):
    model = Line()
    model.register_buffer("reached", torch.tensor(-math.inf))
    trained = train(model, normal_rows(), TrainConfig(steps=2, device="cpu"), run=tmp_path)
    assert trained.model.reached == -math.inf


class Deep(Line):
    """Layers of which the second takes logarithms: of a negative number, and of zero, where the slope is infinite."""

    def __init__(self, lowest=0.0):
        super().__init__(dropout=0.0)
        self.net, self.lowest = torch.nn.Sequential(torch.nn.Identity(), Log()), lowest
        self.gain = torch.nn.Parameter(torch.ones(()))
        self.register_buffer("calls", torch.zeros(()))

    def loss(self, batch):
        self.calls += 1
        return (self.net(self.gain * batch.x.clamp_min(self.lowest))).square().mean()


class Log(torch.nn.Module):
    def forward(self, x):
        return x.log()


def told(x, **settings):
    """What the first skip says of a training on rows, and the model."""
    heard, model = [], Deep()
    train(model, Rows(x), TrainConfig(steps=1, batch_size=8, device="cpu", **settings), say=heard.append)
    return heard[0], model


def test_the_first_layer_and_the_rows_that_were_not_finite_are_named():
    x = torch.ones(8, 2)
    x[5] = 0.0
    line, model = told(x)
    place = KeyedOrder(Rows(x), 8, 0).numbers(0).tolist().index(5)
    why = "the loss is inf; first of all the output of net.1 (Log) holds infinite numbers"
    assert line == f"step 0 was skipped: {why}, in row {place} of the batch (5 of the data)"
    assert model.calls == 1  # to find out has left no trace
    model.start.zero_()
    x[5, 1] = torch.nan
    model.prepare = lambda batches: None
    heard = []
    train(model, Rows(x), TrainConfig(steps=1, batch_size=8, device="cpu"), say=heard.append)
    assert heard[0].startswith(
        f"step 0 was skipped: the loss is nan; x is not finite, in row {place} of the batch (5 of"
    )
    x[5] = 0.0
    assert told(x, accumulate=4)[0] == f"step 0 was skipped: {why}, in row {place % 2} of the batch (5 of the data)"


def test_the_first_gradient_on_its_way_back_that_was_not_finite_is_named():
    class Flat(Deep):
        def loss(self, batch):
            return self.net[0](0 * self.gain).sqrt()

    heard = []
    train(Flat(), Rows(torch.ones(8, 2)), TrainConfig(steps=1, batch_size=8, device="cpu"), say=heard.append)
    gradient = "the gradient of gain (Flat) holds NaN"
    assert (
        heard[0]
        == f"step 0 was skipped: {gradient}; first of all the gradient at the output of net.0 (Identity) holds "
        "infinite numbers"
    )


def test_a_step_of_a_player_is_told_with_its_name():
    class Odd(Duel):
        def critic_loss(self, batch):
            return {"loss": super().critic_loss(batch)["loss"] * (math.nan if batch.progress else 1.0)}

    heard = []
    train(Odd(), normal_rows(), TrainConfig(steps=2, device="cpu"), say=heard.append)
    assert heard[:2] == [f"step {step} of critic was skipped: the loss is nan" for step in (2, 3)]


def test_a_training_may_stop_at_the_first():
    config = TrainConfig(steps=8, device="cpu", nonfinite="stop")
    with pytest.raises(NotFinite, match=r"must be finite, got step 2: the gradient of root"):
        train(Slope({2}, 8), normal_rows(), config, say=quiet)


class Cliff(Trainable):
    """A weight that moves by the rate at each step, and a loss that from some round on is NaN if it moves too fast."""

    def __init__(self, first, fastest):
        super().__init__()
        self.weight, self.first, self.fastest = torch.nn.Parameter(torch.zeros(())), first, fastest
        self.register_buffer("places", torch.zeros(2))

    def players(self):
        return [Player("model", self, self.loss, after=lambda now: self.places.copy_(self.latest()))]

    def latest(self):
        return torch.stack([self.places[1], self.weight.detach()])

    def loss(self, batch):
        is_late = round(batch.progress * 30) >= self.first
        return -self.weight + (math.nan if is_late and self.places.diff() > self.fastest else 0.0)


class Stop(Callback):
    def __init__(self, step):
        self.step = step

    def on_step(self, state):
        if state.step == self.step and state.rollbacks:
            raise ConnectionAbortedError


def rolling(run, first=11, fastest=0.06, callbacks=(), begin="new", say=quiet):
    config = TrainConfig(
        steps=30, lr=0.1, schedule="constant", checkpoint_every=4, device="cpu", nonfinite="rollback", log_every=5
    )
    return train(Cliff(first, fastest), normal_rows(), config, run=run, callbacks=callbacks, begin=begin, say=say)


def test_a_training_goes_back_with_half_the_rate_and_goes_on_the_same_when_it_is_killed(tmp_path):
    heard = []
    whole = rolling(tmp_path / "whole", say=heard.append)  # 0.1 a step is too fast
    (said,) = [line for line in heard if "gone back" in line]
    assert said.startswith("gone back from step 20 to 8, with 0.5 of the rate from there on: The loss")
    assert whole.model.weight.item() == pytest.approx(0.1 * 8 + 0.05 * 22, abs=1e-4)
    events = [row for row in whole.metrics if row["split"] == "event"]
    assert [(row["step"], row["event"], row["said"]) for row in events] == [(8, "rollback", said)]
    assert [row["step"] for row in whole.metrics if row["split"] == "train"] == [5, 10, 15, 20, 25, 30]
    for step in (10, 20):
        with pytest.raises(ConnectionAbortedError):
            rolling(tmp_path / f"{step}", callbacks=[Stop(step)])
        again = rolling(tmp_path / f"{step}", begin="resumed")
        assert [{**row, **dict.fromkeys(CLOCK)} for row in again.metrics] == [
            {**row, **dict.fromkeys(CLOCK)} for row in whole.metrics
        ]
        assert torch.equal(again.model.weight, whole.model.weight)


def test_it_goes_back_three_times_at_most_and_never_to_where_nothing_good_came_after(tmp_path):
    heard = []
    with pytest.raises(NotFinite, match="gone back 3 times"):
        rolling(tmp_path / "steep", fastest=0.001, say=heard.append)
    with pytest.raises(NotFinite, match="no checkpoint before it"):
        rolling(tmp_path / "spoilt", first=0, fastest=-1.0)
    with pytest.raises(ValueError, match="needs checkpoints to go back to"):
        rolling(None)
    last = read_rows(tmp_path / "steep" / "metrics.jsonl")[-1]
    assert last["event"] == "NotFinite"
    assert "gone back 3 times" in last["said"]
