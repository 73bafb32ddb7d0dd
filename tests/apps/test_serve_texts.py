"""Texts that are served: whole ones of models that draw in an order of their own, and what their own end had; texts
that are conditions of another name than the data's."""

import base64
import math
import random

import pytest

from genzoo import load, read, train
from genzoo.data.readers import embedded
from tests.apps.serving import call, refused, running, told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, draw = tmp_path_factory.mktemp("texts"), random.Random(0)
    lines = ["".join(draw.choices("abc", k=draw.randint(1, 9))) for _ in range(300)]
    (folder / "words.txt").write_text("\n".join(lines))
    words = read(folder / "words.txt")
    assert words.space.ragged
    for recipe, settings in (("gpt", {"width": 8, "depth": 1, "heads": 1}), ("d3pm", {"width": 8})):
        train(recipe, words, settings=settings, steps=1, device="cpu", out=folder / recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "PICTURES", {"train": 300, "valid": 8, "test": 8})
        train(
            "text_to_image", "shapes", given="text=caption|caption_zh", steps=1, device="cpu", out=folder / "pictures",
            settings={"width": 32, "depth": 1, "sampling_steps": 1},
        )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running([folder / name for name in ("gpt", "d3pm", "pictures")]) as server:
        yield server


def test_log_probabilities_and_that_of_the_end_are_the_score(server):
    choice = next(
        found for seed in range(20)
        if (found := told(server, "completions", model="gpt", seed=seed, logprobs=0)["choices"][0])["text"]
    )  # fmt: skip
    assert choice["finish_reason"] == "stop"
    likely = choice["logprobs"]
    assert "".join(likely["tokens"]) == choice["text"]
    (scored,) = told(server, "score", model="gpt", input=[choice["text"]])["data"]
    assert math.isclose(sum(likely["token_logprobs"]) + likely["end_logprob"], scored["log_prob"], rel_tol=1e-5)
    assert math.isclose(scored["bits_per_dim"], -scored["log_prob"] / len(choice["text"]) / math.log(2), rel_tol=1e-6)
    some = told(server, "completions", model="gpt", seed=1, n=16, max_tokens=1, logprobs=0, prompt="ab")["choices"]
    assert {each["finish_reason"] for each in some} == {"length", "stop"}
    assert all((each["logprobs"]["end_logprob"] is None) == (each["finish_reason"] == "length") for each in some)


def test_whole_texts_of_an_order_of_their_own(server, folder):
    told_of = {each["id"]: each["genzoo"]["routes"] for each in call(server, "/v1/models")[2]["data"]}
    assert "/v1/completions" in told_of["d3pm"]
    assert "/v1/chat/completions" not in told_of["d3pm"]
    answer = told(server, "completions", model="d3pm", seed=3, n=2, temperature=1)
    run = load(folder / "d3pm")
    assert [each["text"] for each in answer["choices"]] == run.codec.texts(run.generative.sample(2, seed=3))
    assert answer["usage"]["completion_tokens"] == sum(len(each["text"]) for each in answer["choices"])
    stream = call(server, "/v1/completions", {"model": "d3pm", "seed": 3, "n": 2, "stream": True})[2]
    assert stream.count('"finish_reason": "stop"') == 2
    assert stream.endswith("data: [DONE]\n\n")
    assert refused(server, "completions", model="d3pm", prompt="a")[:2] == (400, "prompt")
    assert refused(server, "completions", model="d3pm", temperature=0.5)[:2] == (400, "temperature")


def test_a_condition_has_the_name_that_the_run_gave_it(server, folder):
    about = next(each for each in call(server, "/v1/models")[2]["data"] if each["id"] == "pictures")
    assert list(about["genzoo"]["given"]) == ["text"]
    asked = {"model": "pictures", "seed": 1}
    by_prompt = told(server, "images/generations", prompt="a red star", **asked)["data"]
    assert by_prompt == told(server, "images/generations", given={"text": "a red star"}, **asked)["data"]
    run = load(folder / "pictures")
    (file,) = run.codec.pngs(run.generative.sample(1, {"text": "a red star"}, seed=1))
    assert base64.b64decode(by_prompt[0]["b64_json"]) == file


def test_a_condition_to_keep_away_from_may_be_named(server):
    asked = {"model": "pictures", "seed": 1, "prompt": "a red star"}
    options = {"guidance": 2, "against": {"text": "a blue star"}}
    assert len(told(server, "images/generations", **asked, options=options)["data"]) == 1
    for wrong, field in (({"txt": "a"}, "options.against"), ({"text": " "}, "options.against.text")):
        found = refused(server, "images/generations", **asked, options={"against": wrong})
        assert found[:2] == (400, field), found
        assert "given" not in found[2]
