"""`genzoo chat`: answers and continuations, letter by letter, and what it refuses."""

import json

import pytest
from typer.testing import CliRunner

from genzoo import read, train
from genzoo.apps.cli.chatting import Speaker
from genzoo.apps.cli.root import app
from genzoo.core import Noise
from genzoo.models.choice import Choice
from genzoo.zoo.loading import load

QUESTION, OTHER = (f"say {i} twice" for i in (7, 8))
TINY = {"width": 8, "depth": 1, "heads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    pairs = [{"prompt": f"say {i} twice", "response": f"{i}, {i}. Bye é"} for i in range(200)]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    data = read(folder / "pairs.jsonl", x="response", given="prompt")
    train("gpt", data, settings=TINY, steps=1, out=folder / "answers", device="cpu")
    train("bigram", "verse", steps=1, out=folder / "verse", device="cpu")
    train("bigram", "digits", steps=1, out=folder / "digits", device="cpu")
    return folder


def asked(*words: object, typed: str | None = None):
    return CliRunner().invoke(app, ["chat", *map(str, words)], input=typed)


def spoken(run, question, stops=(), seed=0, **choice):
    return list(Speaker(load(run), Choice(**choice), list(stops)).answer(question, Noise(seed, "chat", 0)))


def test_an_answer_comes_in_pieces_and_ends_before_a_stop(folder):
    pieces = spoken(folder / "answers", QUESTION)
    whole = "".join(pieces)
    assert len(pieces) > 3
    for stop in (whole[3:5], whole[4:7], whole[-1:]):
        cut = spoken(folder / "answers", QUESTION, [stop, "never"])
        assert "".join(cut) == whole[: whole.index(stop)], stop
    assert "".join(spoken(folder / "answers", QUESTION, [whole[-2:] + "!"])) == whole, "it only began to stop"
    assert whole != "".join(spoken(folder / "answers", QUESTION, seed=1))


def test_questions_are_asked_or_read(folder):
    said = asked(folder / "answers", "--ask", QUESTION, "--ask", OTHER, "--seed", 0)
    assert said.exit_code == 0, said.output
    typed = asked(folder / "answers", typed=f"{QUESTION}\n{OTHER}\n\nnever read\n")
    assert typed.output == said.output
    assert len(typed.output.splitlines()) == 2


def test_a_question_that_cannot_be_spelled_does_not_end_the_talk(folder):
    typed = asked(folder / "answers", typed=f"sag €\n{QUESTION}\n\n")
    assert typed.exit_code == 0, typed.output
    assert "€" in typed.output
    assert len(typed.output.splitlines()) == 3  # the cause, the fix, and an answer


def test_a_model_without_a_condition_goes_on(folder):
    cold = asked(folder / "verse", "--ask", "O Rome", "--set", "temperature=0", "--stop", "\\n")
    assert cold.exit_code == 0, cold.output
    assert "O Rome" not in cold.output


def test_what_does_not_talk_is_refused(folder):
    for words, cause in (
        ((folder / "digits",), "must draw text symbol by symbol, got bigram of image"),
        ((folder / "answers", "--set", "beams=2"), "symbol by symbol, got beams"),
        ((folder / "answers", "--set", "heat=2"), "heat"),
        ((folder / "answers", "--ask", "sag €"), "alphabet"),
        ((folder / "verse", "--ask", "a" * 1000), "shorten"),
    ):
        refused = asked(*words)
        assert refused.exit_code != 0, words
        assert cause in " ".join(refused.output.split()) or cause in str(refused.exception).lower(), refused.output
