# SPDX-License-Identifier: GPL-2.0-or-later
"""An attached client inside the proxy: what Xpra's own class does too much of, and what it leaves behind.

Stock, an instance that ends sleeps up to a second on the main thread, which everybody's login needs, and leaves a thread or two
that wait for ever: it was written for a process of its own, whose end takes care of that.
"""

import queue
import time
from collections.abc import Callable, Iterable
from typing import Any

from vdi_door import compat
from vdi_door.door import the_door
from vdi_door.log import log
from vdi_door.packet import kind_of
from vdi_door.peers import Watch
from vdi_door.pressure import Pressed
from vdi_door.record import record

CLOSE_MILLISECONDS = 1000
# A screen of 3840x2160 without any compression, one of 8192x4096 with a byte for each pixel. Stock, a session's hello says how much it
# may send in one piece, up to 256 MB, and all of that is kept before anything is looked at.
LARGEST_PIECE = 32 * 1024 * 1024
# Made by a protocol whose packets cannot be read any more, for whoever takes them.
_BROKEN = ("invalid", "gibberish")
# Taken by a thread that waits for the next packet, and dropped because its connection is closed by then.
_LAST_PACKET = ("closed",)


class Unkept(dict):  # type: ignore[type-arg]
    """How many packets there were of each type, which nobody asks for: whoever sends them makes up the types, without an end."""

    def __setitem__(self, _key: Any, _value: Any) -> None:
        pass


class Everything(list):  # type: ignore[type-arg]
    """The types of packets that may be large. Stock, five lines of log are made of any other one, and all of it is printed for them."""

    def __contains__(self, _kind: object) -> bool:
        return True


def video_init(self: Any) -> None:
    """Stands in for ProxyInstance.video_init (5.1 only): no video encoders; pictures pass through as the session made them."""
    self.video_encoding_defs = {}
    self.video_encoders = {}
    self.video_encoders_dst_formats = []
    self.video_encoders_last_used_time = {}
    self.video_encoder_types = []


def packet_recompress(original: Callable[..., Any], self: Any, packet: Any, index: int, name: str) -> Any:
    """Stands in for ProxyInstance._packet_recompress."""
    # An empty piece would be marked as compressed and could then not be sent: the client's end. 6.5 sends empty window icons.
    if len(packet) > index and not packet[index]:
        return packet
    return original(self, packet, index, name)


def start_network_threads(original: Callable[[Any], None], self: Any) -> None:
    """Stands in for ProxyInstanceThread.start_network_threads."""
    # Kept here, because a protocol that closes forgets both, and a thread may be waiting for room in the queue or for the lock.
    protocols = [proto for proto in (self.client_protocol, self.server_protocol) if proto]
    self.vdi_write_queues = [proto._write_queue for proto in protocols]
    self.vdi_write_locks = [proto._write_lock for proto in protocols]
    # An instance that ends takes a new one at once, and the session's thread may wait for room in this one.
    self.vdi_encode_queue = getattr(self, "encode_queue", None)
    for proto in protocols:
        proto.abs_max_packet_size = LARGEST_PIECE
        proto.large_packets = Everything()
        proto.input_stats, proto.output_stats = Unkept(), Unkept()
    original(self)
    # A client that has gone before it got here has told the server, and nobody would ever stop this instance.
    if self.client_protocol.is_closed():
        self.idle_add(_stop_without_client, self)


def _stop_without_client(self: Any) -> bool:
    if not self.exit:
        self.stop(self.client_protocol, "client connection lost")
    return False


def _empty(waiting: Any) -> None:
    try:
        while True:
            waiting.get_nowait()
    except queue.Empty:
        pass


def _unlock(locks: Iterable[Any]) -> bool:
    """Frees the threads that wait for a write lock which was taken for the last packet, and whose protocol has then forgotten it."""
    for lock in locks:
        try:
            if lock.locked():
                lock.release()
        except RuntimeError:
            # Freed in between by its owner.
            pass
    return False


def close_connections(self: Any, skip_proto: Any, *reasons: Any) -> None:
    """Stands in for ProxyInstanceThread.close_connections: says goodbye to both sides and does not wait for them."""
    attached = getattr(self.client_protocol, "vdi_attached_to", None)
    if attached is not None and not getattr(self, "vdi_detached", False):
        self.vdi_detached = True
        record("detach", **attached, reason=", ".join(str(reason) for reason in reasons) or "ended")
    for proto in (self.client_protocol, self.server_protocol):
        if proto and proto != skip_proto and not proto.is_closed():
            _say_goodbye(self, proto, [str(getattr(each, "value", each)) for each in (compat.ConnectionMessage.SERVER_SHUTDOWN, *reasons)])

    def finish() -> bool:
        for proto in (self.client_protocol, self.server_protocol):
            if proto and not proto.is_closed():
                proto.close()
        for packets in (self.client_packets, self.server_packets):
            packets.put(_LAST_PACKET)
        for pressed in (self.client_packets, self.server_packets, getattr(self, "vdi_encode_queue", None)):
            if isinstance(pressed, Pressed):
                pressed.release()
        for waiting in getattr(self, "vdi_write_queues", ()):
            _empty(waiting)
        # Those that waited for room in a queue have it now, and give their lock back by themselves.
        self.timeout_add(CLOSE_MILLISECONDS, _unlock, getattr(self, "vdi_write_locks", ()))
        return False

    self.timeout_add(CLOSE_MILLISECONDS, finish)
    # Once more, for a thread that was between two steps at that moment.
    self.timeout_add(3 * CLOSE_MILLISECONDS, finish)


def _say_goodbye(self: Any, proto: Any, words: list[str]) -> None:
    # To a client like any other packet, and it hangs up when it has read it. Xpra closes as soon as the words are on their way: a browser
    # that is just sending something takes that for a line that broke, forgets what has come, and comes back.
    if proto is self.client_protocol and hasattr(self, "vdi_write_queues"):
        self.queue_client_packet(("disconnect", *words))
    else:
        proto.send_disconnect(words)


def process_client_packet(original: Callable[..., None], self: Any, proto: Any, packet: Any) -> None:
    """Stands in for ProxyInstance.process_client_packet."""
    kind = kind_of(packet)
    if kind in _BROKEN:
        self.stop(None, "the client said something that is not understood")
        return
    if kind == "hello":
        # Stock, each one that comes after the client was attached is two lines of log, and nothing else.
        self.vdi_late_hellos = getattr(self, "vdi_late_hellos", 0) + 1
        if self.vdi_late_hellos > 1:
            self.stop(None, "the client said hello again and again")
            return
    original(self, proto, packet)


def process_server_packet(original: Callable[..., None], self: Any, proto: Any, packet: Any) -> None:
    """Stands in for ProxyInstance.process_server_packet; the server is the session."""
    if kind_of(packet) in _BROKEN:
        # Stock, passed to the client, with all that was not understood.
        self.stop(None, "the desktop said something that is not understood")
        return
    original(self, proto, packet)


def get_proxy_info(_self: Any, _proto: Any) -> dict[str, Any]:
    """Stands in for ProxyInstance.get_proxy_info, which any session or attached client can have made."""
    # Stock, the names and stacks of all threads: other users' addresses, and a second of everybody's time.
    return {}


def filter_server_caps(original: Callable[..., Any], self: Any, caps: Any) -> Any:
    """Stands in for ProxyInstance.filter_server_caps, which is called with the session's hello on its way to the client."""
    self.vdi_greeted = True
    return original(self, caps)


def send_client_ping(self: Any) -> bool:
    """Stands in for ProxyInstance.send_client_ping."""
    # A client that gets a ping before the hello gives up. Stock, that is what a session gets whose hello takes five seconds.
    if not self.exit and not getattr(self, "vdi_greeted", False):
        return True
    return _ping(self, "client", self.client_protocol, self.queue_client_packet)


def send_server_ping(self: Any) -> bool:
    """Stands in for ProxyInstance.send_server_ping; the server is the session."""
    return _ping(self, "server", self.server_protocol, self.queue_server_packet)


def _ping(self: Any, side: str, proto: Any, send: Callable[[tuple[Any, ...]], None]) -> bool:
    # Stock, the time of a ping in seconds is compared with that of its answer in milliseconds, so that nobody is ever given up
    # who has answered once.
    if self.exit or proto is None or proto.is_closed():
        return False
    watch = getattr(self, f"vdi_{side}_watch", None)
    if watch is None:
        watch = Watch()
        setattr(self, f"vdi_{side}_watch", watch)
    silent = watch.silent_seconds(proto._conn.input_bytecount)
    if silent > the_door().settings.ping_seconds:
        log.info("the %s of %s has been silent for %i seconds and is given up", side, self, silent)
        # This very call is the timer that `stop` would take away.
        setattr(self, f"{side}_ping_timer", 0)
        self.stop(None, f"no answer from the {side} for {int(silent)} seconds")
        return False
    now = time.monotonic()
    setattr(self, f"{side}_last_ping", now)
    send(("ping", int(now * 1000), int(time.time() * 1000), self.uuid))
    return True
