"""Hamiltonian Monte Carlo beside blackjax: effective samples per gradient, on two targets whose answer is known.

The targets are a Gaussian of 50 dimensions, correlated (variances from 0.01 to 100, correlations of 0.9 between
neighbors), and Neal's funnel of 10. Both sides run as many chains from the same starting points, warm up with their
own adaptation to the same acceptance, and make as many moves with as many leapfrog steps; blackjax's NUTS, which
chooses its own lengths, is a third. Ours adapts with all chains together and jitters the step size, as its defaults
are; blackjax's adapts every chain alone. Effective sample sizes are those of the least known entry, by our
diagnostics; how far these differ from blackjax's and NumPyro's on the same draws is printed, and the means are held
against the truth. CPU seconds stand beside for orientation: theirs include the warm-up, ours do not.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.mcmc [--small]  (needs blackjax and NumPyro)
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import record
from genzoo.core import Noise
from genzoo.mcmc import bulk_ess, ess, hmc, rhat, run, warm_up

TARGETED = 0.8


class Target(NamedTuple):
    """A density in both worlds, the mean that is known, and how long a trajectory is."""

    name: str
    dims: int
    ours: Callable[[torch.Tensor], torch.Tensor]
    theirs: Callable[[Any], Any]
    mean: np.ndarray
    steps: int


def correlated(dims: int = 50) -> Target:
    """Variances from 0.01 to 100, an autoregressive correlation of 0.9."""
    import jax.numpy as jnp

    scale = np.logspace(-1, 1, dims)
    place = np.arange(dims)
    covariance = 0.9 ** np.abs(place[:, None] - place) * scale[:, None] * scale
    precision = np.linalg.inv(covariance)
    ours, theirs = torch.from_numpy(precision).float(), jnp.asarray(precision, jnp.float32)
    return Target(
        f"correlated Gaussian, {dims} dimensions",
        dims,
        lambda x: -((x @ ours) * x).sum(1) / 2,
        lambda x: -x @ theirs @ x / 2,
        np.zeros(dims),
        16,
    )


def funnel(dims: int = 10) -> Target:
    """v ~ N(0, 3²), x_i ~ N(0, e^v)."""
    import jax.numpy as jnp

    def ours(x: torch.Tensor) -> torch.Tensor:
        v = x[:, 0]
        return -v.square() / 18 - x[:, 1:].square().sum(1) * (-v).exp() / 2 - (dims - 1) * v / 2

    def theirs(x: Any) -> Any:
        v = x[0]
        return -(v**2) / 18 - jnp.sum(x[1:] ** 2) * jnp.exp(-v) / 2 - (dims - 1) * v / 2

    return Target(f"Neal's funnel, {dims} dimensions", dims, ours, theirs, np.zeros(dims), 16)


class Sizes(NamedTuple):
    chains: int
    warm: int
    moves: int


def by_genzoo(target: Target, start: np.ndarray, sizes: Sizes, seed: int) -> tuple[np.ndarray, float, float]:
    """Draws (moves, chains, dims), gradients of the moves for each chain, their CPU seconds."""

    def make(step_size: float, inverse_mass: torch.Tensor) -> Any:
        return hmc(target.ours, step_size=step_size, steps=target.steps, inverse_mass=inverse_mass)

    x = torch.from_numpy(start)
    warm = warm_up(make, x, Noise(seed, "warm-up"), steps=sizes.warm, accept=TARGETED)
    began = time.process_time()
    trace = run(warm.kernel, warm.state, Noise(seed), sizes.moves)
    return trace.x.numpy(), float(target.steps * sizes.moves), time.process_time() - began


def by_blackjax(
    target: Target, start: np.ndarray, sizes: Sizes, seed: int, nuts: bool
) -> tuple[np.ndarray, float, float]:
    """The same by blackjax: window adaptation chain by chain, then many chains at once."""
    import blackjax
    import jax

    method = blackjax.nuts if nuts else blackjax.hmc
    more = {} if nuts else {"num_integration_steps": target.steps}
    adapt = blackjax.window_adaptation(method, target.theirs, target_acceptance_rate=TARGETED, **more)

    def one(key: Any, x: Any) -> tuple[Any, Any]:
        first, second = jax.random.split(key)
        (state, found), _ = adapt.run(first, x, num_steps=sizes.warm)
        kernel = method(target.theirs, **found)

        def step(state: Any, key: Any) -> tuple[Any, Any]:
            state, info = kernel.step(key, state)
            return state, (state.position, info.num_integration_steps)

        return jax.lax.scan(step, state, jax.random.split(second, sizes.moves))[1]

    many = jax.jit(jax.vmap(one))
    keys = jax.random.split(jax.random.key(seed), len(start))
    jax.block_until_ready(many(keys, start))  # compiled before it is timed
    began = time.process_time()
    x, gradients = jax.block_until_ready(many(keys, start))
    seconds = time.process_time() - began  # warm-up included: it is inside the compiled function
    return np.asarray(x).transpose(1, 0, 2), float(np.asarray(gradients).sum(1).mean()), seconds


def figures(target: Target, drawn: tuple[np.ndarray, float, float]) -> dict[str, float]:
    """The least effective sample size for each gradient, and how far the means are off in standard errors."""
    x, gradients, seconds = torch.from_numpy(np.array(drawn[0])).double(), drawn[1], drawn[2]
    size, spread = ess(x), x.flatten(0, 1).std(0)
    off = (x.mean((0, 1)) - torch.from_numpy(target.mean)) / (spread / size.sqrt())
    return {
        "ess_per_1000_gradients": 1000 * float(torch.minimum(size, bulk_ess(x)).min()) / (gradients * x.shape[1]),
        "least_ess": float(size.min()),
        "rhat": float(rhat(x).max()),
        "mean_off_in_errors": float(off.abs().max()),
        "gradients_per_move": gradients / len(x),
        "cpu_seconds": seconds,
    }


def agreement(x: np.ndarray) -> dict[str, float]:
    """Our diagnostics beside those of blackjax and NumPyro on the same draws: the largest relative difference."""
    import blackjax.diagnostics as theirs
    from numpyro import diagnostics as pyro

    ours = ess(torch.from_numpy(np.array(x)).double()).numpy()
    chains_first = x.transpose(1, 0, 2).astype(np.float64)
    found = {
        "blackjax": theirs.effective_sample_size(chains_first),
        "numpyro": pyro.effective_sample_size(chains_first),
    }
    return {name: float(np.max(np.abs(np.asarray(values) / ours - 1))) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="few moves, nothing recorded: does it run?")
    small = parser.parse_args().small
    sizes, seeds = (Sizes(8, 100, 100), [0]) if small else (Sizes(32, 1000, 1000), [0, 1, 2])
    torch.set_num_threads(1)
    rows: dict[str, Any] = {}
    for target in (correlated(), funnel()):
        found: dict[str, list[dict[str, float]]] = {"genzoo": [], "blackjax hmc": [], "blackjax nuts": []}
        for seed in seeds:
            start = Noise(seed, "start").normal(sizes.chains, target.dims).numpy()
            drawn = by_genzoo(target, start, sizes, seed)
            found["genzoo"].append(figures(target, drawn))
            found["blackjax hmc"].append(figures(target, by_blackjax(target, start, sizes, seed, nuts=False)))
            found["blackjax nuts"].append(figures(target, by_blackjax(target, start, sizes, seed, nuts=True)))
        median = {
            who: {key: float(np.median([f[key] for f in each])) for key in each[0]} for who, each in found.items()
        }
        ours = median["genzoo"]["ess_per_1000_gradients"]
        print(target.name)
        for who, each in median.items():
            print("  ", who.ljust(14), {key: round(value, 3) for key, value in each.items()})
        ratios = {who: ours / each["ess_per_1000_gradients"] for who, each in median.items() if who != "genzoo"}
        print("   ours over theirs, effective samples per gradient:", {who: round(r, 2) for who, r in ratios.items()})
        rows[target.name] = {"median": median, "ratios": ratios, "diagnostics_differ_by": agreement(drawn[0])}
        print("   our effective sizes differ from theirs by at most", rows[target.name]["diagnostics_differ_by"])
    if not small:
        print("written to", record.write("mcmc", {"sizes": sizes._asdict(), "seeds": seeds, "targets": rows}))


if __name__ == "__main__":
    main()
