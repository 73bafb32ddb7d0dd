"""Flows of frames: a field that turns with its chain, and a law on rotations that is known."""

import math

import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor, nn

from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import SE3Flow
from genzoo.nn import FrameField, Timed, rigid
from tests.zoo.entry import stirred

SPACE = Space((9, 3, 3))


@pytest.fixture(scope="module")
def flow() -> SE3Flow:
    torch.manual_seed(0)
    net = Timed(FrameField(7, given=8, width=16, depth=2, heads=2), 8)
    return stirred(SE3Flow(SPACE, None, net)).eval()


def test_a_field_turns_with_its_chain(flow: SE3Flow) -> None:
    """What it says in the axes of frames does not change when all are turned and moved."""
    rotation, place = rigid.uniform(Noise(0), 6, 9), 8 * Noise(1).normal(6, 9, 3)
    turn, shift, t = rigid.uniform(Noise(2), 6, 1), 20 * Noise(3).normal(6, 1, 3), torch.rand(6)
    with torch.no_grad():
        here = flow.net(torch.cat([rotation, place[..., None]], -1), t)
        moved = (turn @ place[..., None])[..., 0] + shift
        there = flow.net(torch.cat([turn @ rotation, moved[..., None]], -1), t)
    assert here.abs().max() > 0.1
    assert torch.allclose(here, there, atol=1e-4)


def test_a_mirror_image_is_told_from_its_chain(flow: SE3Flow) -> None:
    atoms = 4 * Noise(1).normal(6, 9, 3, 3)
    flips = torch.tensor([1.0, 1.0, -1.0])
    here, there = (torch.cat([r, p[..., None]], -1) for r, p in map(rigid.frames_of, (atoms, atoms * flips)))
    with torch.no_grad():
        assert not torch.allclose(flow.net(here, torch.rand(1).expand(6)), flow.net(there, torch.rand(1).expand(6)))


class Known(nn.Module):
    """The velocity of a flow from uniform rotations to some of equal weight, as a network of one frame says it.

    Of rotations k at angle θ_k from R_t those count with θ_k ≤ r π, by the density of R_t given R_k under Haar's law,
    p(R_t | R_k) = (1 − cos θ_k / r) / (r (1 − cos θ_k)).
    """

    def __init__(self, rotations: Tensor) -> None:
        super().__init__()
        self.register_buffer("rotations", rotations)

    def forward(self, frames: Tensor, t: Tensor, given: object = None) -> Tensor:
        share = t[:, None].clamp_min(1e-6)
        ways = rigid.log(self.rotations.mT @ frames[..., :3])  # from each to where it is
        theta = ways.norm(dim=-1).clamp_min(1e-9)
        density = (theta / share / 2).sin().square() / (share * (theta / 2).sin().square())
        weight = density.masked_fill(theta > share * math.pi, 0)
        weight = torch.where(weight.sum(1, keepdim=True) > 0, weight, (theta == theta.amin(1, keepdim=True)).to(theta))
        weight = weight / weight.sum(1, keepdim=True)
        omega = (weight[..., None] * ways / share[..., None]).sum(1)
        return torch.cat([omega, torch.zeros(len(omega), 4)], 1)[:, None]


def wrapped(n: int, seed: int) -> Tensor:
    """Draws of a wrapped mixture: three centers with weights 0.5, 0.3 and 0.2, and normal turns around them."""
    centers = rigid.exp(torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, -1.5, 2.0]]))
    which = Noise(seed, "which").categorical(torch.tensor([0.5, 0.3, 0.2]).log().expand(n, 3))
    return centers[which] @ rigid.exp(0.25 * Noise(seed, "around").normal(n, 3))


def test_the_flow_carries_uniform_rotations_to_a_known_mixture() -> None:
    model = SE3Flow(Space((1, 3, 3)), None, Known(wrapped(300, 0)))
    drawn, fresh = rigid.frames_of(model.sample(400, seed=1, steps=60, rate=0)[:, 0])[0], wrapped(400, 2)
    assert ks_2samp(rigid.angle(rigid.uniform(Noise(5), 400)), rigid.angle(fresh)).pvalue < 1e-6
    for center in rigid.exp(torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 1.0]])):
        angles = (rigid.angle(center.mT @ rows).numpy() for rows in (drawn, fresh))
        assert ks_2samp(*angles).pvalue > 1e-3


def test_a_rate_settles_rotations_sooner_and_places_alike() -> None:
    """Of one rotation that all ways lead to, what is left of the way is t, or less by e^(−c (1 − t)) where that is."""
    goal, left = rigid.exp(torch.tensor([[0.3, -1.0, 0.5]])), dict[float, list[float]]()
    model = SE3Flow(Space((1, 3, 3)), None, Known(goal))
    for rate in (0.0, 10.0):
        left[rate] = []

        def look(t: Tensor, atoms: Tensor, kept: list[float] = left[rate]) -> None:
            kept.append(rigid.angle(goal.mT @ rigid.frames_of(atoms[:, 0])[0]).mean().item())

        model.sample(50, seed=0, steps=200, rate=rate, watch=look)
    times = torch.linspace(1, 0, 201) ** 2
    start = left[0.0][0]
    assert torch.allclose(torch.tensor(left[0.0]) / start, times, atol=1e-3)
    early = times > 0.5
    assert torch.allclose((torch.tensor(left[10.0]) / start)[early], (10 * (times - 1)).exp()[early], atol=1e-3)
    assert left[10.0][-1] < 1e-3


def test_noise_is_as_wide_as_chains_and_angles_are_noted() -> None:
    model = SE3Flow(SPACE, None, nn.Identity())
    x = 5 * Noise(4).normal(200, 9, 3, 3)
    model.prepare([Batch(x[:100], {}, Noise(0)), Batch(x[100:], {}, Noise(0))])
    noise = model.noise(500, Noise(1)).place
    assert noise.mean(1).abs().max() < 1e-5
    assert noise.std().item() == pytest.approx(5 * math.sqrt(8 / 9), rel=0.03)
    assert model.bend[0].item() == pytest.approx(rigid.bend_of(x).mean().item(), rel=1e-5)


@pytest.mark.parametrize("space", [Space((9, 3)), Space((9, 3, 3), levels=4), Space((9, 3, 3), ragged=True)])
def test_what_is_no_backbone_is_refused(space: Space) -> None:
    with pytest.raises(ValueError, match="A flow of frames needs backbones"):
        SE3Flow(space, None, nn.Identity())


def test_a_sample_needs_a_step(flow: SE3Flow) -> None:
    with pytest.raises(ValueError, match="a rate from 0 on, got steps=0"):
        flow.sample(1, steps=0)
    with pytest.raises(ValueError, match="a rate from 0 on, got steps=100, rate=-1"):
        flow.sample(1, rate=-1)
