"""Masked diffusion against sums over all orders, and against a network that knows the law."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.models.diffusion import (
    Bracket,
    EntropyBounded,
    MaskedDiffusion,
    RandomOrder,
    Remasking,
    Unmasking,
    bracket,
)
from genzoo.nn import MLP, Hot, Timed
from genzoo.tasks import impute
from genzoo.testing.density import every
from tests.models.diffusion.discrete_oracle import THREE, Knowing, a_law, share_of, variation

FOUR, EIGHT = Space((4,), levels=2), Space((8,), levels=2)
MANY = 20_000


@pytest.fixture(autouse=True)
def _still() -> None:
    torch.manual_seed(0)


def stirred(space: Space, by: float = 0.5) -> MaskedDiffusion:
    """A model whose conditionals are of no one law."""
    size = space.dims * 3
    model = MaskedDiffusion(space, None, Hot(Timed(MLP(size, [8], size, given=4), 4), space.shape, symbols=2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return model.double().eval()


def by_orders(model: MaskedDiffusion) -> Tensor:
    """log p of all rows along each order."""
    x = every(model.space).long()
    orders = itertools.permutations(range(model.space.dims))
    with torch.no_grad():
        return torch.stack([model.along(x, torch.tensor(order).expand(len(x), -1), {}) for order in orders])


def by_subsets(model: MaskedDiffusion) -> Tensor:
    """log p of all rows: what is told so far as a subset, and the mean over the entry that comes next."""
    x, dims = every(model.space).long(), model.space.dims
    p = {frozenset(range(dims)): torch.ones(len(x), dtype=torch.float64)}
    for count in range(dims - 1, -1, -1):
        for told in map(frozenset, itertools.combinations(range(dims), count)):
            lacking = torch.tensor([d not in told for d in range(dims)])
            with torch.no_grad():
                said = model.log_p(x.masked_fill(lacking, 2), torch.full((len(x),), 1 - count / dims), {}).exp()
            now = said.gather(2, x[..., None])[..., 0]
            p[told] = sum(now[:, d] * p[told | {d}] for d in range(dims) if d not in told) / (dims - count)
    return p[frozenset()].log()


def test_log_p_lies_between_its_bounds_on_every_row() -> None:
    """In expectation over all pairs of orders, which is what two paths draw."""
    model = stirred(FOUR)
    log_w = by_orders(model)
    exact = log_w.logsumexp(0) - math.log(len(log_w))
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert torch.allclose(exact, by_subsets(model), atol=1e-12)
    pairs = torch.stack([log_w[:, None].expand(-1, 24, -1), log_w[None].expand(24, -1, -1)])
    found = Bracket.of(pairs)
    lower, upper, least = found.lower.mean((0, 1)), found.upper.mean((0, 1)), log_w.mean(0)
    assert (least <= lower).all()
    assert (lower < exact).all()
    assert (exact < upper).all()


@pytest.mark.parametrize("a", [0.3, 1.0, 4.0])
def test_a_tangent_lies_above_wherever_it_touches(a: float) -> None:
    log_w = by_orders(stirred(FOUR))
    p = log_w.exp().mean(0)
    upper = math.log(a) + p.log() + 1 / a - 1
    assert (upper >= p.log() - 1e-12).all()


def test_what_is_drawn_of_the_bounds_holds_on_every_row_of_eight_bits() -> None:
    model = stirred(EIGHT, by=0.25)
    exact, x = by_subsets(model), every(EIGHT)
    found = bracket(model, x, paths=64)
    assert (found.lower - 4 * found.error <= exact).all()
    assert (exact <= found.upper + 4 * found.error).all()
    assert found.lower.mean() < exact.mean() < found.upper.mean()


def test_the_bounds_meet_where_all_orders_agree() -> None:
    law = a_law(FOUR)
    model = MaskedDiffusion(FOUR, None, Knowing(FOUR, law))
    x = every(FOUR)
    found = bracket(model, x, paths=4)
    assert torch.allclose(found.lower, law.log(), atol=1e-10)
    assert torch.allclose(found.upper, law.log(), atol=1e-10)


@pytest.mark.parametrize("steps", [None, 2, 1])
def test_log_prob_is_the_mean_over_orders(steps: int | None) -> None:
    model, x = stirred(FOUR), every(FOUR)
    orders = itertools.permutations(range(4))
    with torch.no_grad():
        along = [model.along(x.long(), torch.tensor(order).expand(16, -1), {}, steps) for order in orders]
        found = model.log_prob(x.repeat(300, 1), samples=4, steps=steps).reshape(300, 16)
    error = found.std(0) / math.sqrt(300)
    assert ((found.mean(0) - torch.stack(along).mean(0)).abs() < 5 * error + 1e-9).all()


def test_a_knowing_network_has_no_loss_to_lower_but_that_of_the_law() -> None:
    law = a_law(FOUR)
    model = MaskedDiffusion(FOUR, None, Knowing(FOUR, law))
    with torch.no_grad():
        found = model.log_prob(every(FOUR).repeat(200, 1), samples=4).reshape(200, 16).mean(0)
    assert (law * (found - law.log())).sum().item() == pytest.approx(0, abs=0.02)


SAMPLERS: dict[str, Unmasking] = {
    "one by one": RandomOrder(),
    "the surest first": EntropyBounded(0.0),
    "second thoughts": Remasking(60, fresh=1.0),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_follow_the_law_that_is_known(name: str) -> None:
    law, x = a_law(THREE), every(THREE)
    model = MaskedDiffusion(THREE, None, Knowing(THREE, law))
    assert variation(share_of(x, model.sample(MANY, seed=1, sampler=SAMPLERS[name])), law) <= 0.02


def test_told_together_entries_are_drawn_as_if_independent() -> None:
    law, x = a_law(THREE), every(THREE).long()
    model = MaskedDiffusion(THREE, None, Knowing(THREE, law))
    each = [torch.stack([law[x[:, d] == k].sum() for k in (0, 1)]) for d in range(3)]
    product = torch.stack([each[d][x[:, d]] for d in range(3)]).prod(0)
    for sampler in (RandomOrder(1), EntropyBounded(10.0), Remasking(1)):
        assert variation(share_of(x, model.sample(MANY, seed=1, sampler=sampler)), product) <= 0.02


def test_what_is_certain_costs_no_calls() -> None:
    """The first bit is free, the others repeat it: two calls of three."""
    law = torch.zeros(8, dtype=torch.float64)
    law[0] = law[7] = 0.5
    net = Knowing(THREE, law)
    model = MaskedDiffusion(THREE, None, net)
    drawn = model.sample(200, seed=0, sampler=EntropyBounded(0.0))
    assert net.seen == 2
    assert (drawn == drawn[:, :1]).all()


def test_missing_entries_follow_bayes_rule() -> None:
    law, x = a_law(THREE), every(THREE)
    model = MaskedDiffusion(THREE, None, Knowing(THREE, law))
    found = impute(model, torch.tensor([[torch.nan, 1.0, torch.nan]]).expand(MANY, 3), seed=3)
    assert not found.exact
    known = law * (x[:, 1] == 1)
    assert variation(share_of(x, found.x[0]), known / known.sum()) <= 0.02


def test_a_beginning_is_kept_by_every_sampler() -> None:
    model = stirred(EIGHT)
    for sampler in ("random", "entropy", "remask"):
        x = model.sample(20, seed=0, sampler=sampler, prefix=torch.tensor([1, 0, 1]), steps=3)
        assert (x[:, :3] == torch.tensor([1, 0, 1])).all()


def test_rows_that_end_stay_ended() -> None:
    space = Space((5,), levels=2, ragged=True)
    net = Hot(Timed(MLP(20, [8], 20, given=4), 4), (5,), symbols=3)
    x = MaskedDiffusion(space, None, net).sample(200, seed=0)
    ended = x == 2
    assert ended.any()
    assert not (ended[:, :-1] & ~ended[:, 1:]).any()


def test_what_cannot_be_is_refused() -> None:
    model = stirred(FOUR)
    with pytest.raises(ValueError, match="even number"):
        bracket(model, every(FOUR), paths=3)
    with pytest.raises(ValueError, match="`sampler` must be"):
        model.sample(1, sampler="greedy")
    with pytest.raises(ValueError, match="temperature"):
        model.sample(1, temperature=0.0)
    with pytest.raises(ValueError, match="prefix"):
        model.sample(1, prefix=torch.zeros(5))
    with pytest.raises(ValueError, match="`samples` and `steps`"):
        model.log_prob(every(FOUR), samples=0)
    with pytest.raises(ValueError, match="levels"):
        MaskedDiffusion(Space((3,)), None, model.net)
