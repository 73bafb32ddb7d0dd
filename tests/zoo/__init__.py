"""One tiny instance of every model: what the conformance suite runs on.

An entry says how to make the model and what it declares. A new model adds one line to the file of its family.
"""

import copy
import functools
from dataclasses import replace

import torch
from torch import Tensor

from genzoo.core import GenerativeModel
from genzoo.testing import Subject
from tests.zoo.adversarial import ADVERSARIAL
from tests.zoo.autoencoders import AUTOENCODERS
from tests.zoo.autoregressive import AUTOREGRESSIVE
from tests.zoo.classical import CLASSICAL
from tests.zoo.composites import COMPOSITES
from tests.zoo.diffusion import DIFFUSION
from tests.zoo.entry import NONE, Entry, batch
from tests.zoo.flows import FLOWS
from tests.zoo.graphical import GRAPHICAL
from tests.zoo.representation import REPRESENTATION

RAW = {"kde/epanechnikov"}  # whose bandwidth is in the data's unit
# A null is met only by rows that dropped their condition, and a constant in a critic or an energy cancels.
STILL = ("null", "critic.last.bias", "critic.net.last.bias", "critic.net.net.last.bias", "potential.net.last.bias")

ZOO: dict[str, Entry] = {
    **CLASSICAL,
    **GRAPHICAL,
    **AUTOREGRESSIVE,
    **AUTOENCODERS,
    **ADVERSARIAL,
    **FLOWS,
    **DIFFUSION,
    **REPRESENTATION,
    **COMPOSITES,
}


def ready(name: str) -> GenerativeModel:
    """The tiny instance, prepared on rows of its own, the same at every call."""
    return copy.deepcopy(made_ready(name, torch.get_default_dtype()))


@functools.cache
def made_ready(name: str, dtype: torch.dtype) -> GenerativeModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ZOO[name].make().to(dtype)
    model.prepare([batch(model, 64)])
    return model.eval()


def subject(name: str) -> Subject:
    """The tiny instance with rows, as it is held against its promises."""
    model, entry = ready(name), ZOO[name]
    found = Subject.of(model)
    unit = found.unit or (name.startswith("standardized/") and entry.likelihood is not NONE)
    return replace(found, unit=unit and name not in RAW, rounds=entry.rounds, still=STILL)


def shown(model: GenerativeModel, n: int, seed: int) -> Tensor:
    """What a model makes of a seed: samples, or where it has none the codes of some rows."""
    data = batch(model, n)
    return model.sample(n, data.given, seed=seed) if model.can("sample") else model.encode(data.x, data.given).detach()
