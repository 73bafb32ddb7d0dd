"""Recipes of classical models."""

from typing import Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, GivenSpace, Positive, Recipe, Size, recipe

__all__ = ["gaussian", "gaussian_mixture", "kde", "softmax_regression"]


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "direct_fit"),
    paper="Gauss, 1809, Theoria motus corporum coelestium",
)
def gaussian(space: Space, given: GivenSpace = None, *, size: Size = "small", floor: Positive = 1e-6) -> Recipe:
    """One Gaussian with a full covariance, fitted in closed form by one pass.

    Levels are seen through uniform dequantization.

    Args:
        size: Both are the same.
        floor: What is added to every variance, as a share of the largest.
    """
    from genzoo.models.classical import Gaussian
    from genzoo.models.dequantized import Dequantized

    if given is not None:
        raise Mistake("gaussian takes no condition, got one.", "Leave --given out, or take gaussian_mixture.")
    model = Gaussian(Space(space.shape), floor=floor)
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=1000))


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition", "direct_fit"),
    paper="Dempster, Laird & Rubin, 1977, Maximum likelihood from incomplete data via the EM algorithm",
)
def gaussian_mixture(
    space: Space,
    given: GivenSpace = None,
    *,
    size: Size = "small",
    components: Count | None = None,
    covariance: Literal["full", "tied", "diag", "spherical"] = "full",
    floor: Positive | None = None,
) -> Recipe:
    """A mixture of Gaussians fitted by expectation maximization; one mixture per class, given a label.

    Levels are seen through uniform dequantization, so that a density scores bytes honestly.

    Args:
        size: Small: 10 components. Paper: 30.
        components: The number of Gaussians (of each class); by default as size says.
        covariance: One matrix for each component, one for all, a diagonal each, or one variance each.
        floor: The smallest variance, as a share of the data's; by default 1e-6, and 0.1 from 16 dimensions on, where
            few rows must carry a full matrix.
    """
    from genzoo.models.classical import GaussianMixture
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.standardized import Standardized

    count = components or {"small": 10, "paper": 30}[size]
    least = floor or (0.1 if space.dims >= 16 else 1e-6)
    inner = GaussianMixture(Space(space.shape), given, components=count, covariance=covariance, floor=least)
    model = Standardized(inner)
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=1000))


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition", "direct_fit"),
    paper="Rosenblatt, 1956, doi:10.1214/aoms/1177728190",
)
def kde(
    space: Space,
    given: GivenSpace = None,
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

    model = KernelDensity(Space(space.shape), given, kernel=kernel, bandwidth=bandwidth, whiten=whiten)
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=10_000))


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "direct_fit"),
    paper="Cox, 1966, Some procedures connected with the logistic qualitative response curve",
)
def softmax_regression(
    space: Space,
    given: GivenSpace = None,
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
    """
    from genzoo.models.classical import SoftmaxRegression
    from genzoo.zoo.units import in_units

    if given is None:
        raise Mistake(
            "softmax_regression models a label given its row, got no condition.",
            "Name the label as x: --x label --given image, or --x COLUMN --given '*'.",
        )
    return Recipe(in_units(SoftmaxRegression(space, given, penalty=penalty, tol=tol)), TrainConfig(batch_size=1000))
