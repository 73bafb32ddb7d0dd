"""Probabilistic PCA and factor analysis against scikit-learn, and against the promises of EM."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genzoo.core import Batch, Noise, Space
from genzoo.models.abilities import Inference
from genzoo.models.classical import PPCA, FactorAnalysis, LinearGaussian, RunningMoments
from genzoo.models.classical.factor_analysis import best_loadings
from genzoo.models.classical.moments import spectrum
from genzoo.tasks import calibration, elbo, iwae

KINDS = [PPCA, FactorAnalysis]


def table(n: int = 400, dims: int = 7, rank: int = 3) -> Tensor:
    """Rows with a few causes, and a noise and a place of its own for every column."""
    noise = Noise(0, "table")
    loadings = noise.normal(rank, dims, dtype=torch.float64)
    own = torch.linspace(0.3, 1.5, dims, dtype=torch.float64)
    return noise.normal(n, rank, dtype=torch.float64) @ loadings + own * noise.normal(n, dims, dtype=torch.float64) + 3


def fitted(model: LinearGaussian, x: Tensor) -> LinearGaussian:
    model.prepare([Batch(x)])
    model.begin()
    for part in x.split(150):
        model.accumulate(Batch(part))
    model.metrics = model.finish()
    return model


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_ppca_is_that_of_scikit_learn(rank: int) -> None:
    x = table()
    model = fitted(PPCA(Space((7,)), rank=rank), x)
    from sklearn.decomposition import PCA

    theirs = PCA(rank, svd_solver="full").fit(x.numpy())
    share = (len(x) - 1) / len(x)  # theirs is the unbiased covariance, ours the one of highest likelihood
    theirs.explained_variance_ = theirs.explained_variance_ * share
    theirs.noise_variance_ *= share
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-9)
    assert model.variance == pytest.approx(theirs.noise_variance_, rel=1e-10)
    angles = model.components @ torch.from_numpy(theirs.components_).T
    assert torch.allclose(angles.abs(), torch.eye(rank, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_factor_analysis_is_that_of_scikit_learn(rank: int) -> None:
    x = table(dims=14)
    from sklearn.decomposition import FactorAnalysis as peer

    model = fitted(FactorAnalysis(Space((14,)), rank=rank, tol=1e-15, steps=3000), x)
    theirs = peer(rank, tol=1e-12, max_iter=3000, svd_method="lapack").fit(x.numpy())
    assert model.log_prob(x).mean().item() == pytest.approx(theirs.score(x.numpy()), abs=1e-8)
    # The likelihood is flat at its top: a row's own stands only to the root of that.
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-4)


def test_a_step_of_factor_analysis_is_that_of_scikit_learn() -> None:
    x = table()
    variances = x.var(0, correction=0)
    model = fitted(FactorAnalysis(Space((7,)), rank=2, tol=0.0, steps=20), x)
    model.noise_variance.copy_(variances - model.loadings.square().sum(1))  # theirs ends on this half of a step
    from sklearn.decomposition import FactorAnalysis as peer

    theirs = peer(2, tol=0.0, max_iter=20, svd_method="lapack", noise_variance_init=variances.numpy())
    with pytest.warns(UserWarning, match="did not converge"):
        theirs.fit(x.numpy())
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-8)
    assert torch.allclose(model.encode(x).abs(), torch.from_numpy(theirs.transform(x.numpy())).abs(), atol=1e-8)


@pytest.mark.parametrize("make", KINDS)
def test_the_density_is_that_of_its_covariance(make: type[LinearGaussian]) -> None:
    x = table()
    model = fitted(make(Space((7,)), rank=2), x)
    covariance = model.loadings @ model.loadings.T + model.noise_variance.diag()
    whole = MultivariateNormal(model.mean, covariance)
    assert torch.allclose(model.log_prob(x), whole.log_prob(x), rtol=0, atol=1e-10)
    assert model.metrics["loss"] == pytest.approx(-whole.log_prob(x).mean().item(), abs=1e-10)
    samples = model.sample(20_000, seed=0).double()
    assert torch.allclose(samples.T.cov(), covariance, atol=0.2)
    gain = model.loadings.T @ torch.linalg.inv(covariance)
    assert torch.allclose(model.encode(x), (x - model.mean) @ gain.T, atol=1e-10)
    assert torch.allclose(model.decode(torch.zeros(1, 2, dtype=torch.float64))[0], model.mean)


def test_no_step_lowers_the_likelihood() -> None:
    covariance = table().T.cov(correction=0)
    psi, losses = covariance.diagonal().clone(), []
    for _ in range(50):
        loadings, loss = best_loadings(covariance, psi, 2)
        psi = covariance.diagonal() - loadings.square().sum(1)
        losses.append(loss)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(losses))


def test_any_move_of_a_fit_lowers_the_likelihood() -> None:
    x = table()
    for model in (fitted(PPCA(Space((7,)), rank=2), x), fitted(FactorAnalysis(Space((7,)), rank=2, tol=1e-13), x)):
        best = model.log_prob(x).mean().item()
        for k in range(10):
            other = fitted(type(model)(Space((7,)), rank=2), x)
            noise = Noise(k)
            other.loadings += 0.05 * noise.normal(7, 2, dtype=torch.float64)
            other.noise_variance *= 1 + 0.1 * noise.normal(1, 1, dtype=torch.float64).item()
            assert other.log_prob(x).mean().item() < best


def test_units_do_not_matter_to_factors() -> None:
    x = table()
    unit = torch.tensor([1.0, 1e-3, 10.0, 1e4, 1.0, 2.0, 5.0], dtype=torch.float64)
    plain, scaled = (fitted(FactorAnalysis(Space((7,)), rank=2, tol=1e-12), rows) for rows in (x, x * unit))
    assert torch.allclose(plain.log_prob(x) - unit.log().sum(), scaled.log_prob(x * unit), atol=1e-6)


@pytest.mark.parametrize("make", KINDS)
def test_a_far_origin_loses_nothing(make: type[LinearGaussian]) -> None:
    x = table()
    near, far = fitted(make(Space((7,)), rank=2), x), fitted(make(Space((7,)), rank=2), x + 1e6)
    assert torch.allclose(near.log_prob(x), far.log_prob(x + 1e6), atol=1e-4)


@pytest.mark.parametrize("make", KINDS)
def test_float32_rows_are_close(make: type[LinearGaussian]) -> None:
    x = table()
    model = fitted(make(Space((7,)), rank=2), x)
    assert torch.allclose(model.log_prob(x.float()).double(), model.log_prob(x), atol=1e-4)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("hard", ["constant", "line", "duplicates", "all"])
def test_a_floor_gives_hard_data_a_density(make: type[LinearGaussian], hard: str) -> None:
    x = table(60)
    match hard:
        case "constant":
            x[:, 1] = 7.0
        case "line":
            x[:, 1] = 2 * x[:, 0]
        case "duplicates":
            x[:59] = x[0]
        case "all":
            x[:] = 2.0
    model = fitted(make(Space((7,)), rank=3, floor=1e-6), x)
    assert model.log_prob(x).isfinite().all()
    assert math.isfinite(model.metrics["loss"])


def test_the_floor_holds() -> None:
    z = Noise(0).normal(100, 2, dtype=torch.float64)
    x = z @ Noise(1).normal(2, 5, dtype=torch.float64)  # in a plane
    model = fitted(PPCA(Space((5,)), rank=2, floor=1e-3), x)
    assert model.variance == pytest.approx(1e-3 * x.var(0, correction=0).mean().item())


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_infinite_values_name_their_column(make: type[LinearGaussian], value: float) -> None:
    x = table(50)
    x[20, 4] = value
    with pytest.raises(ValueError, match="Column 4 "):
        fitted(make(Space((7,)), rank=2), x)


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": Space((2,), levels=4)}, "Dequantized"),
        ({"rank": 8}, "between 1 and the 7"),
        ({"rank": 0}, "between 1"),
        ({"floor": 0.0}, "floor"),
    ],
)
def test_impossible_models_are_refused(make: type[LinearGaussian], arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**{"space": Space((7,))} | arguments)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rank=3 and 3 rows\. Lower rank to 1"):
        fitted(PPCA(Space((7,)), rank=3), table(3))


def test_moments_of_parts_add_up() -> None:
    x, moments = table(), RunningMoments(7)
    moments.start([Batch(x[:0]), Batch(x[:10])])
    for part in x.split(37):
        moments.add(part)
    assert torch.allclose(moments.covariance, x.T.cov(correction=0), atol=1e-12)
    assert torch.allclose(moments.mean, x.mean(0), atol=1e-12)


def test_few_rows_of_many_columns_are_fitted_by_their_small_side() -> None:
    x = Noise(0).normal(20, 3, dtype=torch.float64) @ Noise(1).normal(3, 90, dtype=torch.float64)
    x = x + 0.1 * Noise(2).normal(20, 90, dtype=torch.float64)
    off = x - x.mean(0)
    values, vectors = torch.linalg.eigh(off.T @ off / len(x))
    found, directions = spectrum(off.T @ off / len(x), rows=20)
    assert torch.allclose(found[:19], values.flip(0)[:19])
    assert torch.allclose((directions[:, :19] * vectors.flip(1)[:, :19]).sum(0).abs(), torch.ones(19).double())
    model = PPCA(Space((90,)), rank=3)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    loss = model.finish()["loss"]
    assert model.variance == pytest.approx(values[:-3].mean().item())
    assert loss == pytest.approx(-model.log_prob(x).mean().item())


@pytest.mark.parametrize("make", KINDS)
def test_the_posterior_is_exact(make: type[LinearGaussian]) -> None:
    x = table(dims=6)
    whole = fitted(make(Space((6,)), rank=2), x)
    pairs = make(Space((3, 2)), rank=2)  # the same in another shape
    pairs.load_state_dict(whole.state_dict())
    for model, rows in ((whole, x[:20]), (pairs, x[:20].reshape(20, 3, 2))):
        guess, exact = model.able(Inference), model.log_prob(rows)
        for bound in (elbo(guess, rows, draws=1), iwae(guess, rows, k=5)):  # every draw of it says log p
            torch.testing.assert_close(bound, exact, rtol=0, atol=1e-9)
        torch.testing.assert_close(guess.posterior(rows).mean, model.encode(rows))
        assert calibration(guess, 100, draws=19).is_right
