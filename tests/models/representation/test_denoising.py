"""Autoencoders that remove noise, against the means and scores that they are to learn."""

import math

import pytest
import torch
from torch import nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.representation import DenoisingAutoencoder, GaussianNoise, Masking, SaltAndPepper, absolute

PLANE, SIGMA = Space((2,)), 0.6
SPREAD = torch.tensor([[1.0, 0.6], [0.6, 0.8]])


def linear(corruption) -> DenoisingAutoencoder:
    return DenoisingAutoencoder(PLANE, nn.Linear(2, 2), nn.Linear(2, 2), code=2, corruption=corruption)


def trained(corruption, steps: int = 200) -> DenoisingAutoencoder:
    """A linear one, on rows of N(0, SPREAD)."""
    model = linear(corruption)
    x = Noise(1).normal(4000, 2) @ torch.linalg.cholesky(SPREAD).mT
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(steps):
        adam.zero_grad()
        model.loss(Batch(x, noise=Noise(2).tick(step))).backward()
        adam.step()
    return model.eval()


def test_noise_is_removed_as_tweedie_says_and_what_is_changed_is_the_score() -> None:
    model, at = trained(GaussianNoise(SIGMA)), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0]])
    noisy = SPREAD + SIGMA**2 * torch.eye(2)
    mean, score = at @ (SPREAD @ noisy.inverse()).mT, -at @ noisy.inverse()
    assert torch.allclose(model.denoised(at), mean, atol=0.06)
    assert torch.allclose(model.noisy_score(at), score, atol=0.06 / SIGMA**2)


def test_what_is_lost_is_filled_by_what_is_seen() -> None:
    """The best linear map of masked rows, whose entries are all seen, one, or none, each with its probability."""
    share = 0.4
    model = trained(Masking(share))
    kept = 1 - share
    seen = kept**2 * SPREAD + kept * share * torch.diag(SPREAD.diagonal())
    best = kept * SPREAD @ seen.inverse()
    weights = model.decoder.weight @ model.encoder.weight
    assert torch.allclose(weights, best, atol=0.06)


def test_corruptions_are_as_large_as_they_say() -> None:
    y, noise = torch.full((2000, 4), 0.3), Noise(0)
    error = 4 / math.sqrt(y.numel())
    assert abs((GaussianNoise(0.5).of(y, noise) - y).std() - 0.5) < error
    lost = Masking(0.25, -1.0).of(y, noise)
    assert set(lost.unique().tolist()) == {-1.0, y[0, 0].item()}
    assert abs((lost == -1).float().mean() - 0.25) < error
    salt = SaltAndPepper(0.2, (-2.0, 2.0)).of(y, noise)
    assert abs((salt == 2).float().mean() - 0.1) < error
    assert abs((salt == -2).float().mean() - 0.1) < error


def test_rows_are_corrupted_anew_and_levels_stay_levels() -> None:
    space = Space((1, 2, 2), levels=256)
    model = DenoisingAutoencoder.mlp(space, code=3, hidden=[8], corruption=SaltAndPepper(0.5))
    x = torch.full((50, 1, 2, 2), 100, dtype=torch.uint8)
    first, second = (model.corrupted(Batch(x, noise=Noise(0).tick(page))) for page in (0, 1))
    assert set(first.unique().tolist()) == {0, 100, 255}
    assert not torch.equal(first, second)


def test_what_has_no_score_and_what_is_no_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="Gaussian noise and squared errors"):
        linear(Masking(0.5)).noisy_score(torch.zeros(1, 2))
    other = DenoisingAutoencoder.mlp(PLANE, code=2, hidden=[4], corruption=GaussianNoise(1.0), loss=absolute())
    with pytest.raises(ValueError, match="absolute errors"):
        other.noisy_score(torch.zeros(1, 2))
    for wrong in (lambda: GaussianNoise(0.0), lambda: Masking(1.0), lambda: SaltAndPepper(0.0)):
        with pytest.raises(ValueError, match=r"Set 0\."):
            wrong()
