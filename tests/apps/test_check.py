"""`genzoo check`: what a run promises, in a table or as JSON; it fails where a promise is broken."""

import json
from pathlib import Path

from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.core import Space
from genzoo.testing import rows


def test_a_run_is_checked_and_what_is_broken_fails(tmp_path: Path) -> None:
    x = rows(Space((3,), levels=2), 40)
    run = genzoo.train("made", x, out=tmp_path / "run", steps=5, ema=0.3, device="cpu", keep="last")
    told = CliRunner(env={"COLUMNS": "160"}).invoke(app, ["check", str(run.path)])
    assert told.exit_code == 0, told.output
    assert "log prob is the sum of its steps" in told.output
    assert "promises hold, asked on rows of our own (This run was trained on tensors" in told.output
    weights = {name: 2 * tensor for name, tensor in load_file(run.path / "model.safetensors").items()}
    save_file(weights, run.path / "model.safetensors")
    found = CliRunner().invoke(app, ["check", str(run.path), "--json"])
    broken = [each for each in json.loads(found.stdout)["findings"] if each["broken"]]
    assert found.exit_code == 1
    assert [each["promise"] for each in broken] == ["the weights are the average that was asked for"]
    assert "weights are not the average" in broken[0]["broken"]
