import math

import pytest
import torch
from safetensors.torch import load_file

from genzoo.core import Player, seeded
from genzoo.training import TrainConfig, train
from genzoo.training.checkpoint import checkpoints
from genzoo.training.finite import NotFinite
from tests.training.toys import Line, normal_rows


def quiet(remark):
    """Says nothing."""


class Slope(Line):
    """A finite loss whose gradient is NaN at some steps: the slope of a root at zero."""

    def __init__(self, spoilt=()):
        super().__init__(dropout=0.0)
        self.root = torch.nn.Parameter(torch.zeros(3, 2))
        self.spoilt, self.calls = spoilt, 0

    def loss(self, batch):
        if self.training:
            self.calls += 1
        flat = (self.root[0] * 0).square().sum().sqrt() if self.calls in self.spoilt else 0
        return super().loss(batch) + flat + self.root.sum() ** 2


def finite(module):
    return all(tensor.isfinite().all() for tensor in module.state_dict().values())


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_whose_gradient_is_not_finite_is_skipped_and_told(clip_norm, optimizer):
    heard, config = [], TrainConfig(steps=8, device="cpu", clip_norm=clip_norm, optimizer=optimizer)
    trained = train(Slope({3, 5}), normal_rows(), config, say=heard.append)
    assert finite(trained.model)
    why = "was skipped: the gradient of root (Slope) holds NaN"
    assert heard[:2] == [f"step 2 {why}", f"step 4 {why}"]
    assert heard[2:] == ["2 steps were skipped, for their loss or gradient was not finite"]


def test_a_skipped_step_moves_nothing():
    ends = []
    for steps in (0, 1):
        with seeded(0):
            model = Slope({1})
        ends.append(train(model, normal_rows(), TrainConfig(steps=steps, device="cpu"), say=quiet))
    for name, value in ends[0].model.named_parameters():
        assert torch.equal(value, ends[1].model.get_parameter(name))


def test_gradients_that_stay_nan_end_the_training_and_every_checkpoint_is_finite(tmp_path):
    config = TrainConfig(steps=40, checkpoint_every=1, device="cpu")
    with pytest.raises(NotFinite, match=r"10 steps in a row .* to step 14: the gradient of root \(Slope\) holds NaN"):
        train(Slope(set(range(6, 100))), normal_rows(), config, run=tmp_path, say=quiet)
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
