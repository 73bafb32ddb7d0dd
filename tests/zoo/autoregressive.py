"""Autoregressive models: their tiny instances."""

from genzoo.core import GivenSpaceLike, Space
from genzoo.models.autoregressive import GPT, MADE, Bigram
from genzoo.nn import GPT2
from tests.zoo.entry import BOTH, BYTES, EXACT, LABEL, TEXT, TINY, WORDS, Entry, stirred


def gpt(space: Space, given: GivenSpaceLike = None, **options: object) -> GPT:
    return stirred(GPT(space, given, width=8, depth=2, heads=2, **options))


def made(space: Space, given: GivenSpaceLike = None, **options: object) -> MADE:
    return stirred(MADE(space, given, width=12, **options))


def bigram(space: Space) -> Bigram:
    model = Bigram(space)
    model.counts.random_(1, 20)
    return model


AUTOREGRESSIVE: dict[str, Entry] = {
    "made": Entry(lambda: made(BYTES), EXACT, "step", rounds=40),
    "made/bits": Entry(lambda: made(Space((1, 3, 3), levels=2)), EXACT, "step"),
    "made/few": Entry(lambda: made(TINY, depth=1), EXACT, "step"),
    "made/many": Entry(lambda: made(Space((2,), levels=40), components=2), EXACT, "step"),
    "made/given": Entry(lambda: made(TINY, LABEL, head="logistics"), EXACT, "step condition"),
    "made/given/several": Entry(lambda: made(Space((6,), levels=2), BOTH, drop_given=0.2), EXACT, "step condition"),
    "gpt": Entry(lambda: gpt(TINY), EXACT, "step", rounds=40),
    "gpt/ragged": Entry(lambda: gpt(WORDS), EXACT, "step"),
    "gpt/style": Entry(lambda: gpt(WORDS, style=GPT2), EXACT, "step"),
    "gpt/given": Entry(lambda: gpt(WORDS, LABEL), EXACT, "step condition"),
    "gpt/given/several": Entry(lambda: gpt(TINY, TEXT, drop_given=0.2), EXACT, "step condition"),
    "bigram": Entry(lambda: bigram(TINY), EXACT, "step direct_fit"),
    "bigram/ragged": Entry(lambda: bigram(WORDS), EXACT, "step direct_fit"),
}
