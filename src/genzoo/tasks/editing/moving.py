"""Rows moved along what sets others apart: what two groups of rows differ by, in a latent, is added to a third's.

$$ v = \\frac1m \\sum_{j} z(b_j) - \\frac1n \\sum_{i} z(a_i), \\qquad x \\mapsto G\\big(z(x) + \\lambda\\, v\\big). $$

References:
    Larsen, Sønderby, Larochelle & Winther, 2016, "Autoencoding beyond pixels using a learned similarity metric",
        arXiv:1512.09300 (vectors of attributes)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core import Given, GivenAsked, Latent
from genzoo.core.given import RowsAsked
from genzoo.core.model import Capability, GenerativeModel, Unsupported, evaluating
from genzoo.data.data import fingerprint
from genzoo.tasks.latents import invert

__all__ = ["Shift", "moved", "shift"]


@dataclass(frozen=True)
class Shift:
    """What sets two groups of rows apart in the latent of a model.

    Attributes:
        way: From the mean latent of the one to that of the other.
        spread: How far the two means lie apart, in standard deviations of the groups along the way: below one the
            groups overlap, and so will what is moved.
        of: The fingerprint of the model, in whose latent alone the way means something.
    """

    way: Float[Tensor, "*latent"]
    spread: float
    of: str


def shift(
    model: GenerativeModel,
    a: RowsAsked,
    b: RowsAsked,
    *,
    given: GivenAsked = None,
    given_b: GivenAsked = None,
) -> Shift:
    """The way from one group of rows to another.

    Args:
        model: A model with an encoder, or a latent that is searched.
        a: Rows that lack something.
        b: Rows that have it.
        given: The condition of the first.
        given_b: The condition of the others.

    Raises:
        ValueError: If a group has fewer than two rows, or both are alike.
        Unsupported: If the model has no latent of reals.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> model = PPCA(Space((2,)), rank=2).double()
        >>> model.loadings.copy_(torch.eye(2))
        tensor([[1., 0.],
                [0., 1.]], dtype=torch.float64)
        >>> a = torch.tensor([[0.0, 0.0], [0.0, 1.0]]).double()
        >>> shift(model, a, a + torch.tensor([4.0, 0.0])).way.tolist()  # its encoder halves what it sees
        [2.0, 0.0]
    """
    with torch.no_grad(), evaluating(model):
        one, other = (_latents(model, rows, told) for rows, told in ((a, given), (b, given_b)))
    if min(len(one), len(other)) < 2:
        raise ValueError(
            f"A way leads from two rows or more to two or more, got {len(one)} and {len(other)}. Add some."
        )
    way = other.mean(0) - one.mean(0)
    length = way.norm().item()
    if not length > 0:
        raise ValueError("Two groups must differ, got means that are the same. Take rows that have it, and others.")
    along = [(part - part.mean(0)).flatten(1) @ (way / length).flatten() for part in (one, other)]
    spread = torch.cat(along).std().item()
    return Shift(way, length / spread if spread > 0 else torch.inf, _named(model))


def moved(
    model: GenerativeModel, x: RowsAsked, by: Shift, amount: float = 1.0, *, given: GivenAsked = None
) -> Shaped[Tensor, "B *event"]:
    """Rows moved in the latent: by 0 they are what their latents decode to, by 1 as far on as the groups are apart.

    Args:
        model: The model that the way was found in.
        x: Rows.
        by: The way.
        amount: λ.
        given: The condition of the rows.

    Raises:
        ValueError: If the way is another model's, or the amount no finite number.
        Unsupported: If the model has no latent of reals.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.classical import PPCA
        >>> model = PPCA(Space((2,)), rank=1)
        >>> moved(model, torch.zeros(1, 2), Shift(torch.ones(1), 1.0, "another's"))
        Traceback (most recent call last):
        ValueError: A way must be of the model that is to go it, got one of another...
    """
    if by.of != _named(model):
        raise ValueError(
            "A way must be of the model that is to go it, got one of another, or of other weights: latents mean what "
            "their model makes of them. Find it again by `shift`."
        )
    if not abs(amount) < torch.inf:
        raise ValueError(f"`amount` must be a finite number, got {amount}. Take 1.")
    rows = model.checked(x)
    told = model.checked_given(given, len(rows))
    with torch.no_grad(), evaluating(model):
        z = _latents(model, rows, told)
        latent = model.ability(Latent)
        if model.can(Capability.DECODE):
            return model.decode(z + amount * by.way.to(z), told or None)
        assert latent is not None
        return latent.numbers.back(latent.generate(z + amount * by.way.to(z), told))


def _latents(model: GenerativeModel, x: RowsAsked, given: GivenAsked | Given) -> Tensor:
    """The latents of rows, an encoder's or the nearest that a search finds."""
    rows = model.checked(x)
    told, latent = model.checked_given(given, len(rows)), model.ability(Latent)
    if latent is None or not latent.space.is_real:
        raise Unsupported(
            f"Moving needs a latent of reals, got {type(model).__name__}, which has none. Take an autoencoder, a "
            "flow, a GAN or a diffusion."
        )
    if model.can(Capability.ENCODE):
        z: Tensor = model.encode(rows, told or None)
        return z
    return invert(latent, rows, told).z


def _named(model: GenerativeModel) -> str:
    """What tells one model's weights from another's."""
    return fingerprint(dict(model.state_dict()))
