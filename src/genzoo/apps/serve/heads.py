"""How the heads of requests are read: by httptools where it is, and of none more than is taken from anybody."""

from typing import Any

__all__ = ["LONGEST", "reader"]

LONGEST = 1 << 16  # bytes of a head


def reader() -> Any:
    """What uvicorn is to read HTTP by: httptools' parser, which has no limit of its own, under one; else h11."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:  # no wheel for this platform
        return "h11"

    class Heads(HttpToolsProtocol):
        """Refuses a head that does not end."""

        read = 0
        is_open = False

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.read = self.read + len(data) if self.is_open else 0
            if self.read > LONGEST and not self.transport.is_closing():
                self.send_400_response("The head of a request must be shorter.")

        def on_message_begin(self) -> None:
            self.is_open = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self.is_open = False
            super().on_headers_complete()

    return Heads
