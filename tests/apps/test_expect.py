"""Questions about a run, on the command line."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import genzoo as package
from genzoo.apps.cli import app


def genzoo(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over people: their age in whole years, their income, their kind."""
    home = tmp_path_factory.mktemp("home")
    rows = [f"{20 + i % 40},{1.5 * (i % 7)},{'red' if i % 3 else 'white'}" for i in range(400)]
    (home / "people.csv").write_text("age,gross income,kind\n" + "\n".join(rows) + "\n")
    words = ("--data", home / "people.csv", "--set", "components=2", "--steps", 20, "--device", "cpu")
    genzoo("train", "gaussian_mixture", *words, "--out", home / "run")
    return home / "run"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("digits") / "run"
    words = ("--data", "digits", "--given", "label", "--set", "components=2", "--steps", 30, "--device", "cpu")
    genzoo("train", "gaussian_mixture", *words, "--out", out)
    return out


def test_cells_are_compared_as_they_are_written(tmp_path: Path) -> None:
    """Dates and prices; and what is asked of samples is asked of what is written of them."""
    rows = [
        f"2024-01-{1 + i % 28:02d};{i % 50},50 €;{0.1 * (i % 31):.1f};{'red' if i % 3 else 'white'}"
        for i in range(300)
    ]
    (tmp_path / "t.csv").write_text("day;price;size;kind\n" + "\n".join(rows) + "\n")
    genzoo("train", "gaussian", "--data", tmp_path / "t.csv", "--steps", 5, "--device", "cpu", "--out", tmp_path / "r")

    def value(of: str) -> float:
        return json.loads(genzoo("expect", tmp_path / "r", "--of", of, "-n", 2000, "--json"))["value"]

    assert value("day > '2024-01-10'") == value("x[0] > 19732")
    assert 0 < value("price >= '20,50 €'") == value("price >= 20.5")
    assert value("size == 1.5") == value("x[2] == 1.5") > 0.001
    said = genzoo("expect", tmp_path / "r", "--of", "day", "-n", 2000)
    assert "E[day] = 2024-01-1" in said
    assert "0.5 quantile   2024-01-1" in said
    for of, told in (
        (
            "day > 'May'",
            "must compare day with a cell such as '1970-01-01', got day > »'May'«. fix: Write it so.",
        ),
        ("day > 2024", "must compare day with cells such as '1970-01-01', not with a number of days"),
        ("kind == red", "must compare kind by == with one of ['red', 'white'], got »kind == red«"),
    ):
        assert told in " ".join(genzoo("expect", tmp_path / "r", "--of", of, code=2).split())
    assert "Write kind == 'white'" in genzoo("expect", tmp_path / "r", "--of", "kind == whit", code=2)


def test_columns_have_names(table: Path) -> None:
    said = genzoo("expect", table, "--of", "age > 40 and gross_income < 3", "-n", 2000)
    assert said.startswith("P(age > 40 and gross_income < 3) = 0.")
    assert "95 % confidence between" in said
    assert "2,000 samples with seed 0" in said
    for of in ("gross income > 3", "gross income"):
        assert "Write gross_income for the column 'gross income'." in genzoo("expect", table, "--of", of, code=2)
    red, white = (
        json.loads(genzoo("expect", table, "--of", f"kind == '{kind}'", "--json"))["value"]
        for kind in ("red", "white")
    )
    assert red + white == pytest.approx(1)


@pytest.mark.parametrize(("by_name", "by_place"), [
    ("age > 40", "x[0] > 40"), ("age", "x[0]"), ("gross_income <= 3", "x[1] <= 3"), ("kind == 'red'", "x[2] == 0"),
    ("age + gross_income", "x[0] + x[1]"),
])  # fmt: skip
def test_names_and_places_count_alike(table: Path, by_name: str, by_place: str) -> None:
    found = [
        json.loads(genzoo("expect", table, "--of", of, "-n", 500, "--json")) | {"of": ""} for of in (by_name, by_place)
    ]
    assert found[0] == found[1]


def test_answers_are_those_of_the_samples(table: Path) -> None:
    found = json.loads(genzoo("expect", table, "--of", "x[1]", "-n", 500, "--quantiles", "0.5", "--seed", 3, "--json"))
    run = package.load(table)
    x = run.codec.written(run.model.sample(500, seed=3))[:, 1]
    assert found["value"] == pytest.approx(x.mean().item())
    assert found["answers"]["variance"]["value"] == pytest.approx(x.var().item())
    assert found["answers"]["0.5 quantile"]["value"] == pytest.approx(x.quantile(0.5).item())
    assert found["low"] < found["value"] < found["high"]
    text = genzoo("expect", table, "--of", "x[1]", "-n", 500, "--quantiles", "0.5")
    assert "variance" in text
    assert "0.5 quantile" in text


def test_samples_are_drawn_until_the_mean_is_known(table: Path) -> None:
    found = json.loads(genzoo("expect", table, "--of", "age", "-n", 100, "--within", 0.005, "--json"))
    assert found["n"] > 100
    assert (found["high"] - found["low"]) / 2 <= 0.005 * found["value"]


def test_conditions_share_the_samples(digits: Path) -> None:
    ask = ("expect", digits, "--of", "mean(x)", "-n", 1000, "--json")
    one, two, both = (json.loads(genzoo(*ask, "--given", f"label={label}"))["value"] for label in ("1", "0", "0,1"))
    assert both == pytest.approx((one + two) / 2, abs=0.1)


def test_rare_events_are_reached_for(table: Path) -> None:
    asked = ("expect", table, "--of", "x[1] > 22")
    few = genzoo(*asked, "-n", 500)
    assert "--rare reaches for rare events" in few
    found = json.loads(genzoo(*asked, "-n", 8000, "--rare", "--json"))
    assert 0 < found["low"] < found["value"] < 1e-3
    assert found["ess"] > 100
    assert "weighted hits" in genzoo(*asked, "-n", 8000, "--rare")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--of", "agee > 3"), "»agee« > 3"),
        (("--of", "__import__('os')"), "may call"),
        (("--of", "x"), "one number a row"),
        (("--of", "x[9] > 1"), "must index the shape (3,)"),
        (("--of", "age", "--rare"), "must be a statement"),
        (("--of", "age", "--quantiles", "95"), "between 0 and 1"),
        (("--of", "age", "--given", "kind=red"), "unconditional"),
    ],
    ids=str,
)
def test_mistakes_are_told(table: Path, words: tuple[str, ...], said: str) -> None:
    assert said in genzoo("expect", table, *words, code=2)


def test_a_rows_mean_is_that_of_torch(digits: Path) -> None:
    found = json.loads(genzoo("expect", digits, "--of", "mean(x[0, :, 2])", "-n", 50, "--given", "label=4", "--json"))
    x = package.load(digits).model.sample(50, torch.full((50,), 4), seed=0)
    assert found["value"] == pytest.approx(x[:, 0, :, 2].double().mean().item())
