"""Graphical models: distributions that factor over a graph, undirected (Ising, Potts) or directed (Bayes nets)."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bayes_net": ["BayesNet", "asia", "sprinkler"],
        "boltzmann": ["BoltzmannMachine"],
        "chow_liu": ["ChowLiu"],
        "clusters": ["swendsen_wang", "wolff"],
        "energy": ["DeepEnergy", "Replay", "Walk"],
        "graph": ["Graph"],
        "inference": ["MeanField", "gibbs_kernel", "gibbs_marginals", "mean_field"],
        "ising": ["Ising"],
        "lattice": ["SquareLattice"],
        "linear_gaussian": ["LinearGaussianNet"],
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
        "rbm": ["RBM"],
    },
)
