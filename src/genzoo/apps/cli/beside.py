"""What is written beside samples: how they were made, and the condition of each."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genzoo.zoo.loading import Run

__all__ = ["told_conditions", "write_record"]


def told_conditions(run: "Run", n: int, words: Mapping[str, Any], rows: int) -> Iterator[dict[str, list[str]]]:
    """The words for the conditions of n samples, in parts.

    Args:
        run: What they were drawn from.
        n: How many.
        words: The conditions, as they were asked for.
        rows: How many samples are a part.
    """
    from genzoo.zoo.conditions import cells, conditions

    model, data, codecs = run.generative, run.config.data, run.given_codecs
    for first in range(0, n, rows):
        part = range(first, min(n, first + rows))
        yield cells(model, data, conditions(model, data, words, n, codecs, part), len(part), codecs)


def write_record(path: Path, record: Mapping[str, Any], parts: Callable[[], Iterator[dict[str, list[str]]]]) -> None:
    """A JSON object with the conditions under their names, of which no more than a part is in memory.

    Args:
        path: The file.
        record: What else it says.
        parts: Makes the conditions anew, a part after the other.
    """
    names = list(next(parts()))
    with path.open("w") as file:
        file.write(json.dumps(record, indent=1).removesuffix("\n}") + ',\n "conditions": {')
        for k, name in enumerate(names):
            file.write(f"{',' if k else ''}\n  {json.dumps(name)}: [")
            for number, part in enumerate(parts()):
                file.write((", " if number else "") + json.dumps(part[name])[1:-1])
            file.write("]")
        file.write("\n }\n}\n" if names else "}\n}\n")
