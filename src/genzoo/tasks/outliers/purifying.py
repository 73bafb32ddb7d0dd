"""Rows moved to where a model has more mass, nearby.

Over an order, one entry after the other moves to its most probable level within a radius of where it was,

$$ \\tilde x_i = \\arg\\max_{|v - x_i| \\le r} p(v \\mid \\tilde x_{<i}), $$

and what denoises buries x under noise up to a time and draws it anew from there, by q(x_s | x_t, x̂). Small changes
that an attack has made are undone so, and with them some of what the row was. It is no defence: an attacker who knows
of it attacks through it (Athalye et al.), which `python -m experiments.purified` measures beside.

References:
    Song, Kim, Nowozin, Ermon & Kushman, 2018, "PixelDefend: leveraging generative models to understand and defend
        against adversarial examples", arXiv:1710.10766
    Nie et al., 2022, "Diffusion models for adversarial purification", arXiv:2205.07460
    Athalye, Carlini & Wagner, 2018, "Obfuscated gradients give a false sense of security", arXiv:1802.00420
"""

import torch
from jaxtyping import Shaped
from torch import Tensor

from genzoo.core.abilities import Denoiser, Sequential
from genzoo.core.given import Given, GivenAsked
from genzoo.core.model import GenerativeModel, Unsupported, evaluating
from genzoo.core.noise import Noise
from genzoo.distributions.levels import flattened, unflattened
from genzoo.tasks.inverse.guided import Way

__all__ = ["purify"]

STEPS = 50  # from the last time to the data


def purify(
    model: GenerativeModel,
    x: Shaped[Tensor, "B *event"],
    given: GivenAsked = None,
    *,
    radius: int | None = None,
    log_snr: float | None = None,
    seed: int = 0,
) -> Shaped[Tensor, "B *event"]:
    """Rows as a model would rather have them.

    Args:
        model: A model of levels over an order, or one that denoises.
        x: Rows of its space.
        given: The model's condition.
        radius: Of a model over an order: how many levels an entry may move.
        log_snr: Of a model that denoises: log α²/σ² of the time up to which rows are buried; the higher, the less.
        seed: Names the noise; row i depends on it and on i alone.

    Raises:
        Unsupported: If the model is neither.
        ValueError: If there is no radius for the one, or no log_snr for the other.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.autoregressive import MADE
        >>> model = MADE(Space((4,), levels=8), width=16)
        >>> x = torch.tensor([[0, 7, 3, 3]]).byte()
        >>> (purify(model, x, radius=2).int() - x.int()).abs().max() <= 2, purify(model, x, radius=0).equal(x)
        (tensor(True), True)
    """
    x, rows = model.checked(x), model.checked_given(given, len(x))
    order, denoiser = model.ability(Sequential), model.ability(Denoiser)
    with torch.no_grad(), evaluating(model):
        if radius is not None and order is not None and not model.space.ragged:
            return _by_order(order, x, rows, radius)
        if log_snr is not None and denoiser is not None and tuple(denoiser.shape) == model.space.shape:
            return _by_noise(denoiser, x, rows, log_snr, Noise(seed, "purify", device=x.device))
    if order is None and denoiser is None:
        raise Unsupported(f"{type(model).__name__} must have an order of entries, or denoise, to purify rows.")
    needs = "`log_snr`, as 3.0" if denoiser is not None else "`radius`, as 8"
    raise ValueError(f"How far rows may move must be told {type(model).__name__} by {needs}, got none.")


def _by_order(order: Sequential, x: Tensor, given: Given, radius: int) -> Tensor:
    levels = torch.arange(order.symbols, device=x.device)
    state, moved = order.begin(len(x), given), list[Tensor]()
    for own in flattened(x, order.space).T:
        state = order.take(state, moved[-1]) if moved else state
        far = (levels - own[:, None]).abs() > radius
        moved.append(order.logits(state).masked_fill(far, -torch.inf).argmax(1))
    return unflattened(torch.stack(moved, 1), order.space)


def _by_noise(denoiser: Denoiser, x: Tensor, given: Given, log_snr: float, noise: Noise) -> Tensor:
    numbers = denoiser.numbers.of(x)
    way = Way(denoiser.schedule, STEPS, numbers)
    start = denoiser.schedule.time(torch.tensor(log_snr, dtype=torch.float64, device=x.device))
    first = int((way.t > start).sum())  # the first time of the way that is not beyond it
    first = min(first, len(way) - 1)
    alpha, sigma = way.alpha[first].to(numbers), way.sigma[first].to(numbers)
    x_t = alpha * numbers + sigma * noise.normal(*numbers.shape, dtype=numbers.dtype)
    before = numbers
    for k in range(first, len(way)):
        mean = denoiser.denoise(x_t, way.time(k), given)
        fresh = noise.at(k).normal(*numbers.shape, dtype=numbers.dtype)
        x_t = way.moved(k, x_t, mean, before if k > first else mean, fresh)
        before = mean
    return denoiser.numbers.back(x_t)
