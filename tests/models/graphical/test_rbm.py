"""The restricted Boltzmann machine against its enumeration: free energies, gradients, normalizations, chains."""

import itertools
import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Batch, Instant, Likelihood, Noise, Space
from genzoo.models.graphical import RBM
from genzoo.models.graphical.states import binary_states
from genzoo.models.graphical.units import Units

LABEL = Space((), levels=3)


@pytest.fixture(autouse=True)
def _double() -> None:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def every(n: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=n)))


def made(dims: int = 4, hidden: int = 3, given: Space | None = None, **options: int) -> RBM:
    model = RBM(Space((dims,), levels=2), given, hidden=hidden, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
        model.base.copy_(model.visible_bias + 0.5)
    return model.eval()


def joint(model: RBM) -> Tensor:
    """−E(v, h) of all pairs, by the definition."""
    v, h = every(model.space.dims), every(model.hidden)
    return (v @ model.visible_bias)[:, None] + h @ model.hidden_bias + v @ model.weight.T @ h.T


def test_states_are_counted_in_blocks() -> None:
    assert torch.equal(torch.cat(list(binary_states(5, block=7))), every(5))


def test_free_energies_sum_over_hidden_units() -> None:
    model = made()
    assert torch.allclose(-model.free_energy(every(4)), joint(model).logsumexp(1))


@pytest.mark.parametrize(("dims", "hidden"), [(4, 3), (3, 5)])
def test_the_normalization_is_the_sum_over_everything(dims: int, hidden: int) -> None:
    model = made(dims, hidden)
    assert model.likelihood is Likelihood.EXACT
    assert model.exact_log_z().item() == pytest.approx(float(joint(model).logsumexp((0, 1)).detach()))
    assert model.log_prob(every(dims).byte()).exp().sum().item() == pytest.approx(1)
    low, high = model.log_z_interval
    assert low.item() == high.item() == pytest.approx(float(joint(model).logsumexp((0, 1)).detach()))


def test_labels_make_one_machine_of_pairs() -> None:
    model = made(given=LABEL)
    x = every(4).byte()
    of_class = torch.stack([-model.free_energy(every(4), torch.full((16,), y)) for y in range(3)])
    log_z = model.exact_log_z()
    assert torch.allclose(of_class.logsumexp(1), log_z)
    odds = log_z.softmax(0)  # p(y)
    mixed = sum(odds[y] * model.log_prob(x, torch.full((16,), y)).exp() for y in range(3))
    assert torch.allclose(model.log_prob(x).exp(), mixed)
    assert model.log_prob(x).exp().sum().item() == pytest.approx(1)
    posterior = of_class.softmax(0).T  # p(y | v)
    hidden = sum(posterior[:, y, None] * model.encode(x, torch.full((16,), y)) for y in range(3))
    assert torch.allclose(model.encode(x), hidden)


@pytest.mark.parametrize("given", [None, LABEL])
def test_the_gradient_of_the_gap_is_that_of_the_likelihood(given: Space | None) -> None:
    """With exact draws in place of chains: here all states, as often as their masses say, as a weighted mean."""
    model = made(given=given)
    x = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]], dtype=torch.uint8)
    label = None if given is None else torch.tensor([0, 2])
    pairs = [(v, y) for v in every(4) for y in range(1 if given is None else 3)]
    v, y = torch.stack([v for v, _ in pairs]), torch.tensor([y for _, y in pairs])
    free = model.free_energy(v, None if given is None else y)
    exact = model.free_energy(x.double(), label).mean() + (-free).logsumexp(0)  # −log p(v, y)
    gap = model.free_energy(x.double(), label).mean() - ((-free).softmax(0).detach() * free).sum()
    for a, b in zip(
        *(torch.autograd.grad(value, list(model.parameters()), retain_graph=True) for value in (exact, gap)),
        strict=True,
    ):
        assert torch.allclose(a, b)


@pytest.mark.parametrize("given", [None, LABEL])
def test_a_sweep_leaves_the_mass_as_it_is(given: Space | None) -> None:
    model, n = made(given=given), 40_000
    pairs = [(v, y) for v in every(4) for y in range(1 if given is None else 3)]
    v, y = torch.stack([v for v, _ in pairs]), torch.tensor([y for _, y in pairs])
    with torch.no_grad():
        mass = (-model.free_energy(v, None if given is None else y)).softmax(0)
        start = Noise(0).categorical(mass.log().expand(n, -1))
        units = Units(v[start], None if given is None else y[start])
        end = model.sweep(units, Noise(1))
    number = (end.v.long() * torch.tensor([8, 4, 2, 1])).sum(1)
    number = number if end.label is None else 3 * number + end.label
    counts = number.bincount(minlength=len(mass)).numpy()
    assert stats.chisquare(counts, (mass * n).numpy()).pvalue > 1e-3


@pytest.mark.parametrize("given", [None, LABEL])
def test_annealing_finds_the_normalization(given: Space | None) -> None:
    model = made(6, 5, given)
    exact = model.exact_log_z()
    found = model.estimate_log_z(chains=500, temperatures=100, seed=3)
    assert len(found) == len(exact)
    for each, value in zip(found, exact, strict=True):
        assert abs(each.log_z - value.item()) < 4.5 * each.error < 0.3
        assert not each.trouble
    assert torch.equal(model.log_z, torch.tensor([each.log_z for each in found]))
    assert (model.log_z_error > 0).all()


def test_a_large_machine_estimates_once_and_again_when_its_weights_change() -> None:
    model = RBM(Space((30,), levels=2), hidden=25, sweeps=5)
    assert model.likelihood is Likelihood.ESTIMATE
    x = Noise(0).integers(2, 4, 30).byte()
    first = model.log_prob(x)
    kept = model.log_z.clone()
    model.log_z_error.fill_(7)  # would be overwritten by another estimate
    assert torch.equal(model.log_prob(x), first)
    assert model.log_z_error.item() == 7
    with torch.no_grad():
        model.weight[0, 0] += 0.5
    model.log_prob(x)
    assert model.log_z_error.item() < 1
    assert not torch.equal(model.log_z, kept)
    low, high = model.log_z_interval
    assert low < model.log_z < high
    other = RBM(Space((30,), levels=2), hidden=25, sweeps=5)
    other.load_state_dict(model.state_dict())
    other.log_z_error.fill_(7)
    other.log_prob(x)
    assert other.log_z_error.item() == 7  # what is kept comes with the weights
    with pytest.raises(ValueError, match="Enumeration takes"):
        model.exact_log_z()


def test_without_couplings_everything_is_known() -> None:
    model = RBM(Space((40,), levels=2), hidden=30)
    with torch.no_grad():
        model.weight.zero_()
        model.visible_bias.copy_(torch.linspace(-2, 2, 40))
        model.hidden_bias.copy_(torch.linspace(-1, 1, 30))
    log_z = sum(math.log1p(math.exp(b)) for b in [*model.visible_bias.tolist(), *model.hidden_bias.tolist()])
    found = model.estimate_log_z(chains=400, temperatures=60)[0]
    assert abs(found.log_z - log_z) < 4 * found.error
    p = model.visible_bias.sigmoid()
    x = model.sample(4000, seed=0, sweeps=1).double()
    assert ((x.mean(0) - p).abs() < 5 * (p * (1 - p) / 4000).sqrt()).all()


def test_filters_are_pictures_of_the_weights() -> None:
    model = RBM(Space((1, 2, 2), levels=2), hidden=2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, -1.0, 0.0, 0.5], [0.0, 0.0, 0.0, 0.0]]))
    assert model.filters().flatten(1).tolist() == [[255, 0, 128, 191], [128, 128, 128, 128]]


def test_pseudo_likelihood_is_unbiased() -> None:
    model = made()
    v = torch.tensor([[0.0, 1, 1, 0]])
    flips = [v.clone().squeeze(0) for _ in range(4)]
    for i, row in enumerate(flips):
        row[i] = 1 - row[i]
    here = -model.free_energy(v)
    exact = sum(
        float((here - torch.stack([here, -model.free_energy(row[None])]).logsumexp(0)).detach()) for row in flips
    )
    found = model.pseudo_likelihood(Units(v.expand(4000, -1), None), Noise(0))
    assert found.mean().item() == pytest.approx(exact, abs=5 * found.std().item() / 4000**0.5)


def test_chains_are_moved_after_a_step_and_kept_with_the_weights() -> None:
    model = made(given=LABEL, chains=10)
    model.prepare([Batch(every(4).byte(), torch.arange(16) % 3, Noise(0))])
    before = model.state_dict()["chain_v"].clone()
    player = model.players()[0]
    player.after(Instant(0, noise=Noise(1)))
    assert not torch.equal(model.chain_v, before)
    assert set(model.chain_v.unique().tolist()) <= {0, 1}
    assert model.chain_label.max() < 3
    assert RBM(Space((4,), levels=2), hidden=3, chains=0).players()[0].after is None


def test_learning_reaches_another_machine() -> None:
    """Persistent chains learn what a machine draws, nearly as well as that machine knows it itself."""
    teacher = made(5, 1)
    with torch.no_grad():  # two patterns, each the other's opposite, with errors
        teacher.weight.copy_(torch.tensor([[2.0, -2.0, 2.0, -2.0, 2.0]]))
        teacher.visible_bias.copy_(-teacher.weight[0] / 2)
        teacher.hidden_bias.fill_(-1.0)
    x = teacher.sample(1000, seed=0, sweeps=50)
    model = RBM(Space((5,), levels=2), hidden=4, chains=200)
    model.prepare([Batch(x, None, Noise(0))])
    optimizer, player = torch.optim.Adam(model.parameters(), lr=0.02), model.players()[0]
    before = model.log_prob(x).mean().item()
    for t in range(300):
        optimizer.zero_grad()
        player.loss(Batch(x, None, Noise(2).tick(t)))["loss"].backward()
        optimizer.step()
        player.after(Instant(t, noise=Noise(3).tick(t)))
    known, learned = teacher.log_prob(x).mean().item(), model.log_prob(x).mean().item()
    assert before < known - 0.1
    assert learned > known - 0.25 * (known - before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RBM(Space((4,))), "binary"),
        (lambda: RBM(Space((4,), levels=3)), "Binarize"),
        (lambda: RBM(Space((4,), levels=2), Space((2,))), "one label"),
        (lambda: RBM(Space((4,), levels=2), hidden=0), "at least 1"),
        (lambda: RBM(Space((4,), levels=2), chains=-1), "not negative"),
        (lambda: RBM(Space((4,), levels=2)).sample(2, sweeps=-1), "sweeps"),
    ],
)
def test_bad_input_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_that_cannot_be_trusted_are_said_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RBM(Space((30,), levels=2), hidden=30)
    with torch.no_grad():
        model.weight.mul_(300)
    few = model.estimate_log_z(temperatures=2)
    assert "rests on" in few[0].trouble
    monkeypatch.setattr(model, "estimate_log_z", lambda: few)
    model.log_z_of.fill_(torch.nan)
    with pytest.warns(UserWarning, match="not to be trusted"):
        model.log_prob(torch.zeros(1, 30, dtype=torch.uint8))
