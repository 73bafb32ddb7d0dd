"""Recipes of adversarial models as they are on pictures: every one with convolutions, with a class and without."""

import pytest
import torch

from genzoo.core import Batch, Instant, Noise, Space
from genzoo.core.errors import DataError
from genzoo.data import read
from genzoo.data.codecs.catalog import codec_for
from genzoo.nn import MLP
from genzoo.zoo import Mistake, recipe_named, train

PICTURE, LABEL = Space((2, 16, 18), levels=256), Space((), levels=3)
SMALL = {"net": "conv", "width": 2, "hidden": 8, "latent": 4}
CASES = {
    "gan": {"objective": "hinge"},
    "gan/pack": {"pack": 2},
    "gan/deviation": {"deviation": True},
    "gan/augment": {"augment": 0.6},
    "wgan": {},
    "wgan_gp": {},
    "dcgan": {"every": 2},
    "sngan": {"orthogonal": 1e-4},
    "r3gan": {"every": 2, "path_length": 1.0},
    "unrolled_gan": {"unrolled": 2},
    "conditional_gan": {"by": "projection"},
    "conditional_gan/concatenation": {"by": "concatenation"},
    "conditional_gan/classifier": {"by": "classifier"},
    "ali": {},
    "veegan": {},
    "drifting": {},
    "biggan": {},
    "progan": {"until": 0.0},
    "progan/nonsaturating": {"until": 0.0, "objective": "nonsaturating"},
    "stylegan": {"every": 2},
    "stylegan/adaptive": {"kind": "adaptive", "path_length": 0.0},
}
TINY = {"width": 2, "most": 4, "latent": 4}
OWN = {"dcgan": {"width": 2, "hidden": 8, "latent": 4}} | {
    "biggan": TINY,
    "progan": TINY,
    "stylegan": TINY | {"style": 6},
}


@pytest.mark.parametrize("case", CASES)
def test_it_plays_on_pictures(case: str) -> None:
    x = Noise(0).integers(256, 4, *PICTURE.shape).to(torch.uint8)
    label = torch.tensor([0, 1, 2, -1])
    for given in (None, LABEL):
        if (given is None and case.startswith("conditional")) or (given and case == "gan/pack"):
            continue
        torch.manual_seed(0)
        name = case.partition("/")[0]
        model = recipe_named(name)(PICTURE, given, **OWN.get(name, SMALL), **CASES[case]).model.train()
        batch = Batch(x, None if given is None else label, Noise(1), progress=0.5)
        for player in model.players():
            loss = player.loss(batch)
            (loss if isinstance(loss, torch.Tensor) else loss["loss"]).backward()
        silent = [name for name, weight in model.named_parameters() if weight.grad is None]
        assert not [name for name in silent if "null" not in name], case
        assert model.sample(2, None if given is None else label[:2], seed=0).shape == (2, *PICTURE.shape)


def test_gamma_grows_with_the_square_of_the_size() -> None:
    def gamma(space: Space) -> float:
        return recipe_named("r3gan")(space, width=2, hidden=8).model.rules.penalties[0].weight(0.0) * 2

    sides = {16: 0.3, 32: 0.3, 64: 4.8}  # of pictures with three channels: D = 3072 at 32
    assert {side: gamma(Space((3, side, side), levels=256)) for side in sides} == pytest.approx(sides)


def test_small_networks_learn_faster_than_published_ones() -> None:
    rates = {"dcgan": (1e-3, 2e-4), "sngan": (5e-4, 1e-4), "r3gan": (2e-3, 2e-4), "stylegan": (4e-3, 2e-3)}
    for name, expected in rates.items():
        tiny = OWN["stylegan"] | {"depth": 1} if name == "stylegan" else {"width": 2, "hidden": 8, "latent": 4}
        models = [recipe_named(name)(PICTURE, LABEL, size=size, **tiny).model for size in ("small", "paper")]
        assert tuple(model.rules.lr for model in models) == expected, name
        held = {"dcgan": (1, 0), "sngan": (0, 0), "r3gan": (2, 2), "stylegan": (1, 1)}[name]
        assert tuple(len(model.rules.penalties) for model in models) == held, name


def test_rows_of_few_entries_are_seen_and_made_of_waves() -> None:
    few = recipe_named("r3gan")(Space((2,)), LABEL, hidden=8, latent=3, latent_octaves=3).model
    assert (few.model.generator.net.rates.numel(), few.model.critic.net.rates.numel()) == (3, 4)
    assert few.sample(4, torch.tensor([0, 1, 2, -1]), seed=0).shape == (4, 2)
    few.model.follow(Instant(0, progress=1.0))
    assert few.model.generator.net.sharpness == few.model.generator.net.last
    plain = recipe_named("r3gan")(Space((2,)), hidden=8).model
    assert isinstance(plain.model.generator.net, MLP)
    assert recipe_named("drifting")(Space((2,)), hidden=8, latent_octaves=3).model.model.steps
    for name, octaves in (("r3gan", "octaves"), ("r3gan", "latent_octaves"), ("drifting", "latent_octaves")):
        with pytest.raises(Mistake, match="Perceptrons see waves"):
            recipe_named(name)(PICTURE, **{octaves: 2})


def test_a_condition_that_a_recipe_lacks_or_cannot_take_is_told() -> None:
    with pytest.raises(Mistake, match="needs a condition"):
        recipe_named("conditional_gan")(PICTURE)
    with pytest.raises(Mistake, match="Images can be augmented"):
        recipe_named("r3gan")(Space((3,)), augment=0.6)
    for space in (Space((3,)), Space((1, 3, 9), levels=2)):
        with pytest.raises(Mistake, match="makes images of at least 4×4"):
            recipe_named("stylegan")(space)
    for name, settings in (("conditional_gan", {"by": "classifier"}), ("drifting", {})):
        with pytest.raises(ValueError, match="class"):
            recipe_named(name)(PICTURE, Space((2,)), **SMALL, **settings)


def test_pairs_are_asked_for_where_they_are_needed(tmp_path) -> None:
    noise = Noise(0)
    for folder, count, first in (("day", 6, 0), ("night", 5, 6)):
        for i in range(count):
            rows = noise.at(folder, i).integers(256, 1, 3, 8, 8).to(torch.uint8)
            path = tmp_path / folder / f"{first + i}.png"
            path.parent.mkdir(exist_ok=True)
            codec_for(rows, Space((3, 8, 8), levels=256)).save(rows, path)
    with pytest.raises(DataError, match="read them with paired=false"):
        read(tmp_path, x="day", given="night")
    data = read(tmp_path, x="day", given="night", paired=False)
    tiny = {"width": 2, "most": 4}
    with pytest.raises(Mistake, match="learns from pairs"):
        train("pix2pix", data, settings=tiny, steps=1)
    run = train("cyclegan", data, settings=tiny | {"pool": 4}, steps=2, out=tmp_path / "run", device="cpu")
    night = data.test.given
    night = next(iter(night.values())) if isinstance(night, dict) else night
    assert run.model.sample(len(night), night, seed=0).shape == night.shape
    for name in ("pix2pix", "cyclegan"):
        for given in (None, LABEL):
            with pytest.raises(Mistake, match="must be one image"):
                recipe_named(name)(PICTURE, given)
