"""Classical models: densities fitted in closed form or by expectation maximization, and the network of a mixture."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "binned_histogram": ["BinnedHistogram"],
        "detector": ["Detector"],
        "factor_analysis": ["FactorAnalysis"],
        "forest": ["Forest"],
        "full_gaussians": ["FullGaussians", "TiedGaussians"],
        "gaussian": ["Gaussian"],
        "gaussian_mixture": ["GaussianMixture", "Start"],
        "gaussians": ["DiagonalGaussians", "Gaussians"],
        "histogram": ["Histogram", "parameters"],
        "hmm": ["HMM"],
        "kde": ["KernelDensity"],
        "kmeans": ["KMeans"],
        "latent_tree": ["LatentTree"],
        "linear_gaussian": ["LinearGaussian"],
        "mixture": ["Mixture", "responsibilities"],
        "mixture_density": ["MixtureDensity"],
        "moments": ["RunningMoments"],
        "ppca": ["PPCA"],
        "product_mixture": ["ProductMixture"],
        "quasi_newton": ["QuasiNewton"],
        "softmax_regression": ["SoftmaxRegression"],
    },
)
