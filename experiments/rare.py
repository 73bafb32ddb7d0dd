"""Rare events of known probability: random ones of each family, 10⁻² to 10⁻⁶, and whether the intervals hold them.

    python -m experiments.rare [--events 20] [--n 10000]

The truth is a formula: a model whose samples are an affine map of normal numbers is a normal distribution, a mixture
is one of those, a flow's events are stated of its latent, a table of levels is summed, and a generator that bends each
number by itself tells its tails.

References:
    Au & Beck, 2001, "Estimation of small failure probabilities in high dimensions by subset simulation"
"""

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from scipy import special
from torch import Tensor, nn

from genzoo.core import GenerativeModel, Noise, Space, seeded
from genzoo.models.adversarial import GAN, Rules
from genzoo.models.autoencoders import VAE, GaussianAutoencoder
from genzoo.models.autoregressive import MADE
from genzoo.models.classical import Gaussian, GaussianMixture
from genzoo.models.diffusion import Ancestral, Cosine, Diffusion, Predicts
from genzoo.models.flows import Nets, coupling_flow
from genzoo.nn import MLP, Timed
from genzoo.tasks import rare_event
from genzoo.tasks.sources import WholeNoise

RECORD = Path(__file__).parent / "records" / "rare.json"
MOST_LIKELY, LEAST_LIKELY = -2.0, -6.0  # powers of ten


class Event(NamedTuple):
    """An event of a model with its probability."""

    model: GenerativeModel
    margin: Callable[[Tensor], Tensor]
    truth: float


class Asked(NamedTuple):
    """What was found of an event."""

    family: str
    truth: float
    value: float
    low: float
    high: float
    ess: float
    draws: int

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth <= self.high


def direction(noise: Noise, dims: int) -> Tensor:
    """A random unit vector."""
    found = noise.at("direction").normal(dims, dtype=torch.float64)
    return found / found.norm()


def wanted(noise: Noise) -> float:
    """A random probability, even in its logarithm."""
    share = noise.at("probability").uniform(1, dtype=torch.float64).item()
    return 10.0 ** (MOST_LIKELY + share * (LEAST_LIKELY - MOST_LIKELY))


def weights_drawn(model: GenerativeModel, std: float) -> GenerativeModel:
    """The model with all its weights drawn anew."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=std)
    return model.eval().requires_grad_(False)


def affine(model: GenerativeModel, at: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The mean and covariance of a model whose samples are an affine map of the normal numbers that it draws.

    Args:
        model: The model.
        at: Where the numbers stand that are no part of the map, NaN for those that are.
    """
    source = WholeNoise(model, None, Noise(0))
    at = torch.full((source.dims,), math.nan, dtype=torch.float64) if at is None else at
    free = at.isnan().nonzero()[:, 0]
    u = at.nan_to_num(0.0).repeat(len(free) + 1, 1)
    u[torch.arange(len(free)) + 1, free] = 1.0
    x = source.run(u, torch.arange(len(u)), Noise(0)).flatten(1).double()
    rows = x[1:] - x[0]
    return x[0], rows.T @ rows


def tail_of(parts: list[tuple[float, Tensor, Tensor]], noise: Noise) -> tuple[Callable[[Tensor], Tensor], float]:
    """A random half space whose probability under a mixture of normals is a wanted one."""
    p, a = wanted(noise), direction(noise, len(parts[0][1]))
    places = [(w, (a @ mean).item(), (a @ covariance @ a).sqrt().item()) for w, mean, covariance in parts]

    def beyond(edge: float) -> float:
        return sum(w * float(special.ndtr((mean - edge) / deviation)) for w, mean, deviation in places)

    low, high = (min(m - 9 * s for _, m, s in places), max(m + 9 * s for _, m, s in places))
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > p else (low, middle)
    return lambda x: x.flatten(1).double() @ a - high, beyond(high)


def _gaussian(noise: Noise) -> Event:
    model = Gaussian(Space((6,)))
    return Event(model, *tail_of([(1.0, *affine(model))], noise))


def _mixture(noise: Noise) -> Event:
    model, count = GaussianMixture(Space((3,)), components=5), 5
    gaussians, shares = model.gaussians, noise.at("shares").uniform(count, dtype=torch.float64) + 0.05
    gaussians.means.copy_(2 * noise.at("means").normal(count, 3, dtype=torch.float64))
    gaussians.scale.copy_(torch.tril(0.6 * noise.at("scale").normal(count, 3, 3, dtype=torch.float64)))
    model.weights.copy_((shares / shares.sum())[None])
    edges = torch.cat([torch.zeros(1, dtype=torch.float64), model.weights[0].cumsum(0)])
    parts, dims = [], WholeNoise(model, None, Noise(0)).dims
    for weight, middle in zip(model.weights[0].tolist(), (edges[1:] + edges[:-1]) / 2, strict=True):
        at = torch.full((dims,), math.nan, dtype=torch.float64)
        at[0] = torch.special.ndtri(middle)  # the choice of a component is drawn first
        parts.append((weight, *affine(model, at)))
    return Event(model, *tail_of(parts, noise))


def _flow(noise: Noise) -> Event:
    model = weights_drawn(coupling_flow(Space((3,)), nets=Nets(width=16), depth=4), 0.15)
    p, a = wanted(noise), direction(noise, 3)
    edge = -float(special.ndtri(p))
    return Event(model, lambda x: model.encode(x).double() @ a - edge, p)


def _vae(noise: Noise) -> Event:
    parts = GaussianAutoencoder.mlp(Space((3,)), latent=2, hidden=[])
    model = weights_drawn(VAE(Space((3,)), None, parts), 0.5)
    with torch.no_grad():
        parts.decoder.net.last.weight[3:] = 0.0  # scales that do not depend on z: then x is normal
    return Event(model, *tail_of([(1.0, *affine(model))], noise))


def _diffusion(noise: Noise) -> Event:
    space = Space((2,))
    net = Timed(MLP(2, [], 2, given=8), 8, None)
    model = Diffusion(space, None, net, schedule=Cosine(), predicts=Predicts.NOISE, sampler=Ancestral(6))
    return Event(weights_drawn(model, 0.3), *tail_of([(1.0, *affine(model))], noise))


class _Bent(nn.Module):
    """Each number by itself: sinh, then a choice of sign by its place."""

    def forward(self, z: Tensor, given: Any = None) -> Tensor:
        return torch.sinh(z)


def _gan(noise: Noise) -> Event:
    model = GAN(Space((4,)), None, _Bent(), MLP(4, [4], 1), Rules(), latent=4).eval()
    p, dims = wanted(noise), 4  # one of four independent entries is beyond: 1 − (1 − q)⁴
    edge = math.sinh(-float(special.ndtri(-math.expm1(math.log1p(-p) / dims))))
    return Event(model, lambda x: x.double().amax(1) - edge, p)


def _made(noise: Noise) -> Event:
    model = weights_drawn(MADE(Space((5,), levels=8), width=12), 0.5)
    states = torch.tensor(list(itertools.product(range(8), repeat=5)), dtype=torch.uint8)
    with torch.no_grad():
        masses = torch.cat([model.log_prob(part) for part in states.split(4096)]).double().exp()
    a, p = direction(noise, 5), wanted(noise)
    places = (states.double() @ a).sort()
    beyond = masses[places.indices].flip(0).cumsum(0).flip(0)  # P(a·x ≥ each of them)
    k = int((beyond - p).abs().argmin())
    edge = (places.values[k] + places.values[k - 1]).item() / 2
    truth = masses[(states.double() @ a) > edge].sum().item()
    return Event(model, lambda x: x.flatten(1).double() @ a - edge, truth)


FAMILIES: dict[str, Callable[[Noise], Event]] = {
    "gaussian": _gaussian,
    "mixture": _mixture,
    "flow": _flow,
    "vae": _vae,
    "made": _made,
    "diffusion": _diffusion,
    "gan": _gan,
}


def asked(family: str, number: int, *, n: int = 10_000) -> Asked:
    """The answer for a random event of a family, beside the truth."""
    with seeded(number):
        event = FAMILIES[family](Noise(number, "event", family))
    found = rare_event(event.model, event.margin, n, seed=number)
    return Asked(family, event.truth, *found.probability, found.ess, found.draws)


def main() -> None:
    """Measures and keeps the record."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--events", type=int, default=20)
    words.add_argument("--n", type=int, default=10_000)
    words.add_argument("--record", type=Path, default=RECORD)
    given, start, table = words.parse_args(), time.process_time(), dict[str, Any]()
    for family in FAMILIES:
        found = [asked(family, number, n=given.n) for number in range(given.events)]
        table[family] = {
            "held": sum(each.held for each in found),
            "half-width": sum((each.high - each.low) / 2 / each.truth for each in found) / len(found),
            "draws": sum(each.draws for each in found) / len(found),
            "events": [each._asdict() for each in found],
        }
        print(f"{family:10} {table[family]['held']} of {given.events}, ± {table[family]['half-width']:.0%}")
    record = {"experiment": "rare events of known probability", "n": given.n, "torch": torch.__version__} | table
    record["core_seconds"] = round(time.process_time() - start, 1)
    given.record.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
