"""Pictures of one or two objects, drawn by known rules, and what they show in English and in Chinese.

A scene is a row of eight numbers: color, shape and size of the first object and of the second, where the first is from
the second, and the background; −1 is what there is not, or, in what a caption asks for, what it does not say. Objects
stand apart, their edges are sharp, and every color lies far from all others, so that a picture can be read without
error (`genzoo.evaluation.scenes_in`).

References:
    Johnson et al., 2017, "CLEVR: a diagnostic dataset for compositional language and elementary visual reasoning",
    arXiv:1612.06890 (scenes with a truth and templates of language)
"""

import functools
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from genzoo.core import Noise
from genzoo.core.errors import DataError

__all__ = [
    "BACKGROUNDS", "BOXES", "COLORS", "FIELDS", "RELATIONS", "SHAPES", "SIDE", "SIZES", "Words", "captions",
    "drawn_scenes", "rendered", "said", "stencils",
]  # fmt: skip

SIDE = 32
FIELDS = ("color", "shape", "size", "color", "shape", "size", "relation", "background")
RELATION, BACKGROUND = 6, 7
COLORS = {
    "red": (220, 30, 30), "green": (30, 150, 50), "blue": (40, 60, 230), "yellow": (250, 225, 30),
    "purple": (130, 30, 170), "orange": (250, 130, 20), "cyan": (60, 215, 225), "pink": (250, 140, 200),
}  # fmt: skip
BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128), "brown": (105, 65, 30)}
SHAPES = ("circle", "square", "triangle", "star", "cross")
SIZES = ("small", "big")
BOXES = (9, 13)  # the sides of their boxes
RELATIONS = ("left of", "right of", "above", "below")
APART, EDGE = 2, 1  # pixels between objects, and at the edge
ONE, TWINS = 0.4, 0.15  # the share of scenes of one object, and, of two, of those alike in color and shape
TELLS = {"size": 0.5, "background": 0.5, "relation": 0.75}  # how often a caption does


class Words(NamedTuple):
    """What a language calls colors, shapes, sizes, relations and backgrounds, and how it puts them together."""

    color: Sequence[str]
    shape: Sequence[str]
    size: Sequence[str]
    relation: Sequence[str]
    background: Sequence[str]
    one: str
    twins: str
    both: str
    related: str
    on: str

    def thing(self, asked: tuple[int, ...], form: str) -> str:
        """An object, or two alike."""
        color, shape, size = asked
        large = self.size[size] if size >= 0 else ""
        text = form.format(size=large, color=self.color[color], shape=self.shape[shape])
        return text.replace("a orange", "an orange")


ENGLISH = Words(
    tuple(COLORS), SHAPES, ("small ", "big "), RELATIONS, tuple(BACKGROUNDS),
    "a {size}{color} {shape}", "two {size}{color} {shape}s", "{0} and {1}", "{0} {where} {1}", "{0} on {ground}",
)  # fmt: skip
CHINESE = Words(
    "红绿蓝黄紫橙青粉", ("圆", "方块", "三角", "星", "十字"), "小大", ("左边", "右边", "上方", "下方"), "黑白灰棕",
    "{size}{color}{shape}", "两个{size}{color}{shape}", "{0}和{1}", "{0}在{1}{where}", "{0}，{ground}底",
)  # fmt: skip
LANGUAGES = {"en": ENGLISH, "zh": CHINESE}


def drawn_scenes(n: int, noise: Noise) -> Int[Tensor, "n 8"]:
    """Scenes; scene i depends on the noise and on i alone.

    Args:
        n: How many.
        noise: Where randomness comes from.

    Example:
        >>> scenes = drawn_scenes(100, Noise(0))
        >>> bool((scenes[:5] == drawn_scenes(5, Noise(0))).all()), 30 < int((scenes[:, 3] < 0).sum()) < 50
        (True, True)
    """
    counts = (len(COLORS), len(SHAPES), len(SIZES)) * 2 + (len(RELATIONS), len(BACKGROUNDS))
    scenes = (noise.at("scene").uniform(n, len(counts), dtype=torch.float64) * torch.tensor(counts)).long()
    chance = noise.at("kind").uniform(n, 2)
    twins, one = chance[:, 1] < TWINS, chance[:, 0] < ONE
    scenes[twins, 3:5] = scenes[twins, :2]
    scenes[one, 3 : RELATION + 1] = -1
    return scenes


@functools.cache
def stencils() -> Bool[Tensor, "sizes shapes box box"]:
    """Which pixels of a box are those of an object: every shape, in every size, in the middle of the larger box.

    Example:
        >>> stencils().shape, stencils()[0, 1].sum().item()
        (torch.Size([2, 5, 13, 13]), 81)
    """
    made = torch.zeros(len(SIZES), len(SHAPES), BOXES[-1], BOXES[-1], dtype=torch.bool)
    for number, box in enumerate(BOXES):
        margin, axis = (BOXES[-1] - box) // 2, (2 * torch.arange(box) + 1 - box) / box
        v, u = torch.meshgrid(axis, axis, indexing="ij")
        inside = (
            u**2 + v**2 <= 1,
            torch.ones_like(u, dtype=torch.bool),
            u.abs() <= (v + 1.1) / 2,
            _in_star(u, v - 0.1),
            (u.abs() <= 0.35) | (v.abs() <= 0.35),
        )
        made[number, :, margin : margin + box, margin : margin + box] = torch.stack(inside)
    return made


def rendered(scenes: Int[Tensor, "n 8"], noise: Noise) -> UInt8[Tensor, "n 3 32 32"]:
    """Pictures of scenes: objects stand anywhere that agrees with their relation, at least two pixels apart. Of two,
    the distance along the axis of their relation is at least twice that along the other.

    Args:
        scenes: What is drawn.
        noise: Where randomness comes from; picture i depends on it and on i alone.
    """
    paints, grounds = torch.tensor(list(COLORS.values())), torch.tensor(list(BACKGROUNDS.values()))
    x = grounds[scenes[:, BACKGROUND]].to(torch.uint8)[:, :, None, None].repeat(1, 1, SIDE, SIDE)
    middles = _middles(scenes, noise)
    for k in (0, 1):
        there = (scenes[:, 3 * k] >= 0).nonzero().flatten()
        color, shape, size = scenes[there, 3 * k : 3 * k + 3].unbind(1)
        which, down, right = stencils()[size, shape].nonzero().unbind(1)
        corner = middles[there, k] - BOXES[-1] // 2
        x[there[which], :, corner[which, 0] + down, corner[which, 1] + right] = paints[color[which]].to(torch.uint8)
    return x


def captions(scenes: Int[Tensor, "n 8"], language: str, noise: Noise) -> list[str]:
    """What scenes show, more or less of it: sizes, the background and a relation are told or not.

    Args:
        scenes: What is shown.
        language: "en" or "zh".
        noise: Where randomness comes from; equal noise tells the same in every language.

    Example:
        >>> scenes = torch.tensor([[0, 3, 0, 2, 0, 1, 2, 1]])
        >>> captions(scenes, "en", Noise(8)), captions(scenes, "zh", Noise(8))
        (['a small red star above a big blue circle'], ['小红星在大蓝圆上方'])
    """
    tells = noise.at("caption").uniform(len(scenes), len(TELLS)) < torch.tensor(list(TELLS.values()))
    asked, (size, background, relation) = scenes.clone(), tells.unbind(1)
    asked[:, (2, 5)] = torch.where(size[:, None], asked[:, (2, 5)], -1)
    asked[:, BACKGROUND] = torch.where(background, asked[:, BACKGROUND], -1)
    asked[:, RELATION] = torch.where(relation, asked[:, RELATION], -1)
    alike = (asked[:, :2] == asked[:, 3:5]).all(1) & (asked[:, RELATION] < 0)  # "two red circles"
    mixed = alike & (asked[:, 2] != asked[:, 5])
    asked[:, (2, 5)] = torch.where(mixed[:, None], -1, asked[:, (2, 5)])
    return [_caption(tuple(row), LANGUAGES[language]) for row in asked.tolist()]


def said(texts: Sequence[str]) -> Int[Tensor, "n 8"]:
    """What captions ask for, in either language.

    Args:
        texts: Captions; spaces, case, commas and stops make no difference.

    Raises:
        DataError: If one is none that these pictures have.

    Example:
        >>> said(["two red circles", "红星和蓝圆，白底"]).tolist()
        [[0, 0, -1, 0, 0, -1, -1, -1], [0, 3, -1, 2, 0, -1, -1, 1]]
    """
    found = [_asked(text) for text in texts]
    for text, row in zip(texts, found, strict=True):
        if row is None:
            raise DataError(f"A caption must be one of these pictures', got {text!r}. Write {captions_like()}.")
    return torch.tensor(found, dtype=torch.int64).reshape(-1, len(FIELDS))


def captions_like() -> str:
    """An example of each kind of caption."""
    return "'a small red star above a big blue circle on white', 'a red star', 'two red circles' or '红星和蓝圆，白底'"


@functools.cache
def _patterns() -> list[tuple[Words, re.Pattern[str]]]:
    """What captions look like in each language: one object, two alike, two, and two with their relation."""
    found = []
    for words in LANGUAGES.values():
        tail = f"(?:{words.on.format('', ground=_either('ground', words.background))})?"
        where = _either("where", words.relation)
        for form in ("one", "twins", "both", "related"):
            first, second = (
                (words.twins if form == "twins" else words.one).format(
                    size=f"{_either(f'size{k}', words.size)}?",
                    color=_either(f"color{k}", words.color),
                    shape=_either(f"shape{k}", words.shape),
                )
                for k in (0, 1)
            )
            whole = getattr(words, form).format(first, second, where=where) if form in ("both", "related") else first
            found.append((words, re.compile(_plain(whole + tail))))
    return found


def _either(name: str, words: Sequence[str]) -> str:
    return f"(?P<{name}>{'|'.join(words)})"


def _asked(text: str) -> tuple[int, ...] | None:
    plain = _plain(text.lower().replace("an orange", "a orange"))
    for words, pattern in _patterns():
        if match := pattern.fullmatch(plain):
            found = match.groupdict()
            first, second = (
                tuple(_number(found.get(f"{kind}{k}"), getattr(words, kind)) for kind in ("color", "shape", "size"))
                for k in (0, 1)
            )
            is_twins = pattern.pattern.startswith(_plain(words.twins.partition("{")[0]))
            rest = (_number(found.get("where"), words.relation), _number(found.get("ground"), words.background))
            return (*first, *(first if is_twins else second), *rest)
    return None


def _number(word: str | None, words: Sequence[str]) -> int:
    """The place of a word among those of its kind; −1 where there is none."""
    return -1 if word is None else [_plain(each) for each in words].index(word)


def _plain(text: str) -> str:
    return re.sub(r"[\s,，.。]+", "", text)


def _caption(asked: tuple[int, ...], words: Words) -> str:
    first, second, (where, ground) = asked[:3], asked[3:6], asked[6:]
    if second[0] < 0:
        text = words.thing(first, words.one)
    elif where < 0 and first == second:
        text = words.thing(first, words.twins)
    else:
        form, place = (words.both, "") if where < 0 else (words.related, words.relation[where])
        text = form.format(words.thing(first, words.one), words.thing(second, words.one), where=place)
    return text if ground < 0 else words.on.format(text, ground=words.background[ground])


def _middles(scenes: Int[Tensor, "n 8"], noise: Noise) -> Int[Tensor, "n 2 2"]:
    """The middles of the boxes of both objects, (down, right)."""
    u = noise.at("place").uniform(len(scenes), 4, dtype=torch.float64)
    sides = torch.tensor(BOXES)[scenes[:, (2, 5)]]
    alone = torch.stack([_within(u[:, axis], *_room(sides[:, 0])) for axis in (0, 1)], 1)
    relation = scenes[:, RELATION]
    swapped = (relation == 1) | (relation == 3)  # the second comes first
    ahead = torch.where(swapped[:, None], sides.flip(1), sides)
    slack = SIDE - 2 * EDGE - APART - sides.sum(1)
    before = _within(u[:, 0], torch.zeros_like(slack), slack)
    apart = sides.sum(1) // 2 + APART + _within(u[:, 1], torch.zeros_like(slack), slack - before)
    along = EDGE + before + ahead[:, 0] // 2
    low, high = _room(sides[:, 0])
    across = _within(u[:, 2], low, high)
    low, high = _room(sides[:, 1])
    beside = _within(u[:, 3], torch.maximum(low, across - apart // 2), torch.minimum(high, across + apart // 2))
    one, other = torch.where(swapped, along + apart, along), torch.where(swapped, along, along + apart)
    two = torch.stack([torch.stack([across, beside], 1), torch.stack([one, other], 1)], 2)  # left or right of
    two = torch.where((relation >= 2)[:, None, None], two.flip(2), two)
    return torch.where((relation < 0)[:, None, None], alone[:, None], two)


def _room(box: Int[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    """The least and the greatest middle of a box."""
    return EDGE + box // 2, SIDE - 1 - EDGE - box // 2


def _within(u: Float[Tensor, " n"], low: Int[Tensor, " n"], high: Int[Tensor, " n"]) -> Int[Tensor, " n"]:
    return low + (u * (high - low + 1)).long()


def _in_star(u: Float[Tensor, "h w"], v: Float[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Whether points are in a star of five tips, the first above."""
    angle = (torch.atan2(u, -v) % (2 * math.pi / 5) - math.pi / 5).abs()  # from the middle between two tips
    tip, notch, half = 1.15, 0.45, math.pi / 5
    x, y = (u**2 + v**2).sqrt() * (half - angle).cos(), (u**2 + v**2).sqrt() * (half - angle).sin()
    inner = (notch * math.cos(half), notch * math.sin(half))
    return (x - tip) * inner[1] - y * (inner[0] - tip) <= 1e-9
