"""A server on the loopback for tests, and how it is asked."""

import contextlib
import http.client
import json
import math
import threading
import time

from genzoo.apps.serve import Limits, Server, listening
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.served import shelved

LIMITS = Limits(queue=5, rows=16, body=4096, upload=1 << 16, grace=5, work=100_000)


@contextlib.contextmanager
def running(runs, limits=LIMITS, key=None):
    metrics = Metrics()
    server = Server(shelved(list(map(str, runs)), "cpu", limits, metrics), metrics, limits, key)
    with listening("127.0.0.1", 0, None) as sock:
        thread = threading.Thread(target=server.run, args=(sock,))
        thread.start()
        server.port = sock.getsockname()[1]
        while not server.started:
            time.sleep(0.01)
        yield server
        server.drain()
        thread.join(10)
        assert not thread.is_alive()


def call(server, route, body=None, *, raw=False, **head):
    """The status, the head and what the answer holds."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    head = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in head.items()}
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", route, data, head)
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.getheader("content-type") == "application/json"
        return (
            answer.status,
            dict(answer.getheaders()),
            json.loads(content) if is_json else content if raw else content.decode(),
        )


def told(server, route, **body):
    status, _, answer = call(server, f"/v1/{route}", body)
    assert status == 200, answer
    return answer


def refused(server, route, **body):
    status, _, answer = call(server, f"/v1/{route}", body)
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    return status, answer["error"]["param"], answer["error"]["message"]


# Requests that are refused, by route: the status, the field and words of the message.
CASES = {
    "completions": [
        ({"model": "no"}, 404, "model", "There is no model 'no'"),
        ({}, 400, "model", "There are: verse"),
        ({"model": "digits"}, 400, "model", "Ask it at /v1/images/generations"),
        ({"model": "verse", "prompt": ""}, 400, "prompt", "empty text"),
        ({"model": "verse", "prompt": "€"}, 400, "prompt", "must be in the alphabet"),
        ({"model": "verse", "prompt": "a" * 64}, 400, "prompt", "at most 63 symbols, got 64"),
        ({"model": "verse", "prompt": [10**6]}, 400, "prompt", ", got 1000000"),
        ({"model": "verse", "temperatur": 1}, 400, "temperatur", "Did you mean 'temperature'?"),
        ({"model": "verse", "stream_options": {"include_usag": True}}, 400, "stream_options.include_usag",
         "Did you mean 'include_usage'?"),
        ({"model": "verse", "stop": ["a"] * 17}, 400, "stop", "at most 16 items"),
        ({"model": "verse", "stop": ["a", "b" * 101]}, 400, "stop.1", "at most 100 characters"),
        ({"model": "verse", "stop": 3}, 400, "stop", "a valid string or a valid list, got 3"),
        ({"model": "verse", "prompt": ["a"] * 65}, 400, "prompt", "at most 64 items"),
        ({"model": "verse", "prompt": []}, 400, "prompt", "at least 1 item"),
        ({"model": "verse", "prompt": [-1]}, 400, "prompt.0", "greater than or equal to 0"),
        ({"model": "verse", "prompt": ["a", 3]}, 400, "prompt.1", "should be a valid string, got 3"),
        ({"model": "verse", "temperature": -1}, 400, "temperature", "greater than or equal to 0"),
        ({"model": "verse", "n": "3"}, 400, "n", "valid integer"),
        ({"model": "verse", "n": 17}, 400, "n", "at most 16"),
        ({"model": "verse", "seed": -1}, 400, "seed", "greater than or equal to 0"),
        ({"model": "verse", "given": {"label": 3}}, 400, "given", "unconditional"),
        ({"model": "verse", "logprobs": 21}, 400, "logprobs", "less than or equal to 20"),
        ({"model": "verse", "logprobs": 1, "echo": True}, 400, "logprobs", "/v1/score"),
    ],
    "images/generations": [
        ({"model": "digits", "given": {"lable": 3}}, 400, "given", "Did you mean 'label'?"),
        ({"model": "digits", "given": {"label": 11}}, 400, "given", "must be an integer in [0, 10)"),
        ({"model": "digits", "given": {"label": {}}}, 400, "given.label", "must be a word, a number or a list"),
        ({"model": "digits", "size": "64x64"}, 400, "size", "must be 8x8"),
        ({"model": "digits", "prompt": " "}, 400, "prompt", "empty text"),
        ({"model": "digits", "options": {"nois": True}}, 400, "options.nois", "Did you mean noise?"),
        ({"model": "digits", "given": {"label": math.nan}}, 400, "given.label", "must be a word, a number or a list"),
        ({"model": "digits", "options": {"noise": math.inf}}, 400, "options.noise", "must be a number, a word"),
        ({"model": "digits", "options": {"noise": []}}, 400, "options.noise", "must be a number, a word"),
        ({"model": "digits", "options": {"noise": 10**6}}, 400, "options.noise", "must be true or false"),
        ({"model": "digits", "prompt": "hello"}, 400, "prompt", "There is no class of label 'hello'"),
        ({"model": "digits", "given": {"label": [1, 2, 3]}}, 400, "given.label", "at most 1 value,"),
        ({"model": "digits", "response_format": "url"}, 400, "response_format", "b64_json"),
    ],
    "chat/completions": [
        ({"model": "verse", "messages": []}, 400, "messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400,
         "messages.0.content.0.type", "must be of type text, got 'image_url'"),
        ({"messages": [{"role": "user"}]}, 400, "messages.0.content", "required"),
        ({"messages": [{"role": "bot", "content": "a"}]}, 400, "messages.0.role", "got 'bot'"),
        ({"messages": [{"role": "user", "content": "a"}], "top_logprobs": 1}, 400, "top_logprobs", "Set logprobs"),
        ({"model": "verse", "messages": [{"role": "user", "content": " "}]}, 400, "messages.0.content", "empty text"),
    ],
    "expect": [
        ({"model": "moons", "of": "z > 1"}, 400, "of", "z"),
        ({"model": "digits", "of": "x > 0", "n": 20}, 400, "of", "must be one number a row"),
        ({"model": "digits", "of": "x > 0", "n": 100, "rare": True}, 400, "of", "must be one number a row"),
        ({"model": "moons", "of": "x > 0", "n": 99, "rare": True}, 400, "n", "at least 100"),
        ({"model": "moons", "of": "x >"}, 400, "of", ""),
        ({"model": "moons", "of": "x", "n": 10**6}, 400, "n", "n × entries × steps"),
    ],
    "impute": [
        ({"model": "moons", "input": [[1, None]] * 50, "n": 1000}, 400, "n", "rows × n must be at most 20,000"),
        ({"model": "moons", "input": [{"x": "a"}]}, 400, "input.0", "number"),
        ({"model": "digits", "input": [[1]]}, 400, "model", "Ask it at"),
    ],
    "score": [
        ({"model": "verse", "input": ""}, 400, "input", "at least 1 character"),
        ({"model": "verse", "input": 3}, 400, "input", "a valid list or a valid string, got 3"),
        ({"model": "verse", "input": ["ab"]}, 400, "input.0", "exactly 64 symbols"),
        ({"model": "moons", "input": [[1, 2, 3]]}, 400, "input.0", "2 cells"),
        ({"model": "moons", "input": [{"z": 1}]}, 400, "input.0.z", "There are: x, y"),
        ({"model": "moons", "input": [[1, 1], ["a", 1]]}, 400, "input.1", "number"),
        ({"model": "moons", "input": [[1, 1], [1, 1e308]]}, 400, "input.1", "must hold finite numbers, got '1e+308'"),
        ({"model": "sounds", "input": ["aGk="]}, 400, "input.0", "must be a WAV"),
        ({"model": "moons", "input": [[0, 0]] * 100, "draws": 1000}, 400, "n", "n × entries × steps"),
        ({"model": "digits", "input": ["%"]}, 400, "input.0", "must be base64"),
        ({"model": "digits", "input": ["aGk="]}, 400, "input.0", "must be a whole PNG"),
    ],
}  # fmt: skip
