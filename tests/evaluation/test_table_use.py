"""Usefulness of sampled tables against scikit-learn's answers, and closeness to records by construction."""

import sys

import numpy as np
import pytest

from genzoo.core.noise import Noise
from genzoo.evaluation.measurement import TooFew
from genzoo.evaluation.table_scores import table_scores
from genzoo.evaluation.table_use import closest_records, table_utility


def flowers(seed: int, n: int) -> dict[str, np.ndarray]:
    """Three kinds that two numbers and a word tell of; one number is missing at times."""
    noise = Noise(seed)
    kind, normal = noise.integers(3, n).numpy(), noise.normal(n, 3).double().numpy()
    word = np.where(noise.uniform(n).numpy() < 0.7, kind, (kind + 1) % 3)
    length = np.where(noise.uniform(n).numpy() < 0.1, np.nan, kind + normal[:, 0])
    width = 2 * normal[:, 1] - kind
    names = np.array(["iris", "lily", "rose"])
    return {"length": length, "width": width, "soil": np.array(["clay", "sand", "peat"])[word], "kind": names[kind]}


def shuffled(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values[Noise(k).permutation(len(values)).numpy()] for k, (name, values) in enumerate(table.items())}


def vectors(table: dict[str, np.ndarray], of: dict[str, np.ndarray], numbers: tuple[str, ...]) -> np.ndarray:
    """The table as the metric sees it, written by hand."""
    columns = []
    for name in numbers:
        mean, scale = np.nanmean(of[name]), np.nanstd(of[name])
        columns += [np.nan_to_num((table[name] - mean) / scale), np.isnan(table[name])][: 1 + (name == "length")]
    columns += [(table["soil"] == word) / np.sqrt(2) for word in ("clay", "peat", "sand")]
    return np.stack(columns, axis=1).astype(float)


def test_classification_is_scikit_learns():
    from sklearn import linear_model as linear
    from sklearn import metrics

    samples, train, test = flowers(1, 300), flowers(2, 300), flowers(3, 500)
    found = table_utility(samples, train, test, "kind", draws=20)
    for table, got in ((samples, found.synthetic), (train, found.real)):
        model = linear.LogisticRegression(C=1.0, tol=1e-10, max_iter=5000)
        model.fit(vectors(table, train, ("length", "width")), table["kind"])
        answer = model.predict_proba(vectors(test, train, ("length", "width")))
        oracle = metrics.roc_auc_score(test["kind"], answer, multi_class="ovr")
        assert got.value == pytest.approx(oracle, rel=1e-4)
    assert found.metric == "ROC AUC"
    assert found.gap.value == pytest.approx(found.real.value - found.synthetic.value)
    assert found.gap.error < found.real.error


def test_regression_is_scikit_learns():
    from sklearn import linear_model as linear
    from sklearn import metrics

    tables = [flowers(seed, 300) for seed in (1, 2, 3)]
    samples, train, test = ({name: table[name] for name in ("length", "width", "soil")} for table in tables)
    found = table_utility(samples, train, test, "width", draws=20)
    model = linear.Ridge(alpha=1.0).fit(vectors(samples, train, ("length",)), samples["width"])
    oracle = metrics.r2_score(test["width"], model.predict(vectors(test, train, ("length",))))
    assert found.synthetic.value == pytest.approx(oracle, rel=1e-6)
    assert found.metric == "R²"


def test_real_halves_teach_alike_and_shuffled_columns_nothing():
    train, test = flowers(1, 500), flowers(2, 500)
    near, far = (table_utility(table, train, test, "kind") for table in (flowers(3, 500), shuffled(flowers(3, 500))))
    assert abs(near.gap.value) < 4 * near.gap.error
    assert far.gap.value > 10 * near.gap.error
    assert far.synthetic.value < 0.7
    assert near == table_utility(flowers(3, 500), train, test, "kind")


def test_boosting_sees_what_lines_do_not(monkeypatch):
    def crossed(seed: int) -> dict[str, np.ndarray]:
        x = Noise(seed).normal(300, 2).double().numpy()
        return {"a": x[:, 0], "b": x[:, 1], "same": np.where(x.prod(1) > 0, "yes", "no"), "sum": x.prod(1)}

    tables = crossed(1), crossed(2), crossed(3)
    words = [{name: table[name] for name in ("a", "b", "same")} for table in tables]
    numbers = [{name: table[name] for name in ("a", "b", "sum")} for table in tables]
    assert table_utility(*words, "same", draws=3).synthetic.value < 0.7
    assert table_utility(*words, "same", by="boosting", draws=3).synthetic.value > 0.95
    assert table_utility(*numbers, "sum", by="boosting", draws=3).synthetic.value > 0.6
    collapsed = words[0] | {"same": np.full(300, "yes")}
    assert table_utility(collapsed, *words[1:], "same", by="boosting", draws=3).synthetic.value == 0.5
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"genzoo\[sklearn\]"):
        table_utility(*words, "same", by="boosting")


def test_fresh_rows_are_as_near_to_either_and_copies_are_not():
    train, held_out = flowers(1, 600), flowers(2, 200)
    fresh = closest_records(flowers(3, 300), train, held_out)
    assert abs(fresh.closer.value - 0.5) < 4 * fresh.closer.error
    assert fresh.copies.value == 0
    assert fresh.distance.value == pytest.approx(fresh.floor.value, abs=4 * fresh.floor.error)
    some = {name: np.concatenate([values[:60], flowers(3, 240)[name]]) for name, values in train.items()}
    found = closest_records(some, train, held_out)
    assert found.rows == list(range(60))
    assert found.copies.value == 0.2
    near = {
        name: values + 0.01 * Noise(5).normal(600).double().numpy() if values.dtype.kind == "f" else values
        for name, values in train.items()
    }
    assert closest_records(near, train, held_out).closer.value > 0.6  # a third of the training rows are looked at
    assert closest_records(near, train, flowers(2, 600)).closer.value > 0.95


def test_distance_is_in_standard_deviations_and_words():
    n = 20
    train = {"a": np.tile([-2.0, 2.0], n // 2), "w": np.full(n, "x")}
    other = {"a": np.tile([-2.0, 2.0], n // 2), "w": np.full(n, "y")}
    shifted = {"a": np.full(n, 3.0), "w": np.full(n, "x")}
    assert closest_records(shifted, train, other).distance.value == pytest.approx(0.5)
    assert closest_records(shifted, train, other).floor.value == pytest.approx(1.0)
    assert closest_records(shifted, train, train).closer.value == 0.5


def test_mistakes_say_what_to_do():
    tables = [flowers(seed, 30) for seed in range(3)]
    with pytest.raises(ValueError, match="`target` must be one of several columns, got 'leaf'"):
        table_utility(*tables, "leaf")
    with pytest.raises(ValueError, match="must differ among test rows"):
        table_utility(*tables[:2], tables[2] | {"kind": np.full(30, "rose")}, "kind")
    with pytest.raises(TooFew, match="`samples` with 'kind' needs at least 10 rows, got 5"):
        table_utility({name: values[:5] for name, values in tables[0].items()}, *tables[1:], "kind")
    with pytest.raises(TooFew, match="records of `held_out` needs at least 10 rows, got 3"):
        closest_records(*tables[:2], {name: values[:3] for name, values in tables[2].items()})


def test_columns_of_thousands_of_words_are_seen_in_few_places() -> None:
    codes = Noise(0).integers(5000, 3000).numpy()
    tables = [
        {"a": x, "zip": np.char.add("z", codes[k : k + 1000].astype(str))}
        for k in (0, 1000, 2000)
        for x in [codes[k : k + 1000] / 1.0]
    ]
    found = closest_records(tables[0], tables[0], tables[1])
    assert found.distance.value == 0
    assert found.copies.value == 1
    assert 0.7 < found.floor.value < 1.3  # another word is about 1 apart
    names = [score.name for score in table_scores(*tables)]
    assert not any(name.startswith("utility (") for name in names)
    assert any(name.startswith("boosted utility of numbers") for name in names)
