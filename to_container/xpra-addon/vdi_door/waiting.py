# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of which anybody can make any number, and never go on: with saying what they want, or with taking the answer.

While all places are taken, a new connection gets the place of the one that has waited for longest: who goes on at once, such as the
kubelet's probe, always finds one.
"""

import socket
import threading
from typing import Any


def hang_up(connection: Any) -> None:
    """Wakes the thread that reads from a connection or writes to it, with the end of it. The thread closes it."""
    # Xpra wraps some sockets; and TLS's own `shutdown` is not for another thread.
    plain = connection if isinstance(connection, socket.socket) else getattr(connection, "socket", None)
    try:
        if plain is not None:
            socket.socket.shutdown(plain, socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        pass


class Waiting:
    """Places for each name: whoever is nobody yet has the same one, the empty one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[str, dict[int, Any]] = {}

    def enter(self, connection: Any, most: int, name: str = "") -> int:
        """Takes a place until `leave`, or until `most` others of this name have come; how many places are taken, by all names."""
        with self._lock:
            own = self._connections.setdefault(name, {})
            own[id(connection)] = connection
            if len(own) > most:
                # Under the lock, so that its own thread cannot leave and hand it on meanwhile.
                hang_up(own.pop(next(iter(own))))
            return sum(map(len, self._connections.values()))

    def leave(self, connection: Any, name: str = "") -> None:
        with self._lock:
            own = self._connections.get(name, {})
            own.pop(id(connection), None)
            if not own:
                self._connections.pop(name, None)
