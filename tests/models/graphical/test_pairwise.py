"""Ising's and Potts's models against the sum over all states, against Kaufman, and against each other."""

import itertools
import math
import warnings

import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Batch, Likelihood, Noise, Space
from genzoo.models.graphical import Graph, Ising, PairwiseField, Potts, kaufman_log_partition
from genzoo.models.graphical.pairwise import ENUMERABLE

METHODS = ["gibbs", "swendsen-wang", "wolff"]


def glass(n: int = 5, *, ferro: bool = False, beta: float = 0.7) -> Ising:
    weights = Noise(1).normal(n, n, dtype=torch.float64)
    matrix = (weights.abs() if ferro else weights).triu(1) / 2
    model = Ising(Space((n,), levels=2), matrix + matrix.T, Noise(2).normal(n) / 2, beta=beta)
    return model.double()


def colored(*, ferro: bool = True) -> Potts:
    weights = Noise(3).uniform(6) if ferro else Noise(3).normal(6)
    edges = torch.tensor(list(itertools.combinations(range(4), 2)))
    return Potts(Space((4,), levels=3), Graph.along(4, edges, weights), Noise(4).normal(4, 3) / 2).double()


def by_hand(model: PairwiseField) -> tuple[Tensor, Tensor]:
    """All states and −βE, from the definition alone."""
    x = torch.tensor(list(itertools.product(range(len(model.features)), repeat=model.space.dims)))
    energy = torch.zeros(len(x), dtype=torch.float64)
    for (i, j), weight in zip(model.edges.tolist(), model.couplings.detach(), strict=True):
        same = (x[:, i] == x[:, j]).double()
        energy -= weight * (2 * same - 1 if isinstance(model, Ising) else same)
    for i in range(model.space.dims):
        energy -= (model.field.detach()[i] * model.features[x[:, i]]).sum(1)
    return x, -model.beta * energy


MODELS = {
    "glass": glass,
    "ferro": lambda: glass(ferro=True),
    "potts": colored,
    "frustrated potts": lambda: colored(ferro=False),
}


@pytest.mark.parametrize("name", MODELS)
def test_everything_is_the_sum_over_all_states(name: str) -> None:
    model = MODELS[name]()
    x, weights = by_hand(model)
    assert torch.allclose(-model.beta * model.energy(x), weights, atol=1e-12)
    assert model.log_partition().value == pytest.approx(weights.logsumexp(0).item(), abs=1e-10)
    assert torch.allclose(model.log_prob(x), weights.log_softmax(0), atol=1e-10)
    states, probs = model.enumerate()
    assert torch.equal(states.long(), x)
    assert torch.allclose(probs, weights.softmax(0), atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_conditionals_are_ratios_of_joint_probabilities(name: str) -> None:
    """For every site and state: a sweep over one color moves as p(x_i | x_-i) says."""
    model = MODELS[name]()
    x, _ = by_hand(model)
    phi = model._phi(x)
    logits = model.beta * (model._influence(phi) + model.field) @ model.features.T
    for i in range(model.space.dims):
        rows = []
        for v in range(len(model.features)):
            other = x.clone()
            other[:, i] = v
            rows.append(-model.beta * model.energy(other))
        assert torch.allclose(logits[:, i].log_softmax(1), torch.stack(rows, 1).log_softmax(1), atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["ferro", "potts"])
def test_every_kernel_leaves_the_distribution_as_it_is(name: str, method: str) -> None:
    """Rows drawn exactly, then moved a few times, are still exact draws."""
    model = MODELS[name]()
    x, weights = by_hand(model)
    kernel, rows = model.kernel(method), model.sample(40_000, seed=3).flatten(1).long()
    state = kernel.init(rows)
    for t in range(3):
        state = kernel.step(state, Noise(5).tick(t))
    assert chi_square(state.x, x, weights.softmax(0)) > 1e-4
    assert not torch.equal(state.x, rows)


@pytest.mark.parametrize("method", ["exact", *METHODS])
@pytest.mark.parametrize("name", ["ferro", "potts"])
def test_chains_reach_the_distribution(name: str, method: str) -> None:
    model = MODELS[name]()
    x, weights = by_hand(model)
    rows = model.sample(4000, seed=4, method=method, sweeps=30).flatten(1).long()
    assert chi_square(rows, x, weights.softmax(0)) > 1e-4


def chi_square(rows: Tensor, x: Tensor, probs: Tensor) -> float:
    levels = int(x.max()) + 1
    places = (rows * levels ** torch.arange(x.shape[1]).flip(0)).sum(1)
    observed, expected = places.bincount(minlength=len(x)).double(), probs * len(rows)
    often = expected > 5
    pairs = [torch.cat([part[often], part[~often].sum()[None]]) for part in (observed, expected)]
    keep = pairs[1] > 0
    return stats.chisquare(pairs[0][keep], pairs[1][keep] * pairs[0].sum() / pairs[1].sum()).pvalue


def test_the_lectures_figures() -> None:
    model = Ising(Space((3, 3), levels=2), Graph.torus((3, 3)), beta=0.4).double()
    x, probs = model.enumerate()
    assert (probs * model.energy(x)).sum().item() / 9 == pytest.approx(-1.462122, abs=5e-7)
    assert (probs * model.magnetization(x).abs()).sum().item() == pytest.approx(0.816861, abs=5e-7)
    assert model.log_partition().value == pytest.approx(8.456456, abs=5e-7)
    for method in METHODS:
        rows = model.sample(2000, seed=1, method=method, sweeps=50)
        for seen, truth in ((model.energy(rows) / 9, -1.462122), (model.magnetization(rows).abs(), 0.816861)):
            assert seen.mean().item() == pytest.approx(truth, abs=4 * seen.std().item() / math.sqrt(2000))


def test_potts_of_two_colors_is_ising() -> None:
    potts = Potts(Space((2, 3), levels=2), Graph.torus((2, 3), 1.4), beta=0.6).double()
    ising = Ising(Space((2, 3), levels=2), Graph.torus((2, 3), 0.7), beta=0.6).double()
    x = potts.enumerate()[0]
    assert torch.allclose(potts.log_prob(x), ising.log_prob(x), atol=1e-12)


def test_annealing_finds_kaufmans_partition_function() -> None:
    model = Ising(Space((6, 6), levels=2), Graph.torus((6, 6)), beta=0.4).double()
    assert model.likelihood is Likelihood.ESTIMATE
    found = model.log_partition(chains=200, temperatures=150)
    assert found.value == pytest.approx(kaufman_log_partition(0.4, 6), abs=4 * found.error)
    assert 0 < found.error < 0.1
    assert not found.trouble
    assert model.log_partition(chains=200, temperatures=150) is found
    with torch.no_grad():
        model.couplings.mul_(1.01)
    assert model.log_partition(chains=200, temperatures=150).value > found.value


def test_annealing_with_fields_agrees_with_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = {name: MODELS[name]().log_partition().value for name in MODELS}
    monkeypatch.setattr("genzoo.models.graphical.pairwise.ENUMERABLE", 1)
    for name, value in exact.items():
        found = MODELS[name]().log_partition(chains=500, temperatures=50)
        assert found.value == pytest.approx(value, abs=4 * found.error)
        assert found.error > 0


def test_weights_that_rest_on_few_chains_are_told() -> None:
    model = Ising(Space((400,), levels=2), Graph.torus((20, 20)), beta=1.5)
    x = model.sample(2, seed=0, method="swendsen-wang", sweeps=2)
    with pytest.warns(UserWarning, match="not to be trusted"):
        model.log_prob(x, chains=32, temperatures=4)


def test_chains_that_do_not_mix_are_told() -> None:
    cold = Ising(Space((144,), levels=2), Graph.torus((12, 12)), beta=0.8)
    stuck = cold.diagnose(sweeps=60)
    assert not stuck.mixed
    assert any("do not agree" in sentence for sentence in stuck.trouble)
    assert cold.diagnose(method="wolff", sweeps=200).rhat.max() < 1.05


def test_the_gradient_is_that_of_the_likelihood() -> None:
    """∂ log p̄ / ∂J_ij = β (⟨s_i s_j⟩_data − ⟨s_i s_j⟩_model)."""
    model = glass()
    data = torch.tensor([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
    model.loss(Batch(data)).backward()
    x, probs = model.enumerate()
    s, t = 2 * x.double() - 1, 2 * data.double() - 1
    i, j = model.edges.T
    expected = -model.beta * ((t[:, i] * t[:, j]).mean(0) - (probs[:, None] * s[:, i] * s[:, j]).sum(0))
    assert torch.allclose(model.couplings.grad, expected, atol=1e-12)


def test_pseudo_likelihood_finds_the_couplings(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = glass(6)
    data = truth.sample(40_000, seed=0)
    monkeypatch.setattr("genzoo.models.graphical.pairwise.ENUMERABLE", 1)
    model = Ising(Space((6,), levels=2), Graph.complete(6), beta=truth.beta).double()
    model.prepare([Batch(data)])
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=60)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model.loss(Batch(data))
        loss.backward()
        return loss

    optimizer.step(closure)
    assert (model.couplings - truth.couplings).abs().max() < 0.05
    assert (model.field - truth.field).abs().max() < 0.05


def test_a_start_without_couplings_has_the_datas_means() -> None:
    data = glass(6).sample(5000, seed=0)
    for model in (Ising(Space((6,), levels=2), Graph.complete(6), beta=0.5), colored()):
        with torch.no_grad():
            model.couplings.zero_()
        rows = data[:, : model.space.dims]
        model.prepare([Batch(rows)])
        x, probs = model.enumerate()
        assert torch.allclose((probs[:, None] * x).sum(0).float(), rows.float().mean(0), atol=1e-3)


def test_large_sparse_graphs_need_no_matrix() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Ising(Space((72, 72), levels=2), Graph.torus((72, 72)), beta=0.3)
        x = model.sample(2, seed=0, sweeps=3)
        assert model.energy(x).shape == (2,)
        model.loss(Batch(x)).backward()
    assert model.couplings.grad.isfinite().all()


def test_zero_temperature_differences_do_not_overflow() -> None:
    model = Ising(Space((3, 3), levels=2), Graph.torus((3, 3)), beta=500.0)
    assert model.log_prob(torch.ones(1, 3, 3, dtype=torch.uint8)).item() == pytest.approx(-math.log(2), abs=1e-3)
    assert model.sample(20, seed=0).flatten(1).float().std(1).max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": -0.1}, "beta"),
        ({"beta": math.inf}, "beta"),
        ({"couplings": [[0.0, 1.0], [0.0, 0.0]]}, "symmetric"),
        ({"couplings": [[0.0, math.inf], [math.inf, 0.0]]}, "finite"),
        ({"couplings": Graph.torus((2, 2))}, "2 entries"),
        ({"field": torch.zeros(3)}, "field"),
        ({"field": torch.tensor([0.0, math.nan])}, "field"),
        ({"space": Space((2,), levels=3)}, "two levels"),
        ({"space": Space((2,))}, "two levels"),
        ({"sweeps": -1}, "sweeps"),
    ],
)
def test_impossible_models_are_refused(arguments: dict, message: str) -> None:
    good = {"space": Space((2,), levels=2), "couplings": [[0.0, 1.0], [1.0, 0.0]]}
    with pytest.raises(ValueError, match=message):
        Ising(**good | arguments)


def test_clusters_of_no_ferromagnet_are_refused() -> None:
    with pytest.raises(ValueError, match="ferromagnet"):
        glass().sample(3, method="swendsen-wang")


def test_too_many_states_are_not_summed() -> None:
    with pytest.raises(ValueError, match=f"{ENUMERABLE:,} states"):
        Ising(Space((6, 6), levels=2), Graph.torus((6, 6))).enumerate()
    with pytest.raises(ValueError, match="levels"):
        Potts(Space((2,), levels=1), Graph.complete(2))
