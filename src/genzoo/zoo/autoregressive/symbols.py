"""Recipes of models of symbols in a row, whose lengths may vary."""

from typing import Annotated, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Positive, Recipe, Share, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["bigram", "gpt", "markov_mlp", "rnn", "wavenet"]

ABLE = ("sample", "log_prob", "step", "loss", "condition")
DRAWN = ("temperature", "top_k", "top_p", "min_p", "repetition", "prefix")  # how samples may be asked for
GUESSED = (*DRAWN, "ahead", "draft", "beams")  # of what checks several symbols at once


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Radford et al., 2019, Language models are unsupervised multitask learners",
    columns="levels",
    ragged=True,
    sampling=GUESSED,
)
def gpt(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count | None = None,
    heads: Count | None = None,
    style: Literal["fast", "gpt2"] = "fast",
    dropout: Share | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A decoder-only transformer on symbols: letters, bytes, ids, or pixels of few levels; lengths may vary.

    Args:
        size: Small: 4 blocks of 128. Paper: 12 blocks of 768, as GPT-2.
        width: The length of the vectors; by default as size says.
        depth: The number of blocks; by default as size says.
        heads: Heads of attention; by default 32 numbers each (64 for paper).
        style: Fast: rotary places, norms without gain, squared ReLU, blocks that start as the identity. Or GPT-2's.
        dropout: The share of numbers dropped in training; by default none (0.1 for paper).
    """
    from genzoo.models.autoregressive import GPT
    from genzoo.nn.transformer import FAST, GPT2

    small = size == "small"
    width = width or (128 if small else 768)
    model = GPT(
        space,
        given_space,
        width=width,
        depth=depth or (4 if small else 12),
        heads=heads or max(1, width // (32 if small else 64)),
        style=FAST if style == "fast" else GPT2,
        dropout=(0.0 if small else 0.1) if dropout is None else dropout,
        drop_given=drop_given,
    )
    config = TrainConfig(
        steps=2500,
        batch_size=32,
        optimizer="muon",
        lr=3e-3,
        betas=(0.9, 0.98),
        weight_decay=0.1,
        warmup=50,
        precision="auto",
        keep="best",
    )
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Graves, 2013, Generating sequences with recurrent neural networks, arXiv:1308.0850",
    columns="levels",
    ragged=True,
    sampling=DRAWN,
)
def rnn(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    cell: Literal["lstm", "gru"] = "lstm",
    width: Count | None = None,
    depth: Count | None = None,
    dropout: Share | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A recurrent network on symbols: letters, notes, SMILES, ids; lengths may vary, and a step costs the same always.

    Args:
        size: Small: one layer of 256. Paper: three of 700.
        cell: Long short-term memory, or the gated recurrent unit.
        width: Units of a layer; by default as size says.
        depth: Layers; by default as size says.
        dropout: The share of numbers between layers dropped in training; by default none (0.2 for paper).
    """
    from genzoo.models.autoregressive import RNN

    small = size == "small"
    model = RNN(
        space,
        given_space,
        cell=cell,
        width=width or (256 if small else 700),
        depth=depth or (1 if small else 3),
        dropout=(0.0 if small else 0.2) if dropout is None else dropout,
        drop_given=drop_given,
    )
    config = TrainConfig(steps=3000, batch_size=64, lr=4e-3, warmup=50, clip_norm=1.0, keep="best")
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="van den Oord et al., 2016, WaveNet: A generative model for raw audio, arXiv:1609.03499",
    columns="levels",
    ragged=True,
    sampling=DRAWN,
)
def wavenet(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count | None = None,
    cycles: Count | None = None,
    frame: Annotated[int, Field(ge=0)] = 128,
    taps: Annotated[int, Field(ge=0)] = 16,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """Convolutions with holes over samples of sound, or any long row of symbols: each sees hundreds before it.

    Args:
        size: Small: a cycle of 9 layers of 48, which sees 512 symbols. Paper: three of 10 layers of 128.
        width: The length of vectors; by default as size says.
        depth: Layers of a cycle, the last of which looks 2^(depth − 1) places back; by default as size says.
        cycles: How often that is repeated; by default as size says.
        frame: Symbols of a frame, whose place each is told; 0: it says the same wherever it stands.
        taps: Symbols before, which it sees as numbers, too.
    """
    from genzoo.models.autoregressive import WaveNet

    small = size == "small"
    model = WaveNet(
        space,
        given_space,
        width=width or (48 if small else 128),
        depth=depth or (9 if small else 10),
        cycles=cycles or (1 if small else 3),
        frame=frame,
        taps=taps,
        drop_given=drop_given,
    )
    config = TrainConfig(
        steps=3000,
        batch_size=2,
        optimizer="muon",
        lr=4e-3,
        warmup=100,
        clip_norm=100.0,
        precision="auto",
        ema=0.05,
        keep="best",
    )
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=ABLE,
    paper="Bengio, Ducharme, Vincent & Jauvin, 2003, A neural probabilistic language model",
    columns="levels",
    ragged=True,
    sampling=DRAWN,
)
def markov_mlp(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    order: Count = 8,
    width: Count | None = None,
    depth: Count = 2,
    places: bool | None = None,
    components: Count = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A Markov chain of order d: a perceptron sees the last d symbols, and says the next.

    Args:
        size: Small: 256 units in a layer. Paper: 512.
        order: d, how many symbols are seen.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        places: Whether the place is told, too; by default where all rows have one length.
        components: The logistics of a mixture, for more than 128 levels.
    """
    from genzoo.models.autoregressive import MarkovMLP

    model = MarkovMLP(
        space,
        given_space,
        order=order,
        width=width or (256 if size == "small" else 512),
        depth=depth,
        places=not space.ragged if places is None else places,
        components=components,
        drop_given=drop_given,
    )
    return Recipe(in_units(model), TrainConfig(steps=3000, batch_size=64, lr=3e-3, warmup=50, ema=0.05, keep="best"))


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=("sample", "log_prob", "step", "loss", "direct_fit"),
    paper="Shannon, 1948, A mathematical theory of communication",
    columns="levels",
    ragged=True,
    sampling=DRAWN,
)
def bigram(
    space: Space, given_space: GivenSpaceLike = None, *, size: Size = "small", smoothing: Positive = 0.1
) -> Recipe:
    """A Markov chain of symbols, fitted by counting pairs: the least that a model of sequences must beat.

    Args:
        size: The same for both.
        smoothing: What is added to every count.

    Raises:
        Mistake: If there is a condition.
    """
    from genzoo.models.autoregressive import Bigram
    from genzoo.zoo.mistakes import Mistake

    if given_space is not None:
        raise Mistake("bigram takes no condition, got one.", "Leave --given out, or take gpt.")
    return Recipe(Bigram(space, smoothing=smoothing), TrainConfig(batch_size=1000))
