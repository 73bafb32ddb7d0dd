"""Recipes of several stages, and of one that stands on another run, small enough for a test."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import genzoo
from genzoo.core import Batch, GenerativeModel, Space, Trainable
from genzoo.nn import MLP
from genzoo.training import TrainConfig
from genzoo.zoo.recipe import GivenSpaceLike, Recipe, RunPath, recipe, unconditional

CONFIG = TrainConfig(batch_size=64, clip_norm=1.0)
PAPER = "Ramesh et al., 2022, Hierarchical text-conditional image generation with CLIP latents, arXiv:2204.06125"


def only(given: Any) -> Any:
    """The one condition, by whatever name."""
    return next(iter(given.values())) if isinstance(given, Mapping) else given


def frozen(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).eval().requires_grad_(False)


class Contrast(Trainable):
    """Codes of x that tell its label: no distribution, and nothing to sample."""

    def __init__(self, space: Space, given: GivenSpaceLike, dims: int = 8) -> None:
        super().__init__()
        self.image, self.label = MLP(space.dims, [16], dims), nn.Embedding(only(given).levels, dims)
        self.latent = Space((dims,))

    def code(self, x: Tensor) -> Tensor:
        return F.normalize(self.image(x.float().flatten(1) / 8 - 1), dim=1)

    def loss(self, batch: Batch) -> Tensor:
        logits = 10 * self.code(batch.x) @ F.normalize(self.label(only(batch.given)), dim=1).mT
        return F.cross_entropy(logits, torch.arange(len(batch)))


class OfCodes(GenerativeModel):
    """p(code | given), over a frozen encoder."""

    def __init__(self, encoder: Contrast, given: GivenSpaceLike) -> None:
        super().__init__(encoder.latent, given)
        self.encoder, self.mean = frozen(encoder), nn.Embedding(only(given).levels, encoder.latent.dims)

    def draw(self, n, given, noise):
        return self.mean(only(given)) + 0.1 * noise.normal(n, *self.space.shape)

    def loss(self, batch):
        return (self.encoder.code(batch.x) - self.mean(only(batch.given))).square().mean()


class FromCodes(GenerativeModel):
    """p(x), decoded from a draw of the codes."""

    def __init__(self, space: Space, given: GivenSpaceLike, codes: OfCodes) -> None:
        super().__init__(space, given)
        self.codes, self.net = frozen(codes), MLP(codes.space.dims, [16], space.dims)

    def draw(self, n, given, noise):
        y = self.net(self.codes.draw(n, given, noise.at("codes"))).unflatten(1, self.space.shape)
        return y.clamp(0, self.space.levels - 1).round().to(getattr(torch, self.space.dtype))

    def loss(self, batch):
        return (self.net(self.codes.encoder.code(batch.x)) - batch.x.flatten(1).float()).square().mean()


@recipe(family="latent", likelihood="none", can=("sample", "loss", "condition"), paper=PAPER)
def unclip(space: Space, given: GivenSpaceLike = None) -> Recipe:
    """A contrastive encoder, then a prior of its codes, then a decoder.

    Args:
        space: What an x is.
        given: A label.
    """

    def third(codes: OfCodes) -> Recipe:
        return Recipe(FromCodes(space, given, codes), CONFIG, share=2.0)

    def second(encoder: Contrast) -> Recipe:
        return Recipe(OfCodes(encoder, given), CONFIG, then=third)

    return Recipe(Contrast(space, given), CONFIG, then=second)


class Student(GenerativeModel):
    """Its teacher's samples, shifted by a bias of its own; the teacher's weights are among its own."""

    def __init__(self, teacher: GenerativeModel) -> None:
        super().__init__(teacher.space)
        self.teacher, self.bias = frozen(teacher), nn.Parameter(torch.zeros(teacher.space.shape))

    def draw(self, n, given, noise):
        return self.teacher.draw(n, given, noise) + self.bias

    def loss(self, batch):
        return (self.draw(len(batch), {}, batch.noise).mean(0) - batch.x.mean(0)).square().mean()


@recipe(family="latent", likelihood="none", can=("sample", "loss"), paper=PAPER)
def student(
    space: Space, given: GivenSpaceLike = None, *, teacher: RunPath, others: tuple[RunPath, ...] = ()
) -> Recipe:
    """A model that stands on another run.

    Args:
        teacher: The run of which it learns.
        others: More of them.
    """
    teachers = [genzoo.load(run).model for run in (teacher, *others)]
    return Recipe(Student(teachers[-1]), CONFIG, sees=unconditional)
