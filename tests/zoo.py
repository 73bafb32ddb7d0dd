"""One tiny instance of every model: what the conformance suite runs on.

An entry says how to make the model and what it declares. A new model adds one line to `ZOO`.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from genzoo.core import Batch, GenerativeModel, GivenSpaceLike, Likelihood, Noise, Space
from genzoo.models import Dequantized, Joint, LatentModel, Standardized
from genzoo.models.adversarial import GAN, WassersteinGAN
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.autoregressive import GPT, MADE, Bigram
from genzoo.models.classical import (
    HMM,
    PPCA,
    BinnedHistogram,
    FactorAnalysis,
    Gaussian,
    GaussianMixture,
    Histogram,
    KernelDensity,
    KMeans,
    SoftmaxRegression,
)
from genzoo.models.diffusion import (
    DDIM,
    Ancestral,
    Cosine,
    Diffusion,
    Heun,
    Linear,
    Predicts,
    Straight,
    VarianceExploding,
)
from genzoo.models.flows import Affine, Flow, Nets, Spline, coupling_flow
from genzoo.models.graphical import (
    RBM,
    BayesNet,
    BoltzmannMachine,
    ChowLiu,
    DeepEnergy,
    Graph,
    Ising,
    LinearGaussianNet,
    Potts,
    Replay,
    Walk,
)
from genzoo.models.representation import (
    CodeAutoencoder,
    FreeCodes,
    MatrixFactorization,
    PointAutoencoder,
    SparseAutoencoder,
    SparseCoding,
    huber,
)
from genzoo.nn import GPT2, MLP, Conditioned, ConvDecoder, ConvEncoder, Timed, UNet
from genzoo.testing import Subject, conditions, rows

REALS, BYTES, BITS = Space((3,)), Space((1, 4, 5), levels=256), Space((1, 4, 4), levels=2)
LABEL = Space((), levels=3)
BOTH = {"label": LABEL, "angle": Space((2,))}


@dataclass(frozen=True)
class Entry:
    """How to make a model, and what it says of itself.

    What has a likelihood can sample, log_prob and loss; `can` adds to that, and says all of what has none. `rounds` of
    training lower its loss; where there are none, it is trained as another instance is.
    """

    make: Callable[[], GenerativeModel]
    likelihood: Likelihood
    can: str = ""
    rounds: int = 0

    @property
    def capabilities(self) -> set[str]:
        """All that it declares."""
        return set(self.can.split()) | (set() if self.likelihood is NONE else {"sample", "log_prob", "loss"})


def batch(model: GenerativeModel, n: int = 32, page: int = 0) -> Batch:
    """Rows that suit a model."""
    return Batch(rows(model.space, n), conditions(model.given_space, n), Noise(3, "train").tick(page))


def mixture(space: Space = REALS, given: GivenSpaceLike = None, **options: object) -> GaussianMixture:
    return GaussianMixture(space, given, components=2, **options)


def kde(space: Space = REALS, given: GivenSpaceLike = None, **options: object) -> KernelDensity:
    """A fitted one: what it keeps is what it is."""
    model = KernelDensity(space, given, **options)
    model.begin()
    model.accumulate(batch(model, 40))
    model.finish()
    return model


def vae(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0) -> VAE:
    return VAE(space, given, GaussianAutoencoder.mlp(space, given, latent=2, hidden=[16]), drop_given=drop_given)


def conv_vae(space: Space) -> VAE:
    return VAE(space, None, GaussianAutoencoder.conv(space, latent=2, width=4))


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


def flow(
    space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, net: str = "mlp", **options: object
) -> Flow:
    return coupling_flow(space, given, Affine(), Nets(net, 8, 1), depth=2, drop_given=drop_given, **options)


def spline_flow(space: Space, given: GivenSpaceLike = None, **options: object) -> Flow:
    return stirred(coupling_flow(space, given, Spline(4), Nets(width=8, layers=1), depth=2, **options), 0.15)


def gpt(space: Space, given: GivenSpaceLike = None, **options: object) -> GPT:
    return stirred(GPT(space, given, width=8, depth=2, heads=2, **options))


def made(space: Space, given: GivenSpaceLike = None, **options: object) -> MADE:
    return stirred(MADE(space, given, width=12, **options))


def large_ising(space: Space) -> Ising:
    return Ising(space, Graph.grid(space.shape), sweeps=5, temperatures=30)


def tabled(net: BayesNet) -> BayesNet:
    for i in range(net.space.dims):
        net.set_table(i, torch.rand_like(net.table(i)).softmax(-1))
    return net


def counted(model: ChowLiu) -> ChowLiu:
    model.begin()
    model.accumulate(Batch(rows(model.space, 50, "counted")))
    model.finish()
    return model


def bigram(space: Space) -> Bigram:
    model = Bigram(space)
    model.counts.random_(1, 20)
    return model


def stirred(model: GenerativeModel, by: float = 0.3) -> GenerativeModel:
    """The model with weights moved at random, for one that starts as the uniform distribution shows little."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return model


def diffusion(space: Space, given: GivenSpaceLike = None, drop_given: float = 0.0, **options: object) -> Diffusion:
    net = Timed(MLP(space.dims, [16], space.dims, given=8), 8, given)
    parts = {"schedule": Straight(), "predicts": Predicts.VELOCITY, "sampler": Heun(4)} | options
    return Diffusion(space, given, net, drop_given=drop_given, **parts)


def unet_diffusion(space: Space, given: GivenSpaceLike = None) -> Diffusion:
    net = Timed(UNet(space.shape, given=8, widths=(4, 8), blocks=1), 8, given)
    return Diffusion(space, given, net, schedule=Cosine(), predicts=Predicts.NOISE, sampler=Ancestral(8))


def rbm(space: Space, given: GivenSpaceLike = None, hidden: int = 6, **options: object) -> RBM:
    return stirred(RBM(space, given, hidden=hidden, **{"sweeps": 30, "temperatures": 60} | options))


def energy(space: Space, given: GivenSpaceLike = None, **options: object) -> DeepEnergy:
    potential = Conditioned(MLP(space.dims, [16], 1, given=0 if given is None else 4), given, 4)
    return DeepEnergy(space, given, potential, walk=Walk(0.02, steps=12), **options)


def joint(space: Space, first: Space, second: Space, given: GivenSpaceLike) -> Joint:
    rule = {"a": first} if given is None else {"a": first, "given": given}
    return Joint(space, vae(first, given), vae(second, rule), range(first.dims))


def latent(space: Space, prior: Callable[[Space], GenerativeModel]) -> LatentModel:
    both = GaussianAutoencoder.mlp(space, latent=2, hidden=[16])
    with torch.no_grad():
        for parameter in both.encoder.parameters():
            parameter.mul_(2)  # so that latents are far from the prior's start
    return LatentModel(space, both, prior(both.latent))


def free_codes(space: Space, penalty: str, decoder: nn.Module | None = None, **options: object) -> FreeCodes:
    decoder = decoder or MLP(3, [16], space.dims)
    return FreeCodes(space, decoder, code=3, penalty=penalty, strength=0.1, steps=20, **options)


def coder(space: Space) -> PointAutoencoder:
    return PointAutoencoder(CodeAutoencoder.mlp(space, code=3, hidden=[16]))


EXACT, BOUND, ESTIMATE, NONE = Likelihood.EXACT, Likelihood.BOUND, Likelihood.ESTIMATE, Likelihood.NONE
UNNORMALIZED = Likelihood.UNNORMALIZED
PIXELS, EVEN = Space(BYTES.shape), Space((1, 8, 4))
TINY_REALS, ONE_OF_3 = Space((2, 2, 1)), Space((1,), levels=3)
WORDS, TINY = Space((4,), levels=3, ragged=True), Space((2, 2, 1), levels=5)
TEXT = {"label": LABEL, "words": WORDS, "angle": Space((2,))}

RAW = {"kde/epanechnikov"}  # whose bandwidth is in the data's unit
# A null is met only by rows that dropped their condition, and a constant in a critic or an energy cancels.
STILL = ("null", "critic.last.bias", "critic.net.last.bias", "potential.net.last.bias")

ZOO: dict[str, Entry] = {
    "gaussian": Entry(lambda: Gaussian(REALS), EXACT, "score missing direct_fit"),
    "gaussian/diag": Entry(lambda: Gaussian(REALS, covariance="diag"), EXACT, "score missing direct_fit"),
    "gaussian/low_rank": Entry(
        lambda: Gaussian(REALS, covariance="low_rank", rank=1), EXACT, "score missing direct_fit"
    ),
    "gaussian/given": Entry(lambda: Gaussian(REALS, LABEL), EXACT, "score condition missing direct_fit"),
    "gaussian/given/tied": Entry(
        lambda: Gaussian(REALS, LABEL, covariance="tied"), EXACT, "score condition missing direct_fit"
    ),
    "histogram": Entry(lambda: Histogram(TINY), EXACT, "direct_fit"),
    "histogram/independent/given": Entry(
        lambda: Histogram(TINY, LABEL, factorization="independent"), EXACT, "condition direct_fit"
    ),
    "histogram/joint": Entry(lambda: Histogram(TINY, factorization="joint"), EXACT, "direct_fit"),
    "histogram/reals": Entry(lambda: BinnedHistogram(REALS, bins=4), EXACT, "direct_fit"),
    "kmeans": Entry(lambda: KMeans(REALS, clusters=3), EXACT, "encode decode score direct_fit"),
    "kmeans/given": Entry(lambda: KMeans(REALS, LABEL, clusters=2), EXACT, "encode decode score condition direct_fit"),
    "standardized/kmeans": Entry(
        lambda: Standardized(KMeans(REALS, clusters=2)), EXACT, "encode decode score direct_fit"
    ),
    "gaussian_mixture": Entry(mixture, EXACT, "encode decode score missing direct_fit"),
    "gaussian_mixture/tied": Entry(
        lambda: mixture(covariance="tied"), EXACT, "encode decode score missing direct_fit"
    ),
    "gaussian_mixture/diag": Entry(
        lambda: mixture(covariance="diag"), EXACT, "encode decode score missing direct_fit"
    ),
    "gaussian_mixture/spherical": Entry(
        lambda: mixture(covariance="spherical"), EXACT, "encode decode score missing direct_fit"
    ),
    "gaussian_mixture/low_rank": Entry(
        lambda: mixture(covariance="low_rank", rank=1), EXACT, "encode decode score missing direct_fit"
    ),
    "gaussian_mixture/given": Entry(
        lambda: mixture(given=LABEL), EXACT, "encode decode score condition missing direct_fit"
    ),
    "gaussian_mixture/given/tied": Entry(
        lambda: mixture(given=LABEL, covariance="tied"), EXACT, "encode decode score condition missing direct_fit"
    ),
    "kde": Entry(kde, EXACT, "score direct_fit"),
    "kde/likelihood": Entry(lambda: kde(bandwidth="likelihood", whiten="columns"), EXACT, "score direct_fit"),
    "kde/epanechnikov": Entry(
        lambda: kde(kernel="epanechnikov", bandwidth=9.0, whiten="none"), EXACT, "score direct_fit"
    ),
    "kde/given": Entry(lambda: kde(given=LABEL), EXACT, "score condition direct_fit"),
    "softmax_regression": Entry(lambda: SoftmaxRegression(ONE_OF_3, REALS), EXACT, "condition direct_fit"),
    "softmax_regression/bytes": Entry(
        lambda: SoftmaxRegression(ONE_OF_3, Space((1, 28, 28), levels=256)), EXACT, "condition direct_fit"
    ),
    "softmax_regression/several": Entry(
        lambda: Standardized(SoftmaxRegression(ONE_OF_3, BOTH)), EXACT, "condition direct_fit"
    ),
    "standardized/kde": Entry(lambda: Standardized(kde()), EXACT, "score direct_fit"),
    "dequantized/kde": Entry(lambda: Dequantized(kde(TINY_REALS), 5), BOUND, "direct_fit"),
    "standardized/gaussian_mixture": Entry(
        lambda: Standardized(mixture()), EXACT, "encode decode score missing direct_fit"
    ),
    "standardized/vae": Entry(lambda: Standardized(vae(REALS)), BOUND, "encode decode score latent", rounds=40),
    "standardized/wgan_gp": Entry(lambda: Standardized(wgan(REALS)), NONE, "sample decode latent"),
    "dequantized/gaussian_mixture": Entry(
        lambda: Dequantized(Standardized(mixture(PIXELS, floor=0.1)), 256), BOUND, "encode decode direct_fit"
    ),
    "dequantized/gaussian_mixture/given": Entry(
        lambda: Dequantized(mixture(PIXELS, LABEL, floor=0.1), 256, draws=2),
        BOUND,
        "encode decode condition direct_fit",
    ),
    "dequantized/vae": Entry(
        lambda: Dequantized(Standardized(vae(PIXELS, LABEL, 0.5)), 256), BOUND, "encode decode latent condition"
    ),
    "ppca": Entry(lambda: PPCA(REALS, rank=1), EXACT, "encode decode score latent direct_fit"),
    "dequantized/ppca": Entry(
        lambda: Dequantized(PPCA(PIXELS, rank=2), 256), BOUND, "encode decode latent direct_fit"
    ),
    "factor_analysis": Entry(lambda: FactorAnalysis(REALS, rank=1), EXACT, "encode decode score latent direct_fit"),
    "hmm": Entry(lambda: HMM(Space((3, 2), levels=3), states=3), EXACT, "step direct_fit"),
    "hmm/bits": Entry(lambda: HMM(Space((4, 3), levels=2), states=2), EXACT, "step direct_fit"),
    "hmm/ragged": Entry(lambda: HMM(WORDS, states=3), EXACT, "step direct_fit"),
    "hmm/ragged/given": Entry(lambda: HMM(WORDS, LABEL, states=2), EXACT, "step condition direct_fit"),
    "hmm/reals": Entry(lambda: HMM(Space((4,)), states=2), EXACT, "score direct_fit"),
    "hmm/reals/given": Entry(
        lambda: HMM(Space((4,)), LABEL, states=2, covariance="full"), EXACT, "score condition direct_fit"
    ),
    "realnvp": Entry(lambda: flow(REALS), EXACT, "encode decode score latent", rounds=40),
    "realnvp/given": Entry(lambda: flow(REALS, LABEL), EXACT, "encode decode score latent condition"),
    "realnvp/given/several": Entry(lambda: flow(REALS, BOTH, 0.2), EXACT, "encode decode score latent condition"),
    "standardized/realnvp": Entry(lambda: Standardized(flow(REALS)), EXACT, "encode decode score latent"),
    "dequantized/realnvp": Entry(
        lambda: Dequantized(flow(PIXELS, high=256), 256), BOUND, "encode decode latent", rounds=40
    ),
    "dequantized/realnvp/conv": Entry(
        lambda: Dequantized(flow(EVEN, LABEL, 0.5, net="conv", high=256), 256), BOUND, "encode decode latent condition"
    ),
    "nsf": Entry(lambda: spline_flow(REALS), EXACT, "encode decode score latent", rounds=40),
    "nsf/given": Entry(
        lambda: spline_flow(REALS, LABEL, drop_given=0.2), EXACT, "encode decode score latent condition"
    ),
    "dequantized/nsf": Entry(lambda: Dequantized(spline_flow(PIXELS, high=256), 256), BOUND, "encode decode latent"),
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
    "ising": Entry(lambda: stirred(Ising(Space((1, 3, 4), levels=2), Graph.complete(12))), EXACT, rounds=40),
    "ising/large": Entry(lambda: stirred(large_ising(Space((1, 5, 5), levels=2))), ESTIMATE),
    "potts": Entry(lambda: stirred(Potts(Space((2, 3), levels=4), Graph.grid((2, 3)))), EXACT, rounds=40),
    "bayes_net": Entry(
        lambda: tabled(BayesNet(Space((2, 3), levels=3), {1: [0], 2: [0, 1], 4: [3], 5: [2]})), EXACT, "direct_fit"
    ),
    "bayes_net/tree": Entry(lambda: counted(ChowLiu(Space((2, 3), levels=3))), EXACT, "direct_fit"),
    "bayes_net/reals": Entry(lambda: LinearGaussianNet(REALS, {0: [2], 1: [0, 2]}), EXACT, "score direct_fit"),
    "bigram": Entry(lambda: bigram(TINY), EXACT, "step direct_fit"),
    "bigram/ragged": Entry(lambda: bigram(WORDS), EXACT, "step direct_fit"),
    "diffusion": Entry(lambda: diffusion(BYTES), BOUND, "encode decode latent denoise", rounds=40),
    "diffusion/reals": Entry(
        lambda: diffusion(REALS, sampler=DDIM(6, eta=0.5)), BOUND, "encode decode score latent denoise"
    ),
    "diffusion/bits": Entry(
        lambda: diffusion(BITS, schedule=Linear(), predicts=Predicts.DATA),
        BOUND,
        "encode decode latent denoise",
        rounds=40,
    ),
    "diffusion/exploding": Entry(
        lambda: diffusion(REALS, schedule=VarianceExploding(), predicts=Predicts.PRECONDITIONED),
        BOUND,
        "encode decode score latent denoise",
        rounds=40,
    ),
    "diffusion/unet": Entry(lambda: unet_diffusion(PIXELS), BOUND, "encode decode score latent denoise"),
    "diffusion/unet/given": Entry(
        lambda: unet_diffusion(EVEN, LABEL), BOUND, "encode decode score latent denoise condition"
    ),
    "diffusion/given/several": Entry(
        lambda: diffusion(REALS, BOTH, 0.2), BOUND, "encode decode score latent denoise condition"
    ),
    "standardized/diffusion": Entry(
        lambda: Standardized(diffusion(REALS)), BOUND, "encode decode score latent denoise"
    ),
    "latent/diffusion": Entry(lambda: latent(BYTES, diffusion), BOUND, "encode decode latent denoise", rounds=40),
    "rbm": Entry(lambda: rbm(Space((2, 3), levels=2)), EXACT, "encode decode", rounds=40),
    "rbm/many": Entry(lambda: rbm(Space((1, 5, 5), levels=2), hidden=24), ESTIMATE, "encode decode"),
    "rbm/cd": Entry(lambda: rbm(BITS, chains=0, steps=2), EXACT, "encode decode", rounds=60),
    "rbm/given": Entry(lambda: rbm(Space((5,), levels=2), LABEL), EXACT, "encode decode condition"),
    "rbm/given/many": Entry(
        lambda: rbm(Space((1, 5, 5), levels=2), LABEL, hidden=24), ESTIMATE, "encode decode condition"
    ),
    "boltzmann": Entry(lambda: BoltzmannMachine(Space((2, 2), levels=2), hidden=3), EXACT, rounds=40),
    "energy": Entry(lambda: energy(REALS, replay=Replay(64, 16, steps=3)), UNNORMALIZED, "score", rounds=40),
    "energy/bytes": Entry(lambda: energy(BYTES, replay=Replay(64, 16, steps=3)), UNNORMALIZED),
    "energy/score": Entry(lambda: energy(REALS), UNNORMALIZED, "score", rounds=100),
    "energy/given": Entry(lambda: energy(REALS, BOTH, drop_given=0.2), UNNORMALIZED, "score condition", rounds=100),
    "energy/given/bits": Entry(lambda: energy(BITS, LABEL), UNNORMALIZED, "condition"),
    "standardized/energy": Entry(
        lambda: Standardized(energy(REALS, replay=Replay(64, 16, steps=3))), UNNORMALIZED, "score"
    ),
    "joint": Entry(lambda: joint(REALS, Space((2,)), Space((1,)), None), BOUND, "score latent", rounds=40),
    "joint/given": Entry(
        lambda: joint(BITS, Space((8,), levels=2), Space((2, 4), levels=2), LABEL), BOUND, "latent condition"
    ),
    "latent/gaussian_mixture": Entry(lambda: latent(BITS, lambda z: mixture(z)), BOUND, "encode decode direct_fit"),
    "latent/vae": Entry(lambda: latent(BYTES, vae), BOUND, "encode decode latent"),
    "latent/wgan_gp/given": Entry(
        lambda: latent(REALS, lambda z: wgan(z, LABEL)), NONE, "sample encode decode latent condition", rounds=40
    ),
    "linear_autoencoder": Entry(lambda: CodeAutoencoder.linear(REALS, code=2), NONE, "encode decode loss", rounds=40),
    "autoencoder": Entry(
        lambda: CodeAutoencoder.mlp(BYTES, code=3, hidden=[16]), NONE, "encode decode loss", rounds=40
    ),
    "matrix_factorization": Entry(lambda: MatrixFactorization(BYTES, code=3), NONE, "encode decode loss direct_fit"),
    "nonlinear_factorization": Entry(lambda: free_codes(BITS, "ridge"), NONE, "encode decode loss", rounds=40),
    "sparse_coding": Entry(
        lambda: SparseCoding(REALS, code=5, penalty=0.3, steps=1000), NONE, "encode decode loss direct_fit"
    ),
    "sparse_coding/huber": Entry(
        lambda: free_codes(REALS, "lasso", nn.Linear(3, 3), loss=huber()), NONE, "encode decode loss"
    ),
    "nonlinear_sparse_coding": Entry(lambda: free_codes(REALS, "lasso"), NONE, "encode decode loss", rounds=40),
    "sparse_autoencoder": Entry(
        lambda: SparseAutoencoder(BYTES, code=12, active=4), NONE, "encode decode loss", rounds=40
    ),
    "sparse_autoencoder/relu": Entry(
        lambda: SparseAutoencoder(REALS, code=6, activation="relu"), NONE, "encode decode loss", rounds=40
    ),
    "standardized/autoencoder": Entry(
        lambda: Standardized(CodeAutoencoder.mlp(REALS, code=2, hidden=[8])), NONE, "encode decode loss"
    ),
    "latent/autoencoder": Entry(
        lambda: LatentModel(BYTES, coder(BYTES), mixture(Space((3,)))), NONE, "sample encode decode loss direct_fit"
    ),
    "vae": Entry(lambda: vae(BYTES), BOUND, "encode decode latent", rounds=40),
    "vae/conv": Entry(lambda: conv_vae(BYTES), BOUND, "encode decode latent"),
    "vae/bits": Entry(lambda: vae(BITS), BOUND, "encode decode latent"),
    "vae/reals": Entry(lambda: vae(REALS), BOUND, "encode decode score latent"),
    "vae/given": Entry(lambda: vae(BYTES, LABEL), BOUND, "encode decode latent condition"),
    "vae/given/several": Entry(lambda: vae(REALS, BOTH, 0.2), BOUND, "encode decode score latent condition"),
    "wgan_gp": Entry(lambda: wgan(BYTES), NONE, "sample decode latent", rounds=40),
    "wgan_gp/conv": Entry(lambda: conv_wgan(BYTES), NONE, "sample decode latent"),
    "wgan_gp/reals": Entry(lambda: wgan(REALS), NONE, "sample decode latent"),
    "wgan_gp/given": Entry(lambda: wgan(BITS, LABEL), NONE, "sample decode latent condition"),
    "wgan_gp/given/several": Entry(lambda: wgan(REALS, BOTH, 0.2), NONE, "sample decode latent condition"),
    "dcgan": Entry(lambda: dcgan(BYTES), NONE, "sample decode latent", rounds=40),
    "dcgan/given": Entry(lambda: dcgan(BITS, BOTH), NONE, "sample decode latent condition"),
}


def ready(name: str) -> GenerativeModel:
    """The tiny instance, prepared on rows of its own, the same at every call."""
    return copy.deepcopy(made_ready(name, torch.get_default_dtype()))


@functools.cache
def made_ready(name: str, dtype: torch.dtype) -> GenerativeModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ZOO[name].make().to(dtype)
    model.prepare([batch(model, 64)])
    return model.eval()


def subject(name: str) -> Subject:
    """The tiny instance with rows, as it is held against its promises."""
    model, entry = ready(name), ZOO[name]
    found = Subject.of(model)
    unit = found.unit or (name.startswith("standardized/") and entry.likelihood is not NONE)
    return replace(found, unit=unit and name not in RAW, rounds=entry.rounds, still=STILL)


def shown(model: GenerativeModel, n: int, seed: int) -> Tensor:
    """What a model makes of a seed: samples, or where it has none the codes of some rows."""
    data = batch(model, n)
    return model.sample(n, data.given, seed=seed) if model.can("sample") else model.encode(data.x, data.given).detach()
