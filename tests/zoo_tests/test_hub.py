"""Runs that are shared: what a repository of the hub holds, and that a run comes back from it, without a network."""

import dataclasses
import shutil

import pytest
import torch
import yaml
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.zoo.hub import push_to_hub, save_pretrained
from genzoo.zoo.mistakes import Mistake

NAME, COMMIT = "someone/pairs", "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of data of the hub, measured."""
    import datasets

    rows = {"a": torch.linspace(0, 1, 60).tolist(), "b": torch.linspace(1, 5, 60).square().tolist()}
    folder = tmp_path_factory.mktemp("hub") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_dataset",
                      lambda *_, **__: datasets.DatasetDict(train=datasets.Dataset.from_dict(rows)))  # fmt: skip
        asked = f"hub:someone/rows@{COMMIT}:plain"
        run = genzoo.train("gaussian", asked, steps=2, device="cpu", out=folder)
        words = ["evaluate", str(run.path), "--online", "--extractor", "values", "--samples", "30"]
        done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "state.pt").write_bytes(b"what might be unpickled")
    return run


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub in a folder: what is pushed lies where what was fetched is kept."""
    import huggingface_hub

    home = tmp_path / "cache" / "models--someone--pairs"

    class Api:
        def __init__(self, **_):
            pass

        def create_repo(self, name, *, private, exist_ok):
            assert exist_ok
            return huggingface_hub.RepoUrl(f"https://huggingface.co/{name}")

        def create_branch(self, name, *, branch, exist_ok):
            (home / "refs").mkdir(parents=True)

        def upload_folder(self, *, repo_id, folder_path, revision, commit_message):
            shutil.copytree(folder_path, home / "snapshots" / COMMIT)
            (home / "refs").mkdir(parents=True, exist_ok=True)
            (home / "refs" / (revision or "main")).write_text(COMMIT)
            return f"https://huggingface.co/{repo_id}/commit/{COMMIT}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return home.parent


def test_what_is_pushed_comes_back(run, hub):
    assert push_to_hub(run, NAME, license="apache-2.0").endswith(COMMIT)
    back = genzoo.from_pretrained(NAME, cache_dir=hub, local_files_only=True)
    assert torch.equal(back.model.sample(5, seed=3), run.model.sample(5, seed=3))
    assert back.config == run.config
    pinned = genzoo.from_pretrained(NAME, revision=COMMIT, cache_dir=hub, local_files_only=True)
    assert pinned.path == back.path


def test_a_branch_is_another_place(run, hub):
    push_to_hub(run, NAME, revision="small")
    assert genzoo.from_pretrained(NAME, revision="small", cache_dir=hub, local_files_only=True).path.is_dir()
    with pytest.raises(Mistake, match="must be a repository that the hub lets you use"):
        genzoo.from_pretrained(NAME, cache_dir=hub, local_files_only=True)


def test_the_card_says_what_the_hub_searches_by(run, tmp_path):
    from huggingface_hub import ModelCard, parse_eval_result_entries

    save_pretrained(run, tmp_path, name=NAME, license="mit")
    page = ModelCard.load(tmp_path / "README.md")
    assert (page.data.library_name, page.data.license, page.data.datasets) == ("genzoo", "mit", ["someone/rows"])
    assert page.data.pipeline_tag is None
    assert f'genzoo.from_pretrained("{NAME}")' in page.text
    assert f"genzoo pull {NAME}" in page.text
    assert str(run.path) not in page.text
    records = yaml.safe_load((run.path / "evaluation.json").read_text())
    assert len(records) > 1
    named = {record["name"]: record["value"] for record in records}
    assert {each.metric_type: each.metric_value for each in page.data.eval_results} == named
    entries = parse_eval_result_entries(yaml.safe_load((tmp_path / ".eval_results" / "genzoo.yaml").read_text()))
    assert [entry.value for entry in entries] == [record["value"] for record in records]
    assert {(each.dataset_id, each.task_id, each.dataset_revision) for each in entries} == {
        ("someone/rows", "plain", COMMIT)
    }  # fmt: skip
    assert all(each.notes.endswith(record["fingerprint"]) for each, record in zip(entries, records, strict=True))


def test_nothing_but_the_run_is_shared(run, tmp_path):
    save_pretrained(run, tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "README.md", "codec.json", "config.json", "evaluation.json", "metrics.jsonl", "model.safetensors",
        ".eval_results/genzoo.yaml",
    }  # fmt: skip
    assert genzoo.from_pretrained(tmp_path).config == run.config


def test_what_is_no_run_is_refused(run, tmp_path):
    for name in ("pairs", "a/b/c", "../etc", ""):
        with pytest.raises(Mistake, match="must be a folder or OWNER/NAME"):
            genzoo.from_pretrained(name)
    with pytest.raises(Mistake, match="HF_HUB_OFFLINE"):
        genzoo.from_pretrained("someone/else", cache_dir=tmp_path, local_files_only=True)
    shutil.copytree(run.path, tmp_path / "half")
    (tmp_path / "half" / "model.safetensors").unlink()
    with pytest.raises(Mistake, match="must be a whole run"):
        push_to_hub(dataclasses.replace(run, path=tmp_path / "half"), NAME)


def test_names_and_licenses_are_those_of_the_hub(run, tmp_path):
    with pytest.raises(Mistake, match="bad name must be a repository"):
        save_pretrained(run, tmp_path, name="bad name")
    with pytest.raises(Mistake, match="got 'foo bar'. Write it as apache-2.0 is"):
        save_pretrained(run, tmp_path, name=NAME, license="foo bar")


def test_it_is_told_on_the_command_line(run, hub, tmp_path, monkeypatch):
    done = CliRunner().invoke(app, ["push", str(run.path), NAME])
    assert done.exit_code == 0, done.output
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["pull", NAME])
    assert done.exit_code == 0, done.output
    assert genzoo.load("runs/pairs").config == run.config
    assert CliRunner().invoke(app, ["pull", NAME]).exit_code == 2
    assert CliRunner().invoke(app, ["push", str(run.path), NAME, "--only-write", "files"]).exit_code == 0
    assert genzoo.load("files").config == run.config
