"""What schemathesis checks after each case of `benchmarks.fuzzed`: the server is there, and a reference request is
answered as before, byte for byte but for what names the answer.

Loaded by schemathesis itself, beside which genzoo need not stand: GENZOO_FUZZED tells address, route, body and answer.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import schemathesis  # type: ignore[import-not-found]

ASKED = json.loads(os.environ["GENZOO_FUZZED"])
NAMES = ("id", "created")  # of an answer


def answered(route: str, body: Any = None) -> Any:
    """What a route answers."""
    told = None if body is None else json.dumps(body).encode()
    request = Request(ASKED["address"] + route, told, {"Content-Type": "application/json"})
    with urlopen(request, timeout=600) as answer:
        return json.load(answer)


@schemathesis.check  # type: ignore[untyped-decorator]
def unharmed(ctx: Any, response: Any, case: Any) -> None:
    """The server is as it was before the case; writes a line of what was found, empty if all was well."""
    said = ""
    try:
        assert answered("/health") == {"status": "ok"}
        found = answered(ASKED["route"], ASKED["body"])
        assert {name: value for name, value in found.items() if name not in NAMES} == ASKED["answer"]
    except Exception as error:
        said = f"{type(error).__name__} {error}".replace("\n", " ")[:200]
        raise
    finally:
        with Path(ASKED["found"]).open("a", encoding="utf-8") as file:
            file.write(f"{said}\n")
