"""A server on the loopback for tests, and how it is asked."""

import contextlib
import http.client
import json
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
