"""Texts for a run that knows others: read in its symbols and cut as its own were, however few they are."""

from pathlib import Path

import pytest
import torch

from genzoo import read, train
from genzoo.core.errors import DataError
from genzoo.zoo.inputs import other_data
from genzoo.zoo.loading import Run

LINES = [f"{who} {does}." for who in ("a cat", "the dog", "one hen") for does in ("runs", "sleeps", "sings", "eats")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "lines.txt").write_text("\n".join(LINES * 10) + "\n")
    (folder / "prose.txt").write_text(" ".join(LINES * 10))
    return folder


@pytest.fixture(scope="module")
def lines(folder: Path) -> Run:
    return train("bigram", folder / "lines.txt", steps=1, out=folder / "runs" / "lines", device="cpu")


@pytest.fixture(scope="module")
def prose(folder: Path) -> Run:
    return train("bigram", read(folder / "prose.txt", window=16), steps=1, out=folder / "runs" / "prose", device="cpu")


def others(run: Run, place: Path, text: str) -> list[str]:
    place.write_text(text)
    data = other_data(run.config, run.codec, str(place))
    assert (data.space, data.codec) == (run.generative.space, run.codec)
    scored = run.generative.log_prob(data.rows().x)
    assert scored.shape == (len(data),)
    assert scored.isfinite().all()
    return run.codec.texts(data.x)


@pytest.mark.parametrize("count", [1, 2, 45, 120])
def test_lines_are_rows_however_few(lines: Run, tmp_path: Path, count: int) -> None:
    told = (LINES * 10)[:count]
    assert others(lines, tmp_path / "few.txt", "\n".join(told) + "\n") == told


def test_a_short_text_has_the_stretches_that_it_has(prose: Run, tmp_path: Path) -> None:
    text = " ".join(LINES)[:45]
    assert others(prose, tmp_path / "short.txt", text) == [text[:16], text[16:32]]


def test_the_runs_own_file_has_the_rows_and_splits_of_the_run(folder: Path, lines: Run, prose: Run) -> None:
    for run, name in ((lines, "lines.txt"), (prose, "prose.txt")):
        own, other = run.data(), other_data(run.config, run.codec, str(folder / name))
        assert all(torch.equal(own.split(part).x, other.split(part).x) for part in ("valid", "test"))
        assert torch.equal(own.x, other.x)


def test_what_a_run_cannot_spell_is_refused(lines: Run, prose: Run, tmp_path: Path) -> None:
    for run, text, words in (
        (lines, "a cat runs.\na cow runs, quickly.\n", "Characters must be in the alphabet"),
        (lines, "a cat runs.\n" + "a cat " * 9 + "\n", r"at most 15 symbols each.*got 54 in row 1\. Leave it out"),
        (prose, "a cat runs.", "at least one stretch of 16 symbols.*got 11"),
        (prose, "a", "at least one stretch of 16 symbols.*got 1"),
    ):
        with pytest.raises(DataError, match=words):
            others(run, tmp_path / "odd.txt", text)
