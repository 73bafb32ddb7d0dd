"""How faithful to a sketch, and how like data: edits of simulated strokes at eleven strengths.

    python -m experiments.strokes RUN [--vae RUN] [--n 500] [--steps 50]

Strokes are simulated as Meng and others do (2022, arXiv:2108.01073): a picture of the test split under a median
filter, in six colors. Of what a diffusion makes of them at each strength two numbers are told: the root of the mean
squared distance to the strokes, of pixels in [0, 1], and the Fréchet distance in the features of the judge made for
the data, from test rows that no strokes were made of. Beside the curve stand the strokes themselves, what an
autoencoder makes of them, the nearest training rows, and as a floor training rows.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

import genzoo
from genzoo.data import Data
from genzoo.data.picture import grid
from genzoo.distributions.pairwise import NearestRows
from genzoo.evaluation import frechet_of_features, judge_for
from genzoo.tasks.editing import strokes

RECORD = Path(__file__).parent / "records" / "strokes.json"
COLORS, KNOWN = 6, 10_000  # of strokes; training rows that the nearest is looked for among


def sketched(x: Tensor) -> Tensor:
    """Pictures as a few strokes: a median filter of a seventh of the side, and six colors."""
    size = max(3, x.shape[-1] // 7 // 2 * 2 + 1)
    found = []
    for row in x:
        picture = Image.fromarray(row.permute(1, 2, 0).numpy().squeeze())
        few = picture.filter(ImageFilter.MedianFilter(size)).convert("RGB").quantize(COLORS).convert(picture.mode)
        found.append(torch.from_numpy(np.array(few)).reshape(*row.shape[1:], row.shape[0]).permute(2, 0, 1))
    return torch.stack(found)


def levels(x: Tensor) -> Tensor:
    """Bytes as numbers in [0, 1]."""
    return x.flatten(1).float() / 255


class Judged:
    """What rows are told by: how far from the strokes, and how like data."""

    def __init__(self, data: Data, guide: Tensor, reference: Tensor) -> None:
        judge = judge_for(data)
        if judge is None:
            raise SystemExit(f"Samples of {data.name} must have a judge that was made for them, got none.")
        self.judge, self.guide = judge, guide
        self.reference = judge(reference)

    def of(self, x: Tensor) -> dict[str, float]:
        """Both numbers."""
        far = (levels(x) - levels(self.guide)).square().mean().sqrt().item()
        like = frechet_of_features(self.judge(x), self.reference)
        return {"distance": round(far, 4), "frechet": round(like.value, 3), "error": round(like.error or 0, 3)}


def others(data: Data, guide: Tensor, vae: Path | None) -> dict[str, Tensor]:
    """What else could be made of the strokes."""
    known = data.train.x[:KNOWN]
    place = NearestRows(levels(known))(levels(guide), 1)[1][:, 0]
    found = {"strokes": guide, "nearest training rows": known[place], "training rows (floor)": known[-len(guide) :]}
    if vae is not None:
        model = genzoo.load(vae).model
        with torch.no_grad():
            seen = model.decode(model.encode(guide))
        found["autoencoder"] = seen
    return found


def main() -> None:
    """Edits, and measures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--vae", type=Path)
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--wall", type=Path, help="a picture of the first ten")
    asked = parser.parse_args()
    run, begun = genzoo.load(asked.run), time.process_time()
    name = run.config.data.name
    data = genzoo.read(name)
    guide = sketched(data.test.x[: asked.n])
    judged = Judged(data, guide, data.test.x[asked.n :])
    told: dict[str, Any] = {what: judged.of(x) for what, x in others(data, guide, asked.vae).items()}
    rows = [data.test.x[:10], guide[:10]]
    for tenth in range(11):
        x = strokes(run.model, guide, strength=tenth / 10, seed=0, steps=asked.steps)[0]
        told[f"strength {tenth / 10}"] = judged.of(x)
        rows.append(x[:10])
        print(tenth / 10, told[f"strength {tenth / 10}"], flush=True)
    about = {"recipe": run.config.recipe.name, "n": asked.n, "steps": asked.steps}
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record[name] = about | {"core_seconds": round(time.process_time() - begun, 1), "told": told}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    if asked.wall is not None:
        grid(torch.cat(rows), columns=10, side=56).save(asked.wall)


if __name__ == "__main__":
    main()
