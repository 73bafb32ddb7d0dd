"""Scores of rows that a run has not seen: every row of the file, its words numbered as the run's."""

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app


def said(*words: object) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Bayes net of words, in which the kind says the color, but for a few."""
    home = tmp_path_factory.mktemp("score")
    rows = [f"{'abc'[i % 3]},{['red', 'green', 'blue'][i % 3 if i % 10 else 1]}" for i in range(600)]
    (home / "t.csv").write_text("\n".join(["kind,color", *rows]) + "\n")
    genzoo.train("bayes_net", home / "t.csv", out=home / "run")
    mixed = [f"{i % 40},{'abc'[i % 3]},{i * 0.37 % 11:.2f}" for i in range(300)]
    (home / "m.csv").write_text("\n".join(["n,kind,size", *mixed]) + "\n")
    genzoo.train("gaussian_mixture", home / "m.csv", out=home / "mixed", settings={"components": 2}, steps=3)
    return home


def scores(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_new_file_is_scored_in_full_and_in_the_runs_words(run: Path) -> None:
    (run / "new.csv").write_text("color,kind\nblue,c\nred,a\nred,c\n")
    text = said("score", run / "run", "--data", run / "new.csv", "--out", run / "s.csv")
    assert "3 of 3 rows" in text
    found = scores(run / "s.csv")
    assert [row["row"] for row in found] == ["0", "1", "2"]
    good, fine, odd = (float(row["log_prob"]) for row in found)
    assert good > odd + 2, "c is blue, never red: 'blue' is not the first word of the run though it is of the file"
    assert fine > odd + 2


def test_rows_are_numbered_as_in_the_file_whatever_was_dropped(run: Path) -> None:
    rows = [f"{i % 7},{'abc'[i % 3]},{'' if i in (0, 3) else i / 7}" for i in range(60)]
    (run / "gaps.csv").write_text("\n".join(["n,kind,size", *rows]) + "\n")
    genzoo.train("gaussian", genzoo.read(run / "gaps.csv", missing="drop"), out=run / "gaps", steps=1)
    told = said("score", run / "gaps", "--data", run / "gaps.csv", "--out", run / "s.csv")
    assert "dropped 2 rows of 60 with missing cells: 'size' 2" in told
    assert [int(row["row"]) for row in scores(run / "s.csv")] == [i for i in range(60) if i not in (0, 3)]


def test_columns_keep_the_kinds_of_the_run(run: Path) -> None:
    (run / "few.csv").write_text("size,n,kind\n3,12,a\n4,7,a\n")
    text = said("score", run / "mixed", "--data", run / "few.csv")
    assert "2 of 2 rows" in text
    assert (run / "mixed" / "scores-few.csv").exists()
    whole = CliRunner().invoke(app, ["score", str(run / "mixed"), "--data", str(run / "odd.csv")])
    assert whole.exit_code == 2


@pytest.mark.parametrize(
    ("rows", "told"),
    [("1,d,0.5\n2,a,1.5", "words that the run knows, got 'd'"), ("1.5,a,0.5\n2,a,1", "whole numbers")],
)
def test_what_the_run_does_not_know_is_refused(rows: str, told: str, run: Path) -> None:
    (run / "odd.csv").write_text(f"n,kind,size\n{rows}\n")
    found = CliRunner().invoke(app, ["score", str(run / "mixed"), "--data", str(run / "odd.csv")])
    assert found.exit_code == 2
    assert told in " ".join(found.output.split())


def test_a_split_is_scored_with_its_row_numbers(run: Path) -> None:
    text = said("score", run / "run", "--out", run / "test.csv")
    data = genzoo.load(run / "run").data()
    numbers = [int(row["row"]) for row in scores(run / "test.csv")]
    assert numbers == data.splits["test"].tolist()
    assert f"{len(numbers)} of 600 rows" in text


def test_samples_of_a_table_keep_their_condition(run: Path) -> None:
    genzoo.train("gaussian", run / "m.csv", given="kind", out=run / "given", steps=1)
    said("sample", run / "given", "-n", 4, "--given", "kind=c,a", "--seed", 0, "--out", run / "given" / "s.csv")
    found = scores(run / "given" / "s.csv")
    assert [row["kind"] for row in found] == ["c", "c", "a", "a"]
    assert set(found[0]) == {"n", "size", "kind"}
    assert "4 of 4 rows" in said("score", run / "given", "--data", run / "given" / "s.csv")


def test_dates_and_labels_of_a_new_file_are_named_where_they_are_wrong(run: Path) -> None:
    rows = [f"2024-02-{1 + i % 29:02d},{i * 0.37 % 11:.2f},{'ab'[i % 2]}" for i in range(60)]
    (run / "d.csv").write_text("\n".join(["day,size,kind", *rows]) + "\n")
    genzoo.train("gaussian", run / "d.csv", given="kind", out=run / "dates", steps=1)
    for row, told in (
        ("2024-02-30,1.5,a", "dates written as '2024-02-"),
        ("2024-02-28,1.5,c", "Column 'kind' must hold"),
    ):
        (run / "n.csv").write_text("\n".join(["day,size,kind", *rows[:3], row]) + "\n")
        found = CliRunner().invoke(
            app, ["score", str(run / "dates"), "--data", str(run / "n.csv")], env={"COLUMNS": "200"}
        )
        assert found.exit_code == 2
        assert told in found.output
        assert row.split(",")[0 if "dates" in told else 2] in found.output


def test_models_of_one_kind_of_entries_name_others(run: Path) -> None:
    for recipe in ("gpt", "made", "bigram", "rbm", "ising"):
        found = CliRunner().invoke(app, ["train", recipe, "--data", str(run / "m.csv")], env={"COLUMNS": "200"})
        assert f"{recipe} is a model of entries of one kind, got 3 columns" in found.output
        assert "gaussian_mixture, " in found.output


def test_both_bounds_are_told_where_a_model_has_them(run: Path) -> None:
    np.save(run / "symbols.npy", np.arange(120).reshape(40, 3).astype(np.uint8) % 4)
    data = genzoo.read(run / "symbols.npy", levels=4)
    settings = {"width": 8, "depth": 1, "length": 2}
    genzoo.train("block_diffusion", data, out=run / "blocks", settings=settings, steps=2)
    text = said("score", run / "blocks", "--bound", "both", "--paths", 4, "--out", run / "b.csv")
    assert "≤ log p ≤" in text
    found = scores(run / "b.csv")
    assert len(found) == len(genzoo.load(run / "blocks").data().test)
    assert all(float(row["lower"]) <= float(row["upper"]) + 1e-6 for row in found)
    for words in (("--bound", "above"), ("--bound", "both")):
        refused = CliRunner().invoke(app, ["score", str(run / "mixed"), "--data", str(run / "m.csv"), *words])
        assert refused.exit_code == 2
        assert ("'above'" if "above" in words else "can't be bounded") in refused.output


def test_a_row_with_holes_is_scored_by_who_marginalizes(tmp_path: Path) -> None:
    """Also where a column of the file is empty: what it holds, the run knows."""
    kinds = ["red", "blue", ""]
    rows = [f"{kinds[i % 3]},{i % 7},{0.1 * (i % 31):.1f}" for i in range(90)]
    (tmp_path / "t.csv").write_text("kind,n,size\n" + "\n".join(rows) + "\n")
    genzoo.train("mixture_table", genzoo.read(tmp_path / "t.csv", missing="keep"), out=tmp_path / "r", steps=2)
    (tmp_path / "one.csv").write_text("kind,n,size\n,3,0.2\n")
    assert "1 of 1 rows" in said("score", tmp_path / "r", "--data", tmp_path / "one.csv")


def test_a_toy_is_named_as_data_by_a_run_of_one(tmp_path: Path) -> None:
    """Toys have columns, and no kinds that could be asked for."""
    genzoo.train("gaussian", "ring", out=tmp_path / "run")
    assert "of 20,000 rows" in said("score", tmp_path / "run", "--data", "moons", "--out", tmp_path / "s.csv")


def test_texts_given_texts_are_spelled_in_the_symbols_of_the_run_however_few(tmp_path: Path) -> None:
    for name, words in (("pairs.en", "ab"), ("pairs.de", "xyz")):
        (tmp_path / name).write_text("".join(f"{words[i % len(words)]}{i % 7}\n" for i in range(90)))
    data, small = genzoo.read(tmp_path, given="en", x="de"), {"width": 8, "depth": 1, "heads": 1}
    genzoo.train("gpt", data, out=tmp_path / "run", steps=2, settings=small)
    for name, text in (("one.csv", "en,de\na3,x3\n"), ("one.jsonl", '{"en": "a3", "de": "x3"}\n')):
        (tmp_path / "new").mkdir(exist_ok=True)
        (tmp_path / "new" / name).write_text(text)
        assert "1 of 1 rows" in said(
            "score", tmp_path / "run", "--data", tmp_path / "new" / name, "--out", tmp_path / name
        )
    model = genzoo.load(tmp_path / "run")
    told = model.generative.log_prob(model.codec.rows(["x3"]).long(), model.given_codecs[""].rows(["a3"]).long())
    for name in ("one.csv", "one.jsonl"):
        assert [float(row["log_prob"]) for row in scores(tmp_path / name)] == pytest.approx(told.tolist(), rel=1e-4)
