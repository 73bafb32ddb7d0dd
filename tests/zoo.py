"""One tiny instance of every model: what the conformance suite runs on.

An entry says how to make the model, what kind of likelihood it declares, and makes rows for it. A new model adds one
line to `ZOO`.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genzoo.core import Batch, GenerativeModel, Given, GivenSpaceLike, Likelihood, Noise, Space, as_given_space
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

REALS, BYTES, BITS = Space((3,)), Space((1, 4, 5), levels=256), Space((1, 4, 4), levels=2)
LABEL = Space((), levels=3)
BOTH = {"label": LABEL, "angle": Space((2,))}


@dataclass(frozen=True)
class Entry:
    """How to make a model, what it says of itself, and after how many rounds its loss has fallen."""

    make: Callable[[], GenerativeModel]
    likelihood: Likelihood
    rounds: int = 40


def rows(space: Space, n: int, name: str = "data") -> Tensor:
    """Rows of a space: two clusters of reals, or levels around a ramp that each row has shifted."""
    noise = Noise(1, name)
    if space.levels is None:
        side = noise.integers(2, n, *[1] * len(space.shape)).to(torch.get_default_dtype())
        return 2 + 3 * side + noise.normal(n, *space.shape)
    ramp = torch.linspace(0.1, 0.7, space.dims).reshape(space.shape)
    level = (
        ramp + 0.3 * noise.uniform(n, *[1] * len(space.shape)) + 0.05 * noise.normal(n, *space.shape)
    ) * space.levels
    x = level.floor().clamp(0, space.levels - 1).to(getattr(torch, space.dtype))
    if not space.ragged:
        return x
    length = noise.integers(1 + space.shape[0], n, 1)
    return x.masked_fill(torch.arange(space.shape[0]) >= length, space.levels)


def conditions(given_space: GivenSpaceLike, n: int) -> Given:
    """Rows of a condition, one that is not null for each row."""
    return {name: condition(space, n, Noise(2, name)) for name, space in as_given_space(given_space).items()}


def condition(space: Space, n: int, noise: Noise) -> Tensor:
    return noise.integers(space.levels, n, *space.shape) if space.is_discrete else noise.normal(n, *space.shape)


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
    return stirred(coupling_flow(space, given, Spline(4), Nets(width=8, layers=1), depth=2, **options))


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


def stirred(model: GenerativeModel) -> GenerativeModel:
    """The model with weights moved at random, for one that starts as the uniform distribution shows little."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
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

ZOO: dict[str, Entry] = {
    "gaussian": Entry(lambda: Gaussian(REALS), EXACT),
    "gaussian/diag": Entry(lambda: Gaussian(REALS, covariance="diag"), EXACT),
    "gaussian/low_rank": Entry(lambda: Gaussian(REALS, covariance="low_rank", rank=1), EXACT),
    "gaussian/given": Entry(lambda: Gaussian(REALS, LABEL), EXACT),
    "gaussian/given/tied": Entry(lambda: Gaussian(REALS, LABEL, covariance="tied"), EXACT),
    "histogram": Entry(lambda: Histogram(TINY), EXACT),
    "histogram/independent/given": Entry(lambda: Histogram(TINY, LABEL, factorization="independent"), EXACT),
    "histogram/joint": Entry(lambda: Histogram(TINY, factorization="joint"), EXACT),
    "histogram/reals": Entry(lambda: BinnedHistogram(REALS, bins=4), EXACT),
    "kmeans": Entry(lambda: KMeans(REALS, clusters=3), EXACT),
    "kmeans/given": Entry(lambda: KMeans(REALS, LABEL, clusters=2), EXACT),
    "standardized/kmeans": Entry(lambda: Standardized(KMeans(REALS, clusters=2)), EXACT),
    "gaussian_mixture": Entry(mixture, EXACT),
    "gaussian_mixture/tied": Entry(lambda: mixture(covariance="tied"), EXACT),
    "gaussian_mixture/diag": Entry(lambda: mixture(covariance="diag"), EXACT),
    "gaussian_mixture/spherical": Entry(lambda: mixture(covariance="spherical"), EXACT),
    "gaussian_mixture/low_rank": Entry(lambda: mixture(covariance="low_rank", rank=1), EXACT),
    "gaussian_mixture/given": Entry(lambda: mixture(given=LABEL), EXACT),
    "gaussian_mixture/given/tied": Entry(lambda: mixture(given=LABEL, covariance="tied"), EXACT),
    "kde": Entry(kde, EXACT),
    "kde/likelihood": Entry(lambda: kde(bandwidth="likelihood", whiten="columns"), EXACT),
    "kde/epanechnikov": Entry(lambda: kde(kernel="epanechnikov", bandwidth=9.0, whiten="none"), EXACT),
    "kde/given": Entry(lambda: kde(given=LABEL), EXACT),
    "softmax_regression": Entry(lambda: SoftmaxRegression(ONE_OF_3, REALS), EXACT),
    "softmax_regression/bytes": Entry(lambda: SoftmaxRegression(ONE_OF_3, Space((1, 28, 28), levels=256)), EXACT),
    "softmax_regression/several": Entry(lambda: Standardized(SoftmaxRegression(ONE_OF_3, BOTH)), EXACT),
    "standardized/kde": Entry(lambda: Standardized(kde()), EXACT),
    "dequantized/kde": Entry(lambda: Dequantized(kde(TINY_REALS), 5), BOUND),
    "standardized/gaussian_mixture": Entry(lambda: Standardized(mixture()), EXACT),
    "standardized/vae": Entry(lambda: Standardized(vae(REALS)), BOUND),
    "standardized/wgan_gp": Entry(lambda: Standardized(wgan(REALS)), NONE),
    "dequantized/gaussian_mixture": Entry(lambda: Dequantized(Standardized(mixture(PIXELS, floor=0.1)), 256), BOUND),
    "dequantized/gaussian_mixture/given": Entry(
        lambda: Dequantized(mixture(PIXELS, LABEL, floor=0.1), 256, draws=2), BOUND
    ),
    "dequantized/vae": Entry(lambda: Dequantized(Standardized(vae(PIXELS, LABEL, 0.5)), 256), BOUND),
    "ppca": Entry(lambda: PPCA(REALS, rank=1), EXACT),
    "dequantized/ppca": Entry(lambda: Dequantized(PPCA(PIXELS, rank=2), 256), BOUND),
    "factor_analysis": Entry(lambda: FactorAnalysis(REALS, rank=1), EXACT),
    "hmm": Entry(lambda: HMM(Space((3, 2), levels=3), states=3), EXACT),
    "hmm/bits": Entry(lambda: HMM(Space((4, 3), levels=2), states=2), EXACT),
    "hmm/ragged": Entry(lambda: HMM(WORDS, states=3), EXACT),
    "hmm/ragged/given": Entry(lambda: HMM(WORDS, LABEL, states=2), EXACT),
    "hmm/reals": Entry(lambda: HMM(Space((4,)), states=2), EXACT),
    "hmm/reals/given": Entry(lambda: HMM(Space((4,)), LABEL, states=2, covariance="full"), EXACT),
    "realnvp": Entry(lambda: flow(REALS), EXACT),
    "realnvp/given": Entry(lambda: flow(REALS, LABEL), EXACT),
    "realnvp/given/several": Entry(lambda: flow(REALS, BOTH, 0.2), EXACT),
    "standardized/realnvp": Entry(lambda: Standardized(flow(REALS)), EXACT),
    "dequantized/realnvp": Entry(lambda: Dequantized(flow(PIXELS, high=256), 256), BOUND),
    "dequantized/realnvp/conv": Entry(lambda: Dequantized(flow(EVEN, LABEL, 0.5, net="conv", high=256), 256), BOUND),
    "nsf": Entry(lambda: spline_flow(REALS), EXACT),
    "nsf/given": Entry(lambda: spline_flow(REALS, LABEL, drop_given=0.2), EXACT),
    "dequantized/nsf": Entry(lambda: Dequantized(spline_flow(PIXELS, high=256), 256), BOUND),
    "made": Entry(lambda: made(BYTES), EXACT),
    "made/bits": Entry(lambda: made(Space((1, 3, 3), levels=2)), EXACT),
    "made/few": Entry(lambda: made(TINY, depth=1), EXACT),
    "made/many": Entry(lambda: made(Space((2,), levels=40), components=2), EXACT),
    "made/given": Entry(lambda: made(TINY, LABEL, head="logistics"), EXACT),
    "made/given/several": Entry(lambda: made(Space((6,), levels=2), BOTH, drop_given=0.2), EXACT),
    "gpt": Entry(lambda: gpt(TINY), EXACT),
    "gpt/ragged": Entry(lambda: gpt(WORDS), EXACT),
    "gpt/style": Entry(lambda: gpt(WORDS, style=GPT2), EXACT),
    "gpt/given": Entry(lambda: gpt(WORDS, LABEL), EXACT),
    "gpt/given/several": Entry(lambda: gpt(TINY, TEXT, drop_given=0.2), EXACT),
    "ising": Entry(lambda: stirred(Ising(Space((1, 3, 4), levels=2), Graph.complete(12))), EXACT),
    "ising/large": Entry(lambda: stirred(large_ising(Space((1, 5, 5), levels=2))), ESTIMATE),
    "potts": Entry(lambda: stirred(Potts(Space((2, 3), levels=4), Graph.grid((2, 3)))), EXACT),
    "bayes_net": Entry(lambda: tabled(BayesNet(Space((2, 3), levels=3), {1: [0], 2: [0, 1], 4: [3], 5: [2]})), EXACT),
    "bayes_net/tree": Entry(lambda: counted(ChowLiu(Space((2, 3), levels=3))), EXACT),
    "bayes_net/reals": Entry(lambda: LinearGaussianNet(REALS, {0: [2], 1: [0, 2]}), EXACT),
    "bigram": Entry(lambda: bigram(TINY), EXACT),
    "bigram/ragged": Entry(lambda: bigram(WORDS), EXACT),
    "diffusion": Entry(lambda: diffusion(BYTES), BOUND),
    "diffusion/reals": Entry(lambda: diffusion(REALS, sampler=DDIM(6, eta=0.5)), BOUND),
    "diffusion/bits": Entry(lambda: diffusion(BITS, schedule=Linear(), predicts=Predicts.DATA), BOUND),
    "diffusion/exploding": Entry(
        lambda: diffusion(REALS, schedule=VarianceExploding(), predicts=Predicts.PRECONDITIONED), BOUND
    ),
    "diffusion/unet": Entry(lambda: unet_diffusion(PIXELS), BOUND),
    "diffusion/unet/given": Entry(lambda: unet_diffusion(EVEN, LABEL), BOUND),
    "diffusion/given/several": Entry(lambda: diffusion(REALS, BOTH, 0.2), BOUND),
    "standardized/diffusion": Entry(lambda: Standardized(diffusion(REALS)), BOUND),
    "latent/diffusion": Entry(lambda: latent(BYTES, diffusion), BOUND),
    "rbm": Entry(lambda: rbm(Space((2, 3), levels=2)), EXACT),
    "rbm/many": Entry(lambda: rbm(Space((1, 5, 5), levels=2), hidden=24), ESTIMATE),
    "rbm/cd": Entry(lambda: rbm(BITS, chains=0, steps=2), EXACT, rounds=60),
    "rbm/given": Entry(lambda: rbm(Space((5,), levels=2), LABEL), EXACT),
    "rbm/given/many": Entry(lambda: rbm(Space((1, 5, 5), levels=2), LABEL, hidden=24), ESTIMATE),
    "boltzmann": Entry(lambda: BoltzmannMachine(Space((2, 2), levels=2), hidden=3), EXACT),
    "energy": Entry(lambda: energy(REALS, replay=Replay(64, 16, steps=3)), UNNORMALIZED),
    "energy/bytes": Entry(lambda: energy(BYTES, replay=Replay(64, 16, steps=3)), UNNORMALIZED),
    "energy/score": Entry(lambda: energy(REALS), UNNORMALIZED),
    "energy/given": Entry(lambda: energy(REALS, BOTH, drop_given=0.2), UNNORMALIZED),
    "energy/given/bits": Entry(lambda: energy(BITS, LABEL), UNNORMALIZED),
    "standardized/energy": Entry(lambda: Standardized(energy(REALS, replay=Replay(64, 16, steps=3))), UNNORMALIZED),
    "joint": Entry(lambda: joint(REALS, Space((2,)), Space((1,)), None), BOUND),
    "joint/given": Entry(lambda: joint(BITS, Space((8,), levels=2), Space((2, 4), levels=2), LABEL), BOUND),
    "latent/gaussian_mixture": Entry(lambda: latent(BITS, lambda z: mixture(z)), BOUND),
    "latent/vae": Entry(lambda: latent(BYTES, vae), BOUND),
    "latent/wgan_gp/given": Entry(lambda: latent(REALS, lambda z: wgan(z, LABEL)), NONE),
    "linear_autoencoder": Entry(lambda: CodeAutoencoder.linear(REALS, code=2), NONE),
    "autoencoder": Entry(lambda: CodeAutoencoder.mlp(BYTES, code=3, hidden=[16]), NONE),
    "matrix_factorization": Entry(lambda: MatrixFactorization(BYTES, code=3), NONE),
    "nonlinear_factorization": Entry(lambda: free_codes(BITS, "ridge"), NONE),
    "sparse_coding": Entry(lambda: SparseCoding(REALS, code=5, penalty=0.3, steps=1000), NONE),
    "sparse_coding/huber": Entry(lambda: free_codes(REALS, "lasso", nn.Linear(3, 3), loss=huber()), NONE),
    "nonlinear_sparse_coding": Entry(lambda: free_codes(REALS, "lasso"), NONE),
    "sparse_autoencoder": Entry(lambda: SparseAutoencoder(BYTES, code=12, active=4), NONE),
    "sparse_autoencoder/relu": Entry(lambda: SparseAutoencoder(REALS, code=6, activation="relu"), NONE),
    "standardized/autoencoder": Entry(lambda: Standardized(CodeAutoencoder.mlp(REALS, code=2, hidden=[8])), NONE),
    "latent/autoencoder": Entry(lambda: LatentModel(BYTES, coder(BYTES), mixture(Space((3,)))), NONE),
    "vae": Entry(lambda: vae(BYTES), BOUND),
    "vae/conv": Entry(lambda: conv_vae(BYTES), BOUND),
    "vae/bits": Entry(lambda: vae(BITS), BOUND),
    "vae/reals": Entry(lambda: vae(REALS), BOUND),
    "vae/given": Entry(lambda: vae(BYTES, LABEL), BOUND),
    "vae/given/several": Entry(lambda: vae(REALS, BOTH, 0.2), BOUND),
    "dcgan": Entry(lambda: dcgan(BYTES), NONE),
    "dcgan/given": Entry(lambda: dcgan(BITS, BOTH), NONE),
    "wgan_gp": Entry(lambda: wgan(BYTES), NONE),
    "wgan_gp/conv": Entry(lambda: conv_wgan(BYTES), NONE),
    "wgan_gp/reals": Entry(lambda: wgan(REALS), NONE),
    "wgan_gp/given": Entry(lambda: wgan(BITS, LABEL), NONE),
    "wgan_gp/given/several": Entry(lambda: wgan(REALS, BOTH, 0.2), NONE),
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


def shown(model: GenerativeModel, n: int, seed: int) -> Tensor:
    """What a model makes of a seed: samples, or where it has none the codes of some rows."""
    data = batch(model, n)
    return model.sample(n, data.given, seed=seed) if model.can("sample") else model.encode(data.x, data.given).detach()
