import pytest
import torch
from torch import nn

from genzoo.training.average import averaged, decay


def test_the_average_reaches_over_its_share_of_the_run():
    line = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(line.weight)
    average = averaged(line, total=1000, share=0.1)
    for step in range(1000):
        with torch.no_grad():
            line.weight.fill_(float(step >= 900))
        average.update_parameters(line)
    # of 100 steps at 1, a window of 100 steps has taken in 1 − 1/e
    assert average.module.weight.item() == pytest.approx(1 - (1 - 1 / 100) ** 100, abs=1e-3)


def test_the_average_begins_short_and_copies_buffers():
    assert decay(0, 10**6, 0.5) == pytest.approx(0.1)
    norm = nn.BatchNorm1d(2)
    average = averaged(norm, total=10, share=0.5)
    norm.running_mean.fill_(3.0)
    average.update_parameters(norm)
    assert torch.equal(average.module.running_mean, norm.running_mean)
