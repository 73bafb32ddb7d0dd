"""Flows on three tables beside zuko's neural spline flow, one core-minute each: test log-likelihood over five splits.

The rows and splits are those of `experiments.tables`. All are trained by one loop with the settings of the recipe
`nsf_autoregressive` (batches of 256, AdamW, the rate falling with the budget, an average of the weights), and the
state that does best on the validation rows is kept; the test rows are scored once. zuko's flow has as many maps, units
and bins as that recipe. It is no tool of this package: pip install --no-deps zuko.

Every fit is written down as soon as it is done, so that the command goes on where it stopped.

    OMP_NUM_THREADS=1 python -m experiments.table_flows [--models nsf zuko] [--core-minutes 1]
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.tables import Split, asking, prepared, split_of, told
from genzoo.core import GenerativeModel, Given, Likelihood, Noise, Space, seeded
from genzoo.data import Rows
from genzoo.data.data import fingerprint
from genzoo.evaluation.likelihood import score
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "table_flows.json"
MODELS = ("nsf_autoregressive", "zuko", "nsf", "maf")


class Zuko(GenerativeModel):
    """zuko's autoregressive neural spline flow of the size of ours."""

    likelihood = Likelihood.EXACT

    def __init__(self, space: Space) -> None:
        super().__init__(space, None)
        import zuko

        self.flow = zuko.flows.NSF(space.dims, bins=8, transforms=5, hidden_features=[128, 128])

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return self.flow().log_prob(x)

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return self.flow().transform.inv(noise.normal(n, self.space.dims))


def built(name: str, space: Space) -> GenerativeModel:
    """A contestant that is not trained yet."""
    if name == "zuko":
        return Zuko(space)
    model: GenerativeModel = recipe_named(name)(space).model
    return model


def settings(core_minutes: float, seed: int) -> TrainConfig:
    """How every contestant is trained."""
    fields = recipe_named("nsf_autoregressive")(Space((2,))).config.model_dump()
    fields |= dict.fromkeys(BUDGETS) | {"core_minutes": core_minutes, "keep": "best", "seed": seed, "device": "cpu"}
    return TrainConfig(**fields)


def contest(name: str, split: Split, number: int, core_minutes: float) -> dict[str, Any]:
    """Trains on a split's rows, keeps the best state by its validation rows, and scores its test rows."""
    start, parts = time.process_time(), [torch.from_numpy(part).float() for part in split[:3]]
    with seeded(number):
        model = built(name, Space((parts[0].shape[1],)))
    train, valid, _ = (Rows(x, None, torch.arange(len(x)), model.space, None) for x in parts)
    trained = train_model(model, train, settings(core_minutes, number), valid=valid, say=lambda remark: None)
    spent = time.process_time() - start
    found = score(trained.model, parts[2]) - split.log_scale
    return {
        "test": float(found.mean()),
        "error": float(found.std() / math.sqrt(len(found))),
        "valid": float(score(trained.model, parts[1]).mean()) - split.log_scale,
        "core_seconds": round(spent, 2),
        "steps": trained.steps,
        "parameters": model.parameter_count,
    }


def run(asked: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All fits that the record does not hold yet, split by split."""
    record = json.loads(asked.record.read_text()) if asked.record.exists() else {"experiment": __doc__.split("\n")[0]}
    record |= {"versions": store.versions(), "core_minutes": asked.core_minutes, "tables": record.get("tables", {})}
    rows = {name: prepared(name, root)[: asked.rows] for name in asked.data}
    for number in range(asked.splits):
        for name, x in rows.items():
            shown = {"rows": len(x), "columns": x.shape[1], "data": fingerprint(torch.from_numpy(x)), "figures": {}}
            figures = record["tables"].setdefault(name, shown)["figures"]
            for model in asked.models or MODELS:
                if str(number) not in figures.setdefault(model, {}):
                    figures[model][str(number)] = contest(model, split_of(x, number), number, asked.core_minutes)
                    asked.record.write_text(json.dumps(record, indent=1) + "\n")
                    print(name, model, number, figures[model][str(number)], flush=True)
    return record


def main() -> None:
    """Trains what is asked for, keeps the record, and prints it as a table."""
    said = asking(__doc__, MODELS, RECORD)
    said.add_argument("--core-minutes", type=float, default=1.0)
    told(said.parse_args(), run)


if __name__ == "__main__":
    main()
