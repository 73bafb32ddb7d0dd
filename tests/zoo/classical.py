"""Classical densities: their tiny instances."""

from genzoo.core import Column, GivenSpaceLike, Space
from genzoo.models import Dequantized, Standardized
from genzoo.models.classical import (
    HMM,
    PPCA,
    BinnedHistogram,
    Detector,
    FactorAnalysis,
    Forest,
    Gaussian,
    GaussianMixture,
    Histogram,
    KernelDensity,
    KMeans,
    LatentTree,
    MixtureDensity,
    ProductMixture,
    SoftmaxRegression,
)
from genzoo.models.pieces import Smoothing
from tests.zoo.entry import (
    BOTH,
    BOUND,
    BYTES,
    EXACT,
    LABEL,
    ONE_OF_3,
    PIXELS,
    REALS,
    TINY,
    TINY_REALS,
    WORDS,
    Entry,
    batch,
)


def mixture(space: Space = REALS, given: GivenSpaceLike = None, **options: object) -> GaussianMixture:
    return GaussianMixture(space, given, components=2, **options)


def kde(space: Space = REALS, given: GivenSpaceLike = None, **options: object) -> KernelDensity:
    """A fitted one: what it keeps is what it is."""
    model = KernelDensity(space, given, **options)
    model.begin()
    model.accumulate(batch(model, 40))
    model.finish()
    return model


MIXED = (Column("real"), Column("integer"), Column("categorical", 3), Column("ordered", 2, missing=True))


def products(space: Space = REALS, given: GivenSpaceLike = None) -> ProductMixture:
    return ProductMixture(space, given, components=3, each=10, bins=8)


def tree(space: Space = REALS, given: GivenSpaceLike = None) -> LatentTree:
    return LatentTree(space, given, states=3, each=10, bins=8, smoothing=Smoothing(0.01, 0.01, edges=0.01))


def forest(space: Space, given: GivenSpaceLike = None) -> Forest:
    return Forest([tree(space, given), LatentTree(space, given, states=2, each=10, bins=6)])


def network(space: Space = REALS, given: GivenSpaceLike = None, **options: object) -> MixtureDensity:
    return MixtureDensity(space, given, components=2, width=16, depth=1, **options)


CLASSICAL: dict[str, Entry] = {
    "mixture_density": Entry(lambda: network(TINY_REALS, BOTH, drop_given=0.2), EXACT, "score condition", rounds=15),
    "mixture_density/fixed": Entry(lambda: network(fixed=True), EXACT, "score"),
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
    "latent_tree": Entry(tree, EXACT, "missing direct_fit"),
    "forest": Entry(lambda: forest(Space((4,), columns=MIXED), LABEL), EXACT, "condition missing direct_fit"),
    "latent_tree/given": Entry(lambda: tree(given=BOTH), EXACT, "condition missing direct_fit"),
    "latent_tree/columns": Entry(
        lambda: tree(Space((4,), columns=MIXED), LABEL), EXACT, "condition missing direct_fit"
    ),
    "product_mixture": Entry(products, EXACT, "missing direct_fit"),
    "product_mixture/given": Entry(lambda: products(given=BOTH), EXACT, "condition missing direct_fit"),
    "product_mixture/levels": Entry(lambda: products(TINY, LABEL), EXACT, "condition missing direct_fit"),
    "product_mixture/columns": Entry(
        lambda: products(Space((4,), columns=MIXED), LABEL), EXACT, "condition missing direct_fit"
    ),
    "kde": Entry(kde, EXACT, "score direct_fit"),
    "kde/likelihood": Entry(lambda: kde(bandwidth="likelihood", whiten="columns"), EXACT, "score direct_fit"),
    "kde/epanechnikov": Entry(
        lambda: kde(kernel="epanechnikov", bandwidth=9.0, whiten="none"), EXACT, "score direct_fit"
    ),
    "kde/given": Entry(lambda: kde(given=LABEL), EXACT, "score condition direct_fit"),
    "detector": Entry(lambda: Detector(ONE_OF_3, BYTES, width=2), EXACT, "condition", rounds=15),
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
    "dequantized/gaussian_mixture": Entry(
        lambda: Dequantized(Standardized(mixture(PIXELS, floor=0.1)), 256), BOUND, "encode decode direct_fit"
    ),
    "dequantized/gaussian_mixture/given": Entry(
        lambda: Dequantized(mixture(PIXELS, LABEL, floor=0.1), 256, draws=2),
        BOUND,
        "encode decode condition direct_fit",
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
}
