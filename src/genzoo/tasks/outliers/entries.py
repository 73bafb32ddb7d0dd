"""Which entries make a row strange.

Where a model knows the law of any entries, an entry's surprise is that of its value given all others,

$$ -\\log p(x_j \\mid x_{-j}) = \\log p(x_{-j}) - \\log p(x). $$

Conditionals over an order say −log p(x_j | x_{<j}); what denoises, by how much an entry is changed when a little
noise is taken away; a code that is smaller than a row, by how much its decoding is off. Surprises of different columns
are in different units, so each is held against calibration rows, as the −log of the chance of its upper tail.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from genzoo.core.abilities import Denoiser, Sequential
from genzoo.core.model import Unsupported
from genzoo.distributions.levels import flattened, unflattened
from genzoo.tasks.outliers.distances import Reconstruction
from genzoo.tasks.outliers.noised import Denoising
from genzoo.tasks.outliers.statistic import Drawn, Setting, Told
from genzoo.tasks.outliers.tails import Tails

__all__ = ["Strangeness", "surprise"]

TIME = 1.0  # log-SNR at which entries are found again


class Strangeness(NamedTuple):
    """How strange the entries of rows are.

    Attributes:
        by: What an entry was held against: "others", "those before", "noise" or "code".
        surprise: −log of the chance of each entry's surprise among calibration rows.
    """

    by: str
    surprise: Float[Tensor, "B *event"]


def surprise(setting: Setting, rows: Told, calibration: Told) -> Strangeness:
    """How strange each entry of rows is, held against calibration rows.

    Args:
        setting: The model.
        rows: The rows.
        calibration: Usual rows.

    Raises:
        Unsupported: If the model knows nothing of single entries.
    """
    by, number = _way(setting)
    usual, found = setting.of(calibration, number), setting.of(rows, number)
    told = torch.stack([Tails(a).surprise(b) for a, b in zip(usual.T, found.T, strict=True)], 1)
    return Strangeness(by, told.reshape(len(found), *setting.model.space.shape))


def _way(setting: Setting) -> tuple[str, Callable[[Drawn], Tensor]]:
    model = setting.model
    if model.can("missing") and model.can("log_prob") and len(model.space.shape) == 1:
        return "others", lambda rows: _given_others(setting, rows)
    if (order := model.ability(Sequential)) is not None and order.space == model.space and not model.space.ragged:
        return "those before", lambda rows: _given_before(setting, rows)
    if not Denoising().why_not(setting):
        return "noise", lambda rows: _found_again(setting, rows)
    if not Reconstruction().why_not(setting) and model.space.columns is None:
        return "code", lambda rows: _decoded(setting, rows)
    raise Unsupported(
        f"{type(model).__name__} knows nothing of single entries: models that marginalize do, those over an order, "
        "those that denoise, and those whose codes are smaller than rows."
    )


def _given_others(setting: Setting, rows: Drawn) -> Tensor:
    model, x = setting.model, rows.x
    given = rows.given or None
    whole = model.log_prob(x, given).double()
    parts = []
    for j in range(x.shape[1]):
        without = x.clone() if x.is_floating_point() else x.double()
        without[:, j] = torch.nan
        parts.append(model.log_prob(without, given).double() - whole)
    return torch.stack(parts, 1)


def _given_before(setting: Setting, rows: Drawn) -> Tensor:
    order = setting.model.able(Sequential)
    state, parts, x = order.begin(len(rows.x), rows.given), list[Tensor](), flattened(rows.x, setting.model.space)
    for i, symbol in enumerate(x.T):
        state = order.take(state, x[:, i - 1]) if i else state
        parts.append(-order.logits(state).double().log_softmax(1).gather(1, symbol[:, None])[:, 0])
    each = torch.stack(parts, 1)
    return unflattened(each, setting.model.space)


def _found_again(setting: Setting, rows: Drawn) -> Tensor:
    denoiser = setting.model.able(Denoiser)
    x = denoiser.numbers.of(rows.x)
    t = denoiser.schedule.time(torch.tensor(TIME, dtype=torch.float64, device=x.device))
    alpha, sigma = (part.to(x) for part in denoiser.schedule(t))
    return (denoiser.denoise(alpha * x, t.to(x), rows.given) - x).square().flatten(1) / sigma.square()


def _decoded(setting: Setting, rows: Drawn) -> Tensor:
    given = rows.given or None
    again = setting.model.decode(setting.model.encode(rows.x, given), given)
    return (rows.x.double() - again.double()).square().flatten(1)
