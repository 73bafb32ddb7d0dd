import json
import math

import pytest
import torch
from safetensors.torch import load_file

from genzoo.core import Noise, Player
from genzoo.training import TrainConfig, train
from genzoo.training import checkpoint as disk
from genzoo.training.callbacks import Callback
from genzoo.training.checkpoint import CheckpointError
from genzoo.training.finite import NotFinite
from genzoo.training.journal import CLOCK
from tests.training.toys import Duel, Line, Moments, Rows, model_of, normal_rows

SETTINGS = {
    "line": {
        "steps": 60,
        "ema": 0.1,
        "averages": True,
        "keep": "best",
        "patience": 100,
        "accumulate": 3,
        "optimizer": "muon",
        "warmup": 5,
        "log_every": 4,  # so that a checkpoint holds the sums of rows begun
    },
    "duel": {"steps": 60, "ema": 0.2, "clip_norm": 0.5},
    "moments": {"steps": 60},
    "growing": {"steps": 60},
}


class Stop(Callback):
    """Ends a training as a crash would: nothing is saved."""

    def __init__(self, step):
        self.step = step

    def on_step(self, state):
        if state.step == self.step:
            raise ConnectionAbortedError


def config_of(kind, **changes):
    return TrainConfig(**{"batch_size": 48, "checkpoint_every": 7, "device": "cpu", **SETTINGS[kind], **changes})


def without_clock(rows):
    return [{name: value for name, value in row.items() if name not in CLOCK} for row in rows]


def bytes_of(run, step):
    return {path.name: path.read_bytes() for path in (run / f"checkpoints/step-{step:08d}").glob("*.safetensors")}


@pytest.mark.parametrize("kind", ["line", "duel", "moments", "growing"])
def test_a_training_that_crashed_and_resumed_ends_bit_for_bit_where_it_would_have(tmp_path, kind):
    rows, valid = normal_rows(), normal_rows(seed=1)
    whole = train(model_of(kind), rows, config_of(kind), valid=valid, run=tmp_path / "whole")
    for step in (3, 40):
        cut, heard = tmp_path / f"cut-{step}", []
        with pytest.raises(ConnectionAbortedError):
            train(model_of(kind), rows, config_of(kind), valid=valid, run=cut, callbacks=[Stop(step)])
        again = train(model_of(kind), rows, config_of(kind), valid=valid, run=cut, begin="resumed", say=heard.append)
        assert f"resuming after step {step - step % 7}" in heard[0]
        assert whole.steps == again.steps
        assert without_clock(whole.metrics) == without_clock(again.metrics), step
        assert bytes_of(tmp_path / "whole", whole.steps) == bytes_of(cut, again.steps), step
        models = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "whole", cut)]
        assert models[0] == models[1], step


@pytest.mark.parametrize("kind", ["line", "duel"])
def test_batches_follow_the_position_in_the_game(kind):
    seen = []

    class Listening(Rows):
        def gather(self, index, *, seed=0, epoch=0):
            seen.append((epoch, index.tolist()))
            return super().gather(index, seed=seed, epoch=epoch)

    rows = Listening(normal_rows(30).x)
    train(model_of(kind), rows, TrainConfig(steps=6, batch_size=10, device="cpu"))
    fresh = [index for _, index in seen][-6 if kind == "line" else -15 :]  # prepare looked first
    epochs = [[row for batch in fresh[i : i + 3] for row in batch] for i in range(0, len(fresh) - 2, 3)]
    assert all(sorted(epoch) == list(range(30)) for epoch in epochs), "every epoch holds each row once"
    assert epochs[0] != epochs[1], "epochs are ordered differently"


def test_a_player_plays_every_so_many_rounds_and_the_others_stand_still():
    model, moved = Duel(), []

    class Watch(Callback):
        def on_start(self, state):
            self.before = [p.clone() for p in model.generator.parameters()]

        def on_step(self, state):
            now = [p.clone() for p in model.generator.parameters()]
            moved.append(any((a != b).any() for a, b in zip(self.before, now, strict=True)))
            self.before = now

    train(model, normal_rows(), TrainConfig(steps=6, device="cpu", schedule="constant"), callbacks=[Watch()])
    assert moved == [True, False, True, False, True, False]
    assert all(p.abs().max() <= 0.1 for p in model.critic.parameters()), "`after` clips after every step"
    assert all(p.requires_grad for p in model.parameters())


def test_accumulation_gives_the_gradient_of_the_whole_batch():
    ends = []
    for accumulate in (1, 3):
        model = Line(dropout=0.0).double()
        with torch.no_grad():
            for i, parameter in enumerate(model.parameters()):
                parameter.fill_(0.1 * (i + 1))
        config = TrainConfig(steps=5, batch_size=32, accumulate=accumulate, precision="float64", device="cpu")
        ends.append(train(model, normal_rows(), config).model.state_dict())
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=0, atol=1e-12)


def test_global_randomness_is_untouched():
    model, before = Line(), torch.get_rng_state()
    train(model, normal_rows(), TrainConfig(steps=3, device="cpu"))
    assert torch.equal(before, torch.get_rng_state())


def test_a_direct_fit_makes_whole_passes_and_stops_when_done(tmp_path):
    rows = normal_rows(100)
    trained = train(Moments(), rows, TrainConfig(steps=1, batch_size=30, device="cpu"), run=tmp_path)
    assert trained.steps == 4, "one step is rounded up to a pass of four batches"
    torch.testing.assert_close(trained.model.mean, rows.x.mean(0) / 2)
    trained = train(Moments(), rows, TrainConfig(batch_size=30, device="cpu"))
    assert trained.steps < 100 * 4
    assert trained.metrics[-1]["gain"] < 1e-3
    torch.testing.assert_close(trained.model.mean, rows.x.mean(0), atol=1e-3, rtol=0)


def test_the_best_weights_on_validation_are_kept(tmp_path):
    config = TrainConfig(steps=200, lr=0.5, keep="best", validate_every=10, device="cpu", schedule="constant")
    trained = train(Line(), normal_rows(), config, valid=normal_rows(seed=1), run=tmp_path)
    losses = [row["loss"] for row in trained.metrics if row["split"] == "valid"]
    assert trained.best == min(losses) < losses[-1]
    again = Line(dropout=0.0)
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    with torch.no_grad():
        kept = -again.log_density(normal_rows(seed=1).x, None, Noise(0)).mean()
    assert math.isclose(kept, trained.best, rel_tol=0.05), "the file holds the best weights"


def test_models_see_how_far_the_training_is():
    told = {True: [], False: [], "after": []}

    class Listening(Line):
        def loss(self, batch):
            told[self.training] += [batch.progress, batch[:3].progress]
            return super().loss(batch)

        def players(self):
            return [Player("model", self, self.loss, after=lambda now: told["after"].append((now.step, now.progress)))]

    config = TrainConfig(steps=4, validate_every=2, batch_size=400, device="cpu")
    train(Listening(), normal_rows(), config, valid=normal_rows(seed=1))
    assert told[True] == [0.0, 0.0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert told["after"] == [(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0)]
    assert told[False] == [0.5, 0.5, 1.0, 1.0], "a validation sees what its step has reached"


def test_training_stops_early_when_validation_no_longer_improves():
    config = TrainConfig(steps=5000, lr=0.3, patience=3, validate_every=5, device="cpu")
    trained = train(Line(), normal_rows(), config, valid=normal_rows(seed=1))
    losses = [row["loss"] for row in trained.metrics if row["split"] == "valid"]
    assert trained.steps < 5000
    assert min(losses) == losses[-4] == trained.best


def test_losses_that_stay_nan_stop_the_training_and_one_alone_is_skipped():
    class Spoilt(Line):
        calls = 0

        def loss(self, batch):
            Spoilt.calls += 1
            return super().loss(batch) * (math.nan if Spoilt.calls in spoilt else 1)

    spoilt = {5}
    trained = train(Spoilt(), normal_rows(), TrainConfig(steps=20, device="cpu"))
    assert all(p.isfinite().all() for p in trained.model.parameters())
    spoilt = set(range(1, 10**6))
    with pytest.raises(NotFinite, match="10 steps in a row"):
        train(Spoilt(), normal_rows(), TrainConfig(steps=50, device="cpu"))


def test_resume_refuses_another_configuration_and_an_empty_folder(tmp_path):
    train(Line(), normal_rows(), config_of("line"), valid=normal_rows(seed=1), run=tmp_path)
    with pytest.raises(CheckpointError, match="other lr"):
        train(Line(), normal_rows(), config_of("line", lr=0.5), valid=normal_rows(), run=tmp_path, begin="resumed")
    with pytest.raises(CheckpointError, match="got none"):
        train(Line(), normal_rows(), config_of("duel"), run=tmp_path / "other", begin="resumed")
    with pytest.raises(ValueError, match="run folder"):
        train(Line(), normal_rows(), config_of("duel"), begin="resumed")


@pytest.mark.parametrize("harm", ["nothing", "words", "weights", "optimizer"])
def test_a_checkpoint_whose_content_does_not_fit_is_passed_over(tmp_path, harm):
    whole = train(Line(), normal_rows(), TrainConfig(steps=9, checkpoint_every=3, device="cpu"), run=tmp_path)
    (tmp_path / "model.safetensors").unlink()
    newest = tmp_path / "checkpoints" / "step-00000009"
    state: dict = {}
    model, course = (load_file(newest / f"{name}.safetensors") for name in ("model", "course"))
    if harm != "nothing":
        state = json.loads((newest / "state.json").read_text()) | ({"seconds": "long"} if harm == "words" else {})
    model |= {"net.weight": torch.full((2, 2), math.nan)} if harm == "weights" else {}
    course = {} if harm == "optimizer" else course
    disk.save(tmp_path / "checkpoints", disk.Checkpoint(9, state, {"model": model, "course": course}))
    heard = []
    config = TrainConfig(steps=9, checkpoint_every=3, device="cpu")
    again = train(Line(), normal_rows(), config, run=tmp_path, begin="resumed", say=heard.append)
    assert "step-00000009 is spoilt" in heard[0]
    assert heard[1] == "resuming after step 6 of 9"
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def test_a_finished_training_goes_on_for_more_steps(tmp_path):
    rows, short = normal_rows(), TrainConfig(steps=10, schedule="constant", device="cpu")
    train(model_of("line"), rows, short, run=tmp_path / "one")
    longer = short.model_copy(update={"steps": 25})
    again = train(model_of("line"), rows, longer, run=tmp_path / "one", begin="resumed")
    whole = train(model_of("line"), rows, longer, run=tmp_path / "whole")
    assert again.steps == 25
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
    with pytest.raises(CheckpointError, match="Only steps may grow: it has made 25 of 25"):
        train(model_of("line"), rows, short, run=tmp_path / "one", begin="resumed")


def test_a_training_does_not_begin_over_another(tmp_path):
    config = TrainConfig(steps=2, device="cpu")
    train(Line(), normal_rows(), config, run=tmp_path)
    with pytest.raises(CheckpointError, match="holds one already"):
        train(Line(), normal_rows(), config, run=tmp_path)


def test_keeping_the_best_needs_something_to_judge_by():
    with pytest.raises(ValueError, match="validation loss"):
        train(Duel(), normal_rows(), TrainConfig(steps=2, keep="best", device="cpu"), valid=normal_rows())


def test_rows_of_metrics_are_means_since_the_last_and_csv_holds_them_all(tmp_path):
    class Count(Line):
        def loss(self, batch):
            self.start += 1
            return {"loss": super().loss(batch), "count": self.start[0]}

        def prepare(self, batches):
            pass

    config = TrainConfig(steps=10, log_every=5, device="cpu")
    trained = train(Count(), normal_rows(), config, run=tmp_path)
    assert [row["count"] for row in trained.metrics] == [3.0, 8.0]
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert lines[0].startswith("step,split,")
    assert len(lines) == 3
