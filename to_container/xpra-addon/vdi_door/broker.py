# SPDX-License-Identifier: GPL-2.0-or-later
"""The broker, over its unix socket: HTTP with JSON, and lines of JSON as they come.

HTTP/1.0 on purpose: the answer ends with the connection and is never chunked, so lines can be taken from the socket as they
arrive, with a look at the clock and at the client in between.
"""

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

LONGEST_ANSWER = 1024 * 1024
LONGEST_LINE = 64 * 1024
# A broker that has gone is started anew at once, and the second time after ten seconds.
PATIENCE_SECONDS = 20.0
_AGAIN_SECONDS = 0.25
_RESTARTED = {
    "event": "progress",
    "phase": "waiting",
    "message": "The service that prepares desktops is being restarted. This takes a moment.",
}


class BrokerAway(Exception):
    """The broker cannot be reached or makes no sense; the message is for a log."""


class BrokerRefused(Exception):
    """The broker said no. `message` is for the user, `code` as in the hook's protocol."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message


class TimedOut(Exception):
    """The deadline came first. The broker goes on with what it does."""


class ClientGone(Exception):
    """Nobody waits any more."""


def _refusal(body: Any) -> BrokerRefused | None:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    return BrokerRefused(int(error.get("code", 1)), str(error.get("reason", "error")), str(error.get("message", "")))


def _pause(error: BrokerAway, deadline: float, wanted: Callable[[], bool]) -> None:
    """Before the broker is asked again. Raises the error when no time is left for that, ClientGone when nobody waits."""
    if time.monotonic() + _AGAIN_SECONDS >= deadline:
        raise error
    time.sleep(_AGAIN_SECONDS)
    if not wanted():
        raise ClientGone() from None


class Broker:
    def __init__(self, path: str) -> None:
        self._path = path

    def _open(self, path: str, body: dict[str, Any], deadline: float) -> socket.socket:
        payload = json.dumps(body, separators=(",", ":")).encode("utf-8")
        head = (
            f"POST {path} HTTP/1.0\r\nHost: broker\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        ).encode("ascii")
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.1, min(5.0, deadline - time.monotonic())))
            connection.connect(self._path)
            connection.sendall(head + payload)
        except OSError as error:
            connection.close()
            raise BrokerAway(f"cannot reach the broker at {self._path}: {error}") from None
        return connection

    @staticmethod
    def _bytes(connection: socket.socket, deadline: float, wanted: Callable[[], bool]) -> Iterator[bytes]:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimedOut()
            if not wanted():
                raise ClientGone()
            poll = select.poll()  # select() fails on descriptors above 1023
            poll.register(connection, select.POLLIN)
            if not poll.poll(min(left, 1.0) * 1000):
                continue
            try:
                data = connection.recv(65536)
            except OSError as error:
                raise BrokerAway(f"the broker's connection broke: {error}") from None
            if not data:
                return
            yield data

    def _answer(self, connection: socket.socket, deadline: float, wanted: Callable[[], bool]) -> tuple[int, Iterator[bytes]]:
        chunks = self._bytes(connection, deadline, wanted)
        data = b""
        while b"\r\n\r\n" not in data:
            piece = next(chunks, b"")
            if not piece or len(data) > LONGEST_LINE:
                raise BrokerAway("the broker gave no answer")
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        try:
            status = int(head.split(b" ", 2)[1])
        except (IndexError, ValueError):
            raise BrokerAway("the broker's answer is not HTTP") from None

        def body() -> Iterator[bytes]:
            if rest:
                yield rest
            yield from chunks

        return status, body()

    def ask(self, path: str, body: dict[str, Any], seconds: float, wanted: Callable[[], bool] = lambda: True) -> dict[str, Any]:
        """One question, one answer. Raises BrokerAway, BrokerRefused, TimedOut or ClientGone."""
        deadline = time.monotonic() + seconds
        connection = self._open(path, body, deadline)
        try:
            status, chunks = self._answer(connection, deadline, wanted)
            return self._json(status, chunks)
        finally:
            connection.close()

    @staticmethod
    def _json(status: int, chunks: Iterator[bytes]) -> dict[str, Any]:
        data = b""
        for piece in chunks:
            data += piece
            if len(data) > LONGEST_ANSWER:
                raise BrokerAway("the broker's answer is too long")
        try:
            answer = json.loads(data)
        except ValueError:
            raise BrokerAway(f"the broker answered {status} without JSON") from None
        refused = _refusal(answer)
        if refused:
            raise refused
        if status != 200 or not isinstance(answer, dict):
            raise BrokerAway(f"the broker answered {status}")
        return answer

    def patient_ask(self, path: str, body: dict[str, Any], seconds: float, wanted: Callable[[], bool]) -> dict[str, Any]:
        """As `ask`, but a broker that goes away meanwhile is asked again, as long as the answer is `wanted`.

        For questions only that may come twice.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.ask(path, body, deadline - time.monotonic())
            except BrokerAway as error:
                _pause(error, deadline, wanted)

    def events(
        self, path: str, body: dict[str, Any], deadline: float, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[dict[str, Any]]:
        """The events of a stream as they come; `deadline` by time.monotonic(). Raises as `ask` does."""
        connection = self._open(path, body, deadline)
        try:
            status, chunks = self._answer(connection, deadline, wanted)
            if status != 200:
                self._json(status, chunks)
                raise BrokerAway(f"the broker answered {status}")
            data = b""
            for piece in chunks:
                data += piece
                while b"\n" in data:
                    line, _, data = data.partition(b"\n")
                    if not line.strip():
                        continue
                    try:
                        event = json.loads(line)
                    except ValueError:
                        raise BrokerAway("the broker sent a line that is not JSON") from None
                    if isinstance(event, dict):
                        yield event
                if len(data) > LONGEST_LINE:
                    raise BrokerAway("the broker sent a line that is too long")
        finally:
            connection.close()

    def patient_events(
        self, path: str, body: dict[str, Any], deadline: float, wanted: Callable[[], bool]
    ) -> Iterator[dict[str, Any]]:
        """As `events`, but ends after `ready` or `error`, and a broker that goes away meanwhile is asked again.

        Whatever one broker has begun the next one finds on the cluster, so that asking again starts nothing twice.
        """
        since = None
        while True:
            try:
                for event in self.events(path, body, deadline, wanted):
                    if event.get("event") == "error" and event.get("reason") == "restarting":
                        break
                    since = None
                    yield event
                    if event.get("event") in ("ready", "error"):
                        return
                raise BrokerAway("the broker ended without an answer")
            except BrokerAway as error:
                now = time.monotonic()
                if since is None:
                    since = now
                    yield _RESTARTED
                if now - since > PATIENCE_SECONDS:
                    raise
                _pause(error, deadline, wanted)
