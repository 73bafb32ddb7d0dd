"""Recipes of classical models."""

import math
from typing import TYPE_CHECKING, Literal

from genzoo._files import memory
from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import NATS, Amount, Count, DropGiven, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units, over_reals

if TYPE_CHECKING:
    pass

__all__ = ["gaussian", "gaussian_mixture", "histogram", "kde", "kmeans", "mixture_density", "softmax_regression"]

Kind = Literal["full", "tied", "diag", "spherical", "low_rank"]
LARGE = 1 << 22  # numbers in all covariances from which a full one is no default
COPIES = 16  # of each number while they are fitted: factors, inverses, sums, what is kept and what is saved
PASSES = TrainConfig(batch_size=4000)  # rows at a time; no setting of a pass changes what it finds


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition", "missing", "direct_fit"),
    paper="Gauss, 1809, Theoria motus corporum coelestium",
    knows=("impute", "where"),
)
def gaussian(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    covariance: Kind | None = None,
    rank: Count | None = None,
    floor: Positive | None = None,
) -> Recipe:
    """One Gaussian, or one for each class, fitted in closed form by one pass.

    Levels are seen through uniform dequantization. Missing entries are marginalised.

    Args:
        size: Both are the same.
        covariance: A full matrix (for each class), one for all classes, a diagonal, one variance, or a low rank
            plus one variance, which pictures are drawn without, unless noise=true; by default full, and a diagonal
            where that would take four million numbers.
        rank: The rank of covariance=low_rank; by default 10, or one less than there are columns.
        floor: The smallest variance, as a share of the data's; by default a singular covariance is refused.
    """
    from genzoo.models.classical import Gaussian

    covariance = _covariance(space, given_space, covariance, 1)
    rank = _rank(space, covariance, rank)
    inner = Gaussian(Space(space.shape), given_space, covariance=covariance, rank=rank, floor=floor)
    return Recipe(over_reals(inner, space), PASSES)


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "encode", "decode", "condition", "missing", "direct_fit"),
    paper="Dempster, Laird & Rubin, 1977, Maximum likelihood from incomplete data via the EM algorithm",
    answers="component",
    knows=("impute", "where"),
)
def gaussian_mixture(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    components: Count | Literal["bic"] | None = None,
    covariance: Kind | None = None,
    rank: Count | None = None,
    start: Literal["kmeans", "random"] = "kmeans",
    restarts: Count = 1,
    floor: Positive | None = None,
) -> Recipe:
    """A mixture of Gaussians fitted by expectation maximization; one mixture per class, given a label.

    Levels are seen through uniform dequantization, so that a density scores bytes honestly. Missing entries are
    marginalised. A code is the number of the most probable component.

    Args:
        size: Small: 10 components, bic tries up to 20. Paper: 30 and 60.
        components: The number of Gaussians (of each class), or bic to choose it; by default as size says.
        covariance: One matrix for each component, one for all, a diagonal each, one variance each, or a low rank
            plus one variance each, which pictures are drawn without, unless noise=true; by default full, and a
            diagonal where that would take four million numbers.
        rank: The rank of covariance=low_rank; by default 10, or one less than there are columns.
        start: Centers of k-means, or random rows.
        restarts: The number of starts, of which the best on the first 10,000 rows is kept.
        floor: The smallest variance, as a share of the data's; by default 0.1 from 16 dimensions on, where few rows
            must carry a full matrix; below, components may shrink to 1e-6, and a singular covariance is refused.
    """
    from genzoo.models.classical import GaussianMixture, Start

    count, most = components or {"small": 10, "paper": 30}[size], {"small": 20, "paper": 60}[size]
    covariance = _covariance(space, given_space, covariance, most if count == "bic" else count)
    inner = GaussianMixture(
        Space(space.shape),
        given_space,
        components=count,
        covariance=covariance,
        rank=_rank(space, covariance, rank),
        start=Start(start, restarts=restarts, most=most),
        floor=floor or (0.1 if space.dims >= 16 else None),
    )
    return Recipe(over_reals(inner, space), PASSES)


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "encode", "decode", "condition", "direct_fit"),
    paper="Lloyd, 1982, Least squares quantization in PCM",
    answers="cluster",
)
def kmeans(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    clusters: Count | None = None,
    restarts: Count = 1,
    empty: Literal["split", "keep", "error"] = "split",
) -> Recipe:
    """k-means: centers, and the mixture of spherical Gaussians of one variance around them.

    Columns are seen in standard units. A code is the number of the nearest center.

    Args:
        size: Small: 10 centers. Paper: 100.
        clusters: The number of centers (for each class); by default as size says.
        restarts: The number of starts, of which the best on the first 10,000 rows is kept.
        empty: A center without rows splits the widest cluster, is kept, or is an error.
    """
    from genzoo.models.classical import KMeans

    count = clusters or {"small": 10, "paper": 100}[size]
    inner = KMeans(Space(space.shape), given_space, clusters=count, restarts=restarts, empty=empty)
    return Recipe(over_reals(inner, space), PASSES)


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "direct_fit"),
    paper="Shannon, 1948, A mathematical theory of communication",
    columns="both",
)
def histogram(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    factorization: Literal["independent", "markov", "joint"] = "markov",
    smoothing: Positive = 0.1,
    bins: Count = 32,
) -> Recipe:
    """Tables of relative frequencies: of each entry, of each entry given the one before, or of all together.

    Real columns are cut into bins, with exponential tails, which are then counted.

    Args:
        size: Both are the same.
        factorization: What depends on what; a table that is hopelessly large is refused with its count.
        smoothing: What is added to every count.
        bins: The number of bins of a real column.
    """
    from genzoo.models.classical import BinnedHistogram, Histogram

    options = {"factorization": factorization, "smoothing": smoothing}
    if space.is_discrete:
        return Recipe(Histogram(space, given_space, **options), PASSES)
    return Recipe(BinnedHistogram(space, given_space, bins=bins, **options), PASSES)


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition", "direct_fit"),
    paper="Rosenblatt, 1956, doi:10.1214/aoms/1177728190",
    loss=f"−log p of rows left out in turn, {NATS}",
)
def kde(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    kernel: Literal["gaussian", "epanechnikov", "linear", "tophat"] = "gaussian",
    bandwidth: Literal["scott", "silverman", "likelihood"] | Positive = "scott",
    whiten: Literal["full", "columns", "none"] = "full",
) -> Recipe:
    """A kernel on every row of the data, kept by one pass; one estimate per class, given a label.

    Levels are seen through uniform dequantization.

    Args:
        size: Both are the same.
        kernel: Gaussian, or compact: Epanechnikov's, a cone (linear) or a ball (tophat).
        bandwidth: Scott's or Silverman's rule, the best likelihood of each row under the others, or a number.
        whiten: What distances are measured by: the full covariance, each of the columns by itself, or none.
    """
    from genzoo.models.classical import KernelDensity
    from genzoo.models.dequantized import Dequantized

    model = KernelDensity(Space(space.shape), given_space, kernel=kernel, bandwidth=bandwidth, whiten=whiten)
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=10_000))


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "direct_fit"),
    paper="Cox, 1966, Some procedures connected with the logistic qualitative response curve",
    columns="levels",
    answers="class",
    loss=f"−log p(class | row) and its penalty, {NATS}",
)
def softmax_regression(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    penalty: Amount = 1.0,
    tol: Positive = 1e-6,
) -> Recipe:
    """The label given the row: softmax of a linear map, fitted to the cross-entropy by Newton's method or L-BFGS.

    Real conditions are seen with mean 0 and variance 1, which the penalty is in the units of.

    Args:
        size: Both are the same.
        penalty: What half the sum of squared weights costs, in nats; 1/C of scikit-learn.
        tol: The fit has converged when a step promises less than this, in nats per row.

    Raises:
        Mistake: If there is no condition.
    """
    from genzoo.models.classical import SoftmaxRegression

    if given_space is None:
        raise Mistake(
            "softmax_regression models a label given its row, got no condition.",
            "Name the label as x: --x label --given image, or --x COLUMN --given '*'.",
        )
    return Recipe(
        in_units(SoftmaxRegression(space, given_space, penalty=penalty, tol=tol)), TrainConfig(batch_size=1000)
    )


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition"),
    paper="Bishop, 1994, Mixture density networks",
    sampling=("temperature",),
)
def mixture_density(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    components: Count = 5,
    width: Count | None = None,
    depth: Count = 3,
    fixed: bool = False,
    drop_given: DropGiven = 0.0,
) -> Recipe:
    """A perceptron of the condition says a mixture of Gaussians of all of x; with one component, a regression.

    Args:
        size: Small: layers of 256. Paper: of 512.
        components: The number of Gaussians.
        width: Units of a hidden layer; by default as size says.
        depth: Hidden layers.
        fixed: Whether one deviation serves all entries: with components=1 this is least squares, whose answer is
            drawn at temperature=0.
    """
    from genzoo.models.classical import MixtureDensity

    model = MixtureDensity(
        Space(space.shape),
        given_space,
        components=components,
        width=width or (256 if size == "small" else 512),
        depth=depth,
        fixed=fixed,
        drop_given=drop_given,
    )
    config = TrainConfig(steps=3000, batch_size=256, lr=2e-3, warmup=100, clip_norm=10.0, ema=0.05)
    return Recipe(over_reals(model, space), config)


def _covariance(space: Space, given_space: GivenSpaceLike, asked: Kind | None, components: int) -> Kind:
    """The covariance asked for, if it fits into the memory; by default a full one, if it is not large."""
    from genzoo.core.given import as_given_space

    classes = [each.levels or 1 for each in as_given_space(given_space).values() if not each.shape]
    numbers = components * math.prod(classes) * space.dims**2
    if asked is None:
        return "full" if numbers <= LARGE else "diag"
    wanted, there = COPIES * 8 * numbers, memory()
    if asked in ("full", "low_rank") and wanted > there:
        raise Mistake(
            f"Covariances ({asked}) must fit into the {there / 1e9:.1f} GB of memory, got {components} of "
            f"{space.dims:,} columns for each of {math.prod(classes)} classes: {wanted / 1e9:.1f} GB in the fit.",
            "Take covariance=diag, or fewer components or columns.",
        )
    return asked


def _rank(space: Space, covariance: str, rank: int | None) -> int | None:
    if rank is not None and covariance != "low_rank":
        raise Mistake(f"A rank goes with covariance=low_rank, got {covariance}.", "Set both, or leave rank out.")
    return (rank or min(10, space.dims - 1)) if covariance == "low_rank" else None
