# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a user is. Looked up by pam_helper.py (directory.py), never in the proxy's own process: a directory may be slow."""

from dataclasses import dataclass
from typing import Any


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


def user_from_json(value: dict[str, Any]) -> User:
    """What directory.py found. Raises KeyError, TypeError or ValueError for anything else."""
    texts = {name: str(value[name]) for name in ("name", "home", "shell", "gecos")}
    groups = tuple((str(group["name"]), int(group["gid"])) for group in value["groups"])
    return User(uid=int(value["uid"]), gid=int(value["gid"]), groups=groups, **texts)
