"""Ising sweeps beside a compiled loop over bytes and thrml: spin updates per nanosecond of one core's CPU time.

The loop is what one writes first: a byte a spin, a random word a spin, Metropolis on a checkerboard, compiled by
numba. thrml builds an object for each spin, so it runs on a smaller lattice; it counts the CPU time of all its
threads. All sides alternate in one process; the figure is the ratio of the best times.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.ising [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks import record
from genzoo.models.graphical import SquareLattice, kaufman_energy

BETA = 0.3


class Side(NamedTuple):
    """A sweeper: run(sweeps) moves it, spins says how many it updates in one, energy how it stands."""

    name: str
    run: Callable[[int], None]
    spins: int
    sweeps: int
    energy: Callable[[], float]


def ours(size: int, rule: str, compiled: bool, sweeps: int) -> Side:
    lattice = SquareLattice(size, BETA, replicas=1, rule=rule, compiled=compiled)
    name = f"{rule}, {'numba' if compiled else 'NumPy'}"
    return Side(name, lattice.sweep, size * size, sweeps, lambda: float(lattice.energies()[0]))


def byte_loop(size: int, sweeps: int) -> Side:
    """A byte a spin, a word a spin, as fast as such a loop gets: colors packed, no branch, an inlined xorshift."""
    import numba

    accept = (np.minimum(np.exp(-2.0 * BETA * np.arange(-4, 5)), 1) * (2**32 - 1)).astype(np.uint32)  # by ΔE / 2

    @numba.njit
    def half(own: np.ndarray, other: np.ndarray, parity: int, accept: np.ndarray, state: int) -> int:
        rows, width = own.shape
        for i in range(rows):
            mine, level = own[i], other[i]
            up, down = other[i - 1], other[i + 1 if i + 1 < rows else 0]
            for j in range(width):
                k = j - 1 if i % 2 == parity else j + 1
                k = 0 if k == width else (width - 1 if k < 0 else k)
                cost = mine[j] * (up[j] + down[j] + level[j] + level[k])
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                flip = np.uint32(state >> np.uint64(32)) <= accept[cost + 4]
                mine[j] *= 1 - 2 * flip
        return state

    @numba.njit
    def run(colors: np.ndarray, accept: np.ndarray, count: int, state: int) -> int:
        for _ in range(count):
            state = half(colors[0], colors[1], 0, accept, state)
            state = half(colors[1], colors[0], 1, accept, state)
        return state

    colors = np.where(np.random.default_rng(0).random((2, size, size // 2)) < 0.5, 1, -1).astype(np.int8)
    state = [np.uint64(0x9E3779B97F4A7C15)]

    def go(count: int) -> None:
        state[0] = np.uint64(run(colors, accept, count, state[0]))

    def energy() -> float:
        even, odd = colors.astype(np.float64)
        side = np.where(np.arange(size)[:, None] % 2 == 0, np.roll(odd, 1, 1), np.roll(odd, -1, 1))
        near = odd + side + np.roll(odd, 1, 0) + np.roll(odd, -1, 0)
        return float(-(even * near).sum() / size**2)

    return Side("loop over bytes, numba", go, size * size, sweeps, energy)


def thrml_side(size: int, sweeps: int) -> Side:
    """thrml's block Gibbs on the same lattice, smaller."""
    import jax
    import jax.numpy as jnp
    from thrml import Block, SamplingSchedule, SpinNode, sample_states
    from thrml.models import IsingEBM, IsingSamplingProgram

    nodes = [[SpinNode() for _ in range(size)] for _ in range(size)]
    flat = [node for row in nodes for node in row]
    right = [(nodes[i][j], nodes[i][(j + 1) % size]) for i in range(size) for j in range(size)]
    down = [(nodes[i][j], nodes[(i + 1) % size][j]) for i in range(size) for j in range(size)]
    edges = right + down
    model = IsingEBM(flat, edges, jnp.zeros(len(flat)), jnp.ones(len(edges)), jnp.array(BETA))
    colors = [[nodes[i][j] for i in range(size) for j in range(size) if (i + j) % 2 == c] for c in range(2)]
    free = [Block(color) for color in colors]
    program = IsingSamplingProgram(model, free, clamped_blocks=[])
    state = [jax.random.bernoulli(jax.random.key(c), 0.5, (len(color),)) for c, color in enumerate(colors)]
    schedule = SamplingSchedule(n_warmup=sweeps, n_samples=1, steps_per_sample=1)
    draw = jax.jit(lambda key, state: sample_states(key, program, schedule, state, [], [Block(flat)]))
    last: list[Any] = [None]

    def run(count: int) -> None:
        last[0] = jax.block_until_ready(draw(jax.random.key(count), state))

    def energy() -> float:
        s = 2.0 * np.asarray(last[0][0][-1], dtype=np.float64).reshape(size, size) - 1
        return float(-(s * (np.roll(s, 1, 0) + np.roll(s, 1, 1))).mean())

    return Side("thrml", run, size * size, sweeps, energy)


def sides(small: bool) -> list[Side]:
    size, sweeps, few = (256, 20, 2) if small else (1024, 400, 20)
    found = [ours(size, rule, False, few) for rule in ("heat-bath", "metropolis")]
    extra: list[tuple[str, Callable[[], list[Side]]]] = [
        ("numba", lambda: [ours(size, r, True, sweeps) for r in ("heat-bath", "metropolis")] + [byte_loop(size, few)]),
        ("thrml", lambda: [thrml_side(32 if small else 256, 20)]),
    ]
    for name, make in extra:
        try:
            found += make()
        except ImportError as lacking:
            print(f"{name}: skipped, {lacking.name} is not installed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny sizes, nothing recorded: does it run?")
    small = parser.parse_args().small
    every = sides(small)
    best = dict.fromkeys((side.name for side in every), 0.0)
    for side in every:
        side.run(side.sweeps)  # compiles, warms up, and leaves the start
    for _ in range(2 if small else 7):
        for side in every:
            began = time.process_time()
            side.run(side.sweeps)
            taken = time.process_time() - began
            best[side.name] = max(best[side.name], side.sweeps * side.spins / taken / 1e9)
    exact, figures = kaufman_energy(BETA, 1024), {}
    for side in every:
        figures[side.name] = {"spins_per_ns": round(best[side.name], 4), "energy": round(side.energy(), 4)}
        for peer in ("loop over bytes, numba", "thrml"):
            if peer in best and side.name != peer:
                figures[side.name][f"times {peer}"] = round(best[side.name] / best[peer], 2)
        print(f"{side.name:24} {figures[side.name]}")
    print(f"exact energy {exact:.4f}")
    if not small:
        print("written to", record.write("ising", {"beta": BETA, "exact_energy": exact, "rows": figures}))


if __name__ == "__main__":
    main()
