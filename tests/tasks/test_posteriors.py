"""p(z | x) by every method against the linear-Gaussian model, of which posterior and evidence are known."""

import math

import pytest
import torch

from genzoo.core import Space, Unsupported
from genzoo.models.autoencoders import VAE
from genzoo.models.classical import PPCA, Gaussian, GaussianMixture
from genzoo.models.standardized import Standardized
from genzoo.tasks import WeightsCollapsed, expectation, posterior, sandwich
from genzoo.tasks.inverse import Exactness, Posterior
from tests.linear_gaussian import LinearGaussian
from tests.zoo.autoencoders import vae
from tests.zoo.entry import BYTES
from tests.zoo.flows import spline_flow

W = torch.tensor([[1.0, 0.5], [-0.3, 0.8], [0.2, 0.0]], dtype=torch.float64)
X = 2 * torch.sin(torch.arange(15.0, dtype=torch.float64)).reshape(5, 3)
N = 600


def linear(**options: float) -> tuple[VAE, LinearGaussian]:
    both = LinearGaussian(W, **options)
    return VAE(Space((3,)), None, both).double(), both


@pytest.mark.parametrize("method", ["importance", "hmc"])
def test_draws_and_evidence_are_those_of_the_closed_form(method: str) -> None:
    """With a guess that is too wide and beside the truth: what is wrong with it is paid for by weights."""
    model, both = linear(scale=1.4, shift=0.2)
    found = posterior(model, X, n=N, method=method, seed=0, steps=30)
    exact, worth = both.exact(X), found.ess
    assert found.x.shape == (N, 5, 2)
    assert found.exactness is Exactness.ASYMPTOTIC
    assert (worth > N / 4).all()
    off = (found.mean() - exact.mean) / exact.stddev * worth.sqrt()[:, None]
    assert off.abs().max() < 4.5
    assert torch.allclose(found.std(), exact.stddev, rtol=0.15)
    median = (found.quantile(0.5) - exact.mean) / exact.stddev
    assert median.abs().max() < 0.3
    assert found.log_evidence is not None
    assert (found.log_evidence - both.marginal().log_prob(X)).abs().max() < 0.15


def test_the_posterior_itself_is_taken_where_it_is_known() -> None:
    model = Standardized(PPCA(Space((3,)), rank=2))
    model.model.loadings.copy_(W)
    found = posterior(model, X.float(), n=4000, seed=3)
    assert (found.method, found.exactness) == ("closed", Exactness.EXACT)
    q = model.model.posterior(X.float())
    assert torch.allclose(found.mean(), q.mean, atol=0.05)
    assert torch.allclose(found.log_evidence, model.model.log_prob(X.float()), atol=1e-4)
    assert torch.equal(posterior(model, X.float(), n=2, seed=3).x, found.x[:2])


def test_a_flow_has_one_latent_and_a_gaussian_none() -> None:
    flow = spline_flow(Space((3,)))
    x = flow.sample(3, seed=0)
    found = posterior(flow, x, n=2)
    assert found.method == "inverse"
    assert torch.equal(found.x[0], flow.encode(x))
    with pytest.raises(Unsupported, match="no latent"):
        posterior(Gaussian(Space((3,))), X.float())


def test_the_likelihood_lies_between_the_bounds_and_more_steps_bring_them_together() -> None:
    model, both = linear(scale=0.5, shift=0.7)
    few, many = (sandwich(model, 40, steps=steps, chains=4, begin="prior", seed=1) for steps in (3, 60))
    assert torch.equal(few.x, many.x)
    exact = both.marginal().log_prob(few.x)
    for found in (few, many):
        for bound, sign in ((found.lower, 1), (found.upper, -1)):
            slack = sign * (exact - bound)
            assert slack.mean() > -4 * slack.std() / math.sqrt(40)
    assert few.gap.value > 4 * many.gap.value
    assert many.gap.value < 0.3
    assert "a gap of" in str(many)


def test_bounds_of_the_posterior_itself_are_the_likelihood() -> None:
    model, both = linear()
    found = sandwich(model, 5, steps=2, chains=1)
    exact = both.marginal().log_prob(found.x)
    assert torch.allclose(found.lower, exact, atol=1e-9)
    assert torch.allclose(found.upper, exact, atol=1e-9)


def test_rows_have_the_draws_that_each_has_alone() -> None:
    model = vae(BYTES)
    x = model.sample(3, seed=0)
    whole = posterior(model, x, n=4, method="hmc", seed=5, steps=4)
    assert torch.allclose(posterior(model, x[:1], n=4, method="hmc", seed=5, steps=4).x, whole.x[:, :1], atol=1e-5)
    assert whole.x.shape[:2] == (4, 3)


def test_what_cannot_be_asked_is_refused() -> None:
    model, _ = linear(scale=0.02, shift=3.0)  # a guess that has nothing to do with the posterior
    with pytest.raises(WeightsCollapsed, match="must be worth 10"):
        posterior(model, X, n=200, method="importance", seed=0)
    assert posterior(model, X[:1], n=200, seed=0, steps=20).method == "hmc"
    with pytest.raises(Unsupported, match="closed needs a posterior that is known"):
        posterior(model, X, method="closed")
    with pytest.raises(Unsupported, match="guess"):
        posterior(GaussianMixture(Space((3,)), components=2), X.float(), method="hmc")
    for wrong in ({"n": 0}, {"steps": 0}):
        with pytest.raises(ValueError, match="must be positive"):
            posterior(model, X, **wrong)
    with pytest.raises(ValueError, match="Two rows"):
        sandwich(model, 1)
    with pytest.raises(ValueError, match=r"shape|must"):
        posterior(model, X[:, :2])


def test_expectations_of_a_posterior_hold_the_truth_as_often_as_they_say() -> None:
    """By how many draws the weighted ones are worth: with n in its place, half of these would miss it."""
    model, both = linear(scale=1.8, shift=0.5)
    many = X[:1].expand(300, 3)
    found = posterior(model, many, n=100, method="importance", seed=0)
    truth = both.exact(X[:1]).mean[0, 0].item()
    inside = [truth in interval for interval in expectation(found, lambda z: z[:, 0])]
    assert 0.9 <= sum(inside) / 300 <= 0.99
    alone = torch.ones(5, 2, 1)
    (one,) = expectation(Posterior(alone[:, :1], Exactness.EXACT, "closed", 0), lambda z: z[:, 0] > 0)
    assert one.value == 1
    assert one.low < 0.6  # five draws of which all say so
    weights = torch.tensor([[0.0], [-900.0], [-900.0]])
    (hopeless,) = expectation(
        Posterior(torch.randn(3, 1, 1), Exactness.ASYMPTOTIC, "importance", 3, None, {}, weights), lambda z: z[:, 0]
    )
    assert hopeless.width == math.inf


def test_weighted_draws_become_draws_that_count_alike() -> None:
    x = torch.arange(4.0)[:, None, None]
    log_w = torch.tensor([[0.5], [0.25], [0.25], [0.0]]).log()
    found = Posterior(x, Exactness.ASYMPTOTIC, "importance", 4, None, {}, log_w)
    alike = found.equal(400)
    assert alike.x.flatten().long().bincount(minlength=4).tolist() == [200, 100, 100, 0]
    assert alike.mean().item() == pytest.approx(found.mean().item())
    assert found.mean().item() == pytest.approx(0.75)
    assert [found.quantile(q).item() for q in (0.25, 0.6, 0.9)] == [0.0, 1.0, 2.0]
    assert alike.ess.item() == pytest.approx(1 / (0.25 + 0.0625 + 0.0625))
    with pytest.raises(ValueError, match="There must be 401 draws"):
        alike.equal(401)
