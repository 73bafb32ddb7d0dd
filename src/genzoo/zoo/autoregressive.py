"""Recipes of autoregressive models."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.recipe import Count, DropGiven, GivenSpaceLike, Positive, Recipe, Share, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["bigram", "gpt", "made"]


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=("sample", "log_prob", "step", "loss", "condition"),
    paper="Germain et al., 2015, MADE: Masked autoencoder for distribution estimation, arXiv:1502.03509",
    columns="levels",
    sampling=("temperature", "top_k", "top_p", "prefix"),
)
def made(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    width: Count | None = None,
    depth: Count = 2,
    head: Literal["auto", "categorical", "logistics"] = "auto",
    components: Count = 5,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A masked autoencoder for levels of a fixed shape: an exact mass, entry after entry in raster order.

    Args:
        size: Small: 1,024 units in a layer. Paper: 8,000 for two levels, 2,048 for more.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        head: A logit for each level, a mixture of discretized logistics, or auto: logits up to 32 levels.
        components: The logistics of a mixture.
    """
    from genzoo.models.autoregressive import MADE

    width = width or (1024 if size == "small" else 8000 if space.levels == 2 else 2048)
    model = MADE(
        space,
        given_space,
        width=width,
        depth=depth,
        head=head,
        components=components,
        drop_given=drop_given,
    )
    config = TrainConfig(
        steps=3000, batch_size=256, lr=6e-3, warmup=100, precision="auto", clip_norm=100.0, ema=0.05, keep="best"
    )
    return Recipe(in_units(model), config)


@recipe(
    family="autoregressive",
    likelihood="exact",
    can=("sample", "log_prob", "step", "loss", "condition"),
    paper="Radford et al., 2019, Language models are unsupervised multitask learners",
    columns="levels",
    ragged=True,
    sampling=("temperature", "top_k", "top_p", "prefix"),
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
    can=("sample", "log_prob", "step", "loss", "direct_fit"),
    paper="Shannon, 1948, A mathematical theory of communication",
    columns="levels",
    ragged=True,
    sampling=("temperature", "top_k", "top_p", "prefix"),
)
def bigram(
    space: Space, given_space: GivenSpaceLike = None, *, size: Size = "small", smoothing: Positive = 0.1
) -> Recipe:
    """A Markov chain of symbols, fitted by counting pairs: the least that a model of sequences must beat.

    Args:
        size: The same for both.
        smoothing: What is added to every count.
    """
    from genzoo.models.autoregressive import Bigram
    from genzoo.zoo.mistakes import Mistake

    if given_space is not None:
        raise Mistake("bigram takes no condition, got one.", "Leave --given out, or take gpt.")
    return Recipe(Bigram(space, smoothing=smoothing), TrainConfig(batch_size=1000))
