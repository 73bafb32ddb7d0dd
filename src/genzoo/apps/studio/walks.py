"""Ways through the latent of a run: from one sample to another, and of layers of the one in the other."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.apps.serve.calling import Called
from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.studio.shown import shown
from genzoo.apps.studio.wire import Walk
from genzoo.core.abilities import Latent
from genzoo.core.noise import Noise
from genzoo.tasks.latents import between, pictured

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["walk"]


async def walk(request: "Request", served: Served, asked: Walk) -> dict[str, Any]:
    """The way from the latent of one seed to that of another, or their mixtures by layer."""
    latent = served.model.ability(Latent)
    if latent is None:
        raise Refusal(400, f"{served.name} has no latent to walk in. Name another run.", "model", "unsupported")
    if asked.mix and latent.layers < 2:
        raise Refusal(400, f"{served.name} has a latent in one piece, which is not mixed. Walk in it.", "mix",
                      "unsupported")  # fmt: skip
    steps = latent.layers + 1 if asked.mix else asked.steps
    served.bounded(steps, {}, served.limits.rows)
    given, device = served.given(asked.given, 1), served.model.device

    def made() -> Tensor:
        z = [latent.draw(1, given, Noise(seed, "sample", device=device)) for seed in (asked.seed or 0, asked.other)]
        rows = {name: row.repeat_interleave(steps, dim=0) for name, row in given.items()}
        if not asked.mix:
            return pictured(latent, between(z[0][0], z[1][0], steps, asked.way), rows)
        with torch.no_grad():
            each = [latent.mixed(z[0], z[1], at, given) for at in range(steps)]
            return latent.numbers.back(torch.cat(each))

    (x,) = await answers(request, served.line, [Called(steps, made)], served.seconds(asked.timeout))
    return shown(served, served.of_the_space(x.cpu()))
