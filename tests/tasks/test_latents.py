"""What is done in a latent, on generators whose answer is known."""

import math

import pytest
import torch

from genzoo.core import Latent, Noise, Space
from genzoo.distributions.levels import Numbers
from genzoo.models import Standardized
from genzoo.models.abilities import NormalLatent
from genzoo.models.classical import PPCA
from genzoo.tasks import along, between, direction, invert, pictured, recovered, summed
from tests.zoo.adversarial import STANDING, gan, stylegan
from tests.zoo.entry import EVEN, REALS
from tests.zoo.flows import spline_flow

MATRIX = torch.tensor([[1.0, 0.0], [0.5, 2.0], [0.0, 1.0]])


def linear(space: Space = REALS) -> NormalLatent:
    """x = A z, with columns that are not at right angles."""
    return NormalLatent(Space((2,)), Numbers(space), lambda z, given: z @ MATRIX.T)


def test_ways_begin_and_end_where_they_should_and_keep_their_length_on_the_circle() -> None:
    z, other = Noise(0).normal(2, 50)
    for way in ("slerp", "lerp"):
        line = between(z, other, 9, way)
        assert torch.allclose(line[[0, -1]], torch.stack([z, other]), atol=1e-5)
    a, b = z / z.norm(), other / other.norm()
    assert torch.allclose(between(a, b, 9).norm(dim=1), torch.ones(9), atol=1e-5)
    assert between(a, b, 9, "lerp").norm(dim=1).min() < 0.85
    assert torch.allclose(between(a, a, 3), a.expand(3, -1)), "a way to where one stands"
    assert between(z.reshape(5, 10), other.reshape(5, 10), 4).shape == (4, 5, 10)


def test_sums_are_those_of_means_of_groups() -> None:
    z = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [0.0, 1.0]])
    total = summed(z, [[0, 1], [2]], [[3]])
    assert torch.allclose(total / total.norm(), torch.tensor([2.0, 1.0]) / math.sqrt(5))
    assert total.norm().item() == pytest.approx(1.75)
    for wrong in ([[4]], [[-1]], [], [[]]):
        with pytest.raises(ValueError, match="Name rows|name others"):
            summed(z, wrong)


def test_the_direction_of_a_linear_number_is_its_slope() -> None:
    found = direction(linear(), lambda x: x[:, 0] + x[:, 2])
    assert torch.allclose(found.unit, torch.tensor([1.0, 1.0]) / math.sqrt(2), atol=1e-4)
    assert found.explained == pytest.approx(1)
    assert direction(linear(), lambda x: x[:, 0].square()).explained < 0.05
    assert 0.4 < direction(linear(), lambda x: x[:, 0] > 0).explained < 0.8
    with pytest.raises(ValueError, match="must vary"):
        direction(linear(), lambda x: torch.ones(len(x)))
    with pytest.raises(ValueError, match="more draws"):
        direction(linear(), lambda x: x[:, 0], 4)
    z = torch.tensor([[5.0, 1.0]])
    assert torch.allclose(along(z, found.unit, (0.0, 2.0))[0], torch.tensor([[2.0, -2.0], [2 + 2**0.5, 2**0.5 - 2]]))


def test_what_a_generator_made_is_found_again_and_what_it_cannot_make_leaves_a_residual() -> None:
    z = torch.tensor([[0.5, -1.0], [1.5, 0.3]])
    x = z @ MATRIX.T
    found = invert(linear(), x, steps=300)
    assert torch.allclose(found.z, z, atol=0.02)
    assert found.residual.max() < 0.02
    assert (found.start > found.residual).all()
    normal = torch.linalg.cross(MATRIX[:, 0], MATRIX[:, 1])
    far = invert(linear(), x + 6 * normal / normal.norm(), steps=300)
    assert far.residual.tolist() == pytest.approx([6 / math.sqrt(3)] * 2, rel=0.01)


def test_a_way_back_needs_no_search_and_a_guess_is_where_one_begins() -> None:
    flow = spline_flow(Space((3,)))
    x = flow.sample(4, seed=0)
    back = recovered(flow, x)
    assert back.z.equal(flow.encode(x))
    assert back.residual.equal(back.start)
    assert back.residual.max() < 1e-3
    model, z = PPCA(Space((3,)), rank=2), torch.tensor([[0.5, -1.0], [1.5, 0.3]])
    model.loadings.copy_(MATRIX)  # the posterior mean is nearer to the middle than the z of x
    found = recovered(model, z @ MATRIX.T, steps=300)
    assert torch.allclose(found.z, z, atol=0.02)
    assert (found.start > 5 * found.residual).all()
    guessed = recovered(model, z @ MATRIX.T, steps=0)
    assert guessed.z.equal(model.encode(z @ MATRIX.T))
    searched = recovered(gan(REALS, STANDING), x, steps=1)
    assert (searched.start >= 0).all()


def test_latents_behind_a_map_are_pictured_in_the_units_of_the_data() -> None:
    model = Standardized(gan(REALS, STANDING))
    model.shift.fill_(5.0)
    z = Noise(0).normal(3, 4)
    made = pictured(model.able(Latent), z, block=2)
    assert torch.allclose(made, model.decode(z), atol=1e-6)


def test_layers_of_two_latents_are_mixed_where_there_are_layers() -> None:
    z, other = Noise(0).normal(2, 4), Noise(1).normal(2, 4)
    for model in (stylegan(EVEN), Standardized(stylegan(EVEN))):
        latent = model.able(Latent)
        assert latent.layers == 3
        assert torch.allclose(latent.mixed(z, other, 3), latent.generate(z), atol=1e-6)
        assert torch.allclose(latent.mixed(z, other, 0), latent.generate(other), atol=1e-6)
        between_them = latent.mixed(z, other, 1)
        assert not torch.allclose(between_them, latent.generate(z), atol=1e-4)
        assert not torch.allclose(between_them, latent.generate(other), atol=1e-4)
    assert linear().layers == 1
    assert torch.equal(linear().mixed(z[:, :2], other[:, :2], 1), linear().generate(z[:, :2]))
