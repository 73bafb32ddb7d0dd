"""f-divergences of finite distributions against SciPy and their definitions; conjugates, bounds, the best
discriminator; that minimizing the forward KL is maximizing the likelihood."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats
from torch.distributions import Normal

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
    FDivergence,
    Unknowable,
    cross_entropy,
    entropy,
    integrated,
    optimal_discriminator,
)
from genzoo.distributions.quadrature import line_nodes

EACH = pytest.mark.parametrize("divergence", F_DIVERGENCES, ids=lambda divergence: divergence.name)
P, Q = (Noise(seed).normal(3, 5, dtype=torch.float64).softmax(-1) for seed in (0, 1))
RATIOS = torch.linspace(-4, 4, 17, dtype=torch.float64)
LIMITS = torch.tensor([-torch.inf, torch.inf], dtype=torch.float64)

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=6).filter(
    lambda counts: all(map(sum, zip(*counts, strict=True)))
)


def test_are_those_of_scipy():
    p, q = P.numpy(), Q.numpy()
    middle = (p + q) / 2
    expected = {
        TOTAL_VARIATION: abs(p - q).sum(-1) / 2,
        KL: special.rel_entr(p, q).sum(-1),
        REVERSE_KL: special.rel_entr(q, p).sum(-1),
        JENSEN_SHANNON: (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(-1) / 2,
        SQUARED_HELLINGER: 1 - ((p * q) ** 0.5).sum(-1),
        CHI2: ((p - q) ** 2 / q).sum(-1),
        NEYMAN_CHI2: ((p - q) ** 2 / p).sum(-1),
    }
    assert set(expected) == set(F_DIVERGENCES)
    for divergence, values in expected.items():
        torch.testing.assert_close(divergence(P, Q), torch.from_numpy(values), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(entropy(P), torch.from_numpy(stats.entropy(p, axis=-1)))


@settings(deadline=None)
@given(pairs)
def test_identities_hold_with_zeros_too(counts):
    p, q = (torch.tensor(side, dtype=torch.float64) / sum(side) for side in zip(*counts, strict=True))
    middle = (p + q) / 2
    js = entropy(middle) - entropy(p) / 2 - entropy(q) / 2
    assert JENSEN_SHANNON(p, q).item() == pytest.approx(js.item(), abs=1e-12)
    assert JENSEN_SHANNON(p, q) <= math.log(2) + 1e-12
    torch.testing.assert_close(cross_entropy(p, q), entropy(p) + KL(p, q))
    torch.testing.assert_close(REVERSE_KL(p, q), KL(q, p))
    tv, h2 = TOTAL_VARIATION(p, q).item(), SQUARED_HELLINGER(p, q).item()
    assert h2 - 1e-12 <= tv <= math.sqrt(h2 * (2 - h2)) + 1e-12
    assert tv <= math.sqrt(KL(p, q).item() / 2) + 1e-12  # Pinsker
    assert KL(p, q) <= torch.log1p(CHI2(p, q)) + 1e-12


@EACH
def test_disjoint_supports_are_at_the_largest_distance_or_infinity(divergence):
    p, q = torch.tensor([0.5, 0.5, 0.0]).double(), torch.tensor([0.0, 0.0, 1.0]).double()
    assert divergence(p, q).item() == divergence.at_zero + divergence.at_infinity
    torch.testing.assert_close(
        divergence.at_ratio(LIMITS), torch.tensor([divergence.at_zero, divergence.at_infinity]).double()
    )


@EACH
def test_a_generator_is_convex_and_zero_at_one(divergence):
    t = RATIOS.exp()
    f = divergence.generator(t)
    assert f[len(t) // 2].abs() < 1e-15
    chord = (divergence.generator(t[:-1]) + divergence.generator(t[1:])) / 2
    assert bool((divergence.generator((t[:-1] + t[1:]) / 2) <= chord + 1e-12).all())


@EACH
def test_a_witness_is_the_slope_of_the_generator_and_its_price_the_conjugate(divergence):
    torch.testing.assert_close(divergence.conjugate(divergence.witness(RATIOS)), divergence.price(RATIOS))
    if divergence is TOTAL_VARIATION:  # its slope is a step, which no gradient can follow
        return
    t = RATIOS.exp().requires_grad_()
    (slope,) = torch.autograd.grad(divergence.generator(t).sum(), t)
    torch.testing.assert_close(divergence.witness(RATIOS), slope)


@EACH
def test_the_conjugate_is_the_largest_difference(divergence):
    """f*(u) = sup over t of u t − f(t), by trying many t."""
    t = torch.cat([torch.zeros(1), torch.logspace(-8, 3, 40_001)]).double()
    inner = divergence.witness(torch.linspace(-3, 3, 7).double())
    tried = (inner[:, None] * t - divergence.generator(t)).amax(1)
    torch.testing.assert_close(divergence.conjugate(inner), tried, rtol=1e-4, atol=1e-4)


@EACH
def test_a_bound_is_below_and_the_log_ratio_reaches_it(divergence):
    """With rows in their exact shares, no critic earns more than the divergence."""
    p, q = torch.tensor([0.5, 0.3, 0.2]).double(), torch.tensor([0.2, 0.3, 0.5]).double()
    best = (p / q).log()
    for critic in (best, 0.5 * best, -best, best + 0.3):
        witness, price = divergence.sides(critic, critic)
        assert p @ witness - q @ price <= divergence(p, q) + 1e-12
    steep = 1e3 * best if divergence is TOTAL_VARIATION else best
    witness, price = divergence.sides(steep, steep)
    torch.testing.assert_close(p @ witness - q @ price, divergence(p, q))


def test_a_bound_without_variance_or_witness_is_refused():
    heavy = 4 * Noise(0).normal(1000)
    with pytest.raises(Unknowable, match="A lower bound of KL must have terms of finite variance"):
        KL.bound(heavy, heavy)
    assert JENSEN_SHANNON.bound(heavy + 2, heavy - 2).value < math.log(2)
    with pytest.raises(ValueError, match="needs a witness and its price"):
        FDivergence("mine", KL.balanced, 0.0, math.inf).bound(heavy, heavy)


def test_gradients_are_finite_with_zeros_and_right_without():
    logits = Noise(3).normal(4, dtype=torch.float64).requires_grad_()
    for divergence in F_DIVERGENCES:
        assert torch.autograd.gradcheck(lambda x, d=divergence: d(x.softmax(-1), Q[0, :4] / Q[0, :4].sum()), logits)
    p = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)
    (slope,) = torch.autograd.grad(JENSEN_SHANNON(p, torch.tensor([0.5, 0.0, 0.5])), p)
    assert bool(slope.isfinite().all())


def test_probabilities_are_checked():
    with pytest.raises(ValueError, match=r"must be ≥ 0 and sum to 1, got a least of 0.2 and a sum of 0.4"):
        KL(torch.tensor([0.2, 0.2]), torch.tensor([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"got a least of -0.5"):
        entropy(torch.tensor([-0.5, 1.5]))


@pytest.mark.parametrize(("theta", "value"), [(1, -1.16345), (2, -0.71263), (4, -0.12085)])
def test_the_optimal_discriminator_earns_two_js_above_minus_log_four(theta, value):
    """E_p log D* + E_q log(1 − D*) by quadrature, of N(0, 1) against N(θ, 1)."""
    zero = torch.zeros((), dtype=torch.float64)
    p, q = Normal(zero, 1.0), Normal(zero + theta, 1.0)
    x, weights = line_nodes(-12.0, 12.0 + theta)
    ratio = p.log_prob(x) - q.log_prob(x)
    best = optimal_discriminator(ratio)
    torch.testing.assert_close(best, p.log_prob(x).exp() / (p.log_prob(x).exp() + q.log_prob(x).exp()))
    earned = weights @ (p.log_prob(x).exp() * best.log() + q.log_prob(x).exp() * optimal_discriminator(-ratio).log())
    assert earned.item() == pytest.approx(value, abs=5e-6)
    assert earned.item() == pytest.approx(-math.log(4) + 2 * integrated(JENSEN_SHANNON, p, q).item(), abs=1e-12)
    worse = optimal_discriminator(0.9 * ratio + 0.1)
    assert weights @ (p.log_prob(x).exp() * worse.log() + q.log_prob(x).exp() * (1 - worse).log()) < earned


def test_forward_kl_from_the_data_is_the_negative_log_likelihood_but_for_a_constant():
    """(1/n) Σ −log p_θ(x_i) = KL(π̂ ‖ p_θ) + H(π̂): one gradient everywhere, one minimum, at the shares themselves."""
    x = Noise(0).categorical(torch.tensor([0.4, 0.1, 0.3, 0.2]).log().expand(500, 4))
    empirical = torch.bincount(x, minlength=4).double() / len(x)
    for seed in range(5):
        theta = Noise(seed).normal(4, dtype=torch.float64).requires_grad_()
        likelihood = -theta.log_softmax(-1)[x].mean()
        divergence = KL(empirical, theta.softmax(-1))
        assert (likelihood - divergence - entropy(empirical)).abs() < 1e-12
        slopes = [torch.autograd.grad(loss, theta)[0] for loss in (likelihood, divergence)]
        torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)
    best = empirical.log().requires_grad_()
    for loss in (-best.log_softmax(-1)[x].mean(), KL(empirical, best.softmax(-1))):
        assert torch.autograd.grad(loss, best)[0].abs().max() < 1e-12
