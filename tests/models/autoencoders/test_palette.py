import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models import LatentModel
from genzoo.models.autoencoders import Colors, Palette
from genzoo.models.autoregressive import GPT
from genzoo.models.classical import Gaussian, KMeans

SPACE = Space((3, 4, 4), levels=256)
KNOWN = torch.tensor([[250, 10, 10], [10, 250, 10], [20, 20, 200]])


def pictures(n=40):
    noise = Noise(0, "pictures")
    x = KNOWN[noise.integers(3, n, 4, 4)].movedim(-1, 1)
    return (x + noise.at("off").integers(9, n, 3, 4, 4) - 4).byte()


def fitted(x):
    model = Colors(SPACE, KMeans(Space((3,)), clusters=3))
    model.prepare([Batch(x)])
    for _ in range(3):
        model.begin()
        model.accumulate(Batch(x[:30]))
        model.accumulate(Batch(x[30:]))
        told = model.finish()
    return model, told


def test_the_colors_of_pictures_are_found():
    x = pictures()
    model, told = fitted(x)
    found = model.decode(torch.arange(16).view(1, 1, 4, 4) % 3)[0].flatten(1).T.unique(dim=0)
    assert (found.int() - KNOWN.unique(dim=0)).abs().max() <= 1
    assert (model.decode(model.encode(x)).int() - x.int()).abs().max() <= 6
    off = 3 * (9**2 - 1) / 12 * (2 / 255) ** 2  # of three channels, each uniform on nine levels
    assert told["loss"] == pytest.approx(off, rel=0.1)


def test_the_bound_is_a_mass_of_pictures():
    """Over all pictures of one pixel and three levels, it sums to at most one."""
    space = Space((1, 1, 1), levels=3)
    palette = Palette(space, 2)
    palette.spread.fill_(0.5)
    every = torch.arange(3, dtype=torch.uint8).view(3, 1, 1, 1)
    model = LatentModel(space, palette, GPT(palette.latent, None, width=8, depth=1, heads=1))
    law = palette.likelihood(torch.tensor([[[[0]]], [[[1]]]]))
    mass = sum(law.log_prob(x.expand(2, 1, 1, 1)).exp() for x in every)
    assert mass.tolist() == pytest.approx([1, 1])
    assert model.log_prob(every).exp().sum() <= 1


def test_what_is_no_picture_or_no_clustering_is_refused():
    with pytest.raises(ValueError, match="A palette is of images of levels"):
        Palette(Space((3, 4, 4)), 3)
    with pytest.raises(TypeError, match="must have centers and a variance, got Gaussian"):
        Colors(SPACE, Gaussian(Space((3,))))
