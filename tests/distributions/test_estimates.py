"""Estimates from log-densities: right on average, with errors that hold, ∞ or refused where nobody can know."""

import contextlib
import math

import pytest
import torch
from torch import distributions as td

from genzoo.core.noise import Noise
from genzoo.distributions import (
    CHI2,
    F_DIVERGENCES,
    JENSEN_SHANNON,
    KL,
    NEYMAN_CHI2,
    REVERSE_KL,
    SQUARED_HELLINGER,
    TOTAL_VARIATION,
    TooFew,
    Unknowable,
    closed_form,
    estimated,
    estimated_cross_entropy,
    integrated,
)
from genzoo.distributions.draws import draw
from genzoo.distributions.tail import pareto_index

EACH = pytest.mark.parametrize("divergence", F_DIVERGENCES, ids=lambda divergence: divergence.name)


def normals(shift: float = 1.0, scale: float = 1.0) -> tuple[td.Normal, td.Normal]:
    """N(0, scale²) and N(shift, 1)."""
    numbers = [torch.tensor(x, dtype=torch.float64) for x in (0.0, scale, shift, 1.0)]
    return td.Normal(*numbers[:2]), td.Normal(*numbers[2:])


def log_ratios(p: td.Normal, q: td.Normal, n: int, m: int, seed: int = 0) -> list[torch.Tensor]:
    rows = [draw(p, Noise(seed, "p"), rows=n), draw(q, Noise(seed, "q"), rows=m)]
    return [p.log_prob(x) - q.log_prob(x) for x in rows]


@EACH
def test_are_right_on_average_and_their_errors_too(divergence):
    p, q = normals(0.3)
    truth = integrated(divergence, p, q).item()
    found = []
    for seed in range(100):
        with contextlib.suppress(Unknowable):  # one in a hundred of both χ², whose terms are nearly too heavy
            found.append(estimated(divergence, *log_ratios(p, q, 1500, 1000, seed)))
    assert len(found) > (94 if divergence in (CHI2, NEYMAN_CHI2) else 99)
    values, errors = (torch.tensor(part, dtype=torch.float64) for part in zip(*found, strict=True))
    assert abs(values.mean().item() - truth) < 4 * values.std().item() / math.sqrt(len(values))
    assert errors.mean().item() == pytest.approx(values.std().item(), rel=0.25)


def test_kl_is_the_mean_log_ratio_and_needs_one_side():
    on_p, on_q = log_ratios(*normals(), 500, 300)
    assert estimated(KL, on_p).value == pytest.approx(on_p.mean().item(), rel=1e-12)
    assert estimated(KL, on_p, on_q) == estimated(KL, on_p)
    assert estimated(REVERSE_KL, None, on_q).value == pytest.approx(-on_q.mean().item(), rel=1e-12)
    with pytest.raises(ValueError, match="reverse KL is a mean over rows of q, got none"):
        estimated(REVERSE_KL, on_p)
    with pytest.raises(ValueError, match="Jensen–Shannon needs rows of both, got none of q"):
        estimated(JENSEN_SHANNON, on_p)


@EACH
def test_of_equals_is_zero_and_of_strangers_the_largest_or_infinity(divergence):
    rows = torch.zeros(50)
    assert estimated(divergence, rows, rows) == (0, 0)
    found = estimated(divergence, rows + torch.inf, rows - torch.inf)
    assert found.value == pytest.approx(divergence.at_zero + divergence.at_infinity)
    assert found.error == (None if math.isinf(found.value) else 0)


def test_thousands_of_nats_do_not_overflow():
    on_p, on_q = torch.linspace(4000, 6000, 50), torch.linspace(-6000, -4000, 50)
    assert estimated(KL, on_p).value == pytest.approx(5000)
    assert estimated(REVERSE_KL, None, on_q).value == pytest.approx(5000)
    assert estimated(JENSEN_SHANNON, on_p, on_q).value == pytest.approx(math.log(2))
    assert estimated(TOTAL_VARIATION, on_p, on_q).value == 1


@pytest.mark.parametrize("scale", [1.35, 1.6])
def test_chi2_with_terms_of_infinite_variance_is_refused(scale):
    """At 1.35 it is finite, its terms have no variance; at 1.6 it is ∞. The rows look alike; neither gets a number."""
    p, q = normals(0.0, scale)
    assert (closed_form(CHI2, p, q).item() == math.inf) == (scale > math.sqrt(2))
    ratios = log_ratios(p, q, 4000, 4000)
    with pytest.raises(
        Unknowable, match=r"χ² from samples must have terms of finite variance, but their tail has index"
    ):
        estimated(CHI2, *ratios)
    for divergence in (TOTAL_VARIATION, KL, REVERSE_KL, SQUARED_HELLINGER, NEYMAN_CHI2):
        found = estimated(divergence, *ratios)
        assert abs(found.value - closed_form(divergence, p, q).item()) < 4 * found.error


@pytest.mark.parametrize("k", [0.2, 0.5, 0.8, 1.2])
def test_the_index_of_a_tail_is_found(k):
    found = torch.tensor([pareto_index(Noise(seed).uniform(4000, dtype=torch.float64) ** -k) for seed in range(40)])
    assert found.mean().item() == pytest.approx(k, abs=0.06)
    assert pareto_index(torch.ones(100)) == -math.inf
    assert pareto_index(torch.cat([torch.ones(100), torch.tensor([torch.inf])])) == math.inf


def test_entropy_and_cross_entropy_of_samples():
    p, q = normals()
    x = draw(p, Noise(0), rows=5000)
    for density, truth in ((p, p.entropy()), (q, p.entropy() + 0.5)):
        found = estimated_cross_entropy(density.log_prob(x))
        assert abs(found.value - truth.item()) < 4 * found.error
    assert estimated_cross_entropy(torch.tensor([0.0, -torch.inf])) == (math.inf, None)


def test_too_few_rows_and_no_numbers_are_refused():
    with pytest.raises(TooFew, match="at least 2 rows of both, got 1 and 5"):
        estimated(TOTAL_VARIATION, torch.zeros(1), torch.zeros(5))
    with pytest.raises(TooFew, match="at least 25 rows, got 10"):
        estimated(KL, torch.arange(10.0))
    with pytest.raises(ValueError, match="got NaN: both densities are zero there"):
        estimated(KL, torch.tensor([0.0, torch.nan]))
