# SPDX-License-Identifier: GPL-2.0-or-later
"""From a signed-in user and a display to a connection with that user's session. Runs on the connection's own thread."""

import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from vdi_door.broker import Broker, BrokerAway, BrokerRefused, ClientGone, TimedOut
from vdi_door.identity import User
from vdi_door.log import log

# Native clients give up 40 s after they have sent the password (older ones: after they have connected), of which PAM may take 20.
# What is said by then reaches them.
CLIENT_SECONDS = 35.0
LEAST_SECONDS = 5.0
CONNECT_SECONDS = 0.5
# The broker knows of a session's end a second or two late; after so long without a connection it is asked again.
ASK_AGAIN_SECONDS = 3.0
STALE_SECONDS = 5.0


class NoSession(Exception):
    """No session (yet); the message is for the user, the outcome for the log."""

    def __init__(self, message: str, outcome: str = "no-session") -> None:
        super().__init__(message)
        self.outcome = outcome


@dataclass(frozen=True)
class Target:
    """Where a session listens, and what it takes. The secret is kept out of every text that Xpra might print."""

    host: str
    port: int
    username: str
    password: str
    # The session's name, for the log.
    session: str = ""

    def display(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}/"

    def __repr__(self) -> str:
        return self.display()


@dataclass(frozen=True)
class Wish:
    """What a client is to be attached to."""

    user: User
    display: str
    # True: never a new session in the place of one that has ended.
    existing: bool = False

    def body(self) -> dict[str, Any]:
        """The question to the broker."""
        return {"user": self.user.to_json(), "display": self.display, **({"existing": True} if self.existing else {})}


def parse_target(display: str, username: str, session: str = "") -> Target:
    """`tcp://user:secret@10.1.2.3:14500/` taken apart. Raises ValueError without the text in it."""
    try:
        parts = urlsplit(display)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the broker's answer is not an address") from None
    if parts.scheme != "tcp" or not host or not port:
        raise ValueError("the broker's answer is not a tcp address")
    return Target(host, port, unquote(parts.username or username), unquote(parts.password or ""), session)


class Prepared:
    """Connections made on a worker thread, waiting for the main thread to hand them over.

    So the main thread, which serves everybody, never waits for a network.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: defaultdict[tuple[str, int], deque[tuple[float, socket.socket]]] = defaultdict(deque)

    def put(self, target: Target, connection: socket.socket) -> None:
        with self._lock:
            self._close_stale()
            self._sockets[(target.host, target.port)].append((time.monotonic(), connection))

    def take(self, host: str, port: int) -> socket.socket | None:
        with self._lock:
            self._close_stale()
            waiting = self._sockets.get((host, port))
            if not waiting:
                return None
            _, connection = waiting.popleft()
            if not waiting:
                del self._sockets[(host, port)]
            return connection

    def _close_stale(self) -> None:
        # Left behind by a client that went away in between; a session closes its end after a while as well.
        now = time.monotonic()
        for key, waiting in list(self._sockets.items()):
            while waiting and now - waiting[0][0] > STALE_SECONDS:
                waiting.popleft()[1].close()
            if not waiting:
                del self._sockets[key]


def _connected(target: Target, seconds: float) -> socket.socket:
    connection = socket.create_connection((target.host, target.port), seconds)
    try:
        # "No route to host" may become known only a moment after the kernel has let `connect` end without an error.
        connection.getpeername()
        connection.settimeout(None)
    except OSError:
        connection.close()
        raise
    return connection


def connect(target: Target, deadline: float, wanted: Callable[[], bool]) -> socket.socket | None:
    """One TCP connection, tried again in short turns: a pod's address may need a moment, and a dead one never answers."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        if not wanted():
            raise ClientGone()
        began = time.monotonic()
        try:
            return _connected(target, min(CONNECT_SECONDS, left))
        except OSError:
            time.sleep(max(0.0, min(0.1 - (time.monotonic() - began), deadline - time.monotonic())))


def _in_words(event: dict[str, Any] | None) -> str:
    message = str(event.get("message", "")) if event else ""
    return f"Your desktop is being prepared: {message}" if message else "Your desktop is being prepared."


def time_left(most: float, waited: float) -> float:
    """The seconds in which a session may be found for a client that has waited so long for PAM: `most`, or what its patience leaves."""
    return min(most, max(LEAST_SECONDS, CLIENT_SECONDS - waited))


def find_session(broker: Broker, wish: Wish, seconds: float, wanted: Callable[[], bool]) -> tuple[Target, socket.socket]:
    """The wished session, started if need be and allowed, and a connection to it. Raises NoSession or ClientGone."""
    deadline = time.monotonic() + seconds
    last: dict[str, Any] | None = None
    try:
        while True:
            target = None
            for event in broker.patient_events("/v1/sessions", wish.body(), deadline, wanted):
                kind = event.get("event")
                if kind == "progress":
                    last = event
                elif kind == "ready":
                    target = parse_target(str(event.get("display", "")), wish.user.name, str(event.get("session", "")))
                elif kind == "error":
                    raise NoSession(str(event.get("message") or "Your desktop could not be started."))
            if target is None:
                raise BrokerAway("the broker ended without a session")
            connection = connect(target, min(deadline, time.monotonic() + ASK_AGAIN_SECONDS), wanted)
            if connection is not None:
                return target, connection
            if time.monotonic() >= deadline:
                raise NoSession("Your desktop does not answer at this moment. Please try again.", "no-answer")
    except TimedOut:
        raise NoSession(f"{_in_words(last)} Please connect again in a moment.", "timed-out") from None
    except BrokerRefused as error:
        raise NoSession(error.message or "Your desktop could not be started.") from None
    except (BrokerAway, ValueError) as error:
        log.error("Error: no session for %r: %s", wish.user.name, error)
        raise NoSession("Desktops cannot be reached at this moment. Please try again in a minute.", "broker") from None
