# SPDX-License-Identifier: GPL-2.0-or-later
"""Between authentication and Xpra's own hand-over: what does the client want, and where is its session?"""

import threading
import time
from collections.abc import Callable
from typing import Any

from vdi_door import compat
from vdi_door.authenticator import Authenticator
from vdi_door.broker import ClientGone
from vdi_door.door import the_door
from vdi_door.hello import asked_display, only_existing, other_than_attach, without_orders
from vdi_door.identity import User
from vdi_door.log import log
from vdi_door.peers import stay_alive
from vdi_door.places import FULL
from vdi_door.record import record
from vdi_door.session import NoSession, Wish, find_session, time_left

_once = threading.Lock()


class AttachCaps(compat.typedict):  # type: ignore[misc]
    """A hello that asks for no display by name: there is just one, ours. (6.5 clients send a dictionary by that name.)"""

    def strget(self, key: str, default: Any = None) -> Any:
        return "" if key == "display" else super().strget(key, default)


def _first_time(proto: Any) -> bool:
    # A client may send its hello again while its session is looked for; one connection gets one session.
    with _once:
        if getattr(proto, "vdi_attached", False):
            return False
        proto.vdi_attached = True
        return True


def _signed_in(proto: Any) -> tuple[Authenticator, User] | None:
    for authenticator in proto.authenticators:
        if isinstance(authenticator, Authenticator) and authenticator.user is not None:
            return authenticator, authenticator.user
    return None


def auth_verified(original: Callable[..., None], server: Any, proto: Any, caps: Any, auth_caps: Any) -> None:
    """Stands in for ServerCore.auth_verified: called after authentication, on this connection's own thread."""

    def refuse(words: str) -> None:
        compat.on_main_thread(server.send_disconnect, proto, words)

    if not _first_time(proto):
        refuse("This connection has been used already.")
        return
    found = _signed_in(proto)
    if found is None:
        log.error("Error: a connection passed authentication without our own module; check the proxy's options")
        refuse("Signing in does not work at this moment.")
        return
    authenticator, user = found

    def refused(outcome: str, words: str) -> None:
        record("attach", user=user.name, outcome=outcome, message=words)
        refuse(words)

    wish = other_than_attach(caps)
    if wish is not None:
        refused("not-possible", f"This door only lets you attach to your own desktop; {wish[:32]!r} is not possible here.")
        return
    door = the_door()
    if not door.places.take(proto, user.name):
        refused("full", FULL)
        return
    try:
        target, connection = find_session(
            door.broker,
            Wish(user, asked_display(caps), only_existing(caps)),
            time_left(door.settings.attach_seconds, time.monotonic() - authenticator.since),
            lambda: not proto.is_closed(),
        )
        stay_alive(connection, door.settings.socket_seconds)
    except NoSession as error:
        refused(error.outcome, str(error))
        return
    except ClientGone:
        record("attach", user=user.name, outcome="gone")
        return
    door.prepared.put(target, connection)
    authenticator.target = target
    # Found again by the instance, for its own line when it ends.
    proto.vdi_attached_to = {"user": user.name, "session": target.session or None}
    record("attach", **proto.vdi_attached_to, outcome="ok")
    hello = without_orders(caps, target.username)
    original(server, proto, AttachCaps(hello), auth_caps)
