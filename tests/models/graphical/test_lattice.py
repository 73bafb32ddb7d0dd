"""Bit planes against exact answers, against plain spins, and compiled against not."""

import itertools

import numpy as np
import pytest

from genzoo import _compiled
from genzoo.core import Noise
from genzoo.models.graphical import SquareLattice, kaufman_energy
from genzoo.models.graphical import bitplanes as bp
from genzoo.models.graphical.bitplanes_compiled import _heat_bath, _metropolis

RULES = ["heat-bath", "metropolis"]
LAYOUTS = [(32, 64), (6, 128), (128, 1), (256, 1)]


def energies(s: np.ndarray) -> np.ndarray:
    s = s.astype(int)
    return -(s * (np.roll(s, 1, 1) + np.roll(s, 1, 2))).mean((1, 2))


@pytest.mark.parametrize(("size", "replicas"), [(6, 128), (128, 1)])
def test_compiled_sweeps_give_the_same_bits(size: int, replicas: int) -> None:
    plain = SquareLattice(size, 0.41, replicas=replicas, seed=3, compiled=False)
    fast = SquareLattice(size, 0.41, replicas=replicas, seed=3, compiled=True)
    plain.sweep(8)
    for count in (1, 4, 3):  # nor does it matter how sweeps are asked for
        fast.sweep(count)
    assert np.array_equal(plain.planes, fast.planes)


def test_the_rules_are_the_same_compiled() -> None:
    """The two are all that compiled sweeps of one rule do not share with those of the other."""
    words = np.random.default_rng(0).integers(0, 2**64, (8, 40), np.uint64)
    own, *near, first, second, coin = words
    for rule, update in (("heat-bath", _heat_bath), ("metropolis", _metropolis)):
        new = own.copy()
        _compiled.compiled(update)(new, *near, first, second, coin)
        if rule == "heat-bath":
            expected = bp.heat_bath(near, first, second, coin)
        else:
            expected = own ^ bp.flips([side ^ ~own for side in near], first, second)
        assert np.array_equal(new, expected)


def test_a_lattice_changes_to_compiled_sweeps_once_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, late = (SquareLattice(32, 0.41, seed=3, compiled=compiled) for compiled in (False, None))
    plain.sweep(20)
    late.sweep(10)
    monkeypatch.setattr(_compiled, "WORTH", 0)
    monkeypatch.setattr("genzoo.models.graphical.lattice.half_sweep", None)
    late.sweep(10)
    assert np.array_equal(plain.planes, late.planes)


@pytest.mark.parametrize(("size", "replicas"), LAYOUTS)
def test_spins_are_a_lattice(size: int, replicas: int) -> None:
    lattice = SquareLattice(size, 0.41, replicas=replicas)
    lattice.sweep(5)
    spins = lattice.spins()
    assert spins.shape == (replicas, size, size)
    assert set(np.unique(spins)) == {-1, 1}
    assert np.allclose(lattice.energies(), energies(spins))
    assert np.allclose(lattice.magnetizations(), spins.mean((1, 2)))


@pytest.mark.parametrize("parity", [0, 1])
@pytest.mark.parametrize(("size", "replicas"), [(8, 64), (128, 1)])
def test_neighbors_are_those_of_the_lattice(size: int, replicas: int, parity: int) -> None:
    """A half sweep of a lattice so cold that all follow their neighbors, against the plain rule."""
    lattice = SquareLattice(size, 20.0, replicas=replicas, compiled=False)
    before = lattice.spins().astype(int)
    around = sum(np.roll(before, shift, axis) for shift, axis in itertools.product((1, -1), (1, 2)))
    masks = bp.threshold_masks(bp.acceptance("heat-bath", 20.0), np.zeros(1))[0]
    own, other = lattice.planes[parity], lattice.planes[1 - parity]
    bp.half_sweep(own, other, parity, lattice.twist, "heat-bath", lattice.lanes[parity].below(masks))
    row, column = np.indices((size, size))
    mine = (row + column) % 2 == parity
    after = lattice.spins().astype(int)
    decided = mine & (around != 0)
    assert np.array_equal(after[decided], np.sign(around)[decided])
    assert np.array_equal(after[:, ~mine], before[:, ~mine])


@pytest.mark.parametrize("beta", [0.0, 0.2, 0.44, 1.0])
def test_every_conditional_is_the_heat_baths(beta: float) -> None:
    near = [[np.full((1, 1, 4000), bp.ALL if up else 0, np.uint64)] for up in (True, False)]
    masks = bp.threshold_masks(bp.acceptance("heat-bath", beta), np.array([0.5]))[0]
    for pattern in itertools.product([0, 1], repeat=4):
        first, second, coin = (w.reshape(1, 1, -1) for w in bp.Lanes(4000, Noise(0, *pattern)).below(masks))
        new = bp.heat_bath([near[1 - bit][0] for bit in pattern], first, second, coin)
        field = 2 * sum(pattern) - 4
        p, n = 1 / (1 + np.exp(-2 * beta * field)), 64 * 4000
        assert np.bitwise_count(new).sum() / n == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n) + 2**-16)


@pytest.mark.parametrize("beta", [0.1, 0.44])
def test_every_flip_is_metropolis(beta: float) -> None:
    masks = bp.threshold_masks(bp.acceptance("metropolis", beta), np.array([0.5]))[0]
    for agree in itertools.product([0, 1], repeat=4):
        first, second, _ = bp.Lanes(4000, Noise(0, *agree)).below(masks)
        words = [np.full(4000, bp.ALL if bit else 0, np.uint64) for bit in agree]
        p, n = min(1, np.exp(-beta * (4 * sum(agree) - 8))), 64 * 4000
        flipped = np.bitwise_count(bp.flips(words, first, second)).sum() / n
        assert flipped == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n) + 2**-16)


def test_thresholds_are_rounded_without_bias() -> None:
    exact = 0.3 + 2.0**-18
    masks = bp.threshold_masks([exact, 0.0], (np.arange(1000) + 0.5) / 1000)
    weights = 2.0 ** (np.arange(bp.BITS) - bp.BITS)
    rounded = ((masks != 0) * weights).sum(-1)
    assert rounded[:, 0].mean() == pytest.approx(exact, abs=2.0**-24)
    assert (rounded[:, 1] == 0).all()
    assert bp.threshold_masks([1.0, 1.0], np.zeros(1)).all()


def test_bits_of_a_word_are_independent_and_fair() -> None:
    lanes = bp.Lanes(512, Noise(1))
    masks = bp.threshold_masks([0.3, 0.1], np.zeros(1))[0]
    rows = []
    for _ in range(40):
        first, _, _ = lanes.below(masks)
        rows.append(np.unpackbits(first.view(np.uint8), bitorder="little").reshape(512, 64))
    bits = np.stack(rows).reshape(-1, 64).astype(float)
    share = np.sqrt(0.3 * 0.7 / len(bits))
    assert np.abs(bits.mean(0) - 0.3).max() < 4.5 * share
    correlation = np.corrcoef(bits.T) - np.eye(64)
    assert np.abs(correlation).max() < 5.5 / np.sqrt(len(bits))
    series = np.stack(rows).astype(float).reshape(40, -1) - 0.3
    assert abs((series[1:] * series[:-1]).mean()) < 4.5 * 0.21 / np.sqrt(series[1:].size)


def test_counts_of_bits() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, (37, 3), dtype=np.uint64)
    bits = np.unpackbits(words.view(np.uint8).reshape(37, 3, 8), axis=-1, bitorder="little")
    assert np.array_equal(bp.bit_counts(words), bits.sum(0))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beta", [0.2, 0.4])
def test_energies_of_small_lattices_are_kaufmans(rule: str, beta: float) -> None:
    lattice = SquareLattice(4, beta, replicas=64 * 64, rule=rule, seed=5)
    lattice.sweep(50)
    means = np.zeros(4096)
    for _ in range(30):
        lattice.sweep(4)
        means += lattice.energies() / 30
    assert means.mean() == pytest.approx(kaufman_energy(beta, 4), abs=4.5 * means.std() / 64)


@pytest.mark.parametrize("rule", RULES)
def test_the_energy_of_one_large_lattice_is_kaufmans(rule: str) -> None:
    lattice, found = SquareLattice(256, 0.3, replicas=1, rule=rule, seed=2), []
    lattice.sweep(100)
    for _ in range(60):
        lattice.sweep(5)
        found.append(lattice.energies()[0])
    error = np.std(found) / np.sqrt(60 / 3)  # neighbors in time are like each other
    assert np.mean(found) == pytest.approx(kaufman_energy(0.3, 256), abs=4.5 * error)


def test_a_cold_start_and_a_seed() -> None:
    assert SquareLattice(8, 0.4, start="up").magnetizations().tolist() == [1.0] * 64
    same, other = (SquareLattice(8, 0.4, seed=seed) for seed in (1, 2))
    assert not np.array_equal(same.planes, other.planes)
    assert "sweeps=0" in repr(same)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": -0.4}, "beta"),
        ({"beta": float("nan")}, "beta"),
        ({"size": 7}, "even"),
        ({"size": 2}, "even"),
        ({"size": 64, "replicas": 1}, "multiple of 128"),
        ({"replicas": 100}, "multiple of 64"),
        ({"replicas": 0}, "multiple of 64"),
    ],
)
def test_impossible_lattices_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SquareLattice(**{"size": 32, "beta": 0.4} | arguments)
