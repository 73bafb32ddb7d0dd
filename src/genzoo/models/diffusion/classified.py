"""A diffusion that knows no condition, led to one by a classifier of noised rows."""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Unpack

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from genzoo.core.abilities import Denoise
from genzoo.core.game import Batch, Objective, Player
from genzoo.core.given import Given, GivenSpaceLike
from genzoo.core.model import GenerativeModel
from genzoo.core.noise import Noise
from genzoo.models.diffusion.diffusion import Diffusion
from genzoo.models.diffusion.guidance.between import Between
from genzoo.models.diffusion.guidance.classifier import ClassifierGuided
from genzoo.models.diffusion.guidance.clipped import Clipped
from genzoo.models.diffusion.noisy_classifier import NoisyClassifier
from genzoo.models.diffusion.samplers.asked import Asked

__all__ = ["ClassifiedDiffusion"]


class ClassifiedDiffusion(GenerativeModel):
    """A diffusion of all rows, and a classifier that says of noised rows what they are, by Bayes' rule

    $$ \\nabla \\log p(x_t \\mid y) = \\nabla \\log p(x_t) + \\nabla \\log p(y \\mid x_t). $$

    Only the diffusion is trained; the classifier stands as it is, a copy. A null label asks for any row.

    Args:
        given_space: The label: one integer below C.
        model: The diffusion, without a condition.
        classifier: The classifier, of its rows and of C labels.

    Raises:
        ValueError: If they are not of the same rows and labels.

    Example:
        >>> from genzoo.core import Space
        >>> from genzoo.models.diffusion import Cosine, Predicts
        >>> from genzoo.nn import MLP, Timed
        >>> row, label = Space((2,)), Space((), levels=3)
        >>> net = Timed(MLP(2, [16], 2, given=8), 8)
        >>> plain = Diffusion(row, None, net, schedule=Cosine(), predicts=Predicts.V)
        >>> classifier = NoisyClassifier(label, row, Timed(MLP(2, [16], 3, given=8), 8))
        >>> model = ClassifiedDiffusion(label, plain, classifier)
        >>> model.sample(4, torch.tensor([0, 1, 2, -1]), seed=0, guidance=2.0, steps=4).shape
        torch.Size([4, 2])

    References:
        Dhariwal & Nichol, 2021, "Diffusion models beat GANs on image synthesis", arXiv:2105.05233
    """

    def __init__(self, given_space: GivenSpaceLike, model: Diffusion, classifier: NoisyClassifier) -> None:
        super().__init__(model.space, given_space)
        labels = [space.levels for space in self.given_space.values() if space.dims == 1]
        if model.given_space or labels != [classifier.space.levels] or classifier.row != model.space:
            raise ValueError(
                f"A classifier leads a diffusion without a condition, of the rows and to the labels that it knows: "
                f"got a diffusion of {model.space} with conditions {model.given_space}, a classifier of "
                f"{classifier.row} and {classifier.space}, and {self.given_space} to be led to."
            )
        self.model, self.classifier = model, copy.deepcopy(classifier).requires_grad_(False)
        self.block, (self.name, *_) = model.block, self.given_space

    def prepare(self, batches: Iterable[Batch]) -> None:
        self.model.prepare(replace(batch, given={}) for batch in batches)

    def players(self) -> Sequence[Player]:
        return [Player("model", self.model, self.loss)]

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        return self.model.loss(replace(batch, given={}))

    def lowers(self) -> Objective:
        return self.model.lowers()

    def takes_null(self) -> bool:
        return True

    def draw(
        self,
        n: int,
        given: Given,
        noise: Noise,
        *,
        guidance: float = 1.0,
        guided_from: float = 0.0,
        guided_to: float = math.inf,
        **asked: Unpack[Asked],
    ) -> Shaped[Tensor, "n *event"]:
        """Rows of the labels that are asked for.

        Args:
            n: The number of rows.
            given: Their labels.
            noise: Where the draws come from.
            guidance: How much the classifier counts; 1 is Bayes' rule.
            guided_from: The least noise σ/α at which it is followed.
            guided_to: The largest.
            asked: How steps are taken.
        """
        label, schedule = given[self.name].reshape(n).long(), self.model.schedule

        def log_prob(x_t: Tensor, t: Tensor) -> Tensor:
            told = self.classifier.log_probs(x_t, schedule.at(t))
            return torch.where(label < 0, 0.0, told.gather(1, label.clamp_min(0)[:, None])[:, 0])

        def led(denoise: Denoise) -> Denoise:
            guide: Denoise = ClassifierGuided(denoise, log_prob, guidance, schedule)
            if (guided_from, guided_to) != (0.0, math.inf):
                guide = Between(guide, denoise, schedule, guided_from, guided_to)
            return Clipped(guide, *self.model.span)

        return self.model.draw(n, {}, noise, wrap=led, **asked)

    def options(self, method: str) -> frozenset[str]:
        return super().options(method) | (frozenset(Asked.__annotations__) if method == "draw" else frozenset())
