"""Pictures from prompts in English and Chinese, each checked without a judge that was trained.

    python -m experiments.shapes [--minutes 45] [--valid] [--set width=128 …]

`text_to_image` learns `shapes` for its processor time with captions in both languages, a fifth of the pairs of color
and shape withheld. Prompts of rows that did not train are drawn in both languages at the same seeds, with one object
and with two, of pairs that trained and of withheld ones, and the pictures read exactly. Beside them stand the same
pictures held against the prompts of others, and the training picture whose caption shares most words with the prompt:
what a table would answer. A wall of prompts is drawn, with the nearest training picture below each. With `--valid`
prompts are those of validation rows, and record and pictures stay beside the run. A run that was stopped goes on.

References:
    Esser et al., 2024, "Scaling rectified flow transformers", arXiv:2403.03206
    Ghosh, Hajishirzi & Schmidt, 2023, "GenEval", arXiv:2310.11513
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from experiments.drawing import IMAGES
from genzoo.apps.cli.words import pairs
from genzoo.data import Data
from genzoo.data.shapes import said
from genzoo.evaluation.scenes import scene_scores, scenes_hold, scenes_in
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "shapes.json"
HOLD_OUT, COLUMNS = "color*shape:0.2", ("caption", "caption_zh")
DRAWN: dict[str, Any] = {"sampler": "multistep", "steps": 16, "guidance": 3.0}
WALL = (
    ("two red circles", "两个红圆"),
    ("a big yellow star on black", "大黄星，黑底"),
    ("a small blue square left of a big orange triangle", "小蓝方块在大橙三角左边"),
    ("a green cross above a pink circle on white", "绿十字在粉圆上方，白底"),
    ("a purple triangle and a cyan star", "紫三角和青星"),
    ("an orange circle below a blue circle on gray", "橙圆在蓝圆下方，灰底"),
    ("a small red star right of a small green star on brown", "小红星在小绿星右边，棕底"),
    ("two big pink squares on black", "两个大粉方块，黑底"),
)


def run_of(minutes: float, path: Path, how: dict[str, Any], settings: dict[str, Any]) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    data = genzoo.read("shapes", given=f"text={'|'.join(COLUMNS)}", hold_out=HOLD_OUT)
    asked = {"core_minutes": minutes, "device": "cpu", "seed": 0, "settings": settings}
    return genzoo.train("text_to_image", data, out=path, **asked, **how)


def prompts(data: Data, split: str, objects: int, n: int) -> list[list[str]]:
    """Captions of rows with one object or two, in each language; of withheld pairs those of a half of the rows.

    Args:
        data: The data with both captions and what they are of.
        split: valid, test, or of withheld pairs held-valid and held-test.
        objects: One or two.
        n: At most how many.
    """
    numbers = data.splits["held_out" if split.startswith("held") else split]
    if split.startswith("held"):
        numbers = numbers[(split == "held-test") :: 2]
    numbers = numbers[(data.given["color"][numbers, 1] >= 0) == (objects == 2)][:n]  # type: ignore[index, call-overload]
    return [data.given_codecs[name].texts(data.given[name][numbers]) for name in COLUMNS]  # type: ignore[index, call-overload]


def drawn(run: Run, texts: Sequence[str], seed: int = 0, **how: Any) -> Tensor:
    """Pictures of prompts."""
    return run.generative.sample(len(texts), given={"text": list(texts)}, seed=seed, **(DRAWN | how))


def told(shown: Tensor, asked: Tensor) -> dict[str, list[float]]:
    """Every score with its standard error."""
    scores = scene_scores(shown, asked)._asdict()
    return {name: [round(each.value, 4), round(each.error or 0, 4)] for name, each in scores.items() if each}


def measured(run: Run, data: Data, split: str, n: int) -> dict[str, Any]:
    """Scores of every kind of prompt, and of what they must be held against."""
    found: dict[str, Any] = {}
    for cells, objects in ((split, 1), (f"held-{split}", 1), (split, 2), (f"held-{split}", 2)):
        english, chinese = prompts(data, cells, objects, n)
        asked = said(english)
        shown = {"en": scenes_in(drawn(run, english)), "zh": scenes_in(drawn(run, chinese))}
        both = {name: told(each, asked) for name, each in shown.items()}
        right = {name: scenes_hold(each, asked) for name, each in shown.items()}
        found[f"{'withheld' if cells.startswith('held') else 'seen'} pairs, {objects} objects"] = both | {
            "shuffled": told(shown["en"].roll(1, 0), asked),
            "lookup": told(scenes_in(looked_up(data, english)[0]), asked),
            "zh of en": round(float(right["zh"].double().mean() / right["en"].double().mean().clamp_min(1e-9)), 4),
            "n": len(english),
        }
        print(json.dumps(found, ensure_ascii=False, indent=1)[-900:], flush=True)
    return found


def looked_up(data: Data, texts: Sequence[str]) -> tuple[Tensor, list[str]]:
    """The training picture whose caption shares most words with each prompt, and that caption."""
    index = data.splits["train"][:10_000]
    known = data.given_codecs["caption"].texts(data.given["caption"][index])  # type: ignore[index, call-overload]
    words = {word: k for k, word in enumerate(sorted({word for text in known for word in text.split()}))}

    def counted(lines: Sequence[str]) -> Tensor:
        table = torch.zeros(len(lines), len(words))
        for row, line in zip(table, lines, strict=True):
            for word in line.split():
                row[words.get(word, 0)] += 1
        return table / table.norm(dim=1, keepdim=True).clamp_min(1e-9)

    best = (counted(texts) @ counted(known).T).argmax(1)
    return data.x[index[best]], [known[k] for k in best.tolist()]


def draw(run: Run, data: Data, folder: Path) -> None:
    """Prompts in English and in Chinese at the same seeds, and below them the training pictures nearest in pixels."""
    english, chinese = ([pair[k] for pair in WALL] for k in (0, 1))
    rows = [drawn(run, texts, seed) for texts in (english, chinese) for seed in (0, 1)]
    index = data.splits["train"]
    known = data.x[index].flatten(1).float()
    nearest = [
        known[torch.cdist(x.flatten(1).float(), known).argmin(1)].reshape(x.shape).to(torch.uint8) for x in rows
    ]
    wall = torch.cat([torch.cat([a, b]) for a, b in zip(rows, nearest, strict=True)])
    lines = wall.unflatten(0, (-1, len(WALL))).permute(0, 3, 1, 4, 2).flatten(0, 1).flatten(1, 2)
    from PIL import Image

    picture = Image.fromarray(lines.numpy())
    picture.resize((3 * picture.width, 3 * picture.height), 0).save(folder / "shapes.png", optimize=True)


def main() -> None:
    """Trains what is missing, measures it, keeps the record, and draws it."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--minutes", type=float, default=45.0, help="of processor time")
    asked.add_argument("--out", type=Path, default=Path("runs/shapes"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record and pictures beside the run")
    asked.add_argument("--n", type=int, default=400, help="prompts of each kind")
    asked.add_argument("--set", nargs="*", default=(), help="settings of the recipe")
    asked.add_argument("--train", nargs="*", default=(), help="settings of training")
    given = asked.parse_args()
    torch.set_num_threads(1)
    run = run_of(given.minutes, given.out, pairs("--train", given.train), pairs("--set", given.set))
    data = genzoo.read("shapes", given=(*COLUMNS, "color"), hold_out=HOLD_OUT)
    began = time.process_time()
    found, last = measured(run, data, "valid" if given.valid else "test", given.n), run.metrics[-1]
    found |= {"steps": last["step"], "core_seconds": round(last["core_seconds"], 1), "drawn": DRAWN}
    found |= {"measuring": round(time.process_time() - began, 1), "settings": run.config.recipe.arguments}
    found |= {"train": {name: getattr(run.config.train, name) for name in ("lr", "batch_size")}}
    found |= {"data": run.config.data.fingerprint}
    found["versions"] = {name: each for name, each in run.config.versions.items() if name != "platform"}
    (given.out / "valid.json" if given.valid else RECORD).write_text(json.dumps(found, indent=1) + "\n")
    draw(run, data, given.out if given.valid else IMAGES)


if __name__ == "__main__":
    main()
