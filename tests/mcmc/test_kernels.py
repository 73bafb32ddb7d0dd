"""Kernels leave their density as it is, tested where it is known; and a chain depends on (seed, number) alone."""

import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Noise, Space
from genzoo.mcmc import (
    Kernel,
    bits,
    colors,
    density,
    density_of,
    geometric,
    gibbs,
    hmc,
    mala,
    metropolis,
    random_walk,
    run,
    singles,
    summary,
    tempering,
    ula,
)
from genzoo.mcmc.hamiltonian import Place, leapfrog
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.classical import Gaussian
from tests.mcmc.known import COVARIANCE, MEAN, exact, gaussian, looks_gaussian


def lopsided(x: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Scales the row by a random factor: a proposal whose density is not symmetric."""
    step = 0.4 * noise.normal(len(x), dtype=x.dtype)
    return x * step.exp()[:, None], x.shape[1] * step


def powered(beta: float) -> object:
    return lambda x: beta * gaussian(x)


EXACT = {
    "random_walk": lambda: random_walk(gaussian, scale=0.7),
    "random_walk/each": lambda: random_walk(gaussian, scale=torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)),
    "metropolis": lambda: metropolis(gaussian, lopsided),
    "mala": lambda: mala(gaussian, step_size=0.15),
    "mala/score": lambda: mala(density(gaussian, density(gaussian).score), step_size=0.15),
    "hmc": lambda: hmc(gaussian, step_size=0.3, steps=5),
    "hmc/long": lambda: hmc(gaussian, step_size=0.5, steps=3, jitter=0.5),
    "hmc/mass": lambda: hmc(gaussian, step_size=0.3, steps=4, inverse_mass=COVARIANCE.diagonal()),
    "tempering": lambda: tempering(
        powered, lambda beta: random_walk(powered(beta), scale=0.5 / beta**0.5), [0.3, 0.6, 1.0]
    ),
}
ROUGH = {
    "ula": lambda: ula(gaussian, step_size=0.02),
    "gibbs": lambda: gibbs(lambda sites, x, noise: noise.normal(len(x), len(sites), dtype=x.dtype), singles(3)),
}


@pytest.mark.parametrize("name", EXACT)
def test_draws_of_the_density_stay_draws_of_it(name: str) -> None:
    """From 10,000 exact draws a few steps lead to draws as good, however slowly the kernel mixes."""
    kernel = EXACT[name]()
    start = kernel.init(exact(10_000))
    if name == "tempering":  # whose hotter chains start from their own densities
        rungs = tuple(
            part._replace(**kernel.init(MEAN + (exact(10_000, seed) - MEAN) / beta**0.5).rungs[i]._asdict())
            for i, (part, seed, beta) in enumerate(zip(start.rungs, (1, 2, 0), (0.3, 0.6, 1.0), strict=True))
        )
        start = start._replace(rungs=rungs)
    trace = run(kernel, start, Noise(7), 5)
    assert looks_gaussian(trace.state.x) > 1e-3
    assert 0.1 < trace.accept.mean() < 0.999
    assert not torch.equal(trace.state.x, start.x)


@pytest.mark.parametrize("name", [name for name in EXACT if name != "metropolis"])  # which keeps to its ray
def test_chains_from_afar_arrive(name: str) -> None:
    trace = run(EXACT[name](), torch.zeros(100, 3, dtype=torch.float64), Noise(3), 200)
    found = summary(trace.x[70:], trace.accept[70:])
    assert ((found.mean - MEAN).abs() < 5 * found.error).all()
    assert torch.allclose(found.sd, COVARIANCE.diagonal().sqrt(), rtol=0.1)


@pytest.mark.parametrize("name", EXACT | ROUGH)
def test_a_chain_depends_on_seed_and_number_alone(name: str) -> None:
    kernel, x = (EXACT | ROUGH)[name](), exact(9)

    def end(first: int, last: int, seed: int = 5) -> Tensor:
        return run(kernel, x[first:last], Noise(seed, start=first), 20).state.x

    whole = end(0, 9)
    assert torch.allclose(torch.cat([end(0, 2), end(2, 9)]), whole, atol=1e-12)
    assert not torch.equal(end(0, 9, seed=6), whole)


@pytest.mark.parametrize("name", EXACT | ROUGH)
def test_steps_are_pure_and_runs_go_on(name: str) -> None:
    kernel, x = (EXACT | ROUGH)[name](), exact(4)
    state, before = kernel.init(x), x.clone()
    one, same = (kernel.step(state, Noise(0).tick(3)) for _ in range(2))
    assert torch.equal(one.x, same.x)
    assert torch.equal(state.x, before)
    whole = run(kernel, x, Noise(1), 10)
    half = run(kernel, x, Noise(1), 4)
    rest = run(kernel, half.state, Noise(1), 6, first=4)
    assert torch.equal(torch.cat([half.x, rest.x]), whole.x)


def test_a_run_keeps_what_is_asked() -> None:
    kernel = random_walk(gaussian, scale=0.5)
    trace = run(kernel, exact(4), Noise(0), 10, thin=3, keep=lambda state: state.log_prob)
    assert trace.x.shape == (3, 4)
    assert trace.accept.shape == (10, 4)
    assert run(kernel, exact(4), Noise(0), 0).x.shape == (0, 4, 3)
    with pytest.raises(ValueError, match="thin"):
        run(kernel, exact(4), Noise(0), 10, thin=0)


def test_unadjusted_langevin_has_the_bias_that_theory_says() -> None:
    h = 0.4
    x = run(ula(lambda x: -x.square().sum(1) / 2, step_size=h), torch.zeros(4000, 1), Noise(0), 60).x[30:]
    assert x.var().item() == pytest.approx(1 / (1 - h / 2), rel=0.02)
    fixed = run(mala(lambda x: -x.square().sum(1) / 2, step_size=h), torch.zeros(4000, 1), Noise(0), 60).x[30:]
    assert fixed.var().item() == pytest.approx(1, rel=0.02)


def test_the_leapfrog_is_reversible_keeps_volume_and_errs_by_the_square_of_its_step() -> None:
    bell = density(gaussian)

    def roll(x: Tensor, p: Tensor, epsilon: float) -> Place:
        place = Place(x, p, *bell.both(x))
        for _ in range(round(1 / epsilon)):
            place = leapfrog(bell, place, epsilon, 1.0)
        return place

    def energy(place: Place) -> Tensor:
        return place.p.square().sum(1) / 2 - place.log_prob

    x, p = exact(1), Noise(9).normal(1, 3, dtype=torch.float64)
    there = roll(x, p, 0.1)
    assert torch.allclose(roll(there.x, -there.p, 0.1).x, x, atol=1e-10)
    matrix = torch.autograd.functional.jacobian(
        lambda both: torch.cat(map_of(both), 1).squeeze(0), torch.cat([x, p], 1).squeeze(0)
    )
    assert matrix.det().item() == pytest.approx(1, abs=1e-9)
    start = energy(Place(x, p, *bell.both(x)))
    errors = [abs(float(energy(roll(x, p, epsilon)) - start)) for epsilon in (0.05, 0.025)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)


def map_of(both: Tensor) -> tuple[Tensor, Tensor]:
    """Five leapfrog steps, differentiable."""
    from tests.mcmc.known import PRECISION

    x, p = both[None, :3], both[None, 3:]
    for _ in range(5):
        p = p - 0.05 * (x - MEAN) @ PRECISION
        x = x + 0.1 * p
        p = p - 0.05 * (x - MEAN) @ PRECISION
    return x, p


def test_tempering_crosses_where_a_single_chain_stays() -> None:
    def modes(x: Tensor) -> Tensor:  # 0.3 of the mass at −4, 0.7 at 4, with nothing between
        return torch.logaddexp(
            math.log(0.3) - 8 * (x + 4).square().sum(1), math.log(0.7) - 8 * (x - 4).square().sum(1)
        )

    def walk(beta: float) -> Kernel:
        return random_walk(lambda x: beta * modes(x), scale=0.4 / beta**0.5)

    start = torch.full((64, 1), -4.0)
    alone = run(walk(1.0), start, Noise(0), 200)
    assert (alone.x < 0).all()
    ladder = tempering(lambda beta: lambda x: beta * modes(x), walk, [0.01, 0.03, 0.1, 0.3, 1.0])
    trace = run(ladder, start, Noise(0), 500)
    assert (trace.x[200:] > 0).double().mean().item() == pytest.approx(0.7, abs=0.05)
    assert trace.state.swap.shape == (64, 4)


def test_models_are_walked_on() -> None:
    model = Gaussian(Space((3,)))
    for walked in (density_of(model), geometric(density_of(model), density_of(model))(0.5)):
        x = run(hmc(walked, step_size=0.5, steps=4), torch.zeros(200, 3), Noise(0), 60).x[20:]
        assert x.var().item() == pytest.approx(1, rel=0.1)
    space = Space((3,))
    with pytest.raises(ValueError, match="bound"):
        density_of(VAE(space, None, GaussianAutoencoder.mlp(space, latent=1, hidden=[4])))


def test_a_constant_density_has_a_score_of_zero() -> None:
    assert not density(lambda x: torch.zeros(len(x))).score(torch.ones(2, 3)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: random_walk(gaussian, scale=0.0), "scale` must be positive"),
        (lambda: ula(gaussian, step_size=-1.0), "step_size` must be positive"),
        (lambda: mala(gaussian, step_size=math.inf), "step_size` must be positive and finite"),
        (lambda: hmc(gaussian, step_size=0.1, steps=0), "steps` must be at least 1"),
        (lambda: hmc(gaussian, step_size=0.1, steps=3, jitter=1.0), "jitter"),
        (lambda: hmc(gaussian, step_size=0.1, steps=3, inverse_mass=torch.zeros(3)), "inverse_mass"),
        (lambda: gibbs(bits(lambda sites, x: x), []), "needs blocks"),
        (lambda: gibbs(bits(lambda sites, x: x), singles(2), scan="zigzag"), "scan"),
        (lambda: colors(3, torch.tensor([[0, 3]])), "two unlike sites"),
        (lambda: colors(3, torch.tensor([[1, 1]])), "two unlike sites"),
        (lambda: tempering(powered, lambda beta: random_walk(powered(beta), scale=1.0), [1.0, 0.5]), "rise"),
        (lambda: density(lambda x: x).log_prob(torch.zeros(4, 2)), "one number for each of the 4 chains"),
    ],
)
def test_bad_input_is_refused(make: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_density_that_is_nowhere_a_number_moves_no_chain() -> None:
    x = exact(5)
    trace = run(hmc(lambda x: x.sum(1) * math.nan, step_size=0.1, steps=2), x, Noise(0), 3)
    assert torch.equal(trace.state.x, x)
    assert not trace.accept.any()
