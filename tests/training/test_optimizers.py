import pytest
import torch
from torch import nn

from genzoo.core import Player
from genzoo.training import TrainConfig, optimizers
from genzoo.training.muon import PreciseMuon
from genzoo.training.optimizers import Mover, laid_out, movers, rate
from genzoo.training.pace import Pace
from genzoo.training.precision import Half


def test_the_rate_warms_up_and_ends_at_the_budget():
    config = TrainConfig(warmup=4)
    rates = [rate(step, Pace.even(100), config) for step in range(101)]
    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert sorted(rates[4:], reverse=True) == rates[4:]
    assert rates[100] == pytest.approx(0, abs=1e-12)
    assert rate(99, 100, TrainConfig(schedule="constant")) == 1.0


def test_adamw_moves_as_torch_does():
    net, twin = nn.Linear(3, 2), nn.Linear(3, 2)
    twin.load_state_dict(net.state_dict())
    player = Player("model", net, lambda batch: batch.x.sum(), optimizer={"betas": (0.5, 0.9)})
    mover = Mover(player, net, TrainConfig(lr=0.01, weight_decay=0.1))
    reference = torch.optim.AdamW(twin.parameters(), lr=0.01, betas=(0.5, 0.9), weight_decay=0.1)
    for step in range(3):
        for module in (net, twin):
            module.zero_grad()
            module(torch.ones(4, 3)).square().sum().backward()
        mover.step(0.5**step)
        reference.param_groups[0]["lr"] = 0.01 * 0.5**step
        reference.step()
    torch.testing.assert_close(net.weight, twin.weight)


LOADED = """
import sys
import torch
from genzoo.core import Batch, Trainable
from genzoo.training import TrainConfig, loop, train

class Line(Trainable):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 2))

    def loss(self, batch):
        return (batch.x @ self.weight).square().mean()

class Watch(loop.Stopwatch):
    def __init__(self, *args):
        super().__init__(*args)
        print("torch._dynamo" in sys.modules)

loop.Stopwatch = Watch
batches = torch.utils.data.DataLoader(torch.ones(8, 2), 4)
train(Line(), batches, TrainConfig(steps=2, optimizer=sys.argv[1], device="cpu"))
print("torch._dynamo" in sys.modules)
"""


def test_the_watch_of_a_budget_does_not_count_what_torch_loads(fresh):
    """Its compiler takes a second: AdamW goes without it, and for Muon it is there before the watch starts."""
    for optimizer, there in (("adamw", "False"), ("muon", "True")):
        done = fresh(LOADED, optimizer)
        assert done.stdout.split() == [there, there], (optimizer, done.stderr)


def test_muon_moves_matrices_and_adamw_the_rest():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.Conv1d(3, 3, 1))
    player = Player("model", net, lambda batch: batch.x.sum())
    mover = Mover(player, net, TrainConfig(optimizer="muon"))
    assert [id(p) for p in mover.muon.param_groups[0]["params"]] == [id(net[1].weight)]
    assert {id(p) for p in mover.adamw.parameters} == {id(p) for p in net.parameters()} - {id(net[1].weight)}


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (8, 8)])
def test_without_bfloat16_muon_moves_as_torch_does(shape):
    torch.manual_seed(0)
    start, grads = torch.randn(shape), [torch.randn(shape) for _ in range(3)]
    moved = []
    for kind in (torch.optim.Muon, PreciseMuon):
        p = nn.Parameter(start.clone())
        optimizer = kind([p], lr=0.1, weight_decay=0.1)
        for grad in grads:
            p.grad = grad.clone()
            optimizer.step()
        moved.append((p.detach() - start, optimizer.state[p]["momentum_buffer"]))
    (ours, buffer), (theirs, other) = moved
    assert (ours - theirs).norm() < 0.03 * theirs.norm()
    assert torch.equal(buffer, other)


@pytest.mark.parametrize(
    ("quick", "precision", "kind"),
    [(True, "bf16", torch.optim.Muon), (False, "bf16", PreciseMuon), (True, "float64", PreciseMuon)],
)
def test_muon_is_torchs_where_bfloat16_is_quick_and_asked_for(monkeypatch, quick, precision, kind):
    monkeypatch.setattr(optimizers, "half_on", lambda device: Half(quick, "told so"))
    net = nn.Linear(3, 4)
    player = Player("model", net, lambda batch: batch.x.sum())
    mover = Mover(player, net, TrainConfig(optimizer="muon", precision=precision))
    assert type(mover.muon) is kind


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_mover_goes_on_from_its_state(optimizer):
    def step(net, mover):
        mover.zero_grad()
        net(torch.ones(2, 3)).square().sum().backward()
        mover.step(1.0)

    def pair():
        net = nn.Linear(3, 2)
        nn.init.constant_(net.weight, 0.3)
        nn.init.constant_(net.bias, 0.1)
        return net, Mover(Player("model", net, torch.sum), net, TrainConfig(optimizer=optimizer))

    net, mover = pair()
    step(net, mover)
    other, fresh = pair()
    other.load_state_dict(net.state_dict())
    fresh.load_state_tensors({name: tensor.clone() for name, tensor in mover.state_tensors().items()})
    step(net, mover)
    step(other, fresh)
    assert torch.equal(net.weight, other.weight)


def test_players_of_the_same_parameters_share_their_mover():
    net, other = nn.Linear(2, 2), nn.Linear(2, 2)
    players = [Player("a", net, torch.sum), Player("b", net, torch.sum), Player("c", other, torch.sum)]
    first, second, third = movers(players, nn.ModuleList([net, other]), TrainConfig())
    assert first is second is not third


def test_what_belongs_to_a_parameter_lies_as_it_does():
    """Torch's fused AdamW pairs numbers by their places in memory, whatever their strides say."""
    states = []
    for way in (torch.channels_last, torch.contiguous_format):
        net = nn.Conv2d(3, 4, 3)
        with torch.no_grad():
            net.weight.copy_(torch.linspace(-1, 1, 108).view(4, 3, 3, 3))
            net.bias.zero_()
        net.to(memory_format=way)
        config = TrainConfig(lr=0.1)
        mover = Mover(Player("net", net, None), net, config)
        for step in range(4):
            if step == 2:  # as after a resume, from files
                kept = {name: t.contiguous() for name, t in mover.state_tensors().items()}
                mover = Mover(Player("net", net, None), net, config)
                mover.load_state_tensors(kept)
            grad = torch.sin(torch.arange(108.0) * (step + 1)).view(4, 3, 3, 3)
            net.weight.grad, net.bias.grad = laid_out(grad, net.weight), torch.ones(4)
            mover.step(1.0)
        states.append(net.weight.detach().contiguous())
    assert torch.allclose(*states, atol=1e-6)
