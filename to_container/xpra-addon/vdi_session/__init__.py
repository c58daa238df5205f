# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs inside a session's Xpra. Each module tells what of Xpra it replaces, and why."""

from vdi_session import pointer, sharing
from vdi_session.on_load import when_loaded


def install() -> None:
    """To be called before Xpra's program runs."""
    for part in (pointer, sharing):
        when_loaded(part.MODULE, part.replace)
