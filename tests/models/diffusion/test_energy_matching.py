"""Energies whose answer is known: a bowl is a Gaussian's, and the slope to one point is a distance's."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Instant, Noise, Space
from genzoo.models.diffusion import Chains, EnergyMatching, Independent
from genzoo.zoo import recipe_named
from genzoo.zoo.mistakes import Mistake

HEAT = 0.2
PLANE = Space((2,))


class Bowl(nn.Module):
    """ε k ‖y − m‖² / 2, the energy of a Gaussian of precision k at heat ε."""

    def __init__(self, width: float = 1.0, mean: float = 0.0) -> None:
        super().__init__()
        self.log_k = nn.Parameter(torch.tensor(-2 * math.log(width)))
        self.mean = nn.Parameter(torch.full((2,), mean))

    def forward(self, y: Tensor, given: object = None) -> Tensor:
        return HEAT * self.log_k.exp() * (y - self.mean).square().flatten(1).sum(1, keepdim=True) / 2


def test_samples_are_those_of_the_density() -> None:
    model = EnergyMatching(PLANE, Bowl(0.5, 1.0), heat=HEAT, chains=Chains(step_size=0.1))
    x = model.sample(3000, seed=0, steps=60)
    assert (x.mean(0) - 1).abs().max() < 0.05
    assert (x.std(0) / 0.5 - 1).abs().max() < 0.06
    law = torch.distributions.Normal(1.0, 0.5)
    apart = model.log_prob(x) - law.log_prob(x).sum(1)
    assert apart.std() < 1e-4  # a constant, log Z
    assert torch.allclose(model.score(x), -(x - 1) / 0.25, atol=1e-4)


def test_contrast_finds_the_density() -> None:
    x = 0.6 + 0.6 * Noise(0).normal(400, 2)
    chains = Chains(400, 400, steps=3, step_size=0.2, fresh=0.0)
    model = EnergyMatching(PLANE, Bowl(), heat=HEAT, warm=0.0, chains=chains, coupling=Independent())
    model.prepare([Batch(x)])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.04)
    for t in range(80):
        optimizer.zero_grad()
        model.parts(Batch(x, None, Noise(1).tick(t)))["gap"].mul(HEAT).backward()
        optimizer.step()
        model._move(Instant(t, 0.5, Noise(2).tick(t)))
    assert (model.potential.mean - 0.6).abs().max() < 0.15
    assert (-model.potential.log_k / 2).exp().item() == pytest.approx(0.6, rel=0.15)


def test_the_slope_to_one_point_is_the_way_there() -> None:
    """Noise z and the point m: x_t − m = t (z − m), and −∇V(x_t) = m − z has the size of what is left over t."""

    class Knows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.size = nn.Parameter(torch.ones(()))

        def forward(self, y: Tensor, given: object = None) -> Tensor:  # for t = 1 alone: V = ‖y − m‖²/2
            return self.size * (y - 1).square().sum(1, keepdim=True) / 2

    model = EnergyMatching(PLANE, Knows(), until=0.999, coupling=Independent())
    parts = model.parts(Batch(torch.ones(64, 2), None, Noise(0), 0.0))
    assert set(parts) == {"loss", "transport"}
    assert parts["transport"] < 1e-5
    model.potential.size.data.fill_(0.5)
    assert model.parts(Batch(torch.ones(64, 2), None, Noise(0), 0.0))["transport"] > 0.1


def test_chains_rest_until_the_flow_is_learned_and_move_in_turn() -> None:
    model = EnergyMatching(PLANE, Bowl(), warm=0.5, chains=Chains(64, 16, 2, fresh=0.5))
    model.prepare([Batch(torch.randn(10, 2))])
    before = model.places.clone()
    model._move(Instant(0, 0.4, Noise(0)))
    assert torch.equal(model.places, before)
    model._move(Instant(0, 0.6, Noise(0)))
    moved = (model.places != before).any(1)
    assert moved[16:32].all()
    assert not moved[:16].any()
    assert not moved[32:].any()


def test_what_is_no_energy_matching_is_refused() -> None:
    for options in ({"heat": 0.0}, {"until": 1.0}, {"steps": 1}):
        with pytest.raises(ValueError, match="Energy matching needs"):
            EnergyMatching(PLANE, Bowl(), **options)
    with pytest.raises(ValueError, match="are to be moved"):
        Chains(8, 16)
    with pytest.raises(ValueError, match="at least 2"):
        EnergyMatching(PLANE, Bowl()).sample(2, steps=1)
    with pytest.raises(Mistake, match="takes no condition"):
        recipe_named("energy_matching")(PLANE, Space((), levels=2))


def test_chains_share_themselves_out_among_modes_as_the_energy_says() -> None:
    """Two bowls far apart, one deeper by ε ln 3: from even shares to three in four, which Langevin never does."""

    class Bowls(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.depth = nn.Parameter(torch.tensor([math.log(3), 0.0]))

        def forward(self, y: Tensor, given: object = None) -> Tensor:
            apart = (y[:, None] - torch.tensor([[-3.0, 0], [3, 0]])).square().sum(2)
            return -HEAT * (self.depth - apart / 0.08).logsumexp(1, keepdim=True)

    def share(jumps: bool) -> float:
        chains = Chains(1000, 500, steps=1, step_size=0.02, fresh=0.0, jumps=jumps)
        model = EnergyMatching(PLANE, Bowls(), heat=HEAT, warm=0.0, chains=chains)
        noise = Noise(0)
        start = torch.where(torch.arange(1000)[:, None] % 2 == 0, -3.0, 3.0) * torch.tensor([1.0, 0.0])
        model.prepare([Batch(start + 0.1 * noise.normal(1000, 2))])
        for t in range(40):
            model._move(Instant(t, 0.5, Noise(2).tick(t)))
        return (model.places[:, 0] < 0).double().mean().item()

    assert share(jumps=False) == 0.5
    assert share(jumps=True) == pytest.approx(0.75, abs=0.06)
