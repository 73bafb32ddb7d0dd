"""What a model is, a latent, a denoiser, conditionals over an order: asked of the instance, composed by wrappers."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Denoiser, GenerativeModel, Latent, Noise, Sequential, Space, Unsupported
from genzoo.distributions.levels import flattened
from genzoo.models import Dequantized, Joint, LatentModel, Standardized
from genzoo.models.choice import Choice
from genzoo.models.stepping import continued, entry_log_probs, stream
from tests.zoo import ZOO, ready
from tests.zoo.entry import batch

LATENT, DENOISER, SEQUENTIAL = (
    [name for name, entry in ZOO.items() if capability in entry.capabilities]
    for capability in ("latent", "denoise", "step")
)


def test_who_is_what() -> None:
    """Wrappers answer from their parts, so that no composition loses what its part is."""
    wrapped = [name for name in LATENT if name.startswith(("standardized", "dequantized", "latent", "joint"))]
    composed = {type(ready(name)) for name in wrapped if ready(name).able(Latent)}
    assert {Standardized, Dequantized, LatentModel, Joint} <= composed
    assert ready("gaussian").ability(Latent) is None
    with pytest.raises(Unsupported, match="cannot denoise"):
        ready("gaussian").able(Denoiser)
    with pytest.raises(Unsupported, match=r"has no Sequence of words"):
        ready("gaussian").able(type("Sequence of words", (Latent,), {}))


@pytest.mark.parametrize("name", LATENT)
def test_a_latent_is_drawn_scored_and_turned_into_data(name: str) -> None:
    model = ready(name)
    latent, given = model.able(Latent), model.checked_given(batch(model, 6).given, 6)
    with torch.no_grad():
        z = latent.draw(6, given, Noise(4))
        assert z.shape == (6, *latent.space.shape)
        assert latent.log_prior(z, given).shape == (6,)
        x = latent.numbers.back(latent.generate(z, given))
    assert model.checked(x).shape == (6, *model.space.shape)
    again = latent.draw(2, {key: rows[:2] for key, rows in given.items()}, Noise(4))
    assert torch.allclose(again, z[:2], atol=1e-6)
    if latent.space.is_discrete:
        return
    z = z.detach().requires_grad_()
    (slope,) = torch.autograd.grad(latent.generate(z, given).sum(), z)
    assert slope.isfinite().all()
    assert slope.abs().sum() > 0 or model.can("direct_fit")  # which says nothing before it is fitted


@pytest.mark.parametrize("name", [name for name in LATENT if "latent" not in name])
def test_numbers_are_between_data_and_what_networks_see(name: str) -> None:
    model = ready(name)
    numbers, x = model.able(Latent).numbers, batch(model, 5).x
    back = numbers.back(numbers.of(x))
    assert torch.allclose(back.double(), x.double(), atol=1e-4)
    assert back.dtype == x.dtype or not x.dtype.is_floating_point


@pytest.mark.parametrize("name", DENOISER)
def test_a_denoiser_answers_for_any_diffusion(name: str) -> None:
    model = ready(name)
    denoiser, given = model.able(Denoiser), model.checked_given(batch(model, 4).given, 4)
    x_t, t = denoiser.start(4, Noise(1)), torch.tensor(0.5)
    with torch.no_grad():
        mean = denoiser.denoise(x_t, t, given)
        assert mean.shape == x_t.shape == (4, *denoiser.shape)
        assert mean.isfinite().all()
        assert denoiser.seen(mean, given).shape == (4, *model.space.shape)
        alpha, sigma = denoiser.schedule(t)
        assert 0 <= alpha <= 1 or sigma > 0
    assert denoiser.numbers.of(batch(model, 4).x).shape == x_t.shape


@pytest.mark.parametrize("name", DENOISER)
def test_samples_take_another_denoiser(name: str) -> None:
    model, calls = ready(name), []

    def counted(denoise):
        def call(x_t: Tensor, t: Tensor, given: object) -> Tensor:
            calls.append(t)
            return denoise(x_t, t, given)

        return call

    def constant(denoise):
        return lambda x_t, t, given: torch.full_like(x_t, 0.25)

    given = batch(model, 3).given
    plain = model.sample(3, given, seed=0, steps=3, sampler="euler")
    assert torch.equal(model.sample(3, given, seed=0, steps=3, sampler="euler", wrap=counted), plain)
    assert len(calls) == 3
    denoiser = model.able(Denoiser)
    same = model.sample(3, given, seed=0, steps=3, sampler="euler", wrap=constant, **_shown(model))
    expected = denoiser.numbers.back(torch.full((3, *denoiser.shape), 0.25))
    assert torch.allclose(same.double(), expected.double(), atol=1e-4)


@pytest.mark.parametrize("name", DENOISER)
def test_what_is_measured_is_met(name: str) -> None:
    """An inverse problem by hand, through whatever stands around the diffusion: x̂ moves to the measurement."""
    model = ready(name)
    denoiser, given = model.able(Denoiser), batch(model, 8).given
    seen = denoiser.numbers.of(batch(model, 8).x)
    mask = torch.zeros(denoiser.shape).flatten()
    mask[: max(1, len(mask) // 2)] = 1
    mask = mask.reshape(denoiser.shape)

    def measured(denoise):
        return lambda x_t, t, given: torch.where(mask.bool(), seen.clamp(-1e3, 1e3), denoise(x_t, t, given))

    x = model.sample(8, given, seed=0, steps=4, sampler="euler", wrap=measured, **_shown(model))
    if not isinstance(model, LatentModel):
        off = (denoiser.numbers.of(x) - seen).abs() * mask
        assert off.max() < 1e-3 if not model.space.is_discrete else off.max() < 0.6
    free = model.sample(8, given, seed=0, steps=4, sampler="euler", **_shown(model))
    assert not torch.equal(x, free)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_conditionals_multiply_to_the_mass(name: str) -> None:
    model = ready(name).double()
    chain, data = model.able(Sequential), batch(model, 5)
    given = _double(model.checked_given(data.given, 5))
    with torch.no_grad():
        found = entry_log_probs(chain, data.x, given).sum(1)
    assert torch.allclose(found, model.log_prob(data.x, given).detach(), atol=1e-5)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_streams_are_samples_and_prefixes_are_kept(name: str) -> None:
    model = ready(name).double()
    chain, given = model.able(Sequential), _double(model.checked_given(batch(model, 4).given, 4))
    with torch.no_grad():
        x = continued(chain, 4, given, noise=Noise(2))
        symbols = torch.stack(list(stream(chain, 4, given, noise=Noise(2))), dim=1)
        assert torch.equal(symbols, flattened(x, chain.space)[:, : symbols.shape[1]])
        begun = symbols[:, :1] % min(2, chain.symbols)
        longer = torch.stack(list(stream(chain, 4, given, noise=Noise(2), prefix=begun)), dim=1)
        assert torch.equal(longer[:, :1], begun)
        cold = continued(chain, 4, given, noise=Noise(7), choice=Choice(temperature=0.0))
        assert torch.equal(cold, continued(chain, 4, given, noise=Noise(8), choice=Choice(temperature=0.0)))


def _shown(model: GenerativeModel) -> dict[str, bool]:
    return {"noise": False} if "noise" in model.options("draw") else {}


def _double(given: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: rows.double() if rows.is_floating_point() else rows for name, rows in given.items()}


def test_a_nested_wrapper_denoises_in_raw_units() -> None:
    from genzoo.zoo import recipe_named

    model = recipe_named("flow_matching")(Space((4,)), None, width=16, depth=1).model
    x = 1000 + 10 * torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    from genzoo.core import Batch

    model.prepare([Batch(x)])
    denoiser = model.able(Denoiser)
    assert isinstance(model, Standardized)
    numbers = denoiser.numbers.of(x)
    assert numbers.mean().abs() < 0.01
    assert torch.allclose(denoiser.numbers.back(numbers), x, atol=1e-2)
