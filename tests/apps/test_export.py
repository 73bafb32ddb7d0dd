"""`genzoo export`: what it says and writes."""

import json

import torch
from typer.testing import CliRunner

from genzoo import train
from genzoo.apps.cli.root import app


def asked(*words: object) -> tuple[int, str]:
    found = CliRunner().invoke(app, [*map(str, words)])
    return found.exit_code, " ".join(found.output.split())


def test_a_run_becomes_graphs_and_what_cannot_be_one_is_told(tmp_path):
    run = train("gaussian_mixture", "digits", given="label", settings={"components": 1}, steps=1, out=tmp_path / "run")
    code, said = asked("export", run.path, "-o", tmp_path / "out", "--formats", "pt2", "--graphs", "sample")
    assert code == 0, said
    assert "sample.pt2 0 share of entries that differ" in said
    about = json.loads((tmp_path / "out" / "genzoo.json").read_text())
    assert about["recipe"]["name"] == "gaussian_mixture"
    assert about["given"]["given"]["space"]["levels"] == 10
    graph = torch.export.load(tmp_path / "out" / "sample.pt2").module()
    held = dict.fromkeys(("uniform", "normal"), torch.float64)
    shapes = [(each["name"], each["shape"][1:]) for each in about["graphs"]["sample"]["inputs"]]
    x = graph(*(torch.full((2, *shape), 0, dtype=held.get(name.split("_")[0], torch.int64)) for name, shape in shapes))
    assert x.shape == (2, 1, 8, 8)
    code, said = asked("export", run.path, "-o", tmp_path / "run", "--formats", "pt2")
    assert code == 2
    assert "An export needs a folder of its own" in said
    code, said = asked("export", run.path, "-o", tmp_path / "other", "--formats", "pt2", "--graphs", "denoise")
    assert code == 2
    assert "can be asked none of these graphs" in said
