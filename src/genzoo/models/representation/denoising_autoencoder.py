"""Autoencoders that remove noise: x is to be made of a corrupted x̃.

With squared errors the best that can be made of x̃ is the mean of what it may come from, $r(\\tilde x) =
\\mathbb E[x \\mid \\tilde x]$. Where the corruption is Gaussian noise this mean tells the score of the noisy data
(Tweedie's formula), with $p_\\sigma = p * N(0, \\sigma^2 I)$:

$$ \\frac{r(\\tilde x) - \\tilde x}{\\sigma^2} = \\nabla \\log p_\\sigma(\\tilde x). $$

It is the score of data with noise, not of data: as σ falls it comes near to that of the data, and is harder to learn.
"""

from collections.abc import Sequence

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch
from genzoo.core.given import RowsAsked
from genzoo.core.space import Space
from genzoo.distributions.levels import Numbers
from genzoo.models.representation.corruptions import Corruption, GaussianNoise
from genzoo.models.representation.losses import Loss
from genzoo.models.representation.representation import Representation
from genzoo.nn.mlp import MLP

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(Representation):
    """r(x̃) = g(f(x̃)), and the mean over rows and corruptions of $\\sum_d \\rho(x_d - r_d(\\tilde x))$ is lowered.

    The code may be longer than x: copying does not pay. A reconstruction by `encode` and `decode` is of x as it is.

    Args:
        space: What one x is.
        encoder: f, from D numbers to K.
        decoder: g, from K numbers to D.
        code: K.
        corruption: q(x̃ | x).
        loss: ρ; squared by default, with which r is a mean.

    Example:
        >>> import torch
        >>> model = DenoisingAutoencoder.mlp(Space((2,)), code=8, hidden=[16], corruption=GaussianNoise(0.3))
        >>> model.denoised(torch.zeros(5, 2)).shape, model.noisy_score(torch.zeros(5, 2)).shape
        (torch.Size([5, 2]), torch.Size([5, 2]))

    References:
        Vincent, Larochelle, Bengio & Manzagol, 2008, "Extracting and composing robust features with denoising
        autoencoders"
        Vincent, 2011, "A connection between score matching and denoising autoencoders"
        Efron, 2011, "Tweedie's formula and selection bias"
    """

    def __init__(
        self,
        space: Space,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        code: int,
        corruption: Corruption,
        loss: Loss | None = None,
    ) -> None:
        super().__init__(space, code=code, loss=loss)
        self.encoder, self.decoder, self.corruption = encoder, decoder, corruption

    def codes(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B K"]:
        return self.encoder(y)

    def image(self, z: Float[Tensor, "B K"]) -> Float[Tensor, "B D"]:
        return self.decoder(z)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        y = self.numbers_in(batch)
        return self.distortion(y, self.codes(self.corruption.of(y, batch.noise))).mean()

    def denoised(self, x: RowsAsked) -> Shaped[Tensor, "B *event"]:
        """r(x), for x that are corrupted already; over levels the nearest."""
        return self.decode(self.encode(x))

    def corrupted(self, batch: Batch) -> Shaped[Tensor, "B *event"]:
        """The rows of a batch as training shows them; over levels the nearest."""
        y = self.corruption.of(self.numbers_in(batch), batch.noise)
        return Numbers(self.space).back(y.reshape(len(y), *self.space.shape))

    def noisy_score(self, y: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """∇ log p_σ of rows as numbers, in the units that networks see, differentiable.

        Args:
            y: Rows with noise, as numbers.

        Raises:
            ValueError: If the corruption is not Gaussian noise, or errors are not squared.
        """
        if not isinstance(self.corruption, GaussianNoise) or self.rho.name != "squared":
            raise ValueError(
                f"A score needs Gaussian noise and squared errors, got {self.corruption} and {self.rho.name} errors. "
                "Train with corruption=GaussianNoise(0.5) and no other loss."
            )
        return (self.image(self.codes(y)) - y) / self.corruption.sigma**2

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, corruption={self.corruption}"

    @classmethod
    def mlp(
        cls,
        space: Space,
        *,
        code: int,
        corruption: Corruption,
        hidden: Sequence[int] = (256, 256),
        loss: Loss | None = None,
    ) -> "DenoisingAutoencoder":
        """With multilayer perceptrons.

        Args:
            space: What one x is.
            code: K.
            corruption: q(x̃ | x).
            hidden: The widths of the encoder's hidden layers; the decoder has them the other way round.
            loss: ρ; squared by default.
        """
        encoder, decoder = MLP(space.dims, hidden, code), MLP(code, hidden[::-1], space.dims)
        return cls(space, encoder, decoder, code=code, corruption=corruption, loss=loss)
