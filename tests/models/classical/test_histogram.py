"""Histograms: counts as they are, tables no larger than data can fill, densities that integrate to one."""

import pytest
import torch

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import BinnedHistogram, Histogram, parameters

PICTURE = Space((1, 28, 28), levels=2)


def fit(model: Histogram | BinnedHistogram, x: torch.Tensor, given: torch.Tensor | None = None) -> float:
    model.prepare([Batch(x, given)])
    model.begin()
    model.accumulate(Batch(x, given))
    return model.finish()["loss"]


def test_parameters_are_counted() -> None:
    assert parameters(PICTURE, "independent") == 784
    assert parameters(PICTURE, "markov") == 1567
    assert parameters(PICTURE, "joint") == 2**784 - 1
    assert Histogram(PICTURE, factorization="markov").parameter_count == 1567
    assert Histogram(PICTURE, Space((), levels=10), factorization="independent").parameter_count == 7849


@pytest.mark.parametrize(
    ("space", "factorization", "told"),
    [
        (PICTURE, "joint", r"\(2\^784 − 1\), about 10\^236"),
        (Space((3, 32, 32), levels=256), "markov", r"200,475,135 .*independent"),
        (Space((4, 64), levels=1 << 20), "independent", "model that shares"),
    ],
)
def test_hopeless_sizes_are_refused_with_the_count(space: Space, factorization: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Histogram(space, factorization=factorization)


def test_the_joint_table_is_made_of_relative_frequencies() -> None:
    x = Noise(0).integers(3, 500, 2)
    x[:, 1] = (x[:, 0] + (x[:, 1] == 0)) % 3
    model = Histogram(Space((2,), levels=3), factorization="joint", smoothing=1e-12)
    loss = fit(model, x)
    for row in ([0, 0], [1, 2]):
        share = (x == torch.tensor(row)).all(1).double().mean()
        assert model.log_prob(torch.tensor([row])).exp().item() == pytest.approx(share.item(), abs=1e-9)
    assert loss == pytest.approx(-model.log_prob(x).mean().item(), abs=1e-9)
    chain = Histogram(Space((2,), levels=3), factorization="markov", smoothing=1e-12)  # as good for two entries
    assert fit(chain, x) == pytest.approx(loss, abs=1e-9)
    apart = Histogram(Space((2,), levels=3), factorization="independent", smoothing=1e-12)
    assert fit(apart, x) > loss + 0.3


def test_rows_without_a_label_are_left_out() -> None:
    x, labels = Noise(0).integers(2, 300, 3), torch.arange(300) % 3 - 1
    model, alone = Histogram(Space((3,), levels=2), Space((), levels=2)), Histogram(Space((3,), levels=2))
    fit(model, x, labels)
    fit(alone, x[labels == 1])
    assert torch.allclose(model.log_prob(x, torch.ones(300, dtype=torch.int64)), alone.log_prob(x))
    with pytest.raises(ValueError, match="none with a label"):
        fit(model, x, -torch.ones(300, dtype=torch.int64))


def test_bins_integrate_to_one_with_their_tails() -> None:
    x = Noise(0).normal(500, 1)
    model = BinnedHistogram(Space((1,)), bins=8)
    loss = fit(model, x)
    axis = torch.linspace(-30, 30, 400_001, dtype=torch.float64)[:, None]
    assert float(model.log_prob(axis).exp().sum()) * 60 / 400_000 == pytest.approx(1, abs=1e-4)
    assert loss == pytest.approx(-model.log_prob(x).mean().item(), abs=1e-5)
    samples = model.sample(4000, seed=0)
    assert samples.mean().item() == pytest.approx(x.mean().item(), abs=0.1)
    assert samples.std().item() == pytest.approx(x.std().item(), abs=0.1)
