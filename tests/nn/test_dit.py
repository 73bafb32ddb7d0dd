"""The transformer of patches: any size, rows apart, conditions that matter, the identity at first."""

import pytest
import torch

from genzoo.core import Space
from genzoo.nn import DiT, Timed, Tokens
from tests.nn.test_unet import woken

LABEL = Space((), levels=3)


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 5, 9), (2, 4, 17)])
def test_images_keep_their_size(shape: tuple[int, ...]) -> None:
    net = DiT(shape, given=6, width=8, depth=1, heads=2, patch=4)
    y = net(torch.randn(2, *shape), torch.randn(2, 6))
    assert y.shape == (2, *shape)
    assert torch.equal(y, torch.zeros_like(y))  # it begins by saying nothing
    assert woken(net)(torch.zeros(0, *shape), torch.zeros(0, 6)).shape == (0, *shape)


def test_heads_share_out_the_width() -> None:
    with pytest.raises(ValueError, match="multiple of `heads`, got 8 and 3"):
        DiT((1, 8, 8), given=4, width=8, heads=3)


def test_rows_do_not_see_each_other_and_every_patch_sees_all() -> None:
    torch.manual_seed(0)
    net = woken(Timed(DiT((1, 8, 8), given=8, width=16, depth=1, heads=2, patch=4), 8, LABEL))
    x, t, given = torch.randn(4, 1, 8, 8), torch.rand(4), torch.arange(4) % 3
    whole = net(x, t, given)
    alone = torch.cat([net(x[i : i + 1], t[i : i + 1], given[i : i + 1]) for i in range(4)])
    assert torch.allclose(alone, whole, atol=1e-5)
    assert not torch.allclose(net(x, t, (given + 1) % 3), whole)
    slope = torch.autograd.functional.jacobian(lambda x: net(x, t[:1], given[:1])[0, 0, 0, 0], x[:1])
    assert (slope.reshape(2, 4, 2, 4).abs().sum((1, 3)) > 0).all()


def test_words_are_looked_at_where_they_are_there() -> None:
    torch.manual_seed(0)
    net = woken(DiT((1, 4, 4), given=4, tokens=5, width=8, depth=1, heads=2, patch=2))
    x, given, words = torch.randn(2, 1, 4, 4), torch.randn(2, 4), torch.randn(2, 3, 5)
    there = torch.tensor([[True, True, False], [True, True, False]])
    said, other = (net(x, given, Tokens(each, there)) for each in (words, words + torch.tensor([0.0, 0, 9])[:, None]))
    assert torch.allclose(said, other)
    assert not torch.allclose(said, net(x, given, Tokens(words.flip(1), there)))
    assert not torch.allclose(said, net(x, given))
