"""Numbers that are rounded alike however they were computed."""

import math

import numpy as np
import pytest

from genzoo.core.errors import DataError
from genzoo.tasks.coding.fixed_point import MARGIN, STEP, TOP, Doubts, priced, scales, weights


def some(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 20, n)


def test_who_computes_otherwise_rounds_alike() -> None:
    """A million numbers, many of them as near to an edge as rounding errors reach."""
    values = some(1_000_000)
    values[::10] = (np.floor(values[::10] / STEP) + 0.5) * STEP
    encoder = Doubts()
    here = encoder.round(values, STEP, key=3, top=TOP)
    noise = np.random.default_rng(1).uniform(-1, 1, len(values)) * 1e-12
    there = Doubts(encoder.to_bytes()).round(values + noise, STEP, key=3, top=TOP)
    np.testing.assert_array_equal(here, there)
    unlike = (Doubts(b"").round(values + noise, STEP, key=3, top=TOP) != here).mean()
    assert 0.03 < unlike < 0.07  # of the tenth that lies on edges, half


def test_doubts_are_rare_and_belong_to_their_key() -> None:
    encoder = Doubts()
    encoder.round(some(1_000_000), STEP, key=0)
    assert len(encoder.to_bytes()) <= 12 * 5  # 2 · MARGIN / STEP of a million is 0.013
    encoder = Doubts()
    encoder.round(np.array([1.5 * STEP]), STEP, key=1)
    other = Doubts(encoder.to_bytes())
    assert other.round(np.array([1.5 * STEP - MARGIN / 10]), STEP, key=2).tolist() == [1]
    assert other.round(np.array([1.5 * STEP - MARGIN / 10]), STEP, key=1).tolist() == [2]


def test_what_cannot_be_rounded_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Doubts().round(np.array([math.nan]), STEP, key=0)
    with pytest.raises(DataError, match="whole records"):
        Doubts(b"123")
    assert Doubts().round(np.array([math.inf, 1e9]), STEP, key=0, top=TOP).tolist() == [TOP, TOP]


def test_weights_are_whole_and_cost_next_to_nothing() -> None:
    """KL(p ‖ rounded p) is about STEP² / 24."""
    steps = np.arange(TOP + 1)
    found = weights(steps)
    assert (found == np.rint(found)).all()
    np.testing.assert_allclose(found, np.exp(-steps * STEP) * 2**28, atol=0.5)
    logits = np.random.default_rng(0).normal(size=(1000, 256)) * 3
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    q = weights(Doubts().round(-log_p, STEP, key=0, top=TOP))
    shares = (q + 2**4) / (q + 2**4).sum(1, keepdims=True)  # the coder's least is 2^-24 of 2^28
    kl = (np.exp(log_p) * (log_p - np.log(shares))).sum(1)
    assert kl.mean() < 2 * STEP**2 / 24


def test_scales_are_exponentials_with_edges() -> None:
    np.testing.assert_array_equal(scales(np.array([-64, 0, 10_000])), [math.exp(-1), 1.0, scales(np.array([600]))[0]])


def test_symbols_without_mass_are_counted_apart() -> None:
    assert priced(np.array([[0.0, 25.0], [1.0, 2.0]]), np.array([1, 1])) == (2.0, 1)
