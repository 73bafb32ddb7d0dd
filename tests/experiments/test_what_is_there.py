"""Comparisons and evaluations of little data, of models that do not fit, and of models that fail on the way."""

import csv

import numpy as np
import pytest
import torch

import genzoo
from genzoo import Mistake, Noise
from genzoo.apps.cli.root import app
from genzoo.core import GenerativeModel
from genzoo.evaluation import Examiner, Protocol
from genzoo.experiments import compare as module
from genzoo.experiments.compare import compare
from genzoo.experiments.report import write_report
from genzoo.models.classical import Gaussian

BRIEF = {"watch": lambda _: [], "protocol": Protocol(rows=100, samples=200), "steps": 3}


class Diverged(GenerativeModel):
    def draw(self, n, given, noise):
        return noise.normal(n, *self.space.shape) * float("nan")


def rows(path, n: int) -> str:
    x = Noise(n).normal(n, 2).tolist()
    lines = ["a,b,kind", *(f"{a:.4f},{b:.4f},{'red' if a > 0 else 'blue'}" for a, b in x)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.mark.parametrize("held", [1, 2, 5, 27, 60])
def test_little_data_are_measured_by_what_can_be_had(held: int) -> None:
    data = genzoo.read(Noise(held).normal(10 * held, 2).numpy())
    splits = {"test": torch.arange(held), "valid": torch.arange(0), "train": torch.arange(held, 10 * held)}
    data = genzoo.data.Data("few", data.space, data.x, splits, data.codec)
    found = Examiner(data, Protocol(samples=100))(Gaussian(data.space))
    names = {m.name for m in found.measurements}
    assert "−log p" in names
    assert all("needs at least" in reason for reason in found.omitted.values())
    assert all(f"Only {held} rows are held out: give more" in reason for reason in found.omitted.values())
    assert not any("Draw more" in reason for reason in found.omitted.values())
    assert ("two-sample accuracy" in names) == (held >= 40)
    assert ("precision" in names) == (held >= 12)
    assert not names & set(found.omitted)


def test_a_model_that_draws_nan_is_measured_by_nothing_that_sees_samples() -> None:
    data = genzoo.read("ring")
    found = Examiner(data, Protocol(rows=50, samples=200))(Diverged(data.space))
    assert "finite" in found.omitted["sliced Wasserstein"]
    assert not any(m.kind.value == "statistic" for m in found.measurements)


def test_models_that_do_not_fit_are_told_before_the_first_is_trained(tmp_path) -> None:
    with pytest.raises(Mistake, match=r"got 2 that do not.*gpt.*made.*--models gaussian_mixture"):
        compare("moons", ["gaussian_mixture", "gpt", "made"], out=tmp_path / "c", **BRIEF)
    assert not list((tmp_path).rglob("model.safetensors"))
    compare("moons", {"gaussian_mixture": {"components": 2}}, out=tmp_path / "d", **BRIEF)
    with pytest.raises(Mistake, match="another run"):
        compare("moons", {"realnvp": {}, "gaussian_mixture": {"components": 3}}, out=tmp_path / "d", **BRIEF)
    assert not (tmp_path / "d" / "realnvp").exists()


def test_a_comparison_finishes_with_what_it_has(tmp_path, monkeypatch) -> None:
    trained = module.trained

    def failing(contestant, *rest, **settings):
        if contestant.label == "realnvp":
            raise RuntimeError("out of memory")
        return trained(contestant, *rest, **settings)

    monkeypatch.setattr(module, "trained", failing)
    found = compare("moons", ["gaussian_mixture", "realnvp"], out=tmp_path / "c", **BRIEF)
    assert [entry.name for entry in found.entries] == ["gaussian_mixture"]
    assert "out of memory" in found.failed["realnvp"]
    assert "out of memory" in write_report(found).with_suffix(".md").read_text()
    with pytest.raises(Mistake, match="Something must be left to compare"):
        compare("moons", ["realnvp"], out=tmp_path / "d", **BRIEF)


def test_every_row_of_a_new_file_is_scored(tmp_path, capsys) -> None:
    run = genzoo.train("gaussian_mixture", rows(tmp_path / "old.csv", 400), out=tmp_path / "run", steps=3)
    new = rows(tmp_path / "new.csv", 300)
    app(["score", str(run.path), "--data", new, "--out", str(tmp_path / "deep" / "s.csv")], standalone_mode=False)
    assert "300 of 300 rows" in capsys.readouterr().out
    found = list(csv.DictReader((tmp_path / "deep" / "s.csv").read_text().splitlines()))
    assert [int(row["row"]) for row in found] == list(range(300))
    x = genzoo.read(new).x
    expected = run.model.log_prob(x).double().numpy()
    np.testing.assert_allclose([float(row["log_prob"]) for row in found], expected, rtol=1e-4)
    app(["score", str(run.path), "--data", new, "--split", "test"], standalone_mode=False)
    some = list(csv.DictReader((run.path / "scores-test.csv").read_text().splitlines()))
    assert {int(row["row"]) for row in some} == set(genzoo.read(new).test.numbers.tolist())
    app(["score", str(run.path)], standalone_mode=False)
    assert "of 400 rows" in capsys.readouterr().out
