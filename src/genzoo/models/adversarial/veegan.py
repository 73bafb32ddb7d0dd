"""VEEGAN: a generator that can be undone.

A reconstructor learns to find the latent of a sample again. Where the generator sends all latents to few places it
cannot; and where it is asked for the latents of data that the generator leaves out, they do not look like N(0, I),
which the critic of pairs sees.
"""

from jaxtyping import Float
from torch import Tensor

from genzoo.core.game import Batch
from genzoo.core.given import Given
from genzoo.models.adversarial.ali import Paired

__all__ = ["VEEGAN"]


class VEEGAN(Paired):
    """A GAN with a reconstructor F: the generator and F lower

    $$ L = -\\mathbb E D(G(z), z) + \\mathbb E \\|z - F(G(z))\\|^2, $$

    F the second part alone, while the critic D tells pairs (x, F(x)) of data from pairs (G(z), z).

    Args:
        space: What one x is.
        given_space: What the networks are conditioned on, if anything.
        generator: G, called as generator(z, given); as many numbers as x has entries.
        encoder: F, called as encoder(x, given); a latent a row.
        critic: D, called as critic(pair, given) with the entries of x, then z, in one row; one number a row.
        rules: How they play.
        latent: The length of z.
        drop_given: The share of conditions dropped in training, so that the null condition can be asked for.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.adversarial import Rules
        >>> from genzoo.nn import MLP
        >>> model = VEEGAN(Space((2,)), None, MLP(4, [32], 2), MLP(2, [32], 4), MLP(6, [32], 1), Rules(), latent=4)
        >>> [player.name for player in model.players()], model.can("encode")
        (['critic', 'generator'], True)

    References:
        Srivastava, Valkov, Russell, Gutmann & Sutton, 2017, "VEEGAN: reducing mode collapse in GANs using implicit
        variational learning", arXiv:1705.07761 (Algorithm 1)
    """

    def inferred(self, x: Float[Tensor, "B *event"], batch: Batch, given: Given) -> Float[Tensor, "B latent"]:
        code: Tensor = self.encoder(x, given or None)
        return code

    def generator_loss(self, batch: Batch) -> dict[str, Tensor]:
        given, z = self.training_given(batch), self.latent_of(batch)
        pairs = self.fake(batch, given)
        x = pairs[:, : -self.latent].reshape(len(z), *self.space.shape)
        lost = (z - self.encoder(x, given or None)).square().sum(1).mean()
        return {"loss": lost - self.said(self.packed(pairs), given).mean(), "lost": lost}
