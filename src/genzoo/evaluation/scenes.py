"""What pictures of objects show, read without a judge that was trained: color, shape, size, relation and background.

The background is the color of most pixels of the edge, and what is not of it falls into connected parts. A part's
color is that of most of its pixels; its shape and size are those of the stencil $S$ that overlaps it best anywhere,

$$ \\max_{S, \\text{shift}} \\frac{|A \\cap S|}{|A \\cup S|}, $$

and where no stencil overlaps it by 0.6, or there are other than one or two parts, a picture shows no scene. A picture
is right if it shows all that its caption asks for, whichever object the caption names first.

References:
    Johnson et al., 2017, "CLEVR", arXiv:1612.06890 (scenes with a truth)
    Ghosh, Hajishirzi & Schmidt, 2023, "GenEval: an object-focused framework for evaluating text-to-image alignment",
        arXiv:2310.11513 (objects, colors, counts and positions, each checked)
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from genzoo.data.shapes import BACKGROUND, BACKGROUNDS, BOXES, COLORS, FIELDS, RELATION, SHAPES, stencils
from genzoo.distributions.estimate import Estimate, mean_of

__all__ = ["SceneScores", "scene_scores", "scenes_hold", "scenes_in"]

SPECK, LEAST, ALIKE = 6, 15, 0.6  # pixels that are no part; of an object; the overlap with its stencil
PIECE = 1000  # pictures looked at at a time


class SceneScores(NamedTuple):
    """What of a caption's wishes pictures show: of each kind the share of those of which it is asked; None where it is
    asked of fewer than two.

    Attributes:
        whole: Everything that is asked for.
        objects: As many objects, each of its color and shape.
        size: Those, and their sizes.
        relation: Those, in their relation.
        background: The background.
    """

    whole: Estimate | None
    objects: Estimate | None
    size: Estimate | None
    relation: Estimate | None
    background: Estimate | None


def scenes_in(x: UInt8[Tensor, "n 3 32 32"]) -> Int[Tensor, "n 8"]:
    """The scenes that pictures show; −1 for what there is not, and throughout where there is no scene.

    Args:
        x: Pictures.

    Example:
        >>> from genzoo.core import Noise
        >>> from genzoo.data.shapes import drawn_scenes, rendered
        >>> scenes = drawn_scenes(9, Noise(0))
        >>> bool(scenes_hold(scenes_in(rendered(scenes, Noise(0))), scenes).all())
        True
    """
    return torch.cat([_scenes_in(part) for part in x.split(PIECE)]) if len(x) else torch.zeros(0, 8).long()


def scenes_hold(shown: Int[Tensor, "n 8"], asked: Int[Tensor, "n 8"]) -> Bool[Tensor, "n"]:
    """Whether scenes show all that is asked for; what is −1 there is not asked.

    Args:
        shown: Scenes.
        asked: What captions ask for.
    """
    return _agreed(shown, asked, tuple(range(len(FIELDS))))


def scene_scores(shown: Int[Tensor, "n 8"], asked: Int[Tensor, "n 8"]) -> SceneScores:
    """How often scenes show what is asked for.

    Args:
        shown: Scenes, as `scenes_in` reads them.
        asked: What captions ask for.
    """
    things = (0, 1, 3, 4)
    kinds = {
        "whole": (tuple(range(len(FIELDS))), torch.ones(len(asked), dtype=torch.bool)),
        "objects": (things, torch.ones(len(asked), dtype=torch.bool)),
        "size": ((*things, 2, 5), asked[:, 2] >= 0),
        "relation": ((*things, RELATION), asked[:, RELATION] >= 0),
        "background": ((BACKGROUND,), asked[:, BACKGROUND] >= 0),
    }
    right = {name: _agreed(shown, asked, fields)[of].double() for name, (fields, of) in kinds.items()}
    return SceneScores(**{name: mean_of(each) if len(each) > 1 else None for name, each in right.items()})


def _agreed(shown: Tensor, asked: Tensor, fields: tuple[int, ...]) -> Tensor:
    turned = shown[:, (3, 4, 5, 0, 1, 2, RELATION, BACKGROUND)]
    where = shown[:, RELATION]
    turned[:, RELATION] = torch.where(where < 0, where, where ^ 1)  # left of and right of, above and below
    right = torch.zeros(len(shown), dtype=torch.bool)
    for seen in (shown, turned):
        same = (asked == seen) | (asked < 0)
        same[:, (0, 3)] &= (asked[:, (0, 3)] < 0) == (seen[:, (0, 3)] < 0)  # as many objects
        right |= same[:, list(fields)].all(1)
    return right


def _scenes_in(x: Tensor) -> Tensor:
    palette = torch.tensor([*BACKGROUNDS.values(), *COLORS.values()]).double()
    nearest = torch.cdist(x.double().flatten(2).mT, palette).argmin(2).unflatten(1, x.shape[2:])
    edge = torch.cat([nearest[:, 0], nearest[:, -1], nearest[:, 1:-1, 0], nearest[:, 1:-1, -1]], 1)
    ground = _counts(edge, len(BACKGROUNDS)).argmax(1)
    parts = _parts(nearest != ground[:, None, None])
    sizes = _counts(parts.flatten(1), parts[0].numel() + 1)
    sizes[:, 0] = 0
    largest = sizes.topk(3, 1)
    scenes = torch.full((len(x), len(FIELDS)), -1)
    scenes[:, BACKGROUND] = ground
    middles, fits = [], largest.values[:, 2] < SPECK
    for k in (0, 1):
        there = largest.values[:, k] >= (LEAST if k == 0 else SPECK)
        mask = parts == largest.indices[:, k, None, None]
        hue = torch.where(mask & (nearest >= len(BACKGROUNDS)), nearest - len(BACKGROUNDS), len(COLORS))
        color = _counts(hue.flatten(1), len(COLORS)).argmax(1)
        overlap, size, shape = _overlaps(mask)
        scenes[there, 3 * k : 3 * k + 3] = torch.stack([color, shape, size], 1)[there]
        fits &= ~there | ((overlap >= ALIKE) & (largest.values[:, k] >= LEAST))
        middles.append(_middle(mask))
    fits &= scenes[:, 0] >= 0
    apart = middles[1] - middles[0]
    beside = apart[:, 1].abs() >= apart[:, 0].abs()
    relation = torch.where(beside, (apart[:, 1] < 0).long(), 2 + (apart[:, 0] < 0).long())
    scenes[:, RELATION] = torch.where(scenes[:, 3] >= 0, relation, -1)
    scenes[~fits, :BACKGROUND] = -1
    return scenes


def _counts(numbers: Int[Tensor, "n k"], kinds: int) -> Int[Tensor, "n kinds"]:
    """How often each number below `kinds` comes in each row; others do not count."""
    counts = torch.zeros(len(numbers), kinds + 1, dtype=torch.long)
    return counts.scatter_add_(1, numbers.clamp_max(kinds), torch.ones_like(numbers))[:, :kinds]


def _parts(mask: Bool[Tensor, "n h w"]) -> Int[Tensor, "n h w"]:
    """The number of the connected part that each pixel belongs to, corners being neighbors; 0 for none."""
    numbers = torch.arange(1, mask[0].numel() + 1, dtype=torch.float32).reshape(mask.shape[1:]) * mask
    while True:
        spread = max_pool2d(numbers[:, None], 3, 1, 1)[:, 0] * mask
        if torch.equal(spread, numbers):
            return numbers.long()
        numbers = spread


def _overlaps(mask: Bool[Tensor, "n h w"]) -> tuple[Float[Tensor, " n"], Tensor, Tensor]:
    """The best overlap of a part with a stencil, and the stencil's size and shape."""
    known = stencils().flatten(0, 1).float()
    shared = conv2d(mask[:, None].float(), known[:, None], padding=BOXES[-1] // 2).flatten(2).amax(2)
    found = (shared / (mask.sum((1, 2))[:, None] + known.sum((1, 2)) - shared)).max(1)
    return found.values, found.indices // len(SHAPES), found.indices % len(SHAPES)


def _middle(mask: Bool[Tensor, "n h w"]) -> Float[Tensor, "n 2"]:
    """The middle of the box around a part, (down, right)."""
    ends = []
    for axis in (2, 1):
        there = mask.any(axis).long()
        ends.append((there.argmax(1) + there.shape[1] - 1 - there.flip(1).argmax(1)) / 2)
    return torch.stack(ends, 1)
