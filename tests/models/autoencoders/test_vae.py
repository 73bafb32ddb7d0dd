"""The variational autoencoder against what can be computed otherwise."""

import math

import pytest
import torch
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal, kl_divergence

from genzoo.core import NOTHING, Autoencoder, Batch, Given, Noise, Space
from genzoo.core.noise import seeded
from genzoo.distributions.draws import draw
from genzoo.distributions.pushed import Pushed
from genzoo.models.autoencoders import VAE, GaussianAutoencoder, GivenNormal, MixturePrior, Prior, Rate, VampPrior
from genzoo.models.autoencoders.rate import total_correlation
from genzoo.models.flows import Chain, Planar, Radial
from genzoo.testing import rows
from tests.zoo.autoencoders import iaf, vae
from tests.zoo.entry import BITS, BYTES, LABEL, REALS, stirred


class Linear(Autoencoder):
    """z ~ N(0, 1), x = z + noise, with its exact posterior: the bound is tight."""

    latent = Space((1,))

    def posterior(self, x: torch.Tensor, given: Given = NOTHING) -> Distribution:
        return Independent(Normal(x / 2, 0.5**0.5), 1)

    def likelihood(self, z: torch.Tensor, given: Given = NOTHING) -> Distribution:
        return Independent(Normal(z, 1.0), 1)


def test_the_bound_is_tight_with_the_true_posterior() -> None:
    model = VAE(Space((1,)), None, Linear())
    x = torch.linspace(-3, 3, 9)[:, None]
    exact = Normal(0.0, 2**0.5).log_prob(x).squeeze(1)
    elbo = torch.stack([model.log_prob(x, seed=s) for s in range(600)]).mean(0)
    assert torch.allclose(elbo, exact, atol=0.15)
    assert torch.allclose(model.log_prob(x, samples=2), exact, atol=1e-5)  # no variance at all


@pytest.mark.parametrize("space", [BYTES, BITS, REALS])
def test_the_loss_is_the_negative_bound(space: Space) -> None:
    model = vae(space)
    batch = Batch(rows(space, 8), noise=Noise(0))
    losses = model.losses(batch)
    bound = model.log_density(batch.x, {}, Noise(0))
    assert torch.allclose(losses["loss"], -bound.mean())
    assert torch.allclose(losses["distortion"] + losses["rate"], losses["loss"])
    assert losses["rate"] >= 0


def test_without_noise_a_sample_is_the_mean_of_its_latent() -> None:
    model = vae(BYTES)
    x = model.sample(4, seed=0, noise=False)
    assert x.dtype == torch.uint8
    assert not torch.equal(model.sample(4, seed=0), x)
    assert torch.equal(model.sample(4, seed=0), model.sample(4, seed=0, noise=True))
    z = Noise(0, "sample").normal(4, *model.autoencoder.latent.shape)
    draws = torch.stack([draw(model.autoencoder.likelihood(z), Noise(i)).double() for i in range(400)])
    assert (draws.mean(0) - x).abs().mean() < 3 * (draws.std(0) / 20).mean() + 0.5


def test_dropped_conditions_train_the_null() -> None:
    model = vae(BYTES, LABEL, drop_given=0.5).train()
    batch = Batch(rows(BYTES, 32), torch.arange(32) % 3, Noise(0))
    model.loss(batch).backward()
    table = model.autoencoder.encoder.embedding.tokens.parts[0].table
    assert table.weight.grad[3].abs().sum() > 0


def test_networks_are_by_argument() -> None:
    space = Space((1, 28, 28), levels=256)
    conv = GaussianAutoencoder.conv(space, LABEL, latent=3, width=4)
    assert VAE(space, LABEL, conv).sample(2, torch.tensor([0, 1]), seed=0).shape == (2, 1, 28, 28)


def test_impossible_arguments_are_refused() -> None:
    for name, rate in {"beta": {"beta": -1.0}, "free": {"free": -1.0}, "warm_up": {"warm_up": 2.0}}.items():
        with pytest.raises(ValueError, match=f"`{name}`"):
            Rate(**rate)
    for prior in (lambda: MixturePrior(Space((2,)), 0), lambda: MixturePrior(Space((2,), levels=3), 2)):
        with pytest.raises(ValueError, match="at least one component|vectors of reals"):
            prior()
    with pytest.raises(ValueError, match="samples"):
        vae(REALS).log_prob(rows(REALS, 2), samples=0)


def test_the_density_of_a_pushed_draw_is_that_of_its_inverse() -> None:
    """Whatever makes the posterior: draws come with their density, which integrates to one."""
    side = torch.linspace(-25, 25, 251).double()
    z = torch.cartesian_prod(side, side)
    for parts in ([Planar(2, 3), Planar(2, 3)], [Radial(2, 3)], iaf()):
        with seeded(1):
            through = stirred(Chain(*parts), 0.15).double()
        told = torch.tensor([0.3, -0.5, 0.9], dtype=z.dtype)
        q = Pushed(Independent(Normal(torch.zeros_like(z), 1.0), 1), through, told.expand(len(z), 3))
        with torch.no_grad():
            mass = q.log_prob(z).exp() * 0.04
            drawn_z, log_q = q.drawn(Noise(0))
            assert torch.allclose(q.log_prob(drawn_z), log_q, atol=1e-8)
        assert mass.sum() == pytest.approx(1, abs=0.01)


def test_a_flow_whose_maps_are_the_identity_changes_nothing() -> None:
    both = GaussianAutoencoder.mlp(REALS, latent=2, hidden=[16], flow=Chain(*iaf()), context=3)
    plain, x = GaussianAutoencoder(REALS, 2, both.encoder, both.decoder), rows(REALS, 4)
    assert torch.equal(VAE(REALS, None, both).encode(x), VAE(REALS, None, plain).encode(x))
    pushed, exact = (VAE(REALS, None, each).log_prob(x, samples=9) for each in (both, plain))
    assert torch.allclose(pushed, exact, atol=1e-5)
    with pytest.raises(TypeError, match="pushed through a flow"):
        VAE(REALS, None, both, prior=VampPrior(REALS, 3)).log_prob(x)


def test_training_by_several_draws_raises_their_bound() -> None:
    both, x = GaussianAutoencoder.mlp(BYTES, LABEL, latent=2, hidden=[16]), rows(BYTES, 8)
    given = {"given": torch.arange(8) % 3}
    model = VAE(BYTES, LABEL, both, samples=5)
    losses = model.losses(Batch(x, given, Noise(0)))
    assert torch.allclose(losses["loss"], -model.log_density(x, given, Noise(0), samples=5).mean(), rtol=1e-5)
    assert losses["loss"] <= losses["distortion"] + losses["rate"]
    warming = VAE(BYTES, LABEL, both, samples=5, rate=Rate(warm_up=1)).losses(Batch(x, given, Noise(0), 0.0))
    assert warming["loss"] <= warming["distortion"]  # where the rate counts nothing
    assert warming["loss"] != losses["loss"]
    for rate in (Rate(free=1.0), Rate(correlation=2.0)):
        with pytest.raises(ValueError, match="bound of 5 draws"):
            VAE(BYTES, LABEL, both, samples=5, rate=rate)
    with pytest.raises(ValueError, match="`samples` must be at least 1"):
        VAE(BYTES, LABEL, both, samples=0)


def trained_terms(model: VAE, x: torch.Tensor, progress: float = 0.5) -> dict[str, torch.Tensor]:
    return model.losses(Batch(x, noise=Noise(0), progress=progress))


def test_the_rate_counts_as_asked_and_the_bound_stays() -> None:
    both, x = GaussianAutoencoder.mlp(REALS, latent=3, hidden=[16]), 2 * rows(REALS, 32)
    plain = VAE(REALS, None, both)
    terms = trained_terms(plain, x)
    distortion, rate = terms["distortion"], terms["rate"]
    for asked, counted in (
        (Rate(beta=4), 4 * rate),
        (Rate(warm_up=1), 0.5 * rate),
        (Rate(beta=2, warm_up=0.25), 2 * rate),
        (Rate(free=100.0), torch.tensor(300.0)),
        (Rate(free=1e-9), rate),
    ):
        model = VAE(REALS, None, both, rate=asked)
        found = trained_terms(model, x)
        assert torch.allclose(found["loss"], distortion + counted, rtol=1e-5), asked
        assert torch.allclose(found["rate"], rate)
        assert torch.equal(model.log_prob(x, seed=1), plain.log_prob(x, seed=1))
    assert plain.lowers().name == ""
    assert VAE(REALS, None, both, rate=Rate(beta=4)).lowers().name == "distortion + 4 × rate"


def test_a_rate_of_draws_has_the_mean_of_the_exact_one() -> None:
    both, x = GaussianAutoencoder.mlp(REALS, latent=3, hidden=[16]), rows(REALS, 4)
    exact, drawn = (VAE(REALS, None, both, rate=Rate(exact=exact)) for exact in (True, False))
    many = torch.stack([drawn.losses(Batch(x, noise=Noise(i)))["rate"] for i in range(400)])
    assert abs(many.mean() - exact.losses(Batch(x, noise=Noise(0)))["rate"]) < 4 * many.std() / 20


@pytest.mark.parametrize(
    "prior", [lambda: MixturePrior(Space((2,)), 3), lambda: VampPrior(REALS, 3)], ids=["mixture", "vamp"]
)
def test_learned_priors_are_densities_and_are_drawn_from(prior) -> None:
    made: Prior = prior()
    both = GaussianAutoencoder.mlp(REALS, latent=2, hidden=[16])
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)
    side = torch.linspace(-12, 12, 241)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        mass = made.log_prob(grid, both).exp()
        z = made.draw(4000, Noise(0), both, torch.float32)
    assert abs(mass.sum() * 0.01 - 1) < 0.01
    mean = (mass[:, None] * grid).sum(0) / mass.sum()
    assert torch.allclose(z.mean(0), mean, atol=0.1)
    model = VAE(REALS, None, both, prior=made)
    losses = model.losses(Batch(rows(REALS, 8), noise=Noise(0)))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())
    assert torch.allclose(losses["loss"], -model.log_density(rows(REALS, 8), {}, Noise(0)).mean(), rtol=1e-5)


def test_a_prior_that_is_told_has_the_density_the_rate_and_the_draws_of_its_gaussian() -> None:
    with seeded(0):
        prior = stirred(GivenNormal(Space((3,)), LABEL, width=8), 0.4)
    given, z = {"given": torch.tensor([0, 1, 2, -1])}, torch.linspace(-2, 2, 12).reshape(4, 3)
    found = prior.of(given)
    exact = MultivariateNormal(found.loc, precision_matrix=found.root.mT @ found.root)
    both = GaussianAutoencoder.mlp(REALS, latent=3, hidden=[4])
    assert torch.allclose(prior.log_prob(z, both, given), exact.log_prob(z), atol=1e-4)
    loc, scale = z / 3, torch.linspace(0.1, 2, 12).reshape(4, 3)
    full = MultivariateNormal(loc, scale_tril=scale.diag_embed())
    rates = prior.rates(Independent(Normal(loc, scale), 1), z, both, given)
    assert torch.allclose(rates.sum(1), kl_divergence(full, exact), atol=1e-4)
    assert prior.rates(full, z, both, given) is None
    rows = {"given": torch.zeros(4000, dtype=torch.long)}
    drawn = prior.draw(4000, Noise(0), both, torch.float32, rows)
    assert (drawn.mean(0) - exact.mean[0]).abs().max() < 0.1 * exact.variance[0].max().sqrt()
    assert (drawn.T.cov() - exact.covariance_matrix[0]).abs().max() < 0.1 * exact.variance[0].max()


def test_a_prior_that_is_told_comes_to_the_law_of_a_class_while_the_rest_trains() -> None:
    """At the rate of the rest and for a few hundred steps: what rows of a class lose to their best Gaussian."""
    with seeded(0):
        prior = GivenNormal(Space((4,)), LABEL)
    both, noise, root = GaussianAutoencoder.mlp(REALS, latent=4, hidden=[4]), Noise(0), 1.5 * torch.ones(4, 4).tril()
    adam = torch.optim.Adam(prior.parameters(), lr=2e-3)

    def rate(label: torch.Tensor) -> torch.Tensor:
        loc = torch.tensor([[3.0], [-3.0], [1.5]])[label] + noise.normal(len(label), 4) @ root.T
        return prior.rates(Independent(Normal(loc, 0.3), 1), loc, both, {"given": label}).sum(1).mean()

    for step in range(200):
        adam.param_groups[0]["lr"] = 1e-3 * (1 + math.cos(math.pi * step / 200))
        adam.zero_grad()
        rate(torch.arange(32) % 3).backward()
        adam.step()
    best = torch.logdet(root @ root.T + 0.09 * torch.eye(4)) / 2 - 4 * math.log(0.3)
    with torch.no_grad():
        assert rate(torch.arange(3).repeat(2000)) - best < 0.1


def test_made_up_rows_begin_as_rows_of_the_data() -> None:
    prior, both, x = VampPrior(BYTES, 5), GaussianAutoencoder.mlp(BYTES, latent=2, hidden=[16]), rows(BYTES, 8)
    VAE(BYTES, None, both, prior=prior).prepare([Batch(x[:3]), Batch(x[3:])])
    assert torch.allclose(prior.rows, both.numbers(x[:5]))


def test_total_correlation_is_zero_of_one_latent_and_sees_copies() -> None:
    loc = torch.randn(256, 1)
    same = torch.cat([loc, loc], 1)

    def found(loc: torch.Tensor) -> float:
        q = Independent(Normal(loc, 0.1), 1)
        return total_correlation(q, draw(q, Noise(0))).item()

    assert abs(found(loc)) < 1e-5
    assert found(same) > found(torch.randn(256, 2)) + 1


def test_latents_that_say_nothing_are_counted() -> None:
    both = GaussianAutoencoder.mlp(REALS, latent=3, hidden=[16])
    torch.nn.init.zeros_(both.encoder.net.last.weight)
    torch.nn.init.zeros_(both.encoder.net.last.bias)
    assert trained_terms(VAE(REALS, None, both), rows(REALS, 8))["active"] == 0
    with torch.no_grad():
        both.encoder.net.last.bias[0] = 1.0
    assert trained_terms(VAE(REALS, None, both), rows(REALS, 8))["active"] == 1
