"""Markov chain Monte Carlo: samples of a density known up to its normalization, and that normalization.

A kernel is a pair of pure functions: `init(x)` makes the state of chains that start at the rows of x, and
`step(state, noise)` moves each chain once. Read `kernel` first; then each file is one method.
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "densities": ["Density", "density", "density_of"],
        "kernel": ["Chains", "Kernel", "State", "Trace", "run"],
        "hastings": ["metropolis", "random_walk"],
        "sweeps": ["bits", "colors", "gibbs", "jointly", "levels", "singles"],
        "langevin": ["mala", "ula"],
        "hamiltonian": ["Place", "hmc", "leapfrog"],
        "adaptation": ["DualAveraging", "Warm", "warm_up"],
        "annealing": ["Annealed", "ais", "geometric"],
        "ladders": ["Ladder", "tempering"],
        "diagnostics": ["autocorrelation_time", "bulk_ess", "ess", "rhat"],
        "summaries": ["Summary", "summary"],
    },
)
