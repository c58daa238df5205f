# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection that two threads read from and write to, and that a third one closes.

TLS keeps the number of its descriptor. Stock, whoever closes a connection gives that number back while a thread may still be waiting in
TLS; the kernel gives it to the next connection, whose first bytes that thread then takes: its handshake fails. Nor may two threads be
inside of the same TLS connection at once, which Python 3.13 does not see to. So nobody waits inside of TLS here: one thread at a time
does what can be done at once, and waits outside for more.
"""

import select
import ssl
import threading
from collections.abc import Callable
from typing import Any

from vdi_door.waiting import hang_up

# After so long, Xpra looks whether the connection is still wanted, and waits again.
WAIT_MILLISECONDS = 20_000


def prepare(original: Callable[..., None], connection: Any, *values: Any, **options: Any) -> None:
    """Stands in for SSLSocketConnection.__init__."""
    original(connection, *values, **options)
    connection.vdi_turn = threading.RLock()


def read(connection: Any, size: int) -> bytes:
    """Stands in for SSLSocketConnection.read: waits for data and gives up to `size` bytes of it, or more that TLS has unpacked with them."""
    return connection._read(_when_possible, connection, _receive, size)


def write(connection: Any, data: Any, _packet_type: str = "") -> int:
    """Stands in for SSLSocketConnection.write: gives how many bytes were taken."""
    return connection._write(_when_possible, connection, _send, data)


def peek(original: Callable[[Any, int], bytes], connection: Any, size: int) -> bytes:
    """Stands in for SSLSocketConnection.peek, which the main thread calls for a connection that has said nothing in time."""
    with connection.vdi_turn:
        return original(connection, size)


def set_timeout(original: Callable[[Any, Any], None], connection: Any, timeout: Any = None) -> None:
    """Stands in for what Xpra's protocol calls when a hello has come: waiting is not TLS's own, so that there is no time to set."""
    if not hasattr(connection, "vdi_turn"):
        original(connection, timeout)


def close(original: Callable[[Any], None], connection: Any) -> None:
    """Stands in for SSLSocketConnection.close: whoever waits for this connection is woken first."""
    # Without TLS this is not needed (a socket of Python forgets its descriptor), nor would it be right: where each client has a process,
    # the socket is still used there.
    connection.set_active(False)
    hang_up(connection._socket)
    with connection.vdi_turn:
        original(connection)


def _receive(socket: Any, size: int) -> bytes:
    data: bytes = socket.recv(size)
    # What TLS has unpacked already does not make the descriptor readable any more.
    more = socket.pending() if data else 0
    return data + socket.recv(more) if more else data


def _send(socket: Any, data: Any) -> int:
    sent: int = socket.send(data)
    return sent


def _when_possible(connection: Any, attempt: Callable[[Any, Any], Any], value: Any) -> Any:
    while True:
        with connection.vdi_turn:
            socket = connection._socket
            if socket.gettimeout() != 0:
                socket.settimeout(0)
            try:
                return attempt(socket, value)
            except ssl.SSLWantReadError:
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            descriptor = socket.fileno()
        waiting = select.poll()
        waiting.register(descriptor, event)
        if not waiting.poll(WAIT_MILLISECONDS):
            raise TimeoutError("nothing came, or could be sent")
