import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models import Standardized
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import GaussianMixture

RULE = {"angle": Space((2,)), "label": Space((), levels=3), "frame": Space((1, 4, 4), levels=256)}


def conditional(space, rule=RULE):
    torch.manual_seed(0)
    return VAE(space, rule, GaussianAutoencoder.mlp(space, rule, latent=2, hidden=[16]), drop_given=0.1)


def given_of(n, unit=1.0):
    noise = Noise(1)
    return {
        "angle": unit * (5 + noise.normal(n, 2)),
        "label": noise.integers(3, n),
        "frame": noise.integers(256, n, 1, 4, 4),
    }


@pytest.mark.parametrize("space", [Space((3,)), Space((3,), levels=5)])
def test_the_units_of_conditions_do_not_matter(space):
    x = Noise(0).normal(64, 3) if not space.is_discrete else Noise(0).integers(5, 64, 3).to(torch.uint8)
    found = []
    for unit in (1.0, 1000.0):
        model, given = Standardized(conditional(space)), given_of(64, unit)
        model.prepare([Batch(x, given)])
        model.eval()
        with torch.no_grad():
            found.append((model.log_prob(x, given), model.sample(64, given, seed=0).double(), model.encode(x, given)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_null_conditions_stay_null_and_do_not_count():
    model, given = Standardized(conditional(Space((3,)))), given_of(64)
    given["angle"][::2] = torch.nan
    model.prepare([Batch(Noise(0).normal(64, 3), given)])
    known = given["angle"][1::2]
    torch.testing.assert_close(model.conditions[0].shift, known.mean(0))
    assert model.sample(4, seed=0).isfinite().all()
    assert model.rule({"angle": torch.full((1, 2), torch.nan)})["angle"].isnan().all()


def test_levels_and_labels_are_seen_as_they_are():
    model = Standardized(conditional(Space((3,))))
    given = given_of(8)
    seen = model.rule({"given": given})["given"]
    assert torch.equal(seen["label"], given["label"])
    assert torch.equal(seen["frame"], given["frame"])


def test_a_model_without_reals_has_no_units():
    with pytest.raises(ValueError, match="needs a model over reals"):
        Standardized(conditional(Space((3,), levels=5), {"label": Space((), levels=3)}))


def test_a_single_real_condition_is_in_units_too():
    model = Standardized(conditional(Space((3,)), Space((2,))))
    given = 7 + 100 * Noise(0).normal(50, 2)
    model.prepare([Batch(Noise(1).normal(50, 3), given)])
    seen = model.rule({"given": given})["given"]
    torch.testing.assert_close(seen.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(2))


def test_densities_stay_in_the_units_of_x():
    x = torch.tensor([1000.0, 0.1]) * Noise(0).normal(400, 2)
    model = Standardized(GaussianMixture(Space((2,)), components=1))
    batch = Batch(x)
    model.prepare([batch])
    for _ in range(3):
        model.begin()
        model.accumulate(batch)
        model.finish()
    exact = torch.distributions.MultivariateNormal(x.mean(0), torch.cov(x.T, correction=0))
    torch.testing.assert_close(model.log_prob(x), exact.log_prob(x), rtol=1e-3, atol=1e-3)
