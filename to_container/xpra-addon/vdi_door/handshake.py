# SPDX-License-Identifier: GPL-2.0-or-later
"""The TLS handshake of a connection that came in: with time enough for slow lines, a limit on how many go on at once, and no noise.

Anybody can connect and send nonsense. Xpra's own lets the connection's thread die of it, with a traceback in the log each time and
the connection left open.
"""

import ssl
from typing import Any

from vdi_door.door import the_door
from vdi_door.log import log
from vdi_door.peers import stay_alive
from vdi_door.record import Sparsely
from vdi_door.waiting import Waiting, peer_of

SECONDS = 8.0
AT_ONCE = 1024
_waiting = Waiting()
_failed = Sparsely(10.0)


def _remote_of(sock: Any) -> Any:
    try:
        return sock.getpeername()
    except OSError:
        # Gone already.
        return None


def ssl_handshake(ssl_socket: Any) -> Any:
    """Stands in for xpra.net.socket_util.ssl_handshake, on the connection's own thread, which ends here when it fails."""
    timeout = ssl_socket.gettimeout()
    _waiting.enter(ssl_socket, AT_ONCE, peer=peer_of(_remote_of(ssl_socket)))
    try:
        stay_alive(ssl_socket, the_door().settings.socket_seconds)
        ssl_socket.settimeout(SECONDS)
        ssl_socket.do_handshake()
        ssl_socket.settimeout(timeout)
        return ssl_socket
    except OSError as error:
        # A connection that ends without a word is somebody looking whether the port is open.
        if not isinstance(error, (ssl.SSLEOFError, ConnectionError)):
            times = _failed.times("failed")
            if times:
                log.info("%i connections failed in their TLS handshakes, the last one with: %s", times, error)
        ssl_socket.close()
        # Python ends a thread without a word for this one.
        raise SystemExit from None
    finally:
        _waiting.leave(ssl_socket)
