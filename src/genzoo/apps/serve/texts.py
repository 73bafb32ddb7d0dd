"""Texts that go on: `/v1/completions`, whole or symbol by symbol."""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from genzoo.apps.serve.images import in_words_of, prompted
from genzoo.apps.serve.logprobs import of_completion, of_talk
from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.speaking import Piece, Said, Spoken, Told
from genzoo.apps.serve.waiting import Waiting, answers, event, streamed
from genzoo.apps.serve.wire import Chat, Chosen, Completion, Part
from genzoo.core.noise import fresh_seed
from genzoo.data.codecs.text import SpellingCodec
from genzoo.evaluation.likelihood import dims_of
from genzoo.models.choice import Choice

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["chat", "complete"]

ONE_BY_ONE = dict.fromkeys(("prompt", "max_tokens", "echo", "logprobs", "top_k", "min_p", "stop")) | {
    "temperature": 1, "top_p": 1, "repetition": 1, "echo": False,
}  # fmt: skip  # what is said of symbols that are drawn one after another, where it says nothing
Shown = Callable[[int, str, str | None, Sequence[Said]], dict[str, Any]]  # number, text, why it ended and symbols


async def complete(request: "Request", served: Served, asked: Completion) -> "Response | dict[str, Any]":
    """What follows some beginnings of texts."""
    served.must("completions")
    if not served.model.can("step"):
        return await _whole(request, served, asked)
    prompts = _prompts(served, asked.prompt)
    jobs = spoken(served, asked, prompts, asked.max_tokens, asked.given)
    codec = served.codec_of(SpellingCodec)

    def shown(i: int, text: str, finish: str | None, said: Sequence[Said]) -> dict[str, Any]:
        likely = None if asked.likely is None else of_completion(codec, said)
        return {"index": i, "text": text, "finish_reason": finish, "logprobs": likely}

    before = [codec.text(each.tolist()) if asked.echo else "" for each in prompts]
    head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": int(time.time()),
            "model": served.name, "seed": jobs[0].seed}  # fmt: skip
    if asked.stream:
        return await told_in_pieces(request, served, jobs, asked, head, shown, before)
    told = await answers(request, served.line, jobs, served.seconds(asked.timeout))
    each = [(before[k] + one.text, one.finish, one.said) for k, texts in enumerate(told) for one in texts]
    return head | {"choices": [shown(i, *one) for i, one in enumerate(each)], "usage": usage(served, jobs, told)}


async def _whole(request: "Request", served: Served, asked: Completion) -> "Response | dict[str, Any]":
    """Texts of a model whose symbols come in an order of their own, as those of a discrete diffusion."""
    others = [name for name, none in ONE_BY_ONE.items() if getattr(asked, name) not in (None, none)]
    if others:
        raise Refusal(400, f"{others[0]} must be left out: {served.name} draws whole texts, not one symbol after "
                      "another.", others[0], "unsupported")  # fmt: skip
    codec = served.codec_of(SpellingCodec)
    job = served.drawn(asked.n or 1, asked.seed, asked.given, {})
    (x,) = await answers(request, served.line, [job], served.seconds(asked.timeout))
    texts, written = codec.texts(x), int(dims_of(x, served.model.space).sum())
    served.metrics.symbols.labels(served.name).inc(written)
    head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": int(time.time()),
            "model": served.name, "seed": job.seed}  # fmt: skip
    choices = [{"index": i, "text": text, "finish_reason": "stop", "logprobs": None} for i, text in enumerate(texts)]
    counts = {"prompt_tokens": 0, "completion_tokens": written, "total_tokens": written}
    if not asked.stream:
        return head | {"choices": choices, "usage": counts}

    async def events() -> AsyncIterator[str]:
        yield "".join(event(head | {"choices": [each]}) for each in choices)
        if asked.stream_options is not None and asked.stream_options.include_usage:
            yield event(head | {"choices": [], "usage": counts})
        yield "data: [DONE]\n\n"

    return streamed(events())


async def chat(request: "Request", served: Served, asked: Chat) -> "Response | dict[str, Any]":
    """What is answered to the last message: by a model of one text given another it is the condition, any other goes
    on with it."""
    served.must("chat/completions")
    last, names = _said(asked.messages[-1].content), list(served.given_words)
    if not last.strip():
        at = f"messages.{len(asked.messages) - 1}.content"
        raise Refusal(400, f"{at} must say something, got an empty text. Ask something.", at, "empty")
    prompts, given = [torch.zeros(0, dtype=torch.long)], asked.given
    if names:
        given = prompted(served, last, given, "messages")
    else:
        prompts = [prefix_of(served, last, "messages")]
    most = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    with in_words_of(last, asked.given, f"messages.{len(asked.messages) - 1}.content"):
        jobs = spoken(served, asked, prompts, most, given)
    unread, codec = len(asked.messages) - 1, served.codec_of(SpellingCodec)

    def shown(i: int, text: str, finish: str | None, said: Sequence[Said]) -> dict[str, Any]:
        likely = None if asked.likely is None else of_talk(codec, said)
        message = {"role": "assistant", "content": text}
        return {
            "index": i,
            "delta" if asked.stream else "message": message,
            "finish_reason": finish,
            "logprobs": likely,
        }

    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": "chat.completion", "created": int(time.time()),
            "model": served.name, "seed": jobs[0].seed,
            "remarks": [f"{unread} messages before the last were not looked at"] if unread else []}  # fmt: skip
    if asked.stream:
        head["object"] = "chat.completion.chunk"
        return await told_in_pieces(request, served, jobs, asked, head, shown)
    (told,) = await answers(request, served.line, jobs, served.seconds(asked.timeout))
    choices = [shown(i, one.text, one.finish, one.said) for i, one in enumerate(told)]
    return head | {"choices": choices, "usage": usage(served, jobs, [told])}


def _said(content: str | list[Part]) -> str:
    """The text of a message."""
    return content if isinstance(content, str) else "".join(part.text for part in content)


def spoken(
    served: Served, asked: Chosen, prompts: Sequence[Tensor], most: int | None, given: dict[str, Any]
) -> list[Spoken]:
    """Texts that are asked for, as they are drawn.

    Raises:
        Refusal: If a condition is none of the run's, or a number out of range.
    """
    n, seed = asked.n or 1, fresh_seed() if asked.seed is None else asked.seed
    if n * len(prompts) > served.limits.rows:
        got = f"{n} of {len(prompts)}"
        raise Refusal(
            400,
            f"n × prompts must be at most {served.limits.rows}, got {got}. Send several requests.",
            "n",
            "too_many",
        )
    choice = Choice(1.0 if asked.temperature is None else asked.temperature, asked.top_k, asked.top_p, asked.min_p,
                    asked.repetition)  # fmt: skip
    stops = (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ())
    most = served.model.space.dims if most is None else most
    rows = served.given(given, n)
    return [
        Spoken(n, seed, rows, prefix, choice, most, stops, bool(asked.stream), asked.likely) for prefix in prompts
    ]  # fmt: skip


async def told_in_pieces(
    request: "Request", served: Served, jobs: Sequence[Spoken], asked: Chosen, head: dict[str, Any], shown: Shown,
    before: Sequence[str] = (),
) -> "Response":  # fmt: skip
    """Texts as they come. What is wrong before the first symbol is an error of HTTP, later one an event.

    Args:
        request: Whoever asked.
        served: The run.
        jobs: The texts.
        asked: How.
        head: What stands in every event.
        shown: Makes one of the choices.
        before: What each text begins with.
    """
    waiting = Waiting(request, served.line, jobs, served.seconds(asked.timeout))
    told: dict[int, list[Told]] = {}

    def heard(news: Sequence[tuple[int, Any]]) -> str:
        """The events of what came."""
        told.update({i: each for i, each in news if not isinstance(each, Piece)})
        pieces = [(i, each) for i, each in news if isinstance(each, Piece)]
        return "".join(event(head | {"choices": [shown(i * jobs[i].n + piece.row, *piece[1:])]})
                       for i, piece in pieces)  # fmt: skip

    async def events() -> AsyncIterator[str]:
        while len(told) < len(jobs):
            if pieces := heard(await waiting.next()):
                yield pieces
        counts = usage(served, jobs, [told[i] for i in range(len(jobs))])
        if asked.stream_options is not None and asked.stream_options.include_usage:
            yield event(head | {"choices": [], "usage": counts})
        yield "data: [DONE]\n\n"

    first = heard(await waiting.next())
    begun = "".join(
        event(head | {"choices": [shown(i * jobs[i].n + row, text, None, ())]})
        for i, text in enumerate(before) for row in range(jobs[i].n) if text
    )  # fmt: skip
    return streamed(events(), begun + first)


def usage(served: Served, jobs: Sequence[Spoken], told: Sequence[Sequence[Told]]) -> dict[str, int]:
    """How many symbols were read and written."""
    read, written = sum(len(job.prefix) for job in jobs), sum(one.symbols for texts in told for one in texts)
    served.metrics.symbols.labels(served.name).inc(written)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def prefix_of(served: Served, text: str, param: str = "prompt") -> Tensor:
    """A beginning in symbols.

    Raises:
        Refusal: If it is empty, cannot be spelled, or leaves no room for more.
    """
    if not text:
        raise Refusal(400, f"{param} must say something, got an empty text. Leave it out to draw from the start.",
                      param, "empty")  # fmt: skip
    try:
        return _with_room(served, served.codec_of(SpellingCodec).ids(text).long(), param)
    except ValueError as error:
        raise refused(error, param) from None


def _with_room(served: Served, ids: Tensor, param: str) -> Tensor:
    longest, levels = served.model.space.dims - 1, served.codec_of(SpellingCodec).levels
    if len(ids) > longest:
        raise Refusal(400, f"{param} must have at most {longest} symbols, got {len(ids)}. Shorten it.", param,
                      "context_length_exceeded")  # fmt: skip
    if len(ids) and int(ids.max()) >= levels:
        got = f"must hold symbols below {levels}, got {int(ids.max())}. Correct it."
        raise Refusal(400, f"{param} {got}", param, "unknown_symbol")
    return ids


def _prompts(served: Served, prompt: Any) -> list[Tensor]:
    """What texts begin with, in symbols."""
    match prompt:
        case None:
            return [torch.zeros(0, dtype=torch.long)]
        case str():
            return [prefix_of(served, prompt)]
        case [int(), *_]:
            return [_symbols(served, prompt, "prompt")]
        case _:
            return [
                prefix_of(served, each, f"prompt.{i}") if isinstance(each, str)
                else _symbols(served, each, f"prompt.{i}")
                for i, each in enumerate(prompt)
            ]  # fmt: skip


def _symbols(served: Served, ids: Sequence[int], param: str) -> Tensor:
    levels = served.codec_of(SpellingCodec).levels
    if (most := max(ids)) >= levels:
        raise Refusal(400, f"{param} must hold symbols below {levels}, got {most}. Correct it.", param,
                      "unknown_symbol")  # fmt: skip
    return _with_room(served, torch.tensor(ids), param)
