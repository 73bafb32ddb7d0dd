"""Bounds, fitted posteriors, gaps and calibration against the linear-Gaussian model, where all of them are known."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from genzoo.core import Space
from genzoo.models import LatentModel
from genzoo.models.abilities import Inference
from genzoo.models.autoencoders import VAE
from genzoo.models.classical import GaussianMixture
from genzoo.tasks import calibration, elbo, fitted, gaps, iwae
from genzoo.tasks.inference import Calibration
from tests.linear_gaussian import LinearGaussian
from tests.zoo.autoencoders import codes_under_a_prior, vae
from tests.zoo.entry import BYTES

W = torch.tensor([[1.0, 0.5], [-0.3, 0.8], [0.2, 0.0]], dtype=torch.float64)
X = 2 * torch.sin(torch.arange(15.0, dtype=torch.float64)).reshape(5, 3)


def linear(w: torch.Tensor = W, **options: float) -> tuple[Inference, LinearGaussian]:
    both = LinearGaussian(w, **options)
    return VAE(Space((len(w),)), None, both).double().ability(Inference), both


def test_with_the_posterior_itself_every_bound_is_the_likelihood() -> None:
    model, both = linear()
    exact = both.marginal().log_prob(X)
    for bound in (elbo(model, X, draws=1), elbo(model, X, draws=7), iwae(model, X, k=1), iwae(model, X, k=50)):
        assert torch.allclose(bound, exact, atol=1e-10)


@settings(max_examples=12, deadline=None)
@given(st.floats(0.3, 1.5), st.floats(-0.5, 0.5), st.integers(2, 20), st.integers(0, 1000))
def test_bounds_are_ordered(scale: float, shift: float, k: int, seed: int) -> None:
    """ELBO ≤ IWAE_k ≤ log p, the first two as means over draws."""
    model, both = linear(scale=scale, shift=shift)
    many = X[:1].expand(400, 3)  # one row over and over: its bounds are draws of their expectation
    low, high = elbo(model, many, draws=k, seed=seed), iwae(model, many, k=k, seed=seed)
    assert (low <= high + 1e-12).all()  # Jensen, for the very same draws
    exact = both.marginal().log_prob(X[:1])
    assert high.mean() <= exact + 5 * high.std() / 20 + 1e-9
    q = both.posterior(X[:1])
    lost = kl_divergence(q, both.exact(X[:1]))  # ELBO = log p − KL(q ‖ p(z | x))
    assert abs(low.mean() - (exact - lost)) < 5 * low.std() / 20 + 1e-9


def test_the_bound_of_many_draws_needs_the_memory_of_few() -> None:
    both = linear(scale=1.3)[1]
    seen: list[int] = []
    both.likelihood = lambda z, given=None, made=both.likelihood: (seen.append(len(z)), made(z))[1]
    whole = VAE(Space((3,)), None, both).double()
    whole.block = 3 * 2 * 100
    bound = whole.log_prob(X[:2], samples=1000)
    assert max(seen) == 200
    assert len(seen) == 10
    assert (bound - both.marginal().log_prob(X[:2])).abs().max() < 0.1
    whole.block = 1  # whatever the block, the draws are the same
    assert torch.allclose(
        whole.log_prob(X[:2], samples=20),
        VAE(Space((3,)), None, both).double().log_prob(X[:2], samples=20),
        atol=1e-12,
    )


def test_blocks_of_draws_make_the_bound_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 draws at once or 70 at a time: the same value, and no more than 70 are ever decoded together."""
    model, both = linear(scale=1.5, shift=0.3)
    whole = iwae(model, X, k=500)
    seen: list[int] = []
    both.likelihood = lambda z, given=None, made=both.likelihood: (seen.append(len(z)), made(z))[1]
    monkeypatch.setattr("genzoo.tasks.inference.BLOCK", 70 * X.numel())
    assert torch.allclose(iwae(model, X, k=500), whole, atol=1e-10)
    assert max(seen) == 70 * len(X)
    assert sum(seen) == 500 * len(X)
    assert (whole - both.marginal().log_prob(X)).abs().max() < 0.2


def test_a_posterior_fitted_to_a_row_is_the_exact_one() -> None:
    model, both = linear(scale=0.4, shift=0.7)
    q, exact = fitted(model, X, full=True, steps=150, draws=2, lr=0.15), both.exact(X)
    assert torch.allclose(q.mean, exact.mean, atol=5e-3)
    assert torch.allclose(q.covariance_matrix, exact.covariance_matrix, atol=5e-3)
    assert (both.marginal().log_prob(X) - elbo(model, X, q=q)).abs().max() < 5e-3
    # With independent latents the best is known too: the means, and the precisions' diagonal.
    apart = fitted(model, X, steps=100, draws=4, lr=0.15)
    assert torch.allclose(apart.mean, exact.mean, atol=0.05)
    assert torch.allclose(apart.variance, 1 / exact.precision_matrix.diagonal(dim1=1, dim2=2), atol=0.05)


def test_gaps_are_those_of_the_divergences() -> None:
    model, both = linear(scale=0.4, shift=0.3)
    found, exact = gaps(model, X, steps=80, draws=500), both.exact(X)
    log_p = both.marginal().log_prob(X).mean().item()
    best = Independent(Normal(exact.mean, exact.precision_matrix.diagonal(dim1=1, dim2=2) ** -0.5), 1)
    lost = (kl_divergence(as_full(best), exact)).mean().item()
    encoder = kl_divergence(both.posterior(X), exact).mean().item()
    assert found.likelihood.value == pytest.approx(log_p, abs=0.03)
    assert found.approximation.value == pytest.approx(lost, abs=0.05)
    assert found.amortization.value == pytest.approx(encoder - lost, abs=0.1)


def as_full(q: Independent) -> torch.distributions.MultivariateNormal:
    return torch.distributions.MultivariateNormal(q.mean, q.variance.diag_embed())


def test_a_posterior_is_calibrated_or_is_told_how_it_is_not() -> None:
    right = calibration(linear()[0], 400)
    assert right.is_right
    assert abs(right.spread.value - 1) < 4 * right.spread.error
    narrow, wide, beside = (
        calibration(linear(**wrong)[0], 400) for wrong in ({"scale": 0.5}, {"scale": 2.0}, {"shift": 0.4})
    )
    assert not narrow.is_right
    assert not wide.is_right
    assert not beside.is_right
    assert "too narrow" in str(narrow)
    assert "too wide" in str(wide)
    assert "nothing speaks" in str(right)


def test_ranks_that_are_uniform_are_right_by_count() -> None:
    """All ranks equally often: χ² is zero, and the spread 1 to the last digit."""
    found = Calibration(torch.arange(100).repeat(5)[:, None], 99)
    assert found.chance == 1
    assert found.spread.value == pytest.approx(1)


def test_models_are_asked_behind_maps_and_with_any_prior() -> None:
    plain = vae(BYTES)
    under = LatentModel(BYTES, plain.autoencoder, GaussianMixture(plain.autoencoder.latent, components=2))
    x = plain.sample(4, seed=0)
    for model in (plain, under):
        guess = model.ability(Inference)
        assert elbo(guess, x).shape == (4,)
        assert calibration(guess, 20, draws=5).ranks.shape == (20, 2)
    bounds = torch.stack([plain.log_prob(x, seed=seed).double() for seed in range(50)])
    guess = plain.ability(Inference)
    assert ((elbo(guess, x, draws=50) - bounds.mean(0)).abs() < 6 * bounds.std(0) / 50**0.5).all()


def test_what_cannot_be_asked_is_refused() -> None:
    model, codes = linear()[0], codes_under_a_prior()
    assert codes.ability(Inference) is not None
    with pytest.raises(TypeError, match="vectors of reals"):
        fitted(codes.ability(Inference), codes.sample(2, seed=0))
    with pytest.raises(TypeError, match="latents that are reals"):
        calibration(codes.ability(Inference))
    with pytest.raises(ValueError, match="at least one draw"):
        elbo(model, X, draws=0)
    with pytest.raises(ValueError, match="at least 20 rows"):
        calibration(model, 3)
