"""Distributions that `torch.distributions` lacks, each with a `draw(noise)` of its own; distances between samples."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "discretized_logistic": ["DiscretizedLogistic"],
        "estimate": ["Estimate", "TooFew"],
        "frechet": ["Moments", "frechet_distance"],
        "levels": ["centered", "quantized"],
        "mmd": ["DistanceKernel", "GaussianKernel", "PolynomialKernel", "energy_distance", "median_width", "mmd2"],
        "observation": ["Observation"],
        "pairwise": ["nearest", "neighbor_radii", "squared_distances"],
        "point_mass": ["PointMass"],
        "resampling": ["bootstrap_error", "require_rows", "share_of", "subsample_error"],
        "wasserstein": ["directions", "exact_wasserstein", "sliced_wasserstein", "wasserstein_1d"],
    },
)
