"""The mixture against scikit-learn, and against the promises of EM."""

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from genzoo.core import Batch, Done, Noise, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.classical import GaussianMixture, KMeans, Start, responsibilities
from genzoo.models.classical.full_gaussians import FEW
from genzoo.models.classical.gaussians import FAINT

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
    import sklearn.mixture as mixture

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


@pytest.mark.parametrize(("spread", "sparse"), [(0.1, False), (5.0, True)])
def test_rows_are_whitened_in_many_dimensions(spread: float, sparse: bool) -> None:
    """Components that overlap are summed over all rows, those that do not over their own."""
    x = clusters(800, dims=24, count=5, spread=spread)
    model = GaussianMixture(Space((24,)), components=5)
    model.prepare([Batch(x)])
    theirs = peer(model, "full")
    weights = responsibilities(model, x)
    assert bool((weights > math.exp(FAINT)).double().mean() < FEW) is sparse
    one_pass(model, Batch(x[:100]), Batch(x[100:]))
    theirs._m_step(x.numpy(), theirs._e_step(x.numpy())[1])
    assert torch.allclose(model.gaussians.means, torch.from_numpy(theirs.means_), rtol=0, atol=1e-8)
    assert torch.allclose(model.log_prob(x), torch.from_numpy(theirs.score_samples(x.numpy())), rtol=0, atol=1e-8)


def test_scores_go_through_whitened_rows() -> None:
    x = clusters(50, dims=24, count=2, spread=0.5)
    model = GaussianMixture(Space((24,)), components=2)
    model.prepare([Batch(x)])
    gaussians, rows = model.gaussians, x.clone().requires_grad_()
    parts = MultivariateNormal(gaussians.means, scale_tril=gaussians.scale)
    whole = torch.distributions.MixtureSameFamily(torch.distributions.Categorical(model.weights[0]), parts)
    (score,) = torch.autograd.grad(whole.log_prob(rows).sum(), rows)
    assert torch.allclose(model.score(x), score, rtol=0, atol=1e-9)


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
        ({"given_space": Space((2,))}, "one label"),
        ({"given_space": {"label": LABEL, "other": LABEL}}, "one label"),
        ({"components": 0}, "components"),
        ({"floor": 0.0}, "floor"),
    ],
)
def test_impossible_mixtures_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GaussianMixture(**{"space": Space((2,))} | arguments)


# --- which component a row is of ------------------------------------------------------------------------------------


def passed(model: GaussianMixture, batch: Batch, count: int = 5) -> GaussianMixture:
    model.prepare([batch])
    for _ in range(count):
        one_pass(model, batch)
    return model


def by_hand(model: GaussianMixture, row: Tensor, weights: Tensor) -> Tensor:
    """p(k | x) of one row from the marginals of what is there of it."""
    there = ~row.isnan()
    covariances = model.gaussians.scale @ model.gaussians.scale.mT
    joint = [
        weight.log() + MultivariateNormal(mean[there], full[there][:, there]).log_prob(row[there])
        for weight, mean, full in zip(weights, model.gaussians.means, covariances, strict=True)
    ]
    return torch.stack(joint).softmax(0)


@pytest.mark.parametrize("kind", KINDS)
def test_responsibilities_are_those_of_scikit_learn(kind: str) -> None:
    x = clusters()
    model = passed(GaussianMixture(Space((3,)), components=5, covariance=kind), Batch(x))
    shares = model.responsibilities(x)
    theirs = peer(model, kind)
    assert torch.allclose(shares, torch.from_numpy(theirs.predict_proba(x.numpy())), rtol=0, atol=1e-10)
    assert model.encode(x).tolist() == theirs.predict(x.numpy()).tolist()
    assert torch.equal(model.decode(model.encode(x)).double(), model.gaussians.means[model.encode(x)].float().double())


def test_responsibilities_are_by_what_is_there() -> None:
    x = clusters(200)
    model = passed(GaussianMixture(Space((3,)), components=4), Batch(x))
    lacking = torch.where(Noise(1).uniform(200, 3) < 0.4, torch.nan, x)
    lacking = lacking[~lacking.isnan().all(1)]
    wanted = torch.stack([by_hand(model, row, model.weights[0]) for row in lacking])
    assert torch.allclose(model.responsibilities(lacking), wanted, rtol=0, atol=1e-10)
    nothing = model.responsibilities(torch.full((1, 3), torch.nan).double())
    assert torch.allclose(nothing, model.weights)


def test_components_of_classes_are_numbered_through() -> None:
    x, labels = clusters(), torch.arange(600) % 3
    model = passed(GaussianMixture(Space((3,)), LABEL, components=2), Batch(x, labels))
    known, unknown = model.responsibilities(x, labels), model.responsibilities(x)
    assert known.shape == unknown.shape == (600, 6)
    assert torch.allclose(known.sum(1), torch.ones(600).double())
    own = torch.nn.functional.one_hot(labels, 3).repeat_interleave(2, 1).bool()
    assert not known[~own].any()
    assert torch.equal(model.encode(x, labels) // 2, labels)
    for i in range(20):
        c = int(labels[i])
        spread = torch.zeros(3, 2).double().index_put((torch.tensor(c),), model.weights[c]).flatten()
        assert torch.allclose(known[i], by_hand(model, x[i], spread), rtol=0, atol=1e-10)
        marginal = (model.class_weights[:, None] * model.weights).flatten()
        assert torch.allclose(unknown[i], by_hand(model, x[i], marginal), rtol=0, atol=1e-10)


def test_components_left_out_have_no_share() -> None:
    x = clusters(400, dims=2, count=2, spread=8.0)
    model = GaussianMixture(Space((2,)), components="bic", start=Start(most=6))
    passed(model, Batch(x))
    assert not model.responsibilities(x)[:, int(model.used) :].any()
    assert int(model.encode(x).max()) < int(model.used)


def test_maps_around_a_mixture_are_seen_through() -> None:
    x = 100 * clusters()
    model = Standardized(GaussianMixture(Space((3,)), components=3))
    passed(model, Batch(x))
    inner = model.model.responsibilities((x - model.shift) / model.scale)
    assert torch.equal(responsibilities(model, x), inner)
    assert torch.equal(model.encode(x), inner.argmax(1))
    assert torch.allclose(
        model.decode(torch.arange(3)), (model.shift + model.scale * model.model.gaussians.means).float()
    )
    levels = Dequantized(GaussianMixture(Space((2, 1)), components=2, floor=0.1), levels=4)
    assert responsibilities(levels, torch.ones(5, 2, 1, dtype=torch.uint8)).shape == (5, 2)
    with pytest.raises(TypeError, match="got KMeans"):
        responsibilities(KMeans(Space((2,))), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="must have shape"):
        responsibilities(model, x[:, :2])
