"""Reproductions: listed without torch, run in a folder, told beside what they must reach."""

import json
import subprocess
import sys

import pytest
import torch
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.core import Batch, Noise
from genzoo.data import read
from genzoo.evaluation import Protocol
from genzoo.evaluation.judge import Judge, JudgeSettings, judges, read_judge
from genzoo.experiments import judges as schools
from genzoo.experiments import reproductions as registry
from genzoo.experiments.contrast import Contrast, decoupled, varied, whiten, whitening_filters
from genzoo.experiments.judges import train_judge
from genzoo.experiments.linked_zoo import COUNTERPARTS, linked_zoo, unpacked
from genzoo.experiments.speakers import without
from genzoo.training import TrainConfig, train
from genzoo.zoo import recipe_named
from genzoo.zoo.mistakes import Mistake

runner = CliRunner()


def quiet(_: str) -> None:
    pass


def test_every_judge_is_remade_by_name():
    assert {f"judge-{name}" for name in judges()} <= set(registry.reproductions())
    for name, one in registry.reproductions().items():
        assert one.name == name
        assert 0 < one.goal <= 1 or one.measure.startswith("log p")
    assert all("condition" in recipe_named(name).can for name in COUNTERPARTS)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(Mistake, match="Did you mean 'judge-digits'"):
        registry.reproduction_named("judge-digit")


def test_a_judge_is_trained_measured_and_written(tmp_path):
    outcome = train_judge("digits", tmp_path, say=quiet, steps=25)
    judge = read_judge(outcome.path)
    assert outcome.value == judge.accuracy > 0.2
    assert outcome.recorded == schools.shipped_judge("digits").accuracy
    assert json.loads((tmp_path / "record.json").read_text(encoding="utf-8")) == outcome.record == judge.record
    assert outcome.record["config"]["steps"] == 25
    assert outcome.record["fingerprint_of_data"] == read("digits", given="label", augment="shift=1").fingerprint
    again = train_judge("digits", tmp_path / "again", say=quiet, steps=25)
    assert again.record["fingerprint"] == outcome.record["fingerprint"]


def test_a_judge_may_have_another_name_than_its_data_and_start_from_their_patches(tmp_path, monkeypatch):
    school = schools.dataclasses.replace(schools.SCHOOLS["digits"], data="digits", from_patches=True)
    monkeypatch.setitem(schools.SCHOOLS, "natural", school)
    outcome = train_judge("natural", tmp_path, say=quiet, steps=1, lr=1e-9)
    judge = read_judge(outcome.path)
    assert (judge.settings.data, judge.record["data"]) == ("natural", "digits")
    started = Judge(judge.settings).on(judge.space)
    whiten(started, read("digits", given="label", augment="shift=1").train.head(256)[0])
    torch.testing.assert_close(judge.net.stem[0].weight, started.net.stem[0].weight, atol=1e-2, rtol=1e-2)


def test_the_command_lists_and_runs(tmp_path, monkeypatch):
    short = dict(schools.SCHOOLS["digits"].config) | {"steps": 5}
    monkeypatch.setitem(
        schools.SCHOOLS, "digits", schools.dataclasses.replace(schools.SCHOOLS["digits"], config=short)
    )
    listed = runner.invoke(app, ["reproduce", "--json"])
    assert {one["name"] for one in json.loads(listed.stdout)} == set(registry.reproductions())
    done = runner.invoke(app, ["reproduce", "judge-digits", "--out", str(tmp_path)])
    assert done.exit_code == 1  # five steps do not reach the goal
    assert "must reach" in done.stdout
    assert "judge-digits fell short of 0.97" in done.stderr
    assert (tmp_path / "judge.safetensors").is_file()


def test_listing_loads_no_torch():
    code = (
        "import sys; from genzoo.apps.cli import main; sys.argv = ['genzoo', 'reproduce']\n"
        "try: main()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "judge-digits" in done.stdout


def test_a_speaker_who_is_left_out_is_heard_in_the_test_only():
    digit, speaker = torch.arange(12) % 4, torch.arange(12) // 4
    x = torch.arange(12.0)[:, None]
    data, voices = (read((x, {name: rows}), given=name) for name, rows in (("digit", digit), ("speaker", speaker)))
    heard = without(data, voices, 1)
    assert heard.test.x.flatten().tolist() == [4, 5, 6, 7]
    assert heard.train.x.flatten().tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert len(heard.valid) == 0


def test_linked_models_stand_in_one_table(tmp_path):
    said = list[str]()
    options = {"data": "digits", "core_minutes": None, "protocol": Protocol(rows=40, samples=80), "steps": 3}
    models = {"ddpm": {"net": "mlp", "width": 8, "sampling_steps": 4}, "var": {"width": 4, "codes": 8}}
    outcome = linked_zoo(tmp_path, models=models, say=said.append, **options)
    assert {"record.json", "report.html", "wall.png"} <= {path.name for path in tmp_path.iterdir()}
    assert [line.split(":")[0] for line in said[:2]] == [entry["name"] for entry in outcome.record["entries"]]
    assert all("conditional fidelity" in line and "±" in line for line in said[:3])
    plain = next(entry for entry in outcome.record["entries"] if entry["name"] == "ddpm")["measurements"]
    pairs = zip(plain, outcome.record["guided"]["measurements"], strict=True)
    same = [one["value"] == other["value"] for one, other in pairs if one["n"] == other["n"] == 80]
    assert not all(same)
    assert 0 <= outcome.value <= 1
    assert {name: unpacked(shown).shape for name, shown in outcome.record["shown"].items()} == dict.fromkeys(
        models, (10, 1, 8, 8)
    )


# --- contrast -----------------------------------------------------------------------------------------------------


def test_whitening_filters_make_white_responses():
    x = Noise(0).uniform(200, 2, 6, 6).cumsum(3) / 6
    filters = whitening_filters(x, 3, 8)
    assert torch.equal(filters[4:], -filters[:4])
    response = torch.nn.functional.conv2d(x, filters[:4]).permute(1, 0, 2, 3).flatten(1)
    torch.testing.assert_close(response.cov(), torch.eye(4), atol=0.05, rtol=0.05)


def test_views_are_images_of_the_same_kind_and_differ():
    x = Noise(0).uniform(64, 3, 16, 16)
    one, other = (varied(x, Noise(1).at(i)) for i in range(2))
    assert one.shape == x.shape
    assert torch.equal(one, varied(x, Noise(1).at(0)))
    assert 0 <= one.min() <= one.max() <= 1
    assert (one - other).abs().mean() > 0.05
    grey = (one.std(1) < 1e-5).flatten(1).all(1).float().mean()
    assert 0.05 < grey < 0.4  # one in five


def test_the_loss_leaves_the_positive_pair_out():
    z = Noise(0).normal(6, 4)
    u = torch.nn.functional.normalize(z, dim=1)
    expected = 0.0
    for i in range(6):
        others = [j for j in range(6) if j % 3 != i % 3]
        expected += (torch.logsumexp(u[others] @ u[i] / 0.3, 0) - u[(i + 3) % 6] @ u[i] / 0.3).item() / 6
    assert decoupled(z, 0.3).item() == pytest.approx(expected, rel=1e-5)


def test_contrast_needs_no_labels():
    x = Noise(0).integers(256, 64, 3, 16, 16).to(torch.uint8)
    data = read(x)
    judge = Judge(JudgeSettings("natural", (3, 16, 16), ("a", "b"), (4, 8)))
    contrast = Contrast(judge.on(data.space), width=16)
    before = contrast.loss(Batch(data.train.x)).item()
    train(contrast, data.train, TrainConfig(steps=30, batch_size=32, lr=1e-2), say=quiet)
    assert contrast.loss(Batch(data.train.x)).item() < before
