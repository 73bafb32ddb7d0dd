"""Adversarial models: their tiny instances."""

from torch import nn

from genzoo.core import GivenSpaceLike, Space
from genzoo.models import Standardized
from genzoo.models.adversarial import GAN, WassersteinGAN
from genzoo.nn import MLP, Conditioned, ConvDecoder, ConvEncoder
from tests.zoo.entry import BITS, BOTH, BYTES, LABEL, NONE, REALS, Entry


def wgan(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0) -> WassersteinGAN:
    width = 0 if given is None else 4
    generator = Conditioned(MLP(4, [16], space.dims, given=width), given, width)
    critic = Conditioned(MLP(space.dims, [16], 1, given=width), given, width)
    return WassersteinGAN(space, given, generator, critic, latent=4, drop_given=drop_given)


def dcgan(space: Space, given: GivenSpaceLike = None) -> GAN:
    across, parts = 0 if given is None else 4, {"norm": nn.BatchNorm2d, "activation": nn.LeakyReLU(0.2)}
    generator = ConvDecoder(4, space.shape, width=4, given=across, **parts)
    critic = ConvEncoder(space.shape, 1, width=4, given=across, **parts)
    nets = Conditioned(generator, given, across), Conditioned(critic, given, across)
    return GAN(space, given, *nets, latent=4, drop_given=0.2)


def conv_wgan(space: Space) -> WassersteinGAN:
    generator, critic = ConvDecoder(4, space.shape, width=4), ConvEncoder(space.shape, 1, width=4)
    return WassersteinGAN(space, None, Conditioned(generator), Conditioned(critic), latent=4)


ADVERSARIAL: dict[str, Entry] = {
    "standardized/wgan_gp": Entry(lambda: Standardized(wgan(REALS)), NONE, "sample decode latent"),
    "wgan_gp": Entry(lambda: wgan(BYTES), NONE, "sample decode latent", rounds=40),
    "wgan_gp/conv": Entry(lambda: conv_wgan(BYTES), NONE, "sample decode latent"),
    "wgan_gp/reals": Entry(lambda: wgan(REALS), NONE, "sample decode latent"),
    "wgan_gp/given": Entry(lambda: wgan(BITS, LABEL), NONE, "sample decode latent condition"),
    "wgan_gp/given/several": Entry(lambda: wgan(REALS, BOTH, 0.2), NONE, "sample decode latent condition"),
    "dcgan": Entry(lambda: dcgan(BYTES), NONE, "sample decode latent", rounds=40),
    "dcgan/given": Entry(lambda: dcgan(BITS, BOTH), NONE, "sample decode latent condition"),
}
