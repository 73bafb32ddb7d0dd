"""Serving under load: 64 clients on the loopback, answered together and one at a time; what a request costs beside the
bare call of the model; whether anything is lost, and whether memory grows.

Times of the server are of its processor, since the clients share the machine's cores with it; what clients wait is
told beside them, of the clock.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
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

CLIENTS, TOKENS, ALONE = 64, 32, 100
TICK = os.sysconf("SC_CLK_TCK")
Body = dict[str, Any]


class Server(NamedTuple):
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    def processor_seconds(self) -> float:
        """What it has computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

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
            while asked(server, "GET", "/ready")[0] != 200:
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.stdout.read()  # until it has ended: what it says at the end is read
    assert process.returncode == 0


def asked(server: Server, method: str, route: str, body: Body | None = None) -> tuple[int, bytes]:
    """The status of an answer, and what it holds; 0 if there was none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    try:
        with contextlib.closing(connection):
            head = {"Content-Type": "application/json"}
            connection.request(method, route, None if body is None else json.dumps(body), head)
            answer = connection.getresponse()
            return answer.status, answer.read()
    except OSError:
        return 0, b""


def loaded(
    server: Server, route: str, body: Callable[[int], Body], requests: int, clients: int = CLIENTS
) -> dict[str, Any]:
    """What many clients at once see, and what the server computes for each request."""

    def one(i: int) -> tuple[int, float]:
        began = time.perf_counter()
        return asked(server, "POST", route, body(i))[0], time.perf_counter() - began

    before, began = server.processor_seconds(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(one, range(requests)))
    spent, passed = server.processor_seconds() - before, time.perf_counter() - began
    waits = np.array([seconds for _, seconds in found])
    return {
        "requests": requests, "lost": sum(status != 200 for status, _ in found),
        "server's processor, ms per request": round(1000 * spent / requests, 3),
        "requests per second": round(requests / passed, 1),
        **{f"p{k} s": round(float(np.quantile(waits, k / 100)), 3) for k in (50, 95, 99)},
    }  # fmt: skip


def one_by_one(server: Server, route: str, body: Callable[[int], Body], bare: Callable[[int], object]) -> Body:
    """What a request of a single client costs the server's processor beyond what the bare call costs this one's."""
    before = server.processor_seconds()
    for i in range(ALONE):
        asked(server, "POST", route, body(i))
    answer, before = server.processor_seconds() - before, time.process_time()
    for i in range(ALONE):
        bare(i)
    call = time.process_time() - before
    figures = {"answer ms": answer, "bare call ms": call, "overhead ms": answer - call}
    return {name: round(1000 * value / ALONE, 2) for name, value in figures.items()}


def first_symbol(server: Server, body: Body) -> float:
    """Milliseconds until a stream brings its first event, the quickest half of some."""
    waits = []
    for i in range(ALONE):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        with contextlib.closing(connection):
            began = time.perf_counter()
            told = json.dumps(body | {"stream": True, "seed": i})
            connection.request("POST", "/v1/completions", told, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.readline()
            waits.append(time.perf_counter() - began)
            answer.read()
    return round(1000 * float(np.mean(sorted(waits)[: ALONE // 2])), 2)


def first_bare(run: Run) -> float:
    """The same by the model, as `genzoo chat` does it once it has loaded the run."""
    from genzoo.core import Noise, Sequential
    from genzoo.models.stepping import stream

    prefix = run.codec.ids("the ").long()[None]  # type: ignore[attr-defined]
    waits = []
    for i in range(ALONE):
        began = time.perf_counter()
        drawn = stream(run.generative.able(Sequential), 1, noise=Noise(i, "sample"), prefix=prefix)
        with torch.no_grad():
            symbol = [next(drawn) for _ in range(5)][-1]
        run.codec.text(symbol.tolist())  # type: ignore[attr-defined]
        waits.append(time.perf_counter() - began)
    return round(1000 * float(np.mean(sorted(waits)[: ALONE // 2])), 2)


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
    return {"model": "gpt", "prompt": "the ", "max_tokens": TOKENS, "seed": i}


def picture(i: int) -> Body:
    """One picture of a class."""
    return {"model": "vae", "given": {"label": i % 10}, "seed": i}


def bare_text(run: Run) -> Callable[[int], object]:
    """The same by the model: all of a row, of which the last symbols are not asked for."""
    prefix = run.codec.ids("the ")  # type: ignore[attr-defined]

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
        served_first, bare_first = first_symbol(together, text(0)), first_bare(load(runs[0]))
        figures["gpt"]["first symbol ms"] = {"served": served_first, "bare": bare_first}
        figures["clients"] = {clients: loaded(together, "/v1/completions", text, requests // 2, clients)
                              for clients in (1, 8, 32)}  # fmt: skip
        if minutes:
            figures["lasting"] = lasting(together, minutes)
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
