"""How much is asked for and kept at most: all of it is looked at before work begins."""

import dataclasses

__all__ = ["Limits"]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one server takes on.

    Attributes:
        queue: Requests that wait for one model; more are told to come again.
        rows: Rows of one request, and of requests that are answered together.
        work: Entries of rows times steps of one request.
        seconds: Until an answer must be there.
        body: Bytes of a request.
        upload: Bytes of one that brings files.
        grace: Seconds for what is being answered when the server is told to end.
    """

    queue: int = 128
    rows: int = 64
    work: int = 200_000_000
    seconds: float = 60.0
    body: int = 1 << 20
    upload: int = 1 << 25
    grace: float = 30.0
