"""Gradients of expectations: unbiased both, with the variances that theory says."""

import math

import pytest
import torch
from torch import distributions as td

from genzoo.core import Noise
from genzoo.distributions.draws import draw
from genzoo.tasks.gradients import leave_one_out, reparametrized_gradients, score_gradients, score_surrogate

N = 40_000
MU = torch.tensor([1.5], dtype=torch.float64)


def normal(theta):
    return td.Normal(theta[:, 0], theta.new_ones(()))


def both(theta):
    return td.Normal(theta[:, 0], theta[:, 1].exp())


def z_score(gradients: torch.Tensor, truth: torch.Tensor | float) -> float:
    """How many standard errors the mean is off, at most."""
    error = gradients.std(0) / math.sqrt(len(gradients))
    return float(((gradients.mean(0) - truth) / error.clamp_min(1e-12)).abs().max())


@pytest.mark.parametrize("baseline", ["none", "mean", "optimal"])
def test_the_score_function_is_unbiased(baseline: str) -> None:
    """∇_μ E x² = 2μ."""
    found = score_gradients(normal, MU, torch.square, Noise(1), N, baseline=baseline)
    assert z_score(found, 2 * MU) < 3.5


def test_reparametrization_is_unbiased() -> None:
    assert z_score(reparametrized_gradients(normal, MU, torch.square, Noise(1), N), 2 * MU) < 3.5


@pytest.mark.parametrize("baseline", ["none", "mean", "optimal"])
def test_no_baseline_biases_a_batch_of_two(baseline: str) -> None:
    """The mean of many batches of two rows, where a baseline of the rows themselves would halve the gradient."""
    found = [score_gradients(normal, MU, torch.square, Noise(2, k), 2, baseline=baseline) for k in range(400)]
    assert z_score(torch.stack(found).mean(1), 2 * MU) < 3.5


def test_variances_are_those_of_theory() -> None:
    """With x = μ + ε: reparametrised 4; by score E[(f − b)²ε²] − 4μ², which a baseline lowers."""
    mu = MU.item()
    found = {
        b: score_gradients(normal, MU, torch.square, Noise(3), N, baseline=b).var().item()
        for b in ("none", "mean", "optimal")
    }
    # f = μ² + 2με + ε²; E ε² = 1, E ε⁴ = 3, E ε⁶ = 15.
    second = mu**4 + 3 * 4 * mu**2 + 15 + 2 * mu**2 * 3
    score = {
        "none": second - 4 * mu**2,
        "mean": second - 2 * (mu**2 + 1) * (mu**2 + 3) + (mu**2 + 1) ** 2 - 4 * mu**2,
        "optimal": second - (mu**2 + 3) ** 2 - 4 * mu**2,
    }
    assert found == pytest.approx(score, rel=0.1)
    assert found["optimal"] < found["mean"] < found["none"]
    assert reparametrized_gradients(normal, MU, torch.square, Noise(3), N).var().item() == pytest.approx(4, rel=0.05)


def test_both_agree_in_several_parameters() -> None:
    """E e^x = e^{μ + σ²/2}: derivatives by μ and by log σ."""
    theta = torch.tensor([0.2, -0.7], dtype=torch.float64)
    variance = math.exp(2 * theta[1])
    truth = math.exp(0.2 + variance / 2) * torch.tensor([1.0, variance], dtype=torch.float64)
    assert z_score(score_gradients(both, theta, torch.exp, Noise(4), N), truth) < 3.5
    assert z_score(reparametrized_gradients(both, theta, torch.exp, Noise(4), N), truth) < 3.5


def test_discrete_draws_have_a_score() -> None:
    """E f of a categorical: ∂/∂logit_k = π_k (f_k − E f)."""
    logits, f = (
        torch.tensor([0.3, -1.0, 0.8], dtype=torch.float64),
        torch.tensor([1.0, 5.0, -2.0], dtype=torch.float64),
    )
    share = logits.softmax(0)
    found = score_gradients(lambda theta: td.Categorical(logits=theta), logits, lambda x: f[x], Noise(5), N)
    assert z_score(found, share * (f - share @ f)) < 3.5
    with pytest.raises(ValueError, match="Use score_gradients"):
        reparametrized_gradients(lambda theta: td.Categorical(logits=theta), logits, lambda x: f[x], Noise(5), 10)


def test_the_surrogates_gradient_is_the_score_functions() -> None:
    mu = MU.clone().requires_grad_()
    x = draw(normal(MU.expand(50, 1)), Noise(6))
    score_surrogate(x.square(), td.Normal(mu, 1.0).log_prob(x)).backward()
    rows = score_gradients(normal, MU, torch.square, Noise(6), 50)
    assert torch.allclose(mu.grad, rows.mean(0))
    assert leave_one_out(torch.tensor([[1.0], [3.0]])).tolist() == [[3.0], [1.0]]


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="one of none, mean, optimal"):
        score_gradients(normal, MU, torch.square, Noise(0), baseline="best")
    with pytest.raises(ValueError, match="at least two rows"):
        score_gradients(normal, MU, torch.square, Noise(0), 1)
