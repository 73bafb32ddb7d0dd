"""Text as tokens learned from it: byte-pair encoding over the bytes of UTF-8, so that nothing is ever unknown.

References:
    Sennrich, Haddow & Birch, 2016, "Neural machine translation of rare words with subword units", arXiv:1508.07909
    Radford et al., 2019, "Language models are unsupervised multitask learners" (bytes)
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from genzoo.core.errors import DataError
from genzoo.data.codecs.text import SpellingCodec

__all__ = ["TokenCodec"]


@dataclasses.dataclass(frozen=True)
class TokenCodec(SpellingCodec):
    """Ids as text: places in a list of tokens that were learned by merging frequent pairs.

    Ids to text is exact and needs no library; text to ids is done by `tokenizers`.

    Args:
        tokens: The tokens in the order of their ids, each byte written as one printable character.
        merges: The pairs that are merged, first come first, each as "left right".
        lines: Whether a row is a line of a file.

    Raises:
        DataError: If a token is made of what is no byte.
    """

    kind: ClassVar[str] = "tokens"
    tokens: tuple[str, ...]
    merges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set("".join(self.tokens)) - set(_bytes_of_characters()):
            raise DataError(f"Tokens must be spelled by the 256 bytes, got {sorted(unknown)[:5]}. Learn them again.")

    @property
    def levels(self) -> int:
        return len(self.tokens)

    @classmethod
    def learned(cls, texts: Iterable[str], vocabulary: int, *, lines: bool = False) -> "TokenCodec":
        """The codec whose tokens are learned from some texts.

        Args:
            texts: The texts of training.
            vocabulary: The number of tokens, at least the 256 bytes; fewer when the texts have no more pairs.
            lines: Whether a row is a line of a file.

        Raises:
            DataError: If the vocabulary is too small, or `tokenizers` is not installed.
        """
        if vocabulary < 256:
            raise DataError(f"`vocabulary` must be at least 256, one per byte, got {vocabulary}. Pass a larger one.")
        library = _library()
        tokenizer = _tokenizer(library.models.BPE())
        trainer = library.trainers.BpeTrainer(
            vocab_size=vocabulary,
            show_progress=False,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        )
        tokenizer.train_from_iterator(texts, trainer)
        model = json.loads(tokenizer.to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        return cls(tuple(tokens), tuple(merges), lines=lines)

    def spelled(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        rows = [found.ids for found in self._encoder.encode_batch(list(texts))]
        lengths = np.array([len(row) for row in rows], dtype=int)
        return np.concatenate([np.array(row, dtype=np.int64) for row in rows]), lengths

    def text(self, ids: Sequence[int]) -> str:
        byte = _bytes_of_characters()
        return bytes(byte[character] for i in ids for character in self.tokens[i]).decode(errors="replace")

    @functools.cached_property
    def _encoder(self) -> Any:
        vocabulary = {token: i for i, token in enumerate(self.tokens)}
        pairs = [(left, right) for left, right in (merge.split(" ") for merge in self.merges)]
        return _tokenizer(_library().models.BPE(vocab=vocabulary, merges=pairs))


@functools.cache
def _bytes_of_characters() -> dict[str, int]:
    """The printable character of each byte, as GPT-2 chose them: itself if printable, else the next from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


def _tokenizer(model: Any) -> Any:
    library = _library()
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise DataError("unit='bpe' must have tokenizers, got none. Run: pip install 'genzoo[text]'") from None
    return tokenizers
