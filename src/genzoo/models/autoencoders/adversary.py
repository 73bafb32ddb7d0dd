"""A critic beside an autoencoder, for what it decodes to look like data where a likelihood is content with a blur."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Adversary", "Game"]


@runtime_checkable
class Game(Protocol):
    """What the critic and the autoencoder lower, as `genzoo.models.adversarial.Objective` has it."""

    def against(self, of_real: Tensor, of_fake: Tensor) -> dict[str, Tensor]:
        """What the critic lowers, as "loss"; the rest is logged."""

    def toward(self, of_fake: Tensor, of_real: Tensor | None = None) -> Tensor:
        """What lowers the autoencoder's part."""


@runtime_checkable
class Seeing(Protocol):
    """A critic that shows its layers."""

    def features(self, x: Tensor) -> list[Tensor]:
        """What is seen of images, layer after layer."""

    def verdict(self, seen: Tensor) -> Tensor:
        """What is said of their patches."""


class Adversary(nn.Module):
    """A critic D of patches, and what an autoencoder lowers before it: the game, and how far what D's layers see of
    $\\hat x$ is from what they see of x,

    $$ L = L_{rec} + \\lambda w \\Bigl(L_{adv}(D(\\hat x)) + \\phi \\sum_l \\overline{|D_l(\\hat x) - D_l(x)|}\\Bigr),
       \\qquad w = \\frac{\\|\\partial L_{rec} / \\partial h\\|}{\\|\\partial (\\ldots) / \\partial h\\|}, $$

    h being what the decoder says, so that λ is how much the two count of each other, whatever their units.

    Args:
        critic: D, with `features` and `verdict`, as `genzoo.nn.PatchCritic` has them.
        game: What the two sides lower.
        weight: λ.
        features: φ.
        begins: The share of the training from which on the autoencoder lowers it; the critic learns from the first.

    Raises:
        ValueError: If a weight is negative, or it would never begin.

    References:
        Esser, Rombach & Ommer, 2021, "Taming transformers for high-resolution image synthesis", arXiv:2012.09841
        Larsen, Sønderby, Larochelle & Winther, 2016, "Autoencoding beyond pixels using a learned similarity metric",
        arXiv:1512.09300 (the critic's layers)
    """

    def __init__(
        self, critic: nn.Module, game: Game, *, weight: float = 0.5, features: float = 1.0, begins: float = 0.2
    ) -> None:
        super().__init__()
        if weight < 0 or features < 0 or not 0 <= begins < 1:
            raise ValueError(
                "An adversary must have weights of at least 0, and begin within the training, got "
                f"weight={weight:g}, features={features:g}, begins={begins:g}. Set 0.5, 1 and 0.2."
            )
        self.critic, self.game = critic, game
        self.weight, self.features, self.begins = weight, features, begins

    def against(self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"]) -> dict[str, Tensor]:
        """What the critic lowers: rows, and what the autoencoder makes of them, as networks see both."""
        return self.game.against(self.critic(x), self.critic(made))

    def toward(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], reconstruction: Tensor, said: Tensor
    ) -> dict[str, Tensor]:
        """What the autoencoder lowers beside L_rec, as "loss"; the rest is logged.

        Args:
            x: Rows.
            made: What it makes of them.
            reconstruction: L_rec.
            said: h.
        """
        critic: Seeing = self.critic  # type: ignore[assignment]
        of_made = critic.features(made)
        with torch.no_grad():
            of_rows = critic.features(x)
        far = torch.stack([(a - b).abs().mean() for a, b in zip(of_made, of_rows, strict=True)]).sum()
        game = self.game.toward(critic.verdict(of_made[-1]), critic.verdict(of_rows[-1]))
        loss = game + self.features * far
        count = self.weight * _ratio(reconstruction, loss, said)
        return {"loss": count * loss, "game": game.detach(), "features": far.detach()}


def _ratio(reconstruction: Tensor, loss: Tensor, said: Tensor) -> Tensor:
    """w."""
    first, second = (torch.autograd.grad(each, said, retain_graph=True)[0] for each in (reconstruction, loss))
    return (first.norm() / second.norm().clamp_min(1e-12)).clamp_max(1e8)
