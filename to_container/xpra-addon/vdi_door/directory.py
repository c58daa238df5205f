# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a user is, by the system's own directory (passwd, group and shadow, whichever way NSS finds them).

Called in a process of pam_helper.py's: a directory over a network may take its time, and getgrouplist holds Python's lock meanwhile.
"""

import ctypes
import grp
import hashlib
import os
import pwd
from typing import Any

LONGEST_NAME = 256


class _Shadow(ctypes.Structure):
    # The first two of getspnam's nine fields.
    _fields_ = [("name", ctypes.c_char_p), ("password", ctypes.c_char_p)]


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _password_field(libc: ctypes.CDLL, name: str) -> bytes | None:
    """The password as the shadow file has it: hashed, or locked by a `!`. None for accounts that have none there (IDM, LDAP)."""
    libc.getspnam.restype = ctypes.POINTER(_Shadow)
    libc.getspnam.argtypes = [ctypes.c_char_p]
    found = libc.getspnam(name.encode("utf-8"))
    password: bytes | None = found.contents.password if found else None
    return password


def _find(name: str) -> pwd.struct_passwd | None:
    if not name or len(name) > LONGEST_NAME or "\0" in name:
        return None
    try:
        return pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        return None


def look_up(libc: ctypes.CDLL, name: str) -> dict[str, Any]:
    """`known`; `system` for root's, who may never have a session; `user`; `locked`; and `stamp`, which changes when the password does."""
    entry = _find(name)
    if entry is None:
        return {"known": False}
    if entry.pw_uid == 0 or entry.pw_gid == 0:
        return {"known": True, "system": True}
    gids = [entry.pw_gid] + [gid for gid in os.getgrouplist(entry.pw_name, entry.pw_gid) if gid != entry.pw_gid]
    password = _password_field(libc, entry.pw_name)
    return {
        "known": True,
        "locked": bool(password and password.startswith(b"!")),
        "stamp": hashlib.sha256(password).hexdigest() if password else "",
        "user": {
            "name": entry.pw_name,
            "uid": entry.pw_uid,
            "gid": entry.pw_gid,
            "home": entry.pw_dir,
            "shell": entry.pw_shell,
            "gecos": entry.pw_gecos,
            # A supplementary group 0 is left out rather than refused: it gives nothing that a session may have.
            "groups": [{"name": _group_name(gid), "gid": gid} for gid in gids if gid != 0],
        },
    }
