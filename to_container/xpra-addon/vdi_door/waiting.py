# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that have not said yet what they want. Anybody can make any number of them and never go on.

While all places are taken, a new connection gets the place of the one that has waited for longest: who goes on at once, such as the
kubelet's probe, always finds one.
"""

import socket
import threading
from typing import Any


def hang_up(connection: Any) -> None:
    """Wakes the thread that reads from a connection, with the end of it. The thread closes it."""
    # Xpra wraps some sockets; and TLS's own `shutdown` is not for another thread.
    plain = connection if isinstance(connection, socket.socket) else getattr(connection, "socket", None)
    try:
        if plain is not None:
            socket.socket.shutdown(plain, socket.SHUT_RDWR)
    except OSError:
        # It has ended by itself.
        pass


class Waiting:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: dict[int, Any] = {}

    def enter(self, connection: Any, most: int) -> None:
        """Takes a place until `leave`, or until `most` others have come."""
        with self._lock:
            self._connections[id(connection)] = connection
            if len(self._connections) > most:
                # Under the lock, so that its own thread cannot leave and hand it on meanwhile.
                hang_up(self._connections.pop(next(iter(self._connections))))

    def leave(self, connection: Any) -> None:
        with self._lock:
            self._connections.pop(id(connection), None)
