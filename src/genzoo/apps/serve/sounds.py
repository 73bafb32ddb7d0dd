"""Sounds: `/v1/audio/speech`."""

from typing import TYPE_CHECKING

from genzoo.apps.serve.images import in_words_of, prompted
from genzoo.apps.serve.served import Served
from genzoo.apps.serve.waiting import answers
from genzoo.apps.serve.wire import Speech
from genzoo.data.codecs.audio import SoundCodec

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["speak"]


async def speak(request: "Request", served: Served, asked: Speech) -> "Response":
    """One sound, as WAV; its seed stands in the head of the answer."""
    from starlette.responses import Response

    served.must("audio/speech")
    given = prompted(served, asked.input or None, asked.given, "input")
    with in_words_of(asked.input, asked.given, "input"):
        drawn = served.drawn(1, asked.seed, given, asked.options, told=served.codec_of(SoundCodec).wavs)
    ((file,),) = await answers(request, served.line, [drawn], served.seconds(asked.timeout))
    return Response(file, media_type="audio/wav", headers={"x-genzoo-seed": str(drawn.seed)})
