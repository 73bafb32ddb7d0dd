"""Missing entries are marginalised, and EM climbs the likelihood of what is there."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core import Batch, Done, Noise, Space
from genzoo.models import Standardized
from genzoo.models.classical import Gaussian, GaussianMixture

KINDS = ["full", "tied", "diag", "spherical"]


def rows(n: int = 300, dims: int = 4, share: float = 0.3) -> tuple[Tensor, Tensor]:
    """Correlated clusters, whole and with entries lacking."""
    noise = Noise(0, "missing")
    mixing = torch.eye(dims, dtype=torch.float64) + 0.5 * noise.normal(dims, dims, dtype=torch.float64)
    x = noise.normal(n, dims, dtype=torch.float64) @ mixing.T + 4 * noise.integers(2, n, 1)
    return x, torch.where(noise.uniform(n, dims) < share, torch.nan, x)


def covariances(model: GaussianMixture) -> Tensor:
    gaussians, dims = model.gaussians, model.space.dims
    if model.covariance in ("diag", "spherical"):
        return gaussians.variances.diag_embed()
    return (gaussians.scale @ gaussians.scale.mT).expand(gaussians.count, dims, dims)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_those_of_marginals(kind: str) -> None:
    x, lacking = rows()
    model = GaussianMixture(Space((4,)), components=3, covariance=kind)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    log_prob, all_covariances = model.log_prob(lacking), covariances(model)
    for i, row in enumerate(lacking[:60]):
        there = ~row.isnan()
        parts = [
            weight.log() + MultivariateNormal(mean[there], covariance[there][:, there]).log_prob(row[there])
            if there.any()
            else weight.log()
            for weight, mean, covariance in zip(model.weights[0], model.gaussians.means, all_covariances, strict=True)
        ]
        assert log_prob[i].item() == pytest.approx(torch.stack(parts).logsumexp(0).item(), abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_no_pass_lowers_the_likelihood_of_what_is_there(kind: str) -> None:
    _, lacking = rows()
    model = GaussianMixture(Space((4,)), components=3, covariance=kind, tol=1e-8)
    model.prepare([Batch(lacking)])
    losses = []
    for _ in range(40):
        model.begin()
        for part in lacking.split(70):
            model.accumulate(Batch(part))
        losses.append(model.finish()["loss"])
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_sums_are_the_conditional_expectations(kind: str) -> None:
    """The M-step of one Gaussian, against expectations written out row by row."""
    _, lacking = rows(60)
    model = Gaussian(Space((4,)), covariance=kind)
    model.prepare([Batch(lacking)])
    for _ in range(2):
        mean, covariance = model.mean.clone(), covariances(model)[0].clone()
        first, second = torch.zeros(4, dtype=torch.float64), torch.zeros(4, 4, dtype=torch.float64)
        for row in lacking:
            o = ~row.isnan()
            gain = covariance[:, o] @ torch.linalg.inv(covariance[o][:, o])
            expected = mean + gain @ (row[o] - mean[o])
            first += expected / 60
            second += (expected.outer(expected) + covariance - gain @ covariance[o]) / 60
        model.begin()
        model.accumulate(Batch(lacking))
        model.finish()
        wanted = second - first.outer(first)
        wanted = {"full": wanted, "tied": wanted, "diag": wanted.diag().diag()}.get(
            kind, wanted.diag().mean() * torch.eye(4, dtype=torch.float64)
        )
        assert torch.allclose(model.mean, first, atol=1e-10)
        assert torch.allclose(covariances(model)[0], wanted, atol=1e-10)


def test_a_gaussian_with_lacking_entries_needs_more_than_a_pass() -> None:
    x, lacking = rows(2000)
    whole, part = Gaussian(Space((4,))), Gaussian(Space((4,)))
    for model, data in ((whole, x), (part, lacking)):
        model.prepare([Batch(data)])
        done = []
        while not any(done):
            model.begin()
            model.accumulate(Batch(data))
            done.append(isinstance(model.finish(), Done))
        assert (len(done) == 1) == (model is whole)
    assert torch.allclose(part.mean, whole.mean, atol=0.2)
    assert part.log_prob(x).mean() > whole.log_prob(x).mean() - 0.05


def test_units_are_those_of_what_is_there() -> None:
    _, lacking = rows()
    scaled, plain = Standardized(Gaussian(Space((4,)), tol=1e-10)), Gaussian(Space((4,)), tol=1e-10)
    for model in (scaled, plain):
        model.prepare([Batch(100 * lacking)])
        for _ in range(150):
            model.begin()
            model.accumulate(Batch(100 * lacking))
            model.finish()
    assert torch.allclose(scaled.log_prob(100 * lacking), plain.log_prob(100 * lacking), atol=1e-4)
    assert scaled.can("missing")
    score = scaled.score(100 * lacking)
    assert score.isfinite().all()
    assert not score[lacking.isnan()].any()


def test_a_table_with_lacking_cells_is_fitted(tmp_path) -> None:
    _, lacking = rows(200)
    lines = [",".join("" if cell != cell else f"{cell:.3f}" for cell in row) for row in lacking.tolist()]
    (tmp_path / "table.csv").write_text("a,b,c,d\n" + "\n".join(lines))
    data = genzoo.read(tmp_path / "table.csv", missing="keep")
    run = genzoo.train("gaussian_mixture", data, out=tmp_path / "run", steps=5, settings={"components": 2})
    assert run.model.log_prob(data.test.x).isfinite().all()
    with pytest.raises(genzoo.Mistake, match=r"Columns 'a', 'b', 'c', 'd' must have no missing values for kmeans"):
        genzoo.train("kmeans", data, out=tmp_path / "other", steps=5)
