"""Recipes of tables on four tables of mixed columns: told from real rows by boosted trees, beside two controls.

Each recipe is trained for a budget of core-minutes with several seeds; as many samples as there are rows to compare
with are drawn and measured as `genzoo evaluate` does (`table_scores`), with log p of the rows where there is one.
Beside them stand *real*, as many training rows in the samples' place, and *shuffled*, these with each column in an
order of its own: what a score reaches that is blind to all dependence. On `valid` for choosing, on `test` at the end.

Adult is read with "?" as a word, as papers have it, California without the rows that lack a number; wine is the white
one; magic-gamma has no class column. Models that take all of a budget and direct fits that end before it are told as
they are. Every training is written down as soon as it is done, so that the command goes on where it stopped.

    OMP_NUM_THREADS=1 python -m experiments.tables_mixed --recipes tab_ar mixture_table tab_ddpm:width=512 \\
        --core-minutes 5 --seeds 3 [--data magic-gamma] [--on valid] [--record FILE]

A setting of the training follows the same way, as tab_ar:train.lr=0.001.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genzoo.core import GenerativeModel, Noise, seeded
from genzoo.data import Data, read
from genzoo.evaluation.likelihood import score
from genzoo.evaluation.table_scores import shuffled, table_scores
from genzoo.evaluation.tables import columns_of
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "tables_mixed.json"
DATA: dict[str, dict[str, Any]] = {
    "uci-adult": {"na": ""},
    "magic-gamma": {},
    "california-housing": {"missing": "drop"},
    "uci-wine-quality": {"file": "winequality-white.csv"},
}
SHOWN = (
    "two-sample score (boosted trees)",
    "column shapes",
    "pair trends",
    "mutual information distance",
    "utility (train on samples, test on real)",
    "utility of numbers (train on samples, test on real)",
    "boosted utility (train on samples, test on real)",
    "boosted utility of numbers (train on samples, test on real)",
    "nearer to training rows",
)


def data_of(name: str) -> Data:
    """A table as all recipes see it."""
    asked = dict(DATA[name])
    file = asked.pop("file", None)
    return read(name if file is None else f"{name}/{file}", **asked)


def asked_for(spelled: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A recipe, its settings and those of its training, from words such as tab_ar:bins=50:train.lr=0.01."""
    name, *parts = spelled.split(":")
    settings, train = dict[str, Any](), dict[str, Any]()
    for part in parts:
        key, _, value = part.partition("=")
        try:
            found = json.loads(value)
        except json.JSONDecodeError:
            found = value
        (train if key.startswith("train.") else settings)[key.removeprefix("train.")] = found
    return name, settings, train


def trained(spelled: str, data: Data, minutes: float, seed: int) -> tuple[GenerativeModel, dict[str, Any]]:
    """A model, and what its training took; stages, if there are several, share the minutes."""
    name, settings, fields = asked_for(spelled)
    start = time.process_time()
    with seeded(seed):
        stage = recipe_named(name)(data.space, data.given_space, **settings)
    steps, model = 0, None
    while stage is not None:
        config = stage.config.model_dump() | dict.fromkeys(BUDGETS)
        config |= {"core_minutes": minutes * stage.share, "device": "cpu", "seed": seed} | fields
        found = train_model(stage.model, data.train, TrainConfig(**config), valid=data.valid, say=lambda remark: None)
        steps, model = steps + found.steps, found.model
        stage = None if stage.then is None else stage.then(model)
    assert isinstance(model, GenerativeModel)
    spent = round(time.process_time() - start, 1)
    return model, {"steps": steps, "core_seconds": spent, "parameters": model.parameter_count}


def measured(x: torch.Tensor, data: Data, on: str, seed: int) -> dict[str, float]:
    """All scores of samples against the rows of a split."""
    rows = getattr(data, on)
    tables = [columns_of(data.codec, part, None, data.classes) for part in (x, rows.x, data.train.x)]
    found = {}
    for one in table_scores(*tables, seed=seed):
        try:
            found[one.name] = one.measure().value
        except ValueError:  # too few rows, or one word in all of them
            continue
    return found


def figures(spelled: str, data: Data, minutes: float, on: str, seed: int) -> dict[str, Any]:
    """A training and its scores."""
    model, told = trained(spelled, data, minutes, seed)
    rows = getattr(data, on)
    start = time.process_time()
    x = model.sample(len(rows), seed=seed)
    told["sampling_seconds"] = round(time.process_time() - start, 2)
    if model.can("log_prob"):
        told |= {"log_p": score(model, rows).mean().item(), "likelihood": model.likelihood.value}
    return told | measured(x, data, on, seed)


def controls(data: Data, on: str, seed: int) -> dict[str, dict[str, Any]]:
    """Training rows in the samples' place, and these shuffled."""
    known, n = data.train.x, len(getattr(data, on))
    chosen = known[Noise(seed, "tables mixed").permutation(len(known))[:n]]
    return {
        "real": measured(chosen, data, on, seed),
        "shuffled": measured(shuffled(chosen, None, seed)[0], data, on, seed),
    }


def markdown(record: Mapping[str, Any]) -> str:
    """For each table and split the means over seeds, with the deviation of the boosted score."""
    lines = []
    for name, table in record["tables"].items():
        heads = [head for head in SHOWN if any(head in one for row in table.values() for one in row.values())]
        lines += ["", f"**{name}**", "", "| " + " | ".join(["model", "seeds", *heads, "log p", "core-s"]) + " |"]
        lines.append("|---|" + "---:|" * (len(heads) + 3))
        for model, row in table.items():
            parts = list(row.values())
            cells = [_cell([one[head] for one in parts if head in one], spread=head == SHOWN[0]) for head in heads]
            cells += [_cell([one[key] for one in parts if key in one]) for key in ("log_p", "core_seconds")]
            lines.append("| " + " | ".join([f"`{model}`", str(len(parts)), *cells]) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: list[float], *, spread: bool = False) -> str:
    if not values:
        return "–"
    told = f"{np.mean(values):.3f}"
    return f"{told} ± {np.std(values, ddof=1):.3f}" if spread and len(values) > 1 else told


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """All trainings that the record does not hold yet."""
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"tables": {}}
    record |= {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions()}
    for name in asked.data:
        data = data_of(name)
        table = record["tables"].setdefault(name, {})
        prints = record.setdefault("data", {})
        if prints.setdefault(name, data.fingerprint) != data.fingerprint:
            raise SystemExit(f"{asked.record} is of other rows of {name}: move it away.")
        for seed in range(asked.seeds):
            jobs = {f"{spelled} {asked.core_minutes:g} min, {asked.on}": spelled for spelled in asked.recipes} | {
                f"{control}, {asked.on}": None for control in ("real", "shuffled")
            }
            for label, spelled in jobs.items():
                row = table.setdefault(label, {})
                if str(seed) in row:
                    continue
                if spelled is None:
                    row[str(seed)] = controls(data, asked.on, seed)[label.partition(",")[0]]
                else:
                    row[str(seed)] = figures(spelled, data, asked.core_minutes, asked.on, seed)
                asked.record.write_text(json.dumps(record, indent=1) + "\n")
                print(name, label, seed, row[str(seed)].get(SHOWN[0]), flush=True)
    return record


def main() -> None:
    """Trains what is asked for, keeps the record, and prints it as tables."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--recipes", nargs="*", default=["tab_ar", "tab_ddpm", "tab_diff"])
    said.add_argument("--data", nargs="+", choices=list(DATA), default=list(DATA))
    said.add_argument("--core-minutes", type=float, default=5.0)
    said.add_argument("--seeds", type=int, default=3)
    said.add_argument("--on", choices=("valid", "test"), default="test")
    said.add_argument("--record", type=Path, default=RECORD)
    asked = said.parse_args()
    torch.set_num_threads(1)
    print(markdown(run(asked)))


if __name__ == "__main__":
    main()
