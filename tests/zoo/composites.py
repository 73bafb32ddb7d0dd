"""Models made of models: their tiny instances."""

from collections.abc import Callable

import torch

from genzoo.core import GenerativeModel, GivenSpaceLike, Space
from genzoo.models import Joint, LatentModel
from genzoo.models.autoencoders import GaussianAutoencoder
from genzoo.models.representation import (
    CodeAutoencoder,
    PointAutoencoder,
)
from tests.zoo.adversarial import wgan
from tests.zoo.autoencoders import vae
from tests.zoo.classical import mixture
from tests.zoo.diffusion import diffusion
from tests.zoo.entry import BITS, BOUND, BYTES, LABEL, NONE, REALS, Entry


def joint(space: Space, first: Space, second: Space, given: GivenSpaceLike) -> Joint:
    rule = {"a": first} if given is None else {"a": first, "given": given}
    return Joint(space, vae(first, given), vae(second, rule), range(first.dims))


def latent(space: Space, prior: Callable[[Space], GenerativeModel]) -> LatentModel:
    both = GaussianAutoencoder.mlp(space, latent=2, hidden=[16])
    with torch.no_grad():
        for parameter in both.encoder.parameters():
            parameter.mul_(2)  # so that latents are far from the prior's start
    return LatentModel(space, both, prior(both.latent))


def coder(space: Space) -> PointAutoencoder:
    return PointAutoencoder(CodeAutoencoder.mlp(space, code=3, hidden=[16]))


COMPOSITES: dict[str, Entry] = {
    "latent/diffusion": Entry(lambda: latent(BYTES, diffusion), BOUND, "encode decode latent denoise", rounds=15),
    "joint": Entry(lambda: joint(REALS, Space((2,)), Space((1,)), None), BOUND, "score latent", rounds=15),
    "joint/given": Entry(
        lambda: joint(BITS, Space((8,), levels=2), Space((2, 4), levels=2), LABEL), BOUND, "latent condition"
    ),
    "latent/gaussian_mixture": Entry(
        lambda: latent(BITS, lambda z: mixture(z)), BOUND, "encode decode latent direct_fit"
    ),
    "latent/vae": Entry(lambda: latent(BYTES, vae), BOUND, "encode decode latent"),
    "latent/wgan_gp/given": Entry(
        lambda: latent(REALS, lambda z: wgan(z, LABEL)), NONE, "sample encode decode latent condition", rounds=15
    ),
    "latent/autoencoder": Entry(
        lambda: LatentModel(BYTES, coder(BYTES), mixture(Space((3,)))),
        NONE,
        "sample encode decode latent loss direct_fit",
    ),
}
