"""Densities: they sum or integrate to one, bounds lie below, samples follow, scores are gradients."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Given, Likelihood, Noise, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import GaussianMixture
from genzoo.testing import rows
from genzoo.testing.density import every

LABEL = Space((), levels=2)


@pytest.fixture(autouse=True)
def _double(double: None) -> None:
    """Everything here is in float64."""


class Uniform(GenerativeModel):
    """Uniform levels, the model of which everything is known."""

    likelihood = Likelihood.EXACT

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return noise.integers(self.space.levels, n, *self.space.shape).to(torch.uint8)

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return torch.full((len(x),), -self.space.dims * math.log(self.space.levels))


def grid(dims: int, low: float = -12.0, high: float = 18.0, points: int = 400) -> tuple[Tensor, float]:
    """Points that cover a box, and the volume of each."""
    axis = torch.linspace(low, high, points)
    return torch.cartesian_prod(*[axis] * dims).reshape(-1, dims), ((high - low) / (points - 1)) ** dims


def fitted(model: GenerativeModel, given: Given = None, n: int = 80) -> GenerativeModel:
    x, noise = rows(model.space, n), Noise(0)
    model.prepare([Batch(x, given, noise)])
    for _ in range(5 if model.can("direct_fit") else 0):
        model.begin()
        model.accumulate(Batch(x, given, noise))
        model.finish()
    return model.eval()


def test_uniform_bytes_are_eight_bits() -> None:
    model = Uniform(Space((3, 4, 4), levels=256))
    x = model.sample(100, seed=0)
    assert model.space.bits_per_dim(model.log_prob(x).mean().item()) == 8.0


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("dims", [1, 2])
def test_mixtures_integrate_to_one(covariance: str, dims: int) -> None:
    model = fitted(Standardized(GaussianMixture(Space((dims,)), components=3, covariance=covariance)))
    x, volume = grid(dims)
    assert model.log_prob(x).exp().sum().item() * volume == pytest.approx(1, abs=1e-6)


def test_conditional_mixtures_integrate_to_one_and_marginalize() -> None:
    given = torch.arange(80) % 2
    model = fitted(GaussianMixture(Space((1,)), LABEL, components=2), given)
    x, volume = grid(1)
    of_class = [model.log_prob(x, torch.full((len(x),), c)).exp() for c in range(2)]
    for density in of_class:
        assert density.sum().item() * volume == pytest.approx(1, abs=1e-6)
    assert torch.allclose(model.log_prob(x).exp(), (of_class[0] + of_class[1]) / 2)


def cells(model: Dequantized, space: Space) -> Tensor:
    """The mass of every cell of a dequantized diagonal mixture, in closed form."""
    mixture = model.model
    low = every(space).to(torch.get_default_dtype())[:, None]
    sigma = mixture.gaussians.variances.sqrt()
    below, above = (stats.norm.cdf((edge - mixture.gaussians.means) / sigma) for edge in (low, low + 1))
    return (torch.from_numpy(above - below).prod(-1) * mixture.weights).sum(-1)


def test_dequantized_bounds_rise_to_the_mass() -> None:
    space = Space((2,), levels=4)
    model = fitted(Dequantized(GaussianMixture(Space((2,)), components=2, covariance="diag"), 4))
    x, exact = every(space), cells(model, space).log()
    (one, slack), (many, _) = (repeated(model, x, 300 // draws, draws=draws) for draws in (1, 30))
    assert (one <= exact + 5 * slack).all()
    assert (many - exact).abs().mean() < (one - exact).abs().mean()
    assert one.exp().sum() < exact.exp().sum() <= 1
    mass, error = repeated(model, x, 300, torch.exp, draws=1)
    assert ((mass - exact.exp()).abs() <= 5 * error).all()


def repeated(
    model: GenerativeModel, x: Tensor, times: int, of: Callable[[Tensor], Tensor] = torch.clone, **options: int
) -> tuple[Tensor, Tensor]:
    """The mean over seeds of what log_prob says, and its standard error."""
    runs = torch.stack([of(model.log_prob(x, seed=seed, **options)) for seed in range(times)])
    return runs.mean(0), runs.std(0) / math.sqrt(times)


def enumerated(model: VAE, x: Tensor) -> Tensor:
    """log p(x) of an autoencoder with a scalar latent, by quadrature over it."""
    z, volume = grid(1, -8.0, 8.0, 1000)
    p = model.autoencoder.likelihood(z)
    prior = -z.squeeze(1).square() / 2 - math.log(2 * math.pi) / 2
    return torch.stack([(p.log_prob(row.expand(len(z), *row.shape)) + prior).logsumexp(0) for row in x]) + math.log(
        volume
    )


@pytest.mark.parametrize("space", [Space((1, 2, 2), levels=2), Space((3, 1, 1), levels=3)], ids=str)
def test_autoencoders_over_levels_sum_to_one_and_bound_from_below(space: Space) -> None:
    model = VAE(space, None, GaussianAutoencoder.mlp(space, latent=1, hidden=[8])).double().eval()
    with torch.no_grad():
        x = every(space)
        exact = enumerated(model, x)
        assert exact.exp().sum().item() == pytest.approx(1, abs=1e-8)
        bounds = [repeated(model, x, times, samples=k) for k, times in ((1, 40), (5, 40), (50, 12))]
        for (below, slack), (above, more) in itertools.pairwise([*bounds, (exact, torch.zeros_like(exact))]):
            assert (below <= above + 5 * (slack + more)).all()
        assert (bounds[2][0] - exact).abs().mean() < 0.1 * (bounds[0][0] - exact).abs().mean()


def test_autoencoders_over_reals_bound_from_below() -> None:
    space = Space((1,))
    model = VAE(space, None, GaussianAutoencoder.mlp(space, latent=1, hidden=[8])).double().eval()
    x, volume = grid(1, -40, 40, 300)
    with torch.no_grad():
        exact = enumerated(model, x)
        assert exact.exp().sum().item() * volume == pytest.approx(1, abs=1e-3)
        elbo, _ = repeated(model, x, 30)
    assert elbo.exp().sum().item() * volume <= 1
    assert elbo.mean() <= exact.mean()


def test_beta_does_not_touch_log_prob() -> None:
    space = Space((3,))
    model = VAE(space, None, GaussianAutoencoder.mlp(space, latent=1, hidden=[8])).double()
    data = Batch(rows(space, 9))
    plain, plain_loss = model.log_prob(data.x), model.loss(data)
    model.beta = 4.0
    assert torch.equal(model.log_prob(data.x), plain)
    assert model.loss(data) > plain_loss


def masses(model: GenerativeModel, space: Space) -> Tensor:
    if isinstance(model, Dequantized):
        inside = cells(model, space)
        return torch.cat([inside, 1 - inside.sum(0, keepdim=True)])
    return enumerated(model, every(space)).exp()


@pytest.mark.parametrize(
    "make",
    [
        lambda: fitted(Dequantized(GaussianMixture(Space((1,)), components=2, covariance="diag"), 8)),
        lambda: VAE(
            Space((2,), levels=3), None, GaussianAutoencoder.mlp(Space((2,), levels=3), latent=1, hidden=[8])
        ).double(),
    ],
    ids=["dequantized", "vae"],
)
def test_samples_follow_the_mass(make: Callable[[], GenerativeModel]) -> None:
    model = make()
    space, n = model.space, 4000
    with torch.no_grad():
        expected = masses(model, space)[: space.levels**space.dims]
    if isinstance(model, Dequantized):  # the tails go to the edges
        low, high = (
            stats.norm.cdf((edge - model.model.gaussians.means) / model.model.gaussians.variances.sqrt())
            for edge in (0.0, float(space.levels))
        )
        expected[0] += float((torch.from_numpy(low).squeeze(1) * model.model.weights).sum())
        expected[-1] += float((torch.from_numpy(1 - high).squeeze(1) * model.model.weights).sum())
    x = model.sample(n, seed=3).long().flatten(1)
    place = (x * space.levels ** torch.arange(space.dims).flip(0)).sum(1)
    counts = place.bincount(minlength=len(expected)).numpy()
    keep = expected.numpy() * n > 5
    observed = np.append(counts[keep], counts[~keep].sum())
    theory = np.append(expected.numpy()[keep], expected.numpy()[~keep].sum()) * n
    assert stats.chisquare(observed[theory > 0], theory[theory > 0] * observed.sum() / theory.sum()).pvalue > 1e-3


def test_samples_follow_the_density() -> None:
    model = fitted(Standardized(GaussianMixture(Space((1,)), components=3)))
    x, volume = grid(1, points=20_000)
    cumulative = (model.log_prob(x).exp() * volume).cumsum(0)
    samples = model.sample(4000, seed=1).flatten().numpy()
    assert stats.kstest(samples, lambda v: np.interp(v, x.flatten(), cumulative)).pvalue > 1e-3


def test_standardized_densities_stay_in_raw_units() -> None:
    x = rows(Space((2,)), 60)
    raw = fitted(GaussianMixture(Space((2,)), components=1))
    scaled = Standardized(GaussianMixture(Space((2,)), components=1))
    scaled.prepare([Batch(x)])
    for model in (raw, scaled):
        for _ in range(3):
            model.begin()
            model.accumulate(Batch(x))
            model.finish()
    assert torch.allclose(raw.log_prob(x), scaled.log_prob(x), atol=1e-9)
