"""The checker of drawn shapes: it errs nowhere, under noise hardly, and says what is asked for and not shown."""

import torch

from genzoo.core import Noise
from genzoo.data.shapes import BACKGROUND, RELATION, captions, drawn_scenes, rendered, said
from genzoo.evaluation import scene_scores, scenes_hold, scenes_in

N = 600


def test_what_is_drawn_is_read_under_noise_too() -> None:
    scenes = drawn_scenes(N, Noise(7))
    x = rendered(scenes, Noise(7))
    assert bool(scenes_hold(scenes_in(x), scenes).all())
    noisy = (x + 8 * Noise(8).normal(*x.shape)).round().clamp(0, 255).to(torch.uint8)
    assert scenes_hold(scenes_in(noisy), scenes).double().mean() >= 0.99


def test_every_wish_is_told_apart() -> None:
    scenes = drawn_scenes(N, Noise(7))
    asked = said(captions(scenes, "en", Noise(2)))
    assert scenes_hold(scenes, asked).all()
    two = scenes[:, 3] >= 0
    for field in (0, 1, 2, 3, 4, 5, RELATION, BACKGROUND):
        other = scenes.clone()
        there = (asked[:, field] >= 0) & ((asked[:, :3] != asked[:, 3:6]).any(1) | (field > 5))
        kinds = (8, 5, 2, 8, 5, 2, 4, 4)[field]
        other[there, field] = (other[there, field] + 1) % kinds
        wrong = ~scenes_hold(other, asked)
        assert wrong[there].double().mean() > 0.9  # a change may turn a scene into its mirror image
        assert not wrong[~there].any()
    swapped = scenes[:, (3, 4, 5, 0, 1, 2, RELATION, BACKGROUND)]
    swapped[:, RELATION] = torch.where(two, swapped[:, RELATION] ^ 1, -1)
    assert scenes_hold(swapped, asked)[two].all()  # whichever comes first
    found = scene_scores(scenes.roll(1, 0), asked)
    assert found.objects is not None
    assert found.background is not None
    assert found.objects.value < 0.05 < found.background.value < 0.5
    assert scene_scores(scenes[~two], asked[~two]).relation is None


def test_what_is_no_scene_shows_none() -> None:
    scenes = drawn_scenes(3, Noise(7))
    x = rendered(scenes, Noise(7))
    x[0] = x[0, :, :1, :1]
    x[1] = Noise(1).integers(256, 3, 32, 32).to(torch.uint8)
    x[2, :, 2:30, 2:30] = torch.tensor([220, 30, 30], dtype=torch.uint8)[:, None, None]
    assert bool((scenes_in(x)[:, :BACKGROUND] == -1).all())
    assert scenes_in(x[:0]).shape == (0, 8)
