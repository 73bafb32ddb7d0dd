"""The estimator in scikit-learn's hands: its checks, searches and pipelines, frames, and what a pickle holds."""

import copy
import pickle
import pickletools

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from genzoo.sklearn_api import Estimator
from genzoo.zoo import recipe_named

SETTINGS = {
    "gaussian": {},
    "gaussian_mixture": {"components": 2},
    "kmeans": {"clusters": 2},
    "kde": {"whiten": "none", "bandwidth": 0.5},
    "ppca": {"rank": 1},
    "factor_analysis": {"rank": 1},
    "softmax_regression": {},
}
DENSITIES = [name for name in SETTINGS if name != "softmax_regression"]
X, Y = load_iris(return_X_y=True)


def estimator_of(name: str) -> Estimator:
    return Estimator(name, **SETTINGS[name])


# Of the densities that transform, one: what the checks see of the others is the same wrapper.
CHECKED = [name for name in SETTINGS if name not in ("gaussian", "factor_analysis")]


@parametrize_with_checks([estimator_of(name) for name in CHECKED])
def test_scikit_learn_finds_an_estimator(estimator: Estimator, check: object) -> None:
    check(estimator)


@pytest.mark.parametrize("name", DENSITIES)
def test_densities_score_and_sample(name: str) -> None:
    estimator = estimator_of(name).fit(X, Y)
    assert estimator.score(X) == pytest.approx(estimator.score_samples(X).mean())
    assert estimator.sample(5, seed=0).shape == (5, 4)
    assert np.array_equal(estimator.sample(5, seed=0), estimator.sample(5, seed=0))
    assert hasattr(estimator, "predict_proba") == (name == "gaussian_mixture")
    assert hasattr(estimator, "predict") == (name in ("gaussian_mixture", "kmeans"))
    assert hasattr(estimator, "transform") == (
        "encode" in recipe_named(name).can and not hasattr(estimator, "predict")
    )
    if hasattr(estimator, "transform"):
        z = estimator.transform(X)
        assert np.allclose(z, estimator.fit_transform(X))
        assert estimator.inverse_transform(z).shape == X.shape


def test_doubles_are_fitted_in_doubles() -> None:
    theirs = KernelDensity(bandwidth=0.5, rtol=1e-12).fit(X)
    ours = estimator_of("kde").fit(X)
    assert np.allclose(ours.score_samples(X), theirs.score_samples(X), rtol=0, atol=1e-9)
    assert estimator_of("kde").fit(X.astype(np.float32)).model_.rows.dtype == torch.float32


def test_a_classifier_is_that_of_scikit_learn() -> None:
    scaled = StandardScaler().fit_transform(X)
    ours = Estimator("softmax_regression", tol=1e-18).fit(scaled, Y)
    theirs = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(scaled, Y)
    assert np.allclose(ours.predict_proba(scaled), theirs.predict_proba(scaled), rtol=0, atol=1e-6)
    assert ours.score(scaled, Y) == theirs.score(scaled, Y)
    assert not hasattr(ours, "sample")
    words = np.array(["setosa", "versicolor", "virginica"])[Y]
    assert set(Estimator("softmax_regression").fit(X, words).predict(X)) == set(words)


@pytest.mark.parametrize("name", ["kmeans", "gaussian_mixture"])
def test_a_clustering_numbers_its_clusters(name: str) -> None:
    estimator = estimator_of(name).fit(X)
    assert set(estimator.predict(X)) == {0, 1}
    assert len(set(estimator.predict(X[Y == 0]))) == 1  # of the three the one that lies apart


def test_a_mixture_tells_how_probable_its_components_are() -> None:
    ours = Estimator("gaussian_mixture", components=3).fit(X)
    shares = ours.predict_proba(X)
    assert np.array_equal(shares.argmax(1), ours.predict(X))
    inner = ours.model_.model
    theirs = GaussianMixture(3)
    theirs.weights_ = inner.weights[0].numpy()
    unit = ours.model_.scale.double()
    scales = unit[:, None] * inner.gaussians.scale
    theirs.means_ = (ours.model_.shift + unit * inner.gaussians.means).numpy()
    theirs.covariances_ = (scales @ scales.mT).numpy()
    theirs.precisions_cholesky_ = torch.linalg.inv(scales).mT.numpy()
    assert np.allclose(shares, theirs.predict_proba(X), rtol=0, atol=1e-8)
    assert shares.dtype == X.dtype


def test_a_search_goes_over_the_recipes_arguments() -> None:
    search = GridSearchCV(Estimator("gaussian_mixture"), {"components": [1, 3], "covariance": ["diag", "full"]}, cv=2)
    search.fit(np.random.default_rng(0).permutation(X))
    assert set(search.best_params_) == {"components", "covariance"}
    assert search.best_estimator_.get_params()["components"] == search.best_params_["components"]


def test_pipelines_and_clones_keep_arguments() -> None:
    line = make_pipeline(StandardScaler(), Estimator("kde", bandwidth="silverman"))
    line.set_params(estimator__whiten="columns").fit(X)
    assert line.score(X) < 0
    again = clone(line[-1])
    assert again.get_params() == line[-1].get_params()
    assert again.get_params()["whiten"] == "columns"
    assert not hasattr(again, "model_")


def test_frames_come_in_and_go_out() -> None:

    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    sample = estimator_of("gaussian").fit(frame).sample(3, seed=0)
    assert list(sample.columns) == ["a", "b", "c", "d"]
    latents = estimator_of("ppca").set_output(transform="pandas").fit(frame).transform(frame)
    assert list(latents.columns) == ["ppca0"]
    with pytest.raises(ValueError, match="feature names"):
        estimator_of("gaussian").fit(frame).score(frame[["b", "a", "c", "d"]])


@pytest.mark.parametrize("name", SETTINGS)
def test_a_pickle_calls_nothing_but_the_class(name: str) -> None:

    estimator = estimator_of(name).fit(pd.DataFrame(X, columns=["a", "b", "c", "d"]), Y)
    content = pickle.dumps(estimator)
    named, strings = [], []
    for code, argument, _ in pickletools.genops(content):
        if code.name in ("GLOBAL", "INST"):
            named.append(argument)
        if code.name == "STACK_GLOBAL":
            named.append(" ".join(strings[-2:]))
        if isinstance(argument, str):
            strings.append(argument)
    assert set(named) == {"genzoo.sklearn_api Estimator"}
    again, frame = pickle.loads(content), pd.DataFrame(X, columns=["a", "b", "c", "d"])
    method = "predict_proba" if name == "softmax_regression" else "score_samples"
    assert np.array_equal(getattr(again, method)(frame), getattr(estimator, method)(frame))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (Estimator("gausian"), "Did you mean 'gaussian'"),
        (Estimator("kde", bandwith=2.0), "Did you mean 'bandwidth'"),
        (Estimator("gaussian", train={"stepz": 3}), "stepz"),
        (Estimator("kde").set_params(kernel="round"), "kernel"),
        (Estimator("gpt"), "levels"),
    ],
)
def test_mistakes_are_told_when_it_is_fitted(estimator: Estimator, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimator.fit(X)


def test_budgets_are_the_users() -> None:
    estimator = Estimator("realnvp", train={"steps": 3}, random_state=np.random.RandomState(0)).fit(X)
    assert np.isfinite(estimator.score(X))
    assert hasattr(estimator, "transform")


def test_rows_aside_keep_a_long_training_from_learning_rows_by_heart() -> None:
    rng = np.random.default_rng(0)
    table, fresh = rng.normal(size=(120, 3)), rng.normal(size=(1000, 3))
    train = {"steps": 120, "warmup": 0, "lr": 1e-2}
    long, held = (
        Estimator("nsf", depth=2, width=32, train=train, validation_fraction=share).fit(table) for share in (0.0, 0.2)
    )
    assert held.score(fresh) > long.score(fresh) + 0.5
    assert long.score(table) > held.score(table)


def mixed(n: int) -> pd.DataFrame:
    rows = np.arange(n)
    return pd.DataFrame(
        {"age": 20 + rows % 50, "job": np.array(["cook", "smith", "nurse"])[rows % 3], "pay": rows * 0.5}
    )


def test_frames_with_words_go_in_and_come_out() -> None:
    frame = mixed(200)
    found = Estimator("gaussian_mixture", components=2, train={"steps": 3}).fit(frame)
    drawn = found.sample(20, seed=0)
    assert drawn.columns.tolist() == ["age", "job", "pay"]
    assert set(drawn["job"]) <= {"cook", "smith", "nurse"}
    assert drawn["age"].between(20, 69).all()
    scores = found.score_samples(frame[:5])
    assert np.allclose(copy.deepcopy(found).score_samples(frame[:5]), scores)
    words = frame[["job"]].assign(tool=frame["job"].str.upper().where(frame["age"] % 7 > 0, "PAN"))
    net = Estimator("bayes_net").fit(words)
    assert np.allclose(net.score_samples(words[4:6]), net.score_samples(words)[4:6]), (
        "in fewer rows words are the same"
    )
    with pytest.raises(ValueError, match="words that the run knows, got 'king'"):
        found.score_samples(frame[:2].assign(job="king"))
    with pytest.raises(ValueError, match="feature names"):
        found.score_samples(frame[["job", "age", "pay"]])


def test_missing_entries_go_where_they_are_marginalised() -> None:
    X = np.random.default_rng(0).normal(size=(80, 2))
    X[::7, 0] = np.nan
    assert np.isfinite(Estimator("gaussian").fit(X).score(X))
    with pytest.raises(ValueError, match="NaN(.|\n)*these marginalise them: .*gaussian_mixture"):
        Estimator("kde").fit(X)
    frame = mixed(60)
    frame.loc[3, "pay"] = np.nan
    assert np.isfinite(Estimator("gaussian").fit(frame).score(frame))
    with pytest.raises(
        ValueError, match=r"'pay' 1\. Drop those rows or fill them in; these marginalise them: .*gaussian_mixture"
    ):
        Estimator("kde").fit(frame)
    with pytest.raises(ValueError, match="missing"):
        Estimator("kde").fit(frame)


@pytest.mark.parametrize("share", [-0.1, 1.0, 0.99, 0.001])
def test_impossible_shares_aside_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="`validation_fraction` must be a share"):
        Estimator("gaussian", validation_fraction=share).fit(X[:50])


def test_any_column_is_predicted_from_the_others() -> None:
    from pandas import DataFrame

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 400)).round(3)
    kind = np.where(a + 0.2 * b > 0, "up", "down")
    frame = DataFrame({"a": a, "kind": kind, "c": (2 * a + 0.1 * b).round(3)})
    estimator = Estimator("gaussian_mixture", components=3, target="kind").fit(frame[:300])
    assert estimator.words_of() == ["down", "up"]
    assert estimator.words_of("a") == []
    asked = frame[300:].drop(columns="kind")
    assert (estimator.predict(asked) == kind[300:]).mean() > 0.85
    shares = estimator.predict_proba(frame[300:])  # the target is not looked at
    assert np.allclose(shares.sum(1), 1, atol=1e-5)
    assert np.allclose(shares, estimator.predict_proba(asked))
    middle = estimator.predict(frame[300:].drop(columns="c"), target="c")
    assert np.corrcoef(middle, frame["c"][300:])[0, 1] > 0.97
    low, high = estimator.predict(frame[300:], target="c", quantiles=[0.05, 0.95]).T
    assert 0.75 < ((low <= frame["c"][300:]) & (frame["c"][300:] <= high)).mean() <= 1
    assert len(estimator.predict(asked[["a"]].assign(a=None))) == 100  # nothing is known of them
    with pytest.raises(ValueError, match="'size'"):
        estimator.predict(frame, target="size")
    with pytest.raises(ValueError, match="'extra'"):
        estimator.predict(frame.assign(extra=1))


def test_targets_are_told_as_they_stand_and_judged_as_scikit_learn_does() -> None:
    from pandas import DataFrame
    from sklearn.base import is_classifier, is_regressor
    from sklearn.model_selection import cross_val_score

    rng = np.random.default_rng(0)
    a = rng.normal(size=300).round(2)
    X = DataFrame({"a": a, "kind": np.where(rng.random(300) < 0.5, "up", "down")})
    flag = a + 0.1 * rng.normal(size=300) > 0
    estimator = Estimator("mixture_table", target="flag", train={"steps": 20})
    fitted = clone(estimator).fit(X, flag)
    assert fitted.predict(X[:5]).dtype == bool
    assert fitted.classes_.tolist() == [False, True]
    assert is_classifier(fitted)
    for scoring in (None, "accuracy", "roc_auc"):
        assert cross_val_score(estimator, X, flag, cv=2, scoring=scoring, error_score="raise").min() > 0.8
    numbers = clone(estimator).fit(X.assign(flag=(1 * flag)))
    assert is_regressor(numbers)
    assert not hasattr(numbers, "classes_")
    assert numbers.score(X, 1 * flag) > 0.3  # R²
    ones = clone(estimator).fit(X.assign(flag=DataFrame({"f": 1 * flag})["f"].astype("category")))
    assert ones.classes_.tolist() == [0, 1]
    assert numbers.fit(X, flag).classes_.tolist() == [False, True]
    with pytest.raises(ValueError, match="holds words. Ask `predict_proba`"):
        fitted.predict(X, quantiles=[0.5])
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got \[5\]"):
        fitted.predict(X, target="a", quantiles=[5])
    with pytest.raises(ValueError, match="Probabilities are those of words, and 'a' holds numbers"):
        fitted.predict_proba(X, target="a")
    with pytest.raises(ValueError, match="must be a column of the fit, got 'salary'"):
        Estimator("mixture_table", target="salary").fit(X)
    with pytest.raises(ValueError, match="drawn given the others, which tab_ddpm cannot"):
        Estimator("tab_ddpm", target="a").fit(X)


def test_a_target_may_come_as_y() -> None:
    x = np.random.default_rng(1).normal(size=(300, 2))
    y = x @ [1.0, -2.0] + 0.05 * np.random.default_rng(2).normal(size=300)
    estimator = Estimator("gaussian", target=2).fit(x, y)
    wanted = np.linalg.lstsq(np.c_[x, np.ones(300)], y, rcond=None)[0]
    assert np.allclose(estimator.predict(x), np.c_[x, np.ones(300)] @ wanted, atol=0.05)
    assert np.allclose(clone(estimator).fit(x, y).predict(x[:5]), estimator.predict(x[:5]))
    assert not hasattr(Estimator("gaussian"), "predict")
