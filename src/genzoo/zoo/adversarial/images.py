"""Recipes of generators of images: by style, by growth, by residual blocks that see a class at every layer."""

from typing import Annotated, Any, Literal

from pydantic import Field

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import ACROSS, GAMES, AugmentTo, Latent, augment_to
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["biggan", "progan", "stylegan"]

ABLE = ("sample", "decode", "latent", "condition")
Channels = Annotated[
    Count | None, Field(description="Channels at full size, doubled at each halving; by default as size says.")
]
Most = Annotated[Count | None, Field(description="The largest number of channels; by default as size says.")]


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Karras et al., 2020, Analyzing and improving the image quality of StyleGAN, arXiv:1912.04958",
    sampling=("truncation", "psi"),
    loss=GAMES["nonsaturating"],
    wants=("image",),
)
def stylegan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    kind: Literal["modulated", "adaptive"] = "modulated",
    latent: Latent = None,
    style: Count | None = None,
    depth: Count | None = None,
    width: Channels = None,
    most: Most = None,
    style_mixing: Annotated[float, Field(ge=0, le=1)] = 0.9,
    gamma: Amount | None = None,
    every: Count = 16,
    path_length: Amount | None = None,
    path_every: Count = 8,
    lr: Positive | None = None,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A generator of images that is told its style at every layer; styles are mixed, and brought near their mean.

    Args:
        size: Small: 64 latents, 2 layers to a style of 64, 8 to 64 channels. Paper: 512, 8, 512, 32 to 512.
        kind: Modulated: styles scale weights, as in StyleGAN2. Adaptive: they scale normalized features, as in 2018.
        style: The length of a style; by default as size says.
        depth: Layers from z to the style; by default as size says.
        style_mixing: The share of samples in training whose layers have two styles.
        gamma: γ, the weight of the penalty on the critic's slope at the data; by default 0.0002 H W / 16.
        every: It comes every so many rounds, and counts as many times more.
        path_length: How much steps of one length in w are held to steps of one length in x: by default not at all for
            small, where rounds count for more, and 2 for paper.
        path_every: It comes every so many rounds.
        lr: Adam's rate for both players, without momentum: by default 4e-3 for small, 2e-3 for paper.
    """
    from genzoo.models.adversarial import R1, NonSaturating, PathLength, Rules, StyleGAN, StyleGenerator
    from genzoo.nn import Conditioned, Mapping, Synthesis

    small, across = size == "small", ACROSS if given_space else 0
    latent, style, depth = (
        latent or (64 if small else 512),
        style or (64 if small else 512),
        depth or (2 if small else 8),
    )
    width, most = width or (8 if small else 32), most or (64 if small else 512)
    path_length = (0.0 if small else 2.0) if path_length is None else path_length
    lr = lr or (4e-3 if small else 2e-3)
    gamma = 0.0002 * space.shape[1] * space.shape[2] / 16 if gamma is None else gamma
    shaping = [PathLength(path_length, every=path_every)] if path_length else []
    rules = Rules(
        NonSaturating(),
        [R1(gamma, every=every)] if gamma else [],
        shaping,
        lr=lr,
        betas=(0.0, 0.99),
        augment=augment_to(augment, space),
    )
    mapping = Conditioned(Mapping(latent, style, depth, given=across), given_space, across)
    generator = StyleGenerator(mapping, Synthesis(style, space.shape, width=width, most=most, kind=kind))
    critic = _critic(space, given_space, width, most, grows=False)
    options: dict[str, Any] = {"latent": latent, "mixing": style_mixing, "drop_given": drop_given}
    model = StyleGAN(space, given_space, generator, critic, rules, **options)
    return Recipe(
        in_units(model), TrainConfig(steps=5000, batch_size=32, ema=0.05, schedule="constant", precision="auto")
    )


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Karras, Aila, Laine & Lehtinen, 2018, Progressive growing of GANs, arXiv:1710.10196",
    sampling=("truncation",),
    loss=GAMES["wasserstein"],
    wants=("image",),
)
def progan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Latent = None,
    width: Channels = None,
    most: Most = None,
    until: Annotated[float, Field(ge=0, le=1)] = 0.6,
    objective: Literal["wasserstein", "nonsaturating"] = "wasserstein",
    penalty: Amount | None = None,
    lr: Positive = 1e-3,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of images that grows with its training, from 4×4 to full size; the first rounds cost little.

    Args:
        size: Small: 64 latents, 16 to 64 channels. Paper: 512 latents, 16 to 512 channels, for up to 1024×1024.
        until: The progress at which it has grown up; 0 does without growth.
        objective: What each side lowers: the distance of Wasserstein, or the surprise of a classifier.
        penalty: λ of the gradient penalty, by default 10; or γ of the slope at the data, by default 0.1.
        lr: Adam's rate for both players, without momentum.
    """
    from genzoo.models.adversarial import (
        R1,
        Anchor,
        GradientPenalty,
        NonSaturating,
        Penalty,
        ProGAN,
        Rules,
        Wasserstein,
    )
    from genzoo.nn import Conditioned, ProgressiveDecoder

    small, across = size == "small", ACROSS if given_space else 0
    latent, width, most = latent or (64 if small else 512), width or 16, most or (64 if small else 512)
    held: list[Penalty] = [GradientPenalty(10.0 if penalty is None else penalty), Anchor()]
    held = held if objective == "wasserstein" else [R1(0.1 if penalty is None else penalty)]
    rules = Rules(Wasserstein() if objective == "wasserstein" else NonSaturating(), held, lr=lr, betas=(0.0, 0.99))
    net = ProgressiveDecoder(latent, space.shape, width=width, most=most, given=across, grows=until > 0)
    generator = Conditioned(net, given_space, across)
    critic = _critic(space, given_space, width, most, grows=until > 0)
    model = ProGAN(space, given_space, generator, critic, rules, latent=latent, until=until, drop_given=drop_given)
    return Recipe(
        in_units(model), TrainConfig(steps=5000, batch_size=32, ema=0.05, schedule="constant", precision="auto")
    )


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Brock, Donahue & Simonyan, 2019, Large scale GAN training (BigGAN), arXiv:1809.11096",
    sampling=("truncation",),
    loss=GAMES["hinge"],
    wants=("image",),
)
def biggan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Latent = None,
    width: Channels = None,
    most: Most = None,
    critic_steps: Count = 1,
    orthogonal: Amount = 1e-4,
    lr: Positive = 1e-3,
    critic_lr: Positive = 1e-3,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of residual blocks that see a class at every layer, and a critic that projects on it.

    Args:
        size: Small: 64 latents, 16 to 64 channels. Paper: 120 latents, 96 to 1536 channels.
        critic_steps: The critic's steps per turn; published 2, for batches of 2048.
        orthogonal: How much the generator's matrices are held to orthogonal rows, which makes truncation safe.
        lr: Adam's rate for the generator, without momentum.
        critic_lr: Adam's rate for the critic.
    """
    from genzoo.models.adversarial import GAN, Hinge, Orthogonal, Rules, spectral
    from genzoo.nn import Conditioned, Projected, ResidualDecoder, ResidualEncoder

    small, across = size == "small", ACROSS if given_space else 0
    latent, width, most = (
        latent or (64 if small else 120),
        width or (16 if small else 96),
        most or (64 if small else 1536),
    )
    shaping = [Orthogonal(orthogonal)] if orthogonal else []
    rules = Rules(
        Hinge(),
        shaping=shaping,
        critic_steps=critic_steps,
        lr=lr,
        critic_lr=critic_lr,
        betas=(0.0, 0.999),
        augment=augment_to(augment, space),
    )
    generator = Conditioned(
        ResidualDecoder(latent, space.shape, width=width, most=most, given=across), given_space, across
    )
    features = ResidualEncoder(space.shape, width=width, most=most)
    critic = spectral(Projected(features, features.width, given_space), embeddings=True)
    model = GAN(space, given_space, generator, critic, rules, latent=latent, drop_given=drop_given)
    rows = 32 if small else 64
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=rows, ema=0.05, precision="auto"))


def _critic(space: Space, given_space: GivenSpaceLike, width: int, most: int, *, grows: bool) -> Any:
    """A critic of equalized convolutions that sees how far a batch spreads; it projects on a condition."""
    from genzoo.nn import Conditioned, ProgressiveEncoder, Projected

    outputs = most if given_space else 1
    features = ProgressiveEncoder(space.shape, outputs, width=width, most=most, grows=grows)
    return Projected(features, most, given_space) if given_space else Conditioned(features)
