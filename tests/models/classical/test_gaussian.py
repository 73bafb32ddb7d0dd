"""One Gaussian: closed forms, ranks, and data that have no density."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

import genzoo
from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import Gaussian, GaussianMixture, Start


def rows(n: int = 500, dims: int = 5) -> Tensor:
    noise = Noise(0, "rows")
    mixing = noise.normal(dims, dims, dtype=torch.float64)
    return noise.normal(n, dims, dtype=torch.float64) @ mixing + 100


def fitted(x: Tensor, **options: object) -> tuple[Gaussian, float]:
    model = Gaussian(Space((x.shape[1],)), **options)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x[:200]))
    model.accumulate(Batch(x[200:]))
    return model, model.finish()["loss"]


def covariance_of(model: Gaussian) -> Tensor:
    return model.gaussians.scale[0] @ model.gaussians.scale[0].T


def test_the_maximum_is_reached_in_one_pass() -> None:
    x = rows()
    model, loss = fitted(x)
    wanted = x.T.cov(correction=0)
    assert torch.allclose(model.mean, x.mean(0), rtol=0, atol=1e-12)
    assert torch.allclose(covariance_of(model), wanted, rtol=0, atol=1e-11)
    assert torch.allclose(model.log_prob(x), MultivariateNormal(x.mean(0), wanted).log_prob(x), atol=1e-9)
    assert loss == pytest.approx(-model.log_prob(x).mean().item(), abs=1e-10)
    for name in ("means", "scale"):  # whatever is moved, the likelihood falls
        moved = getattr(model.gaussians, name)
        step = 0.01 * torch.ones_like(moved).tril()
        moved += step
        model.gaussians.whitener.copy_(torch.linalg.inv(model.gaussians.scale))
        assert -model.log_prob(x).mean() > loss
        moved -= step


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_low_rank_is_the_closed_form_of_probabilistic_components(rank: int) -> None:
    x = rows()
    model, loss = fitted(x, covariance="low_rank", rank=rank)
    values, vectors = torch.linalg.eigh(x.T.cov(correction=0))
    noise = values[: 5 - rank].mean()
    loading = vectors[:, 5 - rank :] * (values[5 - rank :] - noise).sqrt()
    assert torch.allclose(
        covariance_of(model), loading @ loading.T + noise * torch.eye(5).double(), rtol=0, atol=1e-10
    )
    assert loss == pytest.approx(-model.log_prob(x).mean().item(), abs=1e-10)
    assert model.parameter_count == 5 + 5 * rank - rank * (rank - 1) // 2 + 1


def test_low_rank_without_noise_has_the_covariance_of_its_loadings() -> None:
    x = rows()
    model, _ = fitted(x, covariance="low_rank", rank=2)
    values, vectors = torch.linalg.eigh(covariance_of(model))
    loading = vectors[:, 3:] * (values[3:] - values[:3].mean()).sqrt()
    clean, noisy = (model.sample(4000, seed=0, noise=noise).double() for noise in (False, True))
    off = clean - model.mean
    assert torch.linalg.matrix_rank(off, rtol=1e-4) == 2
    torch.testing.assert_close(off.T.cov(), loading @ loading.T, rtol=0.1, atol=0.1)
    assert (clean - noisy).square().mean() < 1.5 * values[:3].mean()  # the same rows, less their noise
    model.load_state_dict(fitted(x.flip(1), covariance="low_rank", rank=2)[0].state_dict())
    assert not torch.allclose(model.sample(2, seed=0, noise=False).double(), clean[:2])
    with pytest.raises(TypeError, match="no option noise"):
        fitted(x)[0].sample(2, seed=0, noise=False)


def test_float32_rows_far_from_zero_lose_nothing() -> None:
    x = (1e4 + 0.1 * rows()).float()
    model, _ = fitted(x)
    assert torch.allclose(covariance_of(model), x.double().T.cov(correction=0), rtol=1e-6)


@pytest.mark.parametrize("covariance", ["full", "tied", "diag"])
@pytest.mark.parametrize("make", [Gaussian, GaussianMixture])
def test_a_constant_column_is_named(make: type, covariance: str) -> None:
    x = rows()
    x[:, 3] = 7.0
    with pytest.raises(ValueError, match=r"Column 3 .* must vary.*floor=1e-6"):
        make(Space((5,)), covariance=covariance).prepare([Batch(x)])
    make(Space((5,)), covariance=covariance, floor=1e-6).prepare([Batch(x)])


def test_collinear_columns_are_named() -> None:
    x = rows()
    x[:, 4] = 2 * x[:, 1] - x[:, 2]
    with pytest.raises(ValueError, match=r"Columns 1, 2, 4 .* must not determine each other"):
        Gaussian(Space((5,))).prepare([Batch(x)])
    Gaussian(Space((5,)), covariance="diag").prepare([Batch(x)])


def test_infinite_values_are_named_wherever_they_are() -> None:
    x = rows()
    model, _ = fitted(x)
    x[300, 2] = torch.inf
    with pytest.raises(ValueError, match=r"Column 2 .* must be finite"):
        model.prepare([Batch(x)])
    model.begin()
    with pytest.raises(ValueError, match=r"Column 2 .* must be finite"):
        model.accumulate(Batch(x))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 rows, got 4 samples"):
        GaussianMixture(Space((5,))).prepare([Batch(rows(4))])
    with pytest.raises(ValueError, match="at least 2 rows, got 1 sample"):
        Gaussian(Space((5,))).prepare([Batch(rows(1))])


@pytest.mark.parametrize(("rank", "covariance"), [(2, "full"), (None, "low_rank"), (5, "low_rank")])
def test_ranks_go_with_low_rank(rank: int | None, covariance: str) -> None:
    with pytest.raises(ValueError, match="`rank` must be in"):
        Gaussian(Space((5,)), covariance=covariance, rank=rank)


def test_names_of_columns_are_told(tmp_path) -> None:
    lines = [f"{i / 3},{i % 7 / 3},2.5,{i * i % 11 / 3}" for i in range(100)]
    (tmp_path / "table.csv").write_text("a,b,still,c\n" + "\n".join(lines))
    with pytest.raises(genzoo.Mistake, match="Column 'still' must vary"):
        genzoo.train("gaussian", tmp_path / "table.csv", out=tmp_path / "run")


def three_blobs(n: int = 900) -> Tensor:
    noise = Noise(1, "three")
    return 6 * noise.integers(3, n, 1) + noise.normal(n, 2, dtype=torch.float64)


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
def test_the_criterion_finds_the_number_of_components(covariance: str) -> None:
    x = three_blobs()
    model = GaussianMixture(Space((2,)), components="bic", covariance=covariance, start=Start(most=8))
    model.prepare([Batch(x)])
    assert int(model.used) == 3
    for _ in range(5):
        model.begin()
        model.accumulate(Batch(x))
        model.finish()
    three = GaussianMixture(Space((2,)), components=3, covariance=covariance)
    assert model.parameter_count == three.parameter_count
    assert model.weights[0, 3:].eq(0).all()
    assert model.sample(50, seed=0).isfinite().all()
    assert model.log_prob(x).isfinite().all()


def test_the_best_of_several_starts_is_kept() -> None:
    x = three_blobs()

    def reached(start: Start) -> float:
        model = GaussianMixture(Space((2,)), components=6, start=start, tol=1e-9)
        model.prepare([Batch(x)])
        for _ in range(15):
            model.begin()
            model.accumulate(Batch(x))
            model.finish()
        return model.log_prob(x).mean().item()

    assert reached(Start("random", restarts=6)) >= reached(Start("random")) - 1e-3
    with pytest.raises(ValueError, match="positive numbers"):
        Start(restarts=0)
