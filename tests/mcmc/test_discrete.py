"""Kernels on models of few states, against matrices that are known: stationarity, detailed balance, conditionals."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.mcmc import Kernel, bits, colors, gibbs, jointly, levels, metropolis, run, singles
from tests.mcmc.known import EDGES, MASS, STATES, agreement, binary, logits, place, transitions

BLOCKS = {
    "sequential": lambda: gibbs(bits(logits), singles(4)),
    "random": lambda: gibbs(bits(logits), singles(4), scan="random"),
    "colored": lambda: gibbs(bits(logits), colors(4, EDGES)),
    "blocked": lambda: gibbs(jointly(binary, 2), [torch.tensor([0, 2, 3]), torch.tensor([1, 2])]),
    "levels": lambda: gibbs(levels(lambda s, x: torch.stack([0 * logits(s, x), logits(s, x)], -1)), singles(4)),
    "flips": lambda: metropolis(binary, flip),
}
SYMMETRIC = ("random", "flips")


def flip(x: Tensor, noise: Noise) -> tuple[Tensor, float]:
    """Turns one entry, chosen for each chain."""
    which = noise.integers(4, len(x))
    return (x - torch.nn.functional.one_hot(which, 4)).abs(), 0.0


@pytest.mark.parametrize("name", BLOCKS)
def test_the_mass_is_stationary(name: str) -> None:
    n = 20_000
    x = STATES[Noise(1).categorical(MASS.log().expand(n, -1))]
    end = run(BLOCKS[name](), x, Noise(2), 3).state.x
    assert agreement(place(end).bincount(minlength=16), MASS) > 1e-3
    assert (end != x).any(1).float().mean() > 0.3


@pytest.mark.parametrize("name", BLOCKS)
def test_chains_from_one_state_arrive_at_the_mass(name: str) -> None:
    end = run(BLOCKS[name](), STATES[:1].expand(4000, -1), Noise(4), 30).state.x
    assert agreement(place(end).bincount(minlength=16), MASS) > 1e-3


@pytest.mark.parametrize("name", SYMMETRIC)
def test_flows_balance_in_detail(name: str) -> None:
    """π_i T_ij = π_j T_ji. In a random scan all chains of a step share its order, so many steps are looked at."""
    n, parts = 1000, 40
    kernel = BLOCKS[name]()
    counts = torch.stack([transitions(kernel, STATES, place, n, seed) for seed in range(parts)])
    rows = counts / n
    flow = MASS[:, None] * rows
    off = flow.mean(0) - flow.mean(0).T
    error = (flow - flow.transpose(1, 2)).std(0) / parts**0.5
    assert (off.abs() <= 4.5 * error + 1e-12).all()
    assert counts.sum() == n * parts * 16


def test_a_sequential_scan_is_stationary_without_detailed_balance() -> None:
    n = 40_000
    matrix = transitions(BLOCKS["sequential"](), STATES, place, n).double() / n
    flow = MASS[:, None] * matrix
    assert torch.allclose(flow.sum(0), MASS, atol=5e-3)
    assert (flow - flow.T).abs().max() > 5e-3
    assert torch.allclose(matrix, sweep(), atol=0.015)


def sweep() -> Tensor:
    """The matrix of a sweep over single entries, as the product of the matrices of its parts."""
    whole = torch.eye(16, dtype=torch.float64)
    for site in range(4):
        part = torch.zeros(16, 16, dtype=torch.float64)
        probs = logits(torch.tensor([site]), STATES).sigmoid().squeeze(1)
        for value, mass in ((0.0, 1 - probs), (1.0, probs)):
            to = STATES.clone()
            to[:, site] = value
            part[torch.arange(16), place(to)] += mass
        whole = whole @ part
    return whole


def test_a_lopsided_proposal_is_corrected() -> None:
    """A ring of six places, twice as often up as down: the matrix is known, and in detailed balance."""
    log_mass = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0, -0.5], dtype=torch.float64)
    mass, n = log_mass.softmax(0), 100_000

    def around(x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        up = noise.uniform(len(x)) < 2 / 3
        return (x + torch.where(up, 1, -1)) % 6, torch.where(up, -1.0, 1.0) * torch.tensor(2.0).log()

    kernel: Kernel = metropolis(lambda x: log_mass[x], around)
    matrix = torch.zeros(6, 6, dtype=torch.float64)
    for i in range(6):
        for j, there, back in (((i + 1) % 6, 2 / 3, 1 / 3), ((i - 1) % 6, 1 / 3, 2 / 3)):
            matrix[i, j] = there * min(1.0, float(mass[j] * back / (mass[i] * there)))
        matrix[i, i] = 1 - matrix[i].sum()
    assert torch.allclose(mass[:, None] * matrix, (mass[:, None] * matrix).T, atol=1e-15)
    counts = transitions(kernel, torch.arange(6), lambda x: x, n)
    error = (matrix * (1 - matrix) / n).sqrt()
    assert ((counts / n - matrix).abs() <= 4.5 * error).all()


def test_a_joint_draw_of_everything_is_exact_at_once() -> None:
    kernel = gibbs(jointly(binary, 2), [torch.arange(4)])
    end = run(kernel, STATES[:1].expand(20_000, -1), Noise(0), 1).state.x
    assert agreement(place(end).bincount(minlength=16), MASS) > 1e-3


def test_colors_are_blocks_without_neighbors() -> None:
    edges = Noise(3).integers(30, 60, 2)
    edges = edges[edges[:, 0] != edges[:, 1]]
    blocks = colors(30, edges)
    assert sorted(torch.cat(blocks).tolist()) == list(range(30))
    color = torch.empty(30, dtype=torch.int64)
    for c, block in enumerate(blocks):
        color[block] = c
    assert (color[edges[:, 0]] != color[edges[:, 1]]).all()
    side = torch.arange(36).reshape(6, 6)
    around = [torch.stack([side, side.roll(1, axis)], -1).reshape(-1, 2) for axis in (0, 1)]
    assert [len(block) for block in colors(36, torch.cat(around))] == [18, 18]
    assert len(colors(3, torch.empty(0, 2, dtype=torch.int64))) == 1


def test_spins_take_their_values() -> None:
    kernel = gibbs(bits(lambda sites, x: 0 * x[:, sites], values=(-1, 1)), singles(5))
    x = run(kernel, torch.ones(50, 5), Noise(0), 1).state.x
    assert set(x.unique().tolist()) == {-1.0, 1.0}
