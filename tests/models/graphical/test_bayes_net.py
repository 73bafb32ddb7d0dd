"""Nets of tables against sums over all states, against known figures, and their approximations against both."""

import itertools
import math
import types

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Column, Noise, Space
from genzoo.models.graphical import BayesNet, ChowLiu, asia, gibbs_marginals, mean_field, sprinkler
from genzoo.models.graphical.factors import Factor, eliminate, product

DIAMOND = {1: [0], 2: [0], 3: [1, 2], 4: [3, 0]}


def random_net(levels: int = 3, parents: object = types.MappingProxyType(DIAMOND), n: int = 5) -> BayesNet:
    net = BayesNet(Space((n,), levels=levels), dict(parents))
    for i in range(n):
        logits = 1.5 * Noise(i).normal(net.table(i).numel(), dtype=torch.float64)
        net.set_table(i, logits.reshape(net.table(i).shape).softmax(-1))
    return net


def every(net: BayesNet) -> Tensor:
    return torch.tensor(list(itertools.product(range(net.levels), repeat=net.space.dims)))


def fitted(model: object, data: Tensor) -> dict[str, float]:
    model.begin()
    for part in data.split(100):
        model.accumulate(Batch(part))
    return model.finish()


def test_the_joint_table_is_the_product_of_conditionals() -> None:
    net = random_net()
    for x in every(net)[::7]:
        expected = math.prod(net.table(i)[(*(int(x[p]) for p in net.parents[i]), int(x[i]))].item() for i in range(5))
        assert net.log_prob(x[None]).exp().item() == pytest.approx(expected, abs=1e-12)
    assert net.log_prob(every(net)).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("evidence", [{}, {4: 1}, {0: 2, 3: 0}, {1: 0, 2: 1, 4: 2}])
def test_elimination_is_the_sum_over_all_states(evidence: dict) -> None:
    net, free = random_net(), [i for i in range(5) if i not in evidence]
    x, fits = every(net), torch.ones(3**5, dtype=torch.bool)
    for variable, value in evidence.items():
        fits &= x[:, variable] == value
    probs = net.log_prob(x).exp() * fits
    assert net.log_evidence(evidence) == pytest.approx(probs.sum().log().item(), abs=1e-10)
    for query in ([free[0]], [free[-1], free[0]] if len(free) > 1 else free):
        expected = torch.zeros(*[3] * len(query), dtype=torch.float64)
        expected.index_put_(tuple(x[:, i] for i in query), probs, accumulate=True)
        assert torch.allclose(net.posterior(query, evidence), expected / expected.sum(), atol=1e-12)


def test_known_figures() -> None:
    net = asia()
    yes = {name: net.posterior([name])[1].item() for name in net.names}
    expected = {"tuberculosis": 0.0104, "cancer": 0.055, "bronchitis": 0.45, "xray": 0.11029, "dyspnoea": 0.43597}
    assert {name: yes[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    assert sprinkler().posterior(["rain"], {"wet": 1})[1].item() == pytest.approx(0.7079, abs=5e-5)


def test_parameters_are_counted() -> None:
    net = asia()
    chain = BayesNet(Space((8,), levels=2), {i: list(range(i)) for i in range(1, 8)})
    assert (net.parameter_count, chain.parameter_count, 2**8 - 1) == (18, 255, 255)


def test_tables_are_counts() -> None:
    truth = random_net()
    data = truth.sample(3000, seed=1)
    net = BayesNet(truth.space, DIAMOND, smoothing=0.5)
    metrics = fitted(net, data)
    counts = torch.zeros(3, 3, 3, dtype=torch.float64)
    for row in data.tolist():
        counts[row[1], row[2], row[3]] += 1
    assert torch.allclose(net.table(3), (counts + 0.5) / (counts + 0.5).sum(-1, keepdim=True), atol=1e-12)
    assert metrics["loss"] == pytest.approx(-net.log_prob(data).mean().item(), abs=1e-10)
    assert (net.table(0) - truth.table(0)).abs().max() < 0.05


def test_gibbs_reaches_the_exact_answer() -> None:
    net, evidence = random_net(), {4: 1}
    found = gibbs_marginals(net, evidence, chains=400, sweeps=200)
    for i in range(4):
        assert (found[i] - net.posterior([i], evidence)).abs().max() < 0.02
    assert found[4].tolist() == [0, 1, 0]


def test_mean_field_is_a_bound_and_exact_without_arrows() -> None:
    for seed, evidence in itertools.product(range(3), ({4: 1}, {0: 2}, {})):
        net = random_net()
        found = mean_field(net, evidence, seed=seed)
        assert found.bound <= net.log_evidence(evidence) + 1e-10
        assert torch.allclose(found.marginals.sum(1), torch.ones(5, dtype=torch.float64))
    alone = random_net(parents={})
    found = mean_field(alone, {0: 1})
    assert found.bound == pytest.approx(alone.log_evidence({0: 1}), abs=1e-9)
    assert torch.allclose(found.marginals[3], alone.table(3), atol=1e-9)


@pytest.mark.parametrize(
    ("parents", "message"),
    [
        ({0: [2], 1: [0], 2: [1]}, "0 → 1 → 2 → 0"),
        ({1: [1]}, "1 → 1"),
        ({0: [1], 1: [0]}, "0 → 1 → 0"),
        ({0: [5]}, "among 0 to 2"),
        ({7: [0]}, "among 0 to 2"),
        ({0: [1, 1]}, "unlike"),
        ([[], []], "an entry for each of 3"),
    ],
)
def test_graphs_that_are_none_are_refused(parents: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BayesNet(Space((3,), levels=2), parents)


def test_what_cannot_be_is_refused() -> None:
    net = sprinkler()
    with pytest.raises(ValueError, match="probability zero"):
        net.posterior(["cloudy"], {"sprinkler": 0, "rain": 0, "wet": 1})
    with pytest.raises(ValueError, match="no variable 'snow'"):
        net.posterior(["snow"])
    with pytest.raises(ValueError, match="levels 0 to 1"):
        net.posterior(["rain"], {"wet": 2})
    with pytest.raises(ValueError, match="asked for"):
        net.posterior(["rain"], {"rain": 1})
    with pytest.raises(ValueError, match="distributions"):
        net.set_table("rain", [[0.5, 0.6], [0.5, 0.5]])
    with pytest.raises(ValueError, match="fewer parents"):
        BayesNet(Space((40,), levels=2), {39: list(range(39))})
    with pytest.raises(ValueError, match="names"):
        BayesNet(Space((2,), levels=2), {}, names=["a", "a"])
    with pytest.raises(ValueError, match="LinearGaussianNet"):
        BayesNet(Space((2,)), {})


def test_tables_too_large_to_sum_are_refused() -> None:
    wide = [Factor((i, i + 100), torch.ones(2, 2)) for i in range(30)]
    with pytest.raises(ValueError, match="too large"):
        product(wide, [])
    assert eliminate(wide, []).table.item() == 2.0**60  # one at a time it is easy


def test_the_tree_is_the_best_of_all_trees() -> None:
    truth = random_net(parents={1: [0], 2: [1], 3: [1], 4: [3]})
    data = truth.sample(4000, seed=2)
    tree = ChowLiu(truth.space, smoothing=1e-9)
    metrics = fitted(tree, data)
    losses = []
    for parents in itertools.product(range(5), repeat=4):  # of variables 1 … 4; those with cycles are no trees
        try:
            net = BayesNet(truth.space, {i + 1: [p] for i, p in enumerate(parents)}, smoothing=1e-9)
        except ValueError:
            continue
        losses.append(fitted(net, data)["loss"])
    assert len(losses) == 125
    assert metrics["loss"] == pytest.approx(min(losses), abs=1e-6)
    assert metrics["loss"] == pytest.approx(-tree.log_prob(data).mean().item(), abs=1e-9)
    arrows = {tuple(sorted((i, p))) for i, p in enumerate(tree.parents.tolist()) if i != p}
    assert arrows == {(0, 1), (1, 2), (1, 3), (3, 4)}


def test_a_tree_needs_a_small_space() -> None:
    with pytest.raises(ValueError, match="8,192"):
        ChowLiu(Space((100,), levels=256))


def test_a_rare_level_stays_rare_under_parents_of_few_rows() -> None:
    """Twenty levels of two rows each and a level of one row in ten: even smoothing would make it one in three."""
    noise = Noise(4)
    x = torch.stack([noise.integers(20, 40), (noise.uniform(40) < 0.1).long()], dim=1)
    tree = ChowLiu(Space((2,), levels=20))
    fitted(tree, x)
    two = ChowLiu(Space((2,), columns=(Column("categorical", 20), Column("categorical", 2))))
    metrics = fitted(two, x)
    every = torch.cartesian_prod(torch.arange(20), torch.arange(2))
    yes = two.log_prob(every).exp()[every[:, 1] == 1].sum().item()
    assert yes == pytest.approx(x[:, 1].float().mean().item(), abs=0.05)
    assert metrics["loss"] == pytest.approx(-two.log_prob(x).mean().item(), abs=1e-9)
