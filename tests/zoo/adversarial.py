"""Adversarial models: their tiny instances."""

from typing import Literal

from torch import nn

from genzoo.core import GivenSpaceLike, Space
from genzoo.models import Standardized
from genzoo.models.adversarial import (
    ALI,
    GAN,
    R1,
    R2,
    VEEGAN,
    Ahead,
    Anchor,
    Augment,
    AuxiliaryGAN,
    Cycle,
    CycleGAN,
    Drifting,
    GradientPenalty,
    Hinge,
    LeastSquares,
    Orthogonal,
    PathLength,
    Pix2Pix,
    ProGAN,
    Relativistic,
    Rules,
    StyleGAN,
    StyleGenerator,
    UnrolledGAN,
    Wasserstein,
    spectral,
)
from genzoo.nn import (
    MLP,
    Classifying,
    Conditioned,
    ConvDecoder,
    ConvEncoder,
    Deviating,
    Fourier,
    Mapping,
    PatchCritic,
    ProgressiveDecoder,
    ProgressiveEncoder,
    Projected,
    ResidualDecoder,
    ResidualEncoder,
    Steps,
    Synthesis,
    Translator,
)
from tests.zoo.entry import BITS, BOTH, BYTES, EVEN, LABEL, NONE, REALS, Entry

LIPSCHITZ = Rules(Wasserstein(), [GradientPenalty(10.0)], critic_steps=5)
CLIPPED = Rules(Wasserstein(), clip=0.1, lr=1e-3)
STANDING = Rules(lr=1e-3, betas=(0.5, 0.99))
SHAPED = Rules(shaping=[Orthogonal(0.1), PathLength(0.1, every=2)], lr=1e-3)
BIG = Rules(Hinge(), shaping=[Orthogonal(0.01)], critic_steps=2, lr=1e-3)
GROWN = Rules(Wasserstein(), [GradientPenalty(10.0), Anchor()], lr=1e-3)
STYLED = Rules(penalties=[R1(0.1, every=2)], shaping=[PathLength(0.1, every=2)], lr=2e-3)
PAIRED = Rules(Relativistic(), [R1(0.1, last=0.01, every=2), R2(0.1)], lr=1e-3, betas=(0.0, 0.99))


Kind = Literal["modulated", "adaptive"]


def perceptrons(space: Space, given: GivenSpaceLike = None, pack: int = 1) -> tuple[nn.Module, nn.Module]:
    """A generator of 4 numbers, and a critic."""
    width = 0 if given is None else 4
    generator = Conditioned(MLP(4, [16], space.dims, given=width), given, width)
    return generator, Conditioned(MLP(pack * space.dims, [16], 1, given=width), given, width)


def gan(space: Space, rules: Rules, given: GivenSpaceLike = None, drop_given: float = 0.0) -> GAN:
    """A GAN of perceptrons, by rules."""
    nets = perceptrons(space, given, rules.pack)
    return GAN(space, given, *nets, rules, latent=4, drop_given=drop_given)


def wgan(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0) -> GAN:
    return gan(space, LIPSCHITZ, given, drop_given)


def dcgan(space: Space, given: GivenSpaceLike = None) -> GAN:
    across, parts = 0 if given is None else 4, {"norm": nn.BatchNorm2d, "activation": nn.LeakyReLU(0.2)}
    generator = ConvDecoder(4, space.shape, width=4, given=across, **parts)
    critic = ConvEncoder(space.shape, 1, width=4, given=across, **parts)
    nets = Conditioned(generator, given, across), Conditioned(critic, given, across)
    return GAN(space, given, *nets, Rules(lr=2e-4, betas=(0.5, 0.999), apart=True), latent=4, drop_given=0.2)


def conv_wgan(space: Space) -> GAN:
    generator, critic = ConvDecoder(4, space.shape, width=4), ConvEncoder(space.shape, 1, width=4)
    return GAN(space, None, Conditioned(generator), Conditioned(critic), LIPSCHITZ, latent=4)


def augmented(rules: Rules, space: Space = BYTES) -> GAN:
    """A GAN of images whose critic sees them changed."""
    generator, critic = Conditioned(MLP(4, [16], space.dims)), Conditioned(MLP(space.dims, [16], 1))
    return GAN(space, None, generator, critic, rules, latent=4)


def sngan() -> GAN:
    generator, critic = perceptrons(REALS)
    return GAN(REALS, None, generator, spectral(critic), Rules(Hinge(), lr=1e-3, critic_lr=2e-3), latent=4)


def r3gan() -> GAN:
    critic = Conditioned(Fourier(MLP(Fourier.width(REALS.dims, 2), [16], 1), 2))
    generator = Conditioned(Steps(MLP(Steps.width(4, 1), [16], REALS.dims), 1))
    return GAN(REALS, None, generator, critic, PAIRED, latent=4)


def deviating() -> GAN:
    generator, critic = perceptrons(REALS)[0], Conditioned(Deviating(MLP(REALS.dims, [16], 8), 8))
    return GAN(REALS, None, generator, critic, STANDING, latent=4)


def projected() -> GAN:
    generator, critic = perceptrons(REALS, BOTH)[0], Projected(MLP(REALS.dims, [16], 8), 8, BOTH)
    return GAN(REALS, BOTH, generator, critic, STANDING, latent=4, drop_given=0.2)


def auxiliary() -> AuxiliaryGAN:
    generator, critic = perceptrons(REALS, LABEL)[0], Classifying(MLP(REALS.dims, [16], 8), 8, 3)
    return AuxiliaryGAN(REALS, LABEL, generator, critic, STANDING, latent=4, drop_given=0.2)


def paired(kind: type[ALI] | type[VEEGAN], space: Space, given: GivenSpaceLike = None) -> ALI | VEEGAN:
    """A model that encodes."""
    width, codes = 0 if given is None else 4, 8 if kind is ALI else 4
    encoder = Conditioned(MLP(space.dims, [16], codes, given=width), given, width)
    critic = Conditioned(MLP(space.dims + 4, [16], 1, given=width), given, width)
    generator = perceptrons(space, given)[0]
    return kind(space, given, generator, encoder, critic, STANDING, latent=4, drop_given=0.2 if given else 0.0)


def unrolled() -> UnrolledGAN:
    return UnrolledGAN(REALS, None, *perceptrons(REALS), STANDING, Ahead(2), latent=4)


def stylegan(
    space: Space, rules: Rules = STYLED, given: GivenSpaceLike = None, kind: Kind = "modulated", mixing: float = 0.9
) -> StyleGAN:
    """A generator by style, and a critic that sees how far a batch spreads."""
    across = 0 if given is None else 4
    mapping = Conditioned(Mapping(4, 6, 2, given=across, rate=0.1), given, across)
    generator = StyleGenerator(mapping, Synthesis(6, space.shape, width=4, most=4, kind=kind))
    features = ProgressiveEncoder(space.shape, 4 if given else 1, width=4, most=4, grows=False)
    critic = Projected(features, 4, given) if given else Conditioned(features)
    drop = 0.2 if given else 0.0
    return StyleGAN(space, given, generator, critic, rules, latent=4, mixing=mixing, drop_given=drop)


def progan(space: Space, given: GivenSpaceLike = None, until: float = 0.0) -> ProGAN:
    """A GAN that has grown up, or grows."""
    across, outputs = (4, 4) if given else (0, 1)
    decoder = ProgressiveDecoder(4, space.shape, width=4, most=4, given=across, grows=until > 0)
    features = ProgressiveEncoder(space.shape, outputs, width=4, most=4, grows=until > 0)
    critic = Projected(features, 4, given) if given else Conditioned(features)
    drop, generator = 0.2 if given else 0.0, Conditioned(decoder, given, across)
    return ProGAN(space, given, generator, critic, GROWN, latent=4, until=until, drop_given=drop)


def biggan(space: Space, given: GivenSpaceLike = None) -> GAN:
    across = 4 if given else 0
    generator = Conditioned(ResidualDecoder(4, space.shape, width=4, most=4, given=across), given, across)
    critic = spectral(Projected(ResidualEncoder(space.shape, width=4, most=4), 4, given), embeddings=True)
    return GAN(space, given, generator, critic, BIG, latent=4, drop_given=0.2 if given else 0.0)


def pix2pix() -> Pix2Pix:
    nets = Translator(BITS.shape, 1, width=4, most=4, latent=4), PatchCritic(2, (4, 4), width=4)
    return Pix2Pix(BITS, BITS, *nets, STANDING, latent=4, scale=10.0)


def cyclegan(pool: int = 20) -> CycleGAN:
    shape = BITS.shape
    there = Translator(shape, 1, width=4, most=4, latent=4), PatchCritic(1, (4, 4), width=4)
    back = Translator(shape, 1, width=4, most=4), PatchCritic(1, (4, 4), width=4)
    rules = Rules(LeastSquares(), lr=1e-3, betas=(0.5, 0.99))
    return CycleGAN(BITS, BITS, *there, back, rules, latent=4, cycle=Cycle(pool=pool))


def drifting(space: Space, given: GivenSpaceLike = None) -> Drifting:
    generator, drop = perceptrons(space, given)[0], 0.2 if given else 0.0
    return Drifting(space, given, generator, widths=[0.3, 1.0], wider=3.0, latent=4, drop_given=drop)


ADVERSARIAL: dict[str, Entry] = {
    "standardized/wgan_gp": Entry(lambda: Standardized(wgan(REALS)), NONE, "sample decode latent"),
    "wgan_gp": Entry(lambda: wgan(BYTES), NONE, "sample decode latent", rounds=15),
    "wgan_gp/conv": Entry(lambda: conv_wgan(BYTES), NONE, "sample decode latent"),
    "wgan_gp/reals": Entry(lambda: wgan(REALS), NONE, "sample decode latent"),
    "wgan_gp/given": Entry(lambda: wgan(BITS, LABEL), NONE, "sample decode latent condition"),
    "wgan_gp/given/several": Entry(lambda: wgan(REALS, BOTH, 0.2), NONE, "sample decode latent condition"),
    "gan": Entry(lambda: gan(REALS, STANDING), NONE, "sample decode latent", rounds=15),
    "gan/deviation": Entry(deviating, NONE, "sample decode latent"),
    "gan/pack": Entry(lambda: gan(BITS, Rules(pack=3, lr=1e-3)), NONE, "sample decode latent"),
    "wgan": Entry(lambda: gan(REALS, CLIPPED), NONE, "sample decode latent", rounds=15),
    "gan/augmented": Entry(lambda: augmented(Rules(augment=Augment(fixed=0.4))), NONE, "sample decode latent"),
    "sngan": Entry(sngan, NONE, "sample decode latent", rounds=15),
    "r3gan": Entry(r3gan, NONE, "sample decode latent", rounds=15),
    "gan/shaped": Entry(lambda: gan(REALS, SHAPED), NONE, "sample decode latent"),
    "dcgan": Entry(lambda: dcgan(BYTES), NONE, "sample decode latent", rounds=15),
    "dcgan/given": Entry(lambda: dcgan(BITS, BOTH), NONE, "sample decode latent condition"),
    "conditional_gan": Entry(projected, NONE, "sample decode latent condition", rounds=15),
    "auxiliary_gan": Entry(auxiliary, NONE, "sample decode latent condition", rounds=15),
    "ali": Entry(lambda: paired(ALI, BYTES), NONE, "sample encode decode latent", rounds=15),
    "ali/given": Entry(lambda: paired(ALI, REALS, BOTH), NONE, "sample encode decode latent condition"),
    "veegan": Entry(lambda: paired(VEEGAN, REALS), NONE, "sample encode decode latent", rounds=15),
    "unrolled_gan": Entry(unrolled, NONE, "sample decode latent", rounds=15),
    "stylegan": Entry(lambda: stylegan(EVEN, STANDING), NONE, "sample decode latent", rounds=15),
    "stylegan/given": Entry(
        lambda: stylegan(BYTES, STYLED, LABEL, "adaptive"), NONE, "sample decode latent condition"
    ),
    "progan": Entry(lambda: progan(BYTES), NONE, "sample decode latent", rounds=15),
    "biggan": Entry(lambda: biggan(EVEN), NONE, "sample decode latent", rounds=15),
    "biggan/given": Entry(lambda: biggan(BYTES, LABEL), NONE, "sample decode latent condition"),
    "pix2pix": Entry(pix2pix, NONE, "sample decode latent condition", rounds=15),
    "cyclegan": Entry(cyclegan, NONE, "sample decode latent condition", rounds=15),
    "drifting": Entry(lambda: drifting(REALS), NONE, "sample decode latent loss", rounds=15),
    "drifting/given": Entry(lambda: drifting(BITS, LABEL), NONE, "sample decode latent loss condition"),
}
