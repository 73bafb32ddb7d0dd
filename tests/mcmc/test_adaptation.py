"""Warm-up finds the acceptance, the scales and the step size that are known to be right."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.mcmc import Kernel, hmc, mala, random_walk, run, summary, warm_up
from genzoo.mcmc.adaptation import windows

SCALES = torch.tensor([0.01, 0.1, 1.0, 10.0])


def bell(x: Tensor) -> Tensor:
    return -(x / SCALES).square().sum(1) / 2


def leaping(step_size: float, inverse_mass: Tensor) -> Kernel:
    return hmc(bell, step_size=step_size, steps=2, inverse_mass=inverse_mass)


@pytest.mark.parametrize("start", [1e-6, 1e4])
def test_masses_and_step_size_are_found_from_anywhere(start: float) -> None:
    warm = warm_up(leaping, torch.zeros(16, 4), Noise(0), steps=200, step_size=start)
    assert torch.allclose(warm.inverse_mass.sqrt(), SCALES, rtol=0.25)
    trace = run(warm.kernel, warm.state, Noise(1), 300)
    assert trace.accept.mean().item() == pytest.approx(0.8, abs=0.1)
    found = summary(trace.x, trace.accept)
    assert found.mixed, found
    assert torch.allclose(found.sd.float(), SCALES, rtol=0.1)


@pytest.mark.parametrize(
    ("make", "wish"),
    [
        (lambda step, _: random_walk(lambda x: -x.square().sum(1) / 2, scale=step), 0.234),
        (lambda step, _: mala(lambda x: -x.square().sum(1) / 2, step_size=step), 0.574),
    ],
)
def test_other_kernels_reach_their_acceptance(make: object, wish: float) -> None:
    warm = warm_up(make, Noise(5).normal(32, 10), Noise(0), steps=200, accept=wish)
    assert run(warm.kernel, warm.state, Noise(1), 200).accept.mean().item() == pytest.approx(wish, abs=0.05)


def test_optimal_scales_are_those_of_theory() -> None:
    """The random walk in many dimensions accepts 23.4 % at a scale of 2.38 / √d."""
    warm = warm_up(
        lambda step, _: random_walk(lambda x: -x.square().sum(1) / 2, scale=step),
        Noise(5).normal(64, 50),
        Noise(0),
        steps=150,
        accept=0.234,
    )
    assert warm.step_size == pytest.approx(2.38 / 50**0.5, rel=0.15)


def test_windows_double_and_end_before_the_end() -> None:
    assert windows(500) == [75, 100, 150, 250, 450]
    for steps in (20, 50, 333, 1000):
        ends = windows(steps)
        assert ends == sorted(set(ends))
        assert ends[-1] < steps


def test_bad_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="20 steps"):
        warm_up(leaping, torch.zeros(4, 4), Noise(0), steps=5)
    with pytest.raises(ValueError, match="accept"):
        warm_up(leaping, torch.zeros(4, 4), Noise(0), accept=1.5)
