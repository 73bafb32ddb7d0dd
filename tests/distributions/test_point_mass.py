"""Dirac's delta as a distribution like the others."""

import torch
from torch.distributions import Normal

from genzoo.core import Noise
from genzoo.distributions import distance
from genzoo.distributions.draws import draw
from genzoo.distributions.point_mass import PointMass


def test_a_draw_is_the_point_and_expectations_are_values_there() -> None:
    point = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    p = PointMass(point, 1)
    assert p.batch_shape == (2,)
    assert p.event_shape == (2,)
    assert torch.equal(draw(p, Noise(0)), point)
    assert torch.equal(p.mean, p.mode)
    assert not p.variance.any()
    assert draw(PointMass(point[0], 1), Noise(0), rows=5).shape == (5, 2)


def test_its_mass_is_one_at_the_point_alone() -> None:
    integers, reals = PointMass(torch.tensor([[1, 2]]), 1), PointMass(torch.tensor([1.0, 2.0]))
    assert integers.log_prob(torch.tensor([[1, 2]])).tolist() == [0.0]
    assert integers.log_prob(torch.tensor([[1, 3]])).tolist() == [-torch.inf]
    assert reals.log_prob(torch.tensor([1.0, 3.0])).tolist() == [torch.inf, -torch.inf]


def test_narrow_normals_come_near_it() -> None:
    at, beside = torch.tensor(0.0), torch.tensor(0.1)
    narrow = [Normal(at, sigma) for sigma in (0.1, 0.01, 0.001)]
    assert (torch.stack([p.log_prob(at) for p in narrow]).diff() > 0).all()
    assert (torch.stack([p.log_prob(beside) for p in narrow]).diff() < 0).all()


def test_on_a_line_transport_knows_how_far_it_is() -> None:
    point = PointMass(torch.tensor(2.0, dtype=torch.float64))
    assert point.cdf(torch.tensor([1.9, 2.0, 2.1])).tolist() == [0.0, 1.0, 1.0]
    assert point.icdf(torch.tensor([0.1, 0.9])).tolist() == [2.0, 2.0]
    found = distance("Wasserstein-1", Normal(point.point, 0.5), point)
    assert found.is_exact
    assert abs(found.value - 0.5 * (2 / torch.pi) ** 0.5) < 1e-12
    assert distance("Wasserstein-2", point, PointMass(point.point + 3)).value == 3.0
