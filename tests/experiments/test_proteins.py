"""What proteins are measured with: n-grams that are laws, common subsequences, and pictures that are XML."""

import math
from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from experiments.proteins import n_gram, nats, shared, told
from genzoo.data.proteins.drawing import ramachandran_svg, ribbons_svg
from tests.backbones import laid_out

ROWS = [[0, 1, 2, 0, 1, 3], [1, 2, 0, 1, 2, 3], [2, 2, 3]]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_an_n_gram_is_a_law_after_anything(order: int) -> None:
    law = n_gram(ROWS, 5, order, 0.7)  # symbol 4 is never seen
    for before in ([], [0], [1, 2], [4, 4], [0, 1, 2, 0, 1]):
        assert sum(law(before, symbol) for symbol in range(5)) == pytest.approx(1)
        assert min(law(before, symbol) for symbol in range(5)) > 0


def test_an_n_gram_counts_and_gives_what_is_discounted_to_the_lower_order() -> None:
    unigram, bigram = n_gram(ROWS, 4, 1, 0.5), n_gram(ROWS, 4, 2, 0.5)
    lower = [(count - 0.5) / 15 + 0.5 * 4 / 15 / 4 for count in (3, 4, 5, 3)]
    assert [unigram([], symbol) for symbol in range(4)] == pytest.approx(lower)
    assert bigram([0], 1) == pytest.approx((3 - 0.5) / 3 + 0.5 * 1 / 3 * lower[1])  # after 0 comes 1, three times
    assert bigram([1], 3) == pytest.approx((1 - 0.5) / 4 + 0.5 * 2 / 4 * lower[3])


def test_nats_are_of_residues_and_of_their_regions() -> None:
    def law(before: Sequence[int], symbol: int) -> float:
        return 1 / 4 if symbol == 2 else 1 / 2

    found = told(nats([[0, 1, 2, 3], [1, 2, 2, 3]], law), [[0, 1, 3], [0, 2, 3]])
    assert found["nats"] == pytest.approx(11 * math.log(2) / 6, abs=1e-4)  # the end is told, and is no residue
    assert found["framework"] == pytest.approx(math.log(2), abs=1e-4)
    assert found["perplexity of CDR-H3"] == 4


def test_common_subsequences() -> None:
    assert shared([0, 1, 2, 3], [[0, 1, 2, 3], [1, 3], [3, 2, 1, 0, 0], [4]]) == [1, 0.5, 0.2, 0]


def test_pictures_are_whole() -> None:
    made = [laid_out([phi] * 12, [psi] * 12) for phi, psi in ((-62.0, -43.0), (-118.0, 132.0))]
    rows = torch.from_numpy(np.stack(made)).float()
    page = ElementTree.fromstring(ramachandran_svg({"real": rows, "drawn": rows[:1]}))
    squares = [each for each in page.iter() if each.tag.endswith("rect")]
    assert len(squares) == 1 + 2 + 1  # paper; a square for each kind of torsions
    page = ElementTree.fromstring(ribbons_svg(rows, ["a < b"]))
    assert sum(each.tag.endswith("polyline") for each in page.iter()) == 2 * 2 * 11
