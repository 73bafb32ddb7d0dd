"""`genzoo serve`: a server on the loopback, asked as clients ask it; what it answers, and what it refuses."""

import base64
import contextlib
import dataclasses
import http.client
import io
import json
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from genzoo import read, train
from genzoo.apps.cli.root import app
from genzoo.apps.serve import listening
from genzoo.apps.serve.joined import Joined
from genzoo.apps.serve.line import Job
from genzoo.apps.serve.speaking import Spoken, speak
from genzoo.core import Noise, Sequential
from genzoo.data.codecs.audio import SoundCodec
from genzoo.models.choice import Choice
from genzoo.tasks import impute
from genzoo.zoo.loading import load
from genzoo.zoo.mistakes import Mistake
from tests.apps.serving import CASES, LIMITS, call, refused, running, told
from tests.logged import logged

KEY = "a key"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    train("gpt", "verse", settings={"width": 8, "depth": 1, "heads": 1}, steps=1, out=folder / "verse", device="cpu")
    train("vae", read("digits", given="label"), settings={"hidden": 8}, steps=1, out=folder / "digits", device="cpu")
    train("gaussian_mixture", "moons", steps=2, out=folder / "moons", device="cpu")
    SoundCodec(8000).save_each(torch.linspace(-1, 1, 200).reshape(1, 200) * torch.rand(20, 1), folder / "wav")
    train("gaussian_mixture", folder / "wav", settings={"components": 1}, steps=1, out=folder / "sounds", device="cpu")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running([folder / name for name in ("verse", "digits", "moons", "sounds")]) as server:
        yield server


# --- what is answered ---------------------------------------------------------------------------------------------


def test_it_is_there_and_says_what_it_serves(server):
    assert [call(server, route)[0] for route in ("/health", "/ready", "/metrics")] == [200] * 3
    _, head, models = call(server, "/v1/models")
    assert [(each["id"], each["genzoo"]["kind"]) for each in models["data"]] == [
        ("verse", "text"), ("digits", "image"), ("moons", "table"), ("sounds", "audio"),
    ]  # fmt: skip
    assert models["data"][1]["genzoo"]["given"]["label"]["classes"] == [str(k) for k in range(10)]
    assert call(server, "/v1/models/moons")[2] == models["data"][2]
    assert head["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in head["content-security-policy"]


def test_rows_are_those_of_the_command_line_whatever_else_is_served(server, folder, tmp_path):
    """Row i of a seed, bit for bit, while other requests with other seeds and beginnings are answered with it."""
    words = ["sample", folder / "digits", "-n", 1, "--seed", 5, "--given", "label=3", "--plain", "--out"]
    done = CliRunner().invoke(app, [*map(str, words), str(tmp_path / "one.png")])
    assert done.exit_code == 0, done.output
    texts = ["sample", folder / "verse", "-n", 2, "--seed", 7, "--set", "prefix=ab", "--out"]
    done = CliRunner().invoke(app, [*map(str, texts), str(tmp_path / "two.txt")])
    assert done.exit_code == 0, done.output
    rows = load(folder / "verse").codec.texts(load(folder / "verse").codec.load(tmp_path / "two.txt"))

    def asked(k):
        picture = told(server, "images/generations", model="digits", seed=k, given={"label": 3}, n=1 + k % 2)
        text = told(server, "completions", model="verse", prompt="ab" + "c" * (k % 4), seed=k + 2, n=2, echo=True)
        return picture["data"][0]["b64_json"], [choice["text"] for choice in text["choices"]]

    with ThreadPoolExecutor(3) as pool, logged("genzoo.serve") as said:
        others = pool.map(asked, range(8))
        for _ in range(4):
            picture, _ = asked(5)
            assert base64.b64decode(picture) == (tmp_path / "one.png").read_bytes()
            text = told(server, "completions", model="verse", prompt="ab", seed=7, n=2, echo=True)
            assert [choice["text"] for choice in text["choices"]] == rows
        assert len(list(others)) == 8
    assert not [line for line in said if "one by one" in line]
    sizes = [line for line in call(server, "/metrics")[2].splitlines() if "turn_requests_bucket" in line]
    alone, all_ = (sum(float(line.split()[-1]) for line in sizes if f'le="{le}"' in line) for le in ("1.0", "+Inf"))
    assert alone < all_, "some were answered together"


def test_rows_of_several_seeds_have_the_numbers_of_each():
    parts = [
        (Noise(3, "sample"), 2),
        (Noise(2**40), 1),
        (Noise(5).rows(torch.tensor([4, 1])), 2),
        (Noise(7, start=9), 3),
    ]
    draws = [lambda noise, n: noise.words(n, 5), lambda noise, n: noise.uniform(n, 3, dtype=torch.float64),
             lambda noise, n: noise.normal(n), lambda noise, n: noise.normal(n, 10_000)]  # fmt: skip
    for draw in draws:
        for page in (0, 3):
            joined, alone = Joined(parts).at("z").tick(page), [(each.at("z").tick(page), n) for each, n in parts]
            for _ in range(2):  # one draw after another
                assert torch.equal(draw(joined, 8), torch.cat([draw(noise, n) for noise, n in alone]))
    order = torch.tensor([7, 0, 3])
    assert torch.equal(Joined(parts).rows(order).normal(3, 2), Joined(parts).normal(8, 2)[order])


def test_texts_come_symbol_by_symbol(server):
    asked = {"model": "verse", "prompt": "ab", "seed": 4, "n": 2, "max_tokens": 9}
    whole = told(server, "completions", **asked)
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 18, "total_tokens": 20}
    stream = call(server, "/v1/completions", asked | {"stream": True, "stream_options": {"include_usage": True}})[2]
    events = [line.removeprefix("data: ") for line in stream.splitlines() if line]
    assert events.pop() == "[DONE]"
    events = [json.loads(event) for event in events]
    assert events.pop()["usage"] == whole["usage"]
    pieces = [event["choices"][0] for event in events]
    assert len(pieces) == 18
    for choice in whole["choices"]:
        own = [piece for piece in pieces if piece["index"] == choice["index"]]
        assert "".join(piece["text"] for piece in own) == choice["text"]
        assert [piece["finish_reason"] for piece in own] == [None] * 8 + ["length"]


def test_texts_end_before_a_stop_and_begin_with_symbols(server):
    text = told(server, "completions", model="verse", seed=4, max_tokens=30)["choices"][0]["text"]
    cut = told(server, "completions", model="verse", seed=4, max_tokens=30, stop=[text[5:8]])["choices"][0]
    assert (cut["text"], cut["finish_reason"]) == (text[: text.index(text[5:8])], "stop")
    spelled = told(server, "completions", model="verse", prompt=["ab", "b"], seed=4, max_tokens=3)["choices"]
    ids = load_ids(server, "ab"), load_ids(server, "b")
    assert told(server, "completions", model="verse", prompt=ids, seed=4, max_tokens=3)["choices"] == spelled
    assert [choice["index"] for choice in spelled] == [0, 1]


def load_ids(server, text):
    return server.shelf["verse"].codec.ids(text).tolist()


def test_log_probabilities_of_symbols_are_those_of_the_score(server):
    asked = {"model": "verse", "seed": 4, "n": 2}
    plain = told(server, "completions", **asked)
    choices = told(server, "completions", **asked, logprobs=3)["choices"]
    assert [choice["text"] for choice in choices] == [choice["text"] for choice in plain["choices"]]
    scores = told(server, "score", model="verse", input=[choice["text"] for choice in choices])["data"]
    for choice, score in zip(choices, scores, strict=True):
        likely = choice["logprobs"]
        assert "".join(likely["tokens"]) == choice["text"]
        assert likely["text_offset"] == list(range(64))
        assert sum(likely["token_logprobs"]) == pytest.approx(score["log_prob"], rel=1e-5)
        for token, own, top in zip(likely["tokens"], likely["token_logprobs"], likely["top_logprobs"], strict=True):
            assert len(top) == 3
            assert own <= max(top.values())
            assert top.get(token, own) == own
    text = choices[0]["text"]
    cut = told(server, "completions", **asked, logprobs=0, stop=[text[5:8]])["choices"][0]
    assert "".join(cut["logprobs"]["tokens"]) == cut["text"] == text[: text.index(text[5:8])]


def test_rows_that_are_done_cost_no_more(folder, monkeypatch):
    run = load(folder / "verse")
    chain, seen = type(run.model.ability(Sequential)), []

    def waiting(seed, n, most):
        news = []
        asked = Spoken(n, seed, {}, torch.zeros(0, dtype=torch.long), Choice(), most)
        return Job(asked.key, n, asked, news.append, 60), news

    def heard(self, state, logits=chain.logits):
        seen.append(len(state.waiting))
        return logits(self, state)

    monkeypatch.setattr(chain, "logits", heard)
    asked = [(1, 1, 30), (2, 6, 3), (3, 1, 12)]
    jobs = [waiting(*each) for each in asked]
    list(speak(run.model, run.codec, [job for job, _ in jobs]))
    assert seen == [8] * 3 + [2] * 9 + [1] * 18
    for (_, news), each in zip(jobs, asked, strict=True):
        other, wanted = waiting(*each)
        list(speak(run.model, run.codec, [other]))
        assert news == wanted
        assert [len(one.text) for one in news[0]] == [each[2]] * each[1]


def test_scores_are_those_of_the_model(server, folder):
    run = load(folder / "moons")
    points = [[0.1, 0.2], {"y": 1.0, "x": -0.5}]
    answer = told(server, "score", model="moons", input=points)
    wanted = run.generative.log_prob(torch.tensor([[0.1, 0.2], [-0.5, 1.0]]))
    assert [each["log_prob"] for each in answer["data"]] == pytest.approx(wanted.tolist(), rel=1e-6)
    assert (answer["likelihood"], answer["data"][0]["error"]) == ("exact", 0)
    picture = told(server, "images/generations", model="digits", seed=1, given={"label": 2})["data"][0]["b64_json"]
    bound = told(server, "score", model="digits", input=["data:image/png;base64," + picture], given={"label": 2},
                 draws=8)  # fmt: skip
    pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(base64.b64decode(picture)))))[None, None]
    x = load(folder / "digits").codec.values(pixels)
    each = [load(folder / "digits").generative.log_prob(x, torch.tensor([2]), seed=k).item() for k in range(8)]
    assert bound["data"][0]["log_prob"] == pytest.approx(np.mean(each), rel=1e-5)
    assert bound["data"][0]["error"] == pytest.approx(np.std(each, ddof=1) / 8**0.5, rel=1e-3)


def test_questions_are_answered_as_by_the_command_line(server, folder):
    done = CliRunner().invoke(app, ["expect", str(folder / "moons"), "--of", "x > 0.5", "-n", "500", "--json"])
    answer = told(server, "expect", model="moons", of="x > 0.5", n=500, seed=0)
    assert answer["value"] == json.loads(done.output)["value"]
    assert answer["low"] < answer["value"] < answer["high"]
    mean = told(server, "expect", model="moons", of="x + y", n=500, seed=0, quantiles=[0.5])
    assert mean["answers"]["0.5 quantile"]["low"] < mean["value"] + 1
    rows = [{"x": 0.5, "y": None}, [None, None]]
    filled = told(server, "impute", model="moons", input=rows, n=3, seed=2)
    wanted = impute(load(folder / "moons").generative, torch.tensor([[0.5, torch.nan], [torch.nan] * 2]), 3, seed=2).x
    for i, each in enumerate(filled["data"]):
        for k, draw in enumerate(each["draws"]):
            assert [draw["x"], draw["y"]] == pytest.approx(wanted[k, i].tolist(), rel=1e-2)
    assert filled["exact"]


def test_a_question_is_answered_from_as_many_samples_as_there_is_time_for(server, monkeypatch):
    whole = told(server, "expect", model="moons", of="x > 0.5", n=16, seed=0)
    monkeypatch.setattr("genzoo.apps.serve.questions.SHARE", 0.0)
    found = told(server, "expect", model="moons", of="x > 0.5", n=500, seed=0)
    assert found["remarks"] == ["n: there was time for 16 of 500 samples"]
    assert (whole["n"], whole["value"], whole["remarks"]) == (16, found["value"], [])


def test_sounds_are_files(server, folder):
    run = load(folder / "sounds")
    status, head, content = call(server, "/v1/audio/speech", {"model": "sounds", "input": "", "seed": 3}, raw=True)
    assert (status, head["content-type"], head["x-genzoo-seed"]) == (200, "audio/wav", "3")
    assert content == run.codec.save(run.generative.sample(1, seed=3), folder / "one.wav").read_bytes()


def test_talks_are_answered(server):
    asked = {"model": "verse", "seed": 1, "max_tokens": 8}
    text = told(server, "completions", prompt="ab", **asked)["choices"][0]["text"]
    said = [{"role": "user", "content": "c"}, {"role": "user", "content": [{"type": "text", "text": "ab"}]}]
    answer = told(server, "chat/completions", messages=said, **asked)
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": text}
    assert "1 messages before" in answer["remarks"][0]
    stream = call(server, "/v1/chat/completions", {"messages": said, "stream": True} | asked)[2]
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    assert "".join(event["choices"][0]["delta"]["content"] for event in events) == text


def test_the_client_of_openai_asks_it_unchanged(server):
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0)
    assert [model.id for model in client.models.list()] == ["verse", "digits", "moons", "sounds"]
    assert client.models.retrieve("moons").owned_by == "genzoo"
    asked = {"model": "verse", "prompt": "ab", "max_tokens": 6, "seed": 2}
    whole = client.completions.create(**asked)
    assert whole.usage.completion_tokens == 6
    pieces = list(client.completions.create(**asked, stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == whole.choices[0].text
    image = client.images.generate(model="digits", prompt="3", n=2, extra_body={"seed": 1})
    assert Image.open(io.BytesIO(base64.b64decode(image.data[1].b64_json))).size == (8, 8)
    said = {"model": "verse", "messages": [{"role": "user", "content": "ab"}], "max_tokens": 3, "seed": 1}
    talk = client.chat.completions.create(**said, logprobs=True, top_logprobs=2)
    likely = talk.choices[0].logprobs.content
    assert "".join(each.token for each in likely) == talk.choices[0].message.content
    assert [len(each.top_logprobs) for each in likely] == [2] * 3
    pieces = client.chat.completions.create(**said, logprobs=True, stream=True)
    streamed = [each for piece in pieces for each in piece.choices[0].logprobs.content]
    assert [each.logprob for each in streamed] == [each.logprob for each in likely]
    speech = client.audio.speech.create(model="sounds", input="", voice="alloy", response_format="wav")
    assert speech.read().startswith(b"RIFF")
    with pytest.raises(openai.NotFoundError) as missing:
        client.completions.create(model="vers", prompt="a")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.completions.create(model="verse", prompt="")
    assert (wrong.value.param, wrong.value.code) == ("prompt", "empty")


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", CASES)
def test_errors_name_the_field_and_the_fix(server, route):
    for body, status, param, words in CASES[route]:
        found = refused(server, route, **body)
        assert found[:2] == (status, param), found
        assert words in found[2], found


def test_bodies_are_refused_before_they_are_read(server):
    status, _, answer = call(server, "/v1/completions", b'{"model": "verse", "pro')
    assert (status, answer["error"]["code"]) == (400, "json_invalid")
    assert "at character" in answer["error"]["message"]
    _, _, answer = call(server, "/v1/completions", {"model": "verse"}, Content_Type="text/plain")
    assert "must be application/json, got text/plain" in answer["error"]["message"]
    assert call(server, "/v1/completions", b"[" * 3000)[0] == 400
    assert call(server, "/v1/completions", b'{"model": "verse", "temperature": NaN}')[0] == 400
    assert call(server, "/v1/completions", b" " * 5000)[0] == 413
    assert call(server, "/v1/completions", b"{}", Content_Length="99999999")[0] == 413
    with socket.create_connection(("127.0.0.1", server.port)) as raw:  # of a length that is not told
        raw.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(20):
                raw.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
        assert b" 413 " in raw.recv(100)
    image = io.BytesIO()
    Image.new("L", (9, 8)).save(image, "png")
    wrong = base64.b64encode(image.getvalue()).decode()
    assert "must be 8×8 pixels" in refused(server, "score", model="digits", input=[wrong])[2]


def test_strangers_are_refused(folder):
    with running([folder / "moons"], key=KEY) as server:
        assert call(server, "/health")[0] == 200
        every = [route.path for route in server.http.config.app.app.routes]
        assert len(every) > 7
        for route in set(every) - {"/health", "/ready"}:
            assert call(server, route.replace("{name}", "moons"))[0] == 401, route
            assert call(server, route, b"{}", Authorization="Bearer a kez")[0] == 401, route
        assert call(server, "/v1/models", Authorization=f"Bearer {KEY}")[0] == 200
        for name in ("localhost.evil.com", ":8000", "[::2]", "127.0.0.1@evil.com", "localhost:80.evil.com",
                     "[::1]evil", "evil.com@127.0.0.1", "127.0.0.1:1, evil", "localhost/evil.com",
                     "localhost:evil.com"):  # fmt: skip
            assert call(server, "/health", Host=name)[0] == 400, name
        assert call(server, "/health", Host="localhost:1")[0] == 200
        known = {"Authorization": f"Bearer {KEY}"}
        assert call(server, "/v1/score", b"{}", Origin="http://evil.com", **known)[0] == 403
    with pytest.raises(Mistake, match="must have a key"):
        listening("0.0.0.0", 0, None)


# --- the line before a model --------------------------------------------------------------------------------------


class Slow:
    """Work of many steps, of which it keeps count."""

    def __init__(self, steps=10**6):
        self.steps, self.done, self.turns = steps, 0, []

    def __call__(self, jobs):
        self.turns.append(len(jobs))
        for _ in range(self.steps):
            time.sleep(0.005)
            self.done += 1
            yield
        for job in jobs:
            job.end(job.asked.told(torch.zeros(job.rows, 1, 8, 8, dtype=torch.uint8)))

    def rests(self):
        """Whether it has ended within a step or two, however long one looks."""
        time.sleep(0.05)
        before = self.done
        time.sleep(0.1)
        return before == self.done


@pytest.fixture
def slow(server, monkeypatch):
    work = Slow()
    monkeypatch.setattr(server.shelf["digits"].line, "work", work)
    yield work
    work.steps = 0


PICTURE = {"model": "digits", "given": {"label": 1}}


def until(is_so):
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def asking():
    """Clients that do not wait for their answers."""
    with contextlib.ExitStack() as stack:

        def ask(server, body):
            connection = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)))
            connection.request(
                "POST", "/v1/images/generations", json.dumps(body), {"Content-Type": "application/json"}
            )
            return connection

        yield ask


def answer_of(client):
    with client.getresponse() as answer:
        return answer.status, answer.read().decode()


def test_work_ends_with_the_client_and_with_the_time(server, slow, asking, monkeypatch):
    client = asking(server, PICTURE)
    until(lambda: slow.done)
    client.close()
    assert slow.rests()
    status, _, answer = call(server, "/v1/images/generations", PICTURE | {"timeout": 0.1})
    assert (status, answer["error"]["param"], answer["error"]["code"]) == (400, "timeout", "deadline_exceeded")
    monkeypatch.setattr(server.shelf["digits"], "limits", dataclasses.replace(LIMITS, seconds=0.1))
    monkeypatch.setattr(server.shelf["digits"].line, "limits", server.shelf["digits"].limits)
    status, _, answer = call(server, "/v1/images/generations", PICTURE)
    assert (status, answer["error"]["code"]) == (504, "deadline_exceeded")
    assert slow.rests()
    assert len(slow.turns) == 3


def test_a_full_line_says_when_to_come_again(server, slow, asking):
    first = asking(server, PICTURE)
    until(lambda: slow.done)
    others = [asking(server, PICTURE) for _ in range(LIMITS.queue)]
    until(lambda: len(server.shelf["digits"].line) == LIMITS.queue)
    status, head, answer = call(server, "/v1/images/generations", PICTURE)
    assert (status, answer["error"]["code"]) == (429, "queue_full")
    assert int(head["retry-after"]) >= 1
    others[0].close()
    slow.steps = 0
    slow_now = Slow(1)
    server.shelf["digits"].line.work = slow_now
    first.close()
    assert [answer_of(client)[0] for client in others[1:]] == [200] * (LIMITS.queue - 1)
    assert slow_now.turns == [LIMITS.queue - 1], "those that waited went together, without the one that left"


def test_one_request_that_fails_fails_alone(server, monkeypatch, asking):
    line = server.shelf["digits"].line
    work, gate = line.work, threading.Event()

    def failing(jobs):
        gate.wait(20)
        if any(job.asked.seed == 13 for job in jobs):
            raise RuntimeError("what nobody is told")
        return work(jobs)

    monkeypatch.setattr(line, "work", failing)
    with logged("genzoo.serve") as said:
        clients = [asking(server, PICTURE | {"seed": seed}) for seed in (1, 13, 2)]
        until(lambda: line.busy + len(line) == 3)
        gate.set()
        answers = [answer_of(client) for client in clients]
        assert [status for status, _ in answers] == [200, 500, 200]
        assert "nobody" not in answers[1][1]
        assert any("error=RuntimeError at=" in line for line in said)
    assert not any("what nobody is told" in line for line in said)


def test_options_that_do_not_suit_are_named(server, monkeypatch):
    def wrong(*args, **options):
        raise TypeError("'<' not supported")

    monkeypatch.setattr(server.shelf["digits"].model, "sample", wrong)
    found = refused(server, "images/generations", **PICTURE, options={"noise": True})
    assert found[:2] == (400, "options")
    assert "noise=True" in found[2]


def test_it_ends_when_all_is_answered(folder, asking):
    with running([folder / "digits"]) as server:
        work = Slow(60)
        server.shelf["digits"].line.work = work
        client = asking(server, PICTURE)
        until(lambda: work.done)
        server.drain()
        assert call(server, "/ready")[0] == 503
        status, head, answer = call(server, "/v1/images/generations", PICTURE)
        assert (status, answer["error"]["code"], "retry-after" in head) == (503, "draining", True)
        assert answer_of(client)[0] == 200


def test_a_second_signal_ends_it_at_once(folder):
    with running([folder / "moons"]) as server:
        server._heard(signal.SIGTERM, None)
        assert server.guard.draining
        assert not server.http.force_exit
        server._heard(signal.SIGTERM, None)
        assert server.http.force_exit
        assert server.http.should_exit


def test_nothing_that_was_asked_is_kept(server):
    with logged("genzoo") as said:
        told(server, "completions", model="verse", prompt="abba", max_tokens=2)
        refused(server, "completions", model="abba", prompt="abba")
    assert any("route=/v1/completions status=200" in line for line in said)
    assert not any("abba" in line for line in said)
    assert "abba" not in call(server, "/metrics")[2]
    assert 'genzoo_requests_total{route="/v1/completions",status="404"}' in call(server, "/metrics")[2]
