"""How a game stands: what fires, and what must not."""

import pytest
import torch

from genzoo.core import Noise
from genzoo.distributions.estimate import TooFew
from genzoo.evaluation import standing
from genzoo.evaluation.critics import above


def test_the_chance_is_that_of_all_pairs() -> None:
    a, b = Noise(0).integers(6, 40).float(), Noise(1).integers(6, 30).float() + 1
    pairs = (a[:, None] > b).double() + (a[:, None] == b).double() / 2
    assert above(a, b) == pytest.approx(pairs.mean().item())


def test_each_detector_fires_and_rests() -> None:
    train, held, samples = (Noise(2, name).normal(300) for name in ("train", "held", "samples"))
    even = standing(train, held, samples - 1)
    assert not even.found
    assert even.known == pytest.approx(0.5, abs=4 * even.error)
    assert standing(train, held, samples - 9).won
    by_heart = standing(train + 1, held, samples)
    assert by_heart.overfit
    assert not by_heart.won
    assert not standing(train[:12] + 1, held[:12], samples).overfit, "so few rows prove nothing"
    with pytest.raises(TooFew, match="at least ten"):
        standing(train[:9], held, samples)


def test_the_error_is_that_of_repetitions() -> None:
    found = [standing(Noise(i).normal(40), Noise(i, "held").normal(60), torch.zeros(10)) for i in range(300)]
    spread = torch.tensor([each.known for each in found]).std().item()
    assert found[0].error == pytest.approx(spread, rel=0.15)
