"""What is said of trainings that go wrong, really made ones, and not of healthy ones of the same kind."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import genzoo
from genzoo.core import GenerativeModel, Likelihood, Noise, Space, seeded
from genzoo.data import Rows, toy
from genzoo.models.adversarial import GAN, Rules
from genzoo.models.autoencoders import VQVAE, Codebook, CodedAutoencoder
from genzoo.nn import MLP, Conditioned
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import SampleGrid
from genzoo.zoo.health import Health, History, findings
from tests.zoo.entry import BYTES


def rows_of(x, *, held=0):
    """Rows of a tensor to train on, and others that are held out."""
    space = Space(tuple(x.shape[1:]))
    numbers = torch.arange(len(x))
    return Rows(x, None, numbers[: len(x) - held], space), Rows(x, None, numbers[len(x) - held :], space)


class Silent:
    """A codec that writes nothing."""

    suffix = ".none"

    def save(self, x, path):
        """Nothing."""


def watched(model, parts, tmp_path, **config):
    """The journal of a training, and what was said in it, without the time."""
    heard, (rows, held) = [], parts
    config = TrainConfig(**{"device": "cpu", "batch_size": 64, "lr": 3e-3, "log_every": 5, **config})
    grid = SampleGrid(tmp_path, Silent())
    trained = train(model, rows, config, valid=held, callbacks=[grid, Health(held, grid)], say=heard.append)
    return History(trained.metrics, config, trained.steps), heard


def signs(history):
    return [found.sign for found in findings(history)]


class Regression(GenerativeModel):
    """A normal law of the last entry, by a network of those before; by any sizes of layers."""

    likelihood = Likelihood.EXACT

    def __init__(self, dims, net):
        super().__init__(Space((dims,)))
        self.net = net

    def draw(self, n, given, noise):
        return noise.normal(n, *self.space.shape)

    def log_density(self, x, given, noise):
        return -0.5 * (self.net(x[:, :-1])[:, 0] - x[:, -1]).square()


def regression(width=32, dims=3, layers=1):
    with seeded(0):
        return Regression(dims, MLP(dims - 1, [width] * layers, 1))


def waves(n=600, dims=3, noise=0.1, held=200):
    x = Noise(1).normal(n + held, dims)
    x[:, -1] = 2 * x[:, 0].mul(2).sin() + noise * x[:, -1]
    return rows_of(x, held=held)


def test_a_healthy_training_is_not_spoken_of(tmp_path):
    history, heard = watched(regression(), waves(), tmp_path, steps=300, ema=0.05)
    assert not findings(history)
    assert not heard
    assert history.look("averaged", "raw") is not None
    assert history.look("copies") is not None


def test_a_rate_that_moves_nothing_and_one_that_spoils_everything_are_told_of(tmp_path):
    history, heard = watched(regression(), waves(), tmp_path, steps=200, lr=1e-7)
    (found,) = findings(history)
    assert found.sign == "learning rate too low"
    assert found.seen.endswith("in 200 steps of lr=1e-07")
    assert len(heard) == 1
    history, heard = watched(regression(), waves(), tmp_path, steps=200, lr=2.0)
    assert signs(history) == ["learning rate too high"]
    assert "the loss does not fall" in heard[0]


class Echo(Regression):
    """A line of thirty equal layers, whose gradients explode once they enlarge what they are given."""

    def log_density(self, x, given, noise):
        z = x[:, :-1]
        for _ in range(30):
            z = self.net(z)
        return -0.5 * (z[:, 0] - x[:, -1]).square()


def test_gradients_that_explode_are_told_of(tmp_path):
    def trained(**config):
        net, x = nn.Linear(2, 2, bias=False), Noise(1).normal(400, 3)
        nn.init.eye_(net.weight)
        x[:, -1] = 3 * x[:, 0]
        return watched(Echo(3, net), rows_of(x, held=100), tmp_path, steps=200, log_every=2, **config)[0]

    (found,) = findings(trained(lr=0.2, warmup=100))
    assert found.sign == "exploding gradients"
    assert "times the median before, and the loss has gone from" in found.seen
    assert not findings(trained(lr=0.05, warmup=100))


def test_an_average_that_lags_is_told_of(tmp_path):
    history, heard = watched(
        regression(), waves(), tmp_path, steps=120, lr=3e-4, schedule="constant", ema=0.5, sample_every=120
    )
    assert signs(history) == ["average lags"]
    assert heard[0].endswith("Try ema=0.12, ema=none, or more steps.")


def test_a_validation_that_rises_is_told_of(tmp_path):
    history, heard = watched(regression(64, 6, 2), waves(24, 6, noise=1.0), tmp_path, steps=300, lr=1e-2)
    assert signs(history) == ["overfitting"]
    assert "while the loss fell to" in heard[0]


def test_latents_that_say_nothing_are_told_of(tmp_path):
    def trained(beta):
        data = genzoo.read("ring")
        model = genzoo.recipe_named("vae")(data.space, latent=2, width=16, depth=1, beta=beta).model
        return watched(model, (data.train, data.valid), tmp_path, steps=300, lr=1e-2, log_every=15)[0]

    assert signs(trained(60.0)) == ["posterior collapse"]
    assert not findings(trained(1.0))


def test_a_level_that_says_nothing_is_told_of(tmp_path):
    """Of a ladder on two numbers, which one level says; with free nats both have their say."""

    def trained(free):
        data = genzoo.read("8gaussians")
        with seeded(0):
            model = genzoo.recipe_named("ladder_vae")(data.space, latents=(2, 1), hidden=16, free=free).model
        return watched(model, (data.train, data.valid), tmp_path, steps=300, lr=1e-2, log_every=15)[0]

    (found,) = findings(trained(0.0))
    assert found.sign == "posterior collapse"
    assert found.seen.startswith("of 2 levels level-2 said less than 0.0001 of the rate")
    assert not findings(trained(0.3))


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


def said(model, steps=1000):
    """What is said in a training of samples that have collapsed."""
    lines: list[str] = []
    config = TrainConfig(steps=steps, batch_size=10, device="cpu", sample_every=steps)
    train(model, genzoo.read("ring").train, config, callbacks=[Health(None)], say=lines.append)
    return lines


def test_samples_that_have_collapsed_are_told_of_once(tmp_path):
    (line,) = said(Stuck(2))
    assert line.startswith("after 1,000 steps: mode collapse: a part of the data is left out")
    assert "Try r3gan" in line
    assert not said(Stuck(8))
    assert not said(Stuck(2), steps=900)  # too early to tell


def test_a_foreign_loader_is_not_disturbed():
    """Its batches cannot be had twice, so nothing is looked at."""
    seen: dict[bool, list[float]] = {True: [], False: []}
    for is_watched, firsts in seen.items():

        class Noting(Stuck):
            def loss(self, batch, firsts=firsts):
                firsts.append(batch.x[0, 0].item())
                return super().loss(batch)

        loader = DataLoader(TensorDataset(torch.arange(140.0).reshape(70, 2)), batch_size=10)
        config = TrainConfig(steps=160, device="cpu")
        train(Noting(2), loader, config, callbacks=[Health(None)] * is_watched, say=lambda line: None)
    assert seen[True] == seen[False]


def against(shift: float, critic_lr: float, shut: float = 0.0) -> GAN:
    """A critic against samples of the law itself, but for a shift, that do not move; all its units may be shut."""
    line, critic = torch.nn.Linear(8, 8), MLP(8, [64, 64], 1)
    line.weight.data, line.bias.data = torch.eye(8), torch.full((8,), shift)
    if shut:
        critic = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
        critic[0].bias.data -= shut
    nets, rules = (Conditioned(line), Conditioned(critic)), Rules(lr=1e-9, critic_lr=critic_lr)
    return GAN(genzoo.core.Space((8,)), None, *nets, rules, latent=8)


def outplayed(model, rows: int, steps: int = 110, batch: int = 40) -> list[str]:
    """What is said of a critic that is trained on few rows or many, with others held out."""
    lines: list[str] = []
    train_rows, held = rows_of(Noise(3).normal(rows + 200, 8), held=200)
    config = TrainConfig(steps=steps, batch_size=batch, device="cpu", sample_every=steps)
    train(model, train_rows, config, callbacks=[Health(held)], say=lines.append)
    return [line for line in lines if "dead discriminator" in line]


def test_a_critic_that_knows_rows_by_heart_has_won_or_is_blind_is_told_of():
    (line,) = outplayed(against(0.0, 5e-3), rows=40, steps=120)
    assert "by heart" in line
    (line,) = outplayed(against(9.0, 5e-3), rows=4000)
    assert "tells 100.0%" in line
    assert "No sample is like the data" in line
    (line,) = outplayed(against(0.0, 5e-3, shut=1e3), rows=4000)  # its units are shut: what is left is one number
    assert "says the same of all rows and samples" in line
    assert not outplayed(against(0.0, 5e-3), rows=4000)


def of_codes(levels: int, lost: bool) -> list[str]:
    """What is said of codebooks, all codes but one of which may be out of reach."""
    book = Codebook(levels, 2, averaged=False, least=0.0)
    model = VQVAE(BYTES, None, CodedAutoencoder.conv(BYTES, book, width=2, halvings=1))
    if lost:
        model.autoencoder.quantizer.start = lambda e, noise: book.vectors[1:].fill_(1e6)
    lines: list[str] = []
    x = Noise(5).at("rows").integers(256, 100, 20).reshape(100, *BYTES.shape).to(torch.uint8)
    data = Rows(x, None, torch.arange(100), BYTES)
    config = TrainConfig(steps=100, batch_size=4, device="cpu", sample_every=100)
    train(model, data, config, callbacks=[Health(None)], say=lines.append)
    return [line for line in lines if "codebook" in line]


def test_lost_codes_are_told_with_what_to_try():
    (line,) = of_codes(32, lost=True)
    assert line.startswith("after 100 steps: codebook collapse: 1 of 32 codes are used. Try quantizer=")
    assert not of_codes(4, lost=False)


class Heap(GenerativeModel):
    """A mixture of normal laws of one width, that begin at rows: as many as there are, or few."""

    likelihood = Likelihood.EXACT

    def __init__(self, components, dims=6):
        super().__init__(Space((dims,)))
        self.means, self.width = nn.Parameter(torch.zeros(components, dims)), nn.Parameter(torch.zeros(()))

    def prepare(self, batches):
        rows = torch.cat([batch.x for batch in batches])
        self.means.data.copy_(rows[: len(self.means)])

    def draw(self, n, given, noise):
        return self.means[noise.integers(len(self.means), n)] + self.width.exp() * noise.normal(n, *self.space.shape)

    def log_density(self, x, given, noise):
        far = torch.cdist(x, self.means).square() / (2 * (2 * self.width).exp())
        return (-far).logsumexp(1) - self.space.dims * self.width


def test_samples_that_are_copies_of_rows_are_told_of(tmp_path):
    parts = rows_of(Noise(2).normal(140, 6), held=100)
    history, heard = watched(Heap(40), parts, tmp_path, steps=200, lr=5e-2, batch_size=40)
    assert "memorization" in signs(history)
    assert any("stand beside one training row and no other" in line for line in heard)
    history, heard = watched(Heap(1), parts, tmp_path, steps=200, lr=5e-2, batch_size=40)
    assert history.look("copies") is not None
    assert not findings(history)
