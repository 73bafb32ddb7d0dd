"""What comes with the package: `digits`, `verse`, drawn `shapes`, and a finite sample of every toy density."""

from importlib import resources

import numpy as np
import torch

from genzoo.core import Noise, Space
from genzoo.data import shapes, toy
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import PointsCodec
from genzoo.data.readers.text import from_text
from genzoo.data.source import Asked, Condition, Source, reader

__all__ = ["EMBEDDED", "read_embedded"]

EMBEDDED = ("digits", "verse", "shapes", *toy.names())
TOY_ROWS = 20_000
PICTURES = {"train": 36_000, "valid": 2_000, "test": 2_000}


@reader("embedded texts", "window", "unit", "vocabulary")
def read_embedded(name: str, asked: Asked) -> Source:
    """An embedded data set by its name."""
    if name == "digits":
        return _digits()
    if name == "verse":
        return from_text("verse", _file("verse.txt").read_text(encoding="utf-8"), asked)
    return _shapes() if name == "shapes" else _sample(toy.density(name))


def _file(name: str) -> "resources.abc.Traversable":
    return resources.files("genzoo.data") / "embedded" / name


def _digits() -> Source:
    with _file("digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images, labels = (torch.from_numpy(arrays[name]) for name in ("images", "labels"))
    label = Condition.from_labels("label", labels)
    return Source("digits", images[:, None], Space((1, 8, 8), levels=17), ImageCodec(17), {"label": label})


def _shapes() -> Source:
    """40,000 pictures of one or two objects, always the same, with captions in two languages and their truth."""
    noises = {split: Noise(0, "shapes", split) for split in PICTURES}
    made = {split: shapes.drawn_scenes(n, noises[split]) for split, n in PICTURES.items()}
    x = torch.cat([shapes.rendered(part, noises[split]) for split, part in made.items()])
    scenes = torch.cat(list(made.values()))
    conditions = {
        name: Condition.from_texts(
            [text for split, part in made.items() for text in shapes.captions(part, language, noises[split])]
        )
        for name, language in (("caption", "en"), ("caption_zh", "zh"))
    }
    kinds = {"color": tuple(shapes.COLORS), "shape": shapes.SHAPES, "size": shapes.SIZES}
    for k, (name, words) in enumerate(kinds.items()):
        conditions[name] = Condition(scenes[:, (k, k + 3)], Space((2,), levels=len(words)), list(words))
    for place, name, words in ((6, "relation", shapes.RELATIONS), (7, "background", tuple(shapes.BACKGROUNDS))):
        conditions[name] = Condition(scenes[:, place], Space((), levels=len(words)), list(words))
    rows = torch.arange(len(x)).split(list(PICTURES.values()))
    splits = dict(zip(PICTURES, rows, strict=True))
    return Source("shapes", x, Space((3, 32, 32), levels=256), ImageCodec(256), conditions, splits)


def _sample(density: "toy.Density") -> Source:
    """20,000 rows, always the same: 80 % train, 10 % validate, 10 % test."""
    x = density.draw(TOY_ROWS, Noise(0, "toy", density.name))
    train, valid, test = torch.arange(TOY_ROWS).split([16_000, 2_000, 2_000])
    codec = PointsCodec.around(torch.tensor([density.low, density.high]))
    return Source(density.name, x, Space((2,)), codec, splits={"train": train, "valid": valid, "test": test})
