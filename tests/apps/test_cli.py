"""The command line: what it prints, what it writes, what it costs to ask."""

import csv
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from genzoo.apps.cli import app, doctor
from genzoo.apps.cli.catalog import COMMANDS as CATALOG
from genzoo.apps.cli.reproduce import COMMANDS as REPRODUCE
from genzoo.apps.cli.training import COMMANDS as TRAINING
from genzoo.apps.cli.using import COMMANDS as USING
from genzoo.core import Space
from genzoo.data.marks import substance
from genzoo.evaluation.shown import MEAN
from genzoo.experiments import speed
from genzoo.experiments.judges import SCHOOLS

COMMANDS = {**CATALOG, **TRAINING, **USING, **REPRODUCE}
(REMADE,) = REPRODUCE.values()
runner = CliRunner()


def genzoo(*words: object) -> str:
    result = runner.invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.stdout


def process(*words: object, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "genzoo", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def vae(home):
    words = ("vae", "--data", "digits", "--given", "label", "--set", "hidden=16", "--train", "lr=1e-3")
    return home / "vae", genzoo("train", *words, "--steps", 4, "--seed", 3, "--device", "cpu", "--out", home / "vae")


# --- what it costs to ask -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--help"], ["list"], ["list", "--for", "text"], ["show", "vae"], ["train", "--help"]]
)
def test_asking_is_quick_and_loads_no_torch(words):
    code = (
        "import sys; from genzoo.apps.cli import main; sys.argv = ['genzoo', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit as end: code = end.code\nassert 'torch' not in sys.modules\nsys.exit(code)"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    after = os.times()
    assert done.returncode == 0, done.stderr
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1  # of computing: the wall clock of a busy machine tells nothing


def test_the_module_is_the_command_line():
    done = process("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"genzoo \d+\.\d+\.\d+\S*\n", done.stdout)


@pytest.mark.parametrize("function", COMMANDS, ids=lambda f: f.__name__.strip("_"))
def test_help_ends_with_an_example(function):
    name = function.__name__.strip("_")
    lines = [line.strip() for line in genzoo(name, "--help").splitlines() if line.strip()]
    assert lines[-1].startswith("Example: genzoo " + name)


# --- catalog ------------------------------------------------------------------------------------------------------


def test_list_names_every_recipe():
    text, infos = genzoo("list"), json.loads(genzoo("list", "--json"))
    assert {"gaussian_mixture", "vae", "wgan_gp"} <= {info["name"] for info in infos}
    assert all(info["name"] in text and info["paper"] for info in infos)


def test_show_names_every_setting():
    text = genzoo("show", "vae")
    declared = json.loads(genzoo("show", "vae", "--json"))
    assert all(name in text for name in declared["arguments"]["properties"])
    assert all(name in text for name in declared["train"]["properties"])
    assert "arXiv:1312.6114" in text


def test_doctor_says_what_is_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = {check["what"]: check for check in json.loads(genzoo("doctor", "--json"))}
    assert (
        re.match(r"(bf16|float32): this processor has", found["precision auto"]["state"]) or torch.cuda.is_available()
    )
    assert {"python", "torch", "cpu", "recipes", "runs"} <= set(found)
    assert all(check["ok"] or check["fix"] for check in found.values())
    text = genzoo("doctor")
    assert "torch" in text
    monkeypatch.setattr(doctor, "_installed", lambda name: name != "soundfile")
    (audio,) = [check for check in doctor.examined() if check.what == "extra audio"]
    assert audio.state.startswith("lacks soundfile: pip install 'genzoo[audio]' brings sounds")


def test_runs_lists_what_was_trained(vae, home, tmp_path):
    (row,) = [row for row in json.loads(genzoo("runs", home, "--json")) if row["run"] == str(vae[0])]
    assert (row["recipe"], row["data"], row["steps"], row["state"]) == ("vae", "digits", 4, "trained")
    assert row["loss is"] == "−(bound on log p), bits/dim"
    assert "vae" in genzoo("runs", home)
    assert "no runs" in genzoo("runs", tmp_path)


# --- train --------------------------------------------------------------------------------------------------------


def test_the_first_line_says_where_and_how(vae):
    first = vae[1].splitlines()[0]
    assert re.fullmatch(rf"device cpu · float32 · seed 3 · [\d,]+ parameters · {re.escape(str(vae[0]))}", first)


def test_settings_reach_the_run(vae):
    config = json.loads((vae[0] / "config.json").read_text())
    assert config["recipe"]["arguments"]["hidden"] == 16
    assert (config["train"]["lr"], config["train"]["steps"], config["train"]["seed"]) == (1e-3, 4, 3)
    assert config["data"]["given"] == ["label"]


def test_a_budget_of_processor_time_is_an_option(tmp_path):
    words = ("gaussian", "--data", "moons", "--device", "cpu", "--core-minutes", 0.01, "--out", tmp_path / "g")
    genzoo("train", *words)
    assert json.loads((tmp_path / "g" / "config.json").read_text())["train"]["core_minutes"] == 0.01


def test_a_run_starts_from_another_and_none_switches_off(vae, tmp_path):
    words = ("vae", "--data", "digits", "--given", "label", "--steps", 2, "--device", "cpu", "--out", tmp_path / "run")
    genzoo("train", *words, "--from", vae[0], "--train", "ema=none", "--train", "clip_norm=none")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["start"] == str(vae[0])
    assert config["recipe"]["arguments"]["hidden"] == 16
    assert (config["train"]["ema"], config["train"]["clip_norm"]) == (None, None)


def test_a_pipe_gets_few_plain_lines(tmp_path, fresh):
    words = ("train", "vae", "--data", "moons", "--steps", 50, "--out", tmp_path / "run")
    done = fresh("from genzoo.apps.cli import main; main()", *words)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) <= 4 + 6  # a slow machine may take a minute


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from genzoo.apps.cli import main

def interrupt():
    while not list(Path(sys.argv[-1], "checkpoints").glob("step-*")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
main()
"""


def test_interrupted_says_how_to_go_on_and_goes_on_as_if_never_interrupted(tmp_path, fresh):
    out = tmp_path / "cut"
    words = ("vae", "--data", "moons", "--steps", 80, "--train", "checkpoint_every=10", "--set", "hidden=8")
    done = fresh(INTERRUPTED, "train", *words, "--out", out)
    assert done.returncode == 130
    assert "--resume" in done.stderr
    assert f"genzoo train --resume {out}" in done.stdout
    assert "Traceback" not in done.stderr
    genzoo("train", *words, "--out", tmp_path / "whole")
    genzoo("train", "--resume", out)
    whole, cut = ((path / "model.safetensors").read_bytes() for path in (tmp_path / "whole", out))
    assert whole == cut


# --- sample, score, evaluate --------------------------------------------------------------------------------------


def test_samples_of_a_seed_are_the_models_own(vae, tmp_path):
    import torch

    import genzoo as library

    out = tmp_path / "x.png"
    words = ("sample", vae[0], "-n", 9, "--seed", 7, "--given", "label=3", "--out", out)
    run, said = library.load(vae[0]), genzoo(*words, "--set", "noise=true")
    run.codec.save(run.model.sample(9, torch.full((9,), 3), seed=7), tmp_path / "y.png")
    assert substance(out) == substance(tmp_path / "y.png")
    assert MEAN not in said
    assert MEAN in genzoo(*words)
    run.codec.save(run.model.sample(9, torch.full((9,), 3), seed=7, noise=False), tmp_path / "y.png")
    assert substance(out) == substance(tmp_path / "y.png")
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    record = json.loads((tmp_path / "x.json").read_text())
    assert (record["n"], record["seed"], record["given"]) == (9, 7, ["label=3"])


def test_no_seed_is_a_fresh_one_and_recorded(vae):
    said = [genzoo("sample", vae[0], "-n", 2) for _ in range(2)]
    assert said[0] != said[1]


def test_scores_are_a_row_each(vae, tmp_path):
    genzoo("score", vae[0], "--data", "digits", "--split", "valid", "--out", tmp_path / "s.csv")
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text().splitlines()))
    assert len(rows) == json.loads((vae[0] / "config.json").read_text())["data"]["rows"]["valid"]
    assert float(rows[0]["log_prob"]) < 0 < float(rows[0]["bits_per_dim"])


def test_evaluate_types_its_numbers(vae):
    text = genzoo("evaluate", vae[0], "--samples", 100)
    assert "≤" in text
    assert "Fréchet" in text
    found = json.loads(genzoo("evaluate", vae[0], "--samples", 100, "--importance", 4, "--json"))
    assert [m["kind"] for m in found[:3]] == ["bound", "bound", "statistic"]
    assert found == json.loads((vae[0] / "evaluation.json").read_text())


SHORT = {"--steps 2000": "--steps 2", "--steps 500": "--steps 2 --samples 300", "genzoo demo": "genzoo demo --steps 2"}


def test_every_example_runs(tmp_path, monkeypatch):
    """In the order of the commands, in one folder, each with a budget of a few steps."""
    monkeypatch.chdir(tmp_path)
    tiny = speed.Case("realnvp", Space((2,)), 4, {"depth": 2, "width": 4})
    monkeypatch.setattr(speed, "CASES", {"gpt": tiny})
    monkeypatch.setattr("genzoo.experiments.demo.RECIPES", {"digits": {"vae": {}}, "8gaussians": {"realnvp": {}}})
    genzoo("train", "vae", "--data", "digits", "--steps", 2, "--set", "hidden=8", "--train", "keep=last")
    for example in (example for example in COMMANDS.values() if example != REMADE):
        for long, brief in SHORT.items():
            example = example.replace(long, brief)
        said = genzoo(*shlex.split(example)[1:])
        if "genzoo demo" in example:
            assert "runs/demo/report.html" in said.replace("\n", "")
            assert Path("runs/demo/wall.png").exists()
    assert Path("digits.png").exists()
    assert Path("runs/demo/report.html").exists()
    assert os.listdir("runs")


def test_what_is_remade_reaches_its_goal(tmp_path, monkeypatch):
    """With a twelfth of the steps of the record."""
    monkeypatch.chdir(tmp_path)
    school = SCHOOLS["digits"]
    monkeypatch.setitem(SCHOOLS, "digits", dataclasses.replace(school, config=dict(school.config) | {"steps": 125}))
    genzoo(*shlex.split(REMADE)[1:])
