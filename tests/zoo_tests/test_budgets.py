"""Budgets of processor time on real recipes: bounds are generous, for other work disturbs every clock."""

import pytest

import genzoo
from genzoo.core import Noise, Space
from genzoo.models.classical import SoftmaxRegression
from genzoo.training import TrainConfig
from genzoo.training.callbacks import Callback
from genzoo.training.loop import train
from tests.training.toys import Rows

SECONDS = 1.5


class Used(Callback):
    def on_end(self, state):
        self.seconds, self.steps, self.done = state.watch.core_seconds, state.step, state.done


def pictures(rows=600):
    return Noise(0).integers(256, rows, 3, 16, 16).byte(), Noise(1).integers(4, rows)


@pytest.mark.parametrize(
    ("recipe", "settings"), [("vae", {}), ("wgan_gp", {"width": 8}), ("gaussian_mixture", {"covariance": "diag"})]
)
def test_a_budget_of_processor_time_is_kept(tmp_path, recipe, settings):
    used = Used()
    genzoo.train(
        recipe,
        pictures(),
        settings=settings,
        core_minutes=SECONDS / 60,
        batch_size=16,
        patience=0,
        device="cpu",
        out=tmp_path / "run",
        callbacks=[used],
    )
    assert used.seconds < 1.5 * SECONDS
    assert used.done or used.seconds > 0.6 * SECONDS


def test_steps_of_a_direct_fit_count_what_moves():
    x = Noise(0).normal(200, 3)
    labels = (x[:, 0] > 0).long()
    model = SoftmaxRegression(Space((), levels=2), Space((3,)))
    trained = train(model, Rows(labels, x), TrainConfig(steps=1, batch_size=50, device="cpu"))
    assert trained.steps == 8, "a pass that looks, and one that moves"
    right = (trained.model.log_probs(x).argmax(1) == labels).float().mean()
    assert right > 0.9
