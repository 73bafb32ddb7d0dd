"""Samples of tables: sdmetrics' answers, real halves near-perfect, shuffled columns not."""

import itertools

import numpy as np
import pytest
import torch

import genzoo
from genzoo.core.noise import Noise
from genzoo.data import PointsCodec, TableCodec
from genzoo.evaluation import tables
from genzoo.evaluation.measurement import TooFew
from genzoo.evaluation.tables import alike, columns_of, missing_similarity, table_quality
from tests.golden.frozen import frozen
from tests.golden.tables import NUMBERS, WORDS, table

GOLDEN = frozen("tables")


def people(seed: int, n: int) -> dict[str, np.ndarray]:
    """A table in which a word and numbers go together; a tenth of one column is missing."""
    noise = Noise(seed)
    kind, normal = noise.integers(3, n).numpy(), noise.normal(n, 2).double().numpy()
    age = 40 + 10 * normal[:, 0] + 8 * kind
    pay = np.where(noise.uniform(n).numpy() < 0.1, np.nan, np.exp(0.03 * age + 0.3 * normal[:, 1]))
    return {"age": age, "pay": pay, "kind": np.array(["low", "mid", "high"])[kind]}


def shuffled(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every column in an order of its own."""
    return {name: values[Noise(k).permutation(len(values)).numpy()] for k, (name, values) in enumerate(table.items())}


@pytest.fixture(scope="module")
def asked() -> dict[str, dict[str, np.ndarray]]:
    return {side: table(GOLDEN, side) for side in ("samples", "real")}


def test_shapes_and_trends_are_sdmetrics(asked):
    got = table_quality(asked["samples"], asked["real"], draws=2)
    for name in (*NUMBERS, *WORDS):
        assert got.shapes[name].value == pytest.approx(GOLDEN[f"shape/{name}"].item(), rel=1e-9)
    for pair in itertools.combinations((*NUMBERS, *WORDS), 2):
        assert got.pairs[pair].value == pytest.approx(GOLDEN["pair/" + "/".join(pair)].item(), rel=1e-9)


def test_the_report_is_sdmetrics(asked):
    got = table_quality(asked["samples"], asked["real"], bins="own", draws=2)
    values = [got.overall.value, got.column_shapes.value, got.pair_trends.value]
    assert values == pytest.approx(GOLDEN["report"].tolist(), rel=1e-9)


def test_shares_of_missing_cells_are_sdmetrics(asked):
    for name, estimate in missing_similarity(asked["samples"], asked["real"]).items():
        assert estimate.value == pytest.approx(GOLDEN[f"missing/{name}"].item(), rel=1e-9)


def test_own_bins_do_not_see_a_shift_and_real_ones_do():
    one, other = people(1, 2000), people(2, 2000)
    moved = one | {"age": one["age"] + 1000}
    for bins, least, most in (("own", 0.9, 1.0), ("real", 0.0, 0.4)):
        pair = table_quality(moved, other, bins=bins, draws=2).pairs["age", "kind"]
        assert least < pair.value < most


def test_real_halves_are_near_and_shuffled_columns_are_not():
    real, half = people(1, 1500), people(2, 1500)
    near, far = table_quality(half, real), table_quality(shuffled(half), real)
    assert near.overall.value > 0.95
    assert far.column_shapes.value == pytest.approx(near.column_shapes.value)
    assert far.pair_trends.value + 10 * far.pair_trends.error < near.pair_trends.value
    assert near == table_quality(half, real)


def test_errors_are_the_spread_over_repetitions():
    def scores(seed: int, draws: int = 2):
        moved = people(seed, 300)
        return table_quality(moved | {"age": moved["age"] + 5}, people(seed + 500, 300), draws=draws)

    repeated = [scores(seed) for seed in range(60)]
    once = [scores(seed, 50) for seed in range(5)]
    for name in ("overall", "column_shapes", "pair_trends"):
        spread = np.std([getattr(found, name).value for found in repeated], ddof=1)
        assert np.mean([getattr(found, name).error for found in once]) == pytest.approx(spread, rel=0.4)


def test_collapsed_columns_are_not_left_out():
    real = people(1, 200)
    same = real | {"age": np.full(200, 40.0)}
    found = table_quality(same, real, draws=3)
    rho = np.corrcoef(*(real[name][~np.isnan(real["pay"])] for name in ("age", "pay")))[0, 1]
    assert found.pairs["age", "pay"].value == pytest.approx(1 - rho / 2)
    assert ("age", "pay") not in table_quality(real, same, draws=3).pairs
    nothing = real | {"pay": np.full(200, np.nan), "kind": np.full(200, "")}
    assert [table_quality(nothing, real, draws=3).shapes[name].value for name in ("pay", "kind")] == [0.0, 0.0]
    alone = table_quality({"a": real["age"]}, {"a": real["age"]}, draws=3)
    assert alone.pair_trends is None
    assert alone.overall.value == 1.0


def test_columns_are_those_that_a_file_would_have(tmp_path):
    (tmp_path / "pets.csv").write_text("age,kind,fur\n3,cat,0.5\n,dog,0.25\n7,cat,0.125\n2,,1\n")
    data = genzoo.read(tmp_path / "pets.csv", given="kind", missing="keep")
    assert isinstance(data.codec, TableCodec)
    order = data.x[:, 1].argsort(descending=True)
    found = columns_of(data.codec, data.x[order] + 0.2, data.given[order], data.classes)
    assert found["age"].tolist()[:2] == [2.0, 3.0]
    assert np.isnan(found["age"][2])
    assert found["given"].tolist() == ["", "cat", "dog", "cat"]
    words = TableCodec(("u", "v"), 3, {"u": ["x", "y", "z"], "v": ["p", "q"]})
    assert columns_of(words, torch.tensor([[2, 1], [0, 0]], dtype=torch.uint8))["u"].tolist() == ["z", "x"]
    points = columns_of(PointsCodec(("u", "v")), torch.tensor([[0.5, 2.0]]), {"w": torch.tensor([[1.0, 2.0]])})
    assert {name: column.tolist() for name, column in points.items()} == {
        "u": [0.5], "v": [2.0], "w.0": [1.0], "w.1": [2.0],
    }  # fmt: skip


def test_tables_that_cannot_be_compared_say_why():
    real = people(1, 20)
    with pytest.raises(ValueError, match="the same columns, got \\['pay'\\]"):
        alike({name: real[name] for name in ("age", "kind")}, real)
    with pytest.raises(ValueError, match="numbers in all tables or words in all"):
        alike(real | {"age": real["kind"]}, real)
    with pytest.raises(ValueError, match="must hold real values"):
        alike(real, real | {"age": np.full(20, np.nan)})
    with pytest.raises(ValueError, match="equally long"):
        alike(real | {"age": real["age"][:3]}, real)
    with pytest.raises(ValueError, match="numbers or words in one dimension"):
        alike(real, real | {"age": np.array([object()] * 20)})
    with pytest.raises(ValueError, match="must be finite or NaN, got 20 that are infinite"):
        alike(real | {"age": np.full(20, np.inf)}, real)
    with pytest.raises(TooFew, match="needs at least 2 rows, got 1"):
        table_quality(people(1, 1), real)


def test_of_very_many_pairs_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_PAIRS", 20)
    real = {f"c{i}": part for i, part in enumerate(Noise(0).normal(9, 8).numpy())}
    found = table_quality(real, real, draws=2, seed=1)
    assert len(found.pairs) == 20
    assert found.pairs.keys() != table_quality(real, real, draws=2, seed=2).pairs.keys()
    assert found.pair_trends.value == 1
