"""Flow matching of chains of rigid frames, as the backbones of proteins are.

A residue is a frame T = (R, x), its CA and how it is turned, and the angle at CA. Noise is uniform rotations R₁, and
places x₁ that are normal about a common center. From data at t = 0 to noise at t = 1 places go straight, and
rotations along the geodesic of SO(3),

$$ x_t = (1 - t)\\,x_0 + t\\,x_1, \\qquad R_t = R_0 \\exp(t\\,\\omega), \\quad \\omega = \\log R_0^\\top R_1. $$

A network tells the means of ω and of x₁ − x₀ in the axes of R_t: so they turn with the chain, and what is drawn has
the same law however it is turned.

Of the way of rotations that is left, the flow goes a share dt / t in a short time. A sample may go faster, the larger
of dt / t and c dt: rotations are then settled before places, which go on among frames that stand nearly as they will.
That is no longer the flow that was learned, but makes far better bonds of a field that is not perfect.

References:
    Yim et al., 2023, "Fast protein backbone generation with SE(3) flow matching", arXiv:2310.05297
    Bose et al., 2024, "SE(3)-stochastic flow matching for protein backbone generation", arXiv:2310.02391
    Chen & Lipman, 2024, "Flow matching on general geometries", arXiv:2302.03660
"""

import itertools
import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.game import Batch, Objective
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.core.space import Space
from genzoo.models.diffusion.time import LogitNormal, Times, spread
from genzoo.nn.rigid import atoms_of, bend_of, exp, frames_of, log, uniform

__all__ = ["OUTPUTS", "SE3Flow"]

OUTPUTS = 7  # what a network says of a frame: ω, the velocity of its place, and the angle at CA
SOONEST = 1e-3  # the least time at which training looks
CURVE = 2.0  # times of a sample are (k / steps)^2: a bond is a hundred times shorter than noise
Look = Callable[[Tensor, Tensor], None]


class Frames(NamedTuple):
    """Frames of a chain: rotations, and places in Å."""

    rotation: Float[Tensor, "B T 3 3"]
    place: Float[Tensor, "B T 3"]

    def packed(self) -> Float[Tensor, "B T 3 4"]:
        """As a network sees them."""
        return torch.cat([self.rotation, self.place[..., None]], -1)


class SE3Flow(GenerativeModel):
    """Flow matching on SE(3)ⁿ; its loss is the squared error of what the network tells, in units of the noise,

    $$ L = \\mathbb E_{t, x_0, x_1, R_1}\\, \\tfrac13 \\|\\hat v - R_t^\\top (x_1 - x_0)\\|^2
       + \\tfrac13 \\|\\hat\\omega - \\omega\\|^2 / 2 + (\\hat\\beta - \\beta)^2, $$

    β being the angle at CA in its own units. Rows are N, CA and C of each residue in Å. What is drawn has the angles
    that the network tells at the end, and ideal lengths from CA to N and to C, so that it lies on a surface: there is
    no density of atoms.

    Args:
        space: What one x is: (T, 3, 3) reals.
        given_space: What the model is conditioned on, if anything.
        net: Called as net(frames, t, given) with frames (B, T, 3, 4), rotations and places in Å, and one time a row;
            seven numbers a frame: ω, v and β.
        rate: c, how fast a sample settles its rotations if nothing else is asked for; 0: as the flow does.
        times: At which times training looks.
        steps: Steps of a sample if nothing else is asked for.
        drop_given: The share of conditions dropped in training.

    Raises:
        ValueError: If rows are no backbones.

    Example:
        >>> from genzoo.nn import FrameField, Timed
        >>> net = Timed(FrameField(7, given=8, width=16, depth=1, heads=2), 8)
        >>> SE3Flow(Space((6, 3, 3)), None, net).sample(5, seed=0, steps=4).shape
        torch.Size([5, 6, 3, 3])
    """

    block = 1 << 17
    width: Tensor
    bend: Tensor

    def __init__(
        self,
        space: Space,
        given_space: GivenSpaceLike,
        net: nn.Module,
        *,
        rate: float = 10.0,
        times: Times | None = None,
        steps: int = 100,
        drop_given: float = 0.0,
    ) -> None:
        super().__init__(space, given_space)
        if space.ragged or not space.is_real or len(space.shape) != 3 or space.shape[1:] != (3, 3):
            raise ValueError(
                f"A flow of frames needs backbones, (T, 3, 3) reals, N, CA and C of each residue, got {space}. Read "
                "proteins with x='xyz' and window=32."
            )
        self.net, self.rate, self.steps, self.drop_given = net, rate, steps, drop_given
        self.times = times or LogitNormal(-1.5, 1.8)
        self.register_buffer("width", torch.ones(()))
        self.register_buffer("bend", torch.tensor([math.radians(111.2), 1.0]))

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Notes how wide chains are, which noise then is as well, and the angles at CA."""
        squares, bends = [], []
        for batch in batches:
            squares.append(_centered(frames_of(batch.x)[1]).double().square().sum((1, 2)))
            bends.append(bend_of(batch.x).double().flatten())
        free = 3 * max(1, self.space.shape[0] - 1)  # numbers that a common center leaves
        self.width.copy_((torch.cat(squares).mean() / free).sqrt().clamp_min(1e-6))
        angles = torch.cat(bends)
        self.bend.copy_(torch.stack([angles.mean(), angles.std(correction=0).clamp_min(1e-6)]))

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        steps: int | None = None,
        rate: float | None = None,
        watch: Look | None = None,
    ) -> Float[Tensor, "n T 3 3"]:
        """Backbones around the origin, turned at random.

        Args:
            n: The number of rows.
            given: The condition.
            noise: Where noise comes from.
            steps: Steps from noise to data, at times that are closer near the data.
            rate: How fast rotations are settled; 0: as the flow does.
            watch: Is shown every time and the atoms there; what it raises ends the sampling.

        Raises:
            ValueError: If there is no step, or rotations are to go back.
        """
        steps, rate = self.steps if steps is None else steps, self.rate if rate is None else rate
        if steps < 1 or not rate >= 0:
            raise ValueError(f"There must be a step at least, and a rate from 0 on, got steps={steps}, rate={rate}.")
        frames = self.noise(n, noise)
        times = torch.linspace(1, 0, steps + 1, dtype=self.dtype, device=self.device) ** CURVE
        for t, s in itertools.pairwise(times):
            omega, speed, bend = self.said(frames, t.expand(n), given)
            if watch is not None:
                watch(t, atoms_of(*frames, bend))
            share = torch.maximum((t - s) / t, -torch.expm1(rate * (s - t)))  # of the way that is left
            turned = frames.rotation @ exp(-share * t * omega)
            frames = Frames(turned, _centered(frames.place - (t - s) * _out(frames, speed)))
        bend = self.said(frames, times[-1].expand(n), given)[2]
        if watch is not None:
            watch(times[-1], atoms_of(*frames, bend))
        return atoms_of(*frames, bend)

    def said(
        self, frames: Frames, t: Float[Tensor, " B"], given: Given
    ) -> tuple[Float[Tensor, "B T 3"], Float[Tensor, "B T 3"], Float[Tensor, "B T"]]:
        """What the network tells of frames: ω, the velocity of places in Å and in their axes, and angles at CA."""
        told = self.net(frames.packed(), t, given)
        return told[..., :3], told[..., 3:6] * self.width, self.bend[0] + self.bend[1] * told[..., 6]

    def noise(self, n: int, noise: Noise) -> Frames:
        """Frames at t = 1."""
        count, dtype = self.space.shape[0], self.dtype
        place = noise.at("place").normal(n, count, 3, dtype=dtype) * self.width
        return Frames(uniform(noise.at("turn"), n, count, dtype=dtype), _centered(place))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        given = self.training_given(batch)
        rotation, place = frames_of(batch.x.to(self.dtype))
        start, end = Frames(rotation, _centered(place)), self.noise(len(batch), batch.noise)
        t = self.times.quantile(spread(len(batch), batch.noise.at("time"))).clamp(SOONEST, 1).to(self.dtype)
        omega, at = log(start.rotation.mT @ end.rotation), t[:, None, None]
        frames = Frames(start.rotation @ exp(at * omega), (1 - at) * start.place + at * end.place)
        told_omega, told_speed, told_bend = self.said(frames, t, given)
        speed = _in(frames, end.place - start.place)
        off = (told_speed - speed) / self.width
        bent = (told_bend - bend_of(batch.x.to(self.dtype))) / self.bend[1]
        errors = off.square().mean(-1) + (told_omega - omega).square().mean(-1) / 2 + bent.square()
        return errors.mean()

    def lowers(self) -> Objective:
        return Objective("squared error of the velocities of frames, the mean over residues")

    def extra_repr(self) -> str:
        return f"{self.space}, given={self.given_space}, rate={self.rate:g}, steps={self.steps}"


def _centered(place: Float[Tensor, "B T 3"]) -> Float[Tensor, "B T 3"]:
    return place - place.mean(1, keepdim=True)


def _in(frames: Frames, vector: Float[Tensor, "B T 3"]) -> Float[Tensor, "B T 3"]:
    """Vectors in the axes of frames."""
    return (frames.rotation.mT @ vector[..., None])[..., 0]


def _out(frames: Frames, vector: Float[Tensor, "B T 3"]) -> Float[Tensor, "B T 3"]:
    """Vectors that stand in the axes of frames."""
    return (frames.rotation @ vector[..., None])[..., 0]
