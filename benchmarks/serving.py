"""Serving under load: 64 clients on the loopback, answered together and one at a time; what a request costs beside the
bare call of the model; how soon the first symbol comes, or a refusal where too many ask; whether anything is lost,
and whether memory grows.

Times of the server are of its processor, since the clients share the machine's cores with it; what clients wait is
told beside them, of the clock.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import record
from genzoo import load, read, train
from genzoo.data.codecs.image import ImageCodec
from genzoo.zoo.loading import Run

CLIENTS, TOKENS, ALONE, TURNS = 64, 32, 100, 30
PAUSE = 0.05  # seconds before one asks again who waits for the first symbol
BEGINNING = "the "
Body, Answer = dict[str, Any], tuple[int, bytes]


class Server(NamedTuple):
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def processor_seconds(self) -> float:
        """What it has computed, by the clock that Linux keeps for a process."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def megabytes(self) -> float:
        """Its memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextlib.contextmanager
def served(runs: list[Path], *more: str) -> Iterator[Server]:
    """Runs served for a while; at the end the server must have ended well."""
    command = [sys.executable, "-m", "genzoo", "serve", *map(str, runs), "--port", "0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().split("/v1")[0].rpartition(":")[2])
            server = Server(process, port)
            while once(server, "GET", "/ready")[0] != 200:
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.stdout.read()  # until it has ended: what it says at the end is read
    assert process.returncode == 0


def connected(server: Server) -> http.client.HTTPConnection:
    """A connection, which a client keeps for all it asks."""
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)


def asked(connection: http.client.HTTPConnection, method: str, route: str, body: Body | None = None) -> Answer:
    """The status of an answer and what it holds; 0 if there was none."""
    try:
        told = None if body is None else json.dumps(body)
        connection.request(method, route, told, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        connection.close()
        return 0, b""


def once(server: Server, method: str, route: str, body: Body | None = None) -> Answer:
    """The same over a connection of its own."""
    with contextlib.closing(connected(server)) as connection:
        return asked(connection, method, route, body)


def loaded(
    server: Server, route: str, body: Callable[[int], Body], requests: int, clients: int = CLIENTS
) -> dict[str, Any]:
    """What many clients at once see, and what the server computes for each request."""

    def client(first: int) -> list[tuple[int, float]]:
        found = []
        with contextlib.closing(connected(server)) as connection:
            for i in range(first, requests, clients):
                began = time.perf_counter()
                found.append((asked(connection, "POST", route, body(i))[0], time.perf_counter() - began))
        return found

    before, began = server.processor_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = [each for some in pool.map(client, range(clients)) for each in some]
    spent, passed = server.processor_seconds() - before, time.perf_counter() - began
    waits = np.array([seconds for _, seconds in found])
    return {
        "requests": requests, "lost": sum(status != 200 for status, _ in found),
        "server's processor, ms per request": round(1000 * spent / requests, 3),
        "requests per second": round(requests / passed, 1),
        **{f"p{k} s": round(float(np.quantile(waits, k / 100)), 3) for k in (50, 95, 99)},
    }  # fmt: skip


@contextlib.contextmanager
def on_one_core(*processes: int) -> Iterator[None]:
    """Processes that take turns, on the same core, so that whatever slows one slows the other."""
    tasks = [int(task.name) for process in processes for task in Path(f"/proc/{process}/task").iterdir()]
    everywhere = os.sched_getaffinity(0)
    for task in tasks:
        os.sched_setaffinity(task, {min(everywhere)})
    try:
        yield
    finally:
        for task in tasks:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(task, everywhere)


def one_by_one(server: Server, route: str, body: Callable[[int], Body], bare: Callable[[int], object]) -> Body:
    """What a request of a single client costs the server's processor beyond what the bare call costs this one's: the
    medians of turns, since neighbors on the machine come and go."""
    answers, calls = [], []
    with contextlib.closing(connected(server)) as connection, on_one_core(os.getpid(), server.process.pid):
        for turn in range(TURNS):
            numbers = range(10 * turn, 10 * turn + 10)
            before = server.processor_seconds()
            for i in numbers:
                asked(connection, "POST", route, body(i))
            answers.append((server.processor_seconds() - before) / len(numbers))
            began = time.process_time()
            for i in numbers:
                bare(i)
            calls.append((time.process_time() - began) / len(numbers))
    more = [answer - call for answer, call in zip(answers, calls, strict=True)]
    figures = {"answer ms": answers, "bare call ms": calls, "overhead ms": more}
    return {name: round(1000 * float(np.median(values)), 2) for name, values in figures.items()}


def first_symbols(server: Server, run: Path) -> dict[str, float]:
    """Milliseconds until the first symbol, of a stream and of `genzoo chat`, which a user has open: in turns, each
    after a pause."""
    waits: dict[str, list[float]] = {"served": [], "chat": []}
    command = [sys.executable, "-m", "genzoo", "chat", str(run)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as chat,
        contextlib.closing(connected(server)) as connection,
        contextlib.ExitStack() as stack,
    ):
        assert chat.stdin is not None
        assert chat.stdout is not None
        chat.stdin.write(f"{BEGINNING}\n".encode())
        chat.stdout.read(1)  # it is open
        stack.enter_context(on_one_core(chat.pid, server.process.pid))
        while select.select([chat.stdout], [], [], 2 * PAUSE)[0]:
            os.read(chat.stdout.fileno(), 1 << 16)
        for i in range(ALONE):
            time.sleep(PAUSE)
            began = time.perf_counter()
            told = json.dumps({"model": "gpt", "prompt": BEGINNING, "stream": True, "seed": i})
            connection.request("POST", "/v1/completions", told, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.readline()
            waits["served"].append(time.perf_counter() - began)
            answer.read()
            time.sleep(PAUSE)
            began = time.perf_counter()
            chat.stdin.write(f"{BEGINNING}\n".encode())
            chat.stdout.read(1)
            waits["chat"].append(time.perf_counter() - began)
            while select.select([chat.stdout], [], [], 2 * PAUSE)[0]:
                os.read(chat.stdout.fileno(), 1 << 16)
        chat.stdin.close()
    found = {name: round(1000 * float(np.median(each)), 2) for name, each in waits.items()}
    return found | {"times": round(found["served"] / found["chat"], 2)}


def refusals(runs: list[Path], count: int) -> dict[str, Any]:
    """How soon a line that many clients keep full refuses one more, whether what it took is answered, and whether
    memory stays."""
    long, over = {"model": "gpt", "prompt": BEGINNING, "max_tokens": 100}, threading.Event()

    def keeper(i: int) -> list[int]:
        statuses = []
        with contextlib.closing(connected(server)) as connection:
            while not over.is_set():
                statuses.append(asked(connection, "POST", "/v1/completions", long | {"seed": i})[0])
                time.sleep(0.02 if statuses[-1] == 429 else 0)
        return statuses

    with (
        served(runs, "--timeout", "600", "--rows", "1", "--queue", "16") as server,
        ThreadPoolExecutor(18) as pool, contextlib.closing(connected(server)) as connection,
    ):  # fmt: skip
        keepers = [pool.submit(keeper, i) for i in range(18)]
        time.sleep(1)
        megabytes, waits = server.megabytes(), []
        while len(waits) < count:
            began = time.perf_counter()  # one that gets in after all gives its place up at once
            if asked(connection, "POST", "/v1/completions", long | {"timeout": 0.05})[0] == 429:
                waits.append(time.perf_counter() - began)
        grown = server.megabytes() - megabytes
        over.set()
        statuses = [status for each in keepers for status in each.result()]
    return {
        "refused": len(waits), "taken meanwhile": sum(status != 429 for status in statuses),
        "answered of these": statuses.count(200), "memory grew MB": round(grown, 1),
        **{f"p{k} ms": round(1000 * float(np.quantile(waits, k / 100)), 2) for k in (50, 99, 100)},
    }  # fmt: skip


def lasting(server: Server, minutes: float) -> dict[str, Any]:
    """Its memory at the end of each minute of a load of texts and pictures by many clients."""
    megabytes, lost, requests, began = [], 0, 0, time.monotonic()
    while (passed := time.monotonic() - began) < 60 * minutes:
        for route, body in (("/v1/completions", text), ("/v1/images/generations", picture)):
            found = loaded(server, route, body, 2 * CLIENTS)
            lost, requests = lost + found["lost"], requests + found["requests"]
        if passed >= 60 * (len(megabytes) + 1):
            megabytes.append(round(server.megabytes(), 1))
    grown = megabytes[-1] / megabytes[0] - 1 if megabytes else float("nan")
    return {"minutes": minutes, "requests": requests, "lost": lost, "memory MB": megabytes,
            "grown since the first minute": round(grown, 4)}  # fmt: skip


def text(i: int) -> Body:
    """Some symbols after a beginning."""
    return {"model": "gpt", "prompt": BEGINNING, "max_tokens": TOKENS, "seed": i}


def picture(i: int) -> Body:
    """One picture of a class."""
    return {"model": "vae", "given": {"label": i % 10}, "seed": i}


def bare_text(run: Run) -> Callable[[int], object]:
    """The same by the model: all of a row, of which the last symbols are not asked for."""
    prefix = run.codec.ids(BEGINNING)  # type: ignore[attr-defined]

    def call(i: int) -> object:
        from genzoo.core import Noise, Sequential
        from genzoo.models.stepping import stream

        drawn = stream(run.generative.able(Sequential), 1, noise=Noise(i, "sample"), prefix=prefix[None].long())
        with torch.no_grad():
            return [int(next(drawn)) for _ in range(4 + TOKENS)]

    return call


def bare_picture(run: Run) -> Callable[[int], object]:
    """The same by the model, and its file."""
    codec = run.codec
    assert isinstance(codec, ImageCodec)

    def call(i: int) -> object:
        x = run.generative.sample(1, str(i % 10), seed=i, noise=False)
        return [base64.b64encode(file) for file in codec.pngs(x)]

    return call


def trained(folder: Path, seconds: float) -> list[Path]:
    """A transformer on verse and an autoencoder on digits."""
    minutes = seconds / 60
    train("gpt", "verse", settings={"width": 128, "depth": 4, "heads": 4}, core_minutes=minutes, out=folder / "gpt")
    train("vae", read("digits", given="label"), core_minutes=minutes, out=folder / "vae")
    return [folder / "gpt", folder / "vae"]


def measured(runs: list[Path], requests: int, minutes: float) -> dict[str, Any]:
    """All figures."""
    figures: dict[str, Any] = {}
    bare = bare_text(load(runs[0])), bare_picture(load(runs[1]))
    ways = [("gpt", "/v1/completions", text, bare[0]), ("vae", "/v1/images/generations", picture, bare[1])]
    with served(runs, "--timeout", "600") as together, served(runs, "--timeout", "600", "--rows", "1") as single:
        for name, route, body, call in ways:
            loaded(together, route, body, CLIENTS)
            start = together.megabytes()
            both = [loaded(server, route, body, requests) for server in (together, single)]
            again = loaded(together, route, body, requests)
            costs = [each["server's processor, ms per request"] for each in both]
            figures[name] = {
                "together": both[0], "one at a time": both[1],
                "times the throughput, by the server's processor": round(costs[1] / costs[0], 2),
                "times the throughput, by the clock": round(
                    both[0]["requests per second"] / both[1]["requests per second"], 2),
                "memory MB": [round(start, 1), round(together.megabytes(), 1)],
                "lost again": again["lost"], "alone": one_by_one(together, route, body, call),
            }  # fmt: skip
            print(name, json.dumps(figures[name]), flush=True)
        figures["gpt"]["first symbol ms"] = first_symbols(together, runs[0])
        figures["clients"] = {clients: loaded(together, "/v1/completions", text, requests // 2, clients)
                              for clients in (1, 8, 32)}  # fmt: skip
        if minutes:
            figures["lasting"] = lasting(together, minutes)
    figures["refusals"] = refusals(runs, count=20 * requests)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=512, help="requests of each load")
    parser.add_argument("--seconds", type=float, default=20, help="processor time of each training")
    parser.add_argument("--minutes", type=float, default=0, help="of a last load, in which memory is looked at")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(trained(Path(folder), said.seconds), said.requests, said.minutes)
    print(json.dumps(figures, indent=1))
    setting = {"clients": CLIENTS, "symbols of a text": TOKENS, "load of the machine": os.getloadavg()[0]}
    print("written to", record.write("serving", setting | {"figures": figures}))


if __name__ == "__main__":
    main()
