"""Recipes of Gaussians with few causes."""

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Count, GivenSpaceLike, Positive, Recipe, Size, recipe

__all__ = ["factor_analysis", "ppca"]


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "direct_fit"),
    paper="Tipping & Bishop, 1999, Probabilistic principal component analysis",
    sampling=("noise",),
)
def ppca(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    rank: Count | None = None,
    standardize: bool | None = None,
    floor: Positive | None = None,
) -> Recipe:
    """Principal components with a density: a linear map of a short normal latent, and even noise; one pass.

    Levels are seen through uniform dequantization.

    Args:
        size: Small: 8 components, or half the entries of x if those are fewer. Paper: 32, likewise.
        rank: The number of components; by default as size says.
        standardize: Whether every entry is first given variance 1; by default real numbers are, levels are not.
        floor: The smallest variance of the noise, as a share of the data's; by default 1e-6, and data that leave the
            noise no variance are refused.
    """
    from genzoo.models.classical import PPCA
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.standardized import Standardized

    _refuse(given_space, "ppca")
    inner = PPCA(Space(space.shape), rank=rank or _rank(space, size), floor=floor)
    scaled = standardize if standardize is not None else space.levels is None
    model = Standardized(inner) if scaled else inner
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=1000))


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "direct_fit"),
    paper="Rubin & Thayer, 1982, EM algorithms for ML factor analysis",
    sampling=("noise",),
)
def factor_analysis(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    rank: Count | None = None,
    floor: Positive | None = None,
    tol: Positive = 1e-6,
    steps: Count = 1000,
) -> Recipe:
    """Few common causes and a noise of its own for every entry, by EM on the covariance of one pass.

    Levels are seen through uniform dequantization.

    Args:
        size: Small: 8 factors, or half the entries of x if those are fewer. Paper: 32, likewise.
        rank: The number of factors; by default as size says.
        floor: The smallest variance of an entry's own noise, as a share of its variance; by default 1e-4, and
            columns that never vary, or that the factors give without noise, are refused.
        tol: EM has converged when a step gains less than this, in nats per row.
        steps: The most steps of EM.
    """
    from genzoo.models.classical import FactorAnalysis
    from genzoo.models.dequantized import Dequantized

    _refuse(given_space, "factor_analysis")
    chosen = rank or _rank(space, size)
    model = FactorAnalysis(Space(space.shape), rank=chosen, floor=floor, tol=tol, steps=steps)
    return Recipe(model if space.levels is None else Dequantized(model, space.levels), TrainConfig(batch_size=1000))


def _rank(space: Space, size: Size) -> int:
    return max(1, min({"small": 8, "paper": 32}[size], space.dims // 2))


def _refuse(given_space: GivenSpaceLike, name: str) -> None:
    if given_space is not None:
        raise Mistake(f"{name} takes no condition, got one.", "Leave --given out, or take gaussian_mixture.")
