"""Samplers by name, as a command line asks for them."""

import functools
from collections.abc import Callable

from genzoo.models.diffusion.samplers.adaptive import Adaptive
from genzoo.models.diffusion.samplers.ancestral import Ancestral
from genzoo.models.diffusion.samplers.churn import Churn
from genzoo.models.diffusion.samplers.ddim import DDIM
from genzoo.models.diffusion.samplers.deis import DEIS
from genzoo.models.diffusion.samplers.dpm import DPMSolver
from genzoo.models.diffusion.samplers.euler import Euler
from genzoo.models.diffusion.samplers.heun import Heun
from genzoo.models.diffusion.samplers.multistep import Multistep
from genzoo.models.diffusion.samplers.predictor_corrector import PredictorCorrector
from genzoo.models.diffusion.samplers.sampler import Sampler
from genzoo.models.diffusion.samplers.unipc import UniPC

__all__ = ["SAMPLERS", "sampler_named"]

SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "ancestral": Ancestral,
    "ddim": DDIM,
    "euler": Euler,
    "heun": Heun,
    "multistep": Multistep,
    "ipndm": functools.partial(Multistep, order=4),
    "dpm2": DPMSolver,
    "dpm3": functools.partial(DPMSolver, order=3),
    "dpm_sde": functools.partial(DPMSolver, stochastic=True),
    "unipc": UniPC,
    "deis": DEIS,
    "predictor_corrector": PredictorCorrector,
    "churn": Churn,
    "adaptive": Adaptive,
}


def sampler_named(name: str, steps: int | None = None) -> Sampler:
    """The sampler of a name.

    Args:
        name: One of `SAMPLERS`.
        steps: Its steps; by default its own number.

    Raises:
        ValueError: If there is none of that name.

    Example:
        >>> sampler_named("heun").steps, sampler_named("ipndm", 10).order
        (25, 4)
    """
    if name not in SAMPLERS:
        raise ValueError(f"A sampler must be one of {', '.join(SAMPLERS)}, got {name!r}. Choose one of them.")
    return SAMPLERS[name]() if steps is None else SAMPLERS[name](steps)
