"""Diffusions of mixed rows against sums over all paths, and against what is known of a normal law."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Column, Given, Space
from genzoo.models.diffusion import TabDDPM, TabDiff
from genzoo.testing.density import every

LEVELS = Space((2,), columns=(Column("ordered", 3), Column("categorical", 2)))
NUMBER = Space((1,))


@pytest.fixture(autouse=True)
def _still() -> None:
    torch.manual_seed(0)


def stirred(model: TabDDPM | TabDiff, by: float = 0.5) -> TabDDPM | TabDiff:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return model.double().eval()


def by_paths(model: TabDDPM) -> Tensor:
    """The law of samples: the uniform one, moved step by step."""
    x = every(LEVELS).long()
    law = torch.full((len(x),), 1 / len(x), dtype=torch.float64)
    nothing = torch.zeros(len(x), 0, dtype=torch.float64)
    for step in range(model.steps, 0, -1):
        t = torch.full((len(x),), step / model.steps)
        _, log_p = model.said(nothing, x, t, {})
        alpha, before = (model.signal(torch.full((len(x),), at)) for at in (step, step - 1))
        moves = [
            model.posterior(level, p.exp(), alpha, before, count)
            for level, p, count in zip(x.T, log_p, model.counts, strict=True)
        ]
        law = torch.einsum("x,xa,xb->ab", law, *moves).flatten()
    return law


def test_levels_follow_the_law_of_the_chain_and_the_bound_lies_below() -> None:
    model = stirred(TabDDPM(LEVELS, width=8, depth=1, steps=3))
    assert isinstance(model, TabDDPM)
    with torch.no_grad():
        law, x = by_paths(model), every(LEVELS)
        assert law.sum().item() == pytest.approx(1)
        drawn = model.sample(4000, seed=0)
        share = torch.stack([(drawn == row).all(1).double().mean() for row in x])
        assert ((share - law).abs() < 5 * (law / 4000).sqrt() + 1e-3).all()
    bound, slack = repeated(model, x, 200, 3)
    assert (bound <= law.log() + 5 * slack).all()
    assert bound.exp().sum() > 0.2


def test_the_posterior_is_bayes_rule() -> None:
    model = TabDDPM(LEVELS, width=8, depth=1, steps=4).double()
    alpha, before = model.signal(torch.tensor([3])), model.signal(torch.tensor([2]))

    def noised(kept: Tensor) -> Tensor:
        return kept * torch.eye(3, dtype=torch.float64) + (1 - kept) / 3

    step, clean = noised((alpha / before).square()), noised(before.square())
    for now, was in itertools.product(range(3), range(3)):
        joint = clean[was] * step[:, now]
        found = model.posterior(torch.tensor([now]), torch.eye(3, dtype=torch.float64)[[was]], alpha, before, 3)
        assert torch.allclose(found[0], joint / joint.sum())
        assert joint.sum().item() == pytest.approx(noised(alpha.square())[was, now].item())


def repeated(model: TabDDPM | TabDiff, x: Tensor, times: int, samples: int) -> tuple[Tensor, Tensor]:
    """The mean of what log_prob says of rows, and its standard error."""
    with torch.no_grad():
        found = model.log_prob(x.repeat(times, 1), samples=samples).reshape(times, len(x))
    return found.mean(0), found.std(0) / math.sqrt(times)


class Perfect(TabDDPM):
    """What is best where numbers are N(0, 1): the noise that is expected in x_t."""

    def said(self, numbers: Tensor, levels: Tensor, t: Tensor, given: Given) -> tuple[Tensor, list[Tensor]]:
        alpha = self.signal((t * self.steps).round().long())
        return (1 - alpha.square()).sqrt()[:, None] * numbers, []


def test_the_bound_of_the_best_network_is_nearly_the_normal_density() -> None:
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None]
    truth = torch.distributions.Normal(0.0, 1.0).log_prob(x).squeeze(1)
    model = Perfect(NUMBER, steps=400).double().eval()
    found, slack = repeated(model, x, 200, 20)
    assert (found <= truth + 5 * slack).all()
    assert ((found - truth).abs() < 5 * slack + 0.06).all()
    drawn = model.sample(4000, seed=0)
    assert abs(drawn.mean().item()) < 0.08
    assert drawn.std().item() == pytest.approx(1, abs=0.06)


def test_a_network_that_says_nothing_is_right_about_normal_numbers_and_uniform_levels() -> None:
    space = Space((2,), columns=(Column("real"), Column("categorical", 4)))
    model = TabDiff(space, width=8, depth=1).double().eval()
    with torch.no_grad():
        for parameter in model.net.net.last.parameters():
            parameter.zero_()
    x = torch.tensor([[-1.5, 0.0], [0.0, 1.0], [2.0, 3.0]], dtype=torch.float64)
    truth = torch.distributions.Normal(0.0, 1.0).log_prob(x[:, 0]) - math.log(4)
    found, slack = repeated(model, x, 400, 40)
    assert ((found - truth).abs() < 5 * slack + 0.01).all()
    for fresh in (0.0, 0.3):
        drawn = model.sample(4000, seed=0, fresh=fresh)
        assert abs(drawn[:, 0].mean().item()) < 0.08
        assert drawn[:, 0].std().item() == pytest.approx(1, abs=0.06)
        assert (drawn[:, 1].long().bincount(minlength=4) / 4000 - 0.25).abs().max() < 0.04


def test_a_bound_of_masked_levels_is_no_more_than_a_law() -> None:
    model = stirred(TabDiff(LEVELS, width=8, depth=1), 0.2)
    bound, slack = repeated(model, every(LEVELS), 200, 10)
    assert bound.exp().sum() <= 1 + 5 * slack.max()
    assert bound.exp().sum() > 0.5


def test_rates_of_columns_are_told_one_by_one() -> None:
    model = TabDiff(LEVELS, rates=[1.0, 2.0], width=8, depth=1)
    assert model.rates.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="`rates` must be positive"):
        TabDiff(LEVELS, rates=[1.0], width=8)
    with pytest.raises(ValueError, match="pass it to Ranked"):
        TabDiff(Space((1,), columns=(Column("integer"),)))
