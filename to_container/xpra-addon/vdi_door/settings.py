# SPDX-License-Identifier: GPL-2.0-or-later
"""What the environment says, read once and checked at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


class SettingsError(Exception):
    """A setting that nothing can be started with; the message is for an admin."""


@dataclass(frozen=True)
class Settings:
    broker_socket: str
    ticket_key: str
    ticket_audience: str
    # A ticket's life, and how long it may be renewed before the user signs in again.
    ticket_seconds: int
    ticket_max_seconds: int
    # How long a client that waits for its session is kept before it is told why it waits; less after a slow PAM (session.time_left).
    attach_seconds: float
    pam_seconds: float
    # How long the other side of a connection may confirm nothing (TCP), and be silent although it is asked (Xpra).
    socket_seconds: int
    ping_seconds: int
    max_clients: int
    # Connections that have not signed in.
    max_connections: int
    max_http: int
    www: str
    limit_by_address: bool


def _number(environ: Mapping[str, str], name: str, default: int, lowest: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, which is not a number") from None
    if value < lowest:
        raise SettingsError(f"{name} is {value}, and must be at least {lowest}")
    return value


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings, or a SettingsError that names the variable."""
    return Settings(
        broker_socket=environ.get("VDI_BROKER_SOCKET", "/run/vdi/broker/broker.sock"),
        ticket_key=environ.get("VDI_TICKET_KEY", "/etc/xpra/ticket/key"),
        ticket_audience=environ.get("VDI_TICKET_AUDIENCE", "vdi"),
        ticket_seconds=_number(environ, "VDI_TICKET_SECONDS", 600, 10),
        ticket_max_seconds=_number(environ, "VDI_TICKET_MAX_SECONDS", 12 * 3600, 60),
        attach_seconds=float(_number(environ, "VDI_ATTACH_SECONDS", 25, 1)),
        pam_seconds=float(_number(environ, "VDI_PAM_SECONDS", 20, 1)),
        socket_seconds=_number(environ, "VDI_SOCKET_SECONDS", 180, 1),
        ping_seconds=_number(environ, "VDI_PING_SECONDS", 120, 1),
        max_clients=_number(environ, "XPRA_MAX_CLIENTS", 0, 0),
        max_connections=_number(environ, "XPRA_MAX_CONCURRENT_CONNECTIONS", 1024, 1),
        max_http=_number(environ, "VDI_MAX_HTTP_CONNECTIONS", 512, 1),
        www=environ.get("VDI_WWW", "/usr/lib/vdi/www"),
        limit_by_address=environ.get("VDI_LIMIT_BY_ADDRESS", "yes").lower() not in ("no", "off", "false", "0"),
    )
