"""Block diffusion between an autoregressive model and masked diffusion, against sums over orders within blocks."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Space
from genzoo.models.diffusion import BlockDiffusion, EntropyBounded, MaskedDiffusion, RandomOrder, bracket
from genzoo.nn import Infilling, Looks
from genzoo.testing.density import every
from tests.models.diffusion.discrete_oracle import share_of, variation

FIVE = Space((5,), levels=2)


def stirred(length: int, by: float = 0.4) -> BlockDiffusion:
    torch.manual_seed(0)
    net = Infilling(2, places=5, width=8, depth=2, heads=2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return BlockDiffusion(FIVE, None, net, length=length).double().eval()


def by_orders(model: BlockDiffusion) -> Tensor:
    """log p of each block of all rows, along each pair of orders of a whole block and the last."""
    x = every(FIVE).long()
    sizes = [block.stop - block.start for block in model.blocks]
    orders = itertools.product(*[itertools.permutations(range(size)) for size in sizes])
    with torch.no_grad():
        return torch.stack([model.along(x, torch.tensor(sum(order, ())).expand(32, -1), {}) for order in orders])


def in_order(model: BlockDiffusion) -> Tensor:
    """Σ log p(x_d | x_<d), symbol by symbol, as samples are drawn."""
    x, total = every(FIVE).long(), torch.zeros(32, dtype=torch.float64)
    for d in range(5):
        read = torch.cat([x[:, :d], torch.full((32, 1), 2)], 1)
        of = torch.arange(d + 1) // model.length
        with torch.no_grad():
            said = model.log_p(read, torch.zeros(32), {}, Looks(of[:, None] >= of))
        total += said[:, -1].gather(1, x[:, d : d + 1])[:, 0]
    return total


@pytest.mark.parametrize("length", [1, 2, 3])
def test_keys_that_are_kept_say_what_a_whole_pass_says(length: int) -> None:
    """With a condition of which tokens are absent, in every block, hidden entries changing in between."""
    torch.manual_seed(1)
    given_space = {"words": Space((3,), levels=2, ragged=True)}
    net = Infilling(2, places=5, given_space=given_space, width=8, depth=2, heads=2).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
        model = BlockDiffusion(FIVE, given_space, net, length=length).double().eval()
        x, given = every(FIVE).long()[:6], {"words": torch.tensor([[0, 1, 2], [1, 2, 2], [2, 2, 2]] * 2)}
        caches, of = net.begun(torch.zeros(6), given), torch.arange(5) // length
        for block in model.blocks:
            for part in (torch.full_like(x[:, block], 2), x[:, block]):
                read, seen = torch.cat([x[:, : block.start], part], 1), of[: block.stop]
                whole = net(read, torch.zeros(6), given, Looks(seen[:, None] >= seen))[:, block.start :]
                assert torch.allclose(net.follow(part, caches, keep=False), whole, atol=1e-12)
            net.follow(x[:, block], caches, keep=True)


def test_blocks_of_one_are_an_autoregressive_model() -> None:
    model, x = stirred(1), every(FIVE)
    exact = in_order(model)
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-12)
    with torch.no_grad():
        assert torch.allclose(model.log_prob(x, samples=1, seed=3), exact, atol=1e-10)
    found = bracket(model, x, paths=2)
    assert torch.allclose(found.lower, exact)
    assert torch.allclose(found.upper, exact)


def test_one_block_is_masked_diffusion() -> None:
    model = stirred(5)
    whole = MaskedDiffusion(FIVE, None, model.net).double().eval()
    x, order = every(FIVE).long(), torch.tensor([3, 0, 4, 1, 2]).expand(32, -1)
    with torch.no_grad():
        assert torch.allclose(model.along(x, order, {})[:, 0], whole.along(x, order, {}), atol=1e-10)


@pytest.mark.parametrize("length", [2, 3])
def test_log_p_lies_between_its_bounds_on_every_row(length: int) -> None:
    model, x = stirred(length), every(FIVE)
    log_w = by_orders(model)
    exact = (log_w.logsumexp(0) - math.log(len(log_w))).sum(1)
    assert exact.exp().sum().item() == pytest.approx(1, abs=1e-12)
    found = bracket(model, x, paths=40)
    assert (found.lower - 4 * found.error <= exact).all()
    assert (exact <= found.upper + 4 * found.error).all()
    with torch.no_grad():
        draws = model.log_prob(x.repeat(200, 1), samples=2).reshape(200, 32)
    error = draws.std(0) / math.sqrt(200)
    assert ((draws.mean(0) - log_w.mean(0).sum(1)).abs() < 5 * error + 1e-9).all()
    assert (log_w.mean(0).sum(1) <= exact).all()


@pytest.mark.parametrize("length", [1, 2])
def test_samples_follow_that_law(length: int) -> None:
    model, x = stirred(length), every(FIVE)
    exact = (by_orders(model).exp().mean(0)).prod(1)
    assert variation(share_of(x, model.sample(20_000, seed=0, sampler=RandomOrder())), exact) <= 0.02
    first = model.sample(200, seed=0, prefix=torch.tensor([1, 0, 1]), sampler=EntropyBounded(0.3))
    assert (first[:, :3] == torch.tensor([1, 0, 1])).all()


def test_blocks_do_not_see_what_comes() -> None:
    model, x = stirred(2), torch.zeros(1, 5, dtype=torch.long)
    lacking = torch.zeros(1, 5, dtype=torch.bool)
    with torch.no_grad():
        base = model.both(x, lacking, {})
        changed = model.both(x.index_fill(1, torch.tensor([4]), 1), lacking, {})
    assert torch.allclose(base[:, :4], changed[:, :4], atol=1e-12)
    assert not torch.allclose(base[:, 4:], changed[:, 4:])


def test_a_block_has_a_length() -> None:
    with pytest.raises(ValueError, match="`length` must be at least 1"):
        BlockDiffusion(FIVE, None, stirred(1).net, length=0)
