"""Rare events: known tails to one in a million, models against brute force, weights, refusals."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from experiments import rare as experiment
from genzoo.core import GenerativeModel, Likelihood, Noise, Space, Unsupported
from genzoo.models.adversarial import GAN, Rules
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import Gaussian
from genzoo.models.flows import Nets, coupling_flow
from genzoo.nn import MLP
from genzoo.tasks import Expression, WeightsCollapsed, expectation, rare_event
from genzoo.tasks.proposal import Proposal, standard
from genzoo.tasks.sources import NoiseSource, Steered


class Correlated(GenerativeModel):
    """A Gaussian whose entries have variance 1 and correlation ½."""

    likelihood = Likelihood.EXACT

    def __init__(self, dims):
        super().__init__(Space((dims,)))
        self.register_buffer("factor", torch.linalg.cholesky(0.5 * torch.eye(dims) + 0.5))

    def draw(self, n, given, noise):
        return noise.normal(n, len(self.factor), dtype=self.factor.dtype) @ self.factor.T

    def log_density(self, x, given, noise):
        return torch.distributions.MultivariateNormal(x.new_zeros(len(self.factor)), scale_tril=self.factor).log_prob(
            x
        )


def tail(p: float) -> float:
    return float(stats.norm.isf(p))


def bent(model: nn.Module, std: float) -> nn.Module:
    """A network away from its start."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    return model.eval()


class Coins(GenerativeModel):
    likelihood = Likelihood.EXACT

    def draw(self, n, given, noise):
        return noise.integers(2, n, *self.space.shape).to(torch.uint8)


@pytest.mark.parametrize("where", ["noise", "data"])
@pytest.mark.parametrize("p", [1e-3, 1e-6, 1e-9])
def test_tails_of_a_gaussian_are_known(where: str, p: float) -> None:
    found = rare_event(Correlated(10), lambda x: x[:, 3] - tail(p), where=where, seed=1)
    assert found.probability.value == pytest.approx(p, rel=0.1)
    assert found.probability.width < 0.2 * p
    assert found.ess > 500
    assert found.levels[-1] == 0
    assert found.draws < 80_000


def test_intervals_are_covered() -> None:
    """Of a few replications at one in a million; thousands are in the experiments."""
    model = Correlated(2)
    held = sum(1e-6 in rare_event(model, lambda x: x[:, 0] - tail(1e-6), 1000, seed=s).probability for s in range(6))
    assert held >= 5


def test_dimensions_without_the_event_cost_nothing() -> None:
    found = rare_event(Gaussian(Space((100,))), lambda x: x[:, 7] - tail(1e-6))
    assert found.probability.value == pytest.approx(1e-6, rel=0.15)
    assert found.ess > 500


def test_two_ways_to_the_event_need_two_modes() -> None:
    both = rare_event(Correlated(5), lambda x: x[:, 3].abs() - tail(5e-7), modes=2)
    assert both.probability.value == pytest.approx(1e-6, rel=0.1)
    with pytest.raises(WeightsCollapsed, match="effective samples must be in the event"):
        rare_event(Correlated(5), lambda x: x[:, 3].abs() - tail(5e-7), modes=1)
    tried = rare_event(Correlated(5), lambda x: x[:, 3].abs() - tail(5e-7))
    assert tried.probability.value == pytest.approx(1e-6, rel=0.1)
    assert tried.draws > both.draws


@pytest.mark.parametrize("where", ["noise", "data"])
def test_a_flow_agrees_with_counting(where: str) -> None:
    model = bent(coupling_flow(Space((2,)), nets=Nets(width=16), depth=4), 0.15)
    edge = expectation(model, lambda x: x[:, 0], 1000).quantile(0.5).value
    spread = expectation(model, lambda x: x[:, 0], 1000).variance().value ** 0.5
    asked = Expression(f"x[0] > {edge + 3 * spread}")
    counted = expectation(model, asked, 200_000, chunk=20_000).mean()
    found = rare_event(model, asked.margin, where=where)
    gap = abs(found.probability.value - counted.value)
    assert gap < 1.6 * (found.probability.width + counted.width) / 2
    assert found.probability.width < counted.width


@pytest.mark.parametrize("kind", ["gan", "vae"])
def test_models_without_a_density_are_steered_by_their_noise(kind: str) -> None:
    if kind == "gan":
        model = GAN(Space((2,)), None, bent(MLP(3, [16], 2), 0.6), MLP(2, [4], 1), Rules(), latent=3)
    else:
        model = bent(VAE(Space((2,)), None, GaussianAutoencoder.mlp(Space((2,)), latent=2, hidden=[8])), 0.3)
    edge = expectation(model, lambda x: x.sum(1), 20_000).quantile(0.998).value
    counted = expectation(model, lambda x: x.sum(1) > edge, 100_000, seed=5, chunk=20_000).mean()
    found = rare_event(model, lambda x: x.sum(1) - edge)
    assert found.probability.value == pytest.approx(counted.value, abs=counted.width + found.probability.width)
    assert found.probability.width < counted.width


def test_noise_is_steered_through_all_its_streams() -> None:
    two = torch.arange(2)
    u, layout = torch.arange(12.0).reshape(2, 6), {}

    def draws(noise: Noise) -> list[torch.Tensor]:
        return [
            noise.normal(2, 2),
            noise.at("a", 1).normal(2, 1, 1),
            noise.tick(3).normal(2),
            noise.uniform(2),
            noise.normal(2, 2),
        ]

    drawn = draws(Steered(Noise(0, "root").rows(two), layout, None))
    told = draws(Steered(Noise(0, "elsewhere").rows(two), layout, u))
    assert [y.flatten(1).shape[1] if y.ndim > 1 else 1 for y in told] == [2, 1, 1, 1, 2]
    assert torch.equal(torch.cat([y.reshape(2, -1) for i, y in enumerate(told) if i != 3], dim=1), u)
    for plain, seen in zip(draws(Noise(0, "root").rows(two)), drawn, strict=True):
        assert torch.equal(plain, seen)
    assert Steered(Noise(0), layout, u).rows(torch.tensor([1])).normal(1, 2).tolist() == [[6.0, 7.0]]


def test_conditions_are_taken_in_turn() -> None:
    source = NoiseSource(Gaussian(Space((2,))), None, Noise(0))
    proposal = Proposal.of_model(2)
    u, x, log_prob = source.draw(proposal, torch.tensor([4, 1]), Noise(3))
    again, _, _ = source.draw(proposal, torch.tensor([1]), Noise(3))
    assert torch.equal(u[1:], again)
    assert torch.allclose(proposal.log_weights(u, log_prob), torch.zeros(2, dtype=torch.float64))
    assert torch.allclose(standard(u), torch.distributions.Normal(0.0, 1.0).log_prob(u).sum(1))
    assert torch.allclose(x, u.float())


def test_an_impossible_event_has_an_upper_bound() -> None:
    """By a ladder where a margin tells near from far, by counting where none does."""
    near = rare_event(Correlated(3), lambda x: -x[:, 0].abs() - 1)
    assert near.probability.value == near.probability.low == 0 < near.probability.high < 1e-6
    flat = rare_event(Correlated(3), lambda x: (x[:, 0] > 9).double() - 0.5)
    assert flat.probability.high == pytest.approx(-math.log(0.025) / 10_000, rel=0.01)
    assert near.hits == flat.hits == 0


def test_an_event_without_a_ladder_is_counted() -> None:
    found = rare_event(Correlated(3), lambda x: (x[:, 0] > tail(0.01)).double() - 0.5)
    assert 0.01 in found.probability


def test_models_of_levels_are_steered_by_their_uniform_numbers() -> None:
    found = rare_event(Coins(Space((20,), levels=2)), lambda x: x.double().sum(1) - 18.5)
    assert 21 / 2**20 in found.probability
    assert found.probability.width < 21 / 2**20


@pytest.mark.parametrize("name", experiment.FAMILIES)
def test_random_events_of_known_probability_lie_in_their_intervals(name: str) -> None:
    """One of each family; twenty, over more of the range, are in the experiment."""
    found = experiment.asked(name, 0, n=500)
    assert found.held
    assert found.low / 3 < found.truth < 3 * found.high


def test_what_cannot_be_answered_is_refused() -> None:
    coins, model = Coins(Space((3,), levels=2)), Correlated(3)
    with pytest.raises(Unsupported, match="draws no normal numbers"):
        rare_event(coins, lambda x: x.sum(1) - 2.5, modes=1)
    with pytest.raises(Unsupported, match="exact density of reals"):
        rare_event(coins, lambda x: x.sum(1) - 2.5, where="data")
    with pytest.raises(WeightsCollapsed, match="got stuck"):
        rare_event(model, lambda x: -x[:, 0].abs() - 1, modes=1)
    with pytest.raises(ValueError, match="'noise' or 'data'"):
        rare_event(model, lambda x: x[:, 0], where="latent")
    with pytest.raises(ValueError, match="at least 100"):
        rare_event(model, lambda x: x[:, 0], 10)
    with pytest.raises(ValueError, match="one number for each row"):
        rare_event(model, lambda x: x)


def test_a_way_that_particles_lost_is_not_missed() -> None:
    """One of four independent numbers is far out; the particles of a single ladder lose one of the four ways."""
    found = experiment.asked("gan", 1)
    assert found.value == pytest.approx(found.truth, rel=0.1)
    assert found.held
