"""Any model as the prior of any autoencoder: a matrix, of which every pair of choices is tried."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from genzoo.core import Autoencoder, Capability, GenerativeModel, GivenSpaceLike, Likelihood, Noise, Space
from genzoo.models import LatentModel, Standardized
from genzoo.models.autoencoders import GaussianAutoencoder
from genzoo.models.representation import CodeAutoencoder, PointAutoencoder
from genzoo.testing import Subject, check
from tests.cover import pairwise
from tests.zoo import STILL
from tests.zoo.adversarial import wgan
from tests.zoo.autoencoders import vae, vq_vae
from tests.zoo.autoregressive import gpt, made
from tests.zoo.classical import mixture
from tests.zoo.diffusion import diffusion
from tests.zoo.entry import BITS, BYTES, LABEL, REALS, batch, stirred
from tests.zoo.flows import flow

Prior = Callable[[Space, GivenSpaceLike], GenerativeModel]
OF_REALS: dict[str, Prior] = {"mixture": mixture, "flow": flow, "diffusion": diffusion, "vae": vae, "wgan": wgan}
OF_CODES: dict[str, Prior] = {"gpt": gpt, "made": made, "vae": vae}
AUTOENCODERS: dict[str, Callable[[Space], Autoencoder]] = {
    "gaussian": lambda space: GaussianAutoencoder.mlp(space, latent=2, hidden=[8]),
    "point": lambda space: PointAutoencoder(CodeAutoencoder.mlp(space, code=2, hidden=[8])),
    "codes": lambda space: vq_vae(space).autoencoder,
}
SPACES = {"bytes": BYTES, "bits": BITS, "reals": REALS}
CASES = [
    (both, prior, space, given)
    for both, space, given in itertools.product(AUTOENCODERS, SPACES, (False, True))
    for prior in (OF_CODES if both == "codes" else OF_REALS)
    if both != "codes" or space != "reals"
]


def built(both: str, prior: str, space: str, given: bool) -> LatentModel:
    made_of = AUTOENCODERS[both](SPACES[space])
    priors = OF_CODES if both == "codes" else OF_REALS
    return LatentModel(SPACES[space], made_of, priors[prior](made_of.latent, LABEL if given else None))


@pytest.mark.parametrize("case", pairwise(CASES), ids=lambda case: "-".join(map(str, case)))
def test_every_prior_fits_every_autoencoder(case: tuple[str, str, str, bool]) -> None:
    model = built(*case)
    whole = Standardized(model) if case[2] == "reals" else model
    whole.prepare([batch(whole, 64)])
    stirred(whole).eval()
    assert check(replace(Subject.of(whole), still=STILL), "contract")
    own = Likelihood.BOUND if model.autoencoder.has_density else Likelihood.NONE
    assert whole.likelihood is Likelihood.weakest(own, model.prior.likelihood)
    assert whole.can("log_prob") == (whole.likelihood is not Likelihood.NONE)
    if case[3]:
        latents = [model.prior.draw(64, {"given": torch.full((64,), label)}, Noise(0)) for label in (0, 1)]
        rows = [model.draw(8, {"given": torch.full((8,), label)}, Noise(0)) for label in (0, 1)]
        assert not torch.equal(*latents), "the condition does not reach the prior"
        assert rows[0].shape == (8, *SPACES[case[2]].shape)
        assert whole.can(Capability.CONDITION)
