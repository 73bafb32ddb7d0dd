"""Deep energy models whose answer is known: quadratic potentials, blurred Gaussians, normalizations."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Instant, Noise, Space
from genzoo.models.graphical import DeepEnergy, Replay, Walk


class Bowl(nn.Module):
    """k ‖y − m‖² / 2, a potential that can become a Gaussian's."""

    def __init__(self, width: float = 1.0, mean: float = 0.0) -> None:
        super().__init__()
        self.log_k = nn.Parameter(torch.tensor(-2 * math.log(width)))
        self.mean = nn.Parameter(torch.full((2,), mean))

    def forward(self, y: Tensor, given: object = None) -> Tensor:
        return self.log_k.exp() * (y - self.mean).square().flatten(1).sum(1, keepdim=True) / 2


def test_samples_and_normalization_of_a_gaussian() -> None:
    model = DeepEnergy(Space((2,)), None, Bowl(0.5, 1.0), reach=2.0, walk=Walk(0.02, steps=400))
    precision = 1 / 0.25 + 1 / 4
    mean = 1 / 0.25 / precision
    x = model.sample(2000, seed=0)
    assert x.mean().item() == pytest.approx(mean, abs=0.02)
    assert x.var(0).mean().item() == pytest.approx(1 / precision, rel=0.08)
    cold = DeepEnergy(Space((2,)), None, Bowl(0.5, 1.0), reach=2.0, walk=Walk(0.02, 0.1, 400)).sample(1000, seed=0)
    assert cold.var(0).mean().item() == pytest.approx(0.1 / precision, rel=0.1)
    done = model.annealed(500, steps=100)
    height = -model.energy(torch.full((1, 2), mean)).item()
    log_z = height + math.log(2 * math.pi / precision)
    assert abs(done.log_z - log_z) < 4 * done.error < 0.5
    assert model.log_prob(x).max().item() <= height + 1e-5


def test_score_matching_finds_the_blurred_density() -> None:
    """Of N(m, s²) blurred by σ: precision 1 / (s² + σ²), of which the start's 1 / r² is a part."""
    x = 0.6 + 0.8 * Noise(0).normal(2000, 2)
    model = DeepEnergy(Space((2,)), None, Bowl(), reach=3.0, sigma=0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for t in range(250):
        optimizer.zero_grad()
        model.loss(Batch(x, None, Noise(1).tick(t))).backward()
        optimizer.step()
    precision = model.potential.log_k.exp().item() + 1 / 9
    assert precision == pytest.approx(1 / (0.64 + 0.25), rel=0.05)
    assert model.potential.mean.mean().item() * model.potential.log_k.exp().item() / precision == pytest.approx(
        0.6, abs=0.05
    )


def test_contrast_finds_the_density() -> None:
    x = 0.6 + 0.8 * Noise(0).normal(1500, 2)
    replay = Replay(256, 256, steps=5, fresh=0.0, pull=0.0)
    model = DeepEnergy(Space((2,)), None, Bowl(), replay=replay, reach=3.0, walk=Walk(0.05))
    model.prepare([Batch(x)])
    player, optimizer = model.players()[0], torch.optim.Adam(model.parameters(), lr=0.03)
    for t in range(150):
        optimizer.zero_grad()
        player.loss(Batch(x, None, Noise(1).tick(t)))["loss"].backward()
        optimizer.step()
        player.after(Instant(t, noise=Noise(2).tick(t)))
    k = model.potential.log_k.exp().item()
    assert k + 1 / 9 == pytest.approx(1 / 0.64, rel=0.2)
    assert model.potential.mean.mean().item() * k / (k + 1 / 9) == pytest.approx(0.6, abs=0.1)


def test_the_buffer_is_moved_in_turn_and_kept_with_the_weights() -> None:
    replay = Replay(12, 5, steps=1, fresh=0.0)
    model = DeepEnergy(Space((2,)), None, Bowl(), replay=replay)
    model.prepare([Batch(torch.zeros(3, 2))])
    before = model.chains.clone()
    after = model.players()[0].after
    after(Instant(0))
    moved = (model.chains != before).any(1)
    assert moved.tolist() == [False] * 5 + [True] * 5 + [False] * 2
    after(Instant(1, noise=Noise(0).tick(1)))
    assert (model.chains != before).any(1)[[10, 11, 0, 1, 2]].all()
    assert {"chains", "turn"} <= set(model.state_dict())
    assert model.turn.item() == 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Walk(step_size=0.0), "positive"),
        (lambda: Walk(temperature=-1.0), "positive"),
        (lambda: Replay(size=4, count=8), "buffer"),
        (lambda: Replay(fresh=2.0), "buffer"),
        (lambda: DeepEnergy(Space((2,)), None, Bowl(), sigma=0.0), "sigma"),
        (lambda: DeepEnergy(Space((2,)), Space((), levels=2), Bowl(), replay=Replay()), "conditions"),
        (lambda: DeepEnergy(Space((2,)), None, Bowl()).sample(2, steps=-1), "steps"),
    ],
)
def test_bad_input_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
