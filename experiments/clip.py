"""Pictures and what is said of them as vectors: found both ways, and named without having been told of classes.

    python -m experiments.clip shapes [--minutes 10] [--valid]
    python -m experiments.clip emoji [--minutes 30] [--valid]

`shapes`: captions in both languages, a fifth of the pairs of color and shape withheld. Rows that did not train, and
withheld ones, are found by their captions among as many others, and pictures of one object are named by forty
prompts, "a red star" and the like, in each language, of which eight have never been seen. `emoji`: two artists'
pictures of each, names and keywords in both languages, a part of the pairs of a skin tone and a figure withheld. A
withheld one is looked for by its name among the five tones of its figure, and among one of every figure; emoji of
which nothing was seen, among each other. Beside everything stands chance. With `--valid` rows are those of
validation, and the record stays beside the run. A run that was stopped goes on.

References:
    Radford et al., 2021, "Learning transferable visual models from natural language supervision", arXiv:2103.00020
"""

import argparse
import csv
import io
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.apps.cli.words import pairs
from genzoo.data import Data
from genzoo.data.shapes import CHINESE, COLORS, ENGLISH, SHAPES
from genzoo.evaluation.matching import recall_at, retrieval
from genzoo.models.abilities import Matching
from genzoo.zoo import Run, load, resume, store

RECORD = Path(__file__).parent / "records" / "clip.json"
READ: dict[str, dict[str, Any]] = {
    "shapes": {"source": "shapes", "given": "text=caption|caption_zh", "hold_out": "color*shape:0.2"},
    "emoji": {
        "given": "text=name|name_zh|keywords|keywords_zh", "hold_out": "skin_tone*base_codepoints:0.05",
        "x": "picture", "size": 32, "color": "rgb",
    },
}  # fmt: skip
TONES = ("light", "medium-light", "medium", "medium-dark", "dark")


def run_of(name: str, read: dict[str, Any], minutes: float, path: Path, settings: dict[str, Any]) -> Run:
    """The training: made, gone on with, or found finished."""
    if (path / store.WEIGHTS).exists():
        return load(path)
    if (path / store.CONFIG).exists():
        return resume(path)
    asked = {"core_minutes": minutes, "device": "cpu", "seed": 0, "settings": settings}
    return genzoo.train("clip", genzoo.read(**read), out=path, **asked)


def laid_out(folder: Path) -> Path:
    """The pictures of both artists, those of skin tones too, as one folder with a row for each in its table.

    Args:
        folder: Where it is made, if it is not there.
    """
    if (folder / "metadata.csv").exists():
        return folder
    source = Path(os.environ["GENZOO_DATA"]) / "emoji"
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source / "skin_tone_variants.zip") as packed:
        tables = [(source / "metadata.csv").read_text(encoding="utf-8"), packed.read("metadata.csv").decode()]
        rows = list[dict[str, str]]()
        for table, bytes_of in zip(tables, ((lambda f: (source / f).read_bytes()), packed.read), strict=True):
            for row in csv.DictReader(io.StringIO(table)):
                for style in ("noto", "twemoji"):
                    picture = f"pictures/{style}-{Path(row[f'file_{style}']).name}"
                    (folder / picture).write_bytes(bytes_of(row[f"file_{style}"]))
                    said = {key: row[key].replace("|", ", ") for key in ("name", "name_zh", "keywords", "keywords_zh")}
                    kept = {key: row[key] or "none" for key in ("skin_tone", "base_codepoints", "split")}
                    rows.append({"picture": picture, "style": style} | said | kept)
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def told(found: Any) -> list[float]:
    """A share with its standard error."""
    return [round(found.value, 4), round(found.error or 0, 4)]


def of_shapes(run: Run, split: str, n: int) -> dict[str, Any]:
    """How often captions and pictures find each other, and how often pictures of one object are named."""
    data = genzoo.read(**READ["shapes"])
    parts = {"seen pairs": data.split(split), "withheld pairs": data.split("held_out")}
    found: dict[str, Any] = {}
    for name, rows in parts.items():
        made = retrieval(run.model, rows, n)
        found[name] = {each.name: [*told(each), round(each.control or 0, 4)] for each in made}
    full = genzoo.read("shapes", given=("color", "shape"), hold_out="color*shape:0.2")
    for name, part in (("seen pairs", split), ("withheld pairs", "held_out")):
        found[f"{name}, one object named"] = _named(run, full, part, n)
    return found


def _named(run: Run, data: Data, split: str, n: int) -> dict[str, Any]:
    """The share of pictures of one object that forty prompts name rightly, in each language."""
    color, shape = (data.given[name] for name in ("color", "shape"))  # type: ignore[index, call-overload]
    numbers = data.splits[split]
    numbers = numbers[color[numbers, 1] < 0][:n]
    truth = color[numbers, 0] * len(SHAPES) + shape[numbers, 0]
    codes = run.generative.encode(data.x[numbers])
    found: dict[str, Any] = {"n": len(numbers), "chance": 1 / (len(COLORS) * len(SHAPES))}
    for language, words in (("en", ENGLISH), ("zh", CHINESE)):
        every = [words.thing((c, s, -1), words.one) for c in range(len(COLORS)) for s in range(len(SHAPES))]
        likeness = codes @ vectors(run, every).mT
        found[language] = told(recall_at(1, likeness, torch.nn.functional.one_hot(truth, len(every)).bool()))
    return found


def vectors(run: Run, texts: Sequence[str]) -> Tensor:
    """The vectors of texts."""
    model = run.generative
    with torch.no_grad():
        return model.able(Matching).of_conditions(model.checked_given({"text": list(texts)}, len(texts)))


def of_emoji(run: Run, split: str, n: int) -> dict[str, Any]:
    """How often withheld and new emoji are found by their names."""
    names = ("name", "name_zh", "skin_tone", "base_codepoints")
    data = genzoo.read(**(READ["emoji"] | {"given": names}))
    codecs, given = data.given_codecs, data.given
    tone = [data.classes["skin_tone"][k] for k in given["skin_tone"].tolist()]  # type: ignore[index, call-overload]
    base, name, chinese = (codecs[key].texts(given[key]) for key in ("base_codepoints", "name", "name_zh"))  # type: ignore[index, call-overload]
    row_of = {(base[k], tone[k]): k for k in reversed(range(len(base)))}
    codes = run.generative.encode(data.x)
    withheld = [k for k in data.splits["held_out"].tolist() if tone[k] in TONES][:n]
    found: dict[str, Any] = {"withheld": len(withheld)}
    for language, spelled in (("en", name), ("zh", chinese)):
        asked = vectors(run, [spelled[k] for k in withheld])
        tones, bases = list[float](), list[float]()
        figures = sorted({b for b, t in row_of if t in TONES and all((b, each) in row_of for each in TONES)})
        for z, k in zip(asked, withheld, strict=True):
            if base[k] not in figures:
                continue
            among = codes[[row_of[base[k], each] for each in TONES]] @ z
            tones.append(float(TONES[int(among.argmax())] == tone[k]))
            others = codes[[row_of[b, tone[k]] for b in figures]] @ z
            bases.append(float(base[k] in [figures[i] for i in others.topk(5).indices.tolist()]))
        shares = {"among five tones": tones, "in five of all figures": bases}
        found[language] = {key: [round(sum(v) / max(1, len(v)), 4), len(v)] for key, v in shares.items()}
        found[language]["chance"] = [0.2, round(5 / max(1, len(figures)), 4)]
    found["new"] = _new(run, data.splits[split], codes, base, tone, {"en": name, "zh": chinese})
    return found


def _new(
    run: Run, numbers: Tensor, codes: Tensor, base: list[str], tone: list[str], texts: dict[str, list[str]]
) -> dict[str, Any]:
    """How often emoji of which nothing trained are found by their names among each other, chance beside."""
    new = [k for k in numbers.tolist() if tone[k] == "none"]
    same = torch.tensor([[base[a] == base[b] for b in new] for a in new])
    found: dict[str, Any] = {"n": len(new), "chance": round(5 * float(same.double().mean()), 4)}
    for language, spelled in texts.items():
        likeness = vectors(run, [spelled[k] for k in new]) @ codes[new].mT
        found[language] = told(recall_at(5, likeness, same))
    return found


def main() -> None:
    """Trains what is missing, measures it, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("data", choices=tuple(READ))
    asked.add_argument("--minutes", type=float, default=10.0, help="of processor time")
    asked.add_argument("--out", type=Path, default=Path("runs/clip"))
    asked.add_argument("--valid", action="store_true", help="on validation rows, record beside the run")
    asked.add_argument("--n", type=int, default=1000, help="rows of each kind")
    asked.add_argument("--set", nargs="*", default=(), help="settings of the recipe")
    given = asked.parse_args()
    torch.set_num_threads(1)
    if given.data == "emoji":
        READ["emoji"]["source"] = str(laid_out(given.out / "emoji-data"))
    run = run_of(given.data, READ[given.data], given.minutes, given.out / given.data, pairs("--set", given.set))
    split = "valid" if given.valid else "test"
    found = (of_shapes if given.data == "shapes" else of_emoji)(run, split, given.n)
    last = run.metrics[-1]
    found |= {
        "steps": last["step"],
        "core_seconds": round(last["core_seconds"], 1),
        "data": run.config.data.fingerprint,
    }
    print(json.dumps(found, indent=1, ensure_ascii=False))
    path = given.out / given.data / "valid.json" if given.valid else RECORD
    kept = {} if given.valid or not path.exists() else json.loads(path.read_text())
    path.write_text(json.dumps(found if given.valid else kept | {given.data: found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
