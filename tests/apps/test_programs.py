"""Programs at the command line: written, run only if that is allowed, judged; and the problems of others, read."""

import gzip
import json

import pytest
from typer.testing import CliRunner

import genzoo
from genzoo.apps.cli import app
from genzoo.core.errors import DataError
from genzoo.data.programs.mirrors import mirrors
from genzoo.data.programs.tasks import tasks
from genzoo.data.readers import programs
from genzoo.zoo import programming
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.programming import made_problems, measured, problem_of, prompt_of, tried, written

RIGHT = "def f(xs):\n    '''the sum of xs'''\n    return sum(xs)\n"
WRONG = "def f(xs):\n    '''the sum of xs'''\n    return len(xs)\n"
HUMAN = {
    "task_id": "HumanEval/9",
    "prompt": 'def twice(x: int) -> int:\n    """ Twice x.\n    >>> twice(1)\n    2\n    """\n',
    "entry_point": "twice", "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n",
}  # fmt: skip
MBPP = {"task_id": 11, "text": "Write a function.", "code": "def g(a, b):\r\n  return {a, b}",
        "test_list": ["assert set(g(1, 2)) == {1, 2}"], "test_setup_code": ""}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(programs.PROGRAMS, "minipython", 1500)
        data = genzoo.read("minipython", hold_out="op1*op2:0.1", length=120)
        out = tmp_path_factory.mktemp("programs") / "run"
        genzoo.train("gpt", data, out=out, steps=1, settings={"width": 16, "depth": 1, "heads": 2}, batch_size=2)
        yield out


@pytest.fixture
def writes(monkeypatch):
    """A model that writes two programs, one of them right."""
    monkeypatch.setattr(
        programming, "written", lambda run, prompts, n, **_: [(RIGHT, WRONG, RIGHT)[:n]] * len(prompts)
    )


def asked(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def test_nothing_runs_unless_it_is_allowed(run, writes, monkeypatch):
    monkeypatch.setattr("genzoo.tasks.execution.running._guarded", None)
    found = asked("solve", run, "the sum of xs", "--signature", "def f(xs):", "-n", 3)
    assert found.exit_code == 0, found.output
    assert "return sum(xs)" in found.output
    assert "written 2 times of 3" in found.output
    assert "Nothing was run" in found.output


def test_programs_that_pass_come_first(run, writes):
    words = ("solve", run, "the sum of xs", "--signature", "def f(xs):", "-n", 3, "--allow-running-code")
    found = json.loads(asked(*words, "--test", "f([1, 1]) == 2", "--test", "f([5]) == 1", "--json").output)
    assert [each["passed"] for each in found] == [True, False]
    assert found[0]["program"] == WRONG
    said = asked(*words).output
    assert said.index("return sum") < said.index("return len")
    assert "written 2 times of 3, 2 give the same" in said


def test_pass_rates_of_an_untrained_model(run):
    found = asked("evaluate", run, "--metrics", "pass@1", "--allow-running-code", "--rows", 2, "--split", "held_out")
    assert found.exit_code == 0, found.output
    kept = json.loads((run / "passes-held_out.json").read_text())
    assert [(each["name"], each["value"], each["n"], each["protocol"]["tries"]) for each in kept] == [
        ("pass@1", 0, 2, 2)
    ]


def test_references_pass_and_bodies_of_others_do_not(run):
    problems = [problem_of(each) for each in tasks(40) if each.tells][:3]
    texts = [each.text for each in tasks(40) if each.tells][:3]
    found = tried(problems, [(text, texts[0]) for text in texts], allow_running_code=True)
    assert found.right.tolist() == [2, 1, 1]
    assert measured(found, [1])[0].value == pytest.approx(2 / 3)


def test_tries_depend_on_their_own_place_alone(run):
    loaded = genzoo.load(run)
    prompts = [prompt_of("the sum of xs", "def f(xs):"), prompt_of("xs", "def f(xs):")]
    assert written(loaded, prompts, 2, seed=1)[0] == written(loaded, prompts[:1], 2, seed=1)[0]
    with pytest.raises(Mistake, match="leave room"):
        written(loaded, [prompt_of("sum " * 60, "def f(xs):")], 1)


def test_problems_tell_the_reference_from_less(run):
    data = genzoo.load(run).data()
    found = made_problems(data, "held_out", 5)
    assert len(found) == 5
    assert all(each.tells for each in found)
    with pytest.raises(Mistake, match="no split"):
        made_problems(data, "nope", 5)


def test_problems_of_others(tmp_path):
    for name, row in (("human.jsonl.gz", HUMAN), ("mbpp.jsonl.gz", MBPP)):
        with gzip.open(tmp_path / name, "wt") as file:
            file.write(json.dumps(row) + "\n")
    (human,), (mbpp,) = mirrors(tmp_path / "human.jsonl.gz"), mirrors(tmp_path / "mbpp.jsonl.gz")
    assert (human.signature, human.docstring, human.entry) == ("def twice(x):", "Twice x.", "twice")
    assert (mbpp.signature, mbpp.entry) == ("def g(a, b):", "g")
    assert "g = candidate" in mbpp.check
    (tmp_path / "other.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(DataError, match="HumanEval or MBPP"):
        mirrors(tmp_path / "other.jsonl")
