"""What `genzoo doctor RUN` says of runs that have ended well, and of runs that have not."""

import contextlib
import fcntl
import json
import shutil
from pathlib import Path

import pytest
import torch

import genzoo
from genzoo.apps.cli import app
from genzoo.training import TrainConfig
from genzoo.training.callbacks import Callback
from genzoo.zoo import recipes
from genzoo.zoo.health import History, examined
from genzoo.zoo.health.detectors import still_improving
from genzoo.zoo.mistakes import Mistake
from tests.apps.test_cli import genzoo as command
from tests.apps.test_cli import runner


class Stop(Callback):
    """Ends a training at a step by an error."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_step(self, state):
        if state.step == self.step:
            raise self.error


SETTINGS = {"latent": 2, "width": 8, "depth": 1}


def trained(path, error=None, **config):
    """A run of a few steps, which an error may end."""
    x = path.parent / "points.csv"
    if not x.exists():
        rows = genzoo.core.Noise(0).normal(200, 2).tolist()
        x.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows))
    callbacks = [] if error is None else [Stop(25, error)]
    config = {"steps": 40, "checkpoint_every": 10, "device": "cpu", "batch_size": 16, **config}
    with contextlib.suppress(ConnectionAbortedError):
        genzoo.train("vae", str(x), out=path, settings=SETTINGS, callbacks=callbacks, **config)
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished run and one that died without a word."""
    home = tmp_path_factory.mktemp("runs")
    whole, killed = trained(home / "whole"), trained(home / "killed", ConnectionAbortedError("the line was cut"))
    return whole, killed


def copied(run, path):
    """A copy of a run, without the last word in its journal: a kill leaves none."""
    shutil.copytree(run, path)
    journal = path / "metrics.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if '"event"' not in line))
    return path


def test_a_finished_run(runs):
    (found,) = examined(runs[0])
    assert (found.state, found.step, found.total, found.budget) == ("finished", 40, 40, "40 steps")
    assert found.ending == "finished after 40 of 40 steps"
    rows = [json.loads(line) for line in (runs[0] / "metrics.jsonl").read_text().splitlines()]
    valid = [(row["loss"], row["step"]) for row in rows if row["split"] == "valid"]
    assert (found.best, found.best_step) == min(valid)
    assert found.core_seconds == max(row["core_seconds"] for row in rows)
    assert [saved.step for saved in found.checkpoints] == [40, 30]
    assert found.is_well
    said = command("doctor", str(runs[0]))
    assert "finished after 40 of 40 steps" in said
    assert "nothing was found to be wrong" in said
    assert json.loads(command("doctor", str(runs[0]), "--json"))[0]["best"] == found.best


def test_a_run_that_an_error_ended_one_that_was_killed_and_one_that_runs(runs, tmp_path):
    (failed,) = examined(runs[1])
    assert failed.state == "failed"
    assert failed.ending == "ended after 25 of 40 steps by ConnectionAbortedError: the line was cut"
    assert failed.advice == [f"Go on: genzoo train --resume {runs[1]}"]
    path = copied(runs[1], tmp_path / "run")
    (killed,) = examined(path)
    assert killed.state == "killed"
    assert "was killed after 25 of 40 steps" in killed.ending
    assert killed.ending.endswith("the newest whole checkpoint is of step 20")
    with (path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("process 7 on a machine")
        lock.flush()
        (running,) = examined(path)
        assert running.state == "running"
        assert "in process 7 on a machine" in running.ending
        assert not running.advice


def test_what_is_spoilt_is_told_and_what_is_whole_is_used(runs, tmp_path):
    path = copied(runs[1], tmp_path / "run")
    newest = path / "checkpoints/step-00000020"
    (newest / "model.safetensors").write_bytes(b"nothing")
    (found,) = examined(path)
    assert [saved.fault is None for saved in found.checkpoints] == [False, True]
    assert found.advice[0].startswith("step-00000020 is spoilt, the bytes of model.safetensors are not")
    assert "resuming takes step-00000010" in found.advice[0]
    (path / "checkpoints/step-00000010/manifest.json").write_text("{")
    assert examined(path)[0].advice == ["No checkpoint is whole: train it anew, in another folder."]
    odd = [b"\xff\xfe", b'{"step": 3, "split": "train", "loss": "much", "gradient": "more"}\n' * 30]
    odd += [b'{"step": 9, "split": "look", "apart": "far", "precision": 1, "coverage": 1, "seconds": "late"}\n']
    (path / "metrics.jsonl").write_bytes(b"\n".join(odd))
    assert examined(path)[0].step == 9
    (path / "config.json").write_text("{")
    with pytest.raises(Mistake, match="must be JSON"):
        examined(path)
    for folder in (path, tmp_path / "none"):
        result = runner.invoke(app, ["doctor", str(folder)])
        assert result.exit_code == 2
        assert "error: " in result.stderr
        assert "Traceback" not in result.stderr


def test_data_that_are_gone_and_a_disk_that_is_full_are_told(runs, tmp_path, monkeypatch):
    path = copied(runs[1], tmp_path / "run")
    config = json.loads((path / "config.json").read_text())
    config["data"]["origin"]["source"] = "/nowhere/points.csv"
    (path / "config.json").write_text(json.dumps(config))
    usage = shutil.disk_usage(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=100))
    (found,) = examined(path)
    assert found.advice[0].startswith("Make room: a checkpoint takes 0 MiB")
    assert found.advice[1] == "The data are gone: restore /nowhere/points.csv."


def test_a_run_whose_loss_became_nan(tmp_path):
    class Ruin(Callback):
        def on_step(self, state):
            if state.step == 15:
                with torch.no_grad():
                    next(state.model.parameters()).fill_(1e30)

    with pytest.raises(ArithmeticError):
        genzoo.train(
            "vae", "moons", out=tmp_path / "run", settings=SETTINGS, callbacks=[Ruin()], steps=60, device="cpu"
        )
    (found,) = examined(tmp_path / "run")
    assert found.state == "failed"
    assert "NotFinite: The loss and its gradient must be finite, got 10 steps in a row" in found.ending
    assert "first of all the output of" in found.ending


def test_each_stage_and_fits_in_passes(tmp_path):
    settings = {"latent": 2, "depth": 1}
    run = genzoo.train("latent_flow", "ring", steps=8, out=tmp_path / "two", settings=settings, device="cpu")
    assert [each.state for each in examined(run.path)] == ["finished", "finished"]
    run = genzoo.train("gaussian_mixture", "ring", steps=8, out=tmp_path / "fit", device="cpu")
    (found,) = examined(run.path)
    assert found.state == "finished"
    (run.path / "model.safetensors").unlink()
    shutil.rmtree(run.path / "checkpoints")
    (run.path / "metrics.jsonl").unlink()
    assert examined(run.path)[0].state == "not begun"


def test_a_run_that_was_still_improving_is_told_to_go_on():
    def history(values):
        rows = [{"step": 10 * i, "split": "valid", "loss": value} for i, value in enumerate(values, 1)]
        return History(rows, TrainConfig(), 10 * len(values))

    found = still_improving(history([10.0 - i for i in range(8)]))
    assert found.seen == "validation fell by 2 in the last quarter, to 3: 29% of all that it fell"
    assert found.advice == "Try a longer run, as steps=160."
    assert still_improving(history([10.0 / (1 + i) ** 3 for i in range(20)])) is None


def test_the_page_tells_what_the_record_of_false_alarms_holds():
    home = Path(__file__).parents[2]
    table = json.loads((home / "benchmarks/records/doctor.json").read_text())["table"]
    page = (home / "docs/doctor.md").read_text(encoding="utf-8")
    trained = {name: row for name, row in table.items() if "refused" not in row}
    assert f"{len(trained)} trainings" in page
    assert all(f"`{name.partition(' on ')[0]}`" in page for name, row in trained.items() if row["says"])
    assert {name.partition(" on ")[0] for name in trained} <= set(recipes())
