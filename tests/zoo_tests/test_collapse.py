"""The line that says while training that a model has collapsed."""

import torch
from torch.utils.data import DataLoader, TensorDataset

import genzoo
from genzoo.core import GenerativeModel, Noise
from genzoo.data import Rows, toy
from genzoo.models.adversarial import GAN, Rules
from genzoo.models.autoencoders import VQVAE, Codebook, CodedAutoencoder
from genzoo.nn import MLP, Conditioned
from genzoo.training import TrainConfig, train
from genzoo.zoo.collapse import Collapsed, FewCodes, Outplayed
from tests.zoo.entry import BYTES


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


def outplayed(model, rows: int, steps: int = 110, batch: int = 40) -> list[str]:
    """What is said of a critic that is trained on few rows or many, with others held out."""
    lines: list[str] = []
    data = genzoo.read(Noise(3).normal(rows + 200, 8))
    train_rows, held = (
        Rows(data.x, None, torch.arange(*ends), data.space) for ends in ((0, rows), (rows, rows + 200))
    )
    config = TrainConfig(steps=steps, batch_size=batch, device="cpu", sample_every=steps)
    train(model, train_rows, config, callbacks=[Outplayed(held)], say=lines.append)
    return [line for line in lines if "outplayed" in line]


def against(shift: float, critic_lr: float) -> GAN:
    """A critic against samples of the law itself, but for a shift, that do not move."""
    line = torch.nn.Linear(8, 8)
    line.weight.data, line.bias.data = torch.eye(8), torch.full((8,), shift)
    nets, rules = (Conditioned(line), Conditioned(MLP(8, [64, 64], 1))), Rules(lr=1e-9, critic_lr=critic_lr)
    return GAN(genzoo.core.Space((8,)), None, *nets, rules, latent=8)


def test_a_critic_that_knows_rows_by_heart_is_told_of_and_one_that_learns_the_law_is_not() -> None:
    (line,) = outplayed(against(0.0, 5e-3), rows=40, steps=120)
    assert "by heart" in line
    assert not outplayed(against(0.0, 5e-3), rows=4000)


def test_a_critic_that_tells_every_sample_is_told_of() -> None:
    (line,) = outplayed(against(9.0, 5e-3), rows=4000)
    assert "tells 100.0%" in line
    assert "No sample is like the data" in line


def of_codes(levels: int, lost: bool) -> list[str]:
    """What is said of codebooks, all codes but one of which may be out of reach."""
    book = Codebook(levels, 2, averaged=False, least=0.0)
    model = VQVAE(BYTES, None, CodedAutoencoder.conv(BYTES, book, width=2, halvings=1))
    if lost:
        model.autoencoder.quantizer.start = lambda e, noise: book.vectors[1:].fill_(1e6)
    lines: list[str] = []
    x = Noise(5).at("rows").integers(256, 200, 20).reshape(200, *BYTES.shape).to(torch.uint8)
    data = Rows(x, None, torch.arange(200), BYTES)
    config = TrainConfig(steps=110, batch_size=8, device="cpu", sample_every=110)
    train(model, data, config, callbacks=[FewCodes()], say=lines.append)
    return [line for line in lines if "codebook" in line]


def test_lost_codes_are_told_with_what_to_try() -> None:
    (line,) = of_codes(32, lost=True)
    assert line.startswith("codebook collapsed after 110 steps: 1 of 32 codes are used by 200 rows. Try quantizer=")
    assert not of_codes(4, lost=False)
