"""Models seen through a map: units, levels, and the part's own draws."""

import math

import pytest
import torch

from genzoo.core import Batch, DirectFit, Likelihood, Noise, Space, Unsupported
from genzoo.models import Dequantized, Standardized
from genzoo.models.classical import GaussianMixture
from tests.zoo.adversarial import wgan
from tests.zoo.autoencoders import vae


def test_constant_columns_keep_their_unit() -> None:
    model = Standardized(GaussianMixture(Space((3,)), components=1, floor=1e-6))
    x = torch.randn(50, 3) * torch.tensor([1.0, 0.0, 0.0]) + torch.tensor([0.0, 0.1, 1e6])
    model.prepare([Batch(x)])
    assert model.scale[1:].tolist() == [1, 1]
    assert model.log_prob(x).isfinite().all()


def test_log_det_is_exact() -> None:
    inner = vae(Space((2,)))
    model = Standardized(inner)
    x = torch.randn(50, 2) * torch.tensor([10.0, 0.1])
    model.prepare([Batch(x)])
    inside = inner.log_prob(model.inward(x))
    assert torch.allclose(model.log_prob(x), inside - model.scale.log().sum())
    assert model.scale.log().sum().item() == pytest.approx(
        sum(math.log(s) for s in x.double().std(0, correction=0).tolist()), abs=1e-5
    )


def test_only_a_part_that_fits_directly_makes_a_direct_fit() -> None:
    direct, played = Standardized(GaussianMixture(Space((2,)))), Standardized(wgan(Space((2,))))
    assert direct.can("direct_fit")
    assert not played.can("direct_fit")
    assert isinstance(played, DirectFit)
    with pytest.raises(Unsupported, match="direct_fit"):
        played.begin()
    assert [player.name for player in played.players()] == ["critic", "generator"]
    assert dict(played.players()[0].optimizer) == {"lr": 1e-4, "betas": (0.0, 0.9)}


def test_likelihoods_compose_to_the_weakest() -> None:
    real = Space((2,))
    assert Standardized(GaussianMixture(real)).likelihood is Likelihood.EXACT
    assert Dequantized(GaussianMixture(real), 4).likelihood is Likelihood.BOUND
    assert Dequantized(Standardized(wgan(real)), 4).likelihood is Likelihood.NONE


def test_training_sees_cells_and_samples_are_floored() -> None:
    model = Dequantized(GaussianMixture(Space((2,))), 4)
    x = torch.tensor([[0, 3], [1, 2]], dtype=torch.uint8)
    y = model.inward(x, Noise(0))
    assert torch.equal(y.floor(), x.float())
    assert torch.equal(model.outward(y), x)
    assert model.outward(torch.tensor([[-3.0, 9.0]])).tolist() == [[0, 3]]


def test_cells_do_not_move_the_draws_of_the_part() -> None:
    inner = vae(Space((2,)))
    seen = []
    inner.loss = lambda batch: seen.append(batch.noise.normal(4, 2)) or torch.zeros(())
    Dequantized(inner, 4).loss(Batch(torch.zeros(4, 2, dtype=torch.uint8), noise=Noise(3)))
    assert torch.equal(seen[0], Noise(3).normal(4, 2))


def test_nested_maps_prepare_from_outside_in() -> None:
    model = Dequantized(Standardized(GaussianMixture(Space((2,)), components=2)), 256)
    x = Noise(0).integers(256, 500, 2).to(torch.uint8)
    model.prepare(iter([Batch(x[:250]), Batch(x[250:])]))
    assert torch.allclose(model.model.shift, x.float().mean(0) + 0.5, atol=0.1)
    assert model.model.model.gaussians.means.abs().max() < 3


@pytest.mark.parametrize("wrap", [lambda model: Dequantized(model, 4), Standardized])
def test_parts_over_levels_are_refused(wrap: object) -> None:
    with pytest.raises(ValueError, match="reals"):
        wrap(vae(Space((2,), levels=4)))
