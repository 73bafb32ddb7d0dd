"""What each number means, in one sentence."""

from genzoo.evaluation.measurement import BESIDE

__all__ = ["GROUPS", "meaning_of"]

MEANINGS = {
    "bits/dim": "The length of a lossless code for the test rows by the model's own probabilities, in bits per pixel, "
    "character or entry; a model that knows nothing needs log₂ of the number of levels.",
    "−log p": "The negative log-density of the test rows in nats per row, in the data's own units; it may be below "
    "zero, and where the true density is known, its entropy is the floor.",
    "Fréchet": "How far the mean and covariance of the samples' features are from those of test rows; "
    "it is biased upwards by few samples, which is why the floor, as many real rows, stands beside it.",
    "KID": "The squared kernel distance between features of samples and of test rows, unbiased, so that equal "
    "distributions give zero on average.",
    "MMD": "The squared kernel distance between samples and test rows, with a Gaussian kernel as wide as the median "
    "distance; unbiased, so that equal distributions give zero on average.",
    "precision": "The share of samples that lie among the real rows' features: how many look real.",
    "recall": "The share of test rows that lie among the samples' features: how much of the variety is there.",
    "density": "How densely real rows surround the samples; like precision, but less shaken by outliers, and it may "
    "pass 1.",
    "coverage": "The share of test rows that have a sample nearer than their own neighbors: how many kinds are there.",
    "sliced Wasserstein": "The mean distance that features must be moved along random directions to turn the samples "
    "into test rows.",
    "two-sample accuracy": "How often a classifier tells samples from test rows: 50 % is the best that a model can "
    "reach, 100 % is plainly fake.",
    "two-sample AUC": "How well boosted trees tell samples from test rows: ½ is the best that a model can reach, 1 is "
    "plainly fake; trees see single columns, their spikes and edges.",
    "two-sample score": "1 − (2 AUC − 1) of boosted trees that tell samples from test rows: 1 where nothing tells "
    "them apart, 0 where all does; an AUC below ½ is chance, and counts as ½.",
    "mutual information distance": "How far samples are from test rows in what each two columns tell of each other "
    "(normalized mutual information, a mean over pairs): 0 is equal.",
    "ties": "How much more, or less, often than in test rows the numbers of a column repeat each other, of the column "
    "where that is farthest off.",
    "spikes": "How much more, or less, often than in test rows samples have the most frequent number of a column, of "
    "the column where that is farthest off.",
    "distance to the closest record": "The median distance of samples to the nearest training row; test rows' is the "
    "floor, and less tells of memory.",
    "nearer to training rows": "The share of samples that are nearer to a training row than to any of as many test "
    "rows; ½ if nothing was learned by heart.",
    "judge score": "The exponential of what a judge learns from a sample: high where each sample is clearly of one "
    "class and all classes occur (the form of the Inception Score).",
    "conditional fidelity": "The share of samples that the judge takes for the class that was asked for.",
    "diversity": "The mean distance between features of samples of one class, over the same of real rows: 1 is as "
    "varied as the data.",
    "copies": "The share of samples that lie closer to a training row than almost any test row does: near the floor, "
    "nothing was learned by heart.",
    "distinct 4-grams": "How many different character 4-grams the samples have, over all that they have: below the "
    "floor they lack variety, above it they are too random.",
    "repetition": "The share of character 4-grams in a sample that occurred in it before; real text repeats itself as "
    "often as the floor says.",
    "n-gram distance": "The Jensen–Shannon divergence between the character 3-grams of samples and of test texts, in "
    "bits; 1 would be nothing in common.",
    "copied": "The share of samples with a long stretch that stands in the training text letter for letter; the floor "
    "is what test texts reach.",
    "valid": "The share of samples that are molecules.",
    "unique": "The share of valid samples that differ from each other.",
    "novel": "The share of valid samples that are not training molecules.",
    "property distance": "How far a property of samples must be moved to have the distribution that it has in test "
    "molecules, in its own unit.",
    "column shapes": "How alike the columns' own distributions are, from 0 to 1.",
    "boosted utility": "The same of boosted trees, which see what columns say together.",
    "utility": "How well a linear model that learned from samples predicts a column of real rows; the floor learned "
    "from real rows.",
    "pair trends": "How alike the relations between pairs of columns are, from 0 to 1.",
}
SEES_LITTLE = {
    "raw values": "The same of the pixels themselves, where noise weighs as much as what an image shows: beside the "
    "judge's number, and no model is recommended by it.",
    "random features": "The same in the features of a network with random weights, which has learned nothing: beside "
    "the judge's number, and no model is recommended by it.",
}
GROUPS = ("likelihood", "samples", "cost")


def meaning_of(name: str) -> str:
    """One sentence on what a number means.

    Args:
        name: The measurement's name; what stands in brackets does not count.

    Example:
        >>> meaning_of("valid")
        'The share of samples that are molecules.'
    """
    if name.endswith(BESIDE):
        return SEES_LITTLE[name[name.rindex("(") + 1 : -1]]
    name = name.partition(" (")[0].removesuffix(" of numbers")
    other = "property distance" if name.endswith(" distance") else ""
    return MEANINGS.get(name, MEANINGS.get(other, ""))
