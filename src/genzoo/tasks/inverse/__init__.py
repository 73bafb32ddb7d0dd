"""Inverse problems, y ~ p(y | A(x)): operators, channels, and posteriors that say what they are."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "frequency": ["Every", "Fourier", "LowPass", "Radon", "decimate"],
        "guided": ["moment_matched"],
        "cosines": ["BlockDCT", "jpeg"],
        "measurement": [
            "Channel",
            "Exact",
            "Gaussian",
            "Interval",
            "Measurement",
            "Poisson",
            "as_numbers",
            "in_space",
            "measure",
        ],
        "named": ["OPERATORS", "channel_named", "operator_named", "without"],
        "operator": ["SVD", "Composed", "Identity", "Linear", "Operator"],
        "pixels": ["AveragePool", "Blur", "Gray", "Mask", "bayer", "box", "half", "hidden", "strokes", "uncrop"],
        "posterior": ["Exactness", "Posterior"],
        "problem": ["Choice", "Method", "Problem"],
        "solving": ["choose", "methods", "solve"],
    },
)
