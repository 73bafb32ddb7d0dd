"""Every classical model and representation on every kind of bad input: a typed error that names the column and says
what to do, or a sound fit; never a number made of nothing."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import genzoo
from genzoo.core import Batch, DirectFit, GenerativeModel, Noise, Space
from genzoo.core.errors import ColumnError, DataError
from genzoo.models import Standardized
from genzoo.models.classical import (
    HMM,
    PPCA,
    BinnedHistogram,
    FactorAnalysis,
    Gaussian,
    GaussianMixture,
    KernelDensity,
    KMeans,
    SoftmaxRegression,
)
from genzoo.models.representation import (
    CodeAutoencoder,
    FreeCodes,
    MatrixFactorization,
    SparseAutoencoder,
    SparseCoding,
    huber,
)
from genzoo.nn import MLP

ROWS, DIMS = 40, 4
X, LABEL = Space((DIMS,)), Space((), levels=3)

MODELS: dict[str, Callable[..., GenerativeModel]] = {
    "gaussian": lambda g=None: Gaussian(X, g),
    "gaussian/tied": lambda g=None: Gaussian(X, g, covariance="tied"),
    "gaussian/diag": lambda g=None: Gaussian(X, g, covariance="diag"),
    "gaussian/spherical": lambda g=None: Gaussian(X, g, covariance="spherical"),
    "gaussian/low_rank": lambda g=None: Gaussian(X, g, covariance="low_rank", rank=2),
    "mixture": lambda g=None: GaussianMixture(X, g, components=3),
    "mixture/diag": lambda g=None: GaussianMixture(X, g, components=3, covariance="diag"),
    "kmeans": lambda g=None: KMeans(X, g, clusters=3),
    "kde": lambda g=None: KernelDensity(X, g),
    "kde/columns": lambda g=None: KernelDensity(X, g, whiten="columns"),
    "histogram": lambda g=None: BinnedHistogram(X, g, bins=4),
    "hmm": lambda g=None: HMM(Space((1, DIMS)), g, states=3),
    "hmm/full": lambda g=None: HMM(Space((1, DIMS)), g, states=3, covariance="full"),
    "ppca": lambda: PPCA(X, rank=2),
    "factor_analysis": lambda: FactorAnalysis(X, rank=2),
    "linear_autoencoder": lambda: CodeAutoencoder.linear(X, code=2),
    "autoencoder": lambda: CodeAutoencoder.mlp(X, code=2, hidden=[8]),
    "matrix_factorization": lambda: MatrixFactorization(X, code=3),
    "matrix_factorization/huber": lambda: MatrixFactorization(X, code=3, loss=huber()),
    "nonlinear_factorization": lambda: FreeCodes(X, MLP(2, [8], DIMS), code=2, steps=5),
    "sparse_coding": lambda: SparseCoding(X, code=5),
    "sparse_autoencoder": lambda: SparseAutoencoder(X, code=6, active=2),
}
CONDITIONAL = [
    name for name in MODELS if name.startswith(("gaussian", "mixture", "kmeans", "kde", "histogram", "hmm"))
]
CODES = list(MODELS)[list(MODELS).index("linear_autoencoder") :]  # they have no density, which could be infinite
DENSITIES = set(MODELS) - set(CODES)
WHOLE = {"gaussian", "gaussian/tied", "mixture", "kde", "hmm/full", "factor_analysis"}  # they fit all of a covariance
MARGINALIZE = [name for name in MODELS if name.startswith(("gaussian", "mixture"))]


def sound(n: int = ROWS) -> Tensor:
    return Noise(0, "sound").normal(n, DIMS) + 2


def spoilt(column: int, value: float | Tensor, rows: slice = slice(None)) -> Tensor:
    x = sound()
    x[rows, column] = value
    return x


CONSTANT, COLLINEAR = spoilt(1, 5.5), spoilt(2, 2 * sound()[:, 0] + 1)
INFINITE, LACKING = spoilt(1, math.inf, slice(3, 4)), spoilt(3, math.nan, slice(3, 4))
EQUAL = sound(1).repeat(ROWS, 1)
PLANE = sound()[:, :2] @ Noise(1).normal(2, DIMS)

STILL = r"^Column 1 \(counted from 0\) must vary, got one value in all rows\. Drop what is constant, or .+\.$"
TWINS = r"^Columns 0, 2 \(counted from 0\) must not determine each other, got .*\. Drop one of them, or .+\.$"
ALL_STILL = r"^Columns 0, 1, 2, 3 \(counted from 0\) must vary"
FLAT = r"^Columns 0, 1, 2, 3 .* must leave a variance to the noise beside 2 components.* `rank` to 1, or set floor"
# What each of them cannot do with; the others are sound on it.
SINGULAR: dict[str, dict[str, str]] = {
    "constant": dict.fromkeys(DENSITIES - {"gaussian/spherical", "kmeans"}, STILL),
    "collinear": dict.fromkeys(WHOLE, TWINS),
    "equal": dict.fromkeys(DENSITIES, ALL_STILL),
    "plane": dict.fromkeys(WHOLE, "must not determine") | {"ppca": FLAT, "gaussian/low_rank": FLAT},
}
BAD = {"constant": CONSTANT, "collinear": COLLINEAR, "equal": EQUAL, "plane": PLANE}
MANY = {  # the most rows that are too few
    **dict.fromkeys(["gaussian", "gaussian/tied", "mixture", "kde", "hmm/full"], DIMS),
    **dict.fromkeys(["gaussian/low_rank", "ppca", "factor_analysis"], 3),
    **dict.fromkeys(["gaussian/diag", "gaussian/spherical", "histogram", "kde/columns"], 1),
    **dict.fromkeys(["mixture/diag", "kmeans", "hmm", "matrix_factorization", "matrix_factorization/huber"], 2),
    "sparse_coding": 4,
}


def fit(model: GenerativeModel, x: Tensor, given: Any = None, passes: int = 3) -> float:
    """What a fit ends with, by the calls that the engine makes."""
    batch = Batch(x if len(model.space.shape) == 1 else x[:, None], given)
    model.prepare([batch])
    if not isinstance(model, DirectFit):
        return model.loss(batch).item()
    for _ in range(passes):
        model.begin()
        model.accumulate(batch)
        metrics = model.finish()
    return metrics["loss"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", BAD)
def test_singular_rows_are_refused_where_a_density_would_be_infinite(name: str, kind: str) -> None:
    if name in SINGULAR[kind]:
        with pytest.raises(ColumnError, match=SINGULAR[kind][name]):
            fit(MODELS[name](), BAD[kind])
    else:
        model = MODELS[name]()
        assert math.isfinite(fit(model, BAD[kind]))
        if model.can("log_prob"):
            assert model.log_prob(BAD[kind].reshape(-1, *model.space.shape)).isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_infinite_and_missing_values_name_their_column(name: str) -> None:
    with pytest.raises(ColumnError, match=r"^Column 1 \(.* must be finite, got infinite values\. Drop those rows"):
        fit(MODELS[name](), INFINITE)
    if name in MARGINALIZE:
        assert math.isfinite(fit(MODELS[name](), LACKING))
        return
    with pytest.raises(ColumnError, match=r"^Column 3 \(.* must have a value in every row, got missing ones\."):
        fit(MODELS[name](), LACKING)


@pytest.mark.parametrize("name", MODELS)
def test_they_are_found_after_the_start_as_well(name: str) -> None:
    model = MODELS[name]()
    shape = (-1, *model.space.shape)
    if isinstance(model, DirectFit):
        model.prepare([Batch(sound().reshape(shape))])
        model.begin()
        with pytest.raises(ColumnError, match=r"^Column 1 "):
            model.accumulate(Batch(INFINITE.reshape(shape)))


@pytest.mark.parametrize("name", MANY)
def test_too_few_rows_are_refused_and_one_more_are_enough(name: str) -> None:
    with pytest.raises(DataError, match=r"got .*\d.*\. (Pass|Give|Lower) .*\.$"):
        fit(MODELS[name](), sound(MANY[name]))
    assert math.isfinite(fit(MODELS[name](), sound(MANY[name] + 1)))


@pytest.mark.parametrize("name", [name for name in MODELS if isinstance(MODELS[name](), DirectFit)])
def test_no_rows_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"got (no |0[ .])|and 0"):
        fit(MODELS[name](), sound(0))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("width", [3, 5])
@pytest.mark.parametrize("scaled", [False, True])
def test_a_wrong_width_is_refused(name: str, width: int, scaled: bool) -> None:
    model, x = MODELS[name](), Noise(0).normal(ROWS, width)
    with pytest.raises(ValueError, match=rf"Rows of x must have shape .*{DIMS},?\), got .*{width},?\)\. Reshape"):
        fit(Standardized(model) if scaled else model, x)
    fit(model, sound())
    rows = x if len(model.space.shape) == 1 else x[:, None]
    for verb in ("log_prob", "encode"):
        if model.can(verb):
            with pytest.raises(ValueError, match="Rows of x must have shape"):
                getattr(model, verb)(rows)


@pytest.mark.parametrize("name", MODELS)
def test_a_wrong_condition_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"This model is unconditional, but `given` was passed\. Leave it out"):
        fit(MODELS[name](), sound(), torch.zeros(ROWS).long())
    wrong = {
        r"expected 40 rows, got 39\. Repeat": torch.zeros(39).long(),
        r"must be below 3, got 7\. Check": torch.full((ROWS,), 7),
        r"must be at least −1 \(null\), got -2\. Check": torch.full((ROWS,), -2),
        r"must hold integers below 3, got torch.float32\. Convert": torch.zeros(ROWS),
        r"must have shape \(\), got \(2,\)\. Reshape": torch.zeros(ROWS, 2).long(),
    }
    for message, given in wrong.items() if name in CONDITIONAL else ():
        with pytest.raises(ValueError, match=message):
            fit(MODELS[name](LABEL), sound(), given)


@pytest.mark.parametrize("name", ["gaussian", "gaussian/diag", "mixture", "ppca", "factor_analysis", "hmm"])
@pytest.mark.parametrize("kind", BAD)
def test_a_floor_that_the_user_sets_gives_a_width(name: str, kind: str) -> None:
    widened: dict[str, Callable[[], GenerativeModel]] = {
        "gaussian": lambda: Gaussian(X, floor=1e-6),
        "gaussian/diag": lambda: Gaussian(X, covariance="diag", floor=1e-6),
        "mixture": lambda: GaussianMixture(X, components=2, floor=1e-3),
        "ppca": lambda: PPCA(X, rank=2, floor=1e-6),
        "factor_analysis": lambda: FactorAnalysis(X, rank=2, floor=1e-6),
        "hmm": lambda: HMM(Space((1, DIMS)), states=2, floor=1e-4),
    }
    model = widened[name]()
    assert math.isfinite(fit(model, BAD[kind]))
    assert model.log_prob(BAD[kind].reshape(-1, *model.space.shape)).isfinite().all()


def test_what_principal_components_model_is_no_mistake() -> None:
    """Two columns that are one: a direction of their own, and noise that the others set."""
    model = PPCA(X, rank=2)
    fit(model, COLLINEAR)
    assert model.variance > 0.1
    several = torch.cat([sound(), sound()[:, :1] + sound()[:, 1:2] - sound()[:, 2:3]], 1)  # four columns, one factor
    factors = FactorAnalysis(Space((5,)), rank=1)
    assert math.isfinite(fit(factors, several))
    assert factors.log_prob(several).max() < 0
    with pytest.raises(ColumnError, match="Columns 0, 1, 2, 4 "):
        fit(FactorAnalysis(Space((5,)), rank=3), several)


def test_a_column_without_noise_of_its_own_is_no_mistake() -> None:
    """Heywood's case: the factor is the column, and nothing is singular."""
    cause = Noise(0).normal(500, 1, dtype=torch.float64)
    x = torch.cat([cause, cause + Noise(1).normal(500, 3, dtype=torch.float64)], 1)
    model = FactorAnalysis(X, rank=1, tol=1e-12, steps=5000)
    assert math.isfinite(fit(model, x, passes=1))
    assert model.noise_variance[0] < 0.05 * x[:, 0].var()


def test_a_cluster_may_become_empty() -> None:
    """Two points, three parts."""
    x = sound()[:2].repeat(20, 1) + 1e-3 * sound()
    for make in (MODELS["kmeans"], MODELS["mixture"], MODELS["mixture/diag"]):
        model = make()
        assert math.isfinite(fit(model, x, passes=20))
        assert model.sample(9, seed=0).isfinite().all()


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_classifier_names_what_its_label_follows_from(value: float) -> None:
    y, given = torch.arange(ROWS)[:, None] % 3, spoilt(2, value, slice(5, 6))
    model = SoftmaxRegression(Space((1,), levels=3), X)
    with pytest.raises(DataError, match=r"got column 2 \(counted from 0\) with values missing or infinite\. Read"):
        fit(model, y, given)
    named = SoftmaxRegression(Space((1,), levels=3), {"age": X})
    with pytest.raises(DataError, match="got age with values missing or infinite"):
        fit(named, y, {"age": given})
    with pytest.raises(ValueError, match=r"Rows of `given` must have shape \(4,\), got \(3,\)"):
        fit(model, y, given[:, :3])
    with pytest.raises(ValueError, match=r"got values 0 to 5\. Check"):
        fit(model, y + 3 * (y == 2), sound())


FAMILIES: dict[str, dict[str, Any]] = {
    "gaussian": {},
    "gaussian_mixture": {"components": 2},
    "kde": {},
    "histogram": {},
    "ppca": {"rank": 1},
    "factor_analysis": {"rank": 1},
}


MISTAKES = {"constant": "Column 'wide'", "collinear": "Columns 'age', 'tall'"}


@pytest.mark.parametrize(
    ("recipe", "kind", "named"),
    [
        (recipe, kind, named)
        for recipe in FAMILIES
        for kind, named in MISTAKES.items()
        if {"gaussian_mixture": "mixture"}.get(recipe, recipe) in SINGULAR[kind]
    ],
)
def test_tables_and_frames_have_names(recipe: str, kind: str, named: str, tmp_path) -> None:
    import pandas

    from genzoo.sklearn_api import Estimator

    frame = pandas.DataFrame(BAD[kind].double().numpy(), columns=["age", "wide", "tall", "far"])
    with pytest.raises(ColumnError, match=named) as told:
        Estimator(recipe, **FAMILIES[recipe]).fit(frame)
    assert told.value.columns == ([1] if kind == "constant" else [0, 2])
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = genzoo.read(tmp_path / "table.csv", kinds=dict.fromkeys(frame.columns, "real"))
    with pytest.raises(genzoo.Mistake, match=named):
        genzoo.train(recipe, data, out=tmp_path / "run", settings=FAMILIES[recipe])
