"""Graphical models: distributions that factor over a graph, undirected (Ising, Potts) or directed (Bayes nets)."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "clusters": ["swendsen_wang", "wolff"],
        "graph": ["Graph"],
        "ising": ["Ising"],
        "lattice": ["SquareLattice"],
        "onsager": [
            "BETA_CRITICAL",
            "binder_cumulant",
            "critical_beta",
            "kaufman_energy",
            "kaufman_log_partition",
            "onsager_energy",
            "yang_magnetization",
        ],
        "pairwise": ["LogPartition", "PairwiseField"],
        "potts": ["Potts"],
    },
)
