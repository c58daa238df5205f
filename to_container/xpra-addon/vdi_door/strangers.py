# SPDX-License-Identifier: GPL-2.0-or-later
"""What may come from a connection before anybody has signed in by it.

Xpra takes its own internal packets from the network as well, and lets the thread of a connection die of a hello that it does not
understand. Either way the connection stayed open, with no timer that would end it: so many of them, and nobody else is let in.
"""

import threading
from collections.abc import Callable
from typing import Any

from vdi_door import compat
from vdi_door.door import the_door
from vdi_door.log import log
from vdi_door.packet import kind_of
from vdi_door.record import Sparsely
from vdi_door.waiting import giving_way, peer_of

_NOT_UNDERSTOOD = "This connection could not be understood."
_crowded = Sparsely(10.0)


def do_make_protocol(original: Callable[..., Any], server: Any, *values: Any, **options: Any) -> Any:
    """Stands in for ServerCore.do_make_protocol, on the connection's own thread: which waits for a hello from here on."""
    proto = original(server, *values, **options)
    # Once: it is asked for at every connection of a thousand.
    proto.vdi_peer = peer_of(getattr(proto._conn, "remote", None))
    _make_room(server._potential_protocols, the_door().settings.max_connections)
    return proto


def _make_room(connections: list[Any], most: int) -> None:
    # Who has signed in and waits for a session keeps the place: places.py bounds those.
    strangers = [(each, getattr(each, "vdi_peer", "")) for each in tuple(connections) if not (each.is_closed() or _is_known(each))]
    for proto in giving_way(strangers, most):
        proto.vdi_refused = True
        times = _crowded.times("crowded")
        if times:
            log.info("%i connections that had not signed in gave their place to newer ones: there are more than %i", times, most)
        # Without a word, which a silent one would not take: the place is needed now.
        compat.on_main_thread(proto.close)


def _is_known(proto: Any) -> bool:
    return getattr(proto, "vdi_attached", False) or getattr(proto, "vdi_refused", False)


def _may_be_said(packet: Any) -> bool:
    """A hello or a goodbye. All else that Xpra's table of packets has comes from its own threads, or is for its other servers."""
    if len(packet) < 2:
        return False
    kind = kind_of(packet)
    return kind == "disconnect" or (kind == "hello" and isinstance(packet[1], dict))


def process_packet(original: Callable[..., None], server: Any, proto: Any, packet: Any) -> None:
    """Stands in for ServerCore.process_packet, called for connections that are not attached (yet)."""
    # What Xpra says to itself comes on the main thread, what the network says on the connection's own.
    if threading.current_thread() is not threading.main_thread() and not _may_be_said(packet):
        hang_up(server, proto, "a connection that had not signed in said something else than hello, and is closed")
        return
    original(server, proto, packet)


def invalid_header(_server: Any, proto: Any, data: Any, message: str = "") -> None:
    """Stands in for ServerCore.invalid_header: what is not Xpra's protocol ends the connection, whatever else it looks like."""
    # HTTP and TLS are looked for before there is a protocol. Stock, a connection that turns into one of them later is taken away from
    # its protocol, and what becomes of it then depends on the way it takes.
    proto._invalid_header(proto, data, message)


def hang_up(server: Any, proto: Any, line: str) -> None:
    """Ends a connection from one of its own threads, once, with a line in the log."""
    if getattr(proto, "vdi_refused", False):
        return
    proto.vdi_refused = True
    log.info(line)
    # Closed here and now, its goodbye would be lost: another thread writes it.
    compat.on_main_thread(server.send_disconnect, proto, _NOT_UNDERSTOOD)


def or_hung_up(original: Callable[..., None], server: Any, proto: Any, *more: Any) -> None:
    """Stands in for ServerCore._process_hello and .verify_auth: whatever goes wrong there ends the connection."""
    try:
        original(server, proto, *more)
    except Exception as error:
        # Without its text, which may repeat what was said.
        log.error("Error: %s while a connection signed in", type(error).__name__)
        compat.on_main_thread(server.send_disconnect, proto, _NOT_UNDERSTOOD)
