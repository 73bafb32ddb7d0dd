"""Guides: exact where Bayes' rule is, and what they say where two answers are known."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Given, Noise, Space
from genzoo.models.diffusion import (
    DDIM,
    RULES,
    AutoGuided,
    ClassifiedDiffusion,
    ClassifierFree,
    ClassifierGuided,
    Cosine,
    Diffusion,
    NoisyClassifier,
    Plain,
    Predicts,
    Projected,
    Rescaled,
    Schedule,
    Straight,
    VarianceExploding,
    ZeroStar,
)
from tests.models.diffusion.oracle import CENTERS, SHARES, STD, mixture_mean
from tests.models.diffusion.test_training import told

X = Noise(0).normal(5, 3, dtype=torch.float64)
PAIR = Noise(1).normal(5, 3, dtype=torch.float64), Noise(2).normal(5, 3, dtype=torch.float64)


def of_component(k: int, schedule: Schedule, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """log p(k | x_t) and E[x | x_t, k] of a mixture of three Gaussians."""
    alpha, sigma = schedule(t.reshape(-1, 1))
    centers, variance = x_t.new_tensor(CENTERS), (alpha * STD / 2) ** 2 + sigma**2
    off = x_t - alpha * centers
    posterior = (x_t.new_tensor(SHARES).log() - off.square() / (2 * variance)).log_softmax(-1)[:, k]
    return posterior, centers[k] + alpha * (STD / 2) ** 2 / variance * off[:, [k]]


@pytest.mark.parametrize("schedule", [Straight(), Cosine(), VarianceExploding()], ids=str)
def test_a_classifier_that_is_right_makes_the_conditional_mean(schedule: Schedule) -> None:
    x_t = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]

    def denoise(x_t: Tensor, t: Tensor, given: Given) -> Tensor:
        return mixture_mean(x_t, *schedule(t))

    for share in (0.1, 0.5, 0.95):
        t = torch.tensor(share * schedule.t_max, dtype=torch.float64)
        for k in range(3):
            guide = ClassifierGuided(denoise, lambda x, t, k=k: of_component(k, schedule, x, t)[0], 1.0, schedule)
            assert torch.allclose(guide(x_t, t, {}), of_component(k, schedule, x_t, t)[1])


def test_nothing_is_told_where_nothing_of_the_data_is_left() -> None:
    guide = ClassifierGuided(lambda x_t, t, given: x_t, lambda x_t, t: 0 * x_t.sum(1), 1.0, Straight())
    assert torch.equal(guide(X, torch.tensor(1.0, dtype=torch.float64), {}), X)


@pytest.mark.parametrize("name", RULES)
def test_no_weight_is_the_better_and_no_difference_is_it_too(name: str) -> None:
    at = Cosine().at(torch.tensor([0.4], dtype=torch.float64)).over(X)
    better, worse = PAIR
    if name != "rescaled":
        assert torch.allclose(RULES[name](0.0)(better, worse, X, at), better)
    for weight in (0.5, 4.0):
        assert torch.allclose(RULES[name](weight)(better, better, X, at), better)


def test_rules_are_what_they_say() -> None:
    at = Straight().at(torch.tensor([0.4], dtype=torch.float64)).over(X)
    better, worse = PAIR
    plain = Plain(2.0)(better, worse, X, at)
    assert torch.allclose(Projected(2.0, parallel=1.0)(better, worse, X, at), plain)
    across = Projected(2.0)(better, worse, X, at) - better
    assert torch.allclose((across * better).sum(1), torch.zeros(5, dtype=torch.float64), atol=1e-12)
    near = Projected(2.0, parallel=1.0, radius=0.1)(better, worse, X, at) - better
    assert torch.allclose(near.norm(dim=1), torch.full((5,), 2 * 0.1 * math.sqrt(3), dtype=torch.float64))
    full = Rescaled(2.0, share=1.0)(better, worse, X, at)
    assert torch.allclose(full.std(1), better.std(1))
    assert torch.allclose(Rescaled(2.0, share=0.0)(better, worse, X, at), plain)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Rescaled(2.0, share=1.5)


def test_velocities_of_the_worse_are_fitted() -> None:
    at = Straight().at(torch.tensor([0.4], dtype=torch.float64)).over(X)
    better, worse = PAIR
    v1, v0, v = (at.noise_in(X, mean) - mean for mean in (better, worse, ZeroStar(2.0)(better, worse, X, at)))
    s = (v1 * v0).sum(1, keepdim=True) / v0.square().sum(1, keepdim=True)
    assert torch.allclose(v, v1 + 2 * (v1 - s * v0))


def test_a_model_guided_by_itself_is_itself() -> None:
    assert torch.equal(
        AutoGuided(lambda x, t, g: 2 * x, lambda x, t, g: 2 * x, 3.0, Cosine())(X, torch.tensor(0.5), {}), 2 * X
    )


def test_samples_keep_away_from_a_condition_that_is_not_wanted() -> None:
    model, given = told(), torch.tensor([0, 1, 1])
    away = model.sample(3, given, seed=0, guidance=2.0, against=1, steps=1)
    assert torch.allclose(away[:, 0], torch.tensor([-2.0, 1, 1]))  # 3 c − 2
    assert torch.equal(told(drop_given=0.0).sample(3, given, seed=0, guidance=2.0, against=1, steps=1), away)


def test_guidance_may_hold_for_some_noises_alone() -> None:
    model, given, seen = told(), torch.tensor([1]), []
    model.sample(1, given, seed=0, guidance=2.0, guided_from=0.5, guided_to=2.0, steps=10, watch=seen.append)
    for passed in seen:
        inside = 0.5 <= passed.at.sigma / passed.at.alpha <= 2
        assert passed.mean[0, 0].item() == pytest.approx(5.0 if inside else 1.0)
    strong = ClassifierFree(model.mean, 2.0, model.schedule)
    assert torch.allclose(strong(torch.zeros(1, 2), torch.tensor(0.5), {"given": given}), torch.full((1, 2), 5.0))


def test_what_no_guide_can_be_is_refused() -> None:
    model, given = told(), torch.tensor([1])
    with pytest.raises(ValueError, match="zero_star, got 'zero'"):
        model.sample(1, given, seed=0, guidance=2.0, guide="zero")
    with pytest.raises(ValueError, match="a larger one, got 2 and 1"):
        model.sample(1, given, seed=0, guidance=2.0, guided_from=2.0, guided_to=1.0)
    with pytest.raises(ValueError, match="against, guide must come with guidance, got none"):
        model.sample(1, given, seed=0, guide="rescaled", against=1)


class Bayes(nn.Module):
    """The logits of a mixture's components, of rows of unit size at times of the quarter circle."""

    def forward(self, x: Tensor, t: Tensor, given: object) -> Tensor:
        return torch.stack([of_component(k, Cosine(), x, t)[0] for k in range(3)], 1)


def of_mixture(schedule: Schedule) -> ClassifiedDiffusion:
    """A diffusion that knows the mixture, and a classifier that knows whence a row came."""

    class Knows(nn.Module):
        def forward(self, x: Tensor, t: Tensor, given: object) -> Tensor:
            at = schedule.at(t).over(x)
            return mixture_mean(x * at.scale, at.alpha, at.sigma)

    plain = Diffusion(Space((1,)), None, Knows(), schedule=schedule, predicts=Predicts.DATA, sampler=DDIM(60))
    label = Space((), levels=3)
    return ClassifiedDiffusion(label, plain, NoisyClassifier(label, Space((1,)), Bayes()))


@pytest.mark.parametrize("schedule", [Cosine(), VarianceExploding()], ids=str)
def test_a_classifier_leads_to_the_component_by_bayes_rule(schedule: Schedule) -> None:
    """Whatever the schedule of the diffusion: the classifier was trained on another."""
    model, x_t = of_mixture(schedule), torch.linspace(-2, 2, 9)[:, None]
    at = schedule.at(torch.tensor(0.4 * schedule.t_max))
    for k, center in enumerate(CENTERS):
        told = of_component(k, schedule, x_t, at.t.expand(9))[0]
        assert torch.allclose(model.classifier.log_probs(x_t, at)[:, k], told, atol=1e-4)
        x = model.sample(1000, k, seed=0)
        assert abs(x.mean() - center) < 0.03
        assert abs(x.std() / (STD / 2) - 1) < 0.1
    anything, drawn = model.sample(1000, -1, seed=0), model.model.sample(1000, seed=0)
    assert torch.allclose(anything, drawn, atol=1e-5)
    far = model.sample(1000, 0, seed=0, guided_to=0.01)
    assert (far > 0).float().mean() > 0.2  # hardly led at all


def test_only_the_diffusion_learns_and_what_does_not_fit_is_refused() -> None:
    model, label = of_mixture(Cosine()), Space((), levels=3)
    assert [player.moves for player in model.players()] == [model.model]
    for given in (None, Space((), levels=4), Space((2,))):
        with pytest.raises(ValueError, match="of the rows and to the labels"):
            ClassifiedDiffusion(given, model.model, model.classifier)
    for space, given in ((Space((1,)), Space((1,))), (label, None), (label, {"a": Space((1,)), "b": Space((1,))})):
        with pytest.raises(ValueError, match="one label of one row"):
            NoisyClassifier(space, given, Bayes())
