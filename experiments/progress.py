"""Ten years of images on one wall: seven recipes on digits by class, the same core-minutes, one distance.

    python -m experiments.progress [--minutes 0.25] [--out runs/progress]

`gan`, `dcgan`, `wgan_gp`, `progan`, `stylegan`, `ddpm` and `flow_matching`, trained and measured as the linked zoo is:
the Fréchet distance in the features of the judge that comes with the package, the share of samples that it takes for
the class that was asked for, both with errors, and ten samples of each. A run that was stopped goes on.
"""

import argparse
from pathlib import Path
from typing import Any

from genzoo._files import read_json
from genzoo.experiments.linked_zoo import linked_zoo
from genzoo.training.checkpoint import write_json

RECIPES: dict[str, dict[str, Any]] = {
    name: {} for name in ("gan", "dcgan", "wgan_gp", "progan", "stylegan", "ddpm", "flow_matching")
}
RECORD = Path(__file__).parent / "records" / "progress.json"


def main() -> None:
    """Trains what is missing, measures all, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=0.25, help="of processor time, each")
    asked.add_argument("--out", type=Path, default=Path("runs/progress"))
    asked.add_argument("--record", type=Path, default=RECORD)
    given = asked.parse_args()
    linked_zoo(given.out, data="digits", core_minutes=given.minutes, models=RECIPES)
    write_json(given.record, read_json(given.out / "record.json") | {"minutes": given.minutes})


if __name__ == "__main__":
    main()
