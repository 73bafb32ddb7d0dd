"""One conditional model, eight kinds of condition: nothing, a class, words, pictures and sounds, to any of these."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genzoo.data import read
from genzoo.evaluation import shipped_judge
from genzoo.experiments.lectures.answers import decibels, digits, looked, tones
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.tasks.inverse import AveragePool

__all__ = ["eight_kinds"]

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NOTES = ("do", "re", "mi", "fa", "sol")  # of the five pitches of `tones`
ONES = (*NAMES, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
        "nineteen")  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
RUSSIAN = ("ноль", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять", "десять",
           "одиннадцать", "двенадцать", "тринадцать", "четырнадцать", "пятнадцать", "шестнадцать", "семнадцать",
           "восемнадцать", "девятнадцать")  # fmt: skip
RUSSIAN_TENS = ("двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто")
RUSSIAN_HUNDREDS = ("сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот")
ENGLISH_WORDS = ("", "hundred", *ONES[1:], *TENS)
RUSSIAN_WORDS = ("", *RUSSIAN[1:], *RUSSIAN_TENS, *RUSSIAN_HUNDREDS)


class Kind(NamedTuple):
    """A line of the table.

    Attributes:
        y: What the condition is.
        x: What is drawn.
        recipe: The model.
        score: What is measured.
        value: What it came to.
        least: What it must come to at least.
        example: A condition and what was drawn for it: words, a picture, or a sound.
    """

    y: str
    x: str
    recipe: str
    score: str
    value: float
    least: float
    example: tuple[Any, Any]


def eight_kinds(s: Study) -> None:
    """π(x | y) asks little of y: nothing, a class, a text, a picture or a sound, and x may be any of these as well.
    One call trains all eight, a recipe and pairs (x, y); what differs is the network that reads y into tokens, and
    what the recipe takes x for. Each is held against what its kind of x allows: a judge's reading of pictures, words
    that are right to the last letter, decibels, the pitch of a sound. The worlds are small and whole: digits of 8 × 8
    pixels, names of digits, numbers up to 999 in English and in Russian, a quarter of them withheld, and tones, where
    the slide has photographs and speech.

    Next: [conditions](../concepts.md), [classes and guidance](002.md), [pictures of pictures](003.md).
    """
    kinds = [*pictures(s), *texts(s), sounds(s)]
    for kind in kinds:
        s.least(f"{kind.y} → {kind.x}, {kind.recipe}: {kind.score}", kind.value, kind.least)
    s.equal("kinds of condition", len({(kind.y, kind.x) for kind in kinds}), 8)
    _, axes = s.figure(8, 3, size=(6.4, 7.2), width_ratios=[1, 1, 2.2], alt="A table of eight conditional models: "
                       "a condition, what was drawn for it, the recipe, and its score.")  # fmt: skip
    for row, kind in zip(axes, kinds, strict=True):
        for axis, shown, name in zip(row, kind.example, (kind.y, kind.x), strict=False):
            show(axis, shown)
            axis.set_title(name, fontsize=10)
        row[2].text(
            0, 0.5, f"{kind.recipe.replace('_', ' ')}\n{kind.score}: {kind.value:.2f}", va="center", fontsize=11
        )
        row[2].axis("off")


def show(axis: Any, what: str | Tensor) -> None:
    """Words, a picture, or a sound as a line."""
    if isinstance(what, Tensor) and what.ndim == 1:
        axis.plot(what, linewidth=1)
        axis.axis("off")
    elif isinstance(what, Tensor):
        wall(axis, what, len(what))
    else:
        axis.text(0.5, 0.5, what, ha="center", va="center", fontsize=11)
        axis.axis("off")


def pictures(s: Study) -> list[Kind]:
    """Digits of nothing, of a class, of a word, and of a coarse picture."""
    data, judge, asked = read("digits", given="label"), shipped_judge("digits"), torch.arange(200) % 10
    x, label = data.train.head(len(data.train))
    chain = taught(s, "softmax_chain", read("digits"), steps=100 if s.quick else 2000)
    bits = read("digits").space.bits_per_dim(chain.log_prob(data.test.head(100)[0]).mean().item())
    kinds = [Kind("nothing", "picture", "softmax_chain", "bits saved on equal odds, a pixel", math.log2(17) - bits,
                  1.0 if s.quick else 1.8, ("∅", chain.sample(4, seed=s.seed).float() / 16))]  # fmt: skip
    how: dict[str, Any] = {"steps": 120 if s.quick else 4000, "settings": {"net": "mlp", "latent": 8}}
    for name, y, given in (("class", label, asked), ("text", spelled(NAMES)[label], spelled(NAMES)[asked])):
        model = taught(s, "cvae", read((x, y), levels=17), **how)
        drawn = model.sample(200, given, seed=s.seed, noise=False)
        right = (judge.probabilities(drawn).argmax(1) == asked).double().mean().item()
        example = ("7" if name == "class" else "“seven”", drawn[7:48:10].float() / 16)
        kinds.append(Kind(name, "picture", "cvae", "read as asked", right, 0.5 if s.quick else 0.9, example))
    coarse, truth = AveragePool((1, 8, 8), 2), digits("test")[:60]
    y = looked(coarse(truth))[:, :1]
    bridge = taught(s, "bridge", read((digits("train"), looked(coarse(digits("train")))[:, :1])), batch_size=64,
                    steps=100 if s.quick else 4000, settings={"net": "mlp", "width": 128, "spread": 0.5})  # fmt: skip
    made = torch.stack([bridge.sample(60, y, seed=k) for k in range(2 if s.quick else 4)])
    gained = decibels(made.mean(0), truth) - decibels(y, truth)
    shown = (y[:4], made[0, :4])
    return [*kinds, Kind("picture", "picture", "bridge", "dB gained on y", gained, 0.0 if s.quick else 1.0, shown)]


def texts(s: Study) -> list[Kind]:
    """Words of a picture, of other words, of a sound."""
    data = read("digits", given="label")
    (x, label), (new, named) = (part.head(len(part)) for part in (data.train, data.test))
    known, others = numbers(s)
    heard, pitch = tones(1200, s.noise("tones"))
    asked = {
        "picture": (spelled(NAMES)[label], x.flatten(1) / 16, spelled(NAMES)[named], new.flatten(1) / 16),
        "English": (*known, *others),
        "sound": (spelled(NOTES)[pitch[:1000]], heard[:1000], spelled(NOTES)[pitch[1000:]], heard[1000:]),
    }
    kinds = []
    for y, (text, given, right, told) in asked.items():
        levels = len(RUSSIAN_WORDS) if y == "English" else 27
        how: dict[str, Any] = {"steps": 100 if s.quick else 1500, "batch_size": 64}
        deep = y == "English" or not s.quick
        how |= {"lr": 5e-3, "settings": {"width": 64, "depth": 2}} if deep else {
            "lr": 1e-2, "settings": {"width": 32, "depth": 1}}  # fmt: skip
        model = taught(s, "gpt", read((text, given), levels=levels), **how)
        n = 60 if s.quick else len(told)
        said = model.sample(n, told[:n], seed=s.seed)
        share = (said == right[:n]).all(1).double().mean().item()
        example = (new[:1].float() / 16, letters(said[0])) if y == "picture" else (told[0], letters(said[0]))
        if y == "English":
            example = (words(told[0], ENGLISH_WORDS), words(said[0], RUSSIAN_WORDS))
        name = "Russian" if y == "English" else "text"
        kinds.append(Kind(y, name, "gpt", "right to the last letter", share, 0.2 if s.quick else 0.9, example))
    return kinds


def sounds(s: Study) -> Kind:
    """A tone of the name of its note."""
    heard, pitch = tones(1200, s.noise("tones"))
    model = taught(s, "flow_matching", read((heard, spelled(NOTES)[pitch])), steps=150 if s.quick else 4000,
                   settings={"width": 128})  # fmt: skip
    asked = torch.arange(100) % 5
    made = model.sample(100, spelled(NOTES)[asked], seed=s.seed, steps=20)
    known = torch.stack([torch.fft.rfft(heard[pitch == k]).abs().mean(0) for k in range(5)])
    said = (torch.fft.rfft(made).abs() @ (known / known.norm(dim=1, keepdim=True)).T).argmax(1)
    right = (said == asked).double().mean().item()
    return Kind("text", "sound", "flow_matching", "of the pitch asked for", right, 0.4 if s.quick else 0.9,
                ("“sol”", made[4]))  # fmt: skip


def spelled(names: tuple[str, ...]) -> Tensor:
    """Words as rows of letters, a to z from 1, filled with 0 behind."""
    return torch.tensor([[ord(letter) - 96 for letter in name] + [0] * (5 - len(name)) for name in names])


def letters(row: Tensor) -> str:
    """The word of a row of letters."""
    return "“" + "".join(chr(96 + place) for place in row.tolist() if place) + "”"


def words(row: Tensor, known: tuple[str, ...]) -> str:
    """A row of words, in lines."""
    return "\n".join(known[place] for place in row.tolist() if place)


def numbers(s: Study) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Numbers up to 999 in Russian and in English, those that are shown and those that are withheld."""
    english, russian = [], []
    for n in range(1, 1000):
        hundreds, rest = divmod(n, 100)
        ten, one = (rest // 10, rest % 10) if rest >= 20 else (0, rest)
        first = [ONES[hundreds], "hundred"] if hundreds else []
        tail = [TENS[ten - 2]] if ten else []
        row = [*first, *tail, *([ONES[one]] if one else [])]
        other = [RUSSIAN_HUNDREDS[hundreds - 1]] if hundreds else []
        other += ([RUSSIAN_TENS[ten - 2]] if ten else []) + ([RUSSIAN[one]] if one else [])
        english.append([ENGLISH_WORDS.index(word) for word in row] + [0] * (4 - len(row)))
        russian.append([RUSSIAN_WORDS.index(word) for word in other] + [0] * (3 - len(other)))
    order = s.noise("numbers").permutation(999)
    pairs = torch.tensor(russian)[order], torch.tensor(english)[order]
    return (pairs[0][:750], pairs[1][:750]), (pairs[0][750:], pairs[1][750:])
