"""Recipes of two stages: an autoencoder, then a model of its latents in the prior's place."""

from typing import TYPE_CHECKING, cast

from genzoo.core.space import Space
from genzoo.zoo.autoencoders import vae
from genzoo.zoo.diffusion import COMPARED, flow_matching
from genzoo.zoo.flows import realnvp
from genzoo.zoo.recipe import NATS, Amount, Count, DropGiven, GivenSpaceLike, Recipe, Size, recipe, unconditional

if TYPE_CHECKING:
    from collections.abc import Callable

    from genzoo.core.model import GenerativeModel

__all__ = ["latent_diffusion", "latent_flow"]


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "loss", "condition"),
    paper="Dai & Wipf, 2019, Diagnosing and enhancing VAE models, arXiv:1903.05789",
    sampling=("noise", "temperature"),
    loss=f"stage 1: −(bound on log p), {NATS}; stage 2: −log p of codes, nats/row",
)
def latent_flow(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Count | None = None,
    beta: Amount = 1.0,
    depth: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose prior is then replaced by a RealNVP of its latents.

    The autoencoder is unconditional; the condition, if there is one, is the flow's.

    Args:
        size: As in `vae` and `realnvp`.
        latent: The length of z; by default as size says.
        beta: The weight of the rate in stage one.
        depth: The flow's couplings; by default as size says.
    """
    first = vae(space, None, size=size, latent=latent, beta=beta)

    def prior(latents: Space) -> Recipe:
        return realnvp(latents, given_space, size=size, net="mlp", depth=depth, drop_given=drop_given)

    return first._replace(then=lambda model: over(model, prior), sees=unconditional)


@recipe(
    family="latent",
    likelihood="bound",
    can=("sample", "log_prob", "encode", "decode", "latent", "score", "denoise", "loss", "condition"),
    paper="Rombach et al., 2022, High-resolution image synthesis with latent diffusion models, arXiv:2112.10752",
    compared=COMPARED,
    sampling=("noise", "steps", "calls", "sampler", "guidance"),
    loss=f"stage 1: −(bound on log p), {NATS}; stage 2: squared error of the velocity, the mean over entries",
)
def latent_diffusion(
    space: Space,
    given_space: GivenSpaceLike = None,
    *,
    size: Size = "small",
    latent: Count | None = None,
    beta: Amount = 1.0,
    width: Count | None = None,
    drop_given: DropGiven = 0.1,
) -> Recipe:
    """A variational autoencoder whose prior is then replaced by flow matching in its latents.

    The autoencoder is unconditional; the condition, if there is one, is the diffusion's, and so is guidance.

    Args:
        size: As in `vae` and `flow_matching`.
        latent: The length of z; by default as size says.
        beta: The weight of the rate in stage one.
        width: Units of the denoiser's hidden layers; by default as size says.
    """
    first = vae(space, None, size=size, latent=latent, beta=beta)

    def prior(latents: Space) -> Recipe:
        return flow_matching(latents, given_space, size=size, net="mlp", width=width, drop_given=drop_given)

    return first._replace(then=lambda model: over(model, prior), sees=unconditional)


def over(model: "GenerativeModel", prior: "Callable[[Space], Recipe]") -> Recipe:
    """The second stage over a trained autoencoder: a latent model, in standard units if the first was.

    Args:
        model: A VAE, or one in standard units.
        prior: Makes the recipe of a prior over the latents.
    """
    from genzoo.models.autoencoders import VAE
    from genzoo.models.latent import LatentModel
    from genzoo.models.standardized import Standardized

    inner = model.model if isinstance(model, Standardized) else model
    if not isinstance(inner, VAE):
        raise TypeError(f"Stage one must be a VAE, got {type(inner).__name__}.")
    built = prior(inner.autoencoder.latent)
    latent = LatentModel(inner.space, inner.autoencoder, cast("GenerativeModel", built.model))
    return Recipe(Standardized(latent) if isinstance(model, Standardized) else latent, built.config)
