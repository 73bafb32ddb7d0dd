"""A user's mistakes: exit code 2, a cause, a fix, no traceback."""

import pytest
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app

RUN, WGAN, TABLE = "{run}", "{wgan}", "{table}"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    home = tmp_path_factory.mktemp("mistakes")
    genzoo.train("vae", "digits", given="label", out=home / "vae", steps=1, settings={"hidden": 8, "drop_given": 0.0})
    genzoo.train("wgan_gp", "moons", out=home / "wgan", steps=1, settings={"hidden": 8})
    (home / "empty").mkdir()
    (home / "file.doc").write_text("words")
    (home / "gaps.csv").write_text("a,b\n" + "\n".join(f"{i},{i or ''}" for i in range(20)))
    (home / "table.csv").write_text("a,b\n" + "\n".join(f"{i},{i * i}" for i in range(20)))
    (home / "na.csv").write_text("a,b\nNA,3\n" + "\n".join(f"{i},{i * i}" for i in range(19)))
    newer = home / "newer"
    newer.mkdir()
    (newer / "config.json").write_text('{"format_version": 99, "versions": {"genzoo": "9.0.0"}}')
    return {
        "run": home / "vae",
        "wgan": home / "wgan",
        "table": home / "table.csv",
        "empty": home / "empty",
        "doc": home / "file.doc",
        "newer": newer,
        "gaps": home / "gaps.csv",
        "na": home / "na.csv",
        "home": home,
    }


TRAIN = "train vae --data digits --steps 1"
MISTAKES = [
    ("train nsf --data {gaps}", "got 1 of 20 rows with some missing", "Pass --read missing=drop (those rows)"),
    ("train nsf --data {na}", "'a' 1", "Pass --read missing=drop (those rows), --read missing=impute"),
    ("train nsf --data {na}", "'a' 1", "where 'NA' is a value, --read na="),
    ("trian vae", "no command 'trian'", "'train'"),
    ("sampel {run}", "no command 'sampel'", "'sample'"),
    ("train vae --stpes 3", "--stpes", "--steps"),
    ("train", "recipe must be named", "vae"),
    ("train vea --data digits", "no recipe 'vea'", "'vae'"),
    ("train nothing_alike --data digits", "no recipe 'nothing_alike'", "gaussian_mixture"),
    ("show wgan-gb", "no recipe 'wgan-gb'", "'wgan_gp'"),
    ("train vae", "Data must be named", "--data digits"),
    ("train vae --data digist", "digist", "'digits'"),
    ("train vae --data {home}/nowhere.csv", "nowhere.csv", ""),
    ("train vae --data {empty}", "empty", ""),
    ("train vae --data {doc}", "file.doc", "file.txt"),
    ("train vae --data digits --given lable", "lable", "'label'"),
    ("train vae --data digits --binarize static2", "static2", "'static'"),
    (f"{TRAIN} --set latnet=3", "no setting of recipe vae 'latnet'", "'latent'"),
    (f"{TRAIN} --set latent=zero", "latent", "latent="),
    (f"{TRAIN} --set latent=0", "latent", "latent="),
    (f"{TRAIN} --set latent", "--set must be given name=value", "--set latent="),
    (f"{TRAIN} --train lrr=1", "no train setting 'lrr'", "'lr'"),
    (f"{TRAIN} --train lr=-1", "lr", "lr="),
    (f"{TRAIN} --train precision=float16", "precision", "precision="),
    ("train wgan_gp --data digits --steps 1 --train lr=1", "sets lr itself", "--set lr"),
    (f"{TRAIN} --minutes 1", "do not fit together", "keep one"),
    (f"{TRAIN} --core-minutes 1", "do not fit together", "keep one"),
    ("train vae --data digits --steps many", "--steps", "--help"),
    ("train vae --data digits --steps -1", "steps", "steps="),
    (f"{TRAIN} --device tpu", "device", ""),
    (f"{TRAIN} --out {RUN}", "already holds a run", "--resume"),
    ("train --resume {home}/none", "must be a folder", ""),
    ("train --resume {empty}", "must hold config.json", ""),
    ("train vae --resume {run}", "--resume keeps all settings", "train --resume"),
    ("sample {home}/none", "must be a folder", ""),
    ("sample {newer}", "format_version 99", "9.0.0"),
    ("sample {run} -n 0", "-n", "--help"),
    ("sample {run} --given label=12", "label", "--given label="),
    ("sample {run} --given lable=1", "no condition of this run 'lable'", "'label'"),
    ("sample {run} --given label", "name=value", "--given label="),
    ("sample {wgan} --given label=1", "unconditional", "--given label"),
    ("sample {run} --set nois=1", "no sampling option of vae 'nois'", "'noise'"),
    ("sample {run} --out x.jpg", "written as .png", "x.png"),
    ("score {run} --split tset", "no split 'tset'", "'test'"),
    ("score {run} --data moons", "", ""),
    ("score {wgan}", "cannot log_prob", "It can: "),
    ("score {run} --data {table}", "label", ""),
    ("evaluate {run} --data digist", "digist", "'digits'"),
    ("compare vae --steps 1", "recipe", "--models vae"),
    ("compare", "--models", "--models"),
    ("compare --models vae,wgan_pg --steps 1", "no recipe 'wgan_pg'", "'wgan_gp'"),
]


@pytest.mark.parametrize(("line", "cause", "fix"), MISTAKES, ids=lambda text: text[:60])
def test_a_mistake_is_told_with_cause_and_fix(places, tmp_path, monkeypatch, line, cause, fix):
    monkeypatch.chdir(tmp_path)
    words = [word.format(**places) for word in line.split()]
    result = CliRunner().invoke(app, words)
    said = result.stderr.strip().splitlines()
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    assert said[-2].startswith("error: ")
    assert said[-1].startswith("fix:   ")
    assert cause in said[-2]
    assert fix in said[-1]
    assert len(said[-1]) > len("fix:    x.")


def test_debug_shows_where():
    result = CliRunner().invoke(app, ["train", "vae", "--debug", "--data", "digist"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "fix:" in result.stderr


def test_what_is_not_the_users_fault_exits_1(monkeypatch):
    def broken(path):
        raise RuntimeError("a bug")

    monkeypatch.setattr("genzoo.zoo.store.run_folders", broken)
    result = CliRunner().invoke(app, ["runs"])
    assert result.exit_code == 1
    assert "should not have happened: RuntimeError: a bug" in result.stderr
