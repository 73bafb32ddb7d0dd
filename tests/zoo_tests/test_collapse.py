"""The line that says while training that a model has collapsed."""

import torch
from torch.utils.data import DataLoader, TensorDataset

import genzoo
from genzoo.core import GenerativeModel
from genzoo.data import toy
from genzoo.training import TrainConfig, train
from genzoo.zoo.collapse import Collapsed


class Stuck(GenerativeModel):
    """A model that moves, and whose samples are those of some modes."""

    def __init__(self, modes: int) -> None:
        super().__init__(genzoo.core.Space((2,)))
        self.modes, self.weight = modes, torch.nn.Parameter(torch.zeros(()))

    def draw(self, n, given, noise):
        ring = toy.density("ring")
        x = ring.means[noise.integers(self.modes, n)] + ring.scale * noise.normal(n, 2)
        return x.float()

    def loss(self, batch):
        return self.weight.square()


def said(model, steps: int = 110) -> list[str]:
    """What is said in a training."""
    lines: list[str] = []
    data = genzoo.read("ring")
    config = TrainConfig(steps=steps, batch_size=400, device="cpu")
    train(model, data.train, config, callbacks=[Collapsed()], say=lines.append)
    return [line for line in lines if "collapsed" in line]


def test_it_is_said_once_with_what_was_seen_and_what_to_try() -> None:
    (line,) = said(Stuck(2))
    assert line.startswith("collapsed after 110 steps: a part of the data is left out")
    assert "Try r3gan" in line


def test_it_is_not_said_of_the_law_itself_of_short_runs_or_of_what_has_a_likelihood() -> None:
    assert not said(Stuck(8))
    assert not said(Stuck(2), steps=50)  # too early to tell
    assert not said(genzoo.zoo.recipe_named("gaussian_mixture")(genzoo.read("ring").space, components=1).model)


def test_a_foreign_loader_is_not_disturbed() -> None:
    """Its batches cannot be had twice, so nothing is looked at."""
    seen: dict[bool, list[float]] = {True: [], False: []}
    for watched, firsts in seen.items():

        class Noting(Stuck):
            def loss(self, batch, firsts=firsts):
                firsts.append(batch.x[0, 0].item())
                return super().loss(batch)

        loader = DataLoader(TensorDataset(torch.arange(140.0).reshape(70, 2)), batch_size=10)
        config = TrainConfig(steps=160, device="cpu")
        train(Noting(2), loader, config, callbacks=[Collapsed()] * watched, say=lambda line: None)
    assert seen[True] == seen[False]
