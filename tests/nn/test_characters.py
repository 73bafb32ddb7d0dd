"""Characters as sums of their bytes: the bytes are those of UTF-8, and all scripts share one table."""

import torch

from genzoo.core import Space
from genzoo.nn import Characters, Conditioning
from genzoo.nn.characters import CODE_POINTS, NOTHING, utf8


def test_bytes_are_those_of_utf8() -> None:
    edges = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, CODE_POINTS - 1]
    for code, rows in zip(edges, utf8(torch.tensor(edges)).tolist(), strict=True):
        assert bytes(row - 256 * k for k, row in enumerate(rows) if row != NOTHING) == chr(code).encode()


def test_no_two_characters_are_alike_and_similar_ones_share_bytes() -> None:
    table = Characters(8)
    ids = torch.tensor([[ord(char) for char in "aáа红经😀"] + [CODE_POINTS, CODE_POINTS + 1]])
    found = table(ids)[0]
    assert (torch.cdist(found, found) + torch.eye(8) > 1e-3).all()
    assert sum(p.numel() for p in table.parameters()) == 8 * 1027
    table.zero_grad()
    table(torch.tensor([[ord("红")]])).sum().backward()
    moved = next(table.parameters()).grad.abs().sum(1).nonzero().flatten()  # type: ignore[union-attr]
    assert moved.tolist() == [256 * k + byte for k, byte in enumerate("红".encode())]


def test_a_text_of_any_script_is_a_condition() -> None:
    told = Conditioning(Space((3,), levels=CODE_POINTS, ragged=True), 8)
    rows = torch.tensor([[ord("红"), CODE_POINTS, CODE_POINTS], [ord("a"), ord("b"), ord("c")], [-1, -1, -1]])
    assert told({"given": rows}).present.int().tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
