"""Recipes of representations: {linear, nonlinear} × {autoencoder, factorization, sparse coding}, and one more."""

from typing import TYPE_CHECKING, Literal

from genzoo.core.space import Space
from genzoo.training.config import TrainConfig
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.recipe import Amount, Count, GivenSpaceLike, Positive, Recipe, Size, recipe
from genzoo.zoo.units import in_units

if TYPE_CHECKING:
    from genzoo.core.model import GenerativeModel
    from genzoo.models.representation import Loss, Representation

__all__ = [
    "autoencoder",
    "denoising_autoencoder",
    "linear_autoencoder",
    "matrix_factorization",
    "nonlinear_factorization",
    "nonlinear_sparse_coding",
    "sparse_autoencoder",
    "sparse_coding",
]

LossName = Literal["squared", "absolute", "huber"]
Prior = Literal["none", "gaussian", "mixture"]
CAN = ("encode", "decode", "loss")
LOSS = "distortion of the numbers seen, and what is added to it, per row"


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Baldi & Hornik, 1989, Neural networks and principal component analysis",
    loss=LOSS,
)
def linear_autoencoder(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A linear map to a short code and one back: with squared errors, the subspace of the principal components.

    Args:
        size: Small: 16 entries of code (half of x, if that is less). Paper: 32, likewise.
        code: The length of the code; by default as size says.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from genzoo.models.representation import CodeAutoencoder

    _refuse(given_space, "linear_autoencoder")
    model = CodeAutoencoder.linear(space, code=code or _length(space, size), loss=_loss(loss))
    return _recipe(model, TrainConfig(steps=3000, lr=5e-3, warmup=100), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Hinton & Salakhutdinov, 2006, Reducing the dimensionality of data with neural networks",
    loss=LOSS,
)
def autoencoder(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    hidden: Count = 256,
    depth: Count = 2,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A perceptron to a short code and one back, without a distribution over either.

    Args:
        size: Small: 16 entries of code (half of x, if that is less). Paper: 32, likewise.
        code: The length of the code; by default as size says.
        hidden: The width of the hidden layers.
        depth: Their number.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from genzoo.models.representation import CodeAutoencoder

    _refuse(given_space, "autoencoder")
    length = code or _length(space, size)
    model = CodeAutoencoder.mlp(space, code=length, hidden=[hidden] * depth, loss=_loss(loss))
    return _recipe(model, TrainConfig(steps=3000, lr=2e-3, warmup=100, keep="best"), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Vincent, Larochelle, Bengio & Manzagol, 2008, Extracting and composing robust features",
    loss=LOSS,
)
def denoising_autoencoder(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    hidden: Count = 256,
    depth: Count = 2,
    corruption: Literal["gaussian", "mask", "salt"] = "gaussian",
    amount: Positive | None = None,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A perceptron to a code and one back that makes x of a corrupted x: the mean of what it may have been.

    With Gaussian noise and squared errors its change of x, divided by σ², is the score of the data with noise.

    Args:
        size: Small: 64 entries of code. Paper: 256.
        code: The length of the code; by default as size says.
        hidden: The width of the hidden layers.
        depth: Their number.
        corruption: Gaussian noise, entries that are lost, or salt and pepper: entries at either end.
        amount: σ of the noise (0.5), or the share of entries (0.25 lost, 0.1 salt and pepper).
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.

    Raises:
        Mistake: If noise is a share of entries, and all are hidden.
    """
    from genzoo.models.representation import DenoisingAutoencoder, GaussianNoise, Masking, SaltAndPepper

    _refuse(given_space, "denoising_autoencoder")
    if corruption != "gaussian" and amount is not None and amount >= 1:
        raise Mistake(f"`amount` is a share of entries, below 1, got {amount:g}.", "Set amount=0.25.")
    end = 2.0 if space.is_real else 1.0  # of reals, two standard units
    kinds = {
        "gaussian": lambda: GaussianNoise(amount or 0.5),
        "mask": lambda: Masking(amount or 0.25, 0.0 if space.is_real else -1.0),
        "salt": lambda: SaltAndPepper(amount or 0.1, (-end, end)),
    }
    length = code or {"small": 64, "paper": 256}[size]
    model = DenoisingAutoencoder.mlp(
        space, code=length, corruption=kinds[corruption](), hidden=[hidden] * depth, loss=_loss(loss)
    )
    return _recipe(model, TrainConfig(steps=3000, lr=2e-3, warmup=100, keep="best"), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=(*CAN, "direct_fit"),
    paper="Young, Householder & Eckart, 1936, The approximation of one matrix by another of lower rank",
    loss=LOSS,
)
def matrix_factorization(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    loss: LossName = "squared",
    tol: Positive = 1e-5,
    prior: Prior = "none",
) -> Recipe:
    """A linear decoder and free codes, by alternating least squares; other losses reweigh the errors.

    Args:
        size: Small: 16 entries of code (half of x, if that is less). Paper: 32, likewise.
        code: The length of the code; by default as size says.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        tol: The fit has converged when a pass gains less than this share of the loss.
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from genzoo.models.representation import MatrixFactorization

    _refuse(given_space, "matrix_factorization")
    model = MatrixFactorization(space, code=code or _length(space, size), loss=_loss(loss), tol=tol)
    return _recipe(model, TrainConfig(batch_size=1000), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Bojanowski, Joulin, Lopez-Paz & Szlam, 2018, Optimizing the latent space of generative networks",
    loss=LOSS,
)
def nonlinear_factorization(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    hidden: Count = 256,
    depth: Count = 2,
    strength: Amount = 0.01,
    search: Count = 30,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A perceptron as decoder and no encoder: every row's code is found by gradient steps through it.

    Args:
        size: Small: 16 entries of code (half of x, if that is less). Paper: 32, likewise.
        code: The length of the code; by default as size says.
        hidden: The width of the hidden layers.
        depth: Their number.
        strength: The price of half a code's square, which keeps codes near zero.
        search: The steps that find a code.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from genzoo.models.representation import FreeCodes
    from genzoo.nn import MLP

    _refuse(given_space, "nonlinear_factorization")
    length = code or _length(space, size)
    decoder = MLP(length, [hidden] * depth, space.dims)
    model = FreeCodes(space, decoder, code=length, strength=strength, loss=_loss(loss), steps=search)
    return _recipe(model, TrainConfig(steps=1500, lr=2e-3, warmup=50), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=(*CAN, "direct_fit"),
    paper="Olshausen & Field, 1996, Emergence of simple-cell receptive field properties by learning a sparse code",
    loss=LOSS,
)
def sparse_coding(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    penalty: Positive = 0.2,
    search: Count = 300,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A dictionary of unit atoms of which every row uses few: codes by FISTA, atoms by passes over the data.

    With another loss than squared the dictionary is trained by gradients.

    Args:
        size: Small: 64 atoms. Paper: 256.
        code: The number of atoms; by default as size says.
        penalty: The price of an entry of the code; levels are seen between −1 and 1, reals in standard units.
        search: The most steps that find a code.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from torch import nn

    from genzoo.models.representation import FreeCodes, SparseCoding

    _refuse(given_space, "sparse_coding")
    length = code or {"small": 64, "paper": 256}[size]
    if loss == "squared":
        model = SparseCoding(space, code=length, penalty=penalty, steps=search)
        return _recipe(model, TrainConfig(batch_size=1000), prior)
    decoder = nn.Linear(length, space.dims)
    free = FreeCodes(
        space, decoder, code=length, penalty="lasso", strength=penalty, loss=_loss(loss), steps=min(search, 100)
    )
    return _recipe(free, TrainConfig(steps=1000, lr=5e-3, warmup=50), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Han, Lu, Zhu & Wu, 2017, Alternating back-propagation for generator network, arXiv:1606.08571",
    loss=LOSS,
)
def nonlinear_sparse_coding(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    hidden: Count = 256,
    depth: Count = 1,
    penalty: Positive = 0.2,
    search: Count = 50,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """A perceptron as decoder of sparse codes, which are found by proximal gradient steps through it.

    Args:
        size: Small: 64 entries of code. Paper: 256.
        code: The length of the code; by default as size says.
        hidden: The width of the hidden layers.
        depth: Their number.
        penalty: The price of an entry of the code; levels are seen between −1 and 1, reals in standard units.
        search: The steps that find a code.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.
    """
    from genzoo.models.representation import FreeCodes
    from genzoo.nn import MLP

    _refuse(given_space, "nonlinear_sparse_coding")
    length = code or {"small": 64, "paper": 256}[size]
    model = FreeCodes(
        space,
        MLP(length, [hidden] * depth, space.dims),
        code=length,
        penalty="lasso",
        strength=penalty,
        loss=_loss(loss),
        steps=search,
    )
    return _recipe(model, TrainConfig(steps=1500, lr=2e-3, warmup=50, weight_decay=1e-3), prior)


@recipe(
    family="representation",
    likelihood="none",
    can=CAN,
    paper="Gao et al., 2024, Scaling and evaluating sparse autoencoders, arXiv:2406.04093",
    loss=LOSS,
)
def sparse_autoencoder(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    code: Count | None = None,
    activation: Literal["topk", "relu"] = "topk",
    active: Count = 8,
    penalty: Amount = 0.05,
    patience: Count = 200,
    loss: LossName = "squared",
    prior: Prior = "none",
) -> Recipe:
    """Many units of which few fire, in one linear layer each way; dead units are revived, and counted.

    Args:
        size: Small: 128 units. Paper: 1,024.
        code: The number of units; by default as size says.
        activation: topk keeps the largest, relu all that are positive, at a price.
        active: How many topk keeps.
        penalty: The price of relu's activations; levels are seen between −1 and 1, reals in standard units.
        patience: The steps after which a silent unit is dead.
        loss: What an error costs: squared, absolute, or huber (squared near zero, absolute far from it).
        prior: A density fitted to the codes afterwards, which makes it sample; none by default.

    Raises:
        Mistake: If more units are to be active than there are.
    """
    from genzoo.models.representation import SparseAutoencoder

    _refuse(given_space, "sparse_autoencoder")
    length = code or {"small": 128, "paper": 1024}[size]
    if active > length:
        raise Mistake(f"`active` must be at most the {length} units, got {active}.", "Lower active, or raise code.")
    model = SparseAutoencoder(
        space,
        code=length,
        activation=activation,
        active=active,
        penalty=penalty,
        patience=patience,
        loss=_loss(loss),
    )
    return _recipe(model, TrainConfig(steps=3000, lr=2e-3, warmup=100), prior)


def _recipe(model: "Representation", config: TrainConfig, prior: Prior) -> Recipe:
    """The model in standard units, and a density of its codes for a second stage, if one is wanted."""
    built = Recipe(in_units(model), config, share=0.8)
    return built if prior == "none" else built._replace(then=lambda trained: _with_prior(trained, prior))


def _with_prior(trained: "GenerativeModel", prior: Prior) -> Recipe:
    from genzoo.models.classical import Gaussian, GaussianMixture
    from genzoo.models.latent import LatentModel
    from genzoo.models.representation import PointAutoencoder, Representation
    from genzoo.models.standardized import Standardized

    inner = trained.model if isinstance(trained, Standardized) else trained
    if not isinstance(inner, Representation):
        raise TypeError(f"Stage one must be a representation, got {type(inner).__name__}.")
    density = Gaussian(inner.code) if prior == "gaussian" else GaussianMixture(inner.code, components=10, floor=0.01)
    latent = LatentModel(inner.space, PointAutoencoder(inner), density)
    model = Standardized(latent) if isinstance(trained, Standardized) else latent
    return Recipe(model, TrainConfig(batch_size=1000), share=0.2)


def _length(space: Space, size: Size) -> int:
    return max(1, min({"small": 16, "paper": 32}[size], space.dims // 2))


def _loss(name: LossName) -> "Loss":
    from genzoo.models.representation import LOSSES

    return LOSSES[name]()


def _refuse(given_space: GivenSpaceLike, name: str) -> None:
    if given_space is not None:
        raise Mistake(f"{name} takes no condition, got one.", "Leave --given out.")
