import pytest
import torch
from torch import nn

from genzoo.training.average import Average, decay


@pytest.mark.parametrize("total", [1000, 20_000])
def test_the_average_reaches_over_its_share_of_the_run(total):
    line = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(line.weight)
    average = Average(line, total, share=0.1)
    for step in range(1, total + 1):
        with torch.no_grad():
            line.weight.fill_(float(step > 0.9 * total))
        average.follow(step)
    # a window of a tenth of the run has taken in 1 − 1/e of its last tenth
    assert average.model.weight.item() == pytest.approx(1 - (1 - 1 / 100) ** 100, abs=1e-3)


def test_the_average_begins_short_and_copies_buffers():
    assert decay(0, 10**6) == pytest.approx(0.1)
    norm = nn.BatchNorm1d(2)
    average = Average(norm, total=10, share=0.5)
    norm.running_mean.fill_(3.0)
    average.follow(1)
    assert torch.equal(average.model.running_mean, norm.running_mean)


def test_the_last_step_is_always_taken_in():
    line = nn.Linear(1, 1)
    average = Average(line, total=10_007, share=0.5)
    assert average.every == 50
    with torch.no_grad():
        line.weight.fill_(1.0)
    average.follow(10_007, last=True)
    assert average.model.weight.item() == 1.0
