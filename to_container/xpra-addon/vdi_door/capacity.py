# SPDX-License-Identifier: GPL-2.0-or-later
"""How many attached clients the container has room for: by its memory, its processes and its descriptors.

A proxy that runs out of any of them ends for everybody who is attached; one client more than there is room for is told so in words.
What one client takes was measured (doc/decisions/0080); here is what to reckon with, which is more.
"""

import resource
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1024 * 1024
# The proxy itself, and all the places of the PAM helper taken.
BASE_BYTES = 160 * MIB
# 0.4 MB while all is well; the rest is what may wait for a slow line (pressure.py).
CLIENT_BYTES = 4 * MIB
BASE_TASKS = 320
CLIENT_TASKS = 10
# Connections that are no attached clients: requests of pages, handshakes, attempts to sign in. A flood may have more of them: up to 512
# requests that are answered, as many that are waited for, as many desktops that are prepared, and 1,024 handshakes.
BASE_DESCRIPTORS = 800
CLIENT_DESCRIPTORS = 3

_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_TASKS = ("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
# Version 1 of control groups says "no limit" by a number near 2^63.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Limits:
    """What the container may use; None where there is no limit."""

    memory: int | None
    tasks: int | None
    descriptors: int | None


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _first(paths: tuple[str, ...], read: Callable[[str], str]) -> int | None:
    for path in paths:
        try:
            text = read(path).strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _NO_LIMIT:
            return int(text)
        return None
    return None


def container_limits(read: Callable[[str], str] = _read) -> Limits:
    """As the container's control group (version 2 or 1) has them."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(_first(_MEMORY, read), _first(_TASKS, read), None if soft == resource.RLIM_INFINITY else soft)


def room_for(limits: Limits) -> tuple[int, str]:
    """The most attached clients and what limits them; 0 when nothing does."""
    found = [
        (max(1, (limit - base) // each), f"{what} of {shown(limit)}")
        for what, limit, base, each, shown in (
            ("memory", limits.memory, BASE_BYTES, CLIENT_BYTES, lambda value: f"{value // MIB} MiB"),
            ("processes and threads", limits.tasks, BASE_TASKS, CLIENT_TASKS, str),
            ("descriptors", limits.descriptors, BASE_DESCRIPTORS, CLIENT_DESCRIPTORS, str),
        )
        if limit is not None
    ]
    return min(found) if found else (0, "")
