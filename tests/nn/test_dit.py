"""Transformers of patches, plain and with skips: any size, rows apart, conditions that matter, silent at first."""

import pytest
import torch

from genzoo.core import Space
from genzoo.nn import DiT, MMDiT, Timed, Tokens, UViT
from tests.nn.test_unet import woken

LABEL = Space((), levels=3)
NETS = pytest.mark.parametrize(("made", "depth"), [(DiT, 1), (UViT, 3)])


@NETS
@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 5, 9), (2, 4, 17)])
def test_images_keep_their_size(made: type, depth: int, shape: tuple[int, ...]) -> None:
    net = made(shape, given=6, width=8, depth=depth, heads=2, patch=4)
    y = net(torch.randn(2, *shape), torch.randn(2, 6))
    assert y.shape == (2, *shape)
    assert torch.equal(y, torch.zeros_like(y))  # it begins by saying nothing
    assert woken(net)(torch.zeros(0, *shape), torch.zeros(0, 6)).shape == (0, *shape)


@NETS
def test_heads_share_out_the_width(made: type, depth: int) -> None:
    with pytest.raises(ValueError, match="multiple of `heads`, got 8 and 3"):
        made((1, 8, 8), given=4, width=8, depth=depth, heads=3)


@NETS
def test_rows_do_not_see_each_other_and_every_patch_sees_all(made: type, depth: int) -> None:
    torch.manual_seed(0)
    net = woken(Timed(made((1, 8, 8), given=8, width=16, depth=depth, heads=2, patch=4), 8, LABEL))
    x, t, given = torch.randn(4, 1, 8, 8), torch.rand(4), torch.arange(4) % 3
    whole = net(x, t, given)
    alone = torch.cat([net(x[i : i + 1], t[i : i + 1], given[i : i + 1]) for i in range(4)])
    assert torch.allclose(alone, whole, atol=1e-5)
    assert not torch.allclose(net(x, t, (given + 1) % 3), whole)
    slope = torch.autograd.functional.jacobian(lambda x: net(x, t[:1], given[:1])[0, 0, 0, 0], x[:1])
    assert (slope.reshape(2, 4, 2, 4).abs().sum((1, 3)) > 0).all()


@NETS
def test_words_are_looked_at_where_they_are_there(made: type, depth: int) -> None:
    torch.manual_seed(0)
    net = woken(made((1, 4, 4), given=4, tokens=5, width=8, depth=depth, heads=2, patch=2))
    x, given, words = torch.randn(2, 1, 4, 4), torch.randn(2, 4), torch.randn(2, 3, 5)
    there = torch.tensor([[True, True, False], [True, True, False]])
    said, other = (net(x, given, Tokens(each, there)) for each in (words, words + torch.tensor([0.0, 0, 9])[:, None]))
    assert torch.allclose(said, other)
    assert not torch.allclose(said, net(x, given, Tokens(words.flip(1), there)))
    assert not torch.allclose(said, net(x, given))


def test_what_the_first_half_says_is_handed_to_the_second() -> None:
    torch.manual_seed(0)
    net, x, given = (
        woken(UViT((1, 4, 4), given=4, width=8, depth=3, heads=2, patch=2)),
        torch.randn(2, 1, 4, 4),
        torch.randn(2, 4),
    )
    assert [block.skip is not None for block in net.blocks] == [False, False, True]
    whole = net(x, given)
    with torch.no_grad():
        net.blocks[2].skip.weight[:, 8:] = 0
    assert not torch.allclose(net(x, given), whole)


@pytest.mark.parametrize("count", [5, 37])
def test_two_streams_read_what_is_there_and_no_more(count: int) -> None:
    """From 32 tokens on every four are joined, the last ones too."""
    torch.manual_seed(0)
    net = MMDiT((1, 8, 8), given=6, tokens=8, count=count, width=8, depth=2, heads=2, patch=4)
    x, vector = torch.randn(3, 1, 8, 8), torch.randn(3, 6)
    present = torch.arange(count) < torch.tensor([[1], [3], [count]])
    told = Tokens(torch.randn(3, count, 8) * present[..., None], present)
    assert net(x, vector, told).abs().max() == 0  # it begins by saying nothing
    woken(net)
    whole = net(x, vector, told)
    alone = torch.cat([net(x[i : i + 1], vector[i : i + 1], Tokens(*(p[i : i + 1] for p in told))) for i in range(3)])
    assert torch.allclose(alone, whole, atol=1e-5)
    changed = told.values.clone()
    changed[:, -1] += 1  # of the last row alone it is there
    other = net(x, vector, Tokens(changed * present[..., None], present))
    assert torch.equal(other[:2], whole[:2])
    assert not torch.allclose(other[2], whole[2], atol=1e-4)
