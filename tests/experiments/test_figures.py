"""Quality against speed as a figure."""

import itertools
import re

import pytest

from genzoo.experiments.figures import Dot, draw_dots


def test_dots_whiskers_names_and_the_floor_are_drawn():
    text = draw_dots([Dot("vae", 900.0, 3.0, 0.1), Dot("<b>", 12.0, 1.0)], "Fréchet", floor=0.2)
    assert text.count("<circle") == 2
    assert text.count('class="whisker"') == 2
    assert "real data" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_faster_is_to_the_right_and_lower_below():
    text = draw_dots([Dot("slow", 1.0, 1.0), Dot("fast", 1000.0, 2.0)], "d")
    (x1, y1), (x2, y2) = [
        tuple(map(float, found)) for found in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', text)
    ]
    assert x1 < x2
    assert y1 > y2


def test_names_do_not_lie_on_each_other():
    text = draw_dots([Dot(f"model{i}", 10.0, 1.0) for i in range(4)], "d")
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="\w+" class="name"', text))
    assert all(b - a >= 14 for a, b in itertools.pairwise(heights))


@pytest.mark.parametrize("dots", [[], [Dot("one", 3.0, 0.0)], [Dot("a", 1e-6, 1e9), Dot("b", 1e9, -1e9)]])
def test_odd_figures(dots):
    assert "nan" not in draw_dots(dots, "d")
