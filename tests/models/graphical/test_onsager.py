"""The exact answers, against enumeration, against each other, and against printed tables."""

import itertools
import math

import numpy as np
import pytest

from genzoo.models.graphical import (
    BETA_CRITICAL,
    binder_cumulant,
    critical_beta,
    kaufman_energy,
    kaufman_log_partition,
    onsager_energy,
    yang_magnetization,
)

INFINITE = {1.0: -1.997160, 1.5: -1.951117, 2.0: -1.745565, 2.25: -1.463103, 2.3: -1.342866, 3.0: -0.817310}


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 3), (4, 2), (3, 5), (4, 4)])
@pytest.mark.parametrize("beta", [0.1, 0.4, BETA_CRITICAL, 1.0])
def test_kaufman_is_the_sum_over_all_states(rows: int, columns: int, beta: float) -> None:
    s = np.array(list(itertools.product([-1, 1], repeat=rows * columns)), np.int8).reshape(-1, rows, columns)
    energy = -(s * (np.roll(s, 1, 1) + np.roll(s, 1, 2))).sum((1, 2)).astype(float)
    weight = np.exp(-beta * energy)
    assert kaufman_log_partition(beta, rows, columns) == pytest.approx(math.log(weight.sum()), abs=1e-9)
    expected = (weight * energy).sum() / weight.sum() / (rows * columns)
    assert kaufman_energy(beta, rows, columns) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("beta", "size", "energy"),
    [
        (BETA_CRITICAL, 32, -1.433658),
        (1 / 2.5, 32, -1.107292),
        (1 / 1.5, 8, -1.951115),
        (1 / 3.0, 16, -0.817689),
        (BETA_CRITICAL, 64, -1.423938),
    ],
)
def test_kaufman_at_known_points(beta: float, size: int, energy: float) -> None:
    assert kaufman_energy(beta, size) == pytest.approx(energy, abs=5e-7)


@pytest.mark.parametrize(("temperature", "energy"), INFINITE.items())
def test_onsager_at_known_points(temperature: float, energy: float) -> None:
    assert onsager_energy(1 / temperature) == pytest.approx(energy, abs=5e-7)
    if abs(temperature - 2.269) > 0.5:
        assert kaufman_energy(1 / temperature, 256) == pytest.approx(energy, abs=5e-7)


def test_the_critical_point() -> None:
    assert onsager_energy(BETA_CRITICAL) == pytest.approx(-math.sqrt(2), abs=1e-12)
    for beta in (BETA_CRITICAL * (1 - 1e-12), BETA_CRITICAL * (1 + 1e-12)):
        assert onsager_energy(beta) == pytest.approx(-math.sqrt(2), abs=1e-9)
    assert yang_magnetization(BETA_CRITICAL) == 0
    assert yang_magnetization(1 / 2.25) == pytest.approx(0.671854, abs=5e-7)
    assert yang_magnetization(1.0) == pytest.approx(0.999276, abs=5e-7)


def test_large_and_cold_lattices_do_not_overflow() -> None:
    assert kaufman_energy(2.0, 1024) == pytest.approx(onsager_energy(2.0), abs=1e-9)
    assert kaufman_log_partition(2.0, 1024) == pytest.approx(2 * 2.0 * 1024**2 + math.log(2), rel=1e-6)


def test_cumulants_of_order_and_disorder() -> None:
    assert binder_cumulant(np.array([-0.9, 0.9])) == pytest.approx(2 / 3)
    normal = np.random.default_rng(0).normal(size=400_000)
    assert binder_cumulant(normal) == pytest.approx(0, abs=0.01)


def test_what_does_not_cross_is_refused() -> None:
    with pytest.raises(ValueError, match="cross"):
        critical_beta([0.4, 0.5], [0.5, 0.6], [0.4, 0.4])


@pytest.mark.parametrize("beta", [-0.1, math.nan, math.inf])
def test_impossible_temperatures_are_refused(beta: float) -> None:
    for function in (onsager_energy, yang_magnetization, lambda b: kaufman_energy(b, 4)):
        with pytest.raises(ValueError, match="beta"):
            function(beta)


def test_impossible_tori_are_refused() -> None:
    with pytest.raises(ValueError, match="sides"):
        kaufman_energy(0.4, 1)
