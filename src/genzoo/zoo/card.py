"""The model card of a run: its README, for whoever finds the folder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo.zoo.recipe import recipe_named
from genzoo.zoo.store import RunConfig

if TYPE_CHECKING:
    from genzoo.evaluation import Measurement

__all__ = ["card"]

TEMPLATE = """---
library_name: genzoo
tags: [genzoo, {family}, {name}]
---
# {name} on {data}

{summary} ({paper})

| | |
|---|---|
| data | {data}{source}: {rows} rows |
| one x | {space} |
| given | {given} |
| log_prob | {likelihood} |
| parameters | {parameters:,} |
| trained | {trained} |

{numbers}{samples}## Use
```python
import genzoo

run = genzoo.load("{path}")
x = run.model.sample(16, seed=0)
```
`genzoo sample {path} -n 64` writes samples, `genzoo evaluate {path}` measures the model.

## Settings
```json
{settings}
```

## Limits
The model knows its training data's distribution and nothing else; samples may resemble training rows. Numbers hold for
the split and protocol that they were measured with. The data's license applies to what is made from them.
"""


def card(path: Path, config: RunConfig, rows: list[dict[str, Any]], measurements: "Sequence[Measurement]" = ()) -> str:
    """The text of the model card.

    Args:
        path: The run's folder.
        config: Its configuration.
        rows: Its metrics so far.
        measurements: What was measured of it.
    """
    info, space = recipe_named(config.recipe.name), config.spaces[0]
    last = rows[-1] if rows else {}
    trained = "not yet"
    if last:
        cores = f"{last['core_seconds'] / 60:.2g} core-minutes"
        trained = f"{last['step']:,} steps in {last['seconds']:.0f} s, {cores}"
    values = {"recipe": config.recipe.arguments, "train": config.train.model_dump(mode="json", exclude_defaults=True)}
    return TEMPLATE.format(
        family=info.family,
        name=info.name,
        data=config.data.name,
        summary=info.summary,
        paper=info.paper,
        source=_source(config),
        rows=", ".join(f"{count:,} {split}" for split, count in config.data.rows.items()) or "a loader's",
        space=space,
        given=", ".join(name or "one label" for name in config.given or {}) or "nothing",
        likelihood=info.likelihood_on(space),
        parameters=config.parameters,
        trained=trained,
        path=path,
        numbers=_numbers(measurements),
        samples=_samples(path),
        settings=json.dumps(values, indent=1),
    )


def _numbers(measurements: "Sequence[Measurement]") -> str:
    """A table of what was measured, empty where nothing was."""
    if not measurements:
        return ""
    heads = ["what", "value", "floor", "shuffled", "kind", "n", "protocol"]
    rows = [
        [m.name, str(m), *map(_short, (m.floor, m.control)), m.kind.value, f"{m.n:,}", m.fingerprint]
        for m in measurements
    ]
    if all(m.control is None for m in measurements):  # which is of tables alone
        heads, *rows = ([*row[:3], *row[4:]] for row in (heads, *rows))
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]
    return "## Numbers\n" + "\n".join(lines) + "\n\n"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _samples(path: Path) -> str:
    """The newest picture of samples, where there is one."""
    pictures = sorted((path / "samples").glob("*.png"), key=lambda file: file.stat().st_mtime)
    return f"## Samples\n![samples](samples/{pictures[-1].name})\n\n" if pictures else ""


def _source(config: RunConfig) -> str:
    """Where the data came from and how they were read, in brackets, where their name does not say it."""
    asked = {name: value for name, value in config.data.asked().items() if name != "given"}
    if asked.get("source") == config.data.name:
        del asked["source"]
    return f" ({', '.join(f'{name}={value}' for name, value in asked.items())})" if asked else ""
