"""Critics give lower bounds: never above by more than chance, near the truth where they can learn it."""

import math

import pytest
import torch
from torch.distributions import Normal

from genzoo.core.noise import Noise
from genzoo.distributions import (
    JENSEN_SHANNON,
    KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    LipschitzCritic,
    LowerBound,
    TooFew,
    adversarial_bound,
    closed_form,
    exact_wasserstein,
    integrated,
    kantorovich_bound,
    optimal_discriminator,
)


def normal(seed: int, n: int = 400, dims: int = 2) -> torch.Tensor:
    return Noise(seed).normal(n, dims)


def ring(seed: int) -> torch.Tensor:
    return torch.nn.functional.normalize(normal(seed), dim=1)


@pytest.mark.parametrize(
    ("x", "y"),
    [(normal(0), normal(1) + 1), (3 * ring(0) + 50, 0.3 * normal(1) + 50), (normal(0), normal(1))],
    ids=["shift", "ring", "equals"],
)
def test_the_wasserstein_bound_is_below_and_near(x, y):
    exact, bound = exact_wasserstein(x, y, 1.0), kantorovich_bound(x, y).bound
    assert isinstance(bound, LowerBound)
    assert bound.value < exact + 3 * bound.error
    assert bound.value > 0.9 * exact - 3 * bound.error - 0.1


def test_a_critic_is_1_lipschitz_whatever_its_weights():
    for scale in (0.1, 10.0):
        critic = LipschitzCritic(torch.zeros(3).double(), scale, (16, 16))
        with torch.no_grad():
            for weight in critic.parameters():
                weight.mul_(5).add_(0.3)
        x, y = (scale * 5 * Noise(seed).normal(500, 3, dtype=torch.float64) for seed in (0, 1))
        assert bool(((critic(x) - critic(y)).abs() <= (x - y).norm(dim=1) * (1 + 1e-9)).all())
        x.requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x)
        assert slope.norm(dim=1).max() <= 1 + 1e-9


@pytest.mark.parametrize("divergence", [TOTAL_VARIATION, KL, JENSEN_SHANNON, SQUARED_HELLINGER], ids=lambda d: d.name)
def test_adversarial_bounds_are_below_and_near(divergence):
    p, q = (Normal(torch.tensor(mean).double(), 1.0) for mean in (0.0, 1.0))
    truth = integrated(divergence, p, q).item()
    bound = adversarial_bound(divergence, normal(0, 2000, 1), normal(1, 2000, 1) + 1).bound
    assert bound.value < truth + 3 * bound.error
    assert bound.value > 0.85 * truth - 3 * bound.error
    if divergence in (TOTAL_VARIATION, KL, SQUARED_HELLINGER):
        assert closed_form(divergence, p, q).item() == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize(("theta", "value"), [(1, -1.16345), (2, -0.71263), (4, -0.12085)])
def test_a_trained_discriminator_approaches_the_optimal_one(theta, value):
    x, y = normal(0, 4000, 1), normal(1, 4000, 1) + theta
    bound, critic = adversarial_bound(JENSEN_SHANNON, x, y)
    assert -math.log(4) + 2 * bound.value == pytest.approx(value, abs=6 * bound.error)
    grid = torch.linspace(-1.5, theta + 1.5, 50)
    best = optimal_discriminator(theta * (theta / 2 - grid))  # log p − log q of N(0, 1) and N(θ, 1)
    with torch.no_grad():
        assert (critic(grid[:, None]).sigmoid() - best).abs().max() < 0.05


def test_results_depend_on_the_seed_alone_and_few_rows_are_refused():
    before = torch.get_rng_state()
    found = [kantorovich_bound(normal(0, 100), normal(1, 100) + 1, steps=5).bound for _ in range(2)]
    assert found[0] == found[1]
    assert torch.equal(before, torch.get_rng_state())
    with pytest.raises(TooFew, match="at least 100 rows, got 99"):
        kantorovich_bound(normal(0, 99), normal(1, 99))


def test_a_critic_that_knows_its_rows_by_heart_says_something_of_others() -> None:
    x, y = Noise(0).normal(200, 6), Noise(1).normal(150, 6) + 1
    for divergence in (SQUARED_HELLINGER, JENSEN_SHANNON):
        found = adversarial_bound(divergence, x, y).bound
        assert found.value > 2 * (found.error or 0) > 0, divergence
