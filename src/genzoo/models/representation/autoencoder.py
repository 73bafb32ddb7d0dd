"""Autoencoders without a distribution: an encoder guesses the code, a decoder makes x from it.

With linear maps and squared errors the best pair projects on the principal components: the code may be turned and
stretched, the subspace is PCA's.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch
from genzoo.core.space import Space
from genzoo.models.representation.losses import Loss
from genzoo.models.representation.representation import Representation
from genzoo.nn.mlp import MLP

__all__ = ["CodeAutoencoder"]


class CodeAutoencoder(Representation):
    """z = f(x), x̂ = g(z), and the mean over rows of $\\sum_d \\rho(x_d - \\hat x_d)$ is lowered.

    Args:
        space: What one x is.
        encoder: From D numbers to K.
        decoder: From K numbers to D.
        code: K.
        loss: ρ; squared by default.

    Example:
        >>> import torch
        >>> model = CodeAutoencoder.mlp(Space((1, 8, 8), levels=17), code=3, hidden=[32])
        >>> x = model.decode(model.encode(torch.zeros(5, 1, 8, 8, dtype=torch.uint8)))
        >>> x.shape
        torch.Size([5, 1, 8, 8])

    References:
        Baldi & Hornik, 1989, "Neural networks and principal component analysis: learning from examples without local
        minima"
        Hinton & Salakhutdinov, 2006, "Reducing the dimensionality of data with neural networks"
    """

    def __init__(
        self, space: Space, encoder: nn.Module, decoder: nn.Module, *, code: int, loss: Loss | None = None
    ) -> None:
        super().__init__(space, code=code, loss=loss)
        self.encoder, self.decoder = encoder, decoder

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.encoder(y)

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return self.decoder(z)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        y = self.numbers_in(batch)
        return self.distortion(y, self.codes(y)).mean()

    @classmethod
    def linear(cls, space: Space, *, code: int, loss: Loss | None = None) -> "CodeAutoencoder":
        """With one linear map each way, and offsets.

        Args:
            space: What one x is.
            code: K.
            loss: ρ; squared by default.
        """
        return cls(space, nn.Linear(space.dims, code), nn.Linear(code, space.dims), code=code, loss=loss)

    @classmethod
    def mlp(
        cls, space: Space, *, code: int, hidden: Sequence[int] = (256, 256), loss: Loss | None = None
    ) -> "CodeAutoencoder":
        """With multilayer perceptrons.

        Args:
            space: What one x is.
            code: K.
            hidden: The widths of the encoder's hidden layers; the decoder has them the other way round.
            loss: ρ; squared by default.
        """
        encoder, decoder = MLP(space.dims, hidden, code), MLP(code, hidden[::-1], space.dims)
        return cls(space, encoder, decoder, code=code, loss=loss)
