"""Published tables: prepared as the papers have it, trained by one command, refused where files are not there."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.experiments.published import PUBLISHED, prepared, reproduce
from genzoo.experiments.reproductions import TABLES
from genzoo.zoo.mistakes import Mistake

RNG = np.random.default_rng(0)


def quiet(_: str) -> None:
    pass


def test_every_table_has_a_figure_to_reach() -> None:
    assert set(PUBLISHED) == set(TABLES)


def test_power_is_shuffled_thinned_and_made_continuous(tmp_path) -> None:
    x = np.round(RNG.normal(size=(400, 8)), 1)
    np.save(tmp_path / "data.npy", x)
    parts = prepared("uci_power", tmp_path)
    assert [part.shape for part in parts] == [(324, 6), (36, 6), (40, 6)]
    both = np.vstack(parts[:2])
    assert np.allclose(both.mean(0), 0, atol=1e-5)
    assert np.allclose(both.std(0), 1, atol=1e-4)
    assert len(np.unique(both[:, 1])) > 300 > len(np.unique(x[:, 2]))  # voltage was rounded
    order = np.random.RandomState(42).permutation(400)
    assert len(np.unique(both[:, 5])) == len(np.unique(x[order[:360], 7]))  # time was not made continuous
    assert all(np.array_equal(a, b) for a, b in zip(parts, prepared("uci_power", tmp_path), strict=True))


def test_gas_loses_columns_that_say_the_same(tmp_path) -> None:
    x = RNG.normal(size=(300, 7))
    x[:, 4] = 2 * x[:, 3] + 1e-3 * RNG.normal(size=300)
    np.save(tmp_path / "ethylene_CO.npy", x)
    assert [part.shape for part in prepared("uci_gas", tmp_path)] == [(243, 3), (27, 3), (30, 3)]


def test_hepmass_keeps_signals_and_columns_without_ties(tmp_path) -> None:
    for name, columns in (("1000_train", 5), ("1000_test", 6)):
        x = RNG.normal(size=(200, columns))
        x[:, 0], x[:, 2] = np.arange(200) % 2, x[:, 2].clip(min=0)  # half of a column is its least number
        np.savetxt(tmp_path / f"{name}.csv", x, delimiter=",", header="names", comments="")
    assert [part.shape for part in prepared("uci_hepmass", tmp_path)] == [(90, 3), (10, 3), (100, 3)]


def test_a_table_is_trained_on_and_written_down(tmp_path) -> None:
    np.save(tmp_path / "data.npy", RNG.normal(size=(400, 3)) @ RNG.normal(size=(3, 3)))
    outcome = reproduce(
        "uci_miniboone", tmp_path / "out", tmp_path, published=-11.75, say=quiet, core_minutes=None, steps=3
    )
    assert outcome.record["rows"] == [324, 36, 40]
    assert json.loads(outcome.path.read_text()) == outcome.record
    assert (outcome.value, outcome.recorded) == (outcome.record["log_likelihood"], -11.75)


def test_files_must_be_there(tmp_path) -> None:
    with pytest.raises(Mistake, match=r"data.npy or data.csv"):
        prepared("uci_power", tmp_path)
    found = CliRunner().invoke(app, ["reproduce", "uci_power", "--out", str(tmp_path)])
    assert found.exit_code != 0
    assert "--data FOLDER" in found.output
