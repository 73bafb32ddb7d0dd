"""The transformer's parts against what torch has."""

import pytest
import torch
from torch import nn

from genzoo.nn import FAST, GPT2, Style, Transformer
from genzoo.nn import transformer as module
from genzoo.nn.lean import turned
from genzoo.nn.transformer import attend, turning


@pytest.mark.parametrize("short", [0, 128])
@pytest.mark.parametrize(("t", "s"), [(6, 6), (1, 6), (2, 6)])
def test_attention_is_softmax_of_scores(short: int, t: int, s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORT", short)
    q, k, v = torch.randn(2, 3, t, 4), torch.randn(2, 3, s, 4), torch.randn(2, 3, s, 4)
    out = attend(q, k, v, 0.0)
    for i in range(t):
        seen = s - t + i + 1
        weights = (q[:, :, i : i + 1] @ k[:, :, :seen].mT / 2).softmax(-1)
        assert torch.allclose(out[:, :, i : i + 1], weights @ v[:, :, :seen], atol=1e-6)


def test_rotary_scores_depend_on_distance_alone() -> None:
    turn = turning(20, 8)
    q, k = torch.randn(8), torch.randn(8)
    scores = turned(q.expand(20, 8), turn, norm=False) @ turned(k.expand(20, 8), turn, norm=False).T
    for distance in range(-5, 6):
        assert torch.allclose(
            scores.diagonal(distance), scores.diagonal(distance)[0].expand(20 - abs(distance)), atol=1e-5
        )


@pytest.mark.parametrize(
    "style", [FAST, GPT2, Style(norm="layer", bias=True), Style(activation="gelu", qk_norm=False)]
)
def test_a_place_sees_itself_and_what_came_before(style: Style) -> None:
    net = Transformer(12, depth=2, heads=3, places=7, style=style)
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.3)
    h = torch.randn(1, 7, 12, requires_grad=True)
    for t in range(7):
        (gradient,) = torch.autograd.grad(net(h)[0, t, 0], h)
        reached = gradient[0].abs().sum(1)
        assert (reached[: t + 1] > 0).all()
        assert (reached[t + 1 :] == 0).all()


def test_blocks_start_as_the_identity() -> None:
    h = torch.randn(2, 5, 8)
    net = Transformer(8, depth=3, heads=2, places=5)
    assert torch.allclose(net(h), net.norm(h))


def test_dropout_is_of_training_alone() -> None:
    net = Transformer(8, depth=1, heads=2, places=5, style=GPT2, dropout=0.5)
    h = torch.randn(2, 5, 8)
    assert not torch.equal(net(h), net(h))
    assert torch.equal(net.eval()(h), net(h))


@pytest.mark.parametrize("style", [FAST, GPT2])
def test_one_place_that_follows_is_the_same_without_a_way_back(style):
    net = Transformer(16, depth=2, heads=4, places=6, style=style).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        h = torch.randn(3, 6, 16)
        caches = net.caches(3, like=h)
        steps = [net(h[:, :2], caches), *(net(h[:, t : t + 1], caches) for t in range(2, 6))]
    assert torch.allclose(torch.cat(steps, 1), net(h), atol=1e-5)
