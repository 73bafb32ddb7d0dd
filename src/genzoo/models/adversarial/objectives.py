"""Objectives: what the critic and the generator lower, from what the critic says of data and of samples.

A critic says one number of a row, or one of each of its patches, large for data: r of data, f of samples. An objective
is a pair of losses of these numbers, and nothing else; what holds the critic stands in
`genzoo.models.adversarial.penalties`.
"""

import abc

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

__all__ = ["Hinge", "LeastSquares", "Minimax", "NonSaturating", "Objective", "Relativistic", "Wasserstein"]

Said = Float[Tensor, "B patches"]
Value = Float[Tensor, ""]


class Objective(abc.ABC):
    """What each side lowers.

    Attributes:
        paired: Whether the generator's loss needs what is said of data, too.
        absolute: Whether the sign of what is said means something, or differences alone do.

    Example:
        >>> import torch
        >>> r, f = torch.ones(4, 1), torch.zeros(4, 1)
        >>> [round(each().against(r, f)["loss"].item(), 3) for each in (NonSaturating, LeastSquares, Wasserstein)]
        [1.006, 0.0, -1.0]
    """

    paired: bool = False
    absolute: bool = True

    @abc.abstractmethod
    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        """What the critic lowers, as "loss"; the rest is logged."""

    @abc.abstractmethod
    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        """What the generator lowers."""


class NonSaturating(Objective):
    """The critic as a classifier, and a generator that raises the log-odds of its samples,

    $$ L_D = -\\mathbb E \\log \\sigma(r) - \\mathbb E \\log(1 - \\sigma(f)), \\qquad
       L_G = -\\mathbb E \\log \\sigma(f). $$

    The best critic says the log-ratio of the densities, and then L_D is 2 log 2 less twice the Jensen–Shannon
    divergence. Where the critic is sure of a sample, the slope of L_G is −1.

    References:
        Goodfellow et al., 2014, "Generative adversarial networks", arXiv:1406.2661
    """

    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        real, fake = softplus(-of_real).mean(), softplus(of_fake).mean()
        return {"loss": real + fake, "real": (-real).exp().detach(), "fake": 1 - (-fake).exp().detach()}

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        return softplus(-of_fake).mean()


class Minimax(NonSaturating):
    """The game of one value, as the theory has it: the generator lowers what the critic raises,

    $$ L_G = \\mathbb E \\log(1 - \\sigma(f)). $$

    Its slope is −σ(f), which vanishes where the critic is sure.
    """

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        return -softplus(of_fake).mean()


class LeastSquares(Objective):
    """Data to one and samples to zero by squares, the generator's samples to one,

    $$ L_D = \\tfrac12 \\mathbb E (r - 1)^2 + \\tfrac12 \\mathbb E f^2, \\qquad
       L_G = \\tfrac12 \\mathbb E (f - 1)^2. $$

    References:
        Mao et al., 2017, "Least squares generative adversarial networks", arXiv:1611.04076
    """

    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        loss = ((of_real - 1).square().mean() + of_fake.square().mean()) / 2
        return {"loss": loss, "real": of_real.mean().detach(), "fake": of_fake.mean().detach()}

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        return (of_fake - 1).square().mean() / 2


class Hinge(Objective):
    """A margin of one on either side, beyond which the critic rests,

    $$ L_D = \\mathbb E \\max(0, 1 - r) + \\mathbb E \\max(0, 1 + f), \\qquad L_G = -\\mathbb E f. $$

    References:
        Lim & Ye, 2017, "Geometric GAN", arXiv:1705.02894
        Miyato, Kataoka, Koyama & Yoshida, 2018, "Spectral normalization for generative adversarial networks",
        arXiv:1802.05957
    """

    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        loss = (1 - of_real).relu().mean() + (1 + of_fake).relu().mean()
        return {"loss": loss, "real": of_real.mean().detach(), "fake": of_fake.mean().detach()}

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        return -of_fake.mean()


class Wasserstein(Objective):
    """The difference in mean, which a critic of slope one makes the Wasserstein distance,

    $$ L_D = \\mathbb E f - \\mathbb E r, \\qquad L_G = -\\mathbb E f. $$

    References:
        Arjovsky, Chintala & Bottou, 2017, "Wasserstein GAN", arXiv:1701.07875
    """

    absolute = False

    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        distance = of_real.mean() - of_fake.mean()
        return {"loss": -distance, "distance": distance.detach()}

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        return -of_fake.mean()


class Relativistic(Objective):
    """Each row of data against the sample beside it, and the other way around,

    $$ L_D = -\\mathbb E \\log \\sigma(r - f), \\qquad L_G = -\\mathbb E \\log \\sigma(f - r). $$

    A generator that has left a mode out is told so by the rows there, for every row of data stands in its loss: the
    game has no basins in which it collapses.

    References:
        Jolicoeur-Martineau, 2018, "The relativistic discriminator", arXiv:1807.00734
        Sun, Fang & Schwing, 2020, "Towards a better global loss landscape of GANs", arXiv:2011.04926
    """

    paired = True
    absolute = False

    def against(self, of_real: Said, of_fake: Said) -> dict[str, Tensor]:
        ahead = of_real - of_fake
        return {"loss": softplus(-ahead).mean(), "ahead": (ahead.detach() > 0).to(ahead.dtype).mean()}

    def toward(self, of_fake: Said, of_real: Said | None = None) -> Value:
        if of_real is None:
            raise ValueError("A relativistic loss compares samples with data, got samples alone. Pass of_real, too.")
        return softplus(of_real - of_fake).mean()
