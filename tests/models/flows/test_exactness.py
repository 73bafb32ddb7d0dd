"""Of every bijection: its determinant is autograd's, its inverse brings x back, and both have derivatives."""

import re

import pytest
import torch
from hypothesis import given as drawn_from
from hypothesis import settings
from hypothesis import strategies as st

from genzoo.core import seeded
from tests.models.flows.cases import CASES, double, eased, made, rows

SEEDS, STIRS = st.integers(0, 1 << 20), st.floats(0.02, 0.2)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=3, deadline=None, derandomize=True)
@drawn_from(SEEDS, STIRS, st.sampled_from([0.1, 1.0, 10.0]))
def test_ladj_is_that_of_the_jacobian(name: str, seed: int, stir: float, far: float) -> None:
    with seeded(seed):
        bijection, (x, given) = eased(double(name, stir)), rows(name, 2, far)
    x, given = x.double(), given.double()
    _, ladj = bijection(x, given)
    for row, condition, expected in zip(x, given, ladj, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda x, condition=condition: bijection(x[None], condition[None])[0].flatten(), row
        )
        found = torch.linalg.slogdet(jacobian.flatten(1)).logabsdet.item()
        assert found == pytest.approx(expected.item(), abs=1e-5 if "continuous" in name else 1e-8)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=3, deadline=None, derandomize=True)
@drawn_from(SEEDS, STIRS, st.sampled_from([1.0, 30.0, 1000.0]))
def test_inverses_bring_back_x_from_far_out_too(name: str, seed: int, stir: float, far: float) -> None:
    with seeded(seed), torch.no_grad():
        n, scale = (5, min(far, 30.0)) if "continuous" in name else (20, far)
        bijection, (x, given) = double(name, stir), rows(name, n, scale)
        x, given = x.double(), given.double()
        z, ladj = bijection(x, given)
        back = bijection.inverse(z, given)
        again = bijection(back, given)[0]
    off, left = (back - x).flatten(1).abs().amax(1), ((again - z).abs() / (1 + z.abs())).flatten(1).amax(1)
    flat = (
        (left < 1e-9) if far > 1 else torch.zeros_like(off, dtype=torch.bool)
    )  # far out z may not tell x from another
    assert ((off < 1e-9 * far) | flat).all()
    assert ladj.shape == (n,)


@pytest.mark.parametrize("name", CASES)
def test_single_precision_is_kept(name: str) -> None:
    bijection, (x, given) = made(name), (part.float() for part in rows(name, 50))
    with torch.no_grad():
        z, ladj = bijection(x, given)
        assert (bijection.inverse(z, given) - x).abs().max() < 1e-4
    assert z.dtype == ladj.dtype == torch.float32


@pytest.mark.parametrize("name", CASES)
def test_derivatives_of_the_inverse_are_those_of_a_solution(name: str) -> None:
    """However it is found, by a formula, bisection, Newton's steps or a differential equation."""
    bijection = eased(double(name))
    x, given = (part.double() for part in rows(name, 1))
    z = bijection(x, given)[0].detach()
    there = torch.autograd.functional.jacobian(lambda x: bijection(x[None], given)[0].flatten(), x[0]).flatten(1)
    back = torch.autograd.functional.jacobian(lambda z: bijection.inverse(z[None], given).flatten(), z[0]).flatten(1)
    assert torch.allclose(back @ there, torch.eye(len(there)).double(), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_no_rows_are_rows(name: str) -> None:
    bijection = made(name)
    x, given = rows(name, 0)
    z, ladj = bijection(x, given)
    assert ladj.shape == (0,)
    assert bijection.inverse(z, given).shape == x.shape


@pytest.mark.parametrize("name", [name for name in CASES if not re.search("norm|logi|mixing|simplex|tails", name)])
def test_couplings_start_as_the_identity(name: str) -> None:
    bijection = CASES[name][0]()
    x, given = rows(name)
    z, ladj = bijection(x, given)
    error = 1e-5 if re.search("spline|separate|circle", name) else 0
    assert torch.allclose(ladj, torch.zeros(4), rtol=0, atol=error)
    assert torch.allclose(z.flatten().sort().values, x.flatten().sort().values, rtol=0, atol=error)
