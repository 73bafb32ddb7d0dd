"""Kernel density estimates against SciPy and scikit-learn, and against their own promises."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Batch, Done, Noise, Space
from genzoo.models.classical import KernelDensity
from genzoo.models.classical.kernels import KERNELS

NAMES = sorted(KERNELS)
LABEL = Space((), levels=3)


def correlated(n: int, dims: int = 3, name: str = "rows") -> Tensor:
    """Rows far from the origin, whose columns depend on each other."""
    mixing = Noise(0, "mixing").normal(dims, dims, dtype=torch.float64)
    return 100 + Noise(1, name).normal(n, dims, dtype=torch.float64) @ mixing


def fitted(x: Tensor, labels: Tensor | None = None, **options: object) -> KernelDensity:
    model = KernelDensity(Space(tuple(x.shape[1:])), None if labels is None else LABEL, **options).to(x.dtype)
    model.begin()
    for start in range(0, len(x), 70):
        part = slice(start, start + 70)
        model.accumulate(Batch(x[part], None if labels is None else labels[part]))
    assert isinstance(model.finish(), Done)
    return model


@pytest.mark.parametrize("bandwidth", ["scott", "silverman", 0.3])
def test_densities_are_those_of_scipy(bandwidth: str | float) -> None:
    x, queries = correlated(300), correlated(80, name="queries")
    theirs = stats.gaussian_kde(x.numpy().T, bw_method=bandwidth).logpdf(queries.numpy().T)
    ours = fitted(x, bandwidth=bandwidth).log_prob(queries)
    assert torch.allclose(ours, torch.from_numpy(theirs), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", NAMES)
def test_densities_are_those_of_scikit_learn(kernel: str) -> None:
    import sklearn.neighbors as neighbors

    x, queries = correlated(300), correlated(80, name="queries")
    theirs = neighbors.KernelDensity(kernel=kernel, bandwidth=2.5, leaf_size=1000).fit(x.numpy())
    ours = fitted(x, kernel=kernel, bandwidth=2.5, whiten="none").log_prob(queries)
    assert torch.allclose(ours, torch.from_numpy(theirs.score_samples(queries.numpy())), rtol=0, atol=1e-10)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("dims", [1, 2])
def test_densities_integrate_to_one(kernel: str, dims: int) -> None:
    model = fitted(correlated(20, dims) - 100, kernel=kernel, bandwidth=0.8)
    axis = torch.linspace(-12, 12, 6001 if dims == 1 else 801, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * dims).reshape(-1, dims)
    mass = model.log_prob(grid).exp().sum().item() * (axis[1] - axis[0]).item() ** dims
    assert mass == pytest.approx(1, abs=2e-3 if kernel == "tophat" else 1e-4)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("dims", [1, 4])
def test_draws_of_a_kernel_have_its_radius(kernel: str, dims: int) -> None:
    draws = KERNELS[kernel].draw(4000, dims, Noise(0))
    radius, log_constant = draws.square().sum(1).sqrt(), KERNELS[kernel].log_constant(dims)
    u = torch.linspace(0, 8, 80_001, dtype=torch.float64)
    sphere = dims * math.pi ** (dims / 2) / math.gamma(dims / 2 + 1)
    density = sphere * u ** (dims - 1) * math.exp(log_constant) * KERNELS[kernel].values(u[:, None].square())[:, 0]
    cumulative = torch.cumulative_trapezoid(density, u)
    assert cumulative[-1].item() == pytest.approx(1, abs=1e-3)
    place = (radius * 10_000).long().clamp(1, len(cumulative)) - 1
    assert stats.kstest(cumulative[place].numpy(), "uniform").pvalue > 1e-3
    assert draws.mean(0).abs().max() < 0.1


def test_samples_follow_the_density() -> None:
    x = correlated(200, 1)
    model = fitted(x, kernel="epanechnikov")
    samples = model.sample(4000, seed=1).flatten()
    grid = torch.linspace(float(x.min()) - 5, float(x.max()) + 5, 20_001, dtype=torch.float64)
    cumulative = torch.cumulative_trapezoid(model.log_prob(grid[:, None]).exp(), grid)
    place = torch.searchsorted(grid, samples).clamp(1, 20_000) - 1
    assert stats.kstest(cumulative[place].numpy(), "uniform").pvalue > 1e-3


def test_float32_loses_no_more_than_the_fifth_digit() -> None:
    for bandwidth in ("scott", 0.02):
        x, queries = correlated(500), correlated(100, name="queries")
        fine, coarse = fitted(x, bandwidth=bandwidth), fitted(x.float(), bandwidth=bandwidth)
        gap = coarse.log_prob(queries.float()) - fine.log_prob(queries.float().double())
        assert gap.abs().max() < 1e-3 * (1 if bandwidth == "scott" else 100)  # rows themselves are rounded


def test_rows_beyond_all_kernels_keep_their_density() -> None:
    x = correlated(50, 2) - 100
    model, far = fitted(x.float()), torch.tensor([[1e3, 0.0], [0.0, 0.0]])
    exact = fitted(x).log_prob(far.double())
    assert torch.allclose(model.log_prob(far).double(), exact, rtol=1e-5)
    assert exact[0] < -1000


def test_the_chosen_bandwidth_has_the_highest_likelihood() -> None:
    x = torch.cat([correlated(150, 1), correlated(150, 1) + 40])
    chosen, scott = fitted(x, bandwidth="likelihood"), fitted(x)
    deviation = x.std()
    losses = {}
    for h in (chosen.scale[0] / deviation * factor for factor in (0.9, 1.0, 1.1)):
        model = KernelDensity(Space((1,)), bandwidth=float(h)).double()
        model.begin()
        model.accumulate(Batch(x))
        losses[float(h)] = model.finish()["loss"]
    below, best, above = losses.values()
    assert best < min(below, above)
    assert chosen.scale < scott.scale


def test_the_loss_leaves_each_row_out() -> None:
    x = correlated(30, 2)
    model = KernelDensity(Space((2,)), bandwidth=0.7, whiten="none").double()
    model.begin()
    model.accumulate(Batch(x))
    loss = model.finish()["loss"]
    alone = []
    for i in range(30):
        others = torch.cat([x[:i], x[i + 1 :]])
        alone.append(fitted(others, bandwidth=0.7, whiten="none").log_prob(x[i : i + 1]))
    assert loss == pytest.approx(-torch.cat(alone).mean().item(), abs=1e-10)


def test_compact_kernels_widen_until_they_reach_every_row() -> None:
    x = torch.cat([correlated(100, 2), correlated(1, 2) + 30])
    model = KernelDensity(Space((2,)), kernel="epanechnikov", bandwidth="likelihood").double()
    model.begin()
    model.accumulate(Batch(x))
    assert math.isfinite(model.finish()["loss"])


def test_classes_are_fitted_apart_and_add_up() -> None:
    x, labels = correlated(210), torch.arange(210) % 3
    labels[:30] = -1  # tell of no class
    model = fitted(x, labels)
    queries, of_class = correlated(20, name="queries"), []
    for c in range(3):
        alone = fitted(x[labels == c])
        of_class.append(model.log_prob(queries, torch.full((20,), c)))
        assert torch.allclose(of_class[-1], alone.log_prob(queries), rtol=0, atol=1e-10)
    share = model.counts.double().log() - math.log(180)
    marginal = (torch.stack(of_class) + share[:, None]).logsumexp(0)
    assert torch.allclose(model.log_prob(queries), marginal, rtol=0, atol=1e-12)


def test_samples_of_a_class_are_near_its_rows() -> None:
    labels = torch.arange(90) % 3
    x = 50.0 * labels[:, None] + Noise(0).normal(90, 2)
    model, given = fitted(x, labels), torch.tensor([2, 0, 1, 1])
    assert ((model.sample(4, given, seed=0) / 50).round().mean(1) == given).all()
    assert len((model.sample(60, seed=0).mean(1) / 50).round().unique()) == 3


def test_several_processes_hold_what_one_would() -> None:
    x, parts = correlated(50), []
    for own in (slice(0, 20), slice(20, 50)):
        model = KernelDensity(Space((3,))).double()
        model.begin()
        model.accumulate(Batch(x, noise=Noise(0))[own])
        parts.append(model)
    for tensors in zip(*(model.statistics() for model in parts), strict=True):  # as all_reduce would
        whole = tensors[0] + tensors[1]
        for tensor in tensors:
            tensor.copy_(whole)
    one = fitted(x)
    for model in parts:
        model.finish()
        assert torch.equal(model.rows, one.rows)


def test_a_pass_that_was_cut_short_goes_on() -> None:
    x, whole, half = correlated(60), KernelDensity(Space((3,))).double(), KernelDensity(Space((3,))).double()
    half.begin()
    half.accumulate(Batch(x[:25]))
    whole.load_state_dict(half.state_dict())
    whole.accumulate(Batch(x[25:]))
    whole.finish()
    assert torch.equal(whole.rows, fitted(x).rows)


def test_an_unfitted_estimate_is_one_kernel_at_the_origin() -> None:
    model, x = KernelDensity(Space((2,))), torch.tensor([[1.0, -2.0]])
    normal = torch.distributions.Normal(0.0, 1.0)
    assert model.log_prob(x).item() == pytest.approx(normal.log_prob(x).sum().item(), abs=1e-6)
    assert model.sample(5, seed=0).shape == (5, 2)


@pytest.mark.parametrize("kernel", NAMES)
def test_blocks_do_not_show(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, queries = correlated(60), correlated(20, name="queries")
    whole = fitted(x, kernel=kernel, bandwidth="likelihood").log_prob(queries)
    monkeypatch.setattr("genzoo.models.classical.kernels.QUERIES", 7)
    monkeypatch.setattr("genzoo.models.classical.kernels.ROWS", 11)
    assert torch.allclose(fitted(x, kernel=kernel, bandwidth="likelihood").log_prob(queries), whole, rtol=0, atol=1e-9)


def constant(x: Tensor) -> Tensor:
    return x.index_fill(1, torch.tensor([1]), 7.0)


def collinear(x: Tensor) -> Tensor:
    return torch.cat([x[:, :2], 3 * x[:, :1] + 1], 1)


def infinite(x: Tensor) -> Tensor:
    return x.index_put((torch.tensor([3]), torch.tensor([2])), torch.tensor(math.inf).double())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (constant, r"Column 1 .* must vary"),
        (collinear, r"Columns 0, 2 .* must not determine"),
        (infinite, r"Column 2 .* must be finite"),
        (lambda x: x[:1], "two rows or more, got 1"),
        (lambda x: x[:3], "more rows than the 3 columns"),
    ],
)
def test_hopeless_rows_are_refused(spoil: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted(spoil(correlated(40)))
    if "infinite" not in str(spoil):
        fitted(spoil(correlated(40)).nan_to_num(posinf=0.0), bandwidth=1.0, whiten="none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": Space((2,), levels=4)}, "Dequantized"),
        ({"given_space": Space((2,))}, "one label"),
        ({"bandwidth": 0.0}, "bandwidth"),
    ],
)
def test_impossible_estimates_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KernelDensity(**{"space": Space((2,))} | arguments)
