"""`genzoo plan`: ways by a run, gone and drawn, and ends that are none."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.environments import Maze


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = genzoo.read("maze", x="trajectory:12")
    out, settings = tmp_path_factory.mktemp("runs") / "planner", {"width": 16, "depth": 1}
    return genzoo.train("ddpm", data, steps=5, device="cpu", out=out, settings=settings).path


def asked(*words: object) -> str:
    found = CliRunner().invoke(app, ["plan", *map(str, words)])
    assert found.exit_code == 0, found.output
    return found.stdout


def test_ways_are_drawn_gone_and_shown(run: Path, tmp_path: Path) -> None:
    ends = ("--start", "0.1,0.9", "--goal", "0.5,0.9", "-n", 3, "--set", "steps=5")
    told = json.loads(asked(run, *ends, "--avoid", "0.3,0.9,0.05", "--out", tmp_path / "plan.png", "--json"))
    ways = torch.tensor([way["way"] for way in told["ways"]])
    assert ways.shape == (3, 12, 2)
    assert torch.allclose(ways[:, [0, -1]], torch.tensor([[0.1, 0.9], [0.5, 0.9]]), atol=1e-3)
    gone = Maze().walked(ways, ways[:, -1])
    assert [way["arrives"] for way in told["ways"]] == gone.reached.tolist()
    assert [way["touches a wall"] for way in told["ways"]] == gone.touched.tolist()
    with Image.open(tmp_path / "plan.png") as image:
        assert image.size == (640, 640)
    words = asked(run, *ends, "--avoid", "0.3,0.9,0.05")
    assert "ways that arrive" in words
    assert "that keep 0.05 away from 0.3,0.9" in words
    assert (run / "plan.png").is_file()
