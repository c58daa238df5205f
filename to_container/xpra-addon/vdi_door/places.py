# SPDX-License-Identifier: GPL-2.0-or-later
"""How many clients are let in, those included whose desktops are still being prepared."""

import threading
from typing import Protocol

FULL = "Too many people are working through this door at this moment. Please try again later."


# One name's share is a quarter of all places, and never less than this: a user's windows, and those of lost lines that are not known to be dead.
LEAST_SHARE = 16


class Connection(Protocol):
    def is_closed(self) -> bool: ...


class Places:
    """A place for each client, kept until its connection is closed: nobody has to give it back."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._taken: list[tuple[Connection, str]] = []

    def _has_room(self, user: str) -> bool:
        self._taken = [place for place in self._taken if not place[0].is_closed()]
        if not self.most:
            return True
        own = sum(name == user for _, name in self._taken)
        if len(self._taken) < self.most:
            return own < max(LEAST_SHARE, self.most // 4)
        # Somebody who comes back after a lost line: their old connection, not yet known to be dead, is about to make way.
        return own == 1

    def has_room(self, user: str) -> bool:
        """Whether this user could attach now."""
        with self._lock:
            return self._has_room(user)

    def take(self, connection: Connection, user: str) -> bool:
        """Whether there was a place left; always, when there is no limit."""
        with self._lock:
            if not self._has_room(user):
                return False
            self._taken.append((connection, user))
            return True
