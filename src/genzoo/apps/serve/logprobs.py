"""Log-probabilities of symbols as clients read them: of completions, and of talks."""

from collections.abc import Sequence
from typing import Any

from genzoo.apps.serve.speaking import Said
from genzoo.data.codecs.text import SpellingCodec

__all__ = ["of_completion", "of_talk"]


def of_completion(codec: SpellingCodec, said: Sequence[Said]) -> dict[str, Any]:
    """The symbols of a completion; what its own end had is told apart, for it is no text.

    Args:
        codec: Spells them.
        said: The symbols.

    Example:
        >>> from genzoo.data import TextCodec
        >>> of_completion(TextCodec("ab"), [Said(1, -0.5, [(1, -0.5), (0, -0.9)])])["top_logprobs"]
        [{'b': -0.5, 'a': -0.9}]
    """
    said, end = _parted(codec, said)
    return {
        "tokens": [_text(codec, each.symbol) for each in said],
        "token_logprobs": [_finite(each.log_prob) for each in said],
        "top_logprobs": [{_text(codec, k): _finite(value) for k, value in each.likeliest} for each in said],
        "text_offset": [each.offset for each in said],
        "end_logprob": end,
    }


def of_talk(codec: SpellingCodec, said: Sequence[Said]) -> dict[str, Any]:
    """The symbols of an answer in a talk; what its own end had is told apart.

    Args:
        codec: Spells them.
        said: The symbols.
    """
    said, end = _parted(codec, said)
    content = [
        _token(codec, each.symbol, each.log_prob)
        | {"top_logprobs": [_token(codec, k, value) for k, value in each.likeliest]}
        for each in said
    ]
    return {"content": content, "refusal": None, "end_logprob": end}


def _parted(codec: SpellingCodec, said: Sequence[Said]) -> tuple[list[Said], float | None]:
    """The symbols that are spelled, and the log-probability of the end, where a text has come to its own."""
    ends = [each.log_prob for each in said if each.symbol >= codec.levels]
    return [each for each in said if each.symbol < codec.levels], _finite(ends[0]) if ends else None


def _token(codec: SpellingCodec, symbol: int, log_prob: float) -> dict[str, Any]:
    text = _text(codec, symbol)
    return {"token": text, "logprob": _finite(log_prob), "bytes": list(text.encode())}


def _text(codec: SpellingCodec, symbol: int) -> str:
    """How a symbol is spelled; the end of a text is spelled by nothing."""
    return codec.text([symbol]) if symbol < codec.levels else ""


def _finite(log_prob: float) -> float:
    """As JSON has it: clients know −9999 for what cannot be."""
    return max(log_prob, -9999.0)
