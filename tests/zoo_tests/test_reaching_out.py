"""Runs of somebody else's, whose data lie on the hub: nothing is fetched unasked, nor what may change."""

import json

import pytest
import torch
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.zoo.mistakes import Mistake

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def fetched(monkeypatch):
    """What was asked of the hub, which has one small data set."""
    import datasets

    asked = []

    def load_dataset(name, configuration, revision=None):
        asked.append((name, configuration, revision))
        columns = {"a": torch.linspace(0, 1, 40).tolist(), "b": torch.linspace(1, 5, 40).square().tolist()}
        return datasets.DatasetDict(train=datasets.Dataset.from_dict(columns))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


@pytest.fixture
def run(tmp_path, fetched):
    found = genzoo.train("gaussian", f"hub:someone/rows@{COMMIT}:plain", steps=2, device="cpu", out=tmp_path / "run")
    assert fetched == [("someone/rows", "plain", COMMIT)]
    fetched.clear()
    return found


def test_nothing_is_fetched_unasked(run, fetched):
    for use in (run.data, lambda: genzoo.resume(run.path)):
        with pytest.raises(Mistake, match="nothing is fetched unasked"):
            use()
    for command in ("evaluate", "score", "train --resume", "compare"):
        result = CliRunner().invoke(app, [*command.split(), str(run.path)])
        assert result.exit_code == 2
        assert "Allow it by --online" in result.stderr
    assert fetched == []


def test_what_is_pinned_is_fetched_where_it_is_allowed(run, fetched):
    assert len(run.data(online=True)) == 40
    result = CliRunner().invoke(app, ["score", "--online", "--split", "train", str(run.path)])
    assert result.exit_code == 0, result.output
    assert fetched == [("someone/rows", "plain", COMMIT)] * 2


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT[:7]}"])
def test_what_may_change_is_not_fetched_at_all(run, fetched, revision):
    file = run.path / "config.json"
    config = json.loads(file.read_text())
    config["data"]["origin"]["source"] = f"hub:someone/rows{revision}"
    file.write_text(json.dumps(config))
    with pytest.raises(Mistake, match="must be pinned by a commit"):
        genzoo.load(run.path).data(online=True)
    assert fetched == []
