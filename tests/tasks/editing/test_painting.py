"""Strokes made into data: both ends, the whole curve in closed form, what is kept, and what it costs."""

import math

import pytest
import torch

from genzoo.core import Denoiser, Space
from genzoo.core.model import Unsupported
from genzoo.distributions.frechet import Moments, frechet_distance
from genzoo.models.autoregressive import MADE
from genzoo.tasks.editing import strokes
from tests.tasks.inverse.oracle import Known, Pushed, gaussian_rows, mixture_of

GUIDE = torch.tensor([[1.5, -1.0, 0.5, 2.0, -0.5, 0.0, 1.0, -2.0]], dtype=torch.float64)


def law(model: Known, alpha: float, sigma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance of draws: x given α g + σ ε, ε being drawn."""
    mean, scale = model.gaussians.means[0], model.gaussians.scale[0]
    covariance = scale @ scale.T
    gain = alpha * covariance @ torch.linalg.inv(alpha**2 * covariance + sigma**2 * torch.eye(8, dtype=mean.dtype))
    left = covariance - alpha * gain @ covariance
    return mean + alpha * gain @ (GUIDE[0] - mean), left + sigma**2 * gain @ gain.T


def blur_of(model: Known, strength: float) -> tuple[float, float]:
    """α and σ at the level where the way to data begins: levels are equal steps of the angle of 2 σ and α."""
    schedule = model.able(Denoiser).schedule
    alpha, sigma = (part.item() for part in schedule(torch.tensor(schedule.t_max, dtype=torch.float64)))
    if strength == 1:
        return alpha, sigma
    if strength == 0:
        return 1.0, 0.0
    angle = strength * math.atan2(2 * sigma, alpha)
    time = schedule.time(torch.tensor(-2 * math.log(math.tan(angle) / 2), dtype=torch.float64))
    return tuple(part.item() for part in schedule(time))


def root_frechet(a: Moments, b: Moments) -> float:
    """The Wasserstein-2 distance of two Gaussians."""
    return math.sqrt(max(0.0, frechet_distance(a, b)))


@pytest.mark.parametrize("tenth", range(11))
def test_draws_of_a_gaussian_follow_their_closed_form_at_every_strength(tenth: int) -> None:
    """How far from the guide they are, and their law from the model's: within a hundredth and the error of 5,000."""
    model, strength, n = mixture_of(1), tenth / 10, 5000
    made = strokes(model, GUIDE, strength=strength, n=n, seed=2, steps=200)[:, 0]
    own, covariance = law(model, *blur_of(model, strength))
    error = covariance.diagonal().clamp_min(0).sqrt() / math.sqrt(n)
    assert ((made.mean(0) - own).abs() < 4 * error + 0.01).all()
    assert (made.T.cov() - covariance).abs().max() < 0.08 * covariance.diagonal().mean() + 1e-9
    faithful = ((own - GUIDE[0]).square().sum() + covariance.trace()).clamp_min(0).sqrt().item()
    away = (made - GUIDE[0]).square().sum(1)
    slack = 0.01 + 3 * away.sqrt().std().item() / math.sqrt(n)
    assert away.mean().sqrt().item() == pytest.approx(faithful, abs=slack)
    mean, scale = model.gaussians.means[0], model.gaussians.scale[0]
    data, tiny = Moments(mean, scale @ scale.T), 1e-12 * torch.eye(8)
    realistic = frechet_distance(Moments(own, covariance + tiny), data)
    found = frechet_distance(Moments(made.mean(0), made.T.cov() + tiny), data)
    assert found == pytest.approx(realistic, abs=0.01 * data.covariance.trace().item())


def test_no_strength_gives_the_guide_back_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = mixture_of(5), []
    told = model.able(Denoiser)
    monkeypatch.setattr(type(told), "denoise", lambda self, x, t, given: calls.append(len(x)) or torch.zeros_like(x))
    assert strokes(model, GUIDE, strength=0.0, n=2, seed=0)[1].equal(GUIDE)
    assert not calls
    strokes(model, GUIDE, strength=0.3, n=2, seed=0, steps=20)
    assert calls == [2] * 6


def test_what_is_kept_comes_back_bit_for_bit_and_leads_the_rest() -> None:
    model, free = mixture_of(1), torch.tensor([True] * 4 + [False] * 4)
    made = strokes(model, GUIDE, strength=1.0, free=free, n=2000, seed=0)[:, 0]
    assert made[:, 4:].equal(GUIDE[:, 4:].expand(2000, 4))
    loose = strokes(model, GUIDE, strength=1.0, n=2000, seed=0)[:, 0]
    mean, scale = model.gaussians.means[0], model.gaussians.scale[0]
    covariance = scale @ scale.T
    told = mean[:4] + covariance[:4, 4:] @ torch.linalg.solve(covariance[4:, 4:], GUIDE[0, 4:] - mean[4:])
    assert (made.mean(0)[:4] - told).norm() < 0.7 * (loose.mean(0)[:4] - told).norm()


def test_a_draw_depends_on_seed_and_row_alone() -> None:
    model, guides = mixture_of(5), torch.cat([GUIDE, -GUIDE])
    both = strokes(model, guides, n=2, seed=3)
    assert both[:, :1].equal(strokes(model, GUIDE, n=2, seed=3))


def test_without_noise_levels_the_latent_is_turned() -> None:
    model, x = gaussian_rows(Pushed(Space((4,))).double())
    near = strokes(model, x[:1], strength=0.0, seed=0)[0]
    assert (near - x[:1]).abs().max() < 0.3
    far = strokes(model, x[:1], strength=1.0, n=3000, seed=0)[:, 0]
    assert (far.mean(0) - x.mean(0)).abs().max() < 0.2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"strength": 1.5}, "strength"),
        ({"free": torch.tensor([False] * 8)}, "some true"),
        ({"free": torch.tensor([True] * 3)}, "go with rows"),
        ({"guide": torch.zeros(1, 3)}, "shape"),
    ],
)
def test_wrong_wishes_are_told(asked: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        strokes(mixture_of(1), **{"guide": GUIDE, **asked})


def test_a_model_with_neither_noise_nor_latent_is_told() -> None:
    model = MADE(Space((4,), levels=2))
    with pytest.raises(Unsupported, match="denoiser or a latent"):
        strokes(model, torch.zeros(1, 4, dtype=torch.long))
