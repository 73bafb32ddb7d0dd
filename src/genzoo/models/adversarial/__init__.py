"""Adversarial models: a generator against a critic, and one that needs none."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ali": ["ALI"],
        "auxiliary_gan": ["AuxiliaryGAN"],
        "augmentation": ["Augment", "Augmentation"],
        "drifting": ["Drifting", "drift", "sinkhorn_drift"],
        "gan": ["GAN"],
        "generator": ["Adversarial", "Generator", "Rules", "truncated"],
        "objectives": [
            "Hinge",
            "LeastSquares",
            "Minimax",
            "NonSaturating",
            "Objective",
            "Relativistic",
            "Wasserstein",
        ],
        "penalties": [
            "R1",
            "R2",
            "Anchor",
            "Encounter",
            "GradientPenalty",
            "Orthogonal",
            "PathLength",
            "Penalty",
            "Shaping",
            "orthogonality",
            "spectral",
            "turn",
        ],
        "pool": ["ImagePool"],
        "pro_gan": ["ProGAN"],
        "saddle": ["alternating", "extragradient", "fate", "path", "simultaneous"],
        "style_gan": ["StyleGAN", "StyleGenerator"],
        "translation": ["Cycle", "CycleGAN", "Pix2Pix", "Translating"],
        "unrolled_gan": ["Ahead", "UnrolledGAN"],
        "veegan": ["VEEGAN"],
    },
)
