# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets a client ask whether a session is shown elsewhere, without throwing anybody out.

A client that says `steal: false` wants to be refused when somebody is there. Xpra 6.5 puts the new client on its list first and
then looks whether the list is empty, so that it refuses everyone. Replaced is one name, when its module is loaded:

| name | why |
| --- | --- |
| xpra.server.subsystem.sharing.SharingServer.parse_hello | counts the others only, and refuses in words that all arrive |
"""

from typing import Any

MODULE = "xpra.server.subsystem.sharing"
# The page knows by these words that the session has really looked (web/src/xpra/loss.ts).
BUSY = "session busy, this session is shown elsewhere"


def others(server: Any, source: Any) -> list[Any]:
    """The clients that show the session, other than this one and the earlier connections of the same one."""
    clients = getattr(server, "server", server)._server_sources.values()
    return [each for each in clients if each is not source and each.requires_sharing() and not (source.uuid and each.uuid == source.uuid)]


def replace(module: Any) -> None:
    """Replaces the method in the loaded module."""
    original = module.SharingServer.parse_hello

    def parse_hello(self: Any, source: Any, caps: Any) -> Any:
        if not caps.boolget("steal", True):
            if others(self, source):
                return BUSY
            caps = type(caps)({**caps, "steal": True})
        # Xpra makes two reasons of what has a colon, and of these the proxy passes on the first: never that the session is locked.
        return (original(self, source, caps) or "").replace(":", ", ")

    module.SharingServer.parse_hello = parse_hello
