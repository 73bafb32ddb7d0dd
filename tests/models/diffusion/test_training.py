"""What training looks at: times, weights, dropped conditions; and guidance, which needs them."""

import pytest
import torch

from genzoo.core import Batch, Given, Noise, Space
from genzoo.models.diffusion import (
    EDM,
    ELBO,
    P2,
    SNR,
    ClassifierFree,
    Cosine,
    Diffusion,
    Emphasis,
    Importance,
    Learned,
    Levels,
    Linear,
    LogitNormal,
    LogNormal,
    MinSNR,
    Preconditioned,
    Predicts,
    Sigmoid,
    Straight,
    Times,
    Uniform,
    Unweighted,
)
from genzoo.models.diffusion.samplers import SAMPLERS
from genzoo.models.diffusion.time import spread
from genzoo.nn import MLP, Timed
from tests.models.diffusion.oracle import oracle

LABEL = Space((), levels=2)


def test_rows_share_the_times_out_evenly() -> None:
    for page in range(5):
        u = spread(64, Noise(0).tick(page)).sort().values
        assert u.diff().max() < 3 / 64
        assert u.min() < 2 / 64
        assert u.max() > 62 / 64
    first = torch.stack([spread(1, Noise(0).tick(page)) for page in range(1500)]).flatten()
    assert first.mean().item() == pytest.approx(0.5, abs=0.02)
    assert first.std().item() == pytest.approx(12**-0.5, abs=0.02)


def test_a_part_of_a_batch_finds_its_own_times() -> None:
    noise = Noise(4, "train").tick(7)
    whole = spread(10, noise)
    assert torch.equal(spread(6, noise.rows(slice(4, 10))), whole[4:])
    assert torch.equal(spread(6, Noise(4, "train", start=4).tick(7)), whole[4:])
    assert torch.equal(spread(2, noise.rows(torch.tensor([8, 3]))), whole[[8, 3]])


@pytest.mark.parametrize("times", [Uniform(), LogitNormal(), LogitNormal(-0.5, 1.2)], ids=str)
def test_quantiles_are_monotone_in_the_unit_interval(times: Times) -> None:
    t = times.quantile(torch.linspace(0, 1 - 1e-9, 500, dtype=torch.float64))
    assert (t.diff() >= 0).all()
    assert t.min() >= 0
    assert t.max() <= 1


def test_logit_normal_has_its_moments() -> None:
    logit = LogitNormal(-0.5, 1.2).quantile(spread(20_000, Noise(0))).logit()
    assert logit.mean().item() == pytest.approx(-0.5, abs=0.01)
    assert logit.std().item() == pytest.approx(1.2, abs=0.01)


def test_times_of_the_bound_do_not_change_it() -> None:
    """The integral is the same whatever times are drawn; a learned density makes it vary less."""
    rows = Noise(9).normal(8000, 1, dtype=torch.float64) * 0.3 + 0.7
    found = {}
    for schedule, times in (
        (Cosine(), Uniform()),
        (Cosine(), LogitNormal(-2.0, 2.0)),
        (EDM(), LogNormal()),
        (EDM(), LogNormal(0.0, 2.0)),
        (Straight(), Importance()),
        (Learned(Linear()), Uniform()),
    ):
        model = oracle(schedule, Predicts.PRECONDITIONED, emphasis=Emphasis(times, ELBO()))
        with torch.no_grad():
            found[f"{schedule} {times}"] = model.loss(Batch(rows, noise=Noise(1))).item()
    assert list(found.values()) == pytest.approx([next(iter(found.values()))] * len(found), rel=0.08), found


def test_times_of_a_chain_are_its_levels() -> None:
    t = Levels(10).at(torch.linspace(0, 0.999, 100), Linear(), (0.01, 0.9))
    assert torch.allclose(t.unique(), torch.arange(1, 11) / 10)


def test_log_normal_noise_has_its_moments_on_every_schedule() -> None:
    u = torch.linspace(0.0005, 0.9995, 1000, dtype=torch.float64)
    for schedule in (EDM(), Cosine(), Straight()):
        ends = tuple(schedule.time(torch.tensor([12.0, -12.0], dtype=torch.float64)).tolist())
        noise = -schedule.log_snr(LogNormal().at(u, schedule, ends)) / 2
        assert (noise.mean().item(), noise.std().item()) == pytest.approx((-1.2, 1.2), abs=0.01), schedule


def test_weights_are_what_they_say() -> None:
    log_snr = torch.tensor([-3.0, 0.0, 4.0], dtype=torch.float64)
    snr = log_snr.exp()
    assert torch.equal(SNR()(log_snr), snr)
    assert torch.equal(MinSNR(5.0)(log_snr), snr.clamp_max(5))
    assert torch.equal(Unweighted()(log_snr), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(Sigmoid(0.0)(log_snr), snr / (1 + snr))
    assert torch.allclose(P2(0.5, 2.0)(log_snr), snr / (2 + snr).sqrt())
    sigma = snr.rsqrt()
    assert torch.allclose(Preconditioned()(log_snr), (sigma.square() + 1) / sigma.square())


class Told(torch.nn.Module):
    """A network whose answer is its condition."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = torch.nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor, t: torch.Tensor, given: Given) -> torch.Tensor:
        return given["given"][:, None].expand(len(x), 2).to(x.dtype) + 0 * self.idle


def told(drop_given: float = 0.2, levels: int | None = None) -> Diffusion:
    space = Space((2,), levels=levels)
    return Diffusion(space, LABEL, Told(), schedule=Straight(), predicts=Predicts.DATA, drop_given=drop_given).eval()


def test_guidance_goes_beyond_the_condition() -> None:
    model, given = told(), torch.tensor([0, 1, 1])
    plain, strong = (model.sample(3, given, seed=0, guidance=w, steps=1) for w in (0.0, 2.0))
    assert torch.allclose(plain[:, 0], torch.tensor([0.0, 1, 1]))
    assert torch.allclose(strong[:, 0], torch.tensor([2.0, 5, 5]))  # (1 + 2) c − 2 (−1)
    guided = ClassifierFree(model.mean, -1.0, model.schedule)(torch.zeros(3, 2), torch.tensor(0.5), {"given": given})
    assert torch.equal(guided, torch.full((3, 2), -1.0))


def test_guided_levels_stay_in_range() -> None:
    x = told(levels=3).sample(2, torch.tensor([0, 1]), seed=0, guidance=4.0)
    assert x.tolist() == [[2, 2], [2, 2]]


def test_guidance_needs_a_null_condition() -> None:
    with pytest.raises(ValueError, match="drop_given"):
        told(drop_given=0.0).sample(2, torch.tensor([0, 1]), seed=0, guidance=1.0)
    net = Timed(MLP(2, [8], 2, given=4), 4)
    plain = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.VELOCITY)
    with pytest.raises(ValueError, match="Guidance"):
        plain.sample(2, seed=0, guidance=1.0)


@pytest.mark.parametrize("weight", [None, SNR(), MinSNR(), Sigmoid(), Unweighted()], ids=str)
def test_every_emphasis_trains(weight: object) -> None:
    torch.manual_seed(0)
    net = Timed(MLP(2, [32, 32], 2, given=16), 16)
    emphasis = Emphasis(LogitNormal(), weight)
    model = Diffusion(Space((2,)), None, net, schedule=Straight(), predicts=Predicts.PRECONDITIONED, emphasis=emphasis)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for page in range(60):
        noise = Noise(0).tick(page)
        x = noise.at("x").normal(256, 2) * torch.tensor([1.0, 0.1])
        loss = model.loss(Batch(x, noise=noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < sum(losses[:10])


def test_samples_of_reals_stay_between_the_least_and_the_greatest_that_were_seen() -> None:
    x = Noise(0).normal(100, 2) + 5
    net = Timed(MLP(2, [8], 2, given=16), 16)
    model = Diffusion(Space((2,)), None, net, schedule=Cosine(), predicts=Predicts.NOISE)
    assert model.sample(200, seed=0).abs().max() > 20  # an error of the network over a small alpha
    outside = torch.full((1, 2), 30.0)
    bound = model.log_prob(outside)
    model.prepare([Batch(x[:50]), Batch(x[50:])])
    made = model.sample(200, seed=0)
    assert (made >= x.amin(0)).all()
    assert (made <= x.amax(0)).all()
    assert torch.equal(model.log_prob(outside), bound)


def test_calls_of_the_network_are_counted() -> None:
    class Counting(torch.nn.Module):
        calls = 0

        def forward(self, x: torch.Tensor, t: torch.Tensor, given: None) -> torch.Tensor:
            Counting.calls += 1
            return torch.zeros_like(x)

    model = Diffusion(Space((2,)), None, Counting(), schedule=Straight(), predicts=Predicts.VELOCITY)
    for sampler in set(SAMPLERS) - {"adaptive"}:
        Counting.calls = 0
        model.sample(3, seed=0, sampler=sampler, calls=12)
        assert 10 <= Counting.calls <= 12, sampler
