"""What models are used for: functions over capabilities, which know the contract and never a model."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "conditionals": ["Conditional", "conditional"],
        "events": ["Never", "Within", "boxed", "rejected"],
        "expectations": ["Expectation", "expectation", "in_time"],
        "expression": ["Column", "Expression", "ExpressionError", "Form"],
        "gradients": ["reparametrized_gradients", "score_gradients", "score_surrogate"],
        "imputation": ["Imputed", "impute"],
        "importance": [
            "Normalizer",
            "WeightsCollapsed",
            "effective_sample_size",
            "effective_sample_sizes",
            "log_normalizer",
        ],
        "inference": ["Calibration", "Gaps", "calibration", "elbo", "fitted", "gaps", "iwae"],
        "intervals": ["Interval"],
        "latents": [
            "Direction",
            "Found",
            "along",
            "between",
            "direction",
            "invert",
            "pictured",
            "plane",
            "recovered",
            "summed",
            "traversed",
        ],
        "minimization": ["ForwardKLFit", "JensenShannonFit", "NoRows", "ReverseKLFit", "WassersteinFit"],
        "planning": ["Away", "Plans", "plan"],
        "posteriors": ["Sandwich", "posterior", "sandwich"],
        "prediction": ["entry_draws", "level_log_probs"],
        "questions": ["boxes"],
        "rollouts": ["NearestNeighbor", "Policy", "Rollouts", "rollout"],
        "rare": ["RareEvent", "rare_event"],
    },
)
