"""A loss is told as what its model says that it is."""

import pytest
import torch

from genzoo.core import Likelihood
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from tests.training.toys import Line, normal_rows


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [(Likelihood.EXACT, "−log p, nats/row"), (Likelihood.BOUND, "−(bound on log p), nats/row"), (Likelihood.NONE, "")],
)
def test_what_claims_no_likelihood_trains_and_its_loss_has_no_unit(likelihood, words, monkeypatch):
    monkeypatch.setattr(Line, "likelihood", likelihood)
    seen = []

    class Look(Callback):
        def on_start(self, state):
            seen.append(state.told)

    trained = train(Line(), normal_rows(), TrainConfig(steps=2, device="cpu"), callbacks=[Look()])
    assert trained.steps == 2
    assert {told.words for told in seen} == {words}
    assert torch.tensor([row["loss"] for row in trained.metrics]).isfinite().all()
