"""A page that asks which of two pictures is real, so that a person's eye is measured like a classifier's.

Nothing of it leaves the page, and nothing of it betrays the answer: all pictures are one image, written by one writer,
and sides are drawn by lot. Some pairs are both real, and are not counted: they tell whether someone prefers a side.

References:
    Zhou et al., 2019, "HYPE: a benchmark for human eye perceptual evaluation of generative models", arXiv:1904.01121
"""

import base64
import json
from pathlib import Path
from typing import NamedTuple

import jinja2
import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core import Noise
from genzoo.data import Data
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.picture import png
from genzoo.evaluation.two_sample import verdicts
from genzoo.experiments.eyes import eye_for
from genzoo.zoo import store
from genzoo.zoo.mistakes import Mistake

__all__ = ["BOTH", "Quiz", "quiz_of", "write_quiz"]

LEAST = 20  # held-out rows, from which pairs are made
TAUGHT = 1000  # rows of each kind, at most, that the classifier learns from
BOTH = 2  # instead of a side: of a pair of real pictures


class Quiz(NamedTuple):
    """Pairs of pictures, and what a classifier makes of them.

    Attributes:
        pictures: (pairs, 2, *event), left and right.
        real: On which side the real one is: 0, 1 or `BOTH`.
        classifier: The share of mixed pairs in which the classifier points at the real one.
    """

    pictures: Shaped[Tensor, "pairs 2 *event"]
    real: list[int]
    classifier: float


def quiz_of(made: Shaped[Tensor, "n *event"], data: Data, *, pairs: int = 40, seed: int = 0) -> Quiz:
    """Pairs of held-out pictures and of samples, a tenth of them both real.

    A regression on what a judge sees of pictures, taught on other samples and on validation rows, is asked about the
    same pairs: in each it points at the one that looks more real to it.

    Args:
        made: Samples, at least as many as pairs and 20 more, which teach the classifier.
        data: Pictures, which are real.
        pairs: How many.
        seed: Names order and sides.

    Raises:
        Mistake: If the data are no pictures, or there are too few of them.

    Example:
        >>> from genzoo.data import read
        >>> data = read("digits")
        >>> found = quiz_of(data.train.x[:200], data, pairs=20)
        >>> found.pictures.shape, sum(side == BOTH for side in found.real)
        (torch.Size([20, 2, 1, 8, 8]), 2)
    """
    if not isinstance(data.codec, ImageCodec):
        raise Mistake(f"A quiz shows pictures, got {data.name}.", "Name a run of pictures.")
    noise, held, both = Noise(seed, "quiz"), data.test, max(1, pairs // 10)
    if min(len(held), len(data.valid)) < LEAST or len(held) < pairs + both or len(made) < pairs + LEAST:
        raise Mistake(
            f"A quiz of {pairs} pairs needs {max(LEAST, pairs + both)} test rows, {LEAST} of validation and "
            f"{pairs + LEAST} samples, got {len(held)}, {len(data.valid)} and {len(made)}.",
            "Ask for fewer --pairs, or bring more data.",
        )
    real = held.gather(noise.at("rows").permutation(len(held))[: pairs + both])[0]
    made = made[noise.at("samples").permutation(len(made))]  # not class by class
    other = made[:pairs].clone()
    order = noise.at("order").permutation(pairs)
    other[order[:both]] = real[pairs:].to(other)
    left = noise.at("sides").integers(2, pairs).bool()
    shown = torch.stack([real[:pairs], other.to(real)], 1)
    shown = torch.where(left.reshape(-1, *[1] * (shown.ndim - 1)), shown, shown.flip(1))
    side = (~left).long()
    side[order[:both]] = BOTH
    return Quiz(shown, side.tolist(), _classified(shown, side, made[pairs:], data))


def _classified(shown: Tensor, side: Tensor, made: Tensor, data: Data) -> float:
    """The share of mixed pairs in which a classifier points at the real one."""
    eye = eye_for(data, 0.0).extractor
    known = data.valid.head(min(TAUGHT, len(data.valid)))[0]
    parts = [made[:TAUGHT], known, shown.flatten(0, 1)]
    seen = [part.flatten(1).float() if eye is None else eye(part) for part in parts]
    left, right = verdicts(*seen).unflatten(0, (-1, 2)).unbind(1)
    mixed = side != BOTH
    return ((right < left).long() == side)[mixed].double().mean().item()


def write_quiz(quiz: Quiz, codec: ImageCodec, path: Path) -> Path:
    """Writes the page.

    Args:
        quiz: What it asks.
        codec: Makes pixels of rows.
        path: The file.
    """
    pixels = codec.pixels(quiz.pictures.flatten(0, 1))
    pairs, (high, wide) = len(quiz.real), pixels.shape[2:]
    sheet = pixels.unflatten(0, (pairs, 2)).permute(0, 3, 1, 4, 2).reshape(pairs * high, 2 * wide, -1)
    array = sheet.numpy() if sheet.shape[2] > 1 else sheet[:, :, 0].numpy()
    loader = jinja2.PackageLoader("genzoo.experiments")
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("quiz.html.j2")
    page = template.render(
        sheet=base64.b64encode(png(array)).decode(), wide=wide, high=high, pairs=pairs, classifier=quiz.classifier,
        key=base64.b64encode(json.dumps(quiz.real).encode()).decode(),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with store.whole(path) as draft:
        draft.write_text(page, encoding="utf-8")
    return path
