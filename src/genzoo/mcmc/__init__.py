"""Markov chain Monte Carlo: samples of a density known up to its normalization, and that normalization.

A kernel is a pair of pure functions: `init(x)` makes the state of chains that start at the rows of x, and
`step(state, noise)` moves each chain once. Read `kernel` first; then each file is one method.
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "density": ["Density", "density", "density_of"],
        "kernel": ["Chains", "Kernel", "State", "Trace", "run"],
        "metropolis": ["metropolis", "random_walk"],
        "gibbs": ["bits", "colors", "gibbs", "levels", "singles"],
        "langevin": ["mala", "ula"],
        "hamiltonian": ["hmc", "leapfrog"],
        "adaptation": ["DualAveraging", "Warm", "warm_up"],
        "annealing": ["Annealed", "ais", "geometric"],
        "tempering": ["Ladder", "tempering"],
        "diagnostics": ["autocorrelation_time", "bulk_ess", "ess", "rhat"],
        "summary": ["Summary", "summary"],
    },
)
