"""Evaluation: one honest protocol for every family, each number typed, with its error and its fingerprint."""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "measurement": ["Estimate", "Kind", "Measurement", "TooFew", "check_comparable"],
        "likelihood": ["code_length", "options_of", "score"],
        "frechet": ["Moments", "frechet_distance", "frechet_of_samples"],
        "protocol": ["evaluate"],
        "scale": ["WrongScale", "check_scale"],
        "molecules": ["Molecules", "canonical", "internal_diversity", "molecule_metrics", "property_distances"],
        "texts": ["Copied", "copied", "distinct", "length_distance", "ngram_distance", "perplexity", "repetition"],
    },
)
