"""Evaluation: one honest protocol for every family, each number typed, with its error and its fingerprint."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "measurement": ["Estimate", "Kind", "Measurement", "TooFew", "check_comparable", "pooled"],
        "calibration": ["coverage", "ranks", "spread_error", "uniform_chance"],
        "likelihood": ["code_length", "options_of", "score"],
        "frechet": ["frechet_of_features"],
        "kernel": ["energy", "kernel_distance"],
        "manifold": ["Manifold", "precision_recall"],
        "transport": ["exact_transport", "sliced_transport"],
        "mode_collapse": ["Collapse", "collapse"],
        "critics": ["Standing", "standing"],
        "boosted_test": ["boosted_score", "boosted_two_sample_test"],
        "information": ["information_distance", "normalized_information"],
        "ties": ["Repeated", "repeated"],
        "two_sample": ["TwoSample", "two_sample_test"],
        "modes": ["ModeCoverage", "histogram_divergence", "mode_coverage"],
        "memorization": ["Copying", "Memorization", "copying", "find_copies"],
        "judge_scores": ["Fidelity", "LabelHistogram", "conditional_fidelity", "judge_score", "label_histogram"],
        "diversity": ["Diversity", "diversity_within"],
        "extractors": ["Extractor", "OfModule", "RandomFeatures", "Values", "extractor_named"],
        "judge": ["Judge", "JudgeSettings", "judge_made_for", "judges", "read_judge", "shipped_judge", "write_judge"],
        "nearest": ["judge_for", "nearest_judge", "recognition"],
        "protocol": ["Examiner", "Findings", "Protocol", "evaluate"],
        "shown": ["as_shown"],
        "scale": ["WrongScale", "check_scale"],
        "motion": ["Motion", "centers", "digits_in", "exchanged", "followed", "motion_scores", "shuffled_frames"],
        "molecules": [
            "Canonical",
            "Molecules",
            "canonical",
            "internal_diversity",
            "molecule_metrics",
            "property_distances",
        ],
        "tables": ["TableQuality", "columns_of", "missing_similarity", "table_quality"],
        "table_use": ["ClosestRecords", "Utility", "closest_records", "table_utility"],
        "texts": ["Copied", "copied", "distinct", "length_distance", "ngram_distance", "perplexity", "repetition"],
    },
)
