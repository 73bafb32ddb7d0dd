"""Questions in words: what they compute, how far a statement is from its edge, and all that they refuse."""

import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.core import Noise, Space
from genzoo.data.dates import DateForm
from genzoo.tasks import Column, Expression, ExpressionError, boxes
from genzoo.tasks.names import identifier

X = Noise(0).normal(50, 5, dtype=torch.float64)
IMAGES = Noise(1).uniform(20, 3, 4, 6, dtype=torch.float64)
COLUMNS = {"age": Column(0, whole=True), "fixed acidity": Column(1), "kind": Column(2, words=("red", "white"))}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("x[3] > 2", lambda x: x[:, 3] > 2),
        ("x[3] > 0 and not x[0] < 0.5", lambda x: (x[:, 3] > 0) & ~(x[:, 0] < 0.5)),
        ("-1 < x[1] <= 1 or x[2] != x[2]", lambda x: (x[:, 1] > -1) & (x[:, 1] <= 1)),
        ("x[0] * 2 - x[1] / 3 + x[2] ** 2 - -1", lambda x: x[:, 0] * 2 - x[:, 1] / 3 + x[:, 2] ** 2 + 1),
        ("x[0] % 1", lambda x: x[:, 0] % 1),
        ("abs(x[0])", lambda x: x[:, 0].abs()),
        ("exp(x[0]) + sqrt(abs(x[2]))", lambda x: x[:, 0].exp() + x[:, 2].abs().sqrt()),
        ("log(x[1] ** 2)", lambda x: (x[:, 1] ** 2).log()),
        ("mean(x) + sum(x[1:3]) + std(x)", lambda x: x.mean(1) + x[:, 1:3].sum(1) + x.std(1, correction=0)),
        ("norm(x[::2]) - max(x) + min(x)", lambda x: x[:, ::2].norm(dim=1) - x.amax(1) + x.amin(1)),
        ("max(x[0], x[1], 0)", lambda x: torch.maximum(x[:, 0], x[:, 1]).clamp_min(0)),
        ("sum(x > 0) >= 3", lambda x: (x > 0).sum(1) >= 3),
        ("norm(x - mean(x))", lambda x: (x - x.mean(1, keepdim=True)).norm(dim=1)),
        ("(2 * x)[-1]", lambda x: 2 * x[:, -1]),
        ("1 < 2", lambda x: torch.ones(len(x), dtype=torch.bool)),
    ],
)  # fmt: skip
def test_questions_compute_what_they_say(text: str, answer) -> None:
    found, wanted = Expression(text)(X), answer(X)
    assert found.dtype == wanted.dtype
    assert Expression(text).is_event == (wanted.dtype == torch.bool)
    torch.testing.assert_close(found, wanted)


def test_images_are_indexed_by_their_axes() -> None:
    assert torch.equal(Expression("x[0, 2, -1]")(IMAGES), IMAGES[:, 0, 2, 5])
    assert torch.equal(Expression("mean(x[2])")(IMAGES), IMAGES[:, 2].flatten(1).mean(1))
    assert torch.equal(Expression("max(x[0, 1]) > 0.5")((255 * IMAGES).byte()), torch.ones(20, dtype=torch.bool))


def test_columns_have_names_and_words() -> None:
    x = torch.tensor([[39.6, 7.0, 0.9], [40.4, 8.0, -0.2]])
    assert Expression("age == 40", COLUMNS)(x).tolist() == [True, True]
    assert Expression("fixed_acidity > 7.5 and x[0] > 40", COLUMNS)(x).tolist() == [False, True]
    assert Expression("kind == 'white'", COLUMNS)(x).tolist() == [True, False]
    assert Expression("kind != 'white' and age > 3", COLUMNS)(x).tolist() == [False, True]
    assert Expression("kind in ('white', 'red') and age not in [39, 41]", COLUMNS)(x).tolist() == [True, True]
    assert Expression("kind not in ('white')", COLUMNS)(x).tolist() == [False, True]
    plane = {"x": Column(0), "y": Column(1)}
    assert torch.equal(Expression("x + x[1]", plane)(X), X[:, 0] + X[:, 1])


STATEMENTS = [
    "x[0] > 0.3", "0.3 >= x[0]", "not x[0] < 0", "x[0] > 0 and x[1] > 0", "x[0] > 1 or -1 < x[1] < 0.5",
    "not (norm(x) > 2 or x[0] <= x[1])", "x[0] != x[1]", "x[0] == 0",
    "not (x[0] >= 1 or x[1] == 0)", "x[0] in (0, 1) or x[1] not in (0, -1)", "not x[0] != 0 and 0 <= x[1] <= 1",
]  # fmt: skip


@pytest.mark.parametrize("text", STATEMENTS)
def test_the_margin_is_positive_where_a_statement_holds(text: str) -> None:
    asked = Expression(text)
    for x in (X, X.round()):
        assert torch.equal(asked.margin(x) > 0, asked(x))


REFUSED = {
    "x[0] in ()": "»x[0] in ()«",
    "x[0] in (1, 2) > 0": "may hold numbers",
    "__import__('os').system('true')": "may call abs",
    "x.shape": "»x.shape«",
    "().__class__": "may hold",
    "lambda: 1": "may hold",
    "[y for y in x]": "may hold",
    "x[0] if x[1] else 3": "may hold",
    "(y := 3)": "may hold",
    "f'{x}'": "may hold",
    "eval('1')": "may call",
    "exp(x, 2)": "must give exp one value",
    "max(x, key=3)": "may call",
    "exp": "may name age",
    "x[0] > True": "finite numbers",
    "x[0] > 'a'": "finite numbers",
    "x[0] > 1e400": "finite numbers",
    "x[0] ** 17": "exponents from −16 to 16",
    "x[0] ** x[1]": "exponents",
    "2 ** 9 ** 9": "exponents",
    "height > 2": "may name age, fixed_acidity, kind, x, got »height« > 2",
    "kind > 'red'": "must compare kind by ==",
    "kind == 'blue'": "one of",
    "x[0] >": "must be readable, got x[0] »>«",
    "x[0] & x[1]": "may hold",
    "x[(1, 2][": "must be readable",
    "": "must be readable",
    "x[0]\0": "must be readable",
    "(" * 500 + "1" + ")" * 499: "must be readable",
    "-" * 900 + "1": "parts",
    "x[0]" + "+x[0]" * 60: "at most 200 parts",
    "1" * 1001: "at most 1000 characters",
    "*x": "must be readable",
    "x[...]": "finite numbers",
    "await x": "may hold",
    "x[0]; x[1]": "must be readable",
    "1j": "finite numbers",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30] or "nothing")
def test_everything_else_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        Expression(text, COLUMNS)
    assert REFUSED[text] in str(refused.value)


def test_shapes_are_told_when_it_is_answered() -> None:
    for text, said in {
        "x": "Take an entry of its (5,)",
        "x[7] > 1": "must index the shape (5,), got »x[7]« > 1",
        "x[0, 0]": "must index the shape (5,)",
        "x[0.5]": "must index",
        "x[::-1][0]": "must index",
        "x[1:3] + x > 1": "not (2,) and (5,)",
        "x[0] and x[1] > 0": "join statements by and, or, not, got »x[0]« and",
    }.items():
        with pytest.raises(ExpressionError) as refused:
            Expression(text)(X)
        assert said in str(refused.value)
    with pytest.raises(ExpressionError, match="must be a statement"):
        Expression("x[0]").margin(X)
    with pytest.raises(ExpressionError, match="»größe« > 2"):
        Expression("größe > 2")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="x0123.[]()+-*/%<>=!, andotreiqbsmg_'\"\\:", max_size=40))
def test_any_text_is_answered_or_refused(text: str) -> None:
    try:
        y = Expression(text, COLUMNS)(X)
    except ExpressionError:
        return
    assert y.shape == (50,)


def test_a_column_that_is_named_exactly_wins() -> None:
    columns = {"a_b": Column(0), "a b": Column(1)}
    for some in (columns, dict(reversed(columns.items()))):
        assert Expression("a_b", some)(torch.tensor([[1.0, 2.0]])).tolist() == [1.0]


def test_words_in_an_order_are_compared_by_it() -> None:
    sizes = {"size": Column(0, ("small", "medium", "large"), ordered=True)}
    x = torch.tensor([[0.0], [1.0], [2.0]])
    assert Expression("size > 'small' and size != 'large'", sizes)(x).tolist() == [False, True, False]
    assert boxes(Expression("size >= 'medium'", sizes), Space((1,), levels=3)) == [{0: frozenset([1, 2])}]
    with pytest.raises(ExpressionError, match="by ==, <, > with one of"):
        Expression("size > 'tiny'", sizes)
    with pytest.raises(ExpressionError, match="must compare kind by == with one of"):
        Expression("kind > 'a'", {"kind": Column(0, ("a", "b"))})


def test_a_year_is_no_number_of_days() -> None:
    born = {"born": Column(0, form=DateForm("{Y:04}-{m:02}-{d:02}", "days"))}
    assert Expression("born < '1970-01-03'", born)(torch.tensor([[1.0], [2.0]])).tolist() == [True, False]
    for text in ("born < 1960", "1960 > born"):
        with pytest.raises(ExpressionError, match="cells such as '1970-01-01', not with a number of days"):
            Expression(text, born)


def test_signs_between_statements_are_told_as_words() -> None:
    with pytest.raises(ExpressionError, match="Join statements by `and` and `or`"):
        Expression("age > 60 & sex == 'F'", {"age": Column(0), "sex": Column(1, ("F", "M"))})


@pytest.mark.parametrize("text", ["kind", "kind + 1", "age * kind > 2"])
def test_words_are_compared_and_nothing_else(text: str) -> None:
    with pytest.raises(ExpressionError, match="must compare kind, a word.*Write kind == 'red'"):
        Expression(text, COLUMNS)


@pytest.mark.parametrize("name", ["Age (years)", "city, state", "smokes?", "income $", "2nd", "class", "a b"])
def test_an_error_names_a_column_as_it_is_written(name: str) -> None:
    columns = {name: Column(0)}
    word = identifier(name)
    assert Expression(f"{word} > 0", columns)(torch.tensor([[1.0], [-1.0]])).tolist() == [True, False]
    with pytest.raises(ExpressionError, match=re.escape(f"Write {word} for the column {name!r}.")):
        Expression(f"{name} > 0", columns)
