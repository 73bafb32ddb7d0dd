"""Samplers step by step as diffusers 0.36.0 has them, on a mixture whose mean given its noised value is known.

diffusers wants other versions than the tests: make an environment of its own for it,
`pip install diffusers==0.36.0` beside torch and genzoo, and run this folder there.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from genzoo.core import Noise
from tests.models.diffusion.oracle import mixture_mean

STEPS = 8
X = torch.linspace(-2.2, 2.2, 6, dtype=torch.float64)[:, None]


def walk(
    scheduler: Any, x: Tensor, place: Callable[[int], tuple[Tensor, Tensor]], says: str, **options: Any
) -> Tensor:
    """x before each step and after the last, the network saying what it is asked for without an error."""
    seen = [x]
    for k, t in enumerate(scheduler.timesteps):
        alpha, sigma = place(k)
        mean = mixture_mean(x, alpha, sigma)
        noise = (x - alpha * mean) / sigma
        said = noise - mean if says == "velocity" else noise
        fresh = {"variance_noise": Noise(0).at(k).normal(*x.shape, dtype=x.dtype)} if "stochastic" in options else {}
        x = scheduler.step(said, t, x, return_dict=False, **fresh)[0]
        seen.append(x)
    return torch.stack(seen)


def answers() -> dict[str, Tensor]:
    from diffusers import (
        DDIMScheduler,
        DPMSolverMultistepScheduler,
        EulerDiscreteScheduler,
        FlowMatchEulerDiscreteScheduler,
        HeunDiscreteScheduler,
        UniPCMultistepScheduler,
    )

    found: dict[str, Tensor] = {}
    plain: dict[str, Any] = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}

    ddim = DDIMScheduler(**plain, clip_sample=False)
    ddim.set_timesteps(STEPS)
    squares = (1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)).cumprod(0)
    ddim.alphas_cumprod, ddim.final_alpha_cumprod = squares, torch.tensor(1.0, dtype=torch.float64)
    levels = ddim.timesteps
    found["ddim/levels"] = levels + 1
    found["ddim/x"] = walk(ddim, X, lambda k: (squares[levels[k]].sqrt(), (1 - squares[levels[k]]).sqrt()), "noise")

    for name, kind in (("euler", EulerDiscreteScheduler), ("heun", HeunDiscreteScheduler)):
        scheduler = kind(**plain, use_karras_sigmas=True)
        scheduler.set_timesteps(STEPS)
        scheduler.sigmas = sigmas = scheduler.sigmas.double()
        x = X * sigmas[0]
        if name == "euler":
            scheduler.is_scale_input_called = True
        found[f"{name}/x"] = walk(scheduler, x, lambda k, s=sigmas: (torch.ones_like(s[k]), s[k]), "noise")
        found[f"{name}/sigmas"] = sigmas

    for name, kind, options in (
        ("dpm2", DPMSolverMultistepScheduler, {}),
        ("dpm_sde", DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
        ("unipc", UniPCMultistepScheduler, {}),
    ):
        scheduler = kind(**plain, use_karras_sigmas=True, final_sigmas_type="zero", **options)
        scheduler.set_timesteps(STEPS)
        scheduler.sigmas = sigmas = scheduler.sigmas.double()
        alphas = 1 / (sigmas.square() + 1).sqrt()
        stochastic = {"stochastic": True} if name == "dpm_sde" else {}
        found[f"{name}/x"] = walk(
            scheduler, X, lambda k, a=alphas, s=sigmas: (a[k], a[k] * s[k]), "noise", **stochastic
        )
        found[f"{name}/sigmas"] = sigmas

    for shift in (1.0, 3.0):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=shift)
        scheduler.set_timesteps(STEPS)
        scheduler.sigmas = sigmas = scheduler.sigmas.double()
        found[f"flow/{shift:g}/x"] = walk(scheduler, X, lambda k, s=sigmas: (1 - s[k], s[k]), "velocity")
        found[f"flow/{shift:g}/sigmas"] = sigmas
    return found
