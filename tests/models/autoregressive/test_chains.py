"""Recurrent networks, chains of regressions, NADE and Markov chains: their order, their masses, their cached steps."""

import itertools
import math

import pytest
import torch

from genzoo.core import Batch, GenerativeModel, Noise, Sequential, Space
from genzoo.models.autoregressive import MADE, NADE, RNN, MarkovDensity, MarkovMLP, SoftmaxChain, WaveNet
from genzoo.models.stepping import entry_log_probs, stream
from genzoo.nn.growing_sum import growing_sum
from genzoo.testing import conditions, rows
from tests.zoo.autoregressive import chain, density, markov, nade, rnn, wavenet
from tests.zoo.entry import LABEL, TINY, WORDS

MODELS = pytest.mark.parametrize(
    "model",
    [
        rnn(WORDS, LABEL),
        rnn(TINY, LABEL, cell="gru", depth=2),
        nade(TINY, LABEL),
        chain(TINY, LABEL),
        markov(WORDS, LABEL),
        wavenet(WORDS, LABEL, cycles=2),
    ],
    ids=lambda model: f"{type(model).__name__}-{model.space.ragged}",
)


@MODELS
def test_entries_one_by_one_are_those_of_whole_rows(model: GenerativeModel) -> None:
    model.double()
    x, given = rows(model.space, 6), model.checked_given(conditions(LABEL, 6), 6)
    with torch.no_grad():
        steps = entry_log_probs(model.able(Sequential), x, given)
        assert torch.allclose(steps.sum(1), model.log_prob(x, given), atol=1e-10)
    model.float()


@MODELS
def test_beginnings_of_several_lengths_go_on_as_each_alone(model: GenerativeModel) -> None:
    steps, noise, given = model.able(Sequential), Noise(4), model.checked_given(conditions(LABEL, 3), 3)
    beginnings = torch.tensor([[1, 0], [0, -1], [-1, -1]])
    with torch.no_grad():
        together = torch.stack(list(stream(steps, 3, given, noise=noise, prefix=beginnings)), dim=1)
        for length in range(3):
            row = 2 - length
            prefix = beginnings[row, :length].expand(3, length)
            alone = torch.stack(list(stream(steps, 3, given, noise=noise, prefix=prefix)), dim=1)[row]
            size = min(len(alone), together.shape[1])
            assert torch.equal(together[row, :size], alone[:size])


@pytest.mark.parametrize("make", [rnn, nade, chain, markov, wavenet])
def test_masses_of_all_rows_sum_to_one(make) -> None:
    model = make(Space((5,), levels=3)).double()
    every = torch.tensor(list(itertools.product(range(3), repeat=5)))
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("make", [rnn, markov, wavenet])
def test_masses_of_all_lengths_sum_to_one(make) -> None:
    model = make(Space((3,), levels=2, ragged=True)).double()
    words = [[*word, *[2] * (3 - n)] for n in range(4) for word in itertools.product(range(2), repeat=n)]
    assert model.log_prob(torch.tensor(words)).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_a_chain_of_order_d_sees_d_entries_and_no_more() -> None:
    x = torch.tensor([[0, 1, 2, 0, 1, 2]])
    model = markov(Space((6,), levels=3)).double()
    with torch.no_grad():
        before = entry_log_probs(model.able(Sequential), x)
        after = entry_log_probs(model.able(Sequential), torch.cat([(x[:, :1] + 1) % 3, x[:, 1:]], dim=1))
    changed = (before != after)[0].tolist()
    assert changed == [True, True, True, False, False, False]


def test_dilated_convolutions_see_their_reach_and_no_more() -> None:
    model = WaveNet(Space((20,), levels=4), width=8, depth=3)
    assert model.reach == 8
    for layer in model.net.layers:  # so that nothing is cancelled by chance
        torch.nn.init.uniform_(layer.gates.weight, 0.1, 0.5)
    vectors = model.table(torch.zeros(1, 20, dtype=torch.long)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.net(vectors)[0, 15].sum(), vectors)
    assert gradient[0].ne(0).any(1).nonzero().flatten().tolist() == list(range(8, 16))


def test_sequences_one_after_another_are_heard_as_each_alone() -> None:
    space = Space((30,), levels=3, ragged=True)
    model = wavenet(space, Space((), levels=2), cycles=2, frame=7).double()
    x = torch.full((3, 30), 3)
    for row, length in enumerate((30, 0, 11)):
        x[row, :length] = torch.arange(length) % 3
    given = torch.tensor([0, 1, 1])
    alone = [model.log_prob(x[row : row + 1], given[row : row + 1]) for row in range(3)]
    assert model.log_prob(x, given).sub(torch.cat(alone)).abs().max() < 1e-9


def test_frames_tell_where_a_symbol_stands_and_the_condition_with_it() -> None:
    same = torch.zeros(1, 12, dtype=torch.long)
    for frame, alike in ((0, True), (4, False)):
        model = wavenet(Space((12,), levels=2), frame=frame).double()
        with torch.no_grad():
            said = entry_log_probs(model.able(Sequential), same)[0, 4:]  # past the reach of the start
        assert (said - said[0]).abs().max().lt(1e-12).item() is alike


def test_a_chain_of_reals_is_a_density_that_sees_d_entries_and_no_more() -> None:
    model = density(Space((2,))).double()
    edge = torch.linspace(-20, 20, 201, dtype=torch.float64)
    grid = torch.cartesian_prod(edge, edge)
    assert model.log_prob(grid).exp().sum().item() * 0.2**2 == pytest.approx(1, abs=1e-3)
    longer = density(Space((5,))).double()
    x = torch.zeros(1, 5, dtype=torch.float64, requires_grad=True)
    before = longer.net(longer._before(x[:, :-1]))
    (gradient,) = torch.autograd.grad(before[0, 4].sum(), x)
    assert (gradient[0] != 0).tolist() == [False, False, True, True, False]


def test_a_chain_of_reals_learns_what_follows_what() -> None:
    model = MarkovDensity(Space((3,)), order=1, width=32, places=False, components=2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    noise = Noise(0).normal(512, 3)
    x = torch.stack([noise[:, 0], 0.8 * noise[:, 0] + 0.6 * noise[:, 1]], dim=1)
    x = torch.cat([x, (0.8 * x[:, 1] + 0.6 * noise[:, 2])[:, None]], dim=1)
    for step in range(100):
        optimizer.zero_grad()
        model.loss(Batch(x, noise=Noise(0).tick(step))).backward()
        optimizer.step()
    truth = -0.5 * noise.square().sum(1).mean().item() - 1.5 * math.log(2 * math.pi) - 2 * math.log(0.6)
    assert model.log_prob(x).mean().item() == pytest.approx(truth, abs=0.1)
    y = model.eval().sample(2000, seed=0)
    assert torch.corrcoef(y.T)[0, 2].item() == pytest.approx(0.64, abs=0.08)


def test_the_lectures_count_of_weights() -> None:
    assert SoftmaxChain(Space((5,), levels=7)).parameter_count == 7 * (5 * 4 // 2 + 5)
    with torch.device("meta"):
        assert SoftmaxChain(Space((1, 28, 28), levels=256)).parameter_count == 78_776_320


def test_a_chain_of_regressions_on_bits_is_logistic_regressions() -> None:
    model = chain(Space((3,), levels=2)).double()
    x, u = torch.tensor([[1, 0, 1]]), torch.tensor([1.0, -1.0], dtype=torch.float64)
    w, b = model.weight[:, 0], model.bias[:, 0]
    logits = torch.stack([b[0], b[1] + w[0] * u[0], b[2] + w[1:] @ u])
    signs = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    assert torch.allclose(model.log_prob(x)[0], (signs * logits).sigmoid().log().sum())


def test_the_growing_sum_is_the_sum_and_its_way_back_is_right() -> None:
    shapes = [(3, 4), (3, 5), (4, 5), (4, 5, 2)]
    parts = [Noise(i).normal(*shape, dtype=torch.float64).requires_grad_(i > 0) for i, shape in enumerate(shapes)]
    u, began, inward, outward = parts
    sums = torch.cat([began[None], u.T[:-1, :, None] * inward[:-1, None]]).cumsum(0)
    assert torch.allclose(growing_sum(*parts), (sums.relu() @ outward).movedim(0, 1))
    assert torch.autograd.gradcheck(growing_sum, parts)
    with pytest.raises(RuntimeError, match="differentiated once"):
        torch.autograd.grad(growing_sum(*parts).sum(), inward, create_graph=True)


def test_they_start_from_the_frequencies_of_each_entry() -> None:
    x = (Noise(0).uniform(4000, 2) < torch.tensor([0.2, 0.7])).to(torch.uint8)
    for kind in (MADE, NADE, SoftmaxChain):
        model = kind(Space((2,), levels=2))
        model.prepare([Batch(x)])
        expected = [x[:, 0].double().mean().item(), x[:, 1].double().mean().item()]
        found = [
            sum(model.log_prob(torch.tensor([row])).exp().item() for row in pair)
            for pair in ([[1, 0], [1, 1]], [[0, 1], [1, 1]])
        ]
        assert found == pytest.approx(expected, abs=2e-3), kind


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="mass on levels"):
        RNN(Space((3,)))
    with pytest.raises(ValueError, match="one length"):
        SoftmaxChain(WORDS)
    with pytest.raises(ValueError, match="`width` must be"):
        NADE(Space((2,), levels=2), width=0)
    with pytest.raises(ValueError, match="`order`, `width`"):
        MarkovMLP(WORDS, order=0)
    with pytest.raises(ValueError, match="density of reals"):
        MarkovDensity(TINY)
