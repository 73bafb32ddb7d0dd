"""Autoregressive models: their tiny instances."""

from genzoo.core import Column, GivenSpaceLike, Space
from genzoo.models.autoregressive import (
    GPT,
    MADE,
    NADE,
    RNN,
    VAR,
    Bigram,
    MarkovDensity,
    MarkovMLP,
    PixelCNN,
    SoftmaxChain,
    TabularAR,
    WaveNet,
)
from genzoo.nn import GPT2
from tests.zoo.entry import BOTH, BYTES, EXACT, LABEL, REALS, TEXT, TINY, WORDS, Entry, stirred


def gpt(space: Space, given: GivenSpaceLike = None, **options: object) -> GPT:
    return stirred(GPT(space, given, width=8, depth=2, heads=2, **options))


def made(space: Space, given: GivenSpaceLike = None, **options: object) -> MADE:
    return stirred(MADE(space, given, width=12, **options))


def rnn(space: Space, given: GivenSpaceLike = None, **options: object) -> RNN:
    return stirred(RNN(space, given, width=8, **options))


def nade(space: Space, given: GivenSpaceLike = None, **options: object) -> NADE:
    return stirred(NADE(space, given, width=8, **options))


def pixelcnn(space: Space, given: GivenSpaceLike = None, **options: object) -> PixelCNN:
    return stirred(PixelCNN(space, given, width=4, depth=2, kernel=3, components=2, **options))


def wavenet(space: Space, given: GivenSpaceLike = None, **options: object) -> WaveNet:
    return stirred(WaveNet(space, given, width=4, depth=2, **{"frame": 3} | options))


def chain(space: Space, given: GivenSpaceLike = None, **options: object) -> SoftmaxChain:
    return stirred(SoftmaxChain(space, given, **options))


def markov(space: Space, given: GivenSpaceLike = None, **options: object) -> MarkovMLP:
    return stirred(MarkovMLP(space, given, order=2, width=8, **options))


def density(space: Space, given: GivenSpaceLike = None, **options: object) -> MarkovDensity:
    return stirred(MarkovDensity(space, given, order=2, width=8, components=2, **options), 0.1)


def bigram(space: Space) -> Bigram:
    model = Bigram(space)
    model.counts.random_(1, 20)
    return model


MIXED = Space(
    (4,), columns=(Column("real"), Column("integer"), Column("categorical", 3, missing=True), Column("ordered", 4))
)
FEW = Space((3,), columns=(Column("categorical", 2), Column("ordered", 4), Column("categorical", 3)))


def tabular(space: Space, given: GivenSpaceLike = None, **options: object) -> TabularAR:
    return stirred(TabularAR(space, given, width=8, features=4, bins=6, **options))


AUTOREGRESSIVE: dict[str, Entry] = {
    "made": Entry(lambda: made(BYTES), EXACT, "step", rounds=15),
    "made/bits": Entry(lambda: made(Space((1, 3, 3), levels=2)), EXACT, "step"),
    "made/few": Entry(lambda: made(TINY, depth=1), EXACT, "step"),
    "made/many": Entry(lambda: made(Space((2,), levels=40), components=2), EXACT, "step"),
    "made/given": Entry(lambda: made(TINY, LABEL, head="logistics"), EXACT, "step condition"),
    "made/given/several": Entry(lambda: made(Space((6,), levels=2), BOTH, drop_given=0.2), EXACT, "step condition"),
    "gpt": Entry(lambda: gpt(TINY), EXACT, "step", rounds=15),
    "gpt/ragged": Entry(lambda: gpt(WORDS), EXACT, "step"),
    "gpt/style": Entry(lambda: gpt(WORDS, style=GPT2), EXACT, "step"),
    "gpt/given": Entry(lambda: gpt(WORDS, LABEL), EXACT, "step condition"),
    "gpt/given/several": Entry(lambda: gpt(TINY, TEXT, drop_given=0.2), EXACT, "step condition"),
    "var": Entry(
        lambda: VAR(Space((3,), levels=3), LABEL, maps=[(1, 1), (1, 2)], width=8, depth=1, heads=2, drop_given=0.2),
        EXACT,
        "step condition",
        rounds=15,
    ),
    "rnn": Entry(lambda: rnn(WORDS), EXACT, "step", rounds=15),
    "rnn/gru": Entry(lambda: rnn(TINY, TEXT, cell="gru", depth=2, drop_given=0.2), EXACT, "step condition"),
    "nade": Entry(lambda: nade(TINY), EXACT, "step", rounds=15),
    "nade/many": Entry(lambda: nade(Space((2,), levels=40), LABEL, components=2), EXACT, "step condition"),
    "pixelcnn": Entry(lambda: pixelcnn(Space((2, 2, 2), levels=5)), EXACT, "step", rounds=15),
    "pixelcnn/bytes": Entry(lambda: pixelcnn(BYTES, LABEL), EXACT, "step condition"),
    "softmax_chain": Entry(lambda: chain(TINY, LABEL), EXACT, "step condition", rounds=15),
    "softmax_chain/bits": Entry(lambda: chain(Space((1, 3, 3), levels=2)), EXACT, "step"),
    "markov_mlp": Entry(lambda: markov(WORDS, LABEL), EXACT, "step condition", rounds=15),
    "markov_mlp/many": Entry(lambda: markov(Space((2,), levels=150), places=True, components=2), EXACT, "step"),
    "markov_density": Entry(lambda: density(REALS, LABEL), EXACT, "score condition", rounds=15),
    "wavenet": Entry(
        lambda: wavenet(WORDS, {"label": LABEL, "spectrum": Space((2, 5))}, taps=2, drop_given=0.2),
        EXACT,
        "step condition",
        rounds=15,
    ),
    "tab_ar": Entry(lambda: tabular(MIXED, LABEL), EXACT, "condition missing", rounds=10),
    "tab_ar/reals": Entry(lambda: tabular(REALS), EXACT, "missing"),
    "tab_ar/levels": Entry(lambda: tabular(FEW, LABEL, drop_given=0.2), EXACT, "condition"),
    "bigram": Entry(lambda: bigram(TINY), EXACT, "step direct_fit"),
    "bigram/ragged": Entry(lambda: bigram(WORDS), EXACT, "step direct_fit"),
}
