"""A user's mistakes: exit code 2, a cause, a fix, no traceback."""

import shlex
import shutil

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app

PLACES = (
    "run", "wgan", "table", "empty", "doc", "newer", "gaps", "na", "points", "text", "gpt", "cells", "holes", "cut",
)  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    home = tmp_path_factory.mktemp("mistakes")
    genzoo.train("vae", "digits", given="label", out=home / "vae", steps=1, settings={"hidden": 8, "drop_given": 0.0})
    genzoo.train("wgan_gp", "moons", out=home / "wgan", steps=1, settings={"hidden": 8})
    genzoo.train("gaussian_mixture", "moons", out=home / "points", steps=2)
    genzoo.train("bigram", "verse", out=home / "text", steps=2)
    genzoo.train("gpt", "verse", out=home / "gpt", steps=1, settings={"width": 16, "depth": 1, "heads": 2})
    cells = [f"{i % 17},{'abc'[i % 3]},{i * 0.37 % 11:.2f}" for i in range(300)]
    (home / "cells.csv").write_text("\n".join(["n,kind,size", *cells]) + "\n")
    genzoo.train("gaussian_mixture", home / "cells.csv", out=home / "cells", steps=2)
    (home / "holes.csv").write_text("n,kind,size\n1,,2\n2,a,\n")
    (home / "new.csv").write_text("n,kind,size\n1,zzz,2\n")
    (home / "picture.png").write_bytes(b"no picture")
    (home / "words.txt").write_text("hello\n")
    shutil.copytree(home / "points", home / "cut")
    (home / "cut" / "model.safetensors").write_bytes(b"xx")
    (home / "empty").mkdir()
    (home / "nothing").touch()
    (home / "file.doc").write_text("words")
    (home / "gaps.csv").write_text("a,b\n" + "\n".join(f"{i},{i or ''}" for i in range(20)))
    (home / "table.csv").write_text("a,b\n" + "\n".join(f"{i},{i * i}" for i in range(20)))
    (home / "na.csv").write_text("a,b\nNA,3\n" + "\n".join(f"{i},{i * i}" for i in range(19)))
    newer = home / "newer"
    newer.mkdir()
    (newer / "config.json").write_text('{"format_version": 99, "versions": {"genzoo": "9.0.0"}}')
    named = {
        "run": "vae",
        "table": "table.csv",
        "doc": "file.doc",
        "gaps": "gaps.csv",
        "na": "na.csv",
        "holes": "holes.csv",
    }
    return {name: home / named.get(name, name) for name in PLACES} | {"home": home}


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
    (f"{TRAIN} --out {{run}}", "already holds a run", "--resume"),
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
    ('train vae --data ""', "Data must be named", "--data digits"),
    (f"{TRAIN} --set latent=2 --set latent=3", "got 'latent' again", "--set latent="),
    (f"{TRAIN} --from {{points}}", "a whole run of it", "vae"),
    (f"{TRAIN} --read header=maybe", "true or false, got 'maybe'", "Choose one"),
    ("train vae --data {cells}.csv --read header=maybe --steps 1", "true or false, got 'maybe'", "Choose one"),
    ("train vae --data {cells}.csv --hold-out kind:0.2 --steps 1", "COLUMN*COLUMN:SHARE", "color*shape:0.2"),
    ("list --for everything", "no kind of data 'everything'", "table"),
    ("runs {home}/nowhere", "must lie in a folder", "Name the one"),
    ("doctor {empty}", "must hold config.json", ""),
    ("bench --only zzz", "begin with 'zzz'", "Choose one"),
    ("demo --steps x", "--steps", "--help"),
    ("compare {points} {run}", "same data", "Train them on the same data"),
    ("compare --models vae --env nowhere --steps 1", "An environment must be one of", "'fork'"),
    ("sample {cut}", "must be a safetensors file", "Restore the file"),
    ("sample {points} -n 999999999999999999999", "less than or equal to 1000000000", "--help"),
    ("sample {points} --device tpu", "`device` must be", "Choose one"),
    ("sample {run} --given label=1 --given label=2", "got 'label' again", "--given label="),
    ("sample {run} --given label=77", "an integer in [0, 10), got '77'", "--given label="),
    ("sample {gpt} --set temperature=x", "must be a number within a million, got 'x'", "--set temperature=0.7"),
    ("sample {gpt} --set temperature=nan", "must be a number within a million", "--set temperature=0.7"),
    ("sample {gpt} --set beams=true", "must be a whole number, got True", "--set beams="),
    ("sample {gpt} --set top_k=0", "`top_k` must be at least 1", "Leave it out"),
    ("sample {run} --set noise=7", "must be true or false, got 7", "--set noise="),
    ("sample {cells} --where 'age > 3'", "may name kind, n, size, x", "Check the name"),
    ("sample {cells} --where 'kind > 3'", "must compare kind by ==", "kind == 'a'"),
    ("expect {points} --of ''", "must be readable", "x[0] > 0"),
    ("expect {points} --of 'x[9] > 0'", "must index the shape (2,)", "Count from 0"),
    ("score {cells} --data {home}/new.csv", "got 'zzz'", "--unseen missing"),
    ("evaluate {points} --extractor nope", "no extractor 'nope'", "'random'"),
    ("check {points} --seconds 0", "--seconds", "--help"),
    ("average {points} --out {home}/a", "Averages must lie", "averages=true"),
    ("export {wgan} --out {home}/e --graphs log_prob", "cannot be exported", "--graphs"),
    ("export {points} --out {home}/e --formats nope", "no format 'nope'", "onnx"),
    ("posterior {points}", "has no encoder", "vae"),
    ("complete {run}", "known in part", "--image FILE"),
    ("complete {cells} --known age=3", "no column 'age'", "kind"),
    ("impute {cells} --data {home}/nowhere.csv", "No such file", "Check the path"),
    ("impute {cells} --data {holes} --out {holes}", "another file than the one that is read", "Name a new one"),
    ("impute {cells} --data {holes} --out x.png", "written as .csv", "--out x.csv"),
    ("impute {wgan} --data {holes}", "knows its entries given others", "gaussian_mixture"),
    ("outliers {cells} --fdr 2", "between 0 and 1", "0.1"),
    ("outliers {cells} --out x.png", "written as .csv or .parquet", "--out x.csv"),
    ("outliers {cells} --method nope", "there is no nope", "likelihood"),
    ("solve {run}", "must be told, got neither", "--operator"),
    ("draw {doc} --below logp", "no property of molecules 'logp'", "'logP'"),
    ("draw {doc} --out {doc}", "is written as .svg", "--out"),
    ("draw {home}/nowhere.smi", "which is none", "path"),
    ("draw {home}/nowhere.pdb", "which is none", "path"),
    ("solve {gpt} 'the sum of xs' --signature nope", "must begin a function", "def f(xs):"),
    ("solve {gpt} 'the sum of xs' --test 'f([1]) == 1'", "not allowed", "--allow-running-code"),
    ("solve {gpt} 'the sum of xs' --test 'f(x)' --allow-running-code", "compare a call", "f([1, 2]) == 3"),
    ("solve {run} 'the sum of xs'", "writes no texts", "Train gpt"),
    ("evaluate {gpt} --metrics pass@1", "not allowed", "--allow-running-code"),
    ("evaluate {gpt} --metrics fid --allow-running-code", "are pass@k, got 'fid'", "pass@1,pass@10"),
    ("evaluate {gpt} --metrics pass@1 --allow-running-code", "problems with tests, got verse", "minipython"),
    ("solve {run} --operator mask", "told what it asks for", "mask(0.7)"),
    ("solve {run} --operator 'mask(0.5)' --set nope=1 --rows 1 --draws 1", "has no option nope", "It has: "),
    ("solve {run} --operator 'mask(0.5)' --set steps=x --rows 1 --draws 1", "must be a number", "steps="),
    ("compress {points} {table} -o {home}/a.gz0", "must have levels", "levels"),
    ("compress {text} {home}/words.txt -o {home}/words.txt", "another file", "Name a new one"),
    ("decompress {text} {table} -o {home}/out", "must begin with b'GZ0'", "Fetch it again"),
    ("decompress {text} {home}/nowhere.gz0 -o {home}/out", "No such file", "Check the path"),
    ("chat {run} --ask hi", "symbol by symbol", "gpt"),
    ("chat {gpt} --ask hi --stop ''", "--stop must be a text", "Leave it out"),
    ("reproduce nope", "no reproduction 'nope'", "judge-digits"),
    ("lecture 003.999", "no item '003.999'", "'003.9'"),
    ("verify {empty}", "must be a plain file", "Copy"),
    ("verify {home}/picture.png --run {empty}", "must hold config.json", ""),
    ("rollout {points} --env fork", "must have x = (actions, 2)", "demonstrations"),
    ("plan {points} --start 0.1,0.1 --goal 0.3", "--goal must be x,y, got '0.3'", "Write --goal 0.1,0.9"),
    ("plan {points} --start 0.3,0.5 --goal 0.1,0.1", "A start must lie between walls", "free"),
    ("plan {points} --start 0.1,0.1 --goal 0.1,0.9 --env fork", "where there are places and a goal", "--env maze"),
    ("plan {points} --start 0.1,0.1 --goal 0.1,0.9", "Ways must be windows of real places", "trajectory:64"),
    ("rollout {points}", "Missing option '--env'", "--help"),
    ("serve {points} --host 0.0.0.0", "must have a key", "GENZOO_API_KEY"),
    ("serve {points} --key-file {home}/nothing", "must hold a key", "leave it out"),
    ("serve ={points} --port 0", "must have names", "NAME="),
    ("serve {points} {points} --port 0", "names of their own", "other="),
    ("serve {points} --port 0 --device tpu", "`device` must be", "Choose one"),
    ("studio {table}", "File exists", "Check the path"),
    ("edit {points} --strokes {home}/picture.png", "runs of images", "another run"),
    ("edit {run} --strokes {home}/none.png", "No such file", "Check the path"),
    ("quiz {points}", "runs of images", "another run"),
    ("quiz {run} --pairs 3", "--pairs", "--help"),
    ("push {empty} me/it", "must hold config.json", ""),
    ("pull nowhere", "OWNER/NAME", "Correct the name"),
    ("data check {empty}", "files of a known kind", "Convert"),
    ("data chek digits", "no command 'chek'", "'check'"),
    ("latent walk {points}", "runs of images", "another run"),
    ("latent walk {run} --out x.doc", "written as .png", "--out x.png"),
]


def test_every_command_has_a_mistake():
    asked = {line.split()[0] for line, _, _ in MISTAKES}
    assert set(get_command(app).commands) - asked == set()


@pytest.mark.parametrize(("line", "cause", "fix"), MISTAKES, ids=lambda text: text[:60])
def test_a_mistake_is_told_with_cause_and_fix(places, tmp_path, monkeypatch, line, cause, fix):
    monkeypatch.chdir(tmp_path)
    words = [word.format(**places) for word in shlex.split(line)]
    result = CliRunner().invoke(app, words)
    said = result.stderr.strip().splitlines()
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    assert said[-2].startswith("error: ")
    assert said[-1].startswith("fix:   ")
    assert cause in said[-2]
    assert fix in said[-1]
    assert len(said[-1]) > len("fix:    x.")
    assert "--debug" not in said[-1]


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
