"""A density of noisy rows: its samples are the means that Tweedie's formula says."""

import pytest
import torch

from genzoo.core import Batch, Capability, Noise, Space, Unsupported
from genzoo.models import Denoised, Dequantized
from genzoo.models.classical import Gaussian
from genzoo.models.flows import ActNorm, Flow
from genzoo.zoo import recipe_named


def fitted(x: torch.Tensor, sigma: float) -> Denoised:
    """A normal law of each entry by itself, fitted to noisy rows."""
    model = Denoised(Flow(Space((2,)), None, ActNorm(2), rows=len(x)), Space((2,)), sigma=sigma)
    model.prepare([Batch(x, None, Noise(0))])
    return model.eval()


def test_samples_of_a_normal_law_are_shrunk_as_its_posterior_mean_is() -> None:
    x = 3 + 2 * torch.randn(50_000, 2, dtype=torch.float64)
    model = fitted(x, sigma=1.5).double()
    noisy = model.sample(20_000, seed=1, denoise=False)
    clean = model.sample(20_000, seed=1)
    assert noisy.var(0).tolist() == pytest.approx([4 + 1.5**2] * 2, rel=0.05)
    weight = 4 / (4 + 1.5**2)  # of y in E[x | y]
    assert torch.allclose(clean, 3 + weight * (noisy - 3), atol=0.1)
    assert torch.equal(model.decode(model.encode(x[:5])).round(decimals=9), x[:5].round(decimals=9))


def test_it_has_no_density() -> None:
    model = fitted(torch.randn(100, 2), 0.1)
    assert not model.can(Capability.LOG_PROB)
    with pytest.raises(Unsupported, match="cannot log_prob"):
        model.log_prob(torch.zeros(1, 2))


def test_what_cannot_be_denoised_is_refused() -> None:
    with pytest.raises(ValueError, match="sigma > 0"):
        Denoised(Flow(Space((2,)), None, ActNorm(2)), Space((2,)), sigma=0.0)
    with pytest.raises(ValueError, match="Denoised needs a model over reals"):
        Denoised(Dequantized(Gaussian(Space((2,))), 4), Space((2,), levels=4), sigma=0.1)


def test_tarflow_takes_noise_by_a_setting() -> None:
    space = Space((1, 4, 4), levels=256)
    model = recipe_named("tarflow")(space, sigma=0.05, depth=1, layers=1).model
    assert isinstance(model, Denoised)
    assert model.sigma == pytest.approx(6.4)
    assert model.sample(2, seed=0).shape == (2, 1, 4, 4)
