"""What is measured of tables by their columns: oracles, and what shuffled columns are worth."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

import genzoo
from genzoo.core import Noise
from genzoo.evaluation import (
    Estimate,
    Protocol,
    TooFew,
    boosted_score,
    boosted_two_sample_test,
    information_distance,
    information_gap,
    normalized_information,
    repeated,
)
from genzoo.evaluation.information import entropy_of
from genzoo.evaluation.protocol import Examiner
from genzoo.evaluation.table_scores import shuffled
from genzoo.experiments.glossary import meaning_of


def codes(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    u = Noise(seed).integers(5, n)
    return u.numpy(), ((u + Noise(seed, "v").integers(3, n)) % 7).numpy()


def test_information_is_that_of_scikit_learn() -> None:
    for seed in range(4):
        u, v = codes(seed)
        assert normalized_information(u, v) == pytest.approx(normalized_mutual_info_score(u, v), abs=1e-12)
    assert normalized_information(np.zeros(9, dtype=int), np.zeros(9, dtype=int)) == 0


def test_the_distance_is_the_mean_over_pairs() -> None:
    """Of words alone, which need no bins, it is made of scikit-learn's numbers."""
    mine, theirs = ([*codes(seed), codes(seed + 9)[0]] for seed in (1, 2))
    words = [
        {"abc"[k]: np.array([f"w{code}" for code in column]) for k, column in enumerate(table)}
        for table in (mine, theirs)
    ]
    pairs = [(0, 1), (0, 2), (1, 2)]
    nmi = [[normalized_mutual_info_score(table[i], table[j]) for i, j in pairs] for table in (mine, theirs)]
    wanted = np.abs(np.subtract(*nmi)).mean()
    assert information_distance(*words).value == pytest.approx(wanted, abs=1e-12)
    x = Noise(0).normal(400).double().numpy()
    real = {"x": x, "y": x**2}
    apart = information_distance({"x": x, "y": x[::-1] ** 2}, real)
    assert apart.value > 0.3
    assert apart.error < 0.1
    assert information_distance(real, real).value == 0
    with pytest.raises(ValueError, match="two columns"):
        information_distance({"x": x}, {"x": x})
    with pytest.raises(TooFew):
        information_distance({name: v[:5] for name, v in real.items()}, real)


def test_the_gap_is_one_of_factors_alone_and_none_of_what_two_entries_tell() -> None:
    factors = torch.cartesian_prod(torch.arange(6), torch.arange(4), torch.arange(3))
    alone = torch.cat([factors.float(), Noise(0).normal(72, 1)], 1)
    assert information_gap(alone[:, :3], factors).value == pytest.approx(1, abs=1e-12)
    assert information_gap(torch.cat([factors, factors], 1).float(), factors).value == pytest.approx(0, abs=1e-12)
    x, v = (column.numpy() for column in (factors[:, 0] + factors[:, 1], factors[:, 0]))
    nats = normalized_mutual_info_score(x, v) * (entropy_of(np.bincount(x)) + entropy_of(np.bincount(v))) / 2
    code = torch.stack([torch.tensor(x), torch.zeros(72)], 1)
    found = information_gap(code, torch.tensor(v)[:, None], bins=200)
    assert found.value == pytest.approx(nats / math.log(6), abs=1e-12)
    with pytest.raises(ValueError, match="two entries"):
        information_gap(alone[:, :1], factors)
    with pytest.raises(ValueError, match="must vary"):
        information_gap(alone, torch.zeros(72, 1))
    with pytest.raises(TooFew):
        information_gap(alone[:9], factors[:9])


def test_noise_within_bins_escapes_trees_and_not_ties() -> None:
    """1,000 whole numbers against the same plus uniform noise: trees see 255 bins."""
    whole = [Noise(seed).integers(1000, 3000).double().numpy() for seed in (0, 1)]
    blurred = {"n": whole[0] + Noise(2).uniform(3000).double().numpy()}
    assert abs(boosted_two_sample_test(blurred, {"n": whole[1]}).value - 0.5) < 0.03
    found = repeated(blurred, {"n": whole[1]})["n"]
    assert found.shares[0] < 0.01
    assert found.shares[1] > 0.9
    assert found.ties.value == pytest.approx(abs(found.shares[0] - found.shares[1]))


def test_spikes_are_those_of_real_rows() -> None:
    real = {"gain": np.where(np.arange(1000) % 10 < 9, 0.0, np.arange(1000.0)), "kind": np.array(["a", "b"] * 500)}
    none = real | {"gain": np.arange(1000.0) + 1}
    found = repeated(none, real)
    assert list(found) == ["gain"]
    assert found["gain"].value == 0
    assert found["gain"].shares[3] == pytest.approx(0.9)
    assert found["gain"].spike.value == pytest.approx(0.9)
    assert repeated(real, real)["gain"].spike.value == 0


def test_the_score_is_that_of_papers() -> None:
    assert boosted_score(Estimate(0.6, 0.01)) == Estimate(pytest.approx(0.8), pytest.approx(0.02))
    assert boosted_score(Estimate(0.3, None)) == Estimate(1.0, None)
    x = {"a": Noise(0).normal(300).double().numpy()}
    with pytest.raises(ValueError, match="at least 2"):
        boosted_two_sample_test(x, x, folds=1)


def test_a_control_has_every_column_and_no_dependence() -> None:
    x = torch.arange(60.0).reshape(30, 2)
    mixed, given = shuffled(x, {"label": torch.arange(30)}, seed=1)
    assert all(torch.equal(mixed[:, k].sort().values, x[:, k]) for k in (0, 1))
    assert not torch.equal(mixed[:, 0] + 1, mixed[:, 1])
    assert not torch.equal(given["label"], torch.arange(30))


@pytest.fixture(scope="module")
def found() -> dict[str, genzoo.evaluation.Measurement]:
    z = Noise(3).normal(1500, 3, dtype=torch.float64).numpy()
    kinds = np.where(z[:, 0] + 0.3 * z[:, 2] > 0, "up", "down")
    rows = [
        {"a": a, "b": a + 0.3 * b, "c": c, "kind": kind} for (a, b, c), kind in zip(z.tolist(), kinds, strict=True)
    ]
    data = genzoo.read(rows)
    examiner = Examiner(data, Protocol(samples=300, seed=0))
    return {m.name: m for m in examiner.exam(data.train.x[:300], None).measurements}


def test_scores_that_are_blind_to_dependence_are_as_good_without_any(found) -> None:
    assert found["column shapes"].control == pytest.approx(found["column shapes"].floor, abs=0.02)
    for name in ("pair trends", "two-sample score (boosted trees)", "utility (train on samples, test on real)"):
        assert found[name].control < found[name].floor - 0.1
    assert found["mutual information distance"].control > 3 * found["mutual information distance"].floor
    assert found["two-sample AUC (boosted trees)"].control > 0.75
    assert found["utility of numbers (train on samples, test on real)"].protocol["metric"] == "R²"
    for name in (
        "boosted utility (train on samples, test on real)",
        "boosted utility of numbers (train on samples, test on real)",
    ):
        assert found[name].control < found[name].floor - 0.1
    assert found["two-sample score (boosted trees)"].protocol["folds"] == 3
    assert found["distance to the closest record"].floor > 0
    assert found["Fréchet"].control is None
    assert all(map(meaning_of, found))
    assert found["column shapes"].to_json()["control"] == found["column shapes"].control
