"""How requests are read: by httptools where it is, and of no head more, nor for longer, than is taken from anybody."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from genzoo.apps.serve.refusals import Refusal

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Reader
else:
    Reader = object  # the parser is put behind it where there is one

__all__ = ["LONGEST", "reader"]

LONGEST = 1 << 16  # bytes of a head, or of what may follow a body

LONG = Refusal(431, f"The head of a request must have at most {LONGEST:,} bytes. Send less.", None, "too_large")
NONE = Refusal(400, "What is sent must be a request of HTTP/1.1. Look at what sends it.", None, "invalid_http")


class Heads(Reader):
    """Refuses a head that does not end, and says of what is no request that it is none."""

    read, is_open, refusal = 0, True, NONE
    seconds = 60.0
    late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(is_open=False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.read = self.read + len(data) if self.is_open else 0
        if self.read > LONGEST:
            self._refuse()
        if self.is_open != (self.late is not None):
            self._wait(is_open=self.is_open)

    def on_message_begin(self) -> None:
        self.is_open, self.length = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.length += len(name) + len(value)
        if self.length > LONGEST:
            self.refusal = LONG
            raise ValueError(LONG.message)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.is_open = False
        super().on_headers_complete()

    def on_chunk_header(self) -> None:  # the last is empty, and heads may follow it
        self.is_open = True

    def on_body(self, body: bytes) -> None:
        self.is_open = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.is_open = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            content = json.dumps(self.refusal.body()).encode()
            head = f"HTTP/1.1 {self.refusal.status} \r\ncontent-type: application/json\r\n"
            self.transport.write(
                f"{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content
            )
        self.transport.close()

    def _refuse(self) -> None:
        self.refusal = LONG
        self.send_400_response(LONG.message)

    def _wait(self, *, is_open: bool = True) -> None:
        """Gives a head its time, or takes it back."""
        if self.late is not None:
            self.late.cancel()
        self.late = self.loop.call_later(self.seconds, self.transport.close) if is_open else None


def reader(seconds: float) -> Any:
    """What uvicorn is to read HTTP by: httptools' parser, which has no limits of its own, under some; else h11.

    Args:
        seconds: Until a head must have been read.
    """
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:  # no wheel for this platform
        return "h11"
    return type("Heads", (Heads, HttpToolsProtocol), {"seconds": seconds})
