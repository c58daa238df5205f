# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a user is, by the system's own directory (passwd and group, whichever way NSS finds them)."""

import grp
import os
import pwd
from dataclasses import dataclass
from typing import Any


class NotAllowed(Exception):
    """The user exists but may not have a session; the message is for the user."""


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int
    home: str
    shell: str
    gecos: str
    groups: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The form in which the broker takes a user."""
        return {
            "name": self.name,
            "uid": self.uid,
            "gid": self.gid,
            "home": self.home,
            "shell": self.shell,
            "gecos": self.gecos,
            "groups": [{"name": name, "gid": gid} for name, gid in self.groups],
        }


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def find_user(name: str) -> User | None:
    """The user of that exact name, or None. Raises NotAllowed for root: nothing of the proxy's may ever run as it."""
    if not name or len(name) > 256 or "\0" in name:
        return None
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        return None
    if entry.pw_uid == 0 or entry.pw_gid == 0:
        raise NotAllowed("Accounts of the system cannot have a desktop here.")
    gids = [entry.pw_gid] + [gid for gid in os.getgrouplist(entry.pw_name, entry.pw_gid) if gid != entry.pw_gid]
    return User(
        name=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        home=entry.pw_dir,
        shell=entry.pw_shell,
        gecos=entry.pw_gecos,
        # A supplementary group 0 is left out rather than refused: it gives nothing that a session may have.
        groups=tuple((_group_name(gid), gid) for gid in gids if gid != 0),
    )
