"""Autoencoders with a likelihood: their tiny instances."""

from genzoo.core import GivenSpaceLike, Space
from genzoo.models import Dequantized, LatentModel, Standardized
from genzoo.models.adversarial import Hinge
from genzoo.models.autoencoders import (
    VAE,
    VQVAE,
    Adversary,
    Codebook,
    CodedAutoencoder,
    CodePyramid,
    CodeScales,
    Colors,
    GaussianAutoencoder,
    GivenNormal,
    LadderAutoencoder,
    LadderPrior,
    LookupFree,
    MixturePrior,
    Quantizer,
    Rate,
    ScalarGrid,
    VampPrior,
    scales_of,
)
from genzoo.models.autoregressive import GPT
from genzoo.models.classical import KMeans
from genzoo.models.flows import Autoregressive, Bijection, Chain, Planar, Radial
from genzoo.nn import MaskedMLP, PatchCritic
from tests.zoo.entry import BITS, BOTH, BOUND, BYTES, LABEL, NONE, PIXELS, REALS, TEXT, Entry


def vae(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0) -> VAE:
    return VAE(space, given, GaussianAutoencoder.mlp(space, given, latent=2, hidden=[16]), drop_given=drop_given)


def mixed_vae(space: Space, *, vamp: bool) -> VAE:
    both = GaussianAutoencoder.mlp(space, latent=2, hidden=[16])
    prior = VampPrior(space, 3) if vamp else MixturePrior(both.latent, 3)
    return VAE(space, None, both, prior=prior, rate=Rate(beta=2.0, correlation=2.0))


def cvae(space: Space, given: GivenSpaceLike, drop_given: float = 0.0) -> VAE:
    both = GaussianAutoencoder.mlp(space, given, latent=2, hidden=[16])
    return VAE(space, given, both, prior=GivenNormal(both.latent, given, width=8), drop_given=drop_given)


def ladder_vae(space: Space, given: GivenSpaceLike = None) -> VAE:
    both = LadderAutoencoder.mlp(space, given, sizes=[3, 2, 1], hidden=[16], embedding=8)
    return VAE(space, given, both, prior=LadderPrior(), drop_given=0.2 if given else 0.0)


def pushed_vae(space: Space, *bijections: Bijection, given: GivenSpaceLike = None, **options: object) -> VAE:
    """With a posterior that is pushed through bijections, which are told 3 numbers of a row."""
    both = GaussianAutoencoder.mlp(space, given, latent=2, hidden=[16], flow=Chain(*bijections), context=3)
    return VAE(space, given, both, **options)


def iaf() -> list[Bijection]:
    return [Autoregressive(MaskedMLP(2, 1, 2, width=8, depth=1, given=3), reverse=turned) for turned in (False, True)]


def vq_vae(space: Space, given: GivenSpaceLike = None, quantizer: Quantizer | None = None) -> VQVAE:
    both = CodedAutoencoder.conv(space, quantizer or Codebook(5, 2), given, width=4, halvings=1)
    return VQVAE(space, given, both, drop_given=0.2 if given else 0.0)


def vq_gan(space: Space) -> VQVAE:
    critic = PatchCritic(1, (space.shape[1], space.shape[2]), width=4)
    adversary = Adversary(critic, Hinge(), begins=0.0)
    both = CodedAutoencoder.conv(space, Codebook(5, 2), width=4, halvings=1)
    return VQVAE(space, None, both, adversary=adversary)


def code_pyramid(space: Space) -> VQVAE:
    return VQVAE(space, None, CodePyramid(space, [Codebook(5, 2), Codebook(5, 2)], width=4, halvings=1))


def code_scales(space: Space) -> VQVAE:
    quantizers = [Codebook(5, 2) for _ in scales_of(space, 1)]
    return VQVAE(space, None, CodeScales(space, quantizers, width=4, halvings=1))


def codes_under_a_prior() -> LatentModel:
    both = vq_vae(BITS).autoencoder
    return LatentModel(BITS, both, GPT(both.latent, None, width=8, depth=1, heads=1))


def colors(space: Space) -> Colors:
    return Colors(space, KMeans(Space((space.shape[0],)), clusters=3))


def palette_under_a_prior() -> LatentModel:
    palette = colors(BYTES).autoencoder
    return LatentModel(BYTES, palette, GPT(palette.latent, LABEL, width=8, depth=1, heads=1))


def conv_vae(space: Space) -> VAE:
    return VAE(space, None, GaussianAutoencoder.conv(space, latent=2, width=4))


AUTOENCODERS: dict[str, Entry] = {
    "standardized/vae": Entry(lambda: Standardized(vae(REALS)), BOUND, "encode decode score latent", rounds=15),
    "dequantized/vae": Entry(
        lambda: Dequantized(Standardized(vae(PIXELS, LABEL, 0.5)), 256), BOUND, "encode decode latent condition"
    ),
    "vae": Entry(lambda: vae(BYTES), BOUND, "encode decode latent", rounds=15),
    "vae/mixture": Entry(lambda: mixed_vae(REALS, vamp=False), BOUND, "encode decode score latent"),
    "vae/vamp": Entry(lambda: mixed_vae(BITS, vamp=True), BOUND, "encode decode latent"),
    "cvae": Entry(lambda: cvae(BITS, TEXT, 0.2), BOUND, "encode decode latent condition", rounds=15),
    "ladder_vae": Entry(lambda: ladder_vae(BITS, LABEL), BOUND, "encode decode latent condition", rounds=15),
    "ladder_vae/reals": Entry(lambda: ladder_vae(REALS), BOUND, "encode decode score latent"),
    "vae/iaf": Entry(lambda: pushed_vae(BITS, *iaf()), BOUND, "encode decode latent", rounds=15),
    "vae/planar": Entry(lambda: pushed_vae(REALS, Planar(2, 3)), BOUND, "encode decode score latent"),
    "vae/radial/given": Entry(
        lambda: pushed_vae(BYTES, Radial(2, 3), given=LABEL, samples=3), BOUND, "encode decode latent condition"
    ),
    "vq_vae": Entry(lambda: vq_vae(BYTES, LABEL), NONE, "encode decode loss condition", rounds=15),
    "vq_vae/learned": Entry(lambda: vq_vae(BITS, None, Codebook(5, 2, averaged=False)), NONE, "encode decode loss"),
    "vq_vae/scalar": Entry(lambda: vq_vae(BITS, None, ScalarGrid([3, 2])), NONE, "encode decode loss"),
    "vq_vae/signs": Entry(lambda: vq_vae(BITS, None, LookupFree(3)), NONE, "encode decode loss"),
    "vq_gan": Entry(lambda: vq_gan(BYTES), NONE, "encode decode loss"),
    "vq_vae2": Entry(lambda: code_pyramid(BYTES), NONE, "encode decode loss", rounds=15),
    "var/codes": Entry(lambda: code_scales(BYTES), NONE, "encode decode loss"),
    "latent/codes": Entry(codes_under_a_prior, BOUND, "encode decode"),
    "colors": Entry(lambda: colors(BYTES), NONE, "encode decode direct_fit"),
    "latent/colors": Entry(palette_under_a_prior, BOUND, "encode decode condition"),
    "vae/conv": Entry(lambda: conv_vae(BYTES), BOUND, "encode decode latent"),
    "vae/bits": Entry(lambda: vae(BITS), BOUND, "encode decode latent"),
    "vae/reals": Entry(lambda: vae(REALS), BOUND, "encode decode score latent"),
    "vae/given": Entry(lambda: vae(BYTES, LABEL), BOUND, "encode decode latent condition"),
    "vae/given/several": Entry(lambda: vae(REALS, BOTH, 0.2), BOUND, "encode decode score latent condition"),
}
