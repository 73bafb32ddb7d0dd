"""Samplers: with a perfect denoiser they recover the data, at the order they claim, and as others have them."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise
from genzoo.models.diffusion import (
    DDIM,
    DEIS,
    EDM,
    Adaptive,
    Ancestral,
    Churn,
    Cosine,
    Discrete,
    DPMSolver,
    Euler,
    Heun,
    Multistep,
    Passed,
    PredictorCorrector,
    Sampler,
    Schedule,
    Shifted,
    Straight,
    UniPC,
)
from genzoo.models.diffusion.samplers import GRIDS, SAMPLERS, sampler_named
from tests.golden.frozen import frozen
from tests.models.diffusion.oracle import LEGAL, MEAN, OTHERS, SCHEDULES, STD, mixture_cdf, mixture_mean, oracle

STEPS = {"euler": 40, "ddim": 40, "ancestral": 60, "predictor_corrector": 30, "dpm_sde": 40}
STEPS |= {"dpm2": 24, "dpm3": 30, "churn": 20, "heun": 20}


def apart(x: Tensor, cdf: Callable[[Tensor], Tensor]) -> float:
    """Kolmogorov's distance of rows from a law."""
    ranks = torch.arange(1, len(x) + 1, dtype=torch.float64) / len(x)
    return (cdf(x.flatten().sort().values) - ranks).abs().max().item()


def test_the_whole_legal_matrix_recovers_a_mixture() -> None:
    """Every sampler on the four schedules, and in turn on the others; the parametrizations in turn."""
    names = itertools.cycle(SAMPLERS)
    legal = {schedule: itertools.cycle([p for s, p in LEGAL if s is schedule]) for schedule, _ in LEGAL}
    pairs = [*itertools.product(SCHEDULES, SAMPLERS), *((s, next(names)) for s in OTHERS for _ in range(2))]
    for schedule, name in pairs:
        predicts, steps = next(legal[schedule]), None if name == "adaptive" else STEPS.get(name, 16)
        model = oracle(schedule, predicts, mean=mixture_mean, sampler=sampler_named(name, steps))
        x = model.sample(1000, seed=1)
        assert apart(x, mixture_cdf) <= 0.06, f"{schedule}, {predicts}, {name}"


def test_long_walks_recover_a_gaussian() -> None:
    for name, steps in {"euler": 100, "heun": 30, "unipc": 40, "ancestral": 200, "churn": 40, "dpm_sde": 60}.items():
        x = oracle(Cosine(), sampler=sampler_named(name, steps)).sample(4000, seed=0)
        assert abs(x.mean().item() - MEAN) <= 0.01, name
        assert abs(x.std().item() / STD - 1) <= 0.03, name


def carried(schedule: Schedule, x: Tensor, times: Tensor) -> Tensor:
    """Where the flow of the mixture leads from x at the first of some times: quantiles stay quantiles."""
    first, last = (schedule(times[i]) for i in (0, -1))

    def cdf(x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        spread = torch.hypot(alpha * STD / 2, sigma)
        place = (x.unsqueeze(-1) - alpha * x.new_tensor((-1.0, 0.2, 1.4))) / spread
        return ((1 + torch.erf(place / math.sqrt(2))) / 2) @ x.new_tensor((0.5, 0.2, 0.3))

    wanted, low, high = cdf(x, *first), torch.full_like(x, -20.0), torch.full_like(x, 20.0)
    for _ in range(60):
        middle = (low + high) / 2
        early = cdf(middle, *last) < wanted
        low, high = torch.where(early, middle, low), torch.where(early, high, middle)
    return low


def test_solvers_have_their_order() -> None:
    """On steps equal in λ, long before the mean is all that is left."""
    orders = {"euler": 1, "ddim": 1, "heun": 2, "multistep": 2, "dpm2": 2, "dpm3": 3, "unipc": 3, "deis": 3}
    x = torch.tensor([[-1.5], [0.4], [2.0], [0.1], [-0.3]], dtype=torch.float64)
    for (name, order), schedule in zip(orders.items(), itertools.cycle((Cosine(), EDM())), strict=False):
        errors = []
        for steps in (120, 240):
            times = schedule.time(torch.linspace(-8, 6, steps + 1, dtype=torch.float64))
            start = x * schedule.at(times[0]).scale
            end = sampler_named(name, steps).along(
                times, lambda x, t, s=schedule: mixture_mean(x, *s(t)), schedule, start, Noise(0)
            )
            errors.append((end - carried(schedule, start, times)).norm().item())
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15), f"{schedule}, {name}: {errors}"


def exact(schedule: Schedule, x: Tensor) -> Tensor:
    """Where the flow leads from x at t_max, for Gaussian data."""
    alpha, sigma = schedule(torch.tensor(schedule.t_max, dtype=torch.float64))
    return MEAN + STD * (x - alpha * MEAN) / torch.hypot(alpha * STD, sigma)


def end(sampler: Sampler, schedule: Schedule, x: Tensor) -> Tensor:
    with torch.no_grad():
        return sampler(oracle(schedule).mean, schedule, x, {}, Noise(0))


def test_steps_equal_in_angle_keep_second_order_down_to_the_data() -> None:
    x = torch.tensor([[-1.5], [0.4], [2.0]], dtype=torch.float64)
    for schedule in SCHEDULES:
        for sampler in (Multistep, Heun):
            grid = None if sampler is Heun else "angle"
            coarse, fine = (
                (end(sampler(steps, grid), schedule, x) - exact(schedule, x)).norm().item() for steps in (50, 100)
            )
            assert coarse / fine == pytest.approx(4, rel=0.1), f"{schedule}, {sampler}"


def met(sampler: Sampler, schedule: Schedule, times: Tensor, x: Tensor) -> Tensor:
    """x wherever the mean is asked for, and at the end."""
    seen: list[Tensor] = []

    def mean(x: Tensor, t: Tensor) -> Tensor:
        seen.append(x)
        return mixture_mean(x, *schedule(t))

    last = sampler.along(times, mean, schedule, x, Noise(0))
    return torch.stack([*seen, last])


def test_steps_are_those_of_diffusers() -> None:
    """Of DDIM, Euler, Heun, DPM-Solver++, its stochastic twin, UniPC and flow matching with a shift, to 1e-5."""
    golden = frozen("samplers")

    def matches(name: str, sampler: Sampler, schedule: Schedule, times: Tensor) -> None:
        wanted = golden[f"{name}/x"]
        assert torch.allclose(met(sampler, schedule, times, wanted[0]), wanted, rtol=1e-5, atol=1e-5), name

    zero = torch.zeros(1, dtype=torch.float64)
    matches("ddim", DDIM(8), Discrete.linear(), torch.cat([golden["ddim/levels"] / 1000, zero]).double())
    exploding, circle = EDM(last=200.0), Cosine(t_max=1.0)
    for name, sampler in (("euler", Euler(8)), ("heun", Heun(8))):
        sigmas = torch.cat([golden[f"{name}/sigmas"].unique().flip(0)])
        matches(name, sampler, exploding, (sigmas / 200) ** (1 / 7))
    for name, sampler in (("dpm2", DPMSolver(8)), ("dpm_sde", DPMSolver(8, stochastic=True)), ("unipc", UniPC(8))):
        matches(name, sampler, circle, golden[f"{name}/sigmas"].atan() * 2 / math.pi)
    for shift in (1.0, 3.0):
        schedule = Shifted(Straight(), shift)
        times = Euler(8, "diffusers").times(schedule)
        assert torch.allclose(schedule(times)[1], golden[f"flow/{shift:g}/sigmas"], atol=1e-6)
        matches(f"flow/{shift:g}", Euler(8), schedule, times)
        plain = Euler(8).times(schedule)  # as the papers have it: shifted once, down to the data
        assert torch.allclose(schedule(plain)[1], shift * plain / (1 + (shift - 1) * plain))


def test_named_steps_are_one_step() -> None:
    """Euler's is DDIM's, and with all noise fresh DDIM's is the ancestral one."""
    x = Noise(1).normal(20, 3, dtype=torch.float64)
    for schedule in SCHEDULES:
        assert torch.allclose(end(Euler(17), schedule, x), end(DDIM(17), schedule, x), atol=1e-12)
        assert torch.allclose(end(Ancestral(17), schedule, x), end(DDIM(17, eta=1.0), schedule, x), atol=1e-9)
        for other in (DPMSolver(17, "uniform", 1), DEIS(17, "uniform", 1), Multistep(17, "uniform", 1)):
            assert torch.allclose(end(Euler(17), schedule, x), end(other, schedule, x), atol=1e-9), other
        for calm, still in ((Churn(9, amount=0.0), Heun(9, "karras")), (PredictorCorrector(9, None, 0), Ancestral(9))):
            assert torch.allclose(end(calm, schedule, x), end(still, schedule, x), atol=1e-9), calm


def test_on_a_straight_line_eulers_step_follows_the_velocity() -> None:
    x, mean = torch.randn(9, 2, dtype=torch.float64), torch.randn(9, 2, dtype=torch.float64)
    at_t, at_s = (Straight().at(torch.tensor(t, dtype=torch.float64)) for t in (0.6, 0.5))
    velocity = at_t.noise_in(x, mean) - mean
    assert torch.allclose(Euler().step(Passed(at_t, x, mean), at_s, Noise(0)), x - 0.1 * velocity)


def test_one_step_is_the_mean() -> None:
    x = Noise(1).normal(20, 3, dtype=torch.float64)
    for name in SAMPLERS:
        if name != "adaptive":
            assert torch.allclose(end(sampler_named(name, 1), Straight(), x), torch.full_like(x, MEAN)), name


def test_grids_run_from_noise_to_data() -> None:
    for schedule in (*SCHEDULES, Shifted(Straight(), 3.0)):
        for name, grid in GRIDS.items():
            for steps in (1, 2, 7):
                times = grid(schedule, steps)
                assert times.shape == (steps + 1,), name
                assert times[0] == schedule.t_max, name
                assert times[-1] == 0, name
                assert (times.diff() < 0).all(), name
    _, sigma = EDM()(GRIDS["karras"](EDM(), 9)[:-1])
    assert (sigma ** (1 / 7)).diff().diff().abs().max() < 1e-9
    assert EDM().log_snr(GRIDS["log_snr"](EDM(), 9)[:-1]).diff().diff().abs().max() < 1e-6


def test_each_row_of_an_adaptive_walk_has_a_clock_of_its_own() -> None:
    x, model = Noise(2).normal(6, 2, dtype=torch.float64), oracle(Cosine(), mean=mixture_mean)
    seen: list[Passed] = []
    whole = Adaptive()(lambda x, t, given: model.mean(x, t), Cosine(), x, {}, Noise(0), seen.append)
    alone = Adaptive()(lambda x, t, given: model.mean(x, t), Cosine(), x[4:], {}, Noise(0))
    assert torch.allclose(whole[4:], alone, atol=1e-12)
    assert any(passed.at.t.unique().numel() > 1 for passed in seen)
    errors = []
    for tolerance in (0.1, 0.01, 0.001):
        one = Adaptive(tolerance=tolerance)
        errors.append((end(one, Cosine(), x) - exact(Cosine(), x)).abs().max().item())
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3


def test_an_adaptive_walk_begins_at_pure_noise_in_single_precision() -> None:
    x = Noise(2).normal(6, 2)  # the angle of no data at all is rounded to more than a right one
    whole = Adaptive()(lambda x, t, given: torch.zeros_like(x), Straight(), x, {}, Noise(0))
    assert torch.allclose(whole, torch.zeros_like(x), atol=0.02)


def test_what_watches_sees_every_time_and_may_end_it() -> None:
    seen: list[Passed] = []
    model = oracle(Straight())
    x = model.sample(3, seed=0, sampler="euler", steps=5, watch=seen.append)
    assert [round(passed.at.t.item(), 6) for passed in seen] == [1.0, 0.8, 0.6, 0.4, 0.2]
    last = seen[-1]
    assert torch.allclose(Euler().step(last, Straight().at(torch.tensor(0.0).double()), Noise(0)), x)

    class Enough(Exception):
        pass

    def stop(passed: Passed) -> None:
        if passed.at.t < 0.5:
            raise Enough

    with pytest.raises(Enough):
        model.sample(3, seed=0, watch=stop)


def test_encoding_and_decoding_follow_one_flow() -> None:
    for schedule in SCHEDULES:
        model = oracle(schedule, sampler=Heun(100))
        x = torch.tensor([[0.1], [0.7], [1.3]], dtype=torch.float64)
        with torch.no_grad():
            z = model.encode(x)
            assert torch.allclose(model.decode(z), x, atol=0.01), schedule
        assert torch.allclose(z, (x - MEAN) / STD, atol=0.02), schedule


def test_flows_keep_a_graph_where_a_gradient_is_asked_for_alone() -> None:
    """A graph of all steps of a few thousand pictures fills a machine."""
    model, x = oracle(Straight(), sampler=Heun(4)), torch.tensor([[0.1]], dtype=torch.float64)
    assert not model.encode(x).requires_grad
    assert not model.decode(x).requires_grad
    for way in (model.encode, model.decode):
        asked = x.clone().requires_grad_()
        way(asked).sum().backward()
        assert asked.grad is not None
        assert asked.grad.item() > 0


def test_samplers_have_names_and_steps() -> None:
    model = oracle(Straight())
    assert torch.equal(model.sample(3, seed=0, sampler="heun", steps=9), model.sample(3, seed=0, sampler=Heun(9)))
    karras = model.sample(3, seed=0, sampler="heun", steps=9, grid="karras")
    assert torch.equal(karras, model.sample(3, seed=0, sampler=Heun(9, "karras")))
    for wrong, what in (
        ({"sampler": "rk45"}, "ancestral, ddim, euler, heun"),
        ({"steps": 0}, "at least one step"),
        ({"grid": "fine"}, "uniform, quadratic"),
    ):
        with pytest.raises(ValueError, match=what):
            model.sample(3, seed=0, **wrong)
    for kind in (DPMSolver, UniPC, DEIS, Multistep):
        with pytest.raises(ValueError, match="order must be"):
            kind(order=5)
