"""The mixture against scikit-learn, and against the promises of EM."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Done, Noise, Space
from genzoo.models.classical import GaussianMixture, Start

KINDS = ["full", "tied", "diag", "spherical"]
LABEL = Space((), levels=3)


def clusters(n: int = 600, dims: int = 3, count: int = 4, spread: float = 3.0) -> Tensor:
    noise = Noise(0, "clusters")
    centers = spread * noise.normal(count, dims, dtype=torch.float64)
    return centers[noise.integers(count, n)] + noise.normal(n, dims, dtype=torch.float64)


def one_pass(model: GaussianMixture, *batches: Batch) -> dict[str, float]:
    model.begin()
    for batch in batches:
        model.accumulate(batch)
    return model.finish()


def peer(model: GaussianMixture, kind: str) -> object:
    """scikit-learn's mixture with the parameters of ours."""
    mixture = pytest.importorskip("sklearn.mixture")
    gaussians = model.gaussians
    match kind:
        case "full" | "tied":
            precisions = gaussians.whitener.mT
        case "diag":
            precisions = gaussians.variances.rsqrt()
        case _:
            precisions = gaussians.variances[:, 0].rsqrt()
    theirs = mixture.GaussianMixture(len(gaussians.means), covariance_type=kind, reg_covar=0.0)
    theirs.weights_, theirs.means_ = model.weights[0].clone().numpy(), gaussians.means.clone().numpy()
    theirs.precisions_cholesky_ = precisions.clone().numpy()
    return theirs


@pytest.mark.parametrize("kind", KINDS)
def test_densities_and_a_step_are_those_of_scikit_learn(kind: str) -> None:
    x = clusters()
    model = GaussianMixture(Space((3,)), components=5, covariance=kind)
    model.prepare([Batch(x)])
    theirs = peer(model, kind)
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-10)
    one_pass(model, Batch(x[:100]), Batch(x[100:]))
    theirs._m_step(x.numpy(), theirs._e_step(x.numpy())[1])
    assert torch.allclose(model.weights[0], torch.from_numpy(theirs.weights_), rtol=0, atol=1e-8)
    assert torch.allclose(model.gaussians.means, torch.from_numpy(theirs.means_), rtol=0, atol=1e-8)
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_those_of_torch(kind: str) -> None:
    x = clusters(50)
    model = GaussianMixture(Space((3,)), components=4, covariance=kind)
    model.prepare([Batch(x)])
    one_pass(model, Batch(x))
    gaussians = model.gaussians
    tril = gaussians.scale if kind in ("full", "tied") else gaussians.variances.sqrt().diag_embed()
    parts = torch.distributions.MultivariateNormal(gaussians.means, scale_tril=tril)
    whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(model.weights[0]), parts)
    assert torch.allclose(model.log_prob(x), whole.log_prob(x), rtol=0, atol=1e-10)
    assert torch.allclose(model.log_prob(x.float()).double(), whole.log_prob(x), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_do_not_show(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = clusters(300)
    model = GaussianMixture(Space((3,)), components=4, covariance=kind)
    model.prepare([Batch(x)])
    whole = model.log_prob(x)
    monkeypatch.setattr("genzoo.models.classical.mixture.BLOCK", 1)
    assert torch.allclose(model.log_prob(x), whole, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hard", ["duplicates", "constant", "line", "few", "offset"])
def test_no_pass_lowers_the_likelihood_of_hard_data(kind: str, hard: str) -> None:
    x = clusters(120)
    match hard:
        case "duplicates":
            x[:60] = x[0]
        case "constant":
            x[:, 1] = 7.0
        case "line":
            x[:, 1] = 2 * x[:, 0]
        case "few":
            x = x[:9]
        case "offset":
            x = 1e4 + 0.01 * x
    model = GaussianMixture(Space((3,)), components=6, covariance=kind, tol=1e-7, floor=1e-6)
    model.prepare([Batch(x)])
    losses = []
    for _ in range(60):
        metrics = one_pass(model, Batch(x))
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    assert all(math.isfinite(loss) for loss in losses)
    assert all(later <= earlier + 1e-7 * max(1, abs(earlier)) for earlier, later in itertools.pairwise(losses))
    assert model.log_prob(x).isfinite().all()


def test_float32_rows_lose_nothing_to_cancellation() -> None:
    x = 1 + 0.01 * clusters(400, spread=1000.0).float()  # clusters 10 apart and 0.01 wide
    model = GaussianMixture(Space((3,)), components=4)
    fine = GaussianMixture(Space((3,)), components=4)
    for fit, rows in ((model, x), (fine, x.double())):
        fit.prepare([Batch(rows)])
        for _ in range(5):
            one_pass(fit, Batch(rows))
    assert torch.allclose(model.gaussians.scale, fine.gaussians.scale, rtol=1e-3, atol=1e-6)
    assert model.log_prob(x).mean().item() == pytest.approx(fine.log_prob(x.double()).mean().item(), abs=1e-3)


def test_scale_of_the_data_changes_nothing_but_the_unit() -> None:
    x = clusters()
    losses = []
    for factor in (1.0, 1e5):
        model = GaussianMixture(Space((3,)), components=4)
        model.prepare([Batch(factor * x)])
        losses.append([one_pass(model, Batch(factor * x))["loss"] - 3 * math.log(factor) for _ in range(5)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_classes_are_fitted_apart() -> None:
    x, labels = clusters(), torch.arange(600) % 3
    both = GaussianMixture(Space((3,)), LABEL, components=2)
    both.prepare([Batch(x, labels)])
    alone = GaussianMixture(Space((3,)), components=2)
    part = slice(2, 4)
    alone.prepare([Batch(x[labels == 1])])
    alone.gaussians.means.copy_(both.gaussians.means[part])
    alone.gaussians.scale.copy_(both.gaussians.scale[part])
    alone.gaussians.whitener.copy_(both.gaussians.whitener[part])
    alone.gaussians.center.copy_(both.gaussians.center)
    alone.weights.copy_(both.weights[1:2])
    for _ in range(3):
        one_pass(both, Batch(x, labels))
        one_pass(alone, Batch(x[labels == 1]))
    rows = x[labels == 1]
    assert torch.allclose(both.log_prob(rows, labels[labels == 1]), alone.log_prob(rows), atol=1e-10)
    assert torch.allclose(both.class_weights, torch.full((3,), 1 / 3, dtype=torch.float64))


def test_rows_without_a_label_are_fitted_as_well() -> None:
    x, labels = clusters(), torch.arange(600) % 3
    labels[::2] = -1
    model = GaussianMixture(Space((3,)), LABEL, components=2, tol=0.0)
    model.prepare([Batch(x, labels)])
    reached = []
    for _ in range(30):
        one_pass(model, Batch(x, labels))
        reached.append(model.reached.item())
    assert all(later >= earlier - 1e-10 for earlier, later in itertools.pairwise(reached))
    assert model.class_weights.sum().item() == pytest.approx(1)


def test_samples_of_a_class_come_from_its_components() -> None:
    x = torch.cat([torch.randn(50, 2), 50 + torch.randn(50, 2), -50 + torch.randn(50, 2)])
    labels = torch.arange(3).repeat_interleave(50)
    model = GaussianMixture(Space((2,)), LABEL, components=2)
    model.prepare([Batch(x, labels)])
    one_pass(model, Batch(x, labels))
    center = torch.tensor([0.0, 50.0, -50.0])
    given = torch.tensor([2, 0, 1, 1])
    assert ((model.sample(4, given, seed=0).mean(1) - center[given]).abs() < 10).all()
    assert len((model.sample(60, seed=0).mean(1) / 50).round().unique()) == 3


def test_a_class_that_never_appears_has_no_weight() -> None:
    x = clusters()
    model = GaussianMixture(Space((3,)), LABEL, components=2)
    batch = Batch(x, torch.zeros(600, dtype=torch.int64))
    model.prepare([batch])
    one_pass(model, batch)
    assert model.class_weights.tolist() == [1, 0, 0]
    assert model.log_prob(x).isfinite().all()
    assert model.log_prob(x, torch.full((600,), 2)).isfinite().all()


def test_the_start_looks_at_some_rows_only() -> None:
    def endless() -> object:
        while True:
            yield Batch(clusters(100))

    GaussianMixture(Space((3,)), components=3, start=Start(rows=250)).prepare(endless())


def test_precision_of_the_fit_survives_that_of_the_model() -> None:
    model = torch.nn.Sequential(GaussianMixture(Space((3,)))).to(torch.float32)[0]
    assert {tensor.dtype for tensor in model.buffers() if tensor.is_floating_point()} == {torch.float64}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": Space((2,), levels=4)}, "Dequantized"),
        ({"given": Space((2,))}, "one label"),
        ({"given": {"label": LABEL}}, "one label"),
        ({"components": 0}, "components"),
        ({"floor": 0.0}, "floor"),
    ],
)
def test_impossible_mixtures_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"space": Space((2,))} | arguments)
