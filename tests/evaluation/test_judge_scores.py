"""What a judge says: the score against torchmetrics, fidelity and histograms by their known values."""

import pytest
import torch

from genzoo.core.noise import Noise
from genzoo.evaluation import TooFew, conditional_fidelity, histogram_divergence, judge_score, label_histogram
from tests.golden.frozen import frozen


def test_score_equals_torchmetrics():
    asked = frozen("metrics")
    probabilities = asked["logits"].softmax(1)
    assert judge_score(probabilities).value == pytest.approx(asked["score_1"][0].item(), rel=1e-4)
    error = judge_score(probabilities[asked["order_10"]]).error  # of the splits that it drew
    assert error == pytest.approx(asked["score_10"][1].item() / 10**0.5, rel=1e-4)


def test_score_lies_between_one_and_the_number_of_classes_and_is_blind_to_order():
    certain, vague = torch.eye(4).repeat(25, 1), torch.full((100, 4), 0.25)
    assert judge_score(certain).value == pytest.approx(4)
    assert judge_score(vague).value == pytest.approx(1)
    assert judge_score(certain[:1].repeat(100, 1)).value == pytest.approx(1)
    mixed = Noise(0).normal(100, 4).softmax(1)
    assert judge_score(mixed.flip(0)).value == pytest.approx(judge_score(mixed).value, rel=1e-9)


def test_error_of_the_score_is_the_spread_over_repetitions():
    made = [judge_score((3 * Noise(seed).normal(500, 4)).softmax(1)) for seed in range(200)]
    spread = torch.tensor([estimate.value for estimate in made]).std().item()
    error = torch.tensor([estimate.error for estimate in made]).mean().item()
    assert error == pytest.approx(spread, rel=0.25)


def test_fidelity_is_the_accuracy_by_class():
    asked = torch.tensor([0, 0, 0, 0, 2, 2])
    seen = torch.tensor([0, 0, 0, 1, 2, 2])
    found = conditional_fidelity(torch.eye(3)[seen], asked)
    assert found.overall.value == pytest.approx(5 / 6)
    assert {label: part.value for label, part in found.by_class.items()} == {0: 0.75, 2: 1.0}


def test_histogram_counts_the_classes_seen():
    found = label_histogram(torch.eye(3)[torch.tensor([0] * 60 + [2] * 40)])
    assert found.counts.tolist() == [60, 0, 40]
    assert found.shares.tolist() == [0.6, 0.0, 0.4]
    assert found.errors[0].item() == pytest.approx((0.6 * 0.4 / 100) ** 0.5)
    assert histogram_divergence(found.counts, torch.tensor([0.6, 0.1, 0.4])).value == pytest.approx(0.0953, abs=1e-3)


def test_refusals():
    with pytest.raises(TooFew, match="A score by 4 classes in 10 splits needs at least 40 rows, got 39"):
        judge_score(torch.full((39, 4), 0.25))
    with pytest.raises(ValueError, match="must be probabilities that sum to 1, got sums from 2 to 2"):
        label_histogram(torch.ones(3, 2))
    with pytest.raises(ValueError, match=r"Asked classes must lie in 0 … 1, got -1 … 1"):
        conditional_fidelity(torch.full((2, 2), 0.5), torch.tensor([-1, 1]))
