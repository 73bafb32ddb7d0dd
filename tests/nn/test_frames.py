"""Clips by the networks of images: frames apart until they look along them, and lines by a transformer of patches."""

import pytest
import torch

from genzoo.nn import DiT, Tokens, UNet
from genzoo.nn.patches import Patches
from tests.nn.test_unet import woken

CLIP = (3, 2, 5, 6)


def made(net: type, shape: tuple[int, ...], tokens: int = 0) -> torch.nn.Module:
    torch.manual_seed(0)
    sizes = {"widths": (4, 8), "blocks": 1} if net is UNet else {"width": 8, "depth": 2, "heads": 2, "patch": 4}
    return woken(net(shape, given=6, tokens=tokens, **sizes))


@pytest.mark.parametrize("net", [UNet, DiT])
def test_every_place_of_every_frame_sees_all_of_its_clip_alone(net: type) -> None:
    model, x, given = made(net, CLIP), torch.randn(2, *CLIP), torch.randn(2, 6)
    y = model(x, given)
    assert y.shape == x.shape
    assert torch.allclose(model(x[1:], given[1:]), y[1:], atol=1e-5)
    assert model(x[:0], given[:0]).shape == (0, *CLIP)
    moved = x[:1].clone()
    moved[0, 2, 0, 0, 0] += 1
    assert ((model(moved, given[:1]) - y[:1]).abs().amax((0, 2)) > 0).all()


@pytest.mark.parametrize("net", [UNet, DiT])
def test_words_are_told_to_every_frame(net: type) -> None:
    model, x, given = made(net, CLIP, tokens=5), torch.randn(1, *CLIP), torch.randn(1, 6)
    words, there = torch.randn(1, 3, 5), torch.tensor([[True, True, False]])
    said, unseen = (
        model(x, given, Tokens(each, there)) for each in (words, words + torch.tensor([0.0, 0, 9])[:, None])
    )
    assert torch.allclose(said, unseen)
    other = model(x, given, Tokens(words.flip(1), there))
    assert ((said - other).abs().amax((0, 2, 3, 4)) > 0).all()


def test_a_clip_that_does_not_look_along_its_frames_is_its_pictures() -> None:
    film, still = made(UNet, CLIP), UNet(CLIP[1:], given=6, widths=(4, 8), blocks=1)
    still.load_state_dict({name: rows for name, rows in film.state_dict().items() if "along" not in name})
    with torch.no_grad():
        for layer in (*film.along_down, *film.along_up):
            layer.out.weight.zero_()
            layer.out.bias.zero_()
    x, given = torch.randn(2, *CLIP), torch.randn(2, 6)
    assert torch.allclose(film(x, given), torch.stack([still(x[:, k], given) for k in range(3)], 1), atol=1e-6)


@pytest.mark.parametrize("shape", [(10,), (9, 3)])
def test_lines_are_cut_into_stretches(shape: tuple[int, ...]) -> None:
    patches, x = Patches(shape, 4), torch.randn(2, *shape)
    assert patches.cut(x).shape == (2, 3, 4 * (shape[1] if len(shape) == 2 else 1))
    assert torch.equal(patches.joined(patches.cut(x)), x)
    model = made(DiT, shape)
    assert model(x, torch.randn(2, 6)).shape == x.shape
    with pytest.raises(ValueError, match="channels, height, width"):
        Patches((1, 2, 3, 4, 5), 4)
