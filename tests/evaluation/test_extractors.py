"""Extractors: rows to features, the same bits everywhere, a fingerprint of all that they depend on."""

import pytest
import torch
from torch import nn

from genzoo.core import Noise, Space
from genzoo.data import read
from genzoo.evaluation.extractors import Extractor, OfModule, RandomFeatures, Values, extractor_named, extractors

GREY = Space((1, 8, 8), levels=17)


@pytest.fixture(scope="module")
def digits():
    return read("digits").test.x


def stand_in(channels: int = 3) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, 6, 3), nn.BatchNorm2d(6), nn.ReLU())


@pytest.mark.parametrize("name", extractors())
def test_every_named_one_keeps_the_contract(name):
    space = {"judge-mnist": (1, 28, 28), "judge-fashion-mnist": (1, 28, 28), "judge-natural": (3, 32, 32)}.get(name)
    space = Space((1, 8, 8) if space is None else space, levels=17)
    if name == "judge-fsdd":
        space = Space((9000,), levels=256, ragged=True)
    one, other = extractor_named(name, space), extractor_named(name, space)
    x = Noise(0).integers(17, 3, *space.shape).to(getattr(torch, space.dtype))
    assert isinstance(one, Extractor)
    assert one.name == name
    assert one.fingerprint == other.fingerprint
    features = one(x)
    assert features.shape == (3, one.dims)
    assert features.dtype == torch.float32
    assert not features.requires_grad
    torch.testing.assert_close(torch.cat([one(x[:1]), one(x[1:])]), features)
    assert one(x[:0]).shape[0] == 0


def test_their_fingerprints_differ():
    every = [extractor_named(name, GREY).fingerprint for name in ("values", "random", "judge-digits")]
    every += [RandomFeatures(GREY, dims=64).fingerprint, RandomFeatures(GREY, seed=1).fingerprint]
    assert len(set(every)) == len(every)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'judge-digits'"):
        extractor_named("judge-digit", GREY)
    with pytest.raises(ValueError, match=r"judges grey or color images of 4 pixels .* got \(2, 9, 9\)"):
        extractor_named("judge-digits", Space((2, 9, 9), levels=17))


def test_values_leave_reals_alone():
    x = torch.tensor([[-3.0, 7.5]])
    assert torch.equal(Values(Space((2,)))(x), x)


@pytest.mark.parametrize(
    ("space", "row"),
    [(Space((4,), levels=5, ragged=True), [4, 2, 5, 5]), (Space((4,), ragged=True), [1.0, 0.5, torch.nan, torch.nan])],
    ids=["levels", "reals"],
)
def test_padding_counts_as_zero(space, row):
    assert Values(space)(torch.tensor([row])).tolist() == [[1.0, 0.5, 0.0, 0.0]]


def test_random_features_are_the_same_bits_everywhere(digits):
    """Their weights come from the counter-based generator, so their fingerprint is a constant."""
    assert RandomFeatures(GREY, dims=16).fingerprint == "7ac97861a9de"
    assert RandomFeatures(Space((2,)), dims=16).fingerprint == "6f0811655dd0"


def test_random_features_leave_global_randomness_alone():
    before = torch.get_rng_state()
    RandomFeatures(GREY, dims=16)
    assert torch.equal(before, torch.get_rng_state())


def test_random_features_tell_digits_from_noise(digits):
    features = RandomFeatures(GREY)
    noise = Noise(0).integers(17, *digits.shape).to(torch.uint8)
    real, other, made = features(digits[::2]).mean(0), features(digits[1::2]).mean(0), features(noise).mean(0)
    assert (real - made).norm() > 5 * (real - other).norm()


def test_a_module_sees_what_it_was_promised(digits):
    """Resizing, channels and range come before it, in that order."""
    seen = []

    class Look(nn.Module):
        def forward(self, x):
            seen.append(x)
            return x.flatten(1)

    OfModule(Look(), "look", GREY, resize=16, channels=3, range="signed")(digits[:2])
    assert seen[-1].shape == (2, 3, 16, 16)
    assert seen[-1].min() >= -1.001
    assert seen[-1].max() <= 1.001
    OfModule(Look(), "look", GREY, range=((0.5,), (0.25,)))(digits[:2])
    torch.testing.assert_close(seen[-1], (digits[:2] / 16 - 0.5) / 0.25)
    OfModule(Look(), "look", GREY)(digits[:2])
    assert torch.equal(seen[-1], digits[:2] / 16)


def test_a_module_is_asked_in_eval_mode_and_put_back(digits):
    module = stand_in(1).train()
    features = OfModule(module, "own", GREY)
    assert module.training
    assert all(part.training for part in module.modules())
    torch.testing.assert_close(features(digits[:5]), module.eval()(digits[:5] / 16).mean((2, 3)))
    assert features.dims == 6


def test_a_modules_fingerprint_covers_weights_and_preprocessing():
    def of(module: nn.Module, **how) -> str:
        return OfModule(module, "own", GREY, channels=3, **how).fingerprint

    first = of(stand_in())
    assert of(stand_in()) == first
    moved = stand_in()
    moved[0].weight.data[0, 0, 0, 0] += 1e-3
    smooth = stand_in()
    smooth[2] = nn.SiLU()
    others = [of(moved), of(smooth), of(stand_in(), resize=16), of(stand_in(), range="signed")]
    assert len({first, *others}) == 5


def test_a_module_must_give_vectors():
    with pytest.raises(ValueError, match="must give one vector or map per row, got tuple"):
        OfModule(type("Pair", (nn.Module,), {"forward": lambda self, x: (x, x)})(), "pair", GREY)
    with pytest.raises(ValueError, match=r"got \(1, 1, 64\)"):
        OfModule(nn.Flatten(2), "maps", GREY)
