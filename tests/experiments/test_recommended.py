"""Recommendations: what records say, in their order."""

import json
from itertools import groupby

import pytest
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.experiments.lectures.records import record
from genzoo.experiments.recommended import KINDS, PURPOSES, recommended
from genzoo.zoo import recipes
from genzoo.zoo.mistakes import Mistake


def test_every_ranking_is_of_recipes_that_there_are_and_the_best_comes_first():
    choices = recommended()
    assert {choice.kind for choice in choices} == set(KINDS)
    assert {choice.recipe.partition(":")[0] for choice in choices} <= set(recipes())
    for _, ranked in groupby(choices, key=lambda choice: (choice.kind, choice.purpose)):
        ranked = list(ranked)
        values = [float(choice.value.lstrip("≤≥ ")) for choice in ranked]
        assert len(ranked) >= 2
        assert values == sorted(values, reverse=ranked[0].better == "higher")


def test_a_number_is_the_records():
    (best, *_) = recommended("bits", "score")
    entry = next(each for each in record("mnist-binary")["entries"] if each["name"] == best.recipe)
    (bits,) = (each["value"] for each in entry["measurements"] if each["name"] == "bits/dim")
    assert best.value == f"{bits:.4g}"
    assert best.core_minutes == round(entry["core_minutes"], 2)


def test_what_was_not_recorded_is_said_with_what_was():
    with pytest.raises(Mistake, match=r"Recorded for it: sample, score"):
        recommended("text", "impute")
    with pytest.raises(Mistake, match="table"):
        recommended("tabel")
    assert "impute" in PURPOSES


def test_the_command_prints_them():
    said = CliRunner().invoke(app, ["list", "--for", "table", "--to", "sample", "--json"])
    assert [each["recipe"] for each in json.loads(said.stdout)] == [
        choice.recipe for choice in recommended("table", "sample")
    ]
