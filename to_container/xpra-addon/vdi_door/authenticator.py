# SPDX-License-Identifier: GPL-2.0-or-later
"""Xpra's authentication module `vdi`: asks for the password (or a ticket) and has it checked outside of this process.

Xpra makes one for each connection and calls `authenticate` on that connection's own thread, so it may wait.
"""

import time
from typing import Any

from vdi_door import compat
from vdi_door.door import the_door
from vdi_door.identity import User
from vdi_door.limits import wait_to_refuse
from vdi_door.session import Target
from vdi_door.sign_in import Refused


class Authenticator(compat.SysAuthenticatorBase):  # type: ignore[misc]
    CLIENT_USERNAME = True

    def __init__(self, **kwargs: Any) -> None:
        self.service = str(kwargs.pop("service", "xpra"))
        remote = getattr(kwargs.get("connection"), "remote", None)
        self.address = str(remote[0]) if isinstance(remote, (tuple, list)) and remote else ""
        # Xpra would take the name of the process's own user for a client that names none.
        self.claimed = str((kwargs.get("remote") or {}).get("username") or "")
        super().__init__(**kwargs)
        self.tried = False
        # When the client sent its password: Xpra's time of the connection has the typing in it.
        self.since = time.monotonic()
        self.user: User | None = None
        self.target: Target | None = None

    def get_challenge(self, digests: Any) -> Any:
        # The password itself is needed for PAM; clients send it by `xor` over TLS only. Xpra hangs up for None.
        return super().get_challenge(("xor",)) if "xor" in digests else None

    def choose_salt_digest(self, digest_modes: Any) -> str:
        try:
            return str(super().choose_salt_digest(digest_modes))
        except (ValueError, AssertionError):
            # A client that knows none of ours. Xpra refuses this one in words.
            return "xor"

    def check_password(self, password: str) -> bool:
        if self.tried:
            return False
        self.tried = True
        self.since = time.monotonic()
        try:
            entry = the_door().sign_in.with_secret(self.service, self.claimed, password, self.address)
        except Refused as refused:
            # Xpra's own second comes after this, and hides nothing.
            wait_to_refuse(refused.code, self.since)
            # Xpra tells the client only that it failed; the log has its line.
            return False
        self.user = entry.user
        return True

    def get_uid(self) -> int:
        if self.user is None:
            raise RuntimeError("nobody is signed in")
        return self.user.uid

    def get_gid(self) -> int:
        if self.user is None:
            raise RuntimeError("nobody is signed in")
        return self.user.gid

    def get_sessions(self) -> Any:
        """Answered from memory: the session was found before Xpra's main thread was asked for anything.

        The session's password goes by the options and never by the display's name, because Xpra prints names.
        """
        if self.user is None or self.target is None:
            return None
        return self.user.uid, self.user.gid, [self.target.display()], {}, {"password": self.target.password}

    def __repr__(self) -> str:
        return "vdi"
