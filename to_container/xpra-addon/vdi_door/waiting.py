# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections of which anybody can make any number, and never go on: with saying what they want, or with taking the answer.

While all places are taken, a new connection gets the place of one of the address that has most of them: of the one that has waited for
longest. Who goes on at once, such as the kubelet's probe, always finds a place, and nobody loses one to a single machine.
"""

import ipaddress
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any


def peer_of(remote: Any) -> str:
    """By whose number of places it is decided: the address of a socket's other side; of IPv6 the network, of which one machine has all."""
    try:
        address = ipaddress.ip_address(str(remote[0]))
    except (TypeError, IndexError, ValueError):
        return ""
    if address.version == 4:
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False).network_address)


def giving_way(taken: Sequence[tuple[Any, str]], most: int) -> list[Any]:
    """Which ones of these, each with its peer and oldest first, make way until there are no more than `most`."""
    if len(taken) <= most:
        return []
    left, going = list(taken), []
    counts = Counter(peer for _, peer in left)
    while len(left) > most:
        busiest = max(counts.values())
        at = next(index for index, (_, peer) in enumerate(left) if counts[peer] == busiest)
        one, peer = left.pop(at)
        counts[peer] -= 1
        going.append(one)
    return going


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
        self._connections: dict[str, dict[int, tuple[Any, str]]] = {}

    def enter(self, connection: Any, most: int, name: str = "", peer: str = "") -> int:
        """Takes a place until `leave`, or until `most` others of this name have come; how many places are taken, by all names."""
        with self._lock:
            own = self._connections.setdefault(name, {})
            own[id(connection)] = (connection, peer)
            if len(own) > most:
                for one in giving_way(tuple(own.values()), most):
                    del own[id(one)]
                    # Under the lock, so that its own thread cannot leave and hand it on meanwhile.
                    hang_up(one)
            return sum(map(len, self._connections.values()))

    def leave(self, connection: Any, name: str = "") -> None:
        with self._lock:
            own = self._connections.get(name, {})
            own.pop(id(connection), None)
            if not own:
                self._connections.pop(name, None)
