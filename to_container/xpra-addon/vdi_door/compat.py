# SPDX-License-Identifier: GPL-2.0-or-later
"""Where this version of Xpra keeps what the door uses. The only file that knows of versions."""

import importlib
from typing import Any

from vdi_door.unsupported import Unsupported


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Unsupported(f"module {name}: {error}") from None


def first_module(*names: str) -> Any:
    """The first of these modules that exists."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A module that is there but misses something else is not the same as one that is not there.
            if error.name is None or not (name + ".").startswith(error.name + "."):
                raise Unsupported(f"module {name}: {error}") from None
    raise Unsupported("none of the modules " + ", ".join(names))


def need(owner: Any, name: str) -> Any:
    """An attribute that must be there."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise Unsupported(f"{getattr(owner, '__name__', owner)}.{name}") from None


# 5.1: xpra.server.proxy.proxy_server; 6.x: xpra.server.proxy.server.
proxy_server = first_module("xpra.server.proxy.proxy_server", "xpra.server.proxy.server")
proxy_instance = first_module("xpra.server.proxy.proxy_instance", "xpra.server.proxy.instance_base")
proxy_thread = first_module("xpra.server.proxy.proxy_instance_thread", "xpra.server.proxy.instance_thread")
# 5.1: xpra.server.auth.pam_auth is the module of "pam"; 6.x: xpra.auth.pam.
auth_base = first_module("xpra.server.auth.sys_auth_base", "xpra.auth.sys_auth_base")
# 5.1: xpra.server.server_core; 6.x: xpra.server.core.
server_core = first_module("xpra.server.server_core", "xpra.server.core")
# The handshake is imported by name at each connection, from here.
TLS_MODULE = first_module("xpra.net.tls.socket", "xpra.net.ssl_util", "xpra.net.socket_util")
# Up to 6.5 among the streams, later beside the handshake.
TLSConnection = need(TLS_MODULE if hasattr(TLS_MODULE, "SSLSocketConnection") else _import("xpra.net.bytestreams"), "SSLSocketConnection")
client_main = _import("xpra.scripts.main")
websocket_handler = first_module("xpra.net.websockets.handler")
socket_handler = _import("xpra.net.protocol.socket_handler")
SocketProtocol = need(socket_handler, "SocketProtocol")
websocket_protocol = _import("xpra.net.websockets.protocol")
WebSocketProtocol = need(websocket_protocol, "WebSocketProtocol")
packet_header = _import("xpra.net.protocol.header")
LZ4_FLAG, BROTLI_FLAG = need(packet_header, "LZ4_FLAG"), need(packet_header, "BROTLI_FLAG")
FLAGS_RENCODEPLUS, FLAGS_RENCODE, FLAGS_YAML = (need(packet_header, f"FLAGS_{name}") for name in ("RENCODEPLUS", "RENCODE", "YAML"))
InvalidPacketEncodingException = need(socket_handler, "InvalidPacketEncodingException")
typedict = need(first_module("xpra.util.objects", "xpra.util"), "typedict")
http_handler = need(websocket_handler, "WebSocketRequestHandler")
ProxyServer = need(proxy_server, "ProxyServer")
ProxyInstance = need(proxy_instance, "ProxyInstance")
ProxyInstanceThread = need(proxy_thread, "ProxyInstanceThread")
ConnectionMessage = need(proxy_instance, "ConnectionMessage")
SysAuthenticatorBase = need(auth_base, "SysAuthenticatorBase")

# 6.x gave up encoding in the proxy.
PROXY_ENCODES_VIDEO = proxy_instance.__name__.endswith(".proxy_instance")
# Where the proxy takes its signal handlers from.
SIGNALS_MODULE = "xpra.gtk_common.gobject_compat" if PROXY_ENCODES_VIDEO else "xpra.gtk.signals"
# Options of Xpra's command line that only one of the branches knows.
OPTIONS = ("--dbus-proxy=no", "--dbus-control=no", "--proxy-video-encoders=none") if PROXY_ENCODES_VIDEO else ("--dbus=no", "--control=no")
AUTH_MODULE = "xpra.server.auth.vdi_auth" if auth_base.__name__.startswith("xpra.server.") else "xpra.auth.vdi"


def listening_socket(arguments: Any) -> Any:
    """The socket among the arguments of add_listen_socket: 5.1 hands over its kind and the socket, 6.x an object that has it."""
    return arguments[1] if isinstance(arguments[0], str) else arguments[0].socket


def with_callback(arguments: Any, wrap: Any) -> list[Any]:
    """The arguments of add_listen_socket with its callback wrapped: the only one among them that can be called."""
    return [wrap(argument) if callable(argument) else argument for argument in arguments]


def on_main_thread(call: Any, *arguments: Any) -> None:
    """Has a function called on the main loop's thread, once."""
    from gi.repository import GLib

    def once() -> bool:
        call(*arguments)
        return False

    GLib.idle_add(once)
