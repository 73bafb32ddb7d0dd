"""`genzoo rollout` and `compare --env`: a run as a policy, from the words to the film."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.environments import Fork
from genzoo.tasks import Policy, rollout

DATA = ["--data", "fork", "--x", "action:8", "--given", "state:2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "walker"
    data = genzoo.read("fork", x="action:8", given="state:2")
    settings = {"width": 32, "depth": 1}
    return genzoo.train("mixture_density", data, steps=150, lr=1e-2, device="cpu", out=out, settings=settings).path


def asked(*words: object) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    return found.stdout


def refused(*words: object) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == 2
    return " ".join(found.stderr.split())


def test_a_network_acts_the_same_in_few_episodes_and_in_many(run: Path) -> None:
    few, many = (rollout(Policy(genzoo.load(run).model, Fork()), n, seed=1) for n in (3, 67))
    for name in ("best", "total", "success", "steps", "way"):
        assert torch.equal(getattr(many, name)[:3], getattr(few, name))
    assert many.calls == 1
    assert many.mean("success")[0] > 0.5


def test_a_run_acts_and_is_filmed(run: Path, tmp_path: Path) -> None:
    film = tmp_path / "walk.gif"
    told = json.loads(asked("rollout", run, "--env", "fork", "-n", 3, "--control", "--film", film, "--json"))
    assert list(told["found"]) == ["walker", "nearest neighbor"]
    assert told["found"]["nearest neighbor"]["success rate"][0] == 1.0
    assert told["execute"] == 4
    with Image.open(film) as image:
        assert image.n_frames > 10
    assert "success rate" in asked("rollout", run, "--env", "fork", "-n", 2, "--set", "temperature=0")


def test_refusals(run: Path, tmp_path: Path) -> None:
    said = refused("rollout", run, "--env", "pusht")
    assert "given = (observations, 5), got x = (8, 2) and given = (2, 2)" in said
    assert "Did you mean 'fork'" in refused("rollout", run, "--env", "forc")
    assert "--film walk.gif" in refused("rollout", run, "--env", "fork", "--film", "walk.mp4")
    assert "(observations, 5)" in refused(
        "compare", "--models", "mixture_density", *DATA, "--env", "pusht", "--steps", 1, "--out", tmp_path / "none"
    )
