"""A served run asked what nobody would ask, by schemathesis from the server's own description of its routes: no answer
may be an error of the server, and after each case the server must be there and answer a reference request as before
(`benchmarks/fuzz_hook.py`). A deadline of the
server's own that has passed (504) is counted apart: it says that a question was larger than `--timeout` allows, here
five seconds; one that a request set for itself is its own mistake (400).

The program `schemathesis` (pip install schemathesis==4.22.1 hypothesis==6.151.9, 43 MB; by hypothesis 6.170 it
makes no cases) is called as it is; it is no dependency.
"""

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import record
from benchmarks.serving import Server, once, served
from genzoo import train

RUNS = {"gpt": "verse", "gaussian_mixture": "moons", "vae": "digits"}
REFERENCE = {
    "gpt": ("/v1/completions", {"prompt": "the ", "seed": 1, "max_tokens": 9}),
    "gaussian_mixture": ("/v1/score", {"input": [[0.5, 0.1]]}),
    "vae": ("/v1/images/generations", {"seed": 1}),
}
LATE = 504
HOOK = Path(__file__).with_name("fuzz_hook.py")
ANSWERS = re.compile(rb'genzoo_requests_total\{route="([^"]+)",status="(\d+)"\} (\d+)')


def reference(server: Server, recipe: str) -> Any:
    """What a sensible request is answered, without what names the answer."""
    status, content = once(server, "POST", *REFERENCE[recipe])
    told = json.loads(content)
    return status, {name: value for name, value in told.items() if name not in ("id", "created")}


def fuzzed(run: Path, recipe: str, tool: str, examples: int) -> dict[str, Any]:
    """Cases, answers by status, which errors of the server there were, and how often its deadline had passed."""
    with served([run], "--timeout", "5") as server:
        found = run / "found"
        status, before = reference(server, recipe)
        assert status == 200
        route, body = REFERENCE[recipe]
        told = {"address": f"http://127.0.0.1:{server.port}", "route": route, "body": body, "answer": before,
                "found": str(found)}  # fmt: skip
        command = [tool, "run", f"{told['address']}/openapi.json", "--continue-on-failure"]
        command += ["--max-examples", str(examples), "--checks", "not_a_server_error,unharmed"]
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        plain |= {"SCHEMATHESIS_HOOKS": str(HOOK), "GENZOO_FUZZED": json.dumps(told)}
        said = subprocess.run(command, capture_output=True, text=True, check=False, env=plain, cwd=run).stdout
        cases = re.search(r"(\d+) generated", said)
        assert cases, said[-2000:]
        assert "Runtime Error" not in said, said[-2000:]  # of the program: cases that were never made
        assert reference(server, recipe) == (status, before)
        counts = [(route.decode(), int(status), int(n)) for route, status, n in
                  ANSWERS.findall(once(server, "GET", "/metrics")[1])]  # fmt: skip
        lines = found.read_text().splitlines()
    by_status = {200: -2 * len(lines) - 1}  # whether it is there and the reference are no cases
    for _, status, n in counts:
        by_status[status] = by_status.get(status, 0) + n
    late = {route: n for route, status, n in counts if status == LATE}
    errors = {f"{route} {status}": n for route, status, n in counts if status >= 500 and status != LATE}
    return {
        "cases": int(cases[1]), "the reference was the same after": lines.count(""), "else": [*filter(None, lines)],
        "answers by status": dict(sorted(by_status.items())), "errors": errors, "later than five seconds": late,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=100, help="of each route")
    parser.add_argument("--tool", default="schemathesis", help="where it lies")
    said = parser.parse_args()
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for recipe, data in RUNS.items():
            run = train(recipe, data, steps=2, out=Path(folder) / recipe).path
            figures[recipe] = fuzzed(run, recipe, said.tool, said.examples)
            print(recipe, figures[recipe], flush=True)
    cases = sum(each["cases"] for each in figures.values())
    print("written to", record.write("fuzzed", {"cases": cases, "figures": figures}))


if __name__ == "__main__":
    main()
