"""k-means: the limit of a spherical mixture, never worse after a pass, and lost on stretched blobs."""

import itertools

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Done, Noise, Space
from genzoo.models.classical import GaussianMixture, KMeans, kmeans
from genzoo.models.classical.kmeans import lloyd, plus_plus


def blobs(n: int = 600, count: int = 3, stretch: float = 1.0) -> tuple[Tensor, Tensor]:
    noise = Noise(0, "blobs")
    which = noise.integers(count, n)
    x = noise.normal(n, 2, dtype=torch.float64) * torch.tensor([stretch, 0.5])
    return x + which[:, None] * torch.tensor([0.0, 4.0]), which


def fit(model: KMeans | GaussianMixture, x: Tensor, most: int = 200) -> list[float]:
    model.prepare([Batch(x)])
    losses = []
    for _ in range(most):
        model.begin()
        for part in x.split(250):
            model.accumulate(Batch(part))
        metrics = model.finish()
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    return losses


def agreement(found: Tensor, which: Tensor) -> float:
    return max(
        float((torch.tensor(order)[found] == which).double().mean()) for order in itertools.permutations(range(3))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("count", [3, 40])
def test_no_pass_raises_the_distances(dtype: torch.dtype, offset: float, count: int) -> None:
    x = (blobs()[0] + offset).to(dtype)
    model = KMeans(Space((2,)), clusters=count, tol=0.0)
    losses = fit(model, x)
    assert all(later <= earlier + 1e-5 for earlier, later in itertools.pairwise(losses))
    distance = (x - model.centers[model.encode(x)]).square().mean().item()
    assert model.variance.item() == pytest.approx(distance, rel=1e-3)


def test_it_is_the_limit_of_a_spherical_mixture() -> None:
    x, _ = blobs()
    start, gaps = x[:3].clone(), []
    hard = KMeans(Space((2,)), clusters=3, tol=0.0)
    hard.prepare([Batch(x)])
    hard.centers.copy_(start)
    soft = GaussianMixture(Space((2,)), components=3, covariance="spherical")
    soft.prepare([Batch(x)])
    for _ in range(50):
        hard.begin()
        hard.accumulate(Batch(x))
        hard.finish()
    for sigma in (1.0, 0.3, 0.1, 0.03):
        soft.gaussians.means.copy_(start)
        for _ in range(50):
            soft.gaussians.variances.fill_(sigma**2)
            soft.weights.fill_(1 / 3)
            soft.begin()
            soft.accumulate(Batch(x))
            soft.finish()
        gaps.append((soft.gaussians.means - hard.centers).abs().max().item())
        soft.gaussians.variances.fill_(sigma**2)
        nearest = soft.gaussians.log_density(x).argmax(1)
    assert gaps[-1] < 1e-6 < gaps[0]
    assert torch.equal(nearest, hard.encode(x))


def test_stretched_blobs_need_a_full_mixture() -> None:
    x, which = blobs(900, stretch=8.0)
    hard, soft = KMeans(Space((2,)), clusters=3, restarts=5), GaussianMixture(Space((2,)), components=3, tol=1e-6)
    fit(hard, x)
    soft.prepare([Batch(x)])
    soft.gaussians.start(torch.tensor([[0.0, 0.0], [0.0, 4.0], [0.0, 8.0]]), torch.eye(2).double())
    for _ in range(100):
        soft.begin()
        soft.accumulate(Batch(x))
        soft.finish()
    assert agreement(hard.encode(x), which) < 0.7
    assert agreement(soft.gaussians.log_density(x).argmax(1), which) > 0.97


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_compiled_pass_is_the_plain_one(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    x, ends = Noise(0).normal(3000, 5, dtype=dtype), []
    for large in (1 << 40, 1):
        monkeypatch.setattr(kmeans, "LARGE", large)
        model = KMeans(Space((5,)), clusters=7)
        model.prepare([Batch(x)])
        model.begin()
        model.accumulate(Batch(x))
        model.finish()
        ends.append((model.counts, model.centers))
    assert torch.equal(ends[0][0], ends[1][0])
    torch.testing.assert_close(ends[0][1], ends[1][1], rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-13)


def test_codes_are_the_nearest_centers() -> None:
    x, _ = blobs()
    model = KMeans(Space((2,)), clusters=5)
    fit(model, x)
    assert torch.equal(model.encode(x), torch.cdist(x, model.centers).argmin(1))
    assert torch.equal(model.decode(model.encode(x)).double(), model.centers[model.encode(x)].float().double())


@pytest.mark.parametrize("empty", ["split", "keep", "error"])
def test_empty_clusters(empty: str) -> None:
    x, _ = blobs()
    model = KMeans(Space((2,)), clusters=4, tol=0.0, empty=empty)
    model.prepare([Batch(x)])
    model.centers[3] = 1e6
    losses = []

    def go() -> None:
        for _ in range(60):
            model.begin()
            model.accumulate(Batch(x))
            losses.append(model.finish()["loss"])

    if empty == "error":
        with pytest.raises(ValueError, match=r"none in \[3\].*Lower `clusters`"):
            go()
        return
    go()
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(losses))
    assert (len(model.encode(x).unique()) == 4) == (empty == "split")


def test_starts_are_spread_and_repeated() -> None:
    x, which = blobs(400)
    centers = plus_plus(x, 3, Noise(0))
    assert len((centers[:, 1] / 4).round().unique()) == 3
    assert agreement(torch.cdist(x, lloyd(x, centers, rounds=20)).argmin(1), which) == 1
    one, many = KMeans(Space((2,)), clusters=12), KMeans(Space((2,)), clusters=12, restarts=8)
    assert fit(many, x)[-1] <= fit(one, x)[-1] + 1e-9


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 rows, got 3 samples"):
        KMeans(Space((2,))).prepare([Batch(torch.zeros(3, 2))])


def test_fewer_points_than_clusters_are_no_trouble() -> None:
    model = KMeans(Space((2,)), clusters=3)
    x = torch.arange(2.0).repeat(10)[:, None].expand(20, 2)
    fit(model, x)
    assert model.sample(4, seed=0).isfinite().all()
    assert model.log_prob(x).isfinite().all()
