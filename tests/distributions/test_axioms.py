"""Every axiom of every distance: what the table grants holds on random distributions, what it denies is broken."""

import itertools
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genzoo.distributions import DISTANCES, axiom_table

EACH = pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.name)
# Rounding: a root makes 1e-16 of a square to 1e-8.
SLACK = 1e-6

points = st.tuples(st.integers(0, 2), st.integers(0, 2))
samples = st.lists(points, min_size=4, max_size=6).map(lambda rows: torch.tensor(rows, dtype=torch.float64))
# Two sets of numbers whose first three moments agree (Prouhet, Tarry and Escott).
TWINS = [
    torch.tensor(rows, dtype=torch.float64) for rows in ([0, 3, 5, 6, 9, 10, 12, 15], [1, 2, 4, 7, 8, 11, 13, 14])
]


def line(*rows: float) -> torch.Tensor:
    """Points on the first axis."""
    return torch.tensor([[float(x), 0.0] for x in rows], dtype=torch.float64)


WITNESSES = [
    line(0, 0, 0, 1),
    line(0, 0, 1, 1),
    line(0, 1, 1, 1),
    line(0, 0, 0, 0),
    line(1, 1, 1, 1),
    line(2, 2, 2, 2),
    line(0, 0, 2, 2),
    line(*[0] * 8, 1),
    line(*TWINS[0]),
    line(*TWINS[1]),
]


def equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether both are one distribution."""
    counted = [sorted(map(tuple, rows.repeat(math.lcm(len(a), len(b)) // len(rows), 1).tolist())) for rows in (a, b)]
    return counted[0] == counted[1]


@EACH
@settings(max_examples=10, deadline=None)
@given(a=samples, b=samples, c=samples)
def test_what_the_table_grants_holds(distance, a, b, c):
    there, back = distance.between(a, b), distance.between(b, a)
    assert there >= -1e-12
    assert distance.between(a, a.flip(0)) == pytest.approx(0, abs=SLACK)
    if equal(a, b):
        assert there == pytest.approx(0, abs=SLACK)
    elif distance.definite:
        assert there > 1e-4
    if distance.symmetric:
        assert there == pytest.approx(back, rel=1e-6, abs=SLACK)
    if distance.triangle:
        assert distance.between(a, c) <= there + distance.between(b, c) + SLACK


@EACH
def test_what_the_table_denies_is_broken(distance):
    pairs = list(itertools.permutations(WITNESSES, 2))
    if not distance.symmetric:
        assert any(abs(distance.between(a, b) - distance.between(b, a)) > 0.01 for a, b in pairs)
    if not distance.triangle:
        triples = itertools.permutations(WITNESSES, 3)
        assert any(
            distance.between(a, c) > distance.between(a, b) + distance.between(b, c) + 0.01 for a, b, c in triples
        )
    if not distance.definite:
        assert any(not equal(a, b) and abs(distance.between(a, b)) < SLACK for a, b in pairs)


def test_the_page_prints_the_table():
    page = Path(__file__).resolve().parents[2] / "docs" / "distances.md"
    assert axiom_table() in page.read_text(encoding="utf-8")
