"""Samples that begin as told, on the command line."""

from pathlib import Path

from typer.testing import CliRunner

from genzoo.apps.cli import app


def genzoo(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code in (0, 2), result.output
    return result.output


def test_a_prefix_is_told_as_text(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "x.txt"
    small = ("--set", "width=8", "--set", "depth=1", "--set", "heads=1", "--train", "precision=float32")
    genzoo("train", "gpt", "--data", "verse", *small, "--steps", 2, "--device", "cpu", "--out", run)
    genzoo("sample", run, "-n", 2, "--set", "prefix=O Romeo", "--set", "temperature=0.7", "--out", out)
    assert all(text.startswith("O Romeo") for text in out.read_text().split("\n" + "─" * 40 + "\n"))
    assert "alphabet" in genzoo("sample", run, "--set", "prefix=€", "--out", out)


def test_a_prefix_is_told_as_levels(tmp_path: Path) -> None:
    run = tmp_path / "run"
    small = ("--set", "width=8", "--set", "depth=1", "--set", "heads=1", "--train", "precision=float32")
    genzoo("train", "gpt", "--data", "digits", *small, "--steps", 2, "--device", "cpu", "--out", run)
    assert "1 samples" in genzoo("sample", run, "-n", 1, "--set", "prefix=[16, 0, 16]", "--seed", 0)
    assert "symbols" in genzoo("sample", run, "-n", 1, "--set", "prefix=[17]", "--seed", 0)
