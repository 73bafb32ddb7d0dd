"""How `genzoo serve` reads HTTP and ends: what never ends, comes late or is none; old clients; what is left in the
middle."""

import contextlib
import dataclasses
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from genzoo import train
from tests.apps.serving import LIMITS, call, running

POST = b"POST /v1/completions HTTP/1.%d\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    train("gpt", "verse", settings={"width": 8, "depth": 1, "heads": 1}, steps=1, out=folder / "verse", device="cpu")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running([folder / "verse"]) as server:
        yield server


@contextlib.contextmanager
def connected(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        yield raw


def heard(raw):
    """What stands in a connection, of which the rest may be lost: what was sent beyond an answer is not read."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := raw.recv(1000):
            found += piece
    return found


@pytest.mark.parametrize("head", [b"GET /health HTTP/1.1\r\nX: ", b"GET /health HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_head_that_does_not_end_is_refused(server, head):
    with connected(server) as raw:
        raw.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(30):
                raw.sendall((b"x" if head.endswith(b" ") else b"x: y\r\n") * 4096)
        assert b" 431 " in heard(raw)
    assert call(server, "/health")[0] == 200


def test_what_follows_a_body_does_not_go_on_for_ever(server):
    with connected(server) as raw:
        raw.sendall(POST % 1 + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
        taken = 0
        with contextlib.suppress(OSError):
            while taken < 100:
                raw.sendall(b"x: " + b"y" * 65536 + b"\r\n")
                taken += 1
        assert taken < 100
    assert call(server, "/health")[0] == 200


def test_what_is_no_request_is_told_so(server):
    with connected(server) as raw:
        raw.sendall(b"what?\r\n\r\n")
        head, _, content = heard(raw).partition(b"\r\n\r\n")
    assert b" 400 " in head
    assert json.loads(content)["error"]["code"] == "invalid_http"


@pytest.mark.parametrize(
    ("sent", "answer"), [(b"", b""), (b"GET /hea", b""), (POST % 1 + b"Content-Length: 9\r\n\r\n{", b" 408 ")]
)
def test_what_never_comes_is_not_waited_for(folder, sent, answer):
    with running([folder / "verse"], dataclasses.replace(LIMITS, seconds=0.2)) as server, connected(server) as raw:
        raw.sendall(sent)
        assert answer in heard(raw)


def test_an_old_client_gets_a_stream_in_one_piece(server):
    body = json.dumps({"model": "verse", "prompt": "abba", "max_tokens": 3, "stream": True}).encode()
    with connected(server) as raw:
        raw.sendall(POST % 0 + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        head, _, content = heard(raw).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert content.startswith(b"data: {")
    assert content.endswith(b"data: [DONE]\n\n")


def test_other_ways_and_routes_are_told(server):
    status, head, answer = call(server, "/v1/completions")
    assert (status, head["allow"]) == (405, "POST")
    assert "by POST" in answer["error"]["message"]
    assert "/openapi.json" in call(server, "/v1/nothing")[2]["error"]["message"]


def test_what_is_left_in_the_middle_is_told(folder):
    begun = threading.Event()

    def work(jobs):
        begun.set()
        while True:
            time.sleep(0.005)
            yield

    with running([folder / "verse"], dataclasses.replace(LIMITS, grace=0.1)) as server, ThreadPoolExecutor() as pool:
        server.shelf["verse"].line.work = work
        asked = pool.submit(call, server, "/v1/completions", {"model": "verse", "prompt": "abba"})
        assert begun.wait(20)
        server.drain()
        status, _, answer = asked.result(20)
        assert (status, answer["error"]["code"]) == (503, "draining")
    assert server.guard.left == 1
