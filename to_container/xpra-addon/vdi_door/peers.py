# SPDX-License-Identifier: GPL-2.0-or-later
"""Other sides that are gone without a word: a closed laptop, a dead node, a cable. Both legs of an attached client are watched.

Twice: TCP gives up what is not confirmed, and Xpra's pings give up a program that does not answer although its machine does.
"""

import socket
import time
from typing import Any

_PROBE_SECONDS = 10
# What is lost is sent again after twice as long each time, so that a connection stands still for up to twice as long as the network
# did, and somebody gives it up. From Linux 6.15 on the time between two attempts can be limited; Python has no name for it yet.
_TCP_RTO_MAX_MS = getattr(socket, "TCP_RTO_MAX_MS", 44)
_RESEND_MS = 3000
# Xpra pings every five seconds. A look that comes so much later means that this process itself was held up.
_HELD_UP_SECONDS = 20.0


def stay_alive(connection: Any, seconds: int) -> None:
    """Has the kernel end a connection whose other side has confirmed nothing for so long, and until then repeat what was lost."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, min(_PROBE_SECONDS, seconds))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, min(_PROBE_SECONDS, seconds))
        # What was sent and not confirmed is repeated for a quarter of an hour otherwise; it holds for the probes as well.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, _RESEND_MS)
    except OSError:
        # It is closed already: whoever reads from it is told. Or, at the last line, the kernel is an older one.
        pass


class Watch:
    """How long the other side of a connection has been silent. Anything that it sends counts, the answers to pings above all."""

    def __init__(self, clock: Any = time.monotonic) -> None:
        self._clock = clock
        self._bytes = -1
        self._heard = self._looked = clock()

    def silent_seconds(self, received: int) -> float:
        """To be asked every few seconds, with the number of bytes that have come in so far."""
        now = self._clock()
        if received != self._bytes or now - self._looked > _HELD_UP_SECONDS:
            self._bytes = received
            self._heard = now
        self._looked = now
        return now - self._heard
