"""Classical models: densities fitted in closed form or by expectation maximization."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "factor_analysis": ["FactorAnalysis"],
        "gaussian": ["Gaussian"],
        "gaussian_mixture": ["GaussianMixture"],
        "gaussians": ["DiagonalGaussians", "FullGaussians", "Gaussians", "TiedGaussians"],
        "hmm": ["HMM"],
        "kde": ["KernelDensity"],
        "linear_gaussian": ["LinearGaussian"],
        "moments": ["Moments"],
        "ppca": ["PPCA"],
        "quasi_newton": ["QuasiNewton"],
        "softmax_regression": ["SoftmaxRegression"],
    },
)
