"""Small models and data for the engine's tests: one player, two players, a direct fit."""

import time

import torch
from torch import nn

from genzoo.core import Capability, DirectFit, Done, GenerativeModel, Likelihood, Noise, Player, Space, seeded


class Clock:
    """A clock that goes on only when somebody works; copies are the same clock."""

    def __deepcopy__(self, memo):
        return self

    def __init__(self, monkeypatch):
        self.seconds = 0.0
        monkeypatch.setattr(time, "process_time", lambda: self.seconds)


class Rows:
    """Rows of a tensor, as the engine wants them."""

    def __init__(self, x, given=None):
        self.x, self.given = x, given

    def __len__(self):
        return len(self.x)

    def gather(self, index, *, seed=0, epoch=0):
        return self.x[index], None if self.given is None else self.given[index]


def normal_rows(n=400, seed=0):
    return Rows(Noise(seed).normal(n, 2) * torch.tensor([1.0, 3.0]) + 2)


class Line(GenerativeModel):
    """A Gaussian with dropout and noise in its loss: everything random that a loss may hold."""

    likelihood = Likelihood.EXACT

    def __init__(self, dropout=0.1):
        super().__init__(Space((2,)))
        self.net, self.log_scale = nn.Linear(2, 2), nn.Parameter(torch.zeros(2))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("start", torch.zeros(2))

    def prepare(self, batches):
        self.start.copy_(torch.cat([batch.x for batch in batches]).mean(0))

    def draw(self, n, given, noise):
        return self.start + noise.normal(n, 2, dtype=self.start.dtype) * self.log_scale.exp()

    def log_density(self, x, given, noise):
        z = (x - self.start) * (-self.log_scale).exp()
        z = z + self.dropout(self.net(z)) * noise.normal(*z.shape, dtype=z.dtype)
        return -0.5 * z.square().sum(1) - self.log_scale.sum()


class Duel(GenerativeModel):
    """Two players: a critic that takes two steps a turn and is clipped, a generator that plays every second round."""

    def __init__(self):
        super().__init__(Space((2,)))
        self.generator, self.critic = nn.Linear(2, 2), nn.Linear(2, 1)

    def draw(self, n, given, noise):
        return self.generator(noise.normal(n, 2, dtype=self.generator.weight.dtype))

    def loss(self, batch):
        raise self.lacks(Capability.LOSS)

    def can(self, capability):
        return Capability(capability) is not Capability.LOSS and super().can(capability)

    def players(self):
        return [
            Player("critic", self.critic, self.critic_loss, steps=2, optimizer={"lr": 1e-2}, after=self.clip),
            Player("generator", self.generator, self.generator_loss, every=2),
        ]

    def critic_loss(self, batch):
        fake = self.draw(len(batch), None, batch.noise)
        distance = self.critic(batch.x).mean() - self.critic(fake).mean()
        return {"loss": -distance, "distance": distance}

    def generator_loss(self, batch):
        return -self.critic(self.draw(len(batch), None, batch.noise)).mean()

    def clip(self, now):
        with torch.no_grad():
            for parameter in self.critic.parameters():
                parameter.clamp_(-0.1, 0.1)


class Moments(GenerativeModel, DirectFit):
    """A Gaussian's mean by passes that go half of the way each, so that there are several."""

    likelihood = Likelihood.EXACT

    def __init__(self):
        super().__init__(Space((2,)))
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("sums", torch.zeros(3, dtype=torch.float64))

    def draw(self, n, given, noise):
        return self.mean + noise.normal(n, 2)

    def log_density(self, x, given, noise):
        return -0.5 * (x - self.mean).square().sum(1)

    def begin(self):
        self.sums.zero_()

    def accumulate(self, batch):
        self.sums[:2] += batch.x.double().sum(0)
        self.sums[2] += len(batch)

    def statistics(self):
        return [self.sums]

    def finish(self):
        step = (self.sums[:2] / self.sums[2]).to(self.mean.dtype) - self.mean
        self.mean += step / 2
        gain = float(step.abs().max())
        return Done(gain=gain) if gain < 1e-3 else {"gain": gain}


class Growing(GenerativeModel):
    """A line of layers, of which the first few work at first and all at the end: a step grows dearer."""

    likelihood = Likelihood.EXACT
    costs = (1, 2, 4, 12)

    def __init__(self):
        super().__init__(Space((2,)))
        self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in self.costs)
        self.register_buffer("rung", torch.zeros((), dtype=torch.int64))
        self.worked = 0  # what all steps together have cost

    def draw(self, n, given, noise):
        return noise.normal(n, 2)

    def log_density(self, x, given, noise):
        for layer in self.layers[: int(self.rung) + 1]:
            x = x + layer(x) / 10
        return -0.5 * x.square().sum(1)

    def loss(self, batch):
        self.work(self.costs[int(self.rung)])
        return super().loss(batch) * (1 + batch.progress)

    def players(self):
        return [Player("model", self, self.loss, after=lambda now: self.at(now.progress))]

    def at(self, progress):
        self.rung.fill_(min(len(self.costs) - 1, int(progress * len(self.costs))))

    def work(self, cost):
        self.worked += cost


KINDS = {"line": Line, "duel": Duel, "moments": Moments, "growing": Growing}


def model_of(kind):
    """The model of a kind, initialised the same every time."""
    with seeded(0):
        return KINDS[kind]()
