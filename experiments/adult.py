"""A census by a product: its categories by a masked autoencoder, its numbers given these by a spline flow.

`uci-adult`, rows without gaps: nine categorical columns and six whole numbers. The product is `Joint(made, nsf given
the categories)`; beside it `nsf` alone, which sees categories as reals through dequantization. A core-minute each, the
state that does best on validation rows kept. What is told is a bound in nats per row of a mass for categories times a
density for numbers, with uniform noise in place of what rounding took, the same for both.

    OMP_NUM_THREADS=1 python -m experiments.adult [--core-minutes 1]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from genzoo.core import GenerativeModel, Space, seeded
from genzoo.data import read
from genzoo.evaluation.likelihood import score
from genzoo.models import Joint
from genzoo.training import TrainConfig
from genzoo.training import train as train_model
from genzoo.training.config import BUDGETS
from genzoo.zoo import recipe_named, store

RECORD = Path(__file__).parent / "records" / "adult.json"


def product(space: Space) -> GenerativeModel:
    """p(categories) p(numbers | categories)."""
    columns = space.columns or ()
    words = [entry for entry, column in enumerate(columns) if column.is_discrete and column.levels is not None]
    numbers = [entry for entry in range(len(columns)) if entry not in words]
    first = Space((len(words),), columns=tuple(columns[entry] for entry in words))
    second = Space((len(numbers),), columns=tuple(columns[entry] for entry in numbers))
    a = recipe_named("made")(first, width=128).model
    b = recipe_named("nsf")(second, {"a": first}, drop_given=0.0).model
    return Joint(space, a, b, words)


def main() -> None:
    """Trains each, keeps the record, prints a table."""
    said = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    said.add_argument("--core-minutes", type=float, default=1.0)
    asked = said.parse_args()
    torch.set_num_threads(1)
    data, figures = read("uci-adult", missing="drop"), dict[str, Any]()
    fields = recipe_named("nsf")(Space((2,))).config.model_dump() | dict.fromkeys(BUDGETS)
    fields |= {"core_minutes": asked.core_minutes, "keep": "best", "device": "cpu", "seed": 0}
    for name in ("product", "nsf"):
        with seeded(0):
            model: Any = product(data.space) if name == "product" else recipe_named("nsf")(data.space).model
        trained = train_model(model, data.train, TrainConfig(**fields), valid=data.valid, say=lambda remark: None)
        found = score(trained.model, data.test)
        figures[name] = {
            "log_p": found.mean().item(),
            "error": (found.std() / len(found) ** 0.5).item(),
            "rows": len(found),
            "steps": trained.steps,
            "core_seconds": round(trained.core_seconds, 1),
        }
        print(name, figures[name], flush=True)
    record = {"experiment": (__doc__ or "").split("\n")[0], "versions": store.versions(), "data": data.fingerprint}
    record |= {"core_minutes": asked.core_minutes, "figures": figures}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
