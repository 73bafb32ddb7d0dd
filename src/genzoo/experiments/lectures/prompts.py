"""Prompts: a puzzle in words before and after tuning, and one picture asked for in two languages."""

import itertools
from typing import Any

import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.core.abilities import Sequential
from genzoo.data import read
from genzoo.evaluation import shipped_judge
from genzoo.experiments.lectures.chains import taught
from genzoo.experiments.lectures.study import Study
from genzoo.experiments.lectures.style import wall
from genzoo.models.autoregressive import GPT
from genzoo.training import TrainConfig, train

__all__ = ["puzzle", "two_languages"]

NAMES = ("George", "Ada", "Emmy", "Alan", "Grace", "Kurt", "Sofia", "Paul", "Mary", "Carl", "Rosa", "Hugo", "Nora",
         "Felix", "Ida", "Oscar", "Lena", "Max", "Clara", "Otto", "Vera", "Leo", "Marta", "Ivan")  # fmt: skip
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
           "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
           "twenty-one")  # fmt: skip
WORDS = (*NAMES, *NUMBERS, "has", "brothers", "and", "sisters", "How", "many", "at", "home", "?", "people", ".")
AT = {word: place for place, word in enumerate(WORDS)}


def puzzle(s: Study) -> None:
    """ "George has three brothers and one sister": how many are they at home, with both parents? A small transformer
    that has read questions alone goes on as texts of questions do, with another question. The same weights, trained
    further on questions with their answers, answer. Names, brothers and sisters come in combinations, five hundred of
    which were withheld from both trainings; on these an answer counts if it is the right number. (A model of words
    and a closed world: what is seen is what tuning changes, not what a large model knows.)

    Next: [autoregressive models](../families/autoregressive.md).
    """
    cases = torch.tensor(list(itertools.product(range(len(NAMES)), range(1, 10), range(1, 10))))
    cases = cases[s.noise("cases").permutation(len(cases))]
    asked, known = cases[:500], cases[500:]
    model, space = GPT(Space((13,), levels=len(WORDS)), width=48, depth=2, heads=2), len(WORDS)
    how: dict[str, Any] = {"batch_size": 64, "lr": 3e-3, "seed": s.seed, "ema": None}
    steps = (60, 300) if s.quick else (600, 3000)
    later = known[s.noise("later").permutation(len(known))]
    questions = torch.cat([question(known), later[:, :1], torch.full((len(known), 1), AT["has"])], 1)
    answered = torch.cat([question(known), answer(known)[:, None], torch.full((len(known), 1), AT["people"])], 1)
    said = []
    for rows, count, begin in ((questions, steps[0], "new"), (answered, steps[1], "warm")):
        train(model, read(rows, levels=space).train, TrainConfig(steps=count, **how), begin=begin)
        said.append(next_words(model, question(asked)))
    before, after = said
    s.most("share of withheld puzzles answered rightly before tuning", share(before, asked), 0.02)
    named = (before < len(NAMES)).double().mean()
    s.least("share of them that are gone on with a name, as questions begin", named, 0.9)
    s.least("share answered rightly after tuning", share(after, asked), 0.6 if s.quick else 0.95)
    george = question(torch.tensor([[0, 3, 1]]))
    said_of = WORDS[int(next_words(model, george))]
    if s.quick:
        s.note("George has three brothers and one sister", said_of)
    else:
        s.equal("George has three brothers and one sister", said_of, "seven")
    _, axis = s.figure(size=(6, 3.2), alt="What is said before tuning, another name, and after it, the number, for "
                       "each of eight withheld puzzles.")  # fmt: skip
    for k, (case, a, b) in enumerate(zip(asked[:8].tolist(), before.tolist(), after.tolist(), strict=False)):
        axis.text(0, -k, f"{NAMES[case[0]]} has {NUMBERS[case[1] - 1]} b., {NUMBERS[case[2] - 1]} s.", fontsize=12)
        axis.text(0.52, -k, f"{WORDS[a]} …", color="C1", fontsize=12)
        right = b == answer(torch.tensor([case])).item()
        axis.text(0.76, -k, f"{WORDS[b]} {'✓' if right else '✗'}", color="C2" if right else "C1", fontsize=12)
    for x, title in ((0.52, "before"), (0.76, "after tuning")):
        axis.text(x, 1, title, fontsize=12)
    axis.set(xlim=(0, 1), ylim=(-7.5, 1.8))
    axis.axis("off")


def question(cases: Tensor) -> Tensor:
    """A puzzle as eleven words, by name, brothers and sisters."""
    name, brothers, sisters = cases.unbind(1)
    text = ["{name}", "has", "{b}", "brothers", "and", "{s}", "sisters", "How", "many", "at", "?"]
    told = {"{name}": name, "{b}": AT["one"] + brothers - 1, "{s}": AT["one"] + sisters - 1}
    return torch.stack([told[word] if word in told else torch.full_like(name, AT[word]) for word in text], 1)


def answer(cases: Tensor) -> Tensor:
    """The word for all children and both parents."""
    return AT["one"] - 1 + cases[:, 1] + cases[:, 2] + 3


def share(said: Tensor, cases: Tensor) -> float:
    """How many puzzles were answered rightly."""
    return (said == answer(cases)).double().mean().item()


def next_words(model: Any, prefix: Tensor) -> Tensor:
    """The likeliest word after some."""
    chain = model.able(Sequential)
    with torch.no_grad():
        state = chain.begin(len(prefix))
        for t in range(prefix.shape[1]):
            chain.logits(state)
            state = chain.take(state, prefix[:, t])
        return chain.logits(state).argmax(1)


def two_languages(s: Study) -> None:
    """One model, prompts in English and in Chinese: "dark seven", "暗七". It is shown digits, bright on black or dark
    on white, each under a prompt in one of both languages, but never a dark seven or a bright four, in neither: asked
    for these it would have to put together what it knows of the words, and so small a model does not. A judge that
    was trained on real digits says what it sees, and whether pictures that were asked for in both languages agree.
    Words are all that the model reads, each a number of its own.

    Next: [conditions](../families/autoencoders.md), [judges](../evaluation.md).
    """
    x, label = read("digits", given="label").train.head(1400)
    style, language = (s.noise(name).integers(2, len(x)) for name in ("style", "language"))
    kept = ~withheld(style, label)
    pictures = torch.where(style.bool()[:, None, None, None], 16 - x, x)[kept]
    data = read((pictures, prompt(language[kept], style[kept], label[kept])), levels=17)
    how: dict[str, Any] = {"steps": 400 if s.quick else 5000, "settings": {"net": "mlp", "latent": 8}}
    model = taught(s, "cvae", data, **how)
    judge = shipped_judge("digits")
    tone, wanted = torch.arange(2).repeat_interleave(100), torch.arange(10).repeat_interleave(10).repeat(2)
    seen, light = [], []
    for spoken in (0, 1):
        asked = prompt(torch.full_like(tone, spoken), tone, wanted)
        drawn = model.sample(200, asked, seed=s.seed, noise=False)
        bright = torch.where(tone[:, None, None, None] == 0, drawn, 16 - drawn)
        seen.append(judge.probabilities(bright).argmax(1))
        light.append(drawn)
    new = withheld(tone, wanted)
    least = 0.5 if s.quick else 0.85
    for name, said in zip(("English", "Chinese"), seen, strict=True):
        s.least(f"{name}: what was asked for, prompts that were shown", (said == wanted)[~new].double().mean(), least)
        s.note(f"{name}: of withheld prompts", (said == wanted)[new].double().mean())
    s.least("pairs on which both languages agree", (seen[0] == seen[1]).double().mean(), least)
    _, axis = s.figure(size=(6, 3.2), alt="Digits asked for in English and in Chinese, line by line the same, bright "
                       "and dark ones.")  # fmt: skip
    first = torch.arange(0, 200, 10)
    rows = [light[spoken][first[10 * k : 10 * k + 10]] for k in (0, 1) for spoken in (0, 1)]
    wall(axis, torch.cat(rows).float() / 16, 10, "bright: English, Chinese; dark: English, Chinese")


def withheld(style: Tensor, label: Tensor) -> Tensor:
    """Whether a prompt is one of those that training never shows."""
    return ((style == 1) & (label == 7)) | ((style == 0) & (label == 4))


def prompt(language: Tensor, style: Tensor, label: Tensor) -> Tensor:
    """Prompts of two words each, in English (0) or Chinese (1), by the words' places in the list of all."""
    return torch.stack([2 * language + style, 4 + 10 * language + label.long()], 1)
