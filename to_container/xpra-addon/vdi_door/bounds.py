# SPDX-License-Identifier: GPL-2.0-or-later
"""How much a connection may send and have unpacked before anybody has signed in by it, and how large one message may be after that.

Stock, 260 KB from a stranger became 256 MiB, three times for each connection, and a WebSocket message that never ends was kept as a
whole: three connections, and the proxy's memory, which is everybody's, was gone.
"""

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from vdi_door import compat
from vdi_door.log import log
from vdi_door.pressure import Pressed
from vdi_door.strangers import hang_up

# A hello has up to 100 KB and is said two or three times.
MOST_RECEIVED = 1024 * 1024
MOST_UNPACKED = 2 * 1024 * 1024
# What all strangers together may hold: more places of them than memory for each to hold the most. Then each has what a hello needs.
MOST_OF_ALL = 256 * 1024 * 1024
ENOUGH = 128 * 1024
# One WebSocket message: its frames together, and their number.
LARGEST_MESSAGE = 32 * 1024 * 1024
MOST_FRAMES = 4096
# Whose packets this thread takes apart.
_parsing = threading.local()


def is_stranger(proto: Any) -> bool:
    """Whether nobody is attached by it (yet)."""
    # The proxy itself takes its packets; once attached, its own instance does.
    return isinstance(getattr(getattr(proto, "_process_packet_cb", None), "__self__", None), compat.ProxyServer)


def _held(proto: Any) -> int:
    received: int = getattr(proto._conn, "input_bytecount", 0)
    return received + int(getattr(proto, "vdi_unpacked", 0))


def _may_have(proto: Any, most: int) -> int:
    connections = tuple(getattr(proto._process_packet_cb.__self__, "_potential_protocols", ()))
    # Who has signed in and waits for a session is no stranger: places.py bounds those.
    held = sum(_held(each) for each in connections if not getattr(each, "vdi_attached", False))
    return most if held < MOST_OF_ALL else ENOUGH


def prepare(original: Callable[..., None], proto: Any, *values: Any, **options: Any) -> None:
    """Stands in for SocketProtocol.__init__."""
    original(proto, *values, **options)
    # Stock, what has been read and not taken apart is limited to 20 pieces: each of them may be a whole WebSocket message.
    proto._read_queue = Pressed()


def con_read(original: Callable[[Any], Any], proto: Any) -> Any:
    """Stands in for SocketProtocol.con_read, on the connection's own thread."""
    data = original(proto)
    if not data:
        # Asked again and again for a second or two, until the end is believed; 6.x makes no pause.
        time.sleep(0.001)
    elif is_stranger(proto) and _received_too_much(proto):
        hang_up(proto._process_packet_cb.__self__, proto, "a connection sent too much before it signed in, and is closed")
        # Which Xpra takes for the connection's end, and closes it after a second if need be.
        return b""
    return data


def _received_too_much(proto: Any) -> bool:
    received: int = getattr(proto._conn, "input_bytecount", 0)
    return received > ENOUGH and received > _may_have(proto, MOST_RECEIVED)


def read_parse_thread_loop(original: Callable[[Any], None], proto: Any) -> None:
    """Stands in for SocketProtocol._read_parse_thread_loop."""
    _parsing.proto = proto
    original(proto)


def taken_apart_here() -> Any:
    """The protocol whose packets this thread takes apart, or None."""
    return getattr(_parsing, "proto", None)


def decompress(original: Callable[[Any, int], Any], data: Any, level: int) -> Any:
    """Stands in for xpra.net.protocol.socket_handler.decompress. Whatever it raises is the end of the connection."""
    proto = taken_apart_here()
    if proto is None or not is_stranger(proto):
        return original(data, level)
    so_far = getattr(proto, "vdi_unpacked", 0)
    unpacked = _unpack(data, level, _may_have(proto, MOST_UNPACKED) - so_far)
    proto.vdi_unpacked = so_far + len(unpacked)
    return unpacked


def _unpack(data: Any, level: int, most: int) -> Any:
    if most <= 0:
        # No limit at all for each of these.
        raise ValueError("too much before sign-in")
    if level & compat.LZ4_FLAG:
        from xpra.net.lz4.lz4 import decompress as of_lz4

        return of_lz4(data, max_size=most)
    if level & compat.BROTLI_FLAG:
        from xpra.net.brotli.decompressor import decompress as of_brotli

        return of_brotli(data, maxsize=most)
    unpacking = zlib.decompressobj()
    unpacked = unpacking.decompress(data, most)
    if unpacking.unconsumed_tail:
        raise ValueError("too much before sign-in")
    return unpacked


def first_time(_original: Callable[[str], bool], _key: str) -> bool:
    """Stands in for xpra.net.websockets.protocol.first_time, which decides on a warning and keeps a text for each connection, for ever."""
    return False


def parse_ws_frame(original: Callable[[Any, Any], None], proto: Any, data: Any) -> None:
    """Stands in for WebSocketProtocol.parse_ws_frame."""
    original(proto, data)
    frames = proto.ws_payload
    if len(frames) > MOST_FRAMES or len(proto.ws_data) + sum(len(frame) for frame in frames) > LARGEST_MESSAGE:
        log.info("a connection sent a message that is too large, and is closed")
        proto.ws_payload, proto.ws_data = [], b""
        compat.on_main_thread(proto.send_disconnect, ["message too large"])
