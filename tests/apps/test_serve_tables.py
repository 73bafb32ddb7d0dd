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
    train(
        "softmax_regression",
        read(folder / "t.csv", x="size", given="weight", kinds="weight:real"),
        steps=1,
        out=folder / "a=told",
        device="cpu",
    )
    with running([folder / "sizes", folder / "a=told"], limits=Limits(rows=64, body=4096, grace=5)) as server:
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


def test_a_condition_that_every_row_needs_is_asked_for(server):
    """It is the run's that is called a=told, whose folder is there, so nobody takes it for NAME=FOLDER."""
    about = next(each for each in call(server, "/v1/models")[2]["data"] if each["id"] == "a=told")["genzoo"]
    assert about["given"]["weight"]["needed"] is True
    words = "given.weight must be said: a=told knows rows only given weight. Say it."
    for route, more in (("expect", {"of": "size == 'S'"}), ("score", {"input": [{"size": "S"}]})):
        assert refused(server, route, model="a=told", **more) == (400, "given.weight", words)
    assert told(server, "expect", model="a=told", of="size == 'S'", n=100, given={"weight": 3})["n"] == 100


def test_what_is_no_cell_and_no_condition_is_told_so(server):
    row = {"weight": 3, "day": "2024-03-01", "well": "no", "count": 4}
    said = refused(server, "score", model="sizes", input=[row | {"size": "S"}], given={"size": "S"})
    assert said[1:] == ("input.0.size", "input.0 has no column 'size'. It is a condition: say it in given.size.")
    assert "given.size must be a word, a number or a list of them, got bool" in refused(
        server, "score", model="sizes", input=[row], given={"size": True})[2]  # fmt: skip
    assert len(refused(server, "score", model="sizes", input=[row], given={"size": "x" * 900})[2]) < 200
