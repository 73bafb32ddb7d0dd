"""Recipes whose critic is a classifier, of rows, packs or pairs; held by nothing, by its spectrum, by its slope."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.adversarial.nets import (
    FEW,
    GAMES,
    AugmentTo,
    Depth,
    GanSize,
    Hidden,
    Latent,
    LatentOctaves,
    Net,
    Networks,
    Width,
    augment_to,
    half,
    leaky,
    networks,
    normed,
    shape_of,
    trunk,
    waves,
)
from genzoo.zoo.recipe import Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

__all__ = ["dcgan", "gan", "r3gan", "sngan", "unrolled_gan"]

ABLE = ("sample", "decode", "latent", "condition")


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Goodfellow et al., 2014, Generative adversarial networks, arXiv:1406.2661",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
)
def gan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    objective: Literal["nonsaturating", "minimax", "least_squares", "hinge"] = "nonsaturating",
    pack: Count = 1,
    deviation: bool = False,
    critic_steps: Count = 1,
    lr: Positive = 2e-4,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN as first published, or as PacGAN with pack=2: nothing holds the critic, and modes may be lost.

    Args:
        objective: What each side lowers.
        pack: Rows of one kind that the critic judges together: PacGAN has 2 to 4, and no condition.
        deviation: Whether the critic sees how far the rows of a batch spread.
        critic_steps: The critic's steps per turn.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import GAN, Hinge, LeastSquares, Minimax, NonSaturating, Rules
    from genzoo.nn import Conditioned, Deviating

    kinds = {"nonsaturating": NonSaturating, "minimax": Minimax, "least_squares": LeastSquares, "hinge": Hinge}
    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    rules = Rules(
        kinds[objective](),
        critic_steps=critic_steps,
        pack=pack,
        lr=lr,
        betas=(0.5, 0.999),
        augment=augment_to(augment, space),
    )
    generator, critic = networks(space, given_space, shape, pack=pack)
    if deviation:
        seen = Deviating(trunk(space, shape, hidden, pack=pack), hidden)
        critic = Conditioned(seen, given_space, shape.across)
    model = GAN(space, given_space, generator, critic, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Radford, Metz & Chintala, 2016, Unsupervised representation learning with DCGANs, arXiv:1511.06434",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
)
def dcgan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Latent = None,
    hidden: Count = 256,
    width: Width = None,
    gamma: Amount | None = None,
    every: Count = 8,
    lr: Positive | None = None,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN of convolutions with batch normalization, for images; perceptrons for anything smaller than 8×8.

    Args:
        size: Small: 32 latents (8 for tables), 16 channels. Paper: 100 latents, 128 channels.
        hidden: The width of the two hidden layers of perceptrons.
        gamma: γ, the weight of the penalty on the critic's slope at images; by default 0.1 for small, none for paper.
        every: It comes every so many rounds, as a step of its own, and counts as many times more.
        lr: Adam's rate for both players, with β₁ = 0.5; by default 1e-3 for small, the published 2e-4 for paper.
    """
    from genzoo.models.adversarial import GAN, R1, NonSaturating, Rules

    small, images = size == "small", len(space.shape) == 3 and min(space.shape[1:]) >= 8
    latent, width = latent or (None if small else 100), width or (16 if small else 128)
    net: Net = "conv" if images else "mlp"
    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=2, width=width)
    gamma = (0.1 if small and images else 0.0) if gamma is None else gamma
    held = [R1(gamma, every=every)] if gamma else []
    lr = lr or (1e-3 if small else 2e-4)
    rules = Rules(NonSaturating(), held, lr=lr, betas=(0.5, 0.999), apart=True, augment=augment_to(augment, space))
    nets = (normed if images else networks)(space, given_space, shape)
    model = GAN(space, given_space, *nets, rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Miyato, Kataoka, Koyama & Yoshida, 2018, Spectral normalization for GANs, arXiv:1802.05957",
    sampling=("truncation",),
    loss=GAMES["hinge"],
)
def sngan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    lr: Positive | None = None,
    critic_lr: Positive | None = None,
    orthogonal: Amount = 0.0,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN with a hinge, whose critic's layers stretch nothing: spectral normalization, and two rates of learning.

    Args:
        lr: Adam's rate for the generator: by default 5e-4 for small, the published 1e-4 for paper.
        critic_lr: Adam's rate for the critic, which one step a turn is enough for: by default 1e-3, for paper 4e-4.
        orthogonal: How much the generator's matrices are held to orthogonal rows; published for BigGAN: 1e-4.
    """
    from genzoo.models.adversarial import GAN, Hinge, Orthogonal, Rules, spectral

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    generator, critic = networks(space, given_space, shape)
    shaping = [Orthogonal(orthogonal)] if orthogonal else []
    usual = (5e-4, 1e-3) if size == "small" else (1e-4, 4e-4)
    lr, critic_lr = lr or usual[0], critic_lr or usual[1]
    rules = Rules(Hinge(), shaping=shaping, lr=lr, critic_lr=critic_lr, augment=augment_to(augment, space))
    model = GAN(space, given_space, generator, spectral(critic), rules, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05, precision=half(shape)))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Huang, Gokaslan, Kuleshov & Tompkin, 2024, The GAN is dead; long live the GAN!, arXiv:2501.05441",
    sampling=("truncation",),
    loss=GAMES["relativistic"],
)
def r3gan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 200,
    depth: Count | None = None,
    width: Width = None,
    gamma: Amount | None = None,
    every: Count | None = None,
    octaves: Count | None = None,
    latent_octaves: LatentOctaves = 0,
    path_length: Amount = 0.0,
    lr: Positive | None = None,
    augment: AugmentTo = 0.0,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """The GAN to begin with: relativistic pairs, and a critic that is flat where data and samples are.

    Args:
        depth: The number of perceptrons' hidden layers; by default 3.
        gamma: γ of both penalties at the beginning; it comes down to a tenth. By default 0.05 for perceptrons and 0.3
            for convolutions, and (D / 3072)² times as much for more than 3072 entries.
        every: The penalties come every so many rounds, as steps of their own, and count as many times more; by default
            every round for perceptrons, every eighth for convolutions.
        octaves: Waves of each entry that the critic sees; by default 4 for rows of up to 16 entries.
        path_length: How much steps of one length in z are held to steps of one length in x, every fourth round.
        lr: Adam's rate for both players, without momentum; by default 1e-3 for perceptrons, 2e-3 for convolutions
            when small, 2e-4 for paper.
    """
    from genzoo.models.adversarial import GAN, R1, R2, PathLength, Relativistic, Rules
    from genzoo.nn import Fourier, Steps

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth or 3, width=width)
    if gamma is None:
        gamma = (0.3 if shape.channels else 0.05) * max(1.0, space.dims / 3072) ** 2
    every = every or (8 if shape.channels else 1)
    lr = lr or (1e-3 if not shape.channels else 2e-3 if size == "small" else 2e-4)
    few = space.dims <= FEW and not shape.channels
    held = {"gamma": gamma, "last": gamma / 10, "until": 0.6, "every": every}
    shaping = [PathLength(path_length, every=4)] if path_length else []
    rules = Rules(
        Relativistic(), [R1(**held), R2(**held)], shaping, lr=lr, betas=(0.0, 0.99), augment=augment_to(augment, space)
    )
    generator, critic = networks(space, given_space, shape, **leaky(shape))
    if octaves := octaves or (4 if few else 0):
        critic = waves(Fourier, space.dims, given_space, shape, 1, octaves, **leaky(shape))
    if latent_octaves:
        generator = waves(Steps, shape.latent, given_space, shape, space.dims, latent_octaves, **leaky(shape))
    model = GAN(space, given_space, generator, critic, rules, latent=shape.latent, drop_given=drop_given)
    config = {"batch_size": 64, "ema": 0.05} if shape.channels else {"batch_size": 256, "ema": 0.02}
    return Recipe(in_units(model), TrainConfig(steps=5000, precision=half(shape), **config))


@recipe(
    family="adversarial",
    likelihood="none",
    can=ABLE,
    paper="Metz, Poole, Pfau & Sohl-Dickstein, 2017, Unrolled generative adversarial networks, arXiv:1611.02163",
    sampling=("truncation",),
    loss=GAMES["nonsaturating"],
)
def unrolled_gan(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: GanSize = "small",
    net: Networks = "auto",
    latent: Latent = None,
    hidden: Hidden = 256,
    depth: Depth = None,
    width: Width = None,
    unrolled: Count = 5,
    unrolled_lr: Positive = 0.1,
    lr: Positive = 2e-4,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A GAN whose generator foresees the critic's next steps; a round costs as many steps more.

    Args:
        unrolled: The steps that are foreseen.
        unrolled_lr: The rate of their gradient descent.
        lr: Adam's rate for both players, with β₁ = 0.5.
    """
    from genzoo.models.adversarial import Ahead, Rules, UnrolledGAN

    shape = shape_of(space, given_space, size, net=net, latent=latent, hidden=hidden, depth=depth, width=width)
    nets, rules = networks(space, given_space, shape), Rules(lr=lr, betas=(0.5, 0.999))
    ahead = Ahead(unrolled, unrolled_lr)
    model = UnrolledGAN(space, given_space, *nets, rules, ahead, latent=shape.latent, drop_given=drop_given)
    return Recipe(in_units(model), TrainConfig(steps=5000, batch_size=64, ema=0.05))
