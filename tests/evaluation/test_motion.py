"""Scores of clips: perfect where the rules made them, and worse in all that speaks of time with shuffled frames."""

import torch

from genzoo.core import Noise
from genzoo.data.moving import BOX, drawn_paths, moving
from genzoo.evaluation import centers, digits_in, exchanged, followed, motion_scores, shuffled_frames

N = 120
GLYPH = torch.zeros(BOX, BOX, dtype=torch.uint8)
GLYPH[2:-2, 4:-4] = 255


def test_shuffled_frames_worsen_every_score_of_time() -> None:
    paths, side = drawn_paths(N, 1, 8, 20, Noise(0)), 20
    label = torch.arange(N) % 10
    shade = (100 + 10 * label).to(torch.uint8)
    x = moving((GLYPH > 0) * shade[:, None, None, None], paths, side)

    def scored(x: torch.Tensor):
        read = (x.amax((2, 3, 4)).long() - 100) // 10  # the shade is the digit
        return motion_scores(x, read, label, paths.directions[:, 0], paths.speeds[:, 0])

    real, order, others = scored(x), scored(shuffled_frames(x, Noise(0))), scored(exchanged(x))
    assert real.read.value == real.whole.value == real.direction.value == 1
    assert real.flips.value == 0
    assert real.straightness.value > 1 - 1e-9
    assert real.miss.value < 1e-9
    assert real.speed.value < 1e-9
    for worse in (order, others):
        assert worse.straightness.value < 0.6
        assert worse.miss.value > 1
        assert worse.speed.value > 0.2
        assert worse.direction.value < 0.6
    assert order.read == real.read  # every frame is what it was
    assert others.read.value < 0.3
    assert others.flips.value > 5


def test_paths_between_walls_are_found() -> None:
    moments = torch.arange(8.0)
    path = torch.stack([6.5 + 0.5 * moments, torch.full((8,), 9.0)], 1)[None]
    found = followed(path, 5.5, 13.5)
    assert found.velocity.tolist() == [[0.5, 0.0]]
    assert found.straightness.item() > 1 - 1e-9
    assert followed(torch.full((1, 8, 2), 7.0), 5.5, 13.5).miss.item() < 1e-9


def test_what_is_read_is_the_digit_wherever_it_is() -> None:
    paths = drawn_paths(4, 1, 3, 20, Noise(1))
    x = moving(GLYPH.expand(4, 1, -1, -1), paths, 20)
    assert torch.equal(centers(x), paths.places[:, 0] + (BOX - 1) / 2)
    shown = digits_in(x)
    assert shown.shape == (12, 1, 28, 28)
    assert (shown == shown[0]).all()
    assert torch.equal(shown[0, 0, 2:-2:2, 2:-2:2], GLYPH)
    assert centers(torch.zeros_like(x))[0, 0].tolist() == [9.5, 9.5]
