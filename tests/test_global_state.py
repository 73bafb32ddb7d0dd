"""Whoever has seeded torch, NumPy or Python keeps the numbers that come next: no public entry moves their state."""

import inspect
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from typer.testing import CliRunner

import genzoo
from genzoo import evaluation, tasks
from genzoo.apps.cli import app
from genzoo.core import GenerativeModel, Latent, Noise, Space, seeded
from genzoo.distributions import Range
from genzoo.environments import Fork
from genzoo.evaluation import Protocol
from genzoo.models.abilities import Inference
from genzoo.models.classical import GaussianMixture, MixtureDensity
from genzoo.sklearn_api import Estimator

FEW = Protocol(rows=64, samples=64, seed=0)
QUIET = {"steps": 2, "device": "cpu"}


def randomness() -> dict[str, object]:
    """The state of every generator that a user may have seeded."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "NumPy": str(np.random.get_state()),  # noqa: NPY002
        "Python": random.getstate(),
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, and runs on each kind of data."""
    home = tmp_path_factory.mktemp("home")
    cells = [f"{i % 17},{'abc'[i % 3]},{i * 0.37 % 11:.2f}" for i in range(300)]
    (home / "table.csv").write_text("\n".join(["n,kind,size", *cells]) + "\n")
    genzoo.train("gaussian_mixture", "moons", out=home / "points", **QUIET)
    genzoo.train("vae", "digits", out=home / "images", given="label", **QUIET)
    genzoo.train("gaussian_mixture", home / "table.csv", out=home / "table", **QUIET)
    genzoo.train("bigram", "verse", out=home / "text", **QUIET)
    return home


@pytest.fixture(autouse=True)
def _untouched(home: Path) -> Iterator[None]:
    """Each test is one entry, watched."""
    before = randomness()
    yield
    moved = [name for name, state in randomness().items() if state != before[name]]
    assert not moved, f"it moves the global randomness of {', '.join(moved)}"


def loader() -> DataLoader[Any]:
    return DataLoader(TensorDataset(Noise(0).normal(64, 2)), batch_size=8, shuffle=True)


def command(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def model(home: Path, name: str = "points") -> Any:
    return genzoo.load(home / name).model


def normal(theta: torch.Tensor) -> torch.distributions.Normal:
    return torch.distributions.Normal(theta[:, 0], 1.0)


def inverted(found: Any) -> tasks.Found:
    given = found.checked_given(torch.tensor([3, 1]), 2)
    return tasks.invert(found.able(Latent), genzoo.read("digits").x[:2], given, steps=2)


def guess(home: Path) -> tuple[Any, torch.Tensor, Any]:
    """The inference of a model of images, with some rows and their conditions."""
    found = model(home, "images")
    return found.able(Inference), genzoo.read("digits").x[:2], found.checked_given(torch.tensor([3, 1]), 2)


def walker() -> GenerativeModel:
    with seeded(0):
        return MixtureDensity(Space((4, 2)), Space((2, 2)), width=4)


def mixture() -> GenerativeModel:
    with seeded(0):
        return GaussianMixture(Space((4, 2)), components=2)


ENTRIES: dict[str, Callable[[Path, Path], object]] = {
    "read": lambda home, new: genzoo.read("moons"),
    "read a table": lambda home, new: genzoo.read(home / "table.csv"),
    "train": lambda home, new: genzoo.train("gaussian_mixture", "moons", out=new, **QUIET),
    "train a network": lambda home, new: genzoo.train("vae", "moons", out=new, **QUIET),
    "train on a loader": lambda home, new: genzoo.train("gaussian_mixture", loader(), out=new, **QUIET),
    "train stages": lambda home, new: genzoo.train("latent_flow", "moons", out=new, **QUIET),
    "infer": lambda home, new: genzoo.infer(
        torch.distributions.Independent(normal(torch.zeros(2, 1)), 1),
        lambda theta, noise: theta + noise.normal(*theta.shape),
        recipe="mixture_density",
        simulations=60,
        out=new,
        **QUIET,
    ),
    "resume": lambda home, new: genzoo.resume(home / "images"),
    "load": lambda home, new: genzoo.load(home / "images"),
    "from_pretrained": lambda home, new: genzoo.from_pretrained(home / "images"),
    "sample": lambda home, new: model(home).sample(4),
    "log_prob": lambda home, new: model(home).log_prob(torch.zeros(4, 2)),
    "plan": lambda home, new: tasks.plan(mixture(), torch.zeros(1, 2), torch.ones(1, 2), 2),
    "rollout": lambda home, new: tasks.rollout(tasks.Policy(walker(), Fork()), 2),
    "score": lambda home, new: evaluation.score(model(home), genzoo.read("moons").test),
    "evaluate": lambda home, new: genzoo.evaluate(model(home), genzoo.read("moons"), protocol=FEW),
    "evaluate images": lambda home, new: genzoo.evaluate(model(home, "images"), genzoo.read("digits"), protocol=FEW),
    "evaluate a table": lambda home, new: genzoo.evaluate(
        model(home, "table"), genzoo.read(home / "table.csv"), protocol=FEW
    ),
    "evaluate a text": lambda home, new: genzoo.evaluate(model(home, "text"), genzoo.read("verse"), protocol=FEW),
    "compare": lambda home, new: genzoo.compare("moons", ["gaussian"], out=new, protocol=FEW, **QUIET),
    "expectation": lambda home, new: tasks.expectation(model(home), lambda x: x[:, 0], 100),
    "in_time": lambda home, new: tasks.in_time(model(home), lambda x: x[:, 0], 100, math.inf),
    "conditional": lambda home, new: tasks.conditional(model(home), {0: 0.5}, 20, fewest=2),
    "impute": lambda home, new: tasks.impute(model(home), torch.tensor([[0.5, torch.nan]]), 2),
    "entry_draws": lambda home, new: tasks.entry_draws(model(home), torch.zeros(1, 2), 1, 2),
    "level_log_probs": lambda home, new: tasks.level_log_probs(
        model(home, "table"), torch.zeros(1, 3, dtype=torch.float64), 1
    ),
    "boxed": lambda home, new: tasks.boxed(model(home), [{0: Range(low=0.5)}], 4),
    "rejected": lambda home, new: tasks.rejected(model(home), lambda x: x[:, 0] > 0, 4),
    "rare_event": lambda home, new: tasks.rare_event(model(home), lambda x: x[:, 0] - 2, 100),
    "log_normalizer": lambda home, new: tasks.log_normalizer(model(home), lambda x: -x.square().sum(1), 100),
    "score_gradients": lambda home, new: tasks.score_gradients(normal, torch.zeros(1), torch.square, Noise(0)),
    "reparametrized_gradients": lambda home, new: tasks.reparametrized_gradients(
        normal, torch.zeros(1), torch.square, Noise(0)
    ),
    "elbo": lambda home, new: tasks.elbo(*guess(home), draws=2),
    "iwae": lambda home, new: tasks.iwae(*guess(home), k=2),
    "fitted": lambda home, new: tasks.fitted(*guess(home), steps=2),
    "gaps": lambda home, new: tasks.gaps(*guess(home), steps=2, draws=2),
    "calibration": lambda home, new: tasks.calibration(
        guess(home)[0], 20, draws=2, given=lambda n: {"given": torch.zeros(n, dtype=torch.long)}
    ),
    "posterior": lambda home, new: tasks.posterior(
        model(home, "images"), guess(home)[1], given=torch.tensor([3, 1]), n=2, steps=2
    ),
    "sandwich": lambda home, new: tasks.sandwich(model(home, "images"), 2, given=torch.tensor([3, 1]), steps=2),
    "recovered": lambda home, new: tasks.recovered(
        model(home, "images"), guess(home)[1], model(home, "images").checked_given(torch.tensor([3, 1]), 2), steps=2
    ),
    "invert": lambda home, new: inverted(model(home, "images")),
    "genzoo latent": lambda home, new: command(
        "latent", "walk", home / "images", "-n", 2, "--steps", 2, "--given", "label=1,2", "--out", f"{new}.png"
    ),
    "export": lambda home, new: genzoo.export(home / "points", new, graphs=["sample"], formats=["pt2"]),
    "judge": lambda home, new: evaluation.shipped_judge("digits"),
    "estimator": lambda home, new: Estimator("ppca").fit(Noise(0).normal(60, 3).numpy()).sample(2),
    "genzoo sample": lambda home, new: command("sample", home / "points", "-n", 4),
    "genzoo score": lambda home, new: command("score", home / "points"),
    "genzoo expect": lambda home, new: command("expect", home / "points", "--of", "x[0] > 0", "-n", 100),
}
PURE = {
    "recipe_named", "effective_sample_size", "score_surrogate", "pictured", "between", "summed", "direction", "along",
    "plane", "traversed", "boxes", "effective_sample_sizes",
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_leaves_global_randomness_alone(name: str, home: Path, tmp_path: Path) -> None:
    ENTRIES[name](home, tmp_path / "new")


def test_every_public_function_is_asked() -> None:
    public = {name for package in (genzoo, tasks) for name in package.__all__
              if inspect.isfunction(getattr(package, name))}  # fmt: skip
    assert public - PURE <= set(ENTRIES)
