"""What is hidden behind x and can be drawn as it is: the component of a mixture, the path of a chain, hidden units."""

from collections.abc import Callable

from jaxtyping import Int, Shaped
from torch import Tensor

from genzoo.core.abilities import Ability
from genzoo.core.given import Given
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.abilities import Map, behind

__all__ = ["Causes"]

Draw = Callable[[Tensor, Given, Noise], Tensor]


class Causes(Ability):
    """Independent draws of what is hidden behind rows, z ~ p(z | x, given), where that law is known.

    Args:
        latent: What one z is; of symbols.
        draw: Called as draw(x, given, noise), a row of noise for each row.
        exact: Whether draws are of that law; where x is seen somewhere in its cell, they are given the place.

    Example:
        >>> import torch
        >>> from genzoo.models.classical import GaussianMixture
        >>> mixture = GaussianMixture(Space((2,)), components=3)
        >>> mixture.able(Causes).drawn_behind(torch.zeros(4, 2), {}, Noise(0)).shape
        torch.Size([4])
    """

    def __init__(self, latent: Space, draw: Draw, *, exact: bool = True) -> None:
        self.latent, self.exact, self._draw = latent, exact, draw

    def drawn_behind(self, x: Shaped[Tensor, "B *event"], given: Given, noise: Noise) -> Int[Tensor, "B *latent"]:
        """A draw for each row.

        Args:
            x: Rows.
            given: Their conditions.
            noise: A row for each.
        """
        return self._draw(x, given, noise)


@behind.register
def _(ability: Causes, before: Map) -> Causes:
    def draw(x: Tensor, given: Given, noise: Noise) -> Tensor:
        return ability.drawn_behind(*before.within(x, given), noise)

    return Causes(ability.latent, draw, exact=ability.exact and before.space.is_real)
