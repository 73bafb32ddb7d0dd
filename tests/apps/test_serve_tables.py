"""Tables behind a server: classes that hold commas, dates, and errors by the column that they are about."""

import pytest

from genzoo import read, train
from genzoo.apps.serve.limits import Limits
from tests.apps.serving import call, refused, running, told


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A table whose weight says the size; one of the sizes is two words with a comma."""
    folder = tmp_path_factory.mktemp("tables")
    sizes = {"S": 0, "M": 100, '"S,M"': 1000}
    rows = [f"{size},{weight + i % 5},2024-03-{1 + i % 9:02},{'yes' if i % 2 else 'no'},{i % 30}"
            for i in range(120) for size, weight in sizes.items()]  # fmt: skip
    (folder / "t.csv").write_text("\n".join(["size,weight,day,well,count", *rows]) + "\n")
    data = read(folder / "t.csv", given="size", kinds="count:integer")
    train("gaussian_mixture", data, settings={"components": 1}, steps=1, out=folder / "sizes", device="cpu")
    with running([folder / "sizes"], limits=Limits(rows=64, body=4096, grace=5)) as server:
        yield server


@pytest.mark.parametrize(("said", "mean"), [("S,M", 1000), (["S,M"], 1000), ("M", 100), ("S,Q", None)])
def test_a_class_may_hold_a_comma(server, said, mean):
    asked = {"model": "sizes", "of": "weight", "n": 200, "seed": 0, "given": {"size": said}}
    if mean is None:
        assert "no class of size 'Q'" in refused(server, "expect", **asked)[2]
    else:
        assert told(server, "expect", **asked)["value"] == pytest.approx(mean, abs=10)


def test_dates_are_shown_and_words_have_no_mean(server):
    found = told(server, "expect", model="sizes", of="day", n=200, seed=0)
    assert found["shown"]["value"].startswith("2024-03-0")
    status, param, words = refused(server, "expect", model="sizes", of="well", n=200)
    assert (status, param) == (400, "of")
    assert "Write well == 'no'" in words
    assert refused(server, "expect", model="sizes", of="sqrt(-1 - weight * 0)", n=200)[:2] == (400, "of")


def test_errors_of_cells_name_the_column_and_the_row(server):
    row = {"weight": 3, "day": "2024-03-01", "well": "no", "count": 4}
    for cell, words in ({"day": "May 5"}, "must be written as '"), ({"count": 3.5}, "must hold"):
        (name,) = cell
        for route, given in (("score", {"size": "S"}), ("impute", {"size": "S"})):
            status, param, message = refused(server, route, model="sizes", input=[row, row | cell], given=given)
            assert (status, param) == (400, f"input.1.{name}"), message
            assert words in message, route


def test_a_body_in_other_letters_is_told_so(server):
    status, _, answer = call(server, "/v1/score", '{"model": "sizes", "input": "é"}'.encode("latin-1"))
    assert (status, "UTF-8" in answer["error"]["message"]) == (400, True)
