"""Recipes: their declarations against their models, and the help with names and values."""

import pytest
import torch

from genzoo.core import Batch, Capability, Likelihood, Space
from genzoo.core.model import GenerativeModel
from genzoo.models.abilities import Events, Imputation
from genzoo.training import TrainConfig
from genzoo.zoo import Mistake, load, recipe_named, recipes, train
from genzoo.zoo.recipe import NATS, Recipe, RecipeInfo, Size, recipe
from genzoo.zoo.sampling import SAMPLING

SPACES = {
    "points": Space((2,)),
    "table": Space((5,)),
    "digits": Space((1, 8, 8), levels=17),
    "bits": Space((1, 8, 8), levels=2),
    "text": Space((16,), levels=27),
}
PICTURE = Space((1, 8, 8), levels=17)  # of which another is made
LAST = {  # for what takes nothing else
    "label": Space((1,), levels=3),
    "few": Space((6,), levels=2),
    "backbone": Space((6, 3, 3)),
}
LABEL = Space((), levels=3)
OURS = ("gaussian_mixture", "vae", "wgan_gp")


def models(name: str) -> dict[tuple[str, bool], GenerativeModel]:
    """A recipe's model, the last if it has stages, on every space that it takes, with and without a label."""
    made = {}
    for kind, space in (SPACES | LAST).items():
        for given in (
            () if kind in LAST and made else (None, LABEL, *[PICTURE] * (kind in ("digits", "label") and not made))
        ):
            try:
                built = recipe_named(name)(space, given)
                built = built if built.then is None else built.then(built.model)
                made[kind, given is not None] = built.model
            except (ValueError, NotImplementedError):  # not every recipe suits every space
                continue
    return made


@pytest.mark.parametrize("name", sorted(recipes()))
def test_declarations_are_what_the_models_answer(name):
    info, found = recipe_named(name), models(name)
    assert found
    able, knows = set(), set()
    for (kind, _), model in found.items():
        assert model.likelihood is Likelihood(info.likelihood_on((SPACES | LAST)[kind])), kind
        lowers = model.lowers()
        assert NATS in info.loss or not lowers.nats, kind
        assert lowers.name.partition(" of")[0] in info.loss, kind
        able |= {capability.value for capability in Capability if model.can(capability)}
        kinds = {"impute": Imputation, "where": Events}
        knows |= {word for word, ability in kinds.items() if model.ability(ability) is not None}
    assert able == set(info.can)
    assert knows == set(info.knows)


@pytest.mark.parametrize("name", sorted(recipes()))
def test_options_of_sampling_are_those_of_the_models(name):
    options = set().union(*(model.options("draw") for model in models(name).values()))
    functions = {"wrap", "watch"}  # no words of a command line
    assert options - functions == set(recipe_named(name).sampling)
    assert set(recipe_named(name).sampling) <= set(SAMPLING)


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_recipe_says_what_a_list_needs(name):
    info = recipe_named(name)
    declared = info.to_json()
    assert declared["summary"].endswith(".")
    assert info.paper
    assert info.loss
    assert "size" in declared["arguments"]["properties"]
    undocumented = [
        name for name, field in declared["arguments"]["properties"].items() if not field.get("description")
    ]
    assert not undocumented


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("size", ["small", "paper"])
def test_both_sizes_are_built(name, size):
    assert isinstance(recipe_named(name)(Space((1, 16, 16), levels=256), size=size).config, TrainConfig)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("kind", list(SPACES))
def test_samples_lie_in_the_space(name, kind):
    space = SPACES[kind]
    model = recipe_named(name)(space, LABEL).model
    x = model.sample(6, torch.arange(6) % 3, seed=0)
    assert model.checked(x).shape == (6, *space.shape)
    if model.can("loss"):
        assert torch.isfinite(model.train().loss(Batch(x, torch.arange(6) % 3)))


def test_the_zoo_mirrors_the_models():
    """Every recipe stands in the file or folder of its family."""
    homes = {name: info.function.__module__.split(".")[2] for name, info in recipes().items()}
    assert homes == {name: info.family for name, info in recipes().items()}


def test_a_typo_names_the_nearest_recipe():
    with pytest.raises(Mistake, match="Did you mean 'gaussian_mixture'"):
        recipe_named("gausian_mixture")
    assert recipe_named("Gaussian-Mixture").name == "gaussian_mixture"


def test_a_typo_names_the_nearest_setting():
    with pytest.raises(Mistake, match=r"no setting of recipe vae 'latnet'\. Did you mean 'latent'"):
        recipe_named("vae")(SPACES["points"], latnet=3)


@pytest.mark.parametrize(
    ("settings", "field"), [({"latent": 0}, "latent"), ({"latent": "many"}, "latent"), ({"net": "rnn"}, "net")]
)
def test_a_wrong_value_names_its_field(settings, field):
    with pytest.raises(Mistake, match=f"setting {field} of vae does not accept"):
        recipe_named("vae").checked(**settings)


def test_words_become_values():
    assert recipe_named("vae").checked(latent="4", beta=2)["latent"] == 4


def test_a_recipe_of_ones_own():
    @recipe(family="test", likelihood="none", can=("sample",), paper="nobody")
    def mine(space: Space, given: None = None, *, size: Size = "small", depth: int = 2) -> Recipe:
        """Nothing at all."""
        return Recipe(torch.nn.Identity(), TrainConfig(steps=depth))

    assert mine(Space((2,)), depth="3").config.steps == 3
    assert mine.summary == "Nothing at all."


def test_rows_of_unlike_lengths_go_to_recipes_that_take_them():
    words = Space((5,), levels=3, ragged=True)
    with pytest.raises(Mistake, match="vae wants rows of one length") as told:
        recipe_named("vae")(words)
    assert "gpt" in told.value.fix
    assert recipe_named("gpt")(words).model.space == words


def test_covariances_are_full_by_default_where_they_are_not_large(monkeypatch):
    from genzoo.zoo.classical import densities

    gaussian_mixture = densities.gaussian_mixture
    kinds = [
        type(gaussian_mixture(Space((1, side, side), levels=256), given).model.model.model.gaussians).__name__
        for side, given in ((8, None), (28, None), (8, Space((), levels=10)), (28, Space((), levels=10)))
    ]
    assert kinds == ["FullGaussians", "DiagonalGaussians", "FullGaussians", "DiagonalGaussians"]
    monkeypatch.setattr(densities, "memory", lambda: 1 << 30)
    with pytest.raises(Mistake, match=r"1\.1 GB of memory, got 10 of 784 .* 10 classes: 7\.9 GB"):
        gaussian_mixture(Space((784,)), Space((), levels=10), covariance="full")


def test_a_recipe_of_ones_own_is_trained_and_loaded_by_its_name(tmp_path):
    @recipe(family="classical", likelihood="exact", can=("sample", "log_prob"), paper="nobody")
    def mine(space, given_space=None, *, size: Size = "small") -> Recipe:
        """A Gaussian by another name.

        Args:
            size: Both are the same.
        """
        return recipe_named("gaussian")(space, given_space)

    known_before = dict(recipes())
    try:
        run = train(mine, torch.randn(50, 2), out=tmp_path / "run", device="cpu")
        again = load(run.path)
        assert torch.equal(again.model.sample(3, seed=0), run.model.sample(3, seed=0))
        taken = RecipeInfo(mine.function, {"family": "classical", "likelihood": "exact", "can": (), "paper": ""})
        taken.name = "vae"
        with pytest.raises(Mistake, match="has a recipe 'vae' itself"):
            train(taken, torch.randn(50, 2), out=tmp_path / "other")
    finally:
        recipes().clear()
        recipes().update(known_before)


def test_a_setting_without_a_type_is_named():
    @recipe(family="classical", likelihood="exact", can=("sample",), paper="nobody")
    def bare(space, given_space=None, *, width=3) -> Recipe:
        """Nothing."""
        return recipe_named("gaussian")(space, given_space)

    with pytest.raises(TypeError, match=r"must have a type, got none for 'width' of bare"):
        bare.checked()
