"""Distributions that `torch.distributions` lacks, each with a `draw(noise)` of its own; distances between samples."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "axioms": ["DISTANCES", "Distance", "axiom_table"],
        "closed_forms": ["NoClosedForm", "Wasserstein", "closed_form"],
        "discretized_logistic": ["DiscretizedLogistic"],
        "dual": ["Dual", "LipschitzCritic", "adversarial_bound", "kantorovich_bound"],
        "estimate": ["Estimate", "LowerBound", "TooFew", "Unknowable"],
        "estimates": ["estimated", "estimated_cross_entropy"],
        "f_divergence": [
            "CHI2",
            "F_DIVERGENCES",
            "JENSEN_SHANNON",
            "KL",
            "NEYMAN_CHI2",
            "REVERSE_KL",
            "SQUARED_HELLINGER",
            "TOTAL_VARIATION",
            "FDivergence",
            "cross_entropy",
            "entropy",
            "optimal_discriminator",
        ],
        "frechet": ["Moments", "frechet_distance"],
        "levels": ["centered", "quantized"],
        "mmd": ["DistanceKernel", "GaussianKernel", "PolynomialKernel", "energy_distance", "median_width", "mmd2"],
        "neighbors": ["neighbor_entropy", "neighbor_kl"],
        "observation": ["Observation"],
        "pairwise": ["nearest", "neighbor_radii", "squared_distances"],
        "point_mass": ["PointMass"],
        "quadrature": ["integrated"],
        "resampling": ["bootstrap_error", "require_rows", "share_of", "subsample_error"],
        "segment": ["Segment"],
        "transport": [
            "Plan",
            "cityblock",
            "discrete",
            "euclidean",
            "optimal_plan",
            "sinkhorn_divergence",
            "sinkhorn_plan",
        ],
        "wasserstein": ["directions", "exact_wasserstein", "sliced_wasserstein", "wasserstein_1d"],
    },
)
