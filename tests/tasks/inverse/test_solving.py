"""Which method solves what, and answers against closed forms and enumeration."""

import math

import pytest
import torch

from genzoo.core import Batch, Noise, Space, Unsupported
from genzoo.models import Dequantized, Standardized
from genzoo.models.classical import PPCA, GaussianMixture, KernelDensity
from genzoo.models.classical import Gaussian as OneGaussian
from genzoo.models.graphical import Graph, Ising, LinearGaussianNet
from genzoo.tasks.importance import WeightsCollapsed
from genzoo.tasks.inverse import (
    AveragePool,
    Exact,
    Exactness,
    Gaussian,
    Identity,
    Interval,
    Mask,
    Measurement,
    Operator,
    as_numbers,
    hidden,
    measure,
    methods,
    solve,
)
from tests.tasks.inverse.oracle import Matrix, mixture_of, question


def fitted(model, x):
    model.prepare([Batch(x)])
    for _ in range(20):
        model.begin()
        model.accumulate(Batch(x))
        model.finish()
    return model


def rows(n: int = 200) -> torch.Tensor:
    mixed = Noise(0).normal(n, 4, dtype=torch.float64) @ Noise(1).normal(4, 4, dtype=torch.float64)
    return 3.0 + mixed.float()


@pytest.mark.parametrize("make", [
    lambda: OneGaussian(Space((4,))),
    lambda: GaussianMixture(Space((4,)), components=3, covariance="diag"),
    lambda: GaussianMixture(Space((4,)), components=3, covariance="tied"),
    lambda: PPCA(Space((4,)), rank=2),
    lambda: KernelDensity(Space((4,)), bandwidth=0.5),
    lambda: LinearGaussianNet(Space((4,)), {1: [0], 3: [1]}),
    lambda: Standardized(GaussianMixture(Space((4,)), components=2)),
])  # fmt: skip
def test_evidence_and_draws_are_those_of_the_density(make) -> None:
    """p(y) p(x | y) = p(x) p(y | x): weighted rows of the model agree with the closed form in evidence and mean."""
    model = fitted(make(), rows())
    seen = Measurement(Matrix(Noise(3).normal(2, 4)), torch.tensor([[1.0, 4.0]]), Gaussian(1.5))
    found = solve(model, seen, n=4000, seed=0)
    assert (found.method, found.exactness) == ("closed", Exactness.EXACT)
    x = model.sample(40_000, seed=1)
    log_w = seen.rows(torch.zeros(len(x), dtype=torch.int64)).log_prob(x).double()
    w = log_w.softmax(0)
    assert found.log_evidence is not None
    ess = 1 / w.square().sum().item()
    assert abs(log_w.logsumexp(0).item() - math.log(len(x)) - found.log_evidence.item()) < 5 / math.sqrt(ess)
    off = (found.mean()[0].double() - w @ x.double()) / found.std()[0].double()
    assert off.abs().max() < 5 * (1 / math.sqrt(ess) + 1 / math.sqrt(4000))


def test_classes_rule_out_components() -> None:
    model = GaussianMixture(Space((2,)), Space((), levels=2), components=1)
    model.gaussians.means.copy_(torch.tensor([[-5.0, 0.0], [5.0, 0.0]]))
    seen = Measurement(Matrix(torch.tensor([[0.0, 1.0]])), torch.zeros(2, 1), Gaussian(0.1))
    found = solve(model, seen, n=50, seed=0, given=torch.tensor([0, 1]))
    assert found.x[:, 0, 0].max() < 0 < found.x[:, 1, 0].min()
    assert found.log_evidence is not None
    both = solve(model, seen, n=50, seed=0)
    assert both.x[:, 0, 0].min() < 0 < both.x[:, 0, 0].max()


def test_an_exact_mask_is_imputation() -> None:
    """Known entries come back as they are; the others have the conditional's mean."""
    model = fitted(OneGaussian(Space((4,))), rows())
    x = rows(3)
    mask = Mask(torch.tensor([True, False, True, False]))
    found = solve(model, measure(mask, x, Exact(), seed=0), n=500, seed=0)
    assert found.exactness is Exactness.EXACT
    torch.testing.assert_close(found.x[:, :, ::2], x[:, ::2].expand(500, -1, -1), atol=1e-4, rtol=1e-4)
    by_row = Mask(mask.known.expand(3, 4), by_row=True)
    again = solve(model, measure(by_row, x, Exact(), seed=0), n=500, seed=0, method="closed")
    torch.testing.assert_close(again.mean(), found.mean(), atol=0.2, rtol=0.1)


def test_levels_come_back_as_levels() -> None:
    x = Noise(5).integers(16, 300, 4).to(torch.uint8)
    model = fitted(Dequantized(OneGaussian(Space((4,))), levels=16), x)
    seen = measure(hidden((4,), 0.5), as_numbers(model.space, x[:3]), Gaussian(0.01), seed=0)
    found = solve(model, seen, n=20, seed=0, method="closed")
    assert found.x.dtype is torch.uint8
    assert found.exactness is Exactness.APPROXIMATE
    known = seen.operator.known
    assert torch.equal(found.x[:, :, known].float().median(0).values, x[:3, known].float())


def test_a_lattice_is_counted() -> None:
    """16 spins of which 5 are known: the shares of all states, by enumeration."""
    edges = torch.tensor([[i, i + 1] for i in range(15)] + [[i, i + 4] for i in range(12)])
    model = Ising(Space((16,), levels=2), Graph(16, edges, torch.full((len(edges),), 0.3)))
    known = torch.zeros(16, dtype=torch.bool)
    known[[0, 3, 6, 9, 14]] = True
    x = model.sample(1, seed=0)
    seen = measure(Mask(known), as_numbers(model.space, x), Exact(), seed=0)
    found = solve(model, seen, n=20_000, seed=1)
    assert (found.method, found.exactness) == ("enumerate", Exactness.EXACT)
    assert torch.equal(found.x[:, 0][:, known], x[:, known].expand(20_000, -1))
    every = torch.cartesian_prod(*[torch.arange(2)] * 11)
    whole = x.expand(len(every), -1).clone()
    whole[:, ~known] = every.to(x.dtype)
    log_p = torch.cat([model.log_prob(part) for part in whole.split(1024)])
    shares = log_p.double().softmax(0)
    drawn = found.x[:, 0][:, ~known].double().mean(0)
    assert (drawn - shares @ every.double()).abs().max() < 0.02


def test_weights_that_collapse_are_an_error() -> None:
    model = mixture_of(5)
    seen = question(model, m=6, sigma=1e-3)
    with pytest.raises(WeightsCollapsed, match="Ask for more `draws`"):
        solve(model, seen, seed=0, method="importance")
    wide = solve(model, question(model, m=1, sigma=1.0), n=50, seed=0, method="importance")
    narrow = solve(model, question(model, m=1, sigma=0.01), n=50, seed=0, method="importance")
    assert bool((narrow.diagnostics["ess"] > 10).all()), "few rows of the first are near, and enough of all"
    exact = solve(model, question(model, m=1, sigma=1.0), n=50, seed=0)
    assert wide.log_evidence is not None
    assert exact.log_evidence is not None
    assert abs(wide.log_evidence.item() - exact.log_evidence.item()) < 0.1


def test_the_same_rows_serve_all_measurements_and_no_more_than_tell_that_there_is_no_hope() -> None:
    model, drawn = mixture_of(5), []

    class Told(type(model)):  # type: ignore[misc]
        def sample(self, n, *args, **kwargs):
            drawn.append(n)
            return super().sample(n, *args, **kwargs)

    model.__class__ = Told
    seen = measure(Identity((8,)), torch.zeros(3, 8) + torch.arange(3.0)[:, None], Gaussian(1.0), seed=0)
    solve(model, seen, n=2, seed=0, method="importance", allow_collapse=True)
    assert drawn == [4096]
    drawn.clear()
    with pytest.raises(WeightsCollapsed, match="256 weighted rows must be worth 10, got 1"):
        solve(model, measure(Identity((8,)), torch.zeros(3, 8), Gaussian(1e-3), seed=0), seed=0, method="importance")
    assert drawn == [256]


def test_nothing_and_everything_measured() -> None:
    model = fitted(OneGaussian(Space((4,))), rows())
    nothing = solve(model, measure(hidden((4,), 1.0), rows(2), Gaussian(0.1), seed=0), n=3, seed=7)
    assert (nothing.method, nothing.exactness) == ("sample", Exactness.EXACT)
    assert torch.equal(nothing.x[0, 0], model.sample(1, seed=7)[0])
    everything = solve(model, measure(Identity((4,)), rows(2), Exact(), seed=0), n=3, seed=7)
    assert torch.equal(everything.x[2], rows(2))


def test_methods_say_why_not() -> None:
    model = fitted(OneGaussian(Space((4,))), rows())
    choices = {
        choice.name: choice for choice in methods(model, measure(Identity((4,)), rows(1), Interval(0.5), seed=0))
    }
    assert "not linear with Gaussian noise" in choices["closed"].why_not
    assert "no denoiser" in str(choices["mmps"])
    assert not choices["importance"].why_not
    with pytest.raises(Unsupported, match="no denoiser"):
        solve(model, measure(Identity((4,)), rows(1), Gaussian(0.5), seed=0), method="mmps")


def test_what_cannot_be_is_refused() -> None:
    x = Noise(5).integers(256, 300, 4).to(torch.uint8)
    model = fitted(Dequantized(OneGaussian(Space((4,))), levels=256), x)
    seen = measure(Identity((4,)), x[:1].float(), Gaussian(0.1), seed=0)
    with pytest.raises(ValueError, match="divid"):
        solve(model, seen, seed=0)
    with pytest.raises(ValueError, match="operator of"):
        solve(model, measure(AveragePool((1, 2, 2), 2), torch.zeros(1, 1, 2, 2), Gaussian(0.1), seed=0), seed=0)
    twice = Measurement(Matrix(torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0]])), torch.zeros(1, 2), Exact())
    with pytest.raises(ValueError, match="twice without noise"):
        solve(fitted(OneGaussian(Space((4,))), rows()), twice, seed=0)
    with pytest.raises(ValueError, match="no option steps"):
        solve(model, measure(Identity((4,)), rows(1), Gaussian(0.5), seed=0), method="closed", steps=3)


class Rounded(Operator):
    """What nothing can be led by."""

    def forward(self, x):
        return x.round()


def test_questions_without_an_answer_are_refused() -> None:
    """Impossible measurements, too little noise, operators without a slope, answers that a model cannot give."""
    spins = Ising(Space((3,), levels=2), Graph(3, torch.tensor([[0, 1]]), torch.ones(1)))
    between = Measurement(Identity((3,)), torch.tensor([[0.0, 0.5, 1.0]]), Exact())
    hidden_one = Measurement(Mask(torch.tensor([True, True, False])), torch.tensor([[0.0, 0.5, 0.0]]), Exact())
    for method in ("enumerate", "gibbs"):
        with pytest.raises(ValueError, match="row 0|entry 1 of row 0"):
            solve(spins, hidden_one, seed=0, method=method)
    with pytest.raises(ValueError, match="entry \\[1\\] of row 0"):
        solve(spins, between, seed=0)
    model = mixture_of(1)
    faint = question(model, sigma=1e-4)
    with pytest.raises(Unsupported, match="single precision cannot invert"):
        solve(model, faint, seed=0, method="mmps")
    steps = Measurement(Rounded((8,), (8,)), torch.zeros(1, 8, dtype=torch.float64), Gaussian(0.1))
    for method in ("dps", "twisted", "langevin"):
        with pytest.raises(Unsupported, match="no slope to follow"):
            solve(model, steps, seed=0, method=method)
    with pytest.raises(Unsupported, match="closed cannot: the model is no mixture of Gaussians. Of those that do: "):
        solve(spins, hidden_one, seed=0, method="closed")
    with pytest.raises(Unsupported, match="there is no magic"):
        solve(model, faint, seed=0, method="magic")
    labeled = GaussianMixture(Space((2,)), Space((), levels=2), components=1)
    seen = Measurement(Identity((2,)), torch.zeros(1, 2), Gaussian(0.1))
    with pytest.raises(ValueError, match="given"):
        solve(labeled, seen, seed=0, given=torch.tensor([7]))
    with pytest.raises(ValueError, match="At least one draw"):
        solve(labeled, seen, n=0)
    with pytest.raises(ValueError, match="in rows of shape"):
        Measurement(Identity((2,)), torch.zeros(1, 3), Gaussian(0.1))
