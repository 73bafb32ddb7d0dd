"""Methods of other families against enumeration and closed forms."""

import itertools

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.core.abilities import Sequential
from genzoo.distributions.conditioned import Conditioned, Group
from genzoo.models.autoregressive import MADE, Bigram, PixelCNN
from genzoo.models.classical import HMM, PPCA
from genzoo.models.graphical import RBM, Graph, Ising, Potts, sprinkler
from genzoo.models.joint import Joint
from genzoo.tasks.inverse import (
    AveragePool,
    Blur,
    Exact,
    Exactness,
    Gaussian,
    Mask,
    Measurement,
    ancestral,
    as_numbers,
    measure,
    solve,
)  # fmt: skip
from genzoo.tasks.inverse.twisted import Particles
from tests.tasks.inverse.oracle import Matrix, Pushed, gaussian_rows, shares, total_variation
from tests.zoo import ready
from tests.zoo.entry import batch


def off(found, exact) -> float:
    """The largest difference of frequencies, of entries and of pairs of them."""
    a, b = (draws.x[:, 0].flatten(1).double() for draws in (found, exact))
    return max((a.mean(0) - b.mean(0)).abs().max().item(), (a.T @ a / len(a) - b.T @ b / len(b)).abs().max().item())


@pytest.mark.parametrize("make", [
    lambda: Ising(Space((9,), levels=2), Graph.torus((3, 3), 0.4), Noise(0).normal(9) / 2),
    lambda: RBM(Space((9,), levels=2), hidden=4),
])  # fmt: skip
@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.6)])
def test_sweeps_with_what_is_known_held(make, noise) -> None:
    torch.manual_seed(0)
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(Noise(5).normal(parameter.numel()).view_as(parameter) / 1.5)
    known = torch.zeros(9, dtype=torch.bool)
    known[[1, 4, 7]] = True
    seen = measure(Mask(known), as_numbers(model.space, model.sample(1, seed=3)), noise, seed=0)
    exact = solve(model, seen, n=5000, seed=1, method="enumerate")
    found = solve(model, seen, n=5000, seed=2, method="gibbs", sweeps=120)
    assert found.exactness is Exactness.ASYMPTOTIC
    assert found.diagnostics["rhat"] < 1.2
    assert off(found, exact) < 0.04


@pytest.mark.parametrize(("make", "operator"), [
    (lambda: Ising(Space((1, 3, 3), levels=2), Graph.torus((3, 3), 0.4), Noise(0).normal(9)), Blur((1, 3, 3), 0.6)),
    (lambda: RBM(Space((1, 3, 3), levels=2), given_space=Space((), levels=3), hidden=4), Blur((1, 3, 3), 0.6)),
    (lambda: Potts(Space((1, 3, 3), levels=3), Graph.torus((3, 3), 0.7)), AveragePool((1, 3, 3), 3)),
])  # fmt: skip
def test_sweeps_by_colors_of_what_is_measured_together(make, operator) -> None:
    torch.manual_seed(0)
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(Noise(5).normal(parameter.numel()).view_as(parameter) / 1.5)
    given = torch.tensor([1]) if model.given_space else None
    seen = measure(operator, as_numbers(model.space, model.sample(1, given, seed=3)), Gaussian(0.2), seed=0)
    exact = solve(model, seen, n=20000, seed=1, given=given, method="enumerate")
    found = solve(model, seen, n=1500, seed=2, given=given, method="gibbs", sweeps=20)
    assert found.exactness is Exactness.ASYMPTOTIC
    assert off(found, exact) < 0.05 * (model.space.levels - 1)


def test_a_net_given_some_of_its_variables() -> None:
    net = sprinkler()
    known = torch.tensor([False, False, False, True])[: net.space.dims]
    x = net.sample(64, seed=0)
    one = x[x[:, known][:, 0] == 1][:1]
    seen = measure(Mask(known), as_numbers(net.space, one), Exact(), seed=0)
    exact = solve(net, seen, n=8000, seed=1, method="enumerate")
    found = solve(net, seen, n=8000, seed=2, method="impute")
    assert found.exactness is Exactness.EXACT
    assert off(found, exact) < 0.025


def test_particles_along_an_order() -> None:
    """A prefix is exact, what is known at the end is so as particles grow; evidence is unbiased."""
    model = Bigram(Space((5,), levels=3))
    data = torch.tensor([[0, 1, 2, 0, 1], [1, 1, 0, 2, 2], [2, 0, 1, 1, 0], [0, 0, 0, 1, 2]])
    model.begin()
    model.accumulate(Batch(data.to(torch.uint8)))
    model.finish()
    for known in ([True, True, False, False, False], [False, True, False, False, True]):
        seen = measure(Mask(torch.tensor(known)), as_numbers(model.space, data[:1].to(torch.uint8)), Exact(), seed=0)
        exact = solve(model, seen, n=4000, seed=1, method="enumerate")
        found = solve(model, seen, n=4000, seed=2, method="ancestral", particles=32, allow_collapse=True)
        assert found.exactness is (Exactness.EXACT if known[1] and known[0] else Exactness.ASYMPTOTIC)
        assert off(found, exact) < 0.12
        assert found.log_evidence is not None
        assert exact.log_evidence is not None
        assert abs(found.log_evidence.item() - exact.log_evidence.item()) < 0.05


@pytest.mark.parametrize("entry", [1, 2])
def test_an_order_takes_the_channels_of_a_pixel_together(entry: int) -> None:
    """Of a picture of two channels and two pixels the second symbol is the second channel of the first pixel."""
    model = ready("made/few")
    assert model.space.shape == (2, 2, 1)
    known = torch.zeros(4, dtype=torch.bool)
    known[[0, entry]] = True
    x = as_numbers(model.space, batch(model, 1).x)
    seen = measure(Mask(known.reshape(2, 2, 1)), x, Exact(), seed=0)
    found = solve(model, seen, n=3000, seed=2, method="ancestral", particles=16, allow_collapse=True)
    assert found.exactness is (Exactness.EXACT if entry == 2 else Exactness.ASYMPTOTIC)
    exact = solve(model, seen, n=1, seed=1, method="enumerate")
    assert abs(found.log_evidence.item() - exact.log_evidence.item()) < 0.1
    assert total_variation(found, shares(model, seen), model) < 0.06


def test_particles_that_change_places_keep_their_condition(monkeypatch) -> None:
    """A model whose state cannot be had of some rows is told anew, under what was given."""

    def turned(now: Particles, noise: Noise) -> tuple[Particles, torch.Tensor]:
        index = torch.arange(len(now.x)).view(-1, 8).flip(1).flatten()
        return Particles(now.x[index], now.log_w[index], now.log_z), index

    monkeypatch.setattr(ancestral, "resampled", turned)
    torch.manual_seed(0)
    model = MADE(Space((4,), levels=2), Space((), levels=2), width=8, depth=1)
    assert not hasattr(model.able(Sequential), "select")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * Noise(2).normal(parameter.numel()).view_as(parameter))
    seen = measure(Mask(torch.arange(4) == 2), torch.tensor([[0.0, 0, 1, 0]]).double(), Gaussian(0.5), seed=0)
    for label in (0, 1):
        given = torch.tensor([label])
        exact = solve(model, seen, n=3000, seed=1, given=given, method="enumerate")
        found = solve(model, seen, n=3000, seed=2, given=given, method="ancestral", particles=8, allow_collapse=True)
        assert off(found, exact) < 0.05


def test_particles_see_sums_before_they_are_whole() -> None:
    """Means of squares of a picture drawn pixel by pixel, of whose states some rows go on."""
    torch.manual_seed(0)
    model = PixelCNN(Space((1, 2, 4), levels=3), width=4, depth=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(Noise(2).normal(parameter.numel()).view_as(parameter) / 2)
    x = as_numbers(model.space, model.sample(1, seed=4))
    seen = measure(AveragePool((1, 2, 4), 2), x, Gaussian(0.05), seed=0)
    exact = solve(model, seen, n=1000, seed=1, method="enumerate")
    found = solve(model, seen, n=1000, seed=2, method="ancestral", particles=16)
    assert found.exactness is Exactness.ASYMPTOTIC
    assert off(found, exact) < 0.2  # of numbers up to 4
    assert found.log_evidence is not None
    assert exact.log_evidence is not None
    assert abs(found.log_evidence.item() - exact.log_evidence.item()) < 0.1


@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.4)])
def test_a_hidden_chain_given_some_of_its_symbols(noise) -> None:
    """Forward filtering and backward sampling have the evidence and the law of all 64 states."""
    model = HMM(Space((3, 2), levels=2), states=3)
    x = (Noise(0).uniform(60, 3, 2) < torch.tensor([0.3, 0.8])).to(torch.uint8)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch(x))
    model.finish()
    known = torch.tensor([[True, False], [False, False], [False, True]])
    seen = measure(Mask(known), as_numbers(model.space, x[:1]), noise, seed=0)
    found = solve(model, seen, n=4000, seed=2)
    assert (found.method, found.exactness) == ("filter", Exactness.EXACT)
    exact = solve(model, seen, n=1, seed=1, method="enumerate")
    torch.testing.assert_close(found.log_evidence, exact.log_evidence)
    assert total_variation(found, shares(model, seen), model) < 0.05


@pytest.mark.parametrize("covariance", ["full", "tied", "diag"])
@pytest.mark.parametrize("noise", [Exact(), Gaussian(0.4)])
def test_a_hidden_chain_of_reals_is_a_mixture_over_its_paths(covariance, noise) -> None:
    """A chain of three steps of two states is a mixture of eight Gaussians, whose posterior is known."""
    model = HMM(Space((3, 2)), states=2, covariance=covariance).double()
    bits = (Noise(1).uniform(200, 1, 1) < 0.5).double() * 3
    x = bits + Noise(0).normal(200, 3, 2, dtype=torch.float64) @ torch.tensor([[1.0, 0.6], [0.0, 0.5]]).double()
    model.prepare([Batch(x)])
    model.begin(), model.accumulate(Batch(x)), model.finish()
    seen = measure(Mask(torch.tensor([[True, False], [False, False], [True, True]])), x[:1], noise, seed=0)
    found = solve(model, seen, n=20_000, seed=2)
    assert (found.method, found.exactness) == ("filter", Exactness.EXACT)
    exact = of_paths(model, seen)
    assert found.log_evidence is not None
    torch.testing.assert_close(found.log_evidence, exact.log_evidence)
    drawn = found.x[:, 0].flatten(1).double()
    error = drawn.std(0) / 20_000**0.5
    assert bool(((drawn.mean(0) - exact.mean()[0]).abs() <= 4.5 * error + 1e-5).all())
    others = exact.draw(20_000, Noise(5))
    torch.testing.assert_close(drawn.T.cov(), others.T.cov(), atol=0.06, rtol=0)


def of_paths(model: HMM, seen: Measurement) -> Conditioned:
    """The posterior of three Gaussian steps as that of a mixture over all paths of their states."""
    gaussians, groups = model.emissions.gaussians, []  # type: ignore[union-attr]
    for path in itertools.product(range(len(model.transition)), repeat=3):
        which = torch.tensor(path)
        log_w = model.initial[0, path[0]].log() + model.transition[which[:-1], which[1:]].log().sum()
        root = torch.linalg.cholesky(torch.block_diag(*gaussians.covariances(which)))
        groups.append(Group(log_w[None], gaussians.means[which].flatten()[None], root))
    matrix, y = seen.operator.matrix(), seen.y.flatten(1)[:, seen.operator.counted.flatten()]  # type: ignore[union-attr]
    return Conditioned(groups, matrix, y, seen.noise.variance(y[0]))


def test_a_product_by_the_evidence_of_its_second_part() -> None:
    torch.manual_seed(0)
    a, b = Space((2,), levels=2), Space((3,), levels=2)
    model = Joint(Space((5,), levels=2), MADE(a, width=8), MADE(b, {"a": a}, width=8), [0, 3])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(Noise(2).normal(parameter.numel()).view_as(parameter) / 2)
    x = as_numbers(model.space, model.sample(1, seed=0))
    seen = measure(Mask(torch.tensor([True, False, True, False, True])), x, Gaussian(0.7), seed=0)
    found, exact = (
        solve(model, seen, n=500, seed=2, method="joint", particles=8),
        solve(model, seen, seed=1, method="enumerate"),
    )
    assert found.exactness is Exactness.ASYMPTOTIC
    assert total_variation(found, shares(model, seen), model) < 0.1
    assert found.log_evidence is not None
    assert exact.log_evidence is not None
    assert abs(found.log_evidence.item() - exact.log_evidence.item()) < 0.02


@pytest.mark.parametrize(("method", "options"), [("langevin", {"steps": 150, "after": 100}), ("mwg", {"sweeps": 120})])
def test_chains_in_x_and_within_gibbs(method, options) -> None:
    """A Gaussian with two latents, of which two entries were seen through noise: moments of the closed form."""
    model, x = gaussian_rows(PPCA(Space((4,)), rank=2).double())
    seen = measure(Mask(torch.tensor([True, False, True, False])), x[:1], Gaussian(0.8), seed=0)
    exact = solve(model, seen, n=4000, seed=1, method="closed")
    found = solve(model, seen, n=600, seed=2, method=method, **options)
    assert found.exactness is Exactness.ASYMPTOTIC
    assert found.diagnostics["rhat"] < 1.1
    assert ((found.mean() - exact.mean()).abs() / exact.std()).max() < 0.16
    assert (found.std() / exact.std() - 1).abs().max() < 0.12


def test_walks_in_a_latent() -> None:
    """Annealed walks have the moments and the evidence of the closed form; the search for one z is a point."""
    model, _ = gaussian_rows(Pushed(Space((4,))).double())
    seen = Measurement(Matrix(Noise(3).normal(2, 4).double()), torch.tensor([[1.0, 2.0]]).double(), Gaussian(0.3))
    exact = solve(model, seen, n=2000, seed=1, method="closed")
    found = solve(model, seen, n=1000, seed=2, method="latent")
    assert found.exactness is Exactness.ASYMPTOTIC
    assert ((found.mean() - exact.mean()).abs() / exact.std()).max() < 0.15
    assert (found.std() / exact.std() - 1).abs().max() < 0.1
    assert found.log_evidence is not None
    assert exact.log_evidence is not None
    assert abs(found.log_evidence.item() - exact.log_evidence.item()) < 0.2
    point = solve(model, seen, n=1, seed=2, method="pulse")
    assert point.exactness is Exactness.POINT
    assert (seen.operator(point.x[0]) - seen.y).abs().max() < 0.1


def test_what_a_latent_leaves_open() -> None:
    """Where p(x | z) has a spread: a linear-Gaussian autoencoder, whose posterior is known in closed form."""
    model = PPCA(Space((6,)), rank=2).double()
    data = Noise(0).normal(400, 2, dtype=torch.float64) @ Noise(1).normal(2, 6, dtype=torch.float64)
    data = data + 0.7 * Noise(2).normal(400, 6, dtype=torch.float64)
    model.prepare([Batch(data)])
    model.begin()
    model.accumulate(Batch(data))
    model.finish()
    mask = Mask(torch.tensor([True, True, False, True, False, False]))
    for operator in (mask, Matrix(Noise(3).normal(2, 6).double())):
        seen = measure(operator, data[:1], Gaussian(0.3), seed=0)
        exact = solve(model, seen, n=2000, seed=1, method="closed")
        found = solve(model, seen, n=300, seed=2, method="latent")
        assert found.exactness is Exactness.APPROXIMATE
        assert ((found.mean() - exact.mean()).abs() / exact.std()).max() < 0.25
        assert (found.std() / exact.std() - 1).abs().max() < 0.15


def test_what_is_impossible_names_the_entry() -> None:
    model = Ising(Space((4,), levels=2), Graph.torus((2, 2), 0.4))
    half = Measurement(Mask(torch.tensor([True, False, False, False])), torch.tensor([[0.5, 0, 0, 0]]), Exact())
    with pytest.raises(ValueError, match="entry 0 of row 0"):
        solve(model, half, n=1, seed=0, method="gibbs")
