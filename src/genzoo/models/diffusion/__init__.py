"""Diffusion: data, noised along a schedule, and a network that takes the noise out again."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "schedule": ["EDM", "Cosine", "Linear", "Moment", "Schedule", "Straight", "VarianceExploding"],
        "discrete": ["Discrete"],
        "shifted": ["Shifted"],
        "learned": ["Importance", "Learned"],
        "parametrization": ["Predicts"],
        "time": ["Levels", "LogNormal", "LogitNormal", "Times", "Uniform"],
        "weight": ["ELBO", "P2", "SNR", "Emphasis", "MinSNR", "Preconditioned", "Sigmoid", "Unweighted", "Weight"],
        "samplers.sampler": ["Passed", "Sampler"],
        "samplers.euler": ["Euler"],
        "samplers.ddim": ["DDIM"],
        "samplers.ancestral": ["Ancestral"],
        "samplers.heun": ["Heun"],
        "samplers.churn": ["Churn"],
        "samplers.multistep": ["Multistep"],
        "samplers.dpm": ["DPMSolver"],
        "samplers.unipc": ["UniPC"],
        "samplers.deis": ["DEIS"],
        "samplers.predictor_corrector": ["PredictorCorrector"],
        "samplers.adaptive": ["Adaptive"],
        "guidance": ["ClassifierFree", "Clipped"],
        "diffusion": ["Diffusion"],
    },
)
