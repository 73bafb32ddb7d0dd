import math

import pytest
import torch

from genzoo.training import TrainConfig, train
from tests.training.toys import Line, normal_rows


class Judged(Line):
    """A line whose validation losses are dictated."""

    def __init__(self, losses):
        super().__init__(dropout=0.0)
        self.losses = list(losses)

    def loss(self, batch):
        return super().loss(batch) if self.training else torch.tensor(self.losses.pop(0))


def trained_on(losses, **settings):
    heard = []
    config = TrainConfig(steps=len(losses), validate_every=1, device="cpu", **settings)
    trained = train(Judged(losses), normal_rows(), config, valid=normal_rows(50, seed=1), say=heard.append)
    return trained, heard


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_validation_that_is_not_finite_is_never_the_best(bad, place):
    losses = [3.0, 2.0, 2.5, 2.6]
    losses[place] = bad
    trained, _ = trained_on(losses, keep="best")
    best = min(loss for loss in losses if math.isfinite(loss))
    assert trained.best == best
    assert trained.kept == 1 + losses.index(best)


def test_when_none_is_finite_the_last_weights_are_kept_and_it_is_said():
    trained, heard = trained_on([math.nan] * 3, keep="best")
    assert trained.best is None
    assert trained.kept == trained.steps == 3
    assert heard == ["no validation loss was finite: the last weights are kept"]


def test_which_step_is_kept_is_said():
    trained, heard = trained_on([3.0, 2.0, 2.5], keep="best")
    assert (trained.kept, trained.steps) == (2, 3)
    assert heard == ["validation was at its lowest, 2, at step 2, and not lower since: the weights of step 2 are kept"]
    assert trained_on([3.0, 2.0, 1.0], keep="best")[1] == []


def test_a_rise_is_said_where_the_last_weights_are_kept():
    trained, heard = trained_on([3.0, 2.0, 2.5, 2.6, 2.7, 2.8])
    assert trained.kept == trained.steps == 6
    assert "at step 2" in heard[0]
    assert heard[0].endswith("the last weights are kept: keep=best would keep those")


def test_keeping_the_best_stops_where_validation_has_risen_for_long():
    trained, heard = trained_on([2.0, 1.0, *(2.0 for _ in range(18))], keep="best")
    assert trained.steps == 10
    assert trained.kept == 2
    assert heard[0].startswith("stopped after step 10 of 20: validation was at its lowest, 1, at step 2")
    assert trained_on([2.0, 1.0, *(2.0 for _ in range(18))], keep="best", patience=0)[0].steps == 20
    assert trained_on([2.0, 1.0, *(2.0 for _ in range(18))], keep="best", patience=3)[0].steps == 5
    assert trained_on([2.0, 1.0, *(2.0 for _ in range(18))])[0].steps == 20
