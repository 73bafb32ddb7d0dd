"""The Boltzmann machine against sums over its states."""

import itertools

import pytest
import torch

from genzoo.core import Space
from genzoo.models.graphical import BoltzmannMachine


@pytest.fixture(autouse=True)
def _double() -> None:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made(dims: int = 3, hidden: int = 2) -> BoltzmannMachine:
    model = BoltzmannMachine(Space((dims,), levels=2), hidden=hidden)
    with torch.no_grad():
        model.couplings.normal_()
        model.biases.normal_()
    return model


def states(n: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n)))


@pytest.mark.parametrize("hidden", [0, 2])
def test_masses_are_those_of_the_definition(hidden: int) -> None:
    model = made(hidden=hidden)
    s, j = states(model.units), model.coupling
    assert torch.equal(j, j.T)
    assert not j.diagonal().any()
    energy = torch.stack([-row @ j @ row / 2 - row @ model.biases for row in s])
    assert torch.allclose(model.energy(s), energy)
    mass = (-energy).softmax(0).view(8, -1).sum(1)
    assert torch.allclose(model.log_prob(states(3).byte()).exp(), mass)


def test_the_gradient_is_what_units_do_together_with_the_data_held_less_without() -> None:
    model = made()
    v = torch.tensor([[1.0, 0.0, 1.0]])
    s = states(5)
    free = (-model.energy(s)).softmax(0)
    held = s[(s[:, :3] == v).all(1)]
    clamped = (-model.energy(held)).softmax(0)
    pairs = [
        (held[:, i] * held[:, k]) @ clamped - (s[:, i] * s[:, k]) @ free
        for i, k in zip(model.rows, model.columns, strict=True)
    ]
    (gradient,) = torch.autograd.grad(model.log_prob(v.byte()).sum(), model.couplings)
    assert torch.allclose(gradient, torch.stack(pairs).detach())


def test_gibbs_chains_draw_what_the_table_draws() -> None:
    model = made()
    mass = model.log_masses().exp()
    for options in ({}, {"sweeps": 40}):
        x = model.sample(20_000, seed=1, **options)
        share = (x.long() * torch.tensor([4, 2, 1])).sum(1).bincount(minlength=8) / 20_000
        assert ((share - mass).abs() < 5 * (mass * (1 - mass) / 20_000).sqrt()).all()


def test_large_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="Take RBM"):
        BoltzmannMachine(Space((18,), levels=2), hidden=3)
    with pytest.raises(ValueError, match="binary"):
        BoltzmannMachine(Space((3,)))
