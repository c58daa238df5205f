# SPDX-License-Identifier: GPL-2.0-or-later
"""Every name of Xpra that the door replaces. There are no others; no file of Xpra is changed.

| name | why |
| --- | --- |
| ProxyServer.auth_verified | a hello becomes an attach to the user's own session, found off the main thread, or is refused in words |
| ProxyServer.process_packet, ._process_hello, .verify_auth | before sign-in: internal packets from the network, threads that died and left it open |
| ProxyServer.do_make_protocol | so many silent connections, and nobody else was taken in for half a minute |
| ProxyServer.invalid_header | what looks like HTTP or RFB inside of a connection took it away from its protocol |
| SocketProtocol.con_read, ._read_parse_thread_loop; xpra.net.protocol.socket_handler.decompress | memory without an end before sign-in |
| xpra.net.protocol.socket_handler.decode | a small packet that ended the process: lists in each other, a length beyond the packet's end |
| SocketProtocol.__init__ | 20 messages of any size that were read and not taken apart |
| WebSocketProtocol.parse_ws_frame | a message without an end |
| xpra.net.websockets.protocol.first_time | kept a text for each connection that had sent one, for ever |
| proxy_server.get_username_for_uid, .get_groups, .make_defaults_struct | asked the directory on the main thread at every attach |
| xpra.scripts.main.retry_socket_connect | made on a worker thread before; the main thread never waits for a network |
| xpra.net.socket_util.ssl_handshake (6.x: xpra.net.tls.socket) | time for slow lines, a limit, no traceback for what is not TLS |
| SSLSocketConnection.__init__, .read, .write, .peek, .close; xpra.net.protocol.socket_handler.set_socket_timeout | closed under a thread that waits in TLS, which then reads the next connection's first bytes |
| xpra.server.server_core.log_new_connection (6.x: xpra.server.core) | three lines for each connection, the kubelet's probes included |
| xpra.server.server_core.add_listen_socket (6.x: xpra.server.core) | room for a burst: without it the sixth may wait for minutes; an error with one connection ends it alone |
| xpra.net.websockets.handler.WebSocketRequestHandler | the page, its interface and its headers |
| ProxyInstance.video_init (5.1) | video encoders that are never used here: an endless timer and 20 lines of log for each login |
| xpra.server.proxy.proxy_instance.Queue (6.x: instance_base) | no end to what waits for a slow client or session, in the memory of all |
| ProxyInstance.filter_server_caps | tells when the session has said hello: a client takes no ping before that |
| ProxyInstance.process_client_packet, .process_server_packet | passed on to the other side what could not be read, and had two lines of log for each later hello |
| ProxyInstance.get_proxy_info | told every client and session of all threads and addresses |
| ProxyInstance._packet_recompress | ended the connection at an empty piece, such as the window icons of 6.5 |
| ProxyInstance.send_client_ping, .send_server_ping | took seconds for milliseconds, and so gave up nobody who had answered once |
| ProxyInstanceThread.start_network_threads, .close_connections | slept on the main thread at every client's end, left threads behind, and kept each packet's type for ever |
| package xpra.gtk_common (6.x: xpra.gtk) | loads GTK when it is imported, and the proxy needs only its signal handlers: 100 MB less in the image |
| authentication module `vdi` (added) | PAM outside of the process, tickets |
"""

import copy
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from vdi_door import compat
from vdi_door.log import log
from vdi_door.record import Sparsely

# Connections that wait to be taken in.
BACKLOG = 1024


def _replace_auth_verified() -> None:
    from vdi_door import attach

    original = compat.need(compat.ProxyServer, "auth_verified")

    def auth_verified(self: Any, proto: Any, caps: Any, auth_caps: Any) -> None:
        attach.auth_verified(original, self, proto, caps, auth_caps)

    compat.ProxyServer.auth_verified = auth_verified


def _hang_up_on_nonsense() -> None:
    from vdi_door import strangers

    take_packet = compat.need(compat.ProxyServer, "process_packet")

    def process_packet(self: Any, proto: Any, packet: Any) -> None:
        strangers.process_packet(take_packet, self, proto, packet)

    compat.ProxyServer.process_packet = process_packet
    hello, verify = (compat.need(compat.ProxyServer, name) for name in ("_process_hello", "verify_auth"))

    def process_hello(self: Any, proto: Any, packet: Any) -> None:
        strangers.or_hung_up(hello, self, proto, packet)

    def verify_auth(self: Any, proto: Any, *said: Any) -> None:
        strangers.or_hung_up(verify, self, proto, *said)

    compat.need(compat.ProxyServer, "invalid_header")
    compat.ProxyServer.invalid_header = strangers.invalid_header
    compat.ProxyServer._process_hello = process_hello
    compat.ProxyServer.verify_auth = verify_auth
    _stand_in((compat.ProxyServer, "do_make_protocol", strangers.do_make_protocol))


def _bound_what_is_received() -> None:
    from vdi_door import bounds, decoding

    _stand_in(
        (compat.SocketProtocol, "__init__", bounds.prepare),
        (compat.SocketProtocol, "con_read", bounds.con_read),
        (compat.SocketProtocol, "_read_parse_thread_loop", bounds.read_parse_thread_loop),
        (compat.socket_handler, "decompress", bounds.decompress),
        (compat.socket_handler, "decode", decoding.decode),
        (compat.WebSocketProtocol, "parse_ws_frame", bounds.parse_ws_frame),
        (compat.websocket_protocol, "first_time", bounds.first_time),
    )


def _stand_in(*replacements: tuple[Any, str, Callable[..., Any]]) -> None:
    """Puts each function in the place of its owner's name; it is given the original first."""
    for owner, name, replacement in replacements:
        setattr(owner, name, _in_place_of(compat.need(owner, name), replacement))


def _in_place_of(original: Any, replacement: Any) -> Any:
    def replaced(*arguments: Any, **options: Any) -> Any:
        return replacement(original, *arguments, **options)

    return replaced


def _replace_connect() -> None:
    from vdi_door.door import the_door

    compat.need(compat.client_main, "retry_socket_connect")

    def retry_socket_connect(options: Any) -> Any:
        connection = the_door().prepared.take(options["host"], options["port"])
        if connection is None:
            raise OSError("no connection to the session was prepared")
        return connection

    compat.client_main.retry_socket_connect = retry_socket_connect


def _ask_no_directory() -> None:
    for name in ("get_username_for_uid", "get_groups"):
        compat.need(compat.proxy_server, name)
    original = compat.need(compat.proxy_server, "make_defaults_struct")
    defaults: list[Any] = []

    def get_username_for_uid(_uid: int) -> str:
        """Nothing: the hello that goes on to the session has the name already (hello.py)."""
        return ""

    def get_groups(_username: str) -> list[str]:
        return []

    def make_defaults_struct(**_user: Any) -> Any:
        # Read once, as root's own, of whom Xpra reads no files. A copy each: the session's address is written into it.
        if not defaults:
            defaults.append(original(uid=0, gid=0))
        return copy.copy(defaults[0])

    compat.proxy_server.get_username_for_uid = get_username_for_uid
    compat.proxy_server.get_groups = get_groups
    compat.proxy_server.make_defaults_struct = make_defaults_struct


def _replace_handshake() -> None:
    from vdi_door import handshake

    compat.need(compat.TLS_MODULE, "ssl_handshake")
    compat.TLS_MODULE.ssl_handshake = handshake.ssl_handshake


def _share_connections() -> None:
    from vdi_door import connection

    for name in ("read", "write"):
        compat.need(compat.TLSConnection, name)
        setattr(compat.TLSConnection, name, getattr(connection, name))
    _stand_in(
        (compat.TLSConnection, "__init__", connection.prepare),
        (compat.TLSConnection, "peek", connection.peek),
        (compat.TLSConnection, "close", connection.close),
        (compat.socket_handler, "set_socket_timeout", connection.set_timeout),
    )


def _never_failing(taken_in: Callable[..., Any]) -> Callable[..., Any]:
    """GLib takes an exception for "no more of these": nobody would get in any more. Such as when there is no thread left for a connection."""
    sparsely = Sparsely(10.0)

    def new_connection(*values: Any) -> Any:
        try:
            return taken_in(*values)
        except Exception as error:
            times = sparsely.times(type(error).__name__)
            if times:
                log.error("Error: %i new connections could not be taken in: %s", times, error)
            return True

    return new_connection


def _make_room_for_bursts() -> None:
    original = compat.need(compat.server_core, "add_listen_socket")

    def add_listen_socket(*arguments: Any) -> Any:
        added = original(*compat.with_callback(arguments, _never_failing))
        # Xpra has room for 5 that wait to be taken in. Of the next ones the kernel drops what completes the connection, and their
        # first words are sent again only after 6, 13, 26, 51 and 102 s. The kernel takes the smaller of this and net.core.somaxconn.
        compat.listening_socket(arguments).listen(BACKLOG)
        return added

    compat.server_core.add_listen_socket = add_listen_socket


def _be_quiet_about_connections() -> None:
    compat.need(compat.server_core, "log_new_connection")

    def log_new_connection(*_arguments: Any, **_options: Any) -> None:
        """Who comes in and what becomes of it has lines of its own: record.py."""

    compat.server_core.log_new_connection = log_new_connection


def _replace_http_handler() -> None:
    from vdi_door.http_door import DoorHandler

    compat.websocket_handler.WebSocketRequestHandler = DoorHandler


def _replace_in_instances() -> None:
    from vdi_door import instances
    from vdi_door.pressure import Pressed

    original = compat.need(compat.ProxyInstanceThread, "start_network_threads")
    compat.need(compat.ProxyInstanceThread, "close_connections")

    def start_network_threads(self: Any) -> None:
        instances.start_network_threads(original, self)

    compat.ProxyInstanceThread.start_network_threads = start_network_threads
    compat.ProxyInstanceThread.close_connections = instances.close_connections
    compat.need(compat.proxy_instance, "Queue")
    compat.proxy_instance.Queue = Pressed
    filter_server_caps = compat.need(compat.ProxyInstance, "filter_server_caps")

    def filter_caps_of_server(self: Any, caps: Any) -> Any:
        return instances.filter_server_caps(filter_server_caps, self, caps)

    compat.ProxyInstance.filter_server_caps = filter_caps_of_server
    recompress = compat.need(compat.ProxyInstance, "_packet_recompress")

    def packet_recompress(self: Any, packet: Any, index: int, name: str) -> Any:
        return instances.packet_recompress(recompress, self, packet, index, name)

    compat.ProxyInstance._packet_recompress = packet_recompress
    _stand_in(
        *((compat.ProxyInstance, name, getattr(instances, name)) for name in ("process_client_packet", "process_server_packet"))
    )
    for name in ("send_client_ping", "send_server_ping", "get_proxy_info"):
        compat.need(compat.ProxyInstance, name)
        setattr(compat.ProxyInstance, name, getattr(instances, name))
    if compat.PROXY_ENCODES_VIDEO:
        compat.need(compat.ProxyInstance, "video_init")
        compat.ProxyInstance.video_init = instances.video_init


def _add_auth_module() -> None:
    from vdi_door.authenticator import Authenticator

    module = ModuleType(compat.AUTH_MODULE)
    module.Authenticator = Authenticator  # type: ignore[attr-defined]
    sys.modules[compat.AUTH_MODULE] = module


def _leave_gtk_out() -> None:
    from vdi_door import signals

    package, _, name = compat.SIGNALS_MODULE.rpartition(".")
    parent = ModuleType(package)
    parent.__path__ = []
    setattr(parent, name, signals)
    sys.modules[package] = parent
    sys.modules[compat.SIGNALS_MODULE] = signals


def install() -> None:
    """Replaces them all, or raises Unsupported that names what this Xpra lacks."""
    _leave_gtk_out()
    _replace_auth_verified()
    _hang_up_on_nonsense()
    _bound_what_is_received()
    _replace_connect()
    _ask_no_directory()
    _replace_handshake()
    _share_connections()
    _make_room_for_bursts()
    _be_quiet_about_connections()
    _replace_http_handler()
    _replace_in_instances()
    _add_auth_module()
