"""Every public metric and distance on rows of every kind: the right value or a typed refusal, no false number."""

import functools
import math

import numpy as np
import pytest
import torch

from genzoo import distributions, evaluation
from genzoo.core.noise import Noise
from genzoo.distributions import DISTANCES, JENSEN_SHANNON, KL, GaussianKernel, distance, dual, measure
from genzoo.distributions.neighbors import neighbor_estimate
from genzoo.evaluation.manifold import manifold_values

CLIMB, ERROR = dual._climb, measure.subsample_error


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked here does not ask that critics are trained to the end, nor how large an error is."""
    monkeypatch.setattr(dual, "_climb", lambda critic, value, steps, lr: CLIMB(critic, value, min(steps, 8), lr))
    monkeypatch.setattr(measure, "subsample_error", functools.partial(ERROR, rounds=2))


LINES = distributions.directions(16, 3, Noise(9))


def column(rows):
    """The first entry of each row, of any container."""
    return [row[0] for row in rows] if isinstance(rows, list) else rows[:, 0]


def labels(rows) -> torch.Tensor:
    return torch.arange(len(rows)) % 2


ROWS = {
    "wasserstein_1d": lambda a, b: distributions.wasserstein_1d(column(a), column(b)),
    "sliced_wasserstein": lambda a, b: distributions.sliced_wasserstein(a, b, LINES),
    "exact_wasserstein": distributions.exact_wasserstein,
    "sinkhorn_divergence": lambda a, b: distributions.sinkhorn_divergence(a, b, epsilon=1.0, steps=20).item(),
    "euclidean": lambda a, b: distributions.euclidean(a, b).sum().item(),
    "cityblock": lambda a, b: distributions.cityblock(a, b).sum().item(),
    "discrete": lambda a, b: distributions.discrete(a, b).sum().item(),
    "mmd2": lambda a, b: distributions.mmd2(a, b, GaussianKernel(2.0)),
    "energy_distance": distributions.energy_distance,
    "median_width": lambda a, b: distributions.median_width(a),
    "squared_distances": lambda a, b: distributions.squared_distances(a, b).sum().item(),
    "nearest": lambda a, b: distributions.nearest(a, b)[0].sum().item(),
    "neighbor_radii": lambda a, b: distributions.neighbor_radii(a, 3).sum().item(),
    "neighbor_entropy": lambda a, b: distributions.neighbor_entropy(a).value,
    "neighbor_kl": lambda a, b: distributions.neighbor_kl(a, b).value,
    "neighbor_estimate": neighbor_estimate,
    "frechet_distance": lambda a, b: distributions.frechet_distance(
        distributions.Moments.of(a), distributions.Moments.of(b)
    ),
    "kantorovich_bound": lambda a, b: distributions.kantorovich_bound(a, b, steps=5).bound.value,
    "adversarial_bound": lambda a, b: distributions.adversarial_bound(JENSEN_SHANNON, a, b, steps=5).bound.value,
    "frechet_of_features": lambda a, b: evaluation.frechet_of_features(a, b).value,
    "kernel_distance": lambda a, b: evaluation.kernel_distance(a, b).value,
    "energy": lambda a, b: evaluation.energy(a, b).value,
    "precision_recall": lambda a, b: sum(part.value for part in evaluation.precision_recall(a, b, rounds=2)),
    "manifold_values": lambda a, b: manifold_values(a, b).sum().item(),
    "exact_transport": lambda a, b: evaluation.exact_transport(a, b, rounds=2).value,
    "sliced_transport": lambda a, b: evaluation.sliced_transport(a, b, lines=16, rounds=2).value,
    "two_sample_test": lambda a, b: evaluation.two_sample_test(a, b).accuracy.value,
    "collapse": lambda a, b: sum(evaluation.collapse(a, b)),
    "mode_coverage": lambda a, b: evaluation.mode_coverage(a, b[:4], 1.0).quality.value,
    "find_copies": lambda a, b: evaluation.find_copies(a, b, b).share.value,
    "copying": lambda a, b: sum(evaluation.copying(a, b, b)),
    "diversity_within": lambda a, b: evaluation.diversity_within(a, labels(a), b, labels(b)).samples.value,
} | {
    f"distance, {each.name}": lambda a, b, each=each: distance(each, a, b).value
    for each in DISTANCES
    if each.name_of_code not in ("KL", "REVERSE_KL", "CHI2", "NEYMAN_CHI2")
}
TRAINED = {  # critics, whose weights rounding moves
    "kantorovich_bound",
    "adversarial_bound",
    *(f"distance, {each.name}" for each in DISTANCES if each.name_of_code.isupper() or "0.5" in each.name_of_code),
    "distance, Wasserstein-1, discrete metric",
}
OTHERS = [  # public names that take no two sets of rows: formulas, densities, types, what has a test of its own
    "DISTANCES Distance axiom_table log_normalizer_ratio NoClosedForm Wasserstein closed_form Dual",
    "DiscretizedLogistic LipschitzCritic Estimate LowerBound NotFinite TooFew Unknowable estimated",
    "estimated_cross_entropy CHI2 F_DIVERGENCES JENSEN_SHANNON KL NEYMAN_CHI2 REVERSE_KL SQUARED_HELLINGER",
    "TOTAL_VARIATION FDivergence cross_entropy entropy optimal_discriminator Moments Density Known centered",
    "quantized Found distance Observation DistanceKernel GaussianKernel PolynomialKernel PointMass integrated",
    "summed integrated_wasserstein Plan Segment bootstrap_error require_rows share_of subsample_error",
    "optimal_cost optimal_plan sinkhorn_plan directions Samples checked_numbers checked_rows Kind Measurement",
    "check_comparable pooled code_length options_of score Manifold TwoSample ModeCoverage histogram_divergence",
    "Memorization Fidelity LabelHistogram conditional_fidelity judge_score label_histogram Diversity Extractor",
    "OfModule RandomFeatures Values extractor_named Judge JudgeSettings judge_for judges read_judge shipped_judge",
    "judge_made_for nearest_judge recognition Collapse Copying",
    "write_judge Examiner Findings Protocol evaluate WrongScale check_scale Canonical Molecules canonical",
    "SceneScores scene_scores scenes_hold scenes_in recall_at retrieval zero_shot linear_probe",
    "internal_diversity molecule_metrics property_distances TableQuality columns_of missing_similarity",
    "table_quality ClosestRecords Utility closest_records table_utility Copied copied distinct length_distance",
    "Geometry backbone_geometry clusters_of nearest_backbones ramachandran ramachandran_distance superposed",
    "ngram_distance perplexity repetition boosted_two_sample_test chance_below as_shown Standing standing",
    "boosted_score",
    "Invertible Pushed drawn EventsLike ImputationLike Range Region inside moved_into Repeated repeated",
    "information_distance information_gap normalized_information",
    "Motion centers digits_in exchanged followed motion_scores shuffled_frames",
    "Conditioned ConditionedLike ConditioningLike Group coverage ranks spread_error uniform_chance",
    "Calibrated calibrated Told told_apart require_one_writer wave_powers pass_at pass_rate",
]


def test_no_metric_is_missing_here() -> None:
    there = {*distributions.__all__, *evaluation.__all__}
    known = {*ROWS, *" ".join(OTHERS).split()}
    assert there <= known, sorted(there - known)


def whole(seed: int, high: int = 40) -> torch.Tensor:
    return 100 + Noise(seed).integers(high, 120, 3)


A, B = whole(0)[:64], whole(1, 60)[:64]
CHANGES = {
    "uint8": lambda x: x.to(torch.uint8),
    "int16": lambda x: x.to(torch.int16),
    "int64": lambda x: x.long(),
    "float16": lambda x: x.half(),
    "bfloat16": lambda x: x.bfloat16(),
    "float32": lambda x: x.float(),
    "NumPy": lambda x: x.double().numpy(),
    "NumPy uint8": lambda x: x.numpy().astype(np.uint8),
    "lists": lambda x: x.tolist(),
    "lists of tensors": lambda x: list(x.double()),
}


@pytest.mark.parametrize("name", ROWS)
def test_every_container_and_precision_gives_one_value(name: str) -> None:
    metric = ROWS[name]
    try:
        want = metric(A.double(), B.double())
    except ValueError as refusal:  # ties have no density
        kind = type(refusal)
        for change in CHANGES.values():
            with pytest.raises(kind):
                metric(change(A), change(B))
        return
    costly = name.startswith("distance") or name in {
        *TRAINED,
        "exact_wasserstein",
    }  # all go through one door, so few kinds tell
    kinds = ("uint8", "lists") if costly else CHANGES
    for one, other in (*zip(kinds, kinds, strict=True), ("float16", "NumPy")):
        found = metric(CHANGES[one](A), CHANGES[other](B))
        assert found == pytest.approx(want, rel=0.1 if name in TRAINED else 2e-3, abs=2e-3)


def spoiled(value: float, share: float) -> torch.Tensor:
    x = Noise(2).normal(100, 3)
    x[: max(1, int(share * len(x)))] = value
    return x


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(name: str, value: float) -> None:
    good = Noise(3).normal(100, 3)
    for share in (0.01, 1.0):
        bad = spoiled(value, share)
        with pytest.raises(distributions.NotFinite, match="finite"):
            ROWS[name](bad, good)
        if name not in ("median_width", "neighbor_radii", "neighbor_entropy"):
            with pytest.raises(distributions.NotFinite, match="finite"):
                ROWS[name](good, bad)


@pytest.mark.parametrize("name", ROWS)
def test_no_rows_and_unequal_rows_are_refused(name: str) -> None:
    good = Noise(3).normal(100, 3)
    with pytest.raises(ValueError, match=r"row|sample|entries|long"):
        ROWS[name](torch.zeros(0, 3), good)
    if name not in ("median_width", "neighbor_radii", "neighbor_entropy", "wasserstein_1d"):
        with pytest.raises(ValueError, match=r"length|entries|long|shape"):
            ROWS[name](good[:, :2], good)


ZERO_BETWEEN_EQUALS = [
    name
    for name in ROWS
    if name.startswith("distance") or "wasserstein" in name or "transport" in name or "sinkhorn" in name
] + ["nearest", "frechet_distance"]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("kind", ["constant", "few values"])
def test_ties_and_constants(name: str, kind: str) -> None:
    """Between equal sets distances are zero; a set of ties is as good as any; what has no density is refused."""
    x = torch.full((100, 3), 7.0) if kind == "constant" else Noise(4).integers(2, 100, 3).float()
    try:
        value = ROWS[name](x, x)
    except ValueError:
        assert name in ("neighbor_entropy", "neighbor_kl", "neighbor_estimate")
        return
    assert math.isfinite(value)
    if name in ZERO_BETWEEN_EQUALS:
        bias = 0.05 if "MMD" in name or name == "distance, energy distance" else 1e-3
        assert abs(value) < bias


@pytest.mark.parametrize("levels", [2, 4])
def test_precision_recall_of_one_law_on_few_values(levels: int) -> None:
    a, b = (Noise(seed).integers(levels, 600, 3).float() for seed in (0, 1))
    for scale in (1.0, 0.37):  # also where distances are rounded
        found = evaluation.precision_recall(scale * a, scale * b, rounds=2)
        assert all(0.9 < part.value < 1.15 for part in found)
    apart = evaluation.precision_recall(a + 50, b, rounds=2)
    assert all(part.value == 0 for part in apart)


FAR_IS_SEEN = ("exact_wasserstein", "sliced_wasserstein", "wasserstein_1d", "energy_distance", "mmd2", "nearest")


@pytest.mark.parametrize("name", FAR_IS_SEEN)
@pytest.mark.parametrize("far", [1e4, 1e7, 1e10])
def test_a_far_pair_leaves_the_others_as_they_are(name: str, far: float) -> None:
    """One point of each side lies very far away, at the same place: it goes to itself, and the rest is as before."""
    a, b = (Noise(seed).normal(40, 3, dtype=torch.float64) + seed for seed in (0, 1))
    point = torch.full((1, 3), far, dtype=torch.float64)
    value = ROWS[name](torch.cat([a, point]), torch.cat([b, point]))
    if name in ("wasserstein_1d", "nearest"):
        want = ROWS[name](a, b) * (40 / 41 if name == "wasserstein_1d" else 1)
    elif name.endswith("wasserstein"):
        want = ROWS[name](a, b) * (40 / 41) ** 0.5
    else:
        exact = {"mmd2": lambda d: (-(d**2) / 8).exp(), "energy_distance": lambda d: -d}[name]
        x, y = torch.cat([a, point]), torch.cat([b, point])
        every = [
            exact((u[:, None] - v[None]).norm(dim=2)).sum() - (41 * exact(torch.zeros(())) if u is v else 0)
            for u, v in ((x, x), (y, y), (x, y))
        ]
        want = float((every[0] + every[1]) / (41 * 40) - 2 * every[2] / 41**2)
    assert value == pytest.approx(want, rel=1e-4, abs=1e-12 * far)


@pytest.mark.parametrize("name", ROWS)
def test_an_offset_changes_no_distance(name: str) -> None:
    """Dates and pixels lie far from zero; what a distance sees are differences."""
    if name in ("kernel_distance", "distance, MMD, cubic kernel"):
        pytest.skip("a polynomial kernel has an origin")
    a, b = (Noise(seed).normal(100, 3, dtype=torch.float64) for seed in (5, 6))
    try:
        want = ROWS[name](a, b)
    except ValueError as refusal:
        with pytest.raises(type(refusal)):
            ROWS[name](a + 1e6, b + 1e6)
        return
    assert ROWS[name](a + 1e6, b + 1e6) == pytest.approx(want, rel=0.1 if name in TRAINED else 1e-3, abs=1e-5)


def test_probabilities_and_ratios_are_checked() -> None:
    nan = math.nan
    for number in (KL, JENSEN_SHANNON, distributions.cross_entropy):
        assert number([1, 0], [1, 0]).item() == pytest.approx(0.0)
        with pytest.raises(ValueError, match="Probabilities"):
            number(torch.tensor([nan, 0.5]), torch.tensor([0.5, 0.5]))
        with pytest.raises(ValueError, match="same things"):
            number([0.5, 0.5], [0.2, 0.3, 0.5])
    assert KL(torch.tensor([0.5, 0.5], dtype=torch.float64), torch.tensor([0.5, 0.5])).dtype == torch.float64
    bad = torch.tensor([nan, *[0.0] * 40])
    for ask in (
        lambda: JENSEN_SHANNON.bound(bad, bad[1:]),
        lambda: distributions.estimated(KL, bad),
        lambda: distributions.estimated_cross_entropy(bad),
        lambda: distributions.log_normalizer_ratio(bad, bad[1:]),
    ):
        with pytest.raises(ValueError, match="NaN"):
            ask()
    for number in (evaluation.judge_score, evaluation.label_histogram):
        with pytest.raises(distributions.NotFinite):
            number(torch.tensor([[nan, 1.0]]).expand(40, 2))
    with pytest.raises(ValueError, match="none negative"):
        evaluation.histogram_divergence([20, -3])
    assert evaluation.histogram_divergence(np.array([20, 0]), [0.0, 1.0]).value == math.inf
