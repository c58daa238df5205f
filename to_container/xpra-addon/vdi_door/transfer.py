# SPDX-License-Identifier: GPL-2.0-or-later
"""A web connection's bytes in both directions, and the time that they may take. Nothing here knows of Xpra."""

import io
import socket
import struct
import time
from typing import Any

IDLE_SECONDS = 15.0
# For a whole request, header and body, from its first byte on.
REQUEST_SECONDS = 10.0
# So long may an answer wait for the other side in all, and for each second more it must have taken so many bytes. The whole page is
# 0.4 MB for a browser: the slowest line that gets it is one with which nobody could work.
ANSWER_SECONDS = 20.0
LEAST_BYTES_A_SECOND = 8_000
# One record of TLS: more at once could be held up within `send`, where nothing is known of what was taken.
_PIECE = 16 * 1024
# On, and no time: what is still to be sent is dropped when the socket is closed.
_NO_LINGER = struct.pack("ii", 1, 0)


class Received(io.RawIOBase):
    """A socket's bytes, those included that Xpra has already looked at (its own reader forgets them after the headers)."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._deadline: float | None = None

    def next_request(self) -> None:
        self._deadline = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = IDLE_SECONDS if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._connection.settimeout(left)
        try:
            data = self._connection.recv(len(buffer))
        finally:
            # The answer has a time of its own.
            self._connection.settimeout(IDLE_SECONDS)
        if self._deadline is None:
            self._deadline = time.monotonic() + REQUEST_SECONDS
        buffer[: len(data)] = data
        return len(data)


class Sent(io.RawIOBase):
    """The other direction. Only time that is spent waiting for the other side counts, so that an answer may be long in the making."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._patience = ANSWER_SECONDS

    def next_answer(self) -> None:
        self._patience = ANSWER_SECONDS

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Sends all of it, or raises an OSError."""
        idle = self._connection.gettimeout()
        left = memoryview(data)
        try:
            while left:
                self._connection.settimeout(min(idle, self._patience))
                before = time.monotonic()
                sent = self._connection.send(left[:_PIECE])
                self._patience += sent / LEAST_BYTES_A_SECOND - (time.monotonic() - before)
                if self._patience <= 0:
                    raise TimeoutError("the answer took too long")
                left = left[sent:]
        except OSError:
            # The kernel would go on offering what it holds to somebody who does not take it, for any number of such connections.
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            raise
        finally:
            self._connection.settimeout(idle)
        return len(data)
