"""What a model can be asked in a graph: samples, log-densities, codes, and a step of what takes many."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.artifacts.graph import Question, Rows
from genzoo.core.abilities import Denoiser, Sequential
from genzoo.core.given import Given
from genzoo.core.model import Capability, GenerativeModel
from genzoo.core.noise import Noise
from genzoo.distributions.levels import flattened
from genzoo.testing import conditions, rows

__all__ = ["NAMES", "questions"]

NAMES = ("sample", "log_prob", "encode", "decode", "logits", "denoise")


def questions(model: GenerativeModel, options: Mapping[str, Any]) -> Iterator[Question]:
    """All that a model can be asked.

    Args:
        model: The model, in eval mode.
        options: Those of sampling.
    """
    given, about = functools.partial(some_conditions, model), functools.partial(some_rows, model)
    if model.can(Capability.SAMPLE):
        draw, front = functools.partial(_draw, dict(options)), functools.partial(_sample, dict(options))
        yield Question("sample", lambda n, seed: {}, given, draw, front)
    if model.can(Capability.LOG_PROB):
        yield Question("log_prob", about, given, _log_density, _log_prob, functools.partial(far_rows, model))
    if model.can(Capability.ENCODE):
        yield Question("encode", about, given, lambda m, n, asked, g, z: m.encode(asked["x"], g or None))
    if model.can(Capability.DECODE):
        codes = functools.partial(some_codes, model)
        yield Question("decode", codes, given, lambda m, n, asked, g, z: m.decode(asked["z"], g or None))
    if model.can(Capability.STEP):
        yield Question("logits", about, given, _logits)
    if (denoiser := model.ability(Denoiser)) is not None:
        places = functools.partial(some_places, denoiser)
        yield Question("denoise", places, given, _denoise)


def some_rows(model: GenerativeModel, n: int, seed: int) -> Rows:
    """Rows to ask about, in the model's precision."""
    suitable = rows(model.space, n, f"rows {seed}")
    if model.space.columns is not None:
        suitable = _in_columns(model, suitable)
    dtype = model.dtype if model.space.dtype == "float32" else getattr(torch, model.space.dtype)
    return {"x": suitable.to(dtype)}


def some_conditions(model: GenerativeModel, n: int, seed: int) -> Given:
    """Conditions to ask for, none of them null."""
    found = conditions(model.given_space, n + 7 * seed)
    return model.checked_given({name: rows[7 * seed :] for name, rows in found.items()} or None, n)


def some_codes(model: GenerativeModel, n: int, seed: int) -> Rows:
    """Codes to ask about: those of rows."""
    with torch.no_grad():
        return {"z": model.encode(some_rows(model, n, seed)["x"], some_conditions(model, n, seed) or None)}


def some_places(denoiser: Denoiser, n: int, seed: int) -> Rows:
    """Noisy rows and their times."""
    noise, t_max = Noise(seed, "places"), float(denoiser.schedule.t_max)
    return {"x_t": noise.normal(n, *denoiser.shape), "t": (0.01 + 0.98 * noise.uniform(n)) * t_max}


def far_rows(model: GenerativeModel, n: int) -> Rows:
    """Rows as unlike data as can be: the least and the greatest levels, reals far out."""
    x = some_rows(model, n, 9)["x"]
    if not model.space.is_discrete:
        return {"x": x * 30 if model.space.columns is None else x}
    low, odd = torch.zeros_like(x), (torch.arange(n) % 2 == 1).reshape(-1, *[1] * (x.ndim - 1))
    high = torch.full_like(x, (model.space.levels or 1) - 1) if model.space.columns is None else x
    return {"x": torch.where(odd, high, low)}


def _sample(
    options: Mapping[str, Any], model: GenerativeModel, n: int, asked: Rows, given: Given, seed: int, start: int
) -> Tensor:
    return model.sample(n, given or None, seed=seed, start=start, **options)


def _log_density(model: GenerativeModel, n: int, asked: Rows, given: Given, noise: Noise) -> Tensor:
    return model.log_density(asked["x"], given, noise)


def _log_prob(model: GenerativeModel, n: int, asked: Rows, given: Given, seed: int, start: int) -> Tensor:
    return model.log_prob(asked["x"], given or None, seed=seed, start=start)


def _draw(
    options: Mapping[str, Any], model: GenerativeModel, n: int, asked: Rows, given: Given, noise: Noise
) -> Tensor:
    return model.draw(n, given, noise, **options)


def _logits(model: GenerativeModel, n: int, asked: Rows, given: Given, noise: Noise) -> Float[Tensor, "n D symbols"]:
    """log p(x_t | x_<t) of every symbol at every place, the symbols of a row being given."""
    chain = model.able(Sequential)
    tokens, state, said = flattened(asked["x"], chain.space), chain.begin(n, given), []
    for t in range(tokens.shape[1]):
        said.append(chain.logits(state).log_softmax(-1))
        if t + 1 < tokens.shape[1]:
            state = chain.take(state, tokens[:, t])
    return torch.stack(said, dim=1)


def _denoise(model: GenerativeModel, n: int, asked: Rows, given: Given, noise: Noise) -> Tensor:
    return model.able(Denoiser).denoise(asked["x_t"], asked["t"], given)


def _in_columns(model: GenerativeModel, x: Tensor) -> Tensor:
    """Rows with values that their columns have."""
    columns = model.space.columns or ()
    kept = [
        x[:, d].double() if column.levels is None and not column.is_discrete
        else x[:, d].abs().long().remainder(column.levels or 10).double()
        for d, column in enumerate(columns)
    ]  # fmt: skip
    return torch.stack(kept, 1)
