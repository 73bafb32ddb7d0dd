"""`genzoo posterior`: the parts of a bound, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from genzoo import train
from genzoo.apps.cli.root import app

FEW = ("--rows", 6, "--draws", 20, "--steps", 5, "--simulated", 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("posterior")
    tiny = {"hidden": 4, "latent": 2}
    train("cvae", "digits", given="label", settings=tiny, steps=2, out=folder / "cvae", device="cpu")
    train("vae", "moons", settings=tiny, steps=2, out=folder / "points", device="cpu")
    train("vq_vae", "digits", settings={"width": 2, "codes": 4}, steps=1, out=folder / "codes", device="cpu")
    return folder


def asked(*words: object):
    return CliRunner().invoke(app, ["posterior", *map(str, words)])


def test_what_is_lost_adds_up(folder):
    for name in ("cvae", "points"):
        found = asked(folder / name, *FEW, "--json")
        assert found.exit_code == 0, found.output
        told = {what: each["value"] for what, each in json.loads(found.stdout).items() if isinstance(each, dict)}
        assert told["elbo"] + told["amortization"] == pytest.approx(told["fitted"], abs=1e-6)
        assert told["fitted"] + told["approximation"] == pytest.approx(told["likelihood"], abs=1e-6)
        assert told["elbo"] < told["likelihood"]
    said = asked(folder / "cvae", *FEW)
    assert said.exit_code == 0, said.output
    assert "lost by amortization" in said.stdout
    assert "log p by 20 draws" in said.stdout
    assert "30 rows" in said.stdout


def test_what_has_no_encoder_is_refused(folder, tmp_path):
    train("gaussian", "moons", out=tmp_path / "run", device="cpu")
    found = asked(tmp_path / "run", *FEW)
    assert found.exit_code == 2
    assert "got gaussian, which has no encoder" in found.output


def test_codes_have_no_gaussians(folder):
    found = asked(folder / "codes", *FEW)
    assert found.exit_code != 0
    assert "vectors of reals" in found.output
