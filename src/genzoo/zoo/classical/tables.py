"""Recipes of classical models of tables, whose columns are of several kinds."""

from genzoo.core.space import Column, Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, GivenSpaceLike, Positive, Recipe, Size, recipe

__all__ = ["circuit", "gaussian_copula", "mixture_table"]

FEWEST, SPREAD = 4, 1.5  # bins of a column, and how far trees differ in them, in octaves
LARGE = 1 << 24  # numbers in a table of pieces and components


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "missing", "direct_fit"),
    paper="Liu, Zhang & Van den Broeck, 2023, arXiv:2210.04398",
    columns="own",
    knows=("impute", "where"),
)
def circuit(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    trees: Count = 4,
    states: Count | None = None,
    bins: Count = 128,
    smoothing: Amount = 50.0,
    smoothing_levels: Amount = 2.0,
    smoothing_edges: Positive = 2.0,
) -> Recipe:
    """A probabilistic circuit: trees of hidden states, one for each column, over columns of any kind.

    Deep mixtures of products, each fitted by expectation maximization along the tree of the largest mutual information
    between columns; trees cut columns at other places, and their mean is likelier than they are. Marginals are exact:
    missing entries and null conditions are summed over, imputed values and the probabilities of boxes are no
    approximations. The likelihood is a density of reals times a mass of all else; a real value that many rows share
    counts with its mass over the gap to the next value.

    Args:
        size: Small: 128 states. Paper: 512.
        trees: The number of trees, which is what time and memory go by.
        states: The number of states of a column, at most, and no more than one for 20 rows; by default as size says,
            and fewer where columns have very many levels.
        bins: How many bins as many rows each a column of numbers has, about; in the last tree a third of them.
        smoothing: How many rows a state's own normal law of a column of numbers counts for.
        smoothing_levels: How many rows the frequencies of all rows count for, in a column of levels.
        smoothing_edges: How many rows a state's own frequency counts for, given each state of its parent.
    """
    from genzoo.models.classical import Forest, LatentTree
    from genzoo.models.pieces import Smoothing

    count = states or {"small": 128, "paper": 512}[size]
    count = max(1, min(count, LARGE // pieces_in(space, given_space, bins)))
    how = Smoothing(smoothing, smoothing_levels, edges=smoothing_edges)
    cut = [max(FEWEST, round(bins * 2 ** (-SPREAD * t / max(1, trees - 1)))) for t in range(trees)]
    members = [LatentTree(space, given_space, states=count, bins=each, smoothing=how) for each in cut]
    return Recipe(Forest(members), TrainConfig(batch_size=4000))


@recipe(
    family="classical",
    likelihood="exact",
    can=("sample", "log_prob", "loss", "condition", "missing", "direct_fit"),
    paper="Everitt, 1984, An introduction to latent variable models",
    columns="own",
    knows=("impute", "where"),
)
def mixture_table(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    components: Count | None = None,
    bins: Count = 128,
    smoothing: Amount = 20.0,
    smoothing_levels: Amount = 2.0,
) -> Recipe:
    """A mixture of products over columns of any kind, each seen as what it is; fitted by expectation maximization.

    Its law of a column is a table of levels, or a histogram of numbers in which a value that many rows share is a mass
    of its own. Marginals are exact: missing entries and null conditions are summed over, imputed values and the
    probabilities of boxes are no approximations. The likelihood is a density of reals times a mass of all else; a real
    value that many rows share counts with its mass over the gap to the next value.

    Args:
        size: Small: 300 components. Paper: 2,000.
        components: The number of components, at most, and no more than one for 20 rows; by default as size says, and
            fewer where columns have very many levels.
        bins: How many bins as many rows each a column of numbers has, about.
        smoothing: How many rows a component's own normal law of a column of numbers counts for.
        smoothing_levels: How many rows the frequencies of all rows count for, in a column of levels.
    """
    from genzoo.models.classical import ProductMixture
    from genzoo.models.pieces import Smoothing

    count = components or {"small": 300, "paper": 2000}[size]
    count = max(1, min(count, LARGE // pieces_in(space, given_space, bins)))
    how = Smoothing(smoothing, smoothing_levels)
    return Recipe(
        ProductMixture(space, given_space, components=count, bins=bins, smoothing=how), TrainConfig(batch_size=4000)
    )


@recipe(
    family="classical",
    likelihood="exact",
    on_levels="bound",
    can=("sample", "log_prob", "score", "loss", "condition", "missing", "direct_fit"),
    paper="Sklar, 1959, Fonctions de répartition à n dimensions et leurs marges",
    columns="own",
    knows=("impute", "where"),
)
def gaussian_copula(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    bins: Count = 200,
    floor: Positive = 1e-4,
) -> Recipe:
    """Columns with distributions of their own, joined by one Gaussian (for each class) of their ranks.

    The baseline of tables: every column by itself is as it was, spikes and bounds included, and of pairs their
    correlation is known. Levels, and values that many rows share, have a stretch of the Gaussian's line, their place
    in it drawn, so that the likelihood is a bound where there are any.

    Args:
        size: Both are the same.
        bins: The number of bins of a column of numbers.
        floor: The smallest variance, of columns of variance 1.

    Raises:
        Mistake: If rows are not flat.
    """
    from genzoo.models.classical import Gaussian
    from genzoo.models.dequantized import Dequantized
    from genzoo.models.ranked import Ranked, ranked_space

    if len(space.shape) != 1 or space.ragged:
        raise Mistake(
            f"gaussian_copula is a model of tables, got {space}.", "Take gaussian, or make a row of columns."
        )
    gaussian = Gaussian(Space(space.shape), given_space, floor=floor)
    columns = space.columns or (Column("real") if space.levels is None else Column("categorical", space.levels),)
    if all(column.levels is not None for column in columns):
        each = columns if space.columns else columns * space.dims
        return Recipe(Dequantized(gaussian, each), TrainConfig(batch_size=4000))
    seen = ranked_space(space).columns
    inner = gaussian if seen is None else Dequantized(gaussian, seen)
    return Recipe(Ranked(inner, space, bins=bins), TrainConfig(batch_size=4000))


def pieces_in(space: Space, given_space: GivenSpaceLike, bins: int) -> int:
    """How many pieces a model of pieces keeps for all entries."""
    from genzoo.core.given import as_given_space

    total = 0
    for each in (*as_given_space(given_space).values(), space):
        levels = [each.levels] * each.dims if each.columns is None else [column.levels for column in each.columns]
        total += sum(2 * bins if count is None else count for count in levels)
    return total
