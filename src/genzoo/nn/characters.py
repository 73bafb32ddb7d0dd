"""Characters of all scripts as vectors: the sum of those of their bytes in UTF-8,

$$ v(c) = \\sum_{k=1}^{K(c)} E_k[b_k(c)], \\qquad K(c) \\le 4, $$

four tables of 256 vectors, one for each place of a byte. No character is unknown, and no two have the same bytes.

References:
    Xue et al., 2022, "ByT5: towards a token-free future with pre-trained byte-to-byte models",
        arXiv:2105.13626 (bytes)
    Clark, Garrette, Turc & Wieting, 2022, "CANINE: pre-training an efficient tokenization-free encoder for language
        representation", arXiv:2103.06874 (one vector of each character)
"""

import sys

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["CODE_POINTS", "Characters", "utf8"]

CODE_POINTS = sys.maxunicode + 1
END, NULL, NOTHING = 1024, 1025, 1026  # rows of the table beyond those of bytes


class Characters(nn.Module):
    """A table of vectors of characters, and of two further ids: what ends a text, and what stands for none.

    Args:
        width: The length of a vector.

    Example:
        >>> table = Characters(8)
        >>> table(torch.tensor([[ord("a"), ord("红"), CODE_POINTS, CODE_POINTS + 1]])).shape
        torch.Size([1, 4, 8])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(NOTHING + 1, width, padding_idx=NOTHING)

    def forward(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T width"]:
        rows = utf8(ids)
        beyond = (ids >= CODE_POINTS)[..., None]
        first = torch.arange(4, device=ids.device) == 0
        rows = torch.where(beyond, torch.where(first, END + ids[..., None] - CODE_POINTS, NOTHING), rows)
        return self.table(rows).sum(2)


def utf8(ids: Int[Tensor, "*rows"]) -> Int[Tensor, "*rows 4"]:
    """The bytes of characters in UTF-8, that at place k as 256 k and its value; what is not there as `NOTHING`.

    Args:
        ids: Numbers in Unicode.

    Example:
        >>> [int(b) % 256 for b in utf8(torch.tensor(ord("红")))[:3]] == list("红".encode())
        True
    """
    length = 1 + (ids >= 0x80).long() + (ids >= 0x800).long() + (ids >= 0x10000).long()
    length, place = length[..., None], torch.arange(4, device=ids.device)
    part = ids[..., None] >> (6 * (length - 1 - place)).clamp_min(0)
    lead = torch.tensor([0, 0, 0xC0, 0xE0, 0xF0], device=ids.device)[length]
    value = torch.where(place == 0, lead | (part & 0xFF), 0x80 | (part & 0x3F))
    return torch.where(place < length, 256 * place + value, NOTHING)
