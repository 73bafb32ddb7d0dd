"""The hidden Markov model against the sum over all paths, written out, and against the promises of EM."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Done, Noise, Sequential, Space, Unsupported
from genzoo.models.classical import HMM
from genzoo.models.stepping import entry_log_probs
from genzoo.testing.density import every
from tests.zoo import ready

LABEL = Space((), levels=2)
WORDS, ROLLS = Space((4,), levels=3, ragged=True), Space((4, 2), levels=3, ragged=True)
SPACES = {
    "symbols": Space((4, 2), levels=3),
    "bits": Space((4, 3), levels=2),
    "reals": Space((4, 2)),
    "words": WORDS,
    "rolls": ROLLS,
    "ragged reals": Space((4, 2), ragged=True),
}


def rows(space: Space, n: int = 12, name: str = "rows") -> Tensor:
    noise = Noise(0, name)
    x = noise.normal(n, *space.shape, dtype=torch.float64)
    x = x + 2 * x[:, :1].sign()
    if space.levels is not None:
        x = noise.integers(space.levels, n, *space.shape)
    if space.ragged:
        length = 1 + noise.integers(space.shape[0], n)
        short = torch.arange(space.shape[0]) >= length[:, None]
        short = short.reshape(*short.shape, *[1] * (x.ndim - 2)).expand_as(x)
        x = x.masked_fill(short, torch.nan if space.levels is None else space.levels)
    return x


def fitted(space: Space, given: Space | None = None, passes: int = 3, **options: object) -> tuple[HMM, Batch]:
    x = rows(space)
    data = Batch(x, None if given is None else torch.arange(len(x)) % 2)
    model = HMM(space, given, states=options.pop("states", 3), **options)
    model.prepare([data])
    for _ in range(passes):
        one_pass(model, data)
    return model, data


def one_pass(model: HMM, *batches: Batch) -> dict[str, float]:
    model.begin()
    for batch in batches:
        model.accumulate(batch)
    return model.finish()


def every_path(model: HMM, row: Tensor, start: Tensor) -> dict[tuple[int, ...], float]:
    """The probability of a row with each path of states, by multiplication alone."""
    steps = row.reshape(len(row), -1)
    there = ~steps[:, 0].isnan() if model.space.levels is None else steps[:, 0] < model.space.levels
    steps = steps[there]
    chances = model.emissions.log_density(steps).exp() if len(steps) else torch.zeros(0, 0)
    found = {}
    for path in itertools.product(range(len(model.transition)), repeat=len(steps)):
        p = float(start[path[0]]) if path else float(start[-1])
        for a, b in itertools.pairwise(path):
            p *= float(model.transition[a, b])
        for t, state in enumerate(path):
            p *= float(chances[t, state])
        if path and model.space.ragged and len(path) < model.space.shape[0]:
            p *= float(model.transition[path[-1], -1])
        found[path] = p
    return found


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_likelihood_is_the_sum_over_all_paths(space: Space) -> None:
    model, data = fitted(space)
    posterior, best = model.posterior(data.x), model.paths(data.x)
    for i, row in enumerate(data.x):
        paths = every_path(model, row, model.initial[0])
        whole = sum(paths.values())
        assert model.log_prob(data.x)[i].item() == pytest.approx(math.log(whole), abs=1e-10)
        top, length = max(paths, key=paths.get), int((best[i] >= 0).sum())
        assert tuple(best[i, :length].tolist()) == top
        gamma = torch.zeros(space.shape[0], 3, dtype=torch.float64)
        for path, p in paths.items():
            for t, state in enumerate(path):
                gamma[t, state] += p / whole
        assert torch.allclose(posterior[i], gamma, atol=1e-10)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_pass_counts_what_all_paths_say(space: Space) -> None:
    model, data = fitted(space, passes=1)
    start, transition = model.initial[0].clone(), model.transition.clone()
    firsts, pairs = torch.zeros_like(start), torch.zeros_like(transition)
    for row in data.x:
        paths = every_path(model, row, start)
        whole = sum(paths.values())
        for path, p in paths.items():
            firsts[path[0]] += p / whole
            for a, b in itertools.pairwise(path):
                pairs[a, b] += p / whole
            if space.ragged and len(path) < space.shape[0]:
                pairs[path[-1], -1] += p / whole
    model.begin()
    model.accumulate(data[:5])
    model.accumulate(data[5:])
    assert torch.allclose(model.firsts[0], firsts, atol=1e-10)
    assert torch.allclose(model.pairs, pairs, atol=1e-10)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("given", [None, LABEL], ids=["plain", "given"])
def test_no_pass_lowers_the_likelihood(space: Space, given: Space | None) -> None:
    model, data = fitted(space, given, passes=0, tol=1e-6)
    losses = []
    for _ in range(200):
        metrics = one_pass(model, data)
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    assert isinstance(metrics, Done)
    assert losses[-1] < losses[0]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(losses))


def test_a_null_label_is_the_exact_marginal() -> None:
    model, data = fitted(WORDS, LABEL)
    of_class = [model.log_prob(data.x, torch.full((12,), c)) for c in range(2)]
    whole = torch.stack(of_class, 1) + model.class_weights.log()
    assert torch.allclose(model.log_prob(data.x), whole.logsumexp(1), atol=1e-10)


def test_classes_are_fitted_apart() -> None:
    space = SPACES["symbols"]
    both, data = fitted(space, LABEL, states=2, passes=0)
    alone = HMM(space, states=2)
    part, mine = slice(2, 4), data.x[1::2]
    alone.initial.copy_(both.initial[1:, [2, 3, 4]])
    alone.transition.copy_(both.transition[part][:, [2, 3, 4]])
    alone.emissions.log_probs.copy_(both.emissions.log_probs[..., part])
    for _ in range(4):
        one_pass(both, data)
        one_pass(alone, Batch(mine))
    assert torch.allclose(both.log_prob(mine, torch.ones(6, dtype=torch.int64)), alone.log_prob(mine), atol=1e-10)
    assert both.class_weights.tolist() == pytest.approx([0.5, 0.5])


def test_rows_without_a_label_are_fitted_as_well() -> None:
    model, data = fitted(WORDS, LABEL, passes=0)
    labels = torch.where(torch.arange(12) % 3 == 0, -1, data.given["given"])
    reached = []
    for _ in range(30):
        one_pass(model, Batch(data.x, labels))
        reached.append(model.reached.item())
    assert all(later >= earlier - 1e-10 for earlier, later in itertools.pairwise(reached))


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_blocks_do_not_show(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = fitted(space)
    whole, paths = model.log_prob(data.x), model.paths(data.x)
    posterior = model.posterior(data.x)
    monkeypatch.setattr("genzoo.models.classical.hmm.BLOCK", 1)
    assert torch.allclose(model.log_prob(data.x), whole, atol=1e-12)
    assert torch.equal(model.paths(data.x), paths)
    assert torch.allclose(model.posterior(data.x), posterior, atol=1e-12)


def test_states_are_found() -> None:
    """Two states that stay for long and emit far apart: paths and parameters come back."""
    truth = HMM(Space((200,)), states=2)
    truth.transition.copy_(torch.tensor([[0.95, 0.05, 0.0], [0.1, 0.9, 0.0]]))
    truth.emissions.gaussians.means.copy_(torch.tensor([[-2.0], [2.0]]))
    x = truth.sample(50, seed=0)
    model = HMM(Space((200,)), states=2)
    model.prepare([Batch(x)])
    for _ in range(20):
        one_pass(model, Batch(x))
    order = model.emissions.gaussians.means.flatten().argsort()
    assert torch.allclose(model.transition[order][:, order], truth.transition[:, :2], atol=0.02)
    assert torch.allclose(model.emissions.gaussians.means[order], truth.emissions.gaussians.means, atol=0.05)
    assert (order.argsort()[model.paths(x)] == truth.paths(x)).float().mean() > 0.98


def test_samples_have_the_chains_frequencies() -> None:
    model, _ = fitted(WORDS, passes=5)
    x = model.sample(20_000, seed=0)
    lengths = (x < 3).sum(1)
    state, alive = model.initial[0, :-1], []
    for _ in range(4):
        alive.append(state.sum().item())
        state = state @ model.transition[:, :-1]
    for t, p in enumerate(alive):
        assert (lengths > t).float().mean().item() == pytest.approx(p, abs=0.015)


@pytest.mark.parametrize("length", [2000])
def test_long_sequences_neither_under_nor_overflow(length: int) -> None:
    space = Space((length, 30), levels=2)
    x = rows(space, 3)
    model = HMM(space, states=4)
    model.prepare([Batch(x)])
    one_pass(model, Batch(x))
    log_prob = model.log_prob(x)
    assert log_prob.isfinite().all()
    assert (log_prob < -1000).all()
    assert torch.allclose(model.posterior(x).sum(2), torch.ones(3, length, dtype=torch.float64))


def test_short_rows_may_come_alone() -> None:
    model, data = fitted(ROLLS)
    short = data.x[(data.x[:, 2, 0] == 3)][:, :2]
    whole = torch.nn.functional.pad(short, (0, 0, 0, 2), value=3)
    assert torch.allclose(model.log_prob(short), model.log_prob(whole))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": Space((1, 4, 4), levels=2)}, "sequences"),
        ({"space": Space((4,), levels=5000)}, "4,096"),
        ({"given_space": Space((2,))}, "one label"),
        ({"states": 0}, "states"),
        ({"smoothing": 0.0}, "smoothing"),
    ],
)
def test_impossible_models_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HMM(**{"space": Space((4,), levels=3)} | arguments)


def test_broken_rows_are_refused() -> None:
    model = HMM(ROLLS, states=2)
    x = rows(ROLLS)
    x[0, 0, 1] = 3
    with pytest.raises(ValueError, match="whole steps"):
        model.log_prob(x)
    y = rows(SPACES["reals"])
    y[3, 1, 1] = math.inf
    with pytest.raises(ValueError, match="Column 1 "):
        HMM(SPACES["reals"], states=2).prepare([Batch(y)])


def test_samples_go_on_from_a_prefix_by_its_posterior() -> None:
    """Of all sequences that begin so, each has its share."""
    model = ready("hmm/ragged").double()
    x = every(model.space)
    x = x[x[:, 0] == 1]
    with torch.no_grad():
        share = model.log_prob(x).exp()
    drawn = model.sample(4000, seed=0, prefix=torch.tensor([1]))
    found = (drawn[:, None] == x).all(2).double().mean(0)
    assert found.sum() == 1
    assert (found - share / share.sum()).abs().max() < 5 * (0.25 / 4000) ** 0.5


@pytest.mark.parametrize("name", [name for name, space in SPACES.items() if space.is_discrete])
def test_entries_one_by_one_multiply_to_the_mass(name: str) -> None:
    model, batch = fitted(SPACES[name])
    parts = entry_log_probs(model.able(Sequential), batch.x)
    assert torch.allclose(parts.sum(1), model.log_prob(batch.x), atol=1e-10)


def test_reals_have_no_symbols_to_go_on_from() -> None:
    with pytest.raises(Unsupported, match="step"):
        ready("hmm/reals").sample(2, seed=0, prefix=torch.tensor([1]))


def test_a_state_in_two_equal_halves_changes_nothing() -> None:
    """Rows that end, and reals: each half is entered half as often, and leaves and emits as the whole did."""
    halves, share = torch.tensor([0, 0, 1, 2, 3]), torch.tensor([0.5, 0.5, 1, 1, 1], dtype=torch.float64)
    for kind in ("words", "reals"):
        whole, data = fitted(SPACES[kind])
        split, kept = HMM(SPACES[kind], states=4), dict[str, Tensor]()
        split.prepare([data])  # so that it has all buffers
        for name, tensor in whole.state_dict().items():
            wanted = split.state_dict()[name].shape
            for axis in (axis for axis, size in enumerate(wanted) if size != tensor.shape[axis]):
                tensor = tensor.index_select(axis, halves[: wanted[axis]])
            kept[name] = tensor * share if name in ("initial", "transition") else tensor
        split.load_state_dict(kept)
        assert torch.allclose(split.log_prob(data.x), whole.log_prob(data.x), atol=1e-10), kind


def test_free_parameters_are_counted_by_symbols_and_not_by_states() -> None:
    assert HMM(Space((6,), levels=3), states=2).parameter_count == 1 + 2 * 1 + 2 * 2
    assert HMM(Space((6,), levels=2), states=4).parameter_count == 3 + 4 * 3 + 4 * 1
