"""Approximate inference where tables hold zeros: right, or refused; never a number for what is impossible."""

import itertools
import math

import pytest
import torch

from genzoo import Noise, Space
from genzoo.models.graphical import BayesNet, asia, gibbs_marginals, mean_field, sprinkler
from genzoo.models.graphical.factors import Factor, eliminate, eliminate_scaled
from genzoo.models.graphical.support import blocks_of

ASKED = (
    {"xray": 1},
    {"dyspnoea": 1, "xray": 0},
    {"either": 1},
    {"either": 0},
    {"tuberculosis": 1},
    {"either": 1, "smoking": 0},
)


def gates(seed: int, levels: int = 2) -> BayesNet:
    """Random roots, and what follows from them without doubt: tables of zeros and ones."""
    net = BayesNet(Space((6,), levels=levels), {2: [0, 1], 3: [2], 4: [1, 3], 5: [4]})
    noise = Noise(seed, "gates")
    for i in range(6):
        shape = net.table(i).shape
        if i in (0, 1, 5):
            odds = 0.1 + noise.at(i).uniform(*shape, dtype=torch.float64)
            net.set_table(i, odds / odds.sum(-1, keepdim=True))
        else:
            net.set_table(i, torch.eye(levels, dtype=torch.float64)[noise.at(i).integers(levels, *shape[:-1])])
    return net


def marginals(net: BayesNet, evidence) -> torch.Tensor:
    known = {net.number(name): value for name, value in evidence.items()}
    rows = [
        torch.nn.functional.one_hot(torch.tensor(known[i]), net.levels).double()
        if i in known
        else net.posterior([i], evidence)
        for i in range(net.space.dims)
    ]
    return torch.stack(rows)


@pytest.mark.parametrize("evidence", ASKED, ids=str)
def test_gibbs_is_right_on_a_net_with_a_logical_or(evidence) -> None:
    found = gibbs_marginals(asia(), evidence, chains=200, sweeps=200)
    torch.testing.assert_close(found, marginals(asia(), evidence), atol=0.03, rtol=0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("levels", [2, 3])
def test_gibbs_is_right_or_refuses_on_deterministic_nets(seed: int, levels: int) -> None:
    net = gates(seed, levels)
    for evidence in ({4: 0}, {3: 1, 5: 0}, {2: levels - 1}):
        if net.log_evidence(evidence) == -math.inf:
            for ask in (gibbs_marginals, mean_field):
                with pytest.raises(ValueError, match="has probability zero"):
                    ask(net, evidence)
            continue
        found = gibbs_marginals(net, evidence, chains=300, sweeps=60)
        torch.testing.assert_close(found, marginals(net, evidence), atol=0.05, rtol=0)


@pytest.mark.parametrize("seed", range(8))
def test_mean_field_stays_below_the_evidence_where_tables_hold_zeros(seed: int) -> None:
    net = gates(seed)
    for evidence in ({4: 1}, {3: 0}, {}):
        exact = net.log_evidence(evidence)
        if exact > -math.inf:
            found = mean_field(net, evidence, seed=seed)
            assert found.bound <= exact + 1e-9
            assert found.marginals.sum(1).tolist() == pytest.approx([1.0] * 6)
    finite = mean_field(asia(), {"xray": 1})
    assert math.isfinite(finite.bound)
    assert finite.bound <= asia().log_evidence({"xray": 1})


def test_impossible_evidence_is_refused_by_all_that_answer() -> None:
    impossible = {"either": 1, "tuberculosis": 0, "cancer": 0}
    assert asia().log_evidence(impossible) == -math.inf
    for ask in (gibbs_marginals, mean_field, lambda net, e: net.posterior(["xray"], e)):
        with pytest.raises(ValueError, match="has probability zero"):
            ask(asia(), impossible)
    for ask in (gibbs_marginals, mean_field, lambda net, e: net.posterior(["rain"], e)):
        with pytest.raises(ValueError, match="levels 0 to 1"):
            ask(sprinkler(), {"wet": 2})


def test_too_many_tied_variables_are_refused() -> None:
    net = BayesNet(Space((14,), levels=2), {i: [i - 1] for i in range(1, 14)})
    for i in range(1, 14):
        net.set_table(i, torch.eye(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="tie 14 variables together"):
        gibbs_marginals(net)


def test_zeros_that_tie_nothing_leave_variables_alone() -> None:
    apart = [Factor((0, 1), torch.tensor([[0.5, 0.5], [0.0, 0.0]]))]
    assert [block.variables for block in blocks_of(apart, [2, 2])] == [(0,), (1,)]
    assert blocks_of(apart, [2, 2])[0].states.tolist() == [[0]]


def test_small_probabilities_do_not_underflow() -> None:
    """400 variables that each say 1e-3: the product is 1e-1200."""
    net = BayesNet(Space((401,), levels=2), {i: [0] for i in range(1, 401)})
    for i in range(1, 401):
        net.set_table(i, [[1 - 1e-3, 1e-3], [1 - 2e-3, 2e-3]])
    evidence = dict.fromkeys(range(1, 401), 1)
    exact = math.log(0.5) + 400 * math.log(1e-3) + math.log1p(2.0**400)
    assert net.log_evidence(evidence) == pytest.approx(exact)
    assert net.posterior([0], evidence)[1].item() == pytest.approx(1.0)


def test_scaled_elimination_is_elimination() -> None:
    factors = [Factor(pair, Noise(k).uniform(2, 2)) for k, pair in enumerate(itertools.combinations(range(4), 2))]
    found, log_scale = eliminate_scaled(factors, [2])
    torch.testing.assert_close(found.table * math.exp(log_scale), eliminate(factors, [2]).table)
    assert eliminate_scaled([Factor((0,), torch.zeros(2))], [])[0].table == 0
