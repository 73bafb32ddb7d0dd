"""Tables of several kinds of columns: what every recipe makes of them, and what its likelihood may claim."""

import math

import pytest
import torch

from genzoo.core import Column, Likelihood, Noise, Space, seeded
from genzoo.data import Rows
from genzoo.training import TrainConfig, train
from genzoo.zoo import Mistake, recipe_named, recipes

MIXED = Space((3,), columns=(Column("real"), Column("categorical", 3), Column("integer")))
CODES = Space((3,), columns=(Column("categorical", 3), Column("categorical", 5), Column("ordered", 2)))
SIDES = 6
SHORT = {"steps": 3, "batch_size": 50, "precision": "float32", "warmup": 0, "keep": "last", "ema": None}
TAKES = sorted(name for name, info in recipes().items() if info.columns != "levels" and not info.wants)
SOME = ("bayes_net", "gaussian_mixture", "histogram", "nsf", "vae")
LEVELS_ONLY = sorted(name for name, info in recipes().items() if info.columns == "levels")


def mixed(n: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of N(0, 1), one of three words, and a throw of dice that follows from the word; log p of each."""
    noise = Noise(5, name)
    a, word = noise.normal(n, dtype=torch.float64), noise.integers(3, n)
    throw = 10**8 + word * SIDES + noise.integers(SIDES, n)
    log_p = -0.5 * a.square() - 0.5 * math.log(2 * math.pi) - math.log(3 * SIDES)
    return torch.stack([a, word.double(), throw.double()], dim=1), log_p


def codes(n: int, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    noise = Noise(6, name)
    first, last = noise.integers(3, n), noise.integers(2, n)
    x = torch.stack([first, first + last, last], dim=1).to(torch.uint8)
    return x, torch.full((n,), -math.log(6), dtype=torch.float64)


def trained(name: str, space: Space, x: torch.Tensor):
    """The model of the last stage of a recipe, after a few steps."""
    rows = Rows(x, None, torch.arange(len(x)), space)
    with seeded(0):
        built = recipe_named(name)(space)
    while True:
        config = built.config.model_dump() | SHORT
        model = train(built.model, rows, TrainConfig(**config), say=lambda _: None).model
        if built.then is None:
            return model.eval()
        with seeded(0):
            built = built.then(model)


@pytest.mark.parametrize(
    ("name", "space", "make"),
    [*((name, MIXED, mixed) for name in TAKES), *((name, CODES, codes) for name in SOME)],
    ids=[*TAKES, *(f"{name}-codes" for name in SOME)],
)
def test_no_model_reads_better_than_the_entropy(name: str, space: Space, make) -> None:
    """E log q ≤ E log p for every q, so what claims more has counted a mass as a density."""
    model = trained(name, space, make(300, "train")[0])
    assert model.likelihood is Likelihood(recipe_named(name).likelihood_on(space))
    if model.can("sample"):
        x = model.checked(model.sample(5, seed=0))
        assert x.dtype == getattr(torch, space.dtype)
    if model.likelihood not in (Likelihood.EXACT, Likelihood.BOUND):
        return
    x, log_p = make(150, "test")
    with torch.no_grad():
        excess = model.log_prob(x).double() - log_p
    assert excess.mean() <= 3 * excess.std() / len(x) ** 0.5 + 1e-6


@pytest.mark.parametrize("name", LEVELS_ONLY)
def test_models_of_levels_take_their_columns_or_say_why_not(name: str) -> None:
    with pytest.raises((Mistake, ValueError, NotImplementedError), match="columns|condition"):
        recipe_named(name)(MIXED)
    if name == "made":
        model = trained(name, CODES, codes(300, "train")[0])
        assert model.checked(model.sample(100, seed=0)).shape == (100, 3)
    else:
        with pytest.raises((Mistake, ValueError, NotImplementedError), match="columns|condition"):
            recipe_named(name)(CODES)
