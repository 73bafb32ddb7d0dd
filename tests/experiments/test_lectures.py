"""The lectures: every item that stands holds, and its figure says what it shows."""

import ast
import inspect
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from experiments import lecture_pages
from genzoo import Mistake
from genzoo.distributions import Estimate
from genzoo.experiments.lectures import DECKS, ITEMS, Study, coverage, item_named, items_of, records, run_item
from genzoo.experiments.lectures.catalog import Item
from genzoo.experiments.lectures.style import GRID, INK, PAPER
from genzoo.zoo.recipe import recipes

ROOT = Path(__file__).resolve().parents[2]
HERE = [item for item in ITEMS if item.place is not None]
LONGEST = 40  # lines of an item, its text aside
HEAVIEST = 150_000  # bytes of a figure


@pytest.mark.parametrize("item", HERE, ids=lambda item: item.number)
def test_items_hold(item, tmp_path):
    result = run_item(item, tmp_path / item.number, quick=True)
    assert not [str(check) for check in result.checks if not check.holds]
    assert result.checks
    record = json.loads((tmp_path / item.number / "result.json").read_text())
    assert [check["name"] for check in record["checks"]] == [check.name for check in result.checks]
    figures = sorted((tmp_path / item.number).glob("*.svg"))
    assert figures or result.files[:-1]
    for figure in figures:
        text = figure.read_text()
        drawn = ElementTree.fromstring(text)
        assert len(drawn.attrib["aria-label"]) > 20
        assert len(text) < HEAVIEST
        assert not [color for color in (INK, GRID, PAPER) if color in text]  # all are left to the style sheet


@pytest.mark.parametrize("item", HERE, ids=lambda item: item.number)
def test_items_are_short_and_say_what_they_are(item):
    function = item.function()
    tree = ast.parse(inspect.getsource(function)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    said = tree.body[0]
    text = inspect.getdoc(function) or ""
    assert (tree.end_lineno or 0) - tree.lineno - ((said.end_lineno or 0) - said.lineno) <= LONGEST
    assert len(text) > 120
    assert "Next: [" in text


EXPERIMENT = """
import argparse, json, pathlib
asked = argparse.ArgumentParser()
for name in ("--record", "--out", "--recipe"):
    asked.add_argument(name, default="pix2pix")
given = asked.parse_args()
path = pathlib.Path(given.record)
found = json.loads(path.read_text()) if path.exists() else {}
path.write_text(json.dumps(found | {given.recipe: str(pathlib.Path(given.out).name)}))
"""


def test_records_are_made_again_where_the_repository_is(tmp_path, monkeypatch):
    house = tmp_path / "house"
    (house / "experiments" / "records").mkdir(parents=True)
    (house / "experiments" / "__init__.py").touch()
    (house / "experiments" / "records" / "translation.json").write_text("{}")
    (house / "experiments" / "translation.py").write_text(EXPERIMENT)
    monkeypatch.setattr(records, "HOUSE", house)
    monkeypatch.setattr(records, "PACKAGE", tmp_path)
    assert records.record("translation") == {}
    assert records.record("translation", tmp_path / "again") == {"pix2pix": "runs", "cyclegan": "runs"}
    (house / "experiments" / "translation.py").write_text("raise SystemExit(3)")
    with pytest.raises(Mistake, match="exit status 3"):
        records.record("translation", tmp_path / "again")
    monkeypatch.setattr(records, "PACKAGE", house / "experiments" / "records")
    monkeypatch.setattr(records, "HOUSE", tmp_path)
    with pytest.raises(Mistake, match="installed package"):
        records.record("translation", tmp_path / "again")


def test_there_are_seventy_four():
    assert coverage() == (len(HERE), 74)
    assert [len(items_of(deck)) for deck in DECKS] == [15, 15, 14, 15, 15]
    assert len({item.number for item in ITEMS}) == 74
    assert all((item.place is None) == bool(item.lacks) for item in ITEMS)
    with pytest.raises(Mistake, match=r"003\.7"):
        item_named("003.77")


def test_what_is_planned_says_so(tmp_path):
    planned = Item("003.77", "A figure to come", "s", lacks="a model of it")
    assert planned.state == "planned"
    with pytest.raises(Mistake, match="to come: a model of it"):
        run_item(planned, tmp_path)


def test_a_study_knows_what_does_not_hold(tmp_path):
    s = Study("000.0", tmp_path)
    s.near("far", [1.0, 2.0], torch.tensor([1.0, 2.1]), within=0.05)
    s.equal("same", torch.tensor([1, 2]), [1, 2])
    s.expect("guess", Estimate(1.0, 0.1), 1.5)
    s.most("least", [1.0, 3.0], 2.0)
    s.least("most", [1.0, 3.0], 1.0)
    s.near("not a number", float("nan"), 0.0, within=1.0)
    s.near("last digits", 0.1 + 1e-10, 0.1, within=1e-12)
    assert [check.holds for check in s.checks] == [False, True, False, False, True, False, False]
    assert str(s.checks[0]) == "✗ far: 1, 2 (must be 1, 2.1 ± 0.05)"
    assert s.checks[6].wanted == "0.1 ± 1e−12"  # a hyphen would let the line break


def test_pages_are_those_of_the_functions_and_of_the_record():
    """What `python -m experiments.lecture_pages --write` writes is what stands there."""
    record = json.loads(lecture_pages.RECORD.read_text(encoding="utf-8"))
    told = "Run python -m experiments.lecture_pages --new"
    assert {item.number for item in HERE} <= set(record), told
    for deck in DECKS:
        assert (lecture_pages.PAGES / f"{deck}.md").read_text("utf-8") == lecture_pages.page(deck, record), told
    assert (ROOT / "docs" / "lectures.md").read_text("utf-8") == lecture_pages.index(), told
    drawn = (lecture_pages.IMAGES / "004.1.svg").read_text("utf-8")
    lacking = [name for name in recipes() if f">{name}</text>" not in drawn]
    assert not lacking, "Run python -m experiments.lecture_pages 004.1 002.1"
